"""The client of a server that speaks the Responses API: requests out, events in."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Mapping
from functools import partial
from inspect import iscoroutinefunction
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeVar

import requests

from ..checks import check_count, check_kind, check_number, check_seconds, check_takes, forgetful
from ..concurrency.cancellation import Cancellation, current_cancellation
from ..concurrency.timers import call_at
from ..exceptions import AgentsException, APIError, APITimeoutError, UserError, words_of
from ..response_types import ResponseStreamEvent
from .address import Address, parse_address, without_query
from .answer import Limits, Translate
from .assembly import Deltas, SettledEvents
from .background import Background
from .call import Call, Question, Reword
from .connections import Exchange, WaitLimits, renew_connections
from .endpoint import Endpoint
from .frames import hide_frames
from .retries import Retries, RetryNote, RetryPolicy

if TYPE_CHECKING:
    from .plain import Upload

__all__ = ["ResponsesClient"]

T = TypeVar("T")

DEFAULT_BASE_URL = "https://api.openai.com/v1"


class NoKeyError(UserError):
    """OpenAI's server was to be asked, and there is no key for it."""


class ResponsesClient:
    """Speaks to the Responses API of one server.

    Safe to share between threads, and usable after a fork. Proxies, netrc and the CA bundle are
    those of the environment (or of `session`), read when the client is first used; certificates
    are verified; cookies are neither kept nor sent back.

    Args:
        api_key: None reads `OPENAI_API_KEY`, "" sends none. Only api.openai.com insists on one. A
            function gives a key that expires: it is called for each try of a request.
        base_url: None reads `OPENAI_BASE_URL`, else `https://api.openai.com/v1`.
        organization: None reads `OPENAI_ORG_ID`, "" sends none.
        project: None reads `OPENAI_PROJECT_ID`, "" sends none.
        default_headers: Sent with every request.
        max_retries: Tries after the first one.
        max_retry_wait: Seconds that the waits between the tries of a request may take together.
        retry_delay: Seconds before the second try, doubled for each further one up to 8.
        connect_timeout: Seconds for a connection to be made.
        read_timeout: Seconds the server may be silent.
        timeout: Seconds for a whole request, its retries included.
        max_answer_bytes: Longest answer that is read; compressed ones count unpacked.
        max_event_bytes: Longest event of a stream that is read.
        session: Prepares and sends each request, so its proxies, certificates, headers, hooks,
            authentication and adapters count, whenever they are set; None makes one. The
            connections of a plain `HTTPAdapter` are made so that cancelling interrupts them; with
            an adapter of another class, cancelling takes effect only once the answer has begun.

    Raises:
        UserError: An option is of the wrong kind.
    """

    @forgetful
    def __init__(
        self,
        *,
        api_key: str | Callable[[], str] | None = None,
        base_url: str | None = None,
        organization: str | None = None,
        project: str | None = None,
        default_headers: Mapping[str, str] | None = None,
        max_retries: int = 2,
        max_retry_wait: float = 60.0,
        retry_delay: float = 0.5,
        connect_timeout: float = 10.0,
        read_timeout: float = 600.0,
        timeout: float = 600.0,
        max_answer_bytes: int = 256 << 20,
        max_event_bytes: int = 64 << 20,
        session: requests.Session | None = None,
    ) -> None:
        _check_kinds(base_url, default_headers, max_retries, session)
        for name, seconds in (
            ("connect_timeout", connect_timeout),
            ("read_timeout", read_timeout),
            ("timeout", timeout),
        ):
            check_seconds(seconds, name)
        for name, number in (
            ("max_retry_wait", max_retry_wait),
            ("retry_delay", retry_delay),
            ("max_answer_bytes", max_answer_bytes),
            ("max_event_bytes", max_event_bytes),
        ):
            check_number(number, name)
        self._base_url = base_url
        self._organization = organization
        self._project = project
        self._default_headers = dict(default_headers or {})
        self.retry_policy = RetryPolicy(max_retries, max_retry_wait, retry_delay)
        self._silence = WaitLimits(connect=connect_timeout, read=read_timeout)
        self._timeout = timeout
        self._limits = Limits(max_answer_bytes, max_event_bytes)
        self._session = session
        self._endpoint: Endpoint | None = None
        if not (api_key is None or isinstance(api_key, str) or callable(api_key)):
            kind = type(api_key).__name__
            raise UserError(f"api_key must be text, or a function that gives it, not {kind}")
        if callable(api_key):
            check_takes(api_key, "The api_key function")
            if iscoroutinefunction(api_key):
                raise UserError("The api_key function must be `def`, not `async def`")
        self._api_key = api_key

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={without_query(self.base_url)!r})"

    @property
    def base_url(self) -> str:
        """Where requests go, without a slash at the end."""
        url = (self._base_url or "").strip() or os.environ.get("OPENAI_BASE_URL", "").strip()
        return (url or DEFAULT_BASE_URL).rstrip("/")

    @property
    def address(self) -> Address:
        """Where the server is.

        Raises:
            UserError: The base URL is none.
        """
        endpoint = self._endpoint
        return parse_address(self.base_url) if endpoint is None else endpoint.address

    @property
    def hostname(self) -> str:
        """The name of the server, in lower case.

        Raises:
            UserError: The base URL is none.
        """
        return self.address.hostname

    def stream(
        self,
        body: dict[str, Any],
        *,
        path: str = "/responses",
        translate: Translate | None = None,
        reword: Reword | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        cancellation: Cancellation,
        on_retry: Callable[[RetryNote], None] | None = None,
        retry_policy: RetryPolicy | None = None,
        background: Background | None = None,
    ) -> SettledEvents:
        """Ask for a response and give the events of its stream, the terminal one last.

        An answer that is not streamed is given as its terminal event alone. The terminal event's
        `response.output` holds the items that the stream announced. Closing the iterator closes
        the connection, if the answer has not been read to its end.

        Args:
            body: The request as JSON; `"stream": True` asks for Server-Sent Events. With
                `"background": True` a stream that breaks off is taken up where it ended, and a
                response that is still queued is asked for until it is there; stopping the request
                cancels it at the server.
            path: Where to post it, behind the base URL.
            translate: Makes events of the Responses API out of what another API answers: it is
                given the JSON objects of a stream, up to `[DONE]`, or a whole answer.
            reword: Has the body that asks for the same as it should be after a refusal; it is sent
                if it is another one.
            headers: Added to the request's.
            query: Added to the URL.
            timeout: Seconds for the whole request, retries and the use of the events included;
                None takes the client's.
            cancellation: Stops the request from another thread; its reason is raised.
            on_retry: Told of each try that failed and is repeated.
            retry_policy: Whether that is done; None: as the client was told.
            background: Remembers the response of a background request, which is collected instead
                of being asked for again, and says when it is left at work; None: it is not.

        Raises:
            APIError: Of the class that says what happened; see docs/errors.md.
            UserError: The request cannot be sent as it is.
        """
        question = Question(body, headers or {}, query or {}, path, translate, reword)
        seconds = self._timeout if timeout is None else timeout
        policy = self.retry_policy if retry_policy is None else retry_policy

        def begin() -> Call:  # later, when this function and its headers are in no traceback
            return Call(self._connected(), question, self._limits, background)

        return SettledEvents(self._tries(begin, seconds, cancellation, policy, on_retry))

    def ask(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | Upload | None = None,
        query: Mapping[str, Any] | None = None,
        *,
        may_be_repeated: bool = True,
        has: tuple[str, type] | None = None,
    ) -> Any:
        """The JSON that the server answers to any other request than one for a response.

        Args:
            method: "GET", "POST" or "DELETE".
            path: Behind the base URL.
            body: The request as JSON, a file, or None.
            query: Added to the URL.
            may_be_repeated: Whether it is tried again after a failure.
            has: A field that an answer has, and its type (a list is one of objects); None: it may
                be any JSON.

        Raises:
            APIError: Of the class that says what happened.
            UserError: The request cannot be sent as it is.
        """
        from .plain import PlainCall

        longest = self._limits.answer
        call = PlainCall(self._connected(), method, path, body, query or {}, longest)
        return self._insist(partial(call.json, has=has), may_be_repeated)

    def download(self, path: str) -> bytes:
        """The file that the server has under a path behind the base URL.

        Raises:
            APIError: Of the class that says what happened.
        """
        from .plain import LONGEST_FILE, PlainCall

        longest = max(self._limits.answer, LONGEST_FILE)
        call = PlainCall(self._connected(), "GET", path, None, {}, longest)
        return self._insist(call.content, True)

    def _insist(self, attempt: Callable[[float, Cancellation], T], may_be_repeated: bool) -> T:
        deadline = time.monotonic() + self._timeout
        retries = Retries(self.retry_policy, deadline, None)
        scope = current_cancellation.get() or Cancellation()
        while True:
            scope.check()
            try:
                return attempt(deadline, scope)
            except APIError as error:
                delay = retries.delay_after(error) if may_be_repeated else None
                if delay is None:
                    raise
            scope.wait(delay)

    def _tries(
        self,
        begin: Callable[[], Call],
        seconds: float,
        cancellation: Cancellation,
        policy: RetryPolicy,
        on_retry: Callable[[RetryNote], None] | None,
    ) -> Generator[ResponseStreamEvent | Deltas, None, None]:
        call = begin()
        del begin  # and what it holds: hundreds may wait at once
        deadline = time.monotonic() + seconds
        retries = Retries(policy, deadline, on_retry)
        exchange = Exchange()
        cut = exchange.cut
        limit = call_at(deadline, cut)
        try:
            with cancellation.interrupting(cut):
                while True:
                    cancellation.check()
                    failure = None
                    try:
                        yield from call.events(exchange)
                        if call.is_over:
                            return
                    except APIError as error:
                        failure = error
                    finally:
                        call.leave_answer()
                        exchange.release()
                    cancellation.check()
                    if exchange.is_cut:
                        failure = APITimeoutError(f"The request was not done within {seconds:g} s")
                    if failure is None:
                        call.ask_later()
                        delay = min(retries.patience(call.poll_after), deadline - time.monotonic())
                    else:
                        delay = self._delay_after(failure, call, retries)
                    cancellation.wait(delay)
        except BaseException as error:  # the run may be cancelled, or nobody reads on
            call.give_up(error)
            raise
        finally:
            limit.cancel()

    def _delay_after(self, failure: APIError, call: Call, retries: Retries) -> float:
        """Seconds until the next try.

        Raises:
            APIError: There is none.
        """
        if call.begin_anew(failure):
            return 0.0
        call.note_effects(failure)
        if call.may_be_tried_again and not failure.is_final:
            if call.resume():
                retries.restart()
            delay = retries.delay_after(failure)
            if delay is not None:
                return delay
            if call.ask_in_other_words(failure):
                retries.restart()
                return 0.0
        raise call.final_error(failure)

    def close(self) -> None:
        """Close idle connections; the client can still be used."""
        endpoint, self._endpoint = self._endpoint, None
        if endpoint is not None:
            endpoint.close()

    def _connected(self) -> Endpoint:
        # Without a lock, which a fork could leave locked: at worst two threads make one each.
        endpoint = self._endpoint
        if endpoint is None or endpoint.process_id != os.getpid():
            if endpoint is not None and self._session is not None:
                renew_connections(self._session)
            try:
                endpoint = self._endpoint = Endpoint(
                    parse_address(self.base_url),
                    self._headers(),
                    self._key,
                    self._silence,
                    self._session,
                )
            except BaseException as error:
                hide_frames(error)
                raise
        return endpoint

    def _headers(self) -> dict[str, str]:
        identity = {
            "OpenAI-Organization": _given_or_set(self._organization, "OPENAI_ORG_ID"),
            "OpenAI-Project": _given_or_set(self._project, "OPENAI_PROJECT_ID"),
        }
        return {name: value for name, value in identity.items() if value} | self._default_headers

    def _key(self) -> str | None:
        """The API key of the next request."""
        given = _key_of(self._api_key) if callable(self._api_key) else self._api_key
        key = _given_or_set(given, "OPENAI_API_KEY")
        if not key and self.hostname == "api.openai.com":
            raise NoKeyError(
                "There is no API key. Set the environment variable OPENAI_API_KEY, or "
                "OPENAI_BASE_URL for another server; call set_default_openai_key(...), or pass "
                "ResponsesClient(api_key=...). To try things out without a model, run them in "
                "`with offline_unless_configured():`, from agents_lite.testing."
            )
        return key


def _key_of(function: Callable[[], Any]) -> str:
    """What an `api_key` function gives.

    Raises:
        UserError: It failed, or gave no text.
    """
    try:
        key = function()
    except AgentsException:
        raise
    except Exception as error:
        why = f"{type(error).__name__}: {words_of(error)}"
        raise UserError(f"The api_key function failed: {why}") from error
    if not isinstance(key, str):
        raise UserError(f"The api_key function must give text, not {type(key).__name__}")
    return key


def _given_or_set(given: str | None, variable: str) -> str | None:
    return os.environ.get(variable) if given is None else given


def _check_kinds(base_url: Any, headers: Any, max_retries: Any, session: Any) -> None:
    """Raise UserError for settings of the wrong kind, of which some may be secret."""
    check_kind(base_url, (str, NoneType), "base_url", "text")
    check_kind(headers, (Mapping, NoneType), "default_headers", "a dict")
    check_count(max_retries, "max_retries")
    if session is not None and not hasattr(session, "get_adapter"):
        raise UserError(f"session must be a requests.Session, not a {type(session).__name__}")
