"""Look at runs that are written down in a journal, decide about them and go on with them."""

from __future__ import annotations

import argparse
import json
import os
import time
from typing import TYPE_CHECKING, Any

from ..exceptions import UserError
from ..memory import SQLiteSession
from ..run import RunConfig, Runner
from ..shown import in_few_words
from ..viewer.text import plain
from .actions import Action
from .agent_options import chosen_server
from .answer import write_output
from .approval import CallsWait
from .find_agent import WrongUsage, find_agent, find_context
from .terminal import write_list

if TYPE_CHECKING:
    from ..journal import Journal, StoredRun


def _add_journal(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--db", metavar="PLACE", help="an SQLite file, or the URL of a database or of Redis"
    )


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_id", metavar="ID", help="a run, as `runs list` names it")
    _add_journal(parser)


def _add_call(parser: argparse.ArgumentParser) -> None:
    _add_run(parser)
    parser.add_argument(
        "call_id", metavar="CALL", help="a call that waits, as `runs list` names it"
    )


def _add_list_arguments(parser: argparse.ArgumentParser) -> None:
    _add_journal(parser)
    parser.add_argument(
        "--status",
        help="only those that are working, paused, failed, stopped, finished, unfinished",
    )
    parser.add_argument("--limit", metavar="N", type=int, default=50, help="how many (%(default)s)")


def _add_resume_arguments(parser: argparse.ArgumentParser) -> None:
    _add_run(parser)
    add = parser.add_argument
    add(
        "--agent", metavar="MODULE:AGENT", required=True,
        help="the agent that began it, or a function that gives it",
    )  # fmt: skip
    add("--context", metavar="MODULE:NAME", help="its context, or a function that gives it")
    add("--session", metavar="FILE", help="the file of its conversation")
    add("--session-id", metavar="ID", default="default", help="one of several conversations there")
    add("--offline", action="store_true", help="let a stand-in on this machine answer, by rules")


def _add_reject_arguments(parser: argparse.ArgumentParser) -> None:
    _add_call(parser)
    parser.add_argument("--message", metavar="WORDS", help="what the model is told")


def _add_answer_arguments(parser: argparse.ArgumentParser) -> None:
    _add_call(parser)
    add = parser.add_argument
    add("--fields", metavar="JSON", help='the fields of the form, as {"name": "Ada"}')
    add("--question", metavar="NAME", help="which of several, as `runs show` names them")


def _add_forget_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_id", nargs="?", metavar="ID", help="this run")
    _add_journal(parser)
    parser.add_argument(
        "--older-than", type=float, metavar="DAYS", help="those that ended so long ago (0: all)"
    )
    parser.add_argument(
        "--unfinished", action="store_true", help="those that are not finished, too"
    )


def open_journal(place: str | None) -> Journal:
    """The journal in an SQLite file, or at the URL of a database or of Redis.

    Raises:
        UserError: There is none.
    """
    if not place:
        raise UserError("Where are the runs? Name their journal: --db FILE, or --db URL")
    if place.startswith(("redis:", "rediss:")):
        from ..extensions.journal import RedisJournal

        return RedisJournal.from_url(place)
    if "://" in place:
        from ..extensions.journal import SQLAlchemyJournal

        return SQLAlchemyJournal(url=place)
    if not os.path.isfile(place):
        raise UserError(f"There is no journal at {place}; a run with SQLiteJournal makes one")
    from ..journal import SQLiteJournal

    return SQLiteJournal(place)


def _line(run: StoredRun) -> str:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.changed_at))
    words = [f"waits: {call.tool_name}({call.arguments}), {call.call_id}" for call in run.waiting]
    words += [each for each in (run.holder, run.error) if each]
    first = f"{when}  {run.status:<8}  {plain(run.run_id)}  ({plain(run.agent_name)})"
    return "  ".join([first, *map(plain, words)])


def _list(options: argparse.Namespace) -> None:
    runs = open_journal(options.db).runs(options.status, options.limit)
    write_list(f"{'CHANGED':<19}  {'STATUS':<8}  RUN  (AGENT)", map(_line, runs))


def _show(options: argparse.Namespace) -> None:
    journal = open_journal(options.db)
    facts, run = journal.facts(options.run_id), journal.run(options.run_id)
    print(_line(run))
    if run.trace_id is not None:
        print(f"trace {run.trace_id}")
    for fact in facts:
        indent = "  " * (1 + len(fact.get("in", ())))
        print(indent + plain(_told(fact)))


