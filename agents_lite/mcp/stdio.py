"""Messages over the standard input and output of a child process, a line each."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from ..concurrency.cancellation import Cancellation
from ..concurrency.forks import new_lock
from ..concurrency.timers import call_at
from ..http.errors import parse_json
from ..shown import escaped
from .child import Child
from .protocol import (
    Message,
    can_be_taken_back,
    each_message,
    is_answer,
    is_request,
    notification,
)
from .transport import ConnectionLost, Exchange, Transport, do_aside

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger("agents_lite")

WRITING_GRACE = 0.5
"""Seconds that a message may still take to be written once its request was stopped; half a message
would spoil the pipe, so then the process is killed."""
KEPT_LINES = 20
"""Lines of standard error kept for an error message."""
NOBODY_READS: Message = {}
"""Tells one who waits that he may read himself, since another one has left."""
SHOWN = 200
"""Characters of a line that is no message, in logs and errors."""


class StdioTransport(Transport):
    """Speaks to a child process; any number of threads may do so at a time.

    Args:
        start: Starts the process.
        server_name: The server, as errors name it.
        mask: Hides secrets in what is shown of the process's words.
        longest: Bytes of a message.
    """

    may_end_at_probe = True

    def __init__(
        self,
        start: Callable[[Child], None],
        server_name: str,
        mask: Callable[[str], str],
        longest: int,
    ) -> None:
        self.server_name = server_name
        self._mask = mask
        self._waiting: dict[Any, SimpleQueue[Message | None]] = {}  # by request id, oldest first
        self._writing = new_lock()
        self._questions: deque[Message] = deque()
        self._owning = new_lock()
        self._is_over = False
        self._subscription: Any = None
        self._stray = ""
        self._last_words: deque[str] = deque(maxlen=KEPT_LINES)
        self._start = start
        self.child = Child(self, longest)

    @property
    def is_alive(self) -> bool:
        """Whether the process writes, as far as is known."""
        return not self._is_over and not self.child.is_killed

    @property
    def is_listening(self) -> bool:
        """Always: all that the process says is read."""
        return self.is_alive

    def begin(self) -> None:
        """Start the process."""
        self._start(self.child)

    def exchange(self, message: Message, headers: Mapping[str, str]) -> StdioExchange:
        """A request, not yet sent; there are no headers here."""
        return StdioExchange(self, message)

    def post(self, message: Message, scope: Cancellation) -> None:
        """Write a message that has no answer."""
        line = to_json(message) + b"\n"
        is_written = False

        def kill() -> None:
            if not is_written:
                self.child.kill()

        with scope.interrupting(lambda: call_at(time.monotonic() + WRITING_GRACE, kill)):
            try:
                with self._writing:
                    scope.check()
                    self.child.write(line)
            except OSError:
                self._is_over = True
                scope.check()
                raise self.lost(is_unsent=True) from None
            finally:
                is_written = True

    def listen(self, request: Message | None, headers: Mapping[str, str]) -> None:
        """Subscribe, where the protocol asks for it: what comes of it is heard in any case."""
        if request is not None:
            self._subscription = request["id"]
            self.post(request, Cancellation())

    def close(self, at_once: bool = False) -> None:
        """End the process."""
        if at_once:
            self.child.kill()
        self.child.end()

    def forget(self) -> None:
        """Let go of the parent's process."""
        self._is_over = True
        self.child.forget()

    def wait_for(self, id: Any) -> SimpleQueue[Message | None]:
        """Where the answer to a request will be put; None stands for the end of the process."""
        mailbox = self._waiting[id] = SimpleQueue()
        if self._is_over:
            mailbox.put(None)
        return mailbox

    def leave(self, id: Any) -> None:
        """Nobody waits for this answer any more; another one that waits is to read from now on."""
        self._waiting.pop(id, None)
        for mailbox in list(self._waiting.values())[:1]:
            mailbox.put(NOBODY_READS)
        if self._questions:
            self._hand_out_questions()
            self.child.wake_reader()  # its own question may have been put into its mailbox

    def take_back(self, id: Any, why: str) -> None:
        """Tell the server that an answer is not wanted any more; it may not hear it at once."""
        taken_back = notification("notifications/cancelled", {"requestId": id, "reason": why})
        do_aside(self._post_if_possible, taken_back)

    def lost(self, is_unsent: bool = False) -> ConnectionLost:
        """The error for a request that the process did not live to read, or to answer."""
        what = self.child.describe_end()
        if self._last_words:
            what = "\n".join([f"{what}; it last said:", *self._last_words])
        error = ConnectionLost(what, self.server_name)
        error.is_unsent = is_unsent
        return error

    def stray_words(self) -> str:
        """What to add to the error for a missing answer: the process wrote something else."""
        return f"it wrote something that is no message: {self._stray}" if self._stray else ""

    def take(self, line: bytes) -> None:
        """The process wrote a line."""
        if not line.strip():
            return
        try:
            content = parse_json(line)
        except ValueError:
            self._stray = escaped(self._mask(line.decode("utf-8", "replace").strip()[:SHOWN]))
            logger.debug("MCP server %s wrote no JSON: %s", self.server_name, self._stray)
            return
        for message in each_message(content):
            try:
                self._deliver(message)
            except Exception:  # the thread has other messages to read
                logger.exception("A message of MCP server %s was lost", self.server_name)

    def hear(self, words: str) -> None:
        """The process wrote a line of standard error."""
        words = escaped(self._mask(words))
        self._last_words.append(words)
        logger.debug("MCP server %s: %s", self.server_name, words)

    def end(self) -> None:
        """The process writes no more."""
        self._is_over = True
        for mailbox in list(self._waiting.values()):
            mailbox.put(None)

    def _post_if_possible(self, message: Message) -> None:
        with suppress(ConnectionLost):
            self.post(message, Cancellation())

    def _deliver(self, message: Message) -> None:
        if is_answer(message):
            id = message["id"]
            if isinstance(id, str) and id.isdecimal():  # some servers make a text of the number
                id = int(id)
            mailbox = self._waiting.get(id)
            if mailbox is not None:
                mailbox.put(message)
            elif id == self._subscription and "error" in message:
                logger.debug("MCP server %s has no subscriptions", self.server_name)
        elif is_request(message) and message["method"] != "ping" and self._waiting:
            if self.finds_owners and message["method"] == "elicitation/create":
                self._questions.append(message)
                self._hand_out_questions()
            else:
                next(iter(self._waiting.values())).put(message)
        else:
            self.on_message(message)

    def _hand_out_questions(self) -> None:
        """Give questions to the calls they are about: to those left when no other has an answer.

        The process does not say which they are, but a call that asks is not answered before.
        """
        with self._owning:
            mailboxes = list(self._waiting.values())
            if not mailboxes:
                self._questions.clear()
            if len(self._questions) >= len(mailboxes):
                for mailbox, question in zip(mailboxes, list(self._questions), strict=False):
                    self._questions.popleft()
                    mailbox.put(question)


