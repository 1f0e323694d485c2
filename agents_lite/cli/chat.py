"""Talk with an agent: Ctrl-C stops an answer, Ctrl-D leaves."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import uuid4

from ..agent import Agent
from ..exceptions import AgentsException
from ..memory import SQLiteSession
from ..run import Runner, RunOptions
from ..running.run_state import RunState
from ..stream_events import AgentUpdatedStreamEvent, RunItemStreamEvent
from ..viewer.text import plain
from .agent_options import add_agent_options, choose_agent, chosen_server, run_config
from .answer import write_answer
from .approval import decided_state
from .show import describe_item
from .terminal import paint, read_line

_NOTED = ("tool_called", "tool_output", "handoff_occured")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument(
        "place", nargs="?", metavar="MODULE:AGENT", help="an agent in a module, or in a FILE.py"
    )
    add_agent_options(parser)


def execute(options: argparse.Namespace) -> None:
    """Answer line by line, until the input ends; the agent that answered last stays."""
    with suppress(ImportError):  # not on every system
        import readline  # noqa: F401 - lets `input` edit lines and remember them

    session = SQLiteSession(options.session_id, options.session or ":memory:")
    config = replace(run_config(options), group_id=_group(options))
    run_options = RunOptions(session=session, run_config=config)
    with chosen_server(options):
        agent = choose_agent(options)
        if sys.stdin.isatty():
            print(paint(f"{agent.name} is listening. {__doc__.partition(': ')[2]}", "dim"))
        while (message := _read_message()) is not None:
            if message.strip():
                agent = _answer(agent, message, run_options)


def _group(options: argparse.Namespace) -> str:
    """What links the traces of the conversation."""
    if options.session is None:
        return f"chat {uuid4().hex}"
    return f"{options.session_id} in {os.path.abspath(options.session)}"


def _read_message() -> str | None:
    """The next line of input, or None when there is none left."""
    try:
        return read_line("> " if sys.stdin.isatty() else "")
    except KeyboardInterrupt:
        print()
        return ""
    except EOFError:
        return None


def _answer(agent: Agent[Any], message: str, run_options: RunOptions) -> Agent[Any]:
    """Write the answer to a message; returns the agent to take the next one.

    After an error or Ctrl-C the conversation goes on from where it was before the message.
    """
    start: str | RunState = message
    noticed: list[Any] = []
    try:
        while True:
            run = Runner.run_streamed(agent, start, **run_options)
            write_answer(run, lambda event: _write_notice(event, noticed))
            if not run.interruptions:
                return run.last_agent
            start = decided_state(run)
    except KeyboardInterrupt:
        print(paint("(stopped)", "dim"))
    except AgentsException as error:
        print(plain(f"error: {error}"), file=sys.stderr)
    return agent


def _write_notice(event: RunItemStreamEvent | AgentUpdatedStreamEvent, noticed: list[Any]) -> None:
    """Write a line about an item, unless there is one: a run that goes on announces them again."""
    if not isinstance(event, RunItemStreamEvent) or event.name not in _NOTED:
        return
    if event.item.raw_item not in noticed:
        noticed.append(event.item.raw_item)
        print(paint(f"  {event.name}: {describe_item(event.item)}", "dim"))
