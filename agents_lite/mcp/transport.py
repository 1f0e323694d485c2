"""What a session asks of the way to its server."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..concurrency.cancellation import Cancellation
from ..concurrency.workers import run_in_thread_or_here
from ..exceptions import MCPServerError, MCPTimeoutError
from .protocol import Message

ASIDE_SECONDS = 0.3
"""How long is waited for what is of no consequence to the caller."""

if TYPE_CHECKING:
    from typing import Self


class ConnectionLost(MCPServerError):
    """The connection is of no use any more; the next request needs a new one.

    Attributes:
        is_unsent: Whether the request never reached the server, or was refused unread for a session
            that it does not know any more.
    """

    is_unsent = False


class ConnectionTimedOut(ConnectionLost, MCPTimeoutError):
    """The connection was not made in time, or was silent for too long."""


class HTTPRefusal(MCPServerError):
    """The server answered with another status than 2xx.

    Attributes:
        status_code: The status.
    """

    def __init__(self, message: str, server_name: str, *, status: int) -> None:
        super().__init__(message, server_name)
        self.status_code = status


class Exchange(ABC):
    """A request on its way, with what the server says until it is answered.

    Leaving its `with` block before the answer came takes the request back.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    @abstractmethod
    def send(self, scope: Cancellation) -> None:
        """Send the request. Raises what stopped the scope, or ConnectionLost."""

    @abstractmethod
    def receive(self, scope: Cancellation) -> Message:
        """Wait for the answer, or for a request of the server. Raises as `send` does."""

    @abstractmethod
    def close(self) -> None:
        """It is over: take the request back, if it is not answered."""


class Transport(ABC):
    """Takes messages to a server and back."""

    on_message: Callable[[Message], None]
    """Told of notifications, and of requests of the server that no exchange takes."""
    has_headers = False
    """Whether messages may have headers."""
    headers: Mapping[str, str] = {}
    """Sent with every message, where the transport has headers."""
    finds_owners = False
    """Whether it matters which exchange is handed a question of the server."""
    may_end_at_probe = False
    """Whether a server may end itself over a first message that it does not know."""
    cancels_by_message = True
    """Whether taking a request back is a notification, as against closing the connection."""

    def stray_words(self) -> str:
        """What to add to the error for a missing answer: what came that was no message."""
        return ""

    def begin(self) -> None:  # noqa: B027
        """Make what `close` ends.

        Raises:
            MCPServerError: It cannot be made.
        """

    @abstractmethod
    def exchange(self, message: Message, headers: Mapping[str, str]) -> Exchange:
        """A request, not yet sent."""

    @abstractmethod
    def post(self, message: Message, scope: Cancellation) -> None:
        """Send what has no answer. Raises what stopped the scope, or ConnectionLost."""

    @abstractmethod
    def listen(self, request: Message | None, headers: Mapping[str, str]) -> None:
        """Hear what the server says of its own accord.

        Args:
            request: What subscribes to it; None where the protocol asks for nothing.
            headers: Of that request.
        """

    @property
    def can_listen(self) -> bool:
        """Whether the server can say anything of its own accord, as far as is known."""
        return True

    @property
    @abstractmethod
    def is_listening(self) -> bool:
        """Whether what the server says of its own accord would be heard."""

    @property
    @abstractmethod
    def is_alive(self) -> bool:
        """Whether the connection can be used, as far as is known."""

    @abstractmethod
    def close(self, at_once: bool = False) -> None:
        """End the connection, without waiting for the server to agree where `at_once`.

        A second time does nothing.
        """

    @abstractmethod
    def forget(self) -> None:
        """Let go of it in a forked process, which must not disturb the one it belongs to."""


def do_aside(job: Callable[..., Any], *args: Any) -> None:
    """Do what may wait for the server on another thread, and wait for it only a moment."""
    with suppress(TimeoutError):
        run_in_thread_or_here(job, *args).exception(ASIDE_SECONDS)
