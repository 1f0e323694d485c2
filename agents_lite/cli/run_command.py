"""Ask an agent once and print its final output."""

from __future__ import annotations

import argparse
import sys

from ..exceptions import UserError
from ..memory import SQLiteSession
from ..run import Runner, RunOptions
from .agent_options import add_agent_options, choose_agent, chosen_server, run_config
from .answer import write_answer, write_output


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument(
        "place", nargs="?", metavar="MODULE:AGENT", help="an agent in a module, or in a FILE.py"
    )
    parser.add_argument("prompt", metavar="PROMPT", help="what to ask; - takes standard input")
    parser.add_argument("--stream", action="store_true", help="print the answer as it comes in")
    add_agent_options(parser)


def execute(options: argparse.Namespace) -> None:
    """Ask, and print the final output."""
    prompt = sys.stdin.read() if options.prompt == "-" else options.prompt
    if not prompt.strip():
        raise UserError("The prompt is empty")
    session = SQLiteSession(options.session_id, options.session) if options.session else None
    run_options = RunOptions(session=session, run_config=run_config(options))
    with chosen_server(options):
        agent = choose_agent(options)
        if options.stream:
            write_answer(Runner.run_streamed(agent, prompt, **run_options))
        else:
            write_output(Runner.run_sync(agent, prompt, **run_options).final_output)