def _told(fact: dict[str, Any]) -> str:
    kind = str(fact["type"]).replace("_", " ")
    match fact["type"]:
        case "started":
            return f"{kind}: {in_few_words(fact['given'])}"
        case "answered":
            said = [_said(item) for item in fact["output"]]
            return f"turn {fact['turn']}: {'; '.join(said)}"
        case "called":
            return f"{kind} {fact['call_id']}: {in_few_words(fact['raw'].get('output'))}"
        case "finished":
            return f"{kind}: {in_few_words(fact.get('output'))}" if "output" in fact else kind
        case "failed":
            return f"{kind}: {fact['error']}: {in_few_words(fact['message'])}"
        case "decided":
            return f"{kind} {fact['call_id']}: {fact['verdict']}"
        case "asked" if fact.get("questions"):
            asked = [f"{name}: {_asked(each)}" for name, each in fact["questions"].items()]
            return f"{kind} {fact['call_id']}: {'; '.join(asked)}"
    return f"{kind} {fact['call_id']}" if "call_id" in fact else kind


def _asked(question: dict[str, Any]) -> str:
    from ..mcp.schemas import properties_in

    fields = ", ".join(properties_in(question.get("requested_schema")))
    return in_few_words(f"{question['message']} ({question.get('url') or fields})")


def _said(item: dict[str, Any]) -> str:
    if "arguments" in item:
        return f"{item.get('name')}({in_few_words(item['arguments'])}), {item.get('call_id')}"
    if item.get("type") != "message":
        return str(item.get("type"))
    return in_few_words("".join(part.get("text") or "" for part in item.get("content") or ()))


def _resume(options: argparse.Namespace) -> None:
    journal = open_journal(options.db)
    config = RunConfig(
        journal=journal, run_id=options.run_id, workflow_name=f"agents-lite {options.command}"
    )
    agent = find_agent(options.agent)
    facts = journal.facts(options.run_id)
    if not facts:
        raise UserError(f"Nothing of run {options.run_id!r} is written yet")
    given = facts[0]["given"]
    context = find_context(options.context) if options.context else None
    session = SQLiteSession(options.session_id, options.session) if options.session else None
    with chosen_server(options):
        result = Runner.run_sync(agent, given, context=context, session=session, run_config=config)
    if result.is_paused:
        for item in result.interruptions:
            print(plain(f"waits: {item.tool_name}({item.arguments}), {item.call_id}"))
        raise CallsWait(
            "Decide by `agents-lite runs approve`, `reject` or `answer`, then resume the run"
        )
    write_output(result.final_output)


def _approve(options: argparse.Namespace) -> None:
    open_journal(options.db).approve(options.run_id, options.call_id)


def _reject(options: argparse.Namespace) -> None:
    open_journal(options.db).reject(options.run_id, options.call_id, options.message)


def _answer(options: argparse.Namespace) -> None:
    try:
        fields = None if options.fields is None else json.loads(options.fields)
    except ValueError as error:
        raise WrongUsage(f"--fields is no JSON: {error}") from error
    journal = open_journal(options.db)
    journal.provide_input(options.run_id, options.call_id, fields, options.question)


def _forget(options: argparse.Namespace) -> None:
    journal = open_journal(options.db)
    if options.run_id is None and options.older_than is None:
        raise WrongUsage("which runs? An ID, or --older-than DAYS (0: all)")
    seconds = 86_400 * (options.older_than or 0)
    count = journal.forget(options.run_id, older_than=seconds, unfinished=options.unfinished)
    print(f"{count} forgotten")


ACTIONS = {
    "list": Action("List runs, a line each.", _add_list_arguments, _list),
    "show": Action("Show what a run has done, and what it waits for.", _add_run, _show),
    "resume": Action("Go on with a run.", _add_resume_arguments, _resume),
    "approve": Action(
        "Let a call that waits be made when its run is resumed.", _add_call, _approve
    ),
    "reject": Action(
        "Have the model told that a call that waits was not made.", _add_reject_arguments, _reject
    ),
    "answer": Action(
        "Answer what a server asks in the middle of a call.", _add_answer_arguments, _answer
    ),
    "forget": Action("Delete runs that are finished.", _add_forget_arguments, _forget),
}
"""What can be done with runs."""
