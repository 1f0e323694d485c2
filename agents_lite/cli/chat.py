"""Talk with an agent: Ctrl-C stops an answer, Ctrl-D leaves, /help tells more."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import uuid4

from ..agent import Agent
from ..memory import SQLiteSession
from ..result import RunResultStreaming
from ..run import Runner, RunOptions
from ..running.run_state import RunState
from ..stream_events import AgentUpdatedStreamEvent, RunItemStreamEvent
from ..usage import Usage
from ..viewer.text import plain
from .agent_options import add_agent_options, choose_agent, chosen_server, run_config
from .answer import write_answer
from .approval import decided_state
from .chat_commands import Leave, obey
from .errors import describe_error, is_of_output
from .markdown import can_show_markdown
from .messages import message_reader
from .show import describe_item
from .terminal import paint

_NOTED = ("tool_called", "tool_output", "handoff_occured")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument(
        "place", nargs="?", metavar="MODULE:AGENT", help="an agent in a module, or in a FILE.py"
    )
    add_agent_options(parser)


class Chat:
    """A conversation at the terminal.

    Attributes:
        agent: Takes the next message: the one that answered last.
        first_agent: Takes the first message of a conversation.
        session: Holds the conversation.
        usage: What all its answers have used, those that were taken back too.
    """

    def __init__(
        self, agent: Agent[Any], session: SQLiteSession, run_options: RunOptions[Any]
    ) -> None:
        self.agent = self.first_agent = agent
        self.session = session
        self.usage = Usage()
        self._run_options = run_options
        self._markdown = can_show_markdown()

    def answer(self, message: str) -> None:
        """Write the answer to a message.

        After an error or Ctrl-C the conversation goes on from where it was before the message.
        """
        start: str | RunState = message
        noticed: list[Any] = []
        run: RunResultStreaming | None = None
        try:
            while True:
                run = Runner.run_streamed(self.agent, start, **self._run_options)
                write_answer(run, lambda event: _write_notice(event, noticed), self._markdown)
                if not run.interruptions:
                    self.agent = run.last_agent
                    break
                start = decided_state(run)
        except KeyboardInterrupt:
            print(paint("(stopped)", "dim"))
        except Exception as error:  # the user's own code may raise anything
            if is_of_output(error):
                raise
            print(f"error: {describe_error(error)}", file=sys.stderr)
        if run is not None:
            self.usage.add(run.usage)


def execute(options: argparse.Namespace) -> None:
    """Answer message by message, until the input ends; the agent that answered last stays."""
    session = SQLiteSession(options.session_id, options.session or ":memory:")
    config = run_config(options)
    config = replace(config, group_id=config.group_id or f"chat {uuid4().hex}")
    run_options = RunOptions[Any](session=session, run_config=config)
    is_terminal = sys.stdin.isatty()
    with chosen_server(options), suppress(Leave):
        chat = Chat(choose_agent(options), session, run_options)
        if is_terminal:
            name, keys = plain(chat.agent.name), __doc__.partition(": ")[2]
            print(paint(f"{name} is listening. {keys}", "dim"))
        read_message = message_reader()
        while (message := read_message()) is not None:
            if is_terminal and message.startswith("/"):
                obey(chat, message)
            elif message.strip():
                chat.answer(message)


def _write_notice(event: RunItemStreamEvent | AgentUpdatedStreamEvent, noticed: list[Any]) -> None:
    """Write a line about an item, unless there is one: a run that goes on announces them again."""
    if not isinstance(event, RunItemStreamEvent) or event.name not in _NOTED:
        return
    if event.item.raw_item not in noticed:
        noticed.append(event.item.raw_item)
        print(paint(f"  {event.name}: {describe_item(event.item)}", "dim"))
