"""Ask an agent once and print its final output."""

from __future__ import annotations

import argparse
import os
import stat
import sys
from typing import Any

from ..agent import Agent
from ..exceptions import UserError
from ..memory import SQLiteSession
from ..prices import known_cost
from ..result import RunResultBase
from ..run import Runner, RunOptions
from ..running.run_state import RunState
from ..shown import escaped
from .agent_options import add_agent_options, choose_agent, chosen_server, run_config
from .answer import write_answer, write_output, written_json
from .approval import decided_state
from .find_agent import WrongUsage, names_agent
from .schema_output import SchemaOutput
from .terminal import read_line, tell
from .usage import usage_lines


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument(
        "words",
        nargs="*",
        metavar="[MODULE:AGENT] PROMPT",
        help="an agent in a module, or in a FILE.py; and what to ask. Standard input stands behind "
        "the prompt; without a prompt it is the prompt, or asked for at the terminal",
    )
    parser.add_argument("--stream", action="store_true", help="print the answer as it comes in")
    parser.add_argument(
        "--json", action="store_true", help="print output, usage, cost and agent as JSON"
    )
    parser.add_argument(
        "--schema", metavar="FILE", help="a JSON schema that the final output has to fit"
    )
    parser.add_argument(
        "--usage", action="store_true", help="tell tokens and cost on standard error"
    )
    add_agent_options(parser)


def execute(options: argparse.Namespace) -> None:
    """Ask, and print the final output; about calls that wait, ask the person at the terminal."""
    options.place, prompt = _place_and_prompt(options.words, options.agent)
    session = SQLiteSession(options.session_id, options.session) if options.session else None
    run_options = RunOptions(session=session, run_config=run_config(options))
    with chosen_server(options):
        agent = choose_agent(options)
        if options.schema:
            agent = agent.clone(output_type=SchemaOutput(options.schema))
        how = options.stream and not options.json
        run = _run(agent, prompt, run_options, how)
        while run.interruptions:
            run = _run(agent, decided_state(run), run_options, how)
    if options.json:
        print(written_json(_as_json(run)))
    elif not options.stream:
        write_output(run.final_output)
    if options.usage:
        for line in usage_lines(run):
            tell(escaped(line))


def _place_and_prompt(words: list[str], agent: str | None) -> tuple[str | None, str]:
    """The agent's place, if one is named, and what to ask.

    Raises:
        UserError: The prompt is empty.
        WrongUsage: There is none, or there are too many words.
    """
    if len(words) > 2:
        raise WrongUsage("more than an agent and a prompt: put the prompt in quotation marks")
    place = words[0] if len(words) == 2 or (words and not agent and names_agent(words[0])) else None
    prompt = "".join(words[place is not None :])
    parts = [prompt if prompt != "-" else "", _piped() if prompt != "-" else sys.stdin.read()]
    if not any(parts) and sys.stdin is not None and sys.stdin.isatty():
        parts = [read_line("> ")]
    asked = "\n\n".join(part for part in parts if part.strip())
    if not asked:
        raise UserError("The prompt is empty") if words else WrongUsage("there is nothing to ask")
    return place, asked


def _piped() -> str:
    """What a pipe or a file gives as standard input; "" where it is none."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (AttributeError, OSError, ValueError):  # it is closed, or stands for something else
        return ""
    return sys.stdin.read() if stat.S_ISFIFO(mode) or stat.S_ISREG(mode) else ""


def _run(
    agent: Agent[Any], start: str | RunState, run_options: RunOptions, stream: bool
) -> RunResultBase:
    """Run up to its end or to a call that waits; a stream is written as it comes in."""
    if not stream:
        return Runner.run_sync(agent, start, **run_options)
    streamed = Runner.run_streamed(agent, start, **run_options)
    write_answer(streamed)
    return streamed


def _as_json(run: RunResultBase) -> dict[str, Any]:
    return {
        "output": run.final_output,
        "agent": run.last_agent.name,
        "usage": run.usage.model_dump(exclude={"request_usage_entries"}),
        "cost": known_cost(run.usage),
    }