class StdioExchange(Exchange):
    """A request to a child process."""

    def __init__(self, transport: StdioTransport, message: Message) -> None:
        self._transport = transport
        self._message = message
        self._mailbox = transport.wait_for(message["id"])
        self._is_sent = False
        self._is_settled = False

    def send(self, scope: Cancellation) -> None:
        """Write the request."""
        if not self._transport.is_alive:
            raise self._transport.lost(is_unsent=True)
        self._transport.post(self._message, scope)
        self._is_sent = True

    def receive(self, scope: Cancellation) -> Message:
        """Wait for the answer, or for a request of the process."""
        with scope.interrupting(self._interrupt):
            message = self._next_message()
        scope.check()
        if message is None:
            self._is_settled = True
            raise self._transport.lost()
        self._is_settled = is_answer(message)
        return message

    def _next_message(self) -> Message | None:
        """What comes next; None when it is over. Who finds nobody reading reads himself."""
        while True:
            while self._transport.child.read_here(self._mailbox.empty):
                pass
            message = self._mailbox.get()
            if message is not NOBODY_READS:
                return message

    def _interrupt(self) -> None:
        self._mailbox.put(None)
        self._transport.child.wake_reader()

    def close(self) -> None:
        """Take the request back, if it is not answered."""
        self._transport.leave(self._message["id"])
        wanted = self._is_sent and not self._is_settled and self._transport.is_alive
        if wanted and can_be_taken_back(self._message):
            self._transport.take_back(self._message["id"], "nobody waits for the answer any more")
