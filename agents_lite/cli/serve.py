"""Chat with an agent in the browser, and watch its runs."""

from __future__ import annotations

import argparse
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from .agent_options import (
    add_agent_options,
    choose_agent,
    chosen_server,
    conversation_group,
    run_config,
)

if TYPE_CHECKING:
    from ..tracing import TraceStore


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument(
        "place", nargs="?", metavar="MODULE:AGENT", help="an agent in a module, or in a FILE.py"
    )
    add_agent_options(parser)
    parser.add_argument("--port", metavar="N", type=int, default=0, help="the port (any free one)")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="the address to listen at, for other machines 0.0.0.0: they need a token "
        "(%(default)s, this machine only)",
    )
    parser.epilog = (
        "With --session conversations are kept in that file, and their runs beside them; without, "
        "until the end. --trace or AGENTS_LITE_TRACE_DB name another file for runs."
    )


def execute(options: argparse.Namespace) -> None:
    """Serve until Ctrl-C."""
    from ..chat_page.conversations import Conversations
    from ..chat_page.server import AgentChat, serve_chat
    from ..testing.offline import NOTICE

    chosen = options.trace or os.environ.get("AGENTS_LITE_TRACE_DB")
    with chosen_server(options), _kept_in(options.session, chosen) as path:
        agent = choose_agent(options)
        chat = AgentChat(
            agent,
            Conversations(path),
            _traces(path, chosen),
            replace(run_config(options), workflow_name=agent.name),
            first=options.session_id,
            notice=NOTICE if options.offline else "",
            group_of=lambda name: conversation_group(name, path),
        )
        server = serve_chat(chat, host=options.host, port=options.port)
        print(f"{agent.name} is at {_as_others_see(server.url)} until Ctrl-C", flush=True)
        try:
            while True:  # in short waits: a Ctrl-C just before one of them is noticed at its end
                time.sleep(0.5)
        finally:
            server.close()


def _as_others_see(url: str) -> str:
    """The address with this machine's own in the place of one that means all of them."""
    family, everywhere, nobody = socket.AF_INET, "//0.0.0.0:", "192.0.2.1"
    if "//[::]:" in url:
        family, everywhere, nobody = socket.AF_INET6, "//[::]:", "2001:db8::1"
    elif everywhere not in url:
        return url
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as caller:
            caller.connect((nobody, 9))  # sends nothing, but finds the way there
            name = caller.getsockname()[0]
    except OSError:  # no network
        name = socket.gethostname()
    return url.replace(everywhere, f"//[{name}]:" if ":" in name else f"//{name}:")


@contextmanager
def _kept_in(session: str | None, traces: str | None) -> Iterator[str]:
    """The file of the conversations; one for so long where the command line names none.

    Args:
        session: The file that it names, or None.
        traces: Where runs leave their traces; None: in the file of the conversations.
    """
    if session is not None:
        yield session
        return
    from ..tracing import flush_traces, set_trace_processors

    with TemporaryDirectory(prefix="agents-lite-", ignore_cleanup_errors=True) as directory:
        try:
            yield str(Path(directory, "chat.db"))
        finally:  # what is still to be written has no place any more
            flush_traces()
            if not traces:
                set_trace_processors([])


def _traces(path: str, chosen: str | None) -> TraceStore:
    """Where the runs leave their traces: in a chosen file, or from now on in this one."""
    from ..tracing import TraceStore, add_trace_processor
    from ..tracing.default import store_at

    if not chosen:
        add_trace_processor(store_at(path))
    return TraceStore(chosen or path, make=True)
