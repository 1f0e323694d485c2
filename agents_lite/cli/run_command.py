"""Ask an agent once and print its final output."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from ..agent import Agent
from ..exceptions import UserError
from ..memory import SQLiteSession
from ..result import RunResultBase
from ..run import Runner, RunOptions
from ..running.run_state import RunState
from ..viewer.text import escaped
from .agent_options import add_agent_options, choose_agent, chosen_server, run_config
from .answer import write_answer, write_output
from .approval import decided_state
from .terminal import tell
from .usage import usage_lines


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument(
        "place", nargs="?", metavar="MODULE:AGENT", help="an agent in a module, or in a FILE.py"
    )
    parser.add_argument("prompt", metavar="PROMPT", help="what to ask; - takes standard input")
    parser.add_argument("--stream", action="store_true", help="print the answer as it comes in")
    parser.add_argument(
        "--usage", action="store_true", help="tell tokens and cost on standard error"
    )
    add_agent_options(parser)


def execute(options: argparse.Namespace) -> None:
    """Ask, and print the final output; about calls that wait, ask the person at the terminal."""
    prompt = sys.stdin.read() if options.prompt == "-" else options.prompt
    if not prompt.strip():
        raise UserError("The prompt is empty")
    session = SQLiteSession(options.session_id, options.session) if options.session else None
    run_options = RunOptions(session=session, run_config=run_config(options))
    with chosen_server(options):
        agent = choose_agent(options)
        run = _answer(agent, prompt, run_options, options.stream)
        while run.interruptions:
            run = _answer(agent, decided_state(run), run_options, options.stream)
    if options.usage:
        for line in usage_lines(run):
            tell(escaped(line))


def _answer(
    agent: Agent[Any], start: str | RunState, run_options: RunOptions, stream: bool
) -> RunResultBase:
    """Run and print the answer, up to its end or to a call that waits."""
    if stream:
        streamed = Runner.run_streamed(agent, start, **run_options)
        write_answer(streamed)
        return streamed
    run = Runner.run_sync(agent, start, **run_options)
    if not run.is_paused:
        write_output(run.final_output)
    return run
