"""A chat with any agent in the browser: its conversations, and each run beside its answer."""

from __future__ import annotations

import hmac
import logging
import secrets
import threading
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

from ..agent import Agent
from ..exceptions import AgentsException, UserError
from ..local_server.messages import HTTPReply, HTTPRequest
from ..local_server.pages import (
    page_headers,
    page_reply,
    refusal,
    refuse_strangers,
    script_reply,
    serve_pages,
)
from ..local_server.server import LocalServer
from ..result import RunResultStreaming
from ..run import RunConfig, Runner
from ..running.run_state import RunState
from ..tracing import TraceStore, gen_trace_id
from ..viewer.server import answer_viewer
from .answers import answer_frames, decide_call, kept_state
from .conversations import Conversations
from .events import sse, waiting_calls
from .page import ChatPage

LARGEST_BODY = 1_000_000
"""Bytes of what is posted."""
_SECRET = "csrf"
_STOP_SECONDS = 10.0
"""How long an answer may take to end before its conversation is forgotten."""

logger = logging.getLogger("agents_lite")


@dataclass
class AgentChat:
    """What is served."""

    agent: Agent[Any]
    conversations: Conversations
    traces: TraceStore | None = None
    """Where the runs leave their traces, to be shown beside the chat."""
    config: RunConfig = field(default_factory=RunConfig)
    """For each run."""
    first: str = ""
    """The conversation to begin with; "": a new one."""
    notice: str = ""
    """A line above each conversation."""
    group_of: Callable[[str], str] = str
    """What links the traces of a conversation, by its name."""


def serve_chat(chat: AgentChat, *, host: str = "127.0.0.1", port: int = 0) -> ChatServer:
    """Serve a chat until closed.

    On this machine alone it answers who calls it by a name of this machine; where other machines
    reach it, only who has its token.

    Args:
        chat: What to serve.
        host: The address to listen at.
        port: The port; 0 picks a free one.

    Raises:
        UserError: The address or the port cannot be used.
    """
    return ChatServer(chat, host, port)


