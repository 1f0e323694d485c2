"""Look at runs that are written down in a journal, decide about them and go on with them."""

from __future__ import annotations

import argparse
import os
import time
from typing import TYPE_CHECKING, Any

from ..exceptions import UserError
from ..memory import SQLiteSession
from ..run import RunConfig, Runner
from ..viewer.text import plain
from .actions import add_actions
from .agent_options import chosen_server
from .answer import write_output
from .approval import CallsWait
from .find_agent import find_agent, find_context

if TYPE_CHECKING:
    from ..journal import Journal, StoredRun

_ACTIONS = {
    "list": "runs, a line each; with --status only some",
    "show": "what a run has done, and what it waits for",
    "resume": "go on with a run (--agent MODULE:AGENT; with the --session and --context it had)",
    "approve": "let a call that waits be made: approve ID CALL",
    "reject": "have the model told that it was not: reject ID CALL [--message WORDS]",
    "forget": "forget a finished run, or those --older-than DAYS; with --unfinished any",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    add_actions(parser, _ACTIONS)
    add = parser.add_argument
    add("run_id", nargs="?", metavar="ID", help="a run")
    add("call_id", nargs="?", metavar="CALL", help="approve, reject: a call that waits")
    add("--db", metavar="PLACE", help="an SQLite file, or the URL of a database or of Redis")
    add("--agent", metavar="MODULE:AGENT", help="resume: its agent, or a function that gives it")
    add("--context", metavar="MODULE:NAME", help="resume: its context, or a function that gives it")
    add("--session", metavar="FILE", help="resume: the file of its conversation")
    add("--session-id", metavar="ID", default="default", help="one of several conversations there")
    add("--message", metavar="WORDS", help="reject: what the model is told")
    add("--status", help="list: working, paused, failed, stopped, finished, or unfinished")
    add("--limit", type=int, default=50, help="list: how many (%(default)s)")
    add("--older-than", type=float, metavar="DAYS", help="forget: those that ended so long ago")
    add("--unfinished", action="store_true", help="forget: those that are not finished, too")
    add("--offline", action="store_true", help="let a stand-in on this machine answer, by rules")


def execute(options: argparse.Namespace) -> None:
    """Do what the action says."""
    journal = open_journal(options.db)
    if options.action == "list":
        for run in journal.runs(options.status, options.limit):
            print(_line(run))
    elif options.action == "forget":
        _forget(journal, options)
    elif options.run_id is None:
        raise UserError(f"Which run? `agents-lite runs {options.action} ID`, see `runs list`")
    elif options.action == "show":
        _show(journal, options.run_id)
    elif options.action == "resume":
        _resume(journal, options)
    elif options.call_id is None:
        raise UserError(f"Which call? `agents-lite runs show {options.run_id}` names those waiting")
    elif options.action == "approve":
        journal.approve(options.run_id, options.call_id)
    else:
        journal.reject(options.run_id, options.call_id, options.message)


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


def _show(journal: Journal, run_id: str) -> None:
    facts, run = journal.facts(run_id), journal.run(run_id)
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
            return f"{kind}: {_clip(fact['given'])}"
        case "answered":
            said = [_said(item) for item in fact["output"]]
            return f"turn {fact['turn']}: {'; '.join(said)}"
        case "called":
            return f"{kind} {fact['call_id']}: {_clip(fact['raw'].get('output'))}"
        case "finished":
            return f"{kind}: {_clip(fact.get('output'))}" if "output" in fact else kind
        case "failed":
            return f"{kind}: {fact['error']}: {_clip(fact['message'])}"
        case "decided":
            return f"{kind} {fact['call_id']}: {fact['verdict']}"
    return f"{kind} {fact['call_id']}" if "call_id" in fact else kind


def _said(item: dict[str, Any]) -> str:
    if "arguments" in item:
        return f"{item.get('name')}({_clip(item['arguments'])}), {item.get('call_id')}"
    if item.get("type") != "message":
        return str(item.get("type"))
    return _clip("".join(part.get("text") or "" for part in item.get("content") or ()))


def _clip(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 80 else f"{text[:79]}…"


def _resume(journal: Journal, options: argparse.Namespace) -> None:
    if not options.agent:
        raise UserError("Which agent began it? --agent MODULE:AGENT")
    config = RunConfig(journal=journal, run_id=options.run_id, workflow_name="agents-lite runs")
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
        raise CallsWait("Decide by `agents-lite runs approve` or `reject`, then resume the run")
    write_output(result.final_output)


def _forget(journal: Journal, options: argparse.Namespace) -> None:
    if options.run_id is None and options.older_than is None:
        raise UserError("Which runs? An ID, or --older-than DAYS (0: all)")
    seconds = 86_400 * (options.older_than or 0)
    count = journal.forget(options.run_id, older_than=seconds, unfinished=options.unfinished)
    print(f"{count} forgotten")