class ChatServer:
    """A chat that is being served; `serve_chat` makes it.

    Attributes:
        url: Where the page is, with the token where there is one.
    """

    def __init__(self, chat: AgentChat, host: str, port: int) -> None:
        self._chat = chat
        self._secret = secrets.token_urlsafe()  # other sites can post, but do not know it
        self._cookie = f"agents_lite_{secrets.token_hex(8)}"  # browsers tell no ports apart
        self._token = None if _is_loopback(host) else secrets.token_urlsafe()
        self._running: dict[str, RunResultStreaming | None] = {}
        self._freed = threading.Condition()
        self._server: LocalServer = serve_pages(
            self._answer, self._refuse, host=host, port=port, largest_body=LARGEST_BODY
        )
        self.url = f"{self._server.url}/" + (f"?token={self._token}" if self._token else "")

    def close(self) -> None:
        """Stop serving, and the runs at work."""
        self._server.close()
        for run in list(self._running.values()):  # not locked: an interrupt could leave it so
            if run is not None:
                run.cancel()

    # --- who is answered -------------------------------------------------------------------------

    def _refuse(self, request: HTTPRequest) -> HTTPReply | None:
        """A refusal, before the body is read, or None."""
        if self._token is None:
            return refuse_strangers(request)
        if self._is_token(_cookie(request, self._cookie)) or self._is_entry(request):
            return None
        return refusal(403, "Open the address that was printed at the start, with its token")

    def _is_entry(self, request: HTTPRequest) -> bool:
        return request.path == "/" and self._is_token(request.query.get("token", ""))

    def _is_token(self, text: str) -> bool:
        return hmac.compare_digest(text.encode(), (self._token or "").encode())

    # --- addresses -------------------------------------------------------------------------------

    def _answer(self, request: HTTPRequest) -> HTTPReply:
        try:
            return self._find_answer(request)
        except UserError as error:
            return refusal(400, str(error))
        except AgentsException as error:
            logger.exception("The chat cannot answer")
            return refusal(500, str(error))

    def _find_answer(self, request: HTTPRequest) -> HTTPReply:
        _, *path = request.path.split("/")
        is_get = request.method == "GET"
        match path:
            case [""] if is_get and self._token and "token" in request.query:
                cookie = f"{self._cookie}={self._token}; Path=/; HttpOnly; SameSite=Strict"
                return _redirect("/", {"Set-Cookie": cookie})
            case [""] if is_get:
                return _redirect(_address(self._chat.first or _new_name()))
            case ["new"] if is_get:
                return _redirect(_address(_new_name()))
            case ["conversations"] if is_get:
                titles = self._chat.conversations.titles().items()
                return script_reply([{"address": _address(n), "title": t} for n, t in titles])
            case ["runs"] if is_get:
                return _redirect("/runs/")  # to which the page's own addresses are relative
            case ["runs", *rest] if is_get and self._chat.traces is not None:
                reply = answer_viewer(self._chat.traces, "/".join(rest), request.query)
                is_trace = len(rest) == 2 and rest[0] == "traces"
                return script_reply(None) if is_trace and reply.status == 404 else reply  # so young
            case ["chat", name, ""] if is_get:
                return page_reply(self._page())
            case ["chat", name, "history"] if is_get:
                return self._history(unquote(name))
            case ["chat", name, action] if request.method == "POST":
                return self._act(unquote(name), action, request)
        return refusal(404, "There is nothing at this address")

    def _page(self) -> str:
        page = ChatPage(
            self._chat.agent.name,
            title=self._chat.agent.name,
            notice=self._chat.notice,
            fields={_SECRET: self._secret},
            begin="/new",
            conversations="/conversations",
            runs="" if self._chat.traces is None else "/runs/",
        )
        return page.html()

    def _history(self, name: str) -> HTTPReply:
        kept = self._chat.conversations
        with kept.session(name) as session:
            items = session.get_items()
        state = kept_state(self._chat.agent, kept.find(name))
        waiting = []
        if state is not None:
            items += state.get_unsaved_items()
            waiting = waiting_calls(state.get_interruptions())
        return script_reply({"items": items, "waiting": waiting, "trace": kept.latest_run(name)})

    def _act(self, name: str, action: str, request: HTTPRequest) -> HTTPReply:
        body = request.body if isinstance(request.body, bytes) else b""
        form = dict(parse_qsl(body.decode(errors="replace")))
        if not hmac.compare_digest(form.get(_SECRET, "").encode(), self._secret.encode()):
            return refusal(403, "This page is not of this start of the server: load it again")
        match action:
            case "ask":
                return self._ask(name, form.get("message", "").strip(), "again" in form)
            case "decide":
                return self._decide(name, form)
            case "stop":
                if run := self._running.get(name):
                    run.cancel()
                return HTTPReply(204, b"")
            case "clear":
                return self._clear(name)
        return refusal(404, "There is nothing at this address")

    # --- runs ------------------------------------------------------------------------------------

    def _ask(self, name: str, message: str, again: bool) -> HTTPReply:
        if not message:
            return refusal(400, "The message is empty")
        with self._claimed(name) as claim:
            if claim is None:
                return _busy()
            text = self._chat.conversations.find(name)
            state = kept_state(self._chat.agent, text)
            if state is None:
                return self._run(name, message, claim)
            if state.get_interruptions():
                return refusal(409, "A call waits for a decision")
            if not again:
                state.add_input(message)  # to an answer that was cut short behind a call
            if not self._chat.conversations.take(name, text):  # by another server on the same file
                return _busy()
            return self._run(name, state, claim, text)

    def _decide(self, name: str, form: dict[str, str]) -> HTTPReply:
        with self._claimed(name) as claim:
            text = self._chat.conversations.find(name)
            state = kept_state(self._chat.agent, text)
            if claim is None or state is None or not decide_call(state, form):
                return _decided_before()
            if not self._chat.conversations.take(name, text):
                return _decided_before()
            return self._run(name, state, claim, text)

    def _clear(self, name: str) -> HTTPReply:
        """Forget a conversation; an answer that is being written in it is stopped first."""
        if run := self._running.get(name):
            run.cancel()
        with self._claimed(name, _STOP_SECONDS) as claim:
            if claim is None:
                return _busy()
            self._chat.conversations.forget(name)
            return HTTPReply(204, b"")

    @contextmanager
    def _claimed(self, name: str, seconds: float = 0.0) -> Iterator[ExitStack | None]:
        """For a `with` block, have a conversation for oneself; None: it is being answered, still.

        Args:
            name: The conversation.
            seconds: How long to wait for an answer to end.

        Yields:
            What gives the conversation free; `pop_all` takes it out of the block.
        """
        with self._freed:
            if not self._freed.wait_for(lambda: name not in self._running, seconds):
                claim = None
            else:
                self._running[name] = None
                claim = ExitStack()
                claim.callback(self._free, name)
        with claim or nullcontext():
            yield claim

    def _free(self, name: str) -> None:
        with self._freed:
            del self._running[name]
            self._freed.notify_all()

    def _run(
        self, name: str, start: str | RunState, claim: ExitStack, taken: str | None = None
    ) -> HTTPReply:
        """Begin to answer; what was taken to go on with is put back where that cannot begin."""
        try:
            return _stream(self._frames(name, start, claim.pop_all()))
        except Exception:
            if taken is not None:
                self._chat.conversations.keep(name, taken)
            raise

    def _frames(self, name: str, start: str | RunState, claim: ExitStack) -> Generator[str]:
        """The run as events, up to its end or to a call that waits; then the claim is given up."""
        kept = self._chat.conversations
        with claim, kept.session(name) as session:
            trace_id = (
                kept.latest_run(name) if isinstance(start, RunState) else None
            ) or gen_trace_id()
            kept.note_run(name, trace_id)
            group = self._chat.group_of(name)
            config = replace(self._chat.config, trace_id=trace_id, group_id=group)
            run = Runner.run_streamed(self._chat.agent, start, session=session, run_config=config)
            self._running[name] = run

            def end(state: str | None) -> None:
                with claim:
                    if state is not None:
                        kept.keep(name, state)

            yield from answer_frames(run, start, end, trace_id=trace_id, with_details=True)


def _stream(frames: Generator[str]) -> HTTPReply:
    first = next(frames)  # begun, whatever becomes of the reply: its end is told from then on

    def chunks() -> Iterator[bytes | float]:
        with closing(frames):
            for frame in chain([first], frames):
                yield frame.encode()
                yield 0.0  # at once

    return HTTPReply(200, chunks(), page_headers("text/event-stream"))


def _decided_before() -> HTTPReply:
    return page_reply(sse("decided", None), "text/event-stream")  # a second click


def _busy() -> HTTPReply:
    return refusal(409, "An answer is being written in this conversation")


def _redirect(address: str, headers: dict[str, str] | None = None) -> HTTPReply:
    return HTTPReply(
        303, b"", {**page_headers("text/plain"), "Location": address, **(headers or {})}
    )


def _address(name: str) -> str:
    return f"/chat/{quote(name, safe='')}/"


def _new_name() -> str:
    return uuid.uuid4().hex


def _cookie(request: HTTPRequest, wanted: str) -> str:
    pairs = (pair.strip().partition("=") for pair in request.headers.get("cookie", "").split(";"))
    return next((value for name, _, value in pairs if name == wanted), "")


def _is_loopback(host: str) -> bool:
    return host in ("127.0.0.1", "::1", "localhost")
