"""A conversation with a server: which revision it speaks, requests and their answers."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from ..concurrency.calling import Callbacks
from ..concurrency.cancellation import Cancellation, current_cancellation
from ..concurrency.forks import new_lock
from ..concurrency.workers import run_in_thread_or_here
from ..exceptions import MCPServerError, MCPTimeoutError, UserError
from ..http.assembly import words_of_error
from ..http.errors import excerpt
from ..shown import escaped, repr_of
from .objects import MCPElicitation
from .protocol import (
    CLIENT_INFO,
    HANDSHAKE_VERSIONS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    MODERN_VERSION,
    PAGE_WANTED,
    UNSUPPORTED_VERSION,
    Message,
    is_answer,
    is_request,
    modern_headers,
    modern_meta,
    notification,
    refusal,
    request,
    result,
)
from .transport import ConnectionLost, HTTPRefusal, Transport

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

logger = logging.getLogger("agents_lite")

PROBE_SECONDS = 10.0
"""Longest that a server has to say whether it speaks the newest revision."""
MOST_ROUNDS = 10
"""How often a server may ask for more before it does what it was asked for."""
WAITING = 0.1
"""Seconds after which a call that waits for another one looks whether to go on."""
BETWEEN_ROUNDS = 0.1
"""Seconds before a request is made again when the server asks for nothing but patience."""

_SAID = {"action", "content"}


class InputNeeded(Exception):
    """A server asks a person; the call is to be made again with the answers.

    Attributes:
        questions: Fields of an MCPElicitation, by names.
        state: JSON to make the call again with.
    """

    def __init__(self, questions: dict[str, dict[str, Any]], state: dict[str, Any]) -> None:
        super().__init__("The server waits for an answer")
        self.questions = questions
        self.state = state


class DiedOfProbe(Exception):
    """A server has ended itself, it may be over a first message that it does not know."""


class Answers:
    """What a server has asked a person in earlier attempts to make a call, and was answered.

    Args:
        questions: Those of the last attempt, by names.
        answers: {"action": ..., "content": ...}, by the same names.
        state: That of the last `InputNeeded`, or None before there was one.
    """

    def __init__(
        self, questions: Mapping[str, Any], answers: Mapping[str, Any], state: Any
    ) -> None:
        self._answers = dict(answers)
        self._state: Mapping[str, Any] = state or {}
        self._said = [*self._state.get("said", ()), *((questions[n], answers[n]) for n in answers)]
        self._left = list(self._said)

    def params(self) -> dict[str, Any]:
        """What a request of the newest revision says of it."""
        if "requestState" not in self._state:
            return {}
        return _with_answers(self._answers, self._state["requestState"])

    def answer_to(self, question: dict[str, Any]) -> dict[str, Any] | None:
        """The answer to a question that comes again, each once; None: it is new."""
        for place, (asked, answer) in enumerate(self._left):
            if asked == question:
                del self._left[place]
                return dict(answer)
        return None

    def given_to(self, questions: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
        """The answers to questions that come again, by the same names; None: one is new."""
        found = {name: self.answer_to(question) for name, question in questions.items()}
        return None if None in found.values() else found

    @property
    def is_known_to_ask(self) -> bool:
        """Whether an earlier attempt asked anything."""
        return bool(self._said)

    def leave_to(self, others: Answers) -> None:
        """Let another call have the answers that were of no use to this one."""
        others._left += self._left

    def needed(self, *questions: dict[str, Any]) -> InputNeeded:
        """What to raise for questions to which there is no answer yet."""
        named = {str(number): question for number, question in enumerate(questions, 1)}
        return InputNeeded(named, {"said": self._said})

    def needed_for(self, questions: dict[str, dict[str, Any]], state: Any) -> InputNeeded:
        """The same in the newest revision, whose server goes on from a state that it gave."""
        return InputNeeded(questions, {"requestState": state, "said": self._said})


@dataclass
class Caller:
    """On whose behalf a request is made."""

    cancellation: Cancellation
    """Stops it."""
    call: Callable[..., Any]
    """Calls a function of the user, `def` or `async def`, with its arguments."""
    answers: Answers | None = None
    """What persons have answered so far; None: there is nobody who could be asked."""


class Alone:
    """A `with` block whose caller is no run's; it ends with the function of a run that it is in.

    Args:
        loop: Where `async def` functions run; None: the private loop.
    """

    def __init__(self, loop: AbstractEventLoop | None = None) -> None:
        self._loop = loop
        self._cancellation = current_cancellation.get() or Cancellation()
        self._callbacks: Callbacks | None = None  # few calls need them

    def __enter__(self) -> Caller:
        return Caller(self._cancellation, self._call)

    def __exit__(self, *_exception: object) -> None:
        if self._callbacks is not None:
            self._callbacks.close()

    def _call(self, function: Callable[..., Any], *args: Any) -> Any:
        if self._callbacks is None:
            self._callbacks = Callbacks()
            if self._loop is not None:
                self._callbacks.use_loop(self._loop)
        return self._callbacks.call(self._cancellation, function, *args)


class Session:
    """A connection whose revision is agreed on; made by `connect`.

    Args:
        transport: The way to the server.
        server_name: The server, as errors name it.
        seconds: How long each request may take; None: as long as it likes.
        on_elicitation: Answers what the server asks the user, or None: it may only ask in calls
            that can be made again later, with the answers.
        mask: Hides secrets in what is shown of the server's words.
    """

    def __init__(
        self,
        transport: Transport,
        server_name: str,
        seconds: float | None,
        on_elicitation: Callable[[MCPElicitation], Any] | None,
        mask: Callable[[str], str],
    ) -> None:
        self.transport = transport
        self.version = ""
        """The revision that is spoken."""
        self.capabilities: Mapping[str, Any] = {}
        """What the server can do."""
        self.instructions: str | None = None
        """What the server says of its use, or None."""
        self.has_new_tools = False
        """Whether the server said that its tools have changed; set to False by who lists them."""
        self._server_name = server_name
        self._seconds = seconds
        self._on_elicitation = on_elicitation
        self._mask = mask
        self._has_subscribed = False
        self._ids = itertools.count(1)
        self._asking = new_lock()
        self._made_again: list[Answers] = []
        transport.on_message = self._take
        transport.finds_owners = on_elicitation is None

    def connect(self, caller: Caller, probes: bool = True) -> None:
        """Agree on a revision: the one without sessions, or else the newest with a handshake.

        Args:
            caller: On whose behalf.
            probes: Whether to try the first one at all.

        Raises:
            DiedOfProbe: The server may have ended itself over the first message.
            MCPServerError: There is no connection, or no revision that both sides speak.
        """
        if not probes:
            self._shake_hands(caller)
            return
        probe = PROBE_SECONDS if self._seconds is None else min(PROBE_SECONDS, self._seconds / 2)
        found, silence = None, None
        try:
            found = self._discover(caller, probe)
        except MCPTimeoutError as error:
            if not self.transport.is_alive or isinstance(error, ConnectionLost):
                raise
            silence = error
        except MCPServerError as error:
            if isinstance(error, ConnectionLost) and self.transport.may_end_at_probe:
                raise DiedOfProbe from error
            if not _may_be_older(error):
                raise
        if found is None or MODERN_VERSION not in _as_list(found.get("supportedVersions")):
            try:
                self._shake_hands(caller)
                return
            except MCPServerError as error:
                # It was slow to start, and has found out meanwhile which revision it is spoken to.
                if MODERN_VERSION not in _versions_named_by(error):
                    raise error if silence is None or error.code is None else silence from None
            found = self._discover(caller, self._seconds)
        self.version = MODERN_VERSION
        self._take_description(found)

    @property
    def is_modern(self) -> bool:
        """Whether each request says all there is to know about the client."""
        return self.version == MODERN_VERSION

    def request(
        self,
        method: str,
        params: Mapping[str, Any],
        caller: Caller,
        *,
        seconds: float | None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """What the server answers; what it asks in the meantime is answered by the user.

        Args:
            method: What is wanted.
            params: The details.
            caller: On whose behalf.
            seconds: How long the server may take, each time it asked for something anew; None: as
                long as it likes.
            headers: Sent with it, where there are headers.

        Raises:
            MCPServerError: The server refused, did not answer in time, or cannot be reached.
            InputNeeded: A person is to be asked.
            BaseException: The reason of the caller's cancellation.
        """
        params = dict(params)
        if caller.answers is not None and self.is_modern:
            params |= caller.answers.params()
        asks = caller.answers is not None and caller.answers.is_known_to_ask
        request = partial(self._request, method, params, caller, seconds, headers or {})
        return self._in_turn(caller, request) if asks and not self.is_modern else request()

    def _request(
        self,
        method: str,
        params: dict[str, Any],
        caller: Caller,
        seconds: float | None,
        headers: Mapping[str, str],
    ) -> dict[str, Any]:
        is_anew = False
        for _ in range(MOST_ROUNDS):
            try:
                answer = self._ask(method, params, caller, seconds, headers)
            except MCPServerError as error:
                if "requestState" in params and _has_lost_state(error):
                    is_anew = True  # the process that knew it is gone
                    del params["requestState"], params["inputResponses"]
                elif not self._has_visited_pages(error, caller):
                    raise
                continue
            if answer.get("resultType") != "input_required":
                return answer
            wanted = answer.get("inputRequests") or {}
            if not isinstance(wanted, dict):
                what = f"what it asks for before it does {method} cannot be understood"
                raise MCPServerError(what, self._server_name)
            if not wanted:
                caller.cancellation.wait(BETWEEN_ROUNDS)
            answers, responses = caller.answers, None
            if wanted and answers is not None and self._on_elicitation is None and all(
                map(_is_elicitation, wanted.values())
            ):
                asked = {name: self._question(each) for name, each in wanted.items()}
                responses = answers.given_to(asked) if is_anew else None
                if responses is None:
                    raise answers.needed_for(asked, answer.get("requestState"))
            if responses is None:
                responses = {name: self._input(each, caller) for name, each in wanted.items()}
            for name in ("inputResponses", "requestState"):
                params.pop(name, None)
            params |= _with_answers(responses, answer.get("requestState"))
        what = f"it asked for more after each of {MOST_ROUNDS} answers to {method}"
        raise MCPServerError(what, self._server_name)

    def _in_turn(self, caller: Caller, request: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Make calls that are known to ask one after the other: over stdio, servers of the older
        revisions do not say which call a question belongs to."""
        answers = caller.answers
        assert answers is not None
        self._made_again.append(answers)
        try:
            while not self._asking.acquire(timeout=WAITING):
                caller.cancellation.check()
            return request()
        finally:
            try:  # as `new_lock` says
                self._asking.release()
            except RuntimeError:
                pass
            self._made_again.remove(answers)
            for others in self._made_again:
                answers.leave_to(others)

    def _answer_to(self, question: dict[str, Any], answers: Answers) -> dict[str, Any] | None:
        """What was said to a question; that of another call may have been taken for it."""
        found = (each.answer_to(question) for each in [answers, *self._made_again])
        return next((answer for answer in found if answer is not None), None)

    def listen(self) -> None:
        """Hear what the server says of its own accord: above all, that its tools have changed."""
        if self.hears_of_new_tools or not self.transport.can_listen:
            return
        self._has_subscribed = True
        if not self.is_modern:
            self.transport.listen(None, {})
            return
        wanted = {"notifications": {"toolsListChanged": True}}
        message = self._stamped("subscriptions/listen", wanted, self.version)
        self.transport.listen(message, modern_headers(self.version, message))

    @property
    def can_tell_of_new_tools(self) -> bool:
        """Whether the server says that it tells of changes of its tools."""
        tools = self.capabilities.get("tools")
        says_so = isinstance(tools, dict) and bool(tools.get("listChanged"))
        return says_so and self.transport.can_listen

    @property
    def hears_of_new_tools(self) -> bool:
        """Whether such a change would be heard."""
        return self._has_subscribed and self.transport.is_alive and self.transport.is_listening

    def _discover(self, caller: Caller, seconds: float | None) -> dict[str, Any]:
        return self._ask("server/discover", {}, caller, seconds, {}, MODERN_VERSION)

    def _shake_hands(self, caller: Caller) -> None:
        offer = {
            "protocolVersion": HANDSHAKE_VERSIONS[0],
            "capabilities": self._abilities(self.transport.is_listening),
            "clientInfo": CLIENT_INFO,
        }
        found = self._ask("initialize", offer, caller, self._seconds, {}, "")
        version = found.get("protocolVersion")
        if version not in HANDSHAKE_VERSIONS:
            what = f"it speaks revision {version!r} of the protocol, which is not known here"
            raise MCPServerError(what, self._server_name)
        self.version = version
        self.transport.headers = {"MCP-Protocol-Version": version}
        self.transport.cancels_by_message = True
        self._take_description(found)
        initialized = "notifications/initialized"
        late = partial(self._late, initialized, self._seconds)
        with Cancellation(caller.cancellation, seconds=self._seconds, late=late) as scope:
            self.transport.post(notification(initialized), scope)

    def _take_description(self, found: Mapping[str, Any]) -> None:
        capabilities = found.get("capabilities")
        self.capabilities = capabilities if isinstance(capabilities, dict) else {}
        self.instructions = found.get("instructions")

    def _abilities(self, can_pause: bool) -> dict[str, Any]:
        if self._on_elicitation is None and not can_pause:
            return {}
        return {"elicitation": {"form": {}, "url": {}}}

    def _can_pause(self, caller: Caller) -> bool:
        """Whether what the server asks is to be answered later, in another attempt."""
        return self._on_elicitation is None and caller.answers is not None

    def _stamped(
        self, method: str, params: Mapping[str, Any], version: str, can_pause: bool = False
    ) -> Message:
        if version == MODERN_VERSION:
            meta = modern_meta(version, self._abilities(can_pause))
            params = {**params, "_meta": {**params.get("_meta", {}), **meta}}
        return request(next(self._ids), method, params)

    def _ask(
        self,
        method: str,
        params: Mapping[str, Any],
        caller: Caller,
        seconds: float | None,
        headers: Mapping[str, str],
        version: str | None = None,
    ) -> dict[str, Any]:
        """Send one request, and give its result."""
        version = self.version if version is None else version
        message = self._stamped(method, params, version, self._can_pause(caller))
        if version == MODERN_VERSION and self.transport.has_headers:
            headers = {**modern_headers(version, message), **headers}
        return self._result_of(self._converse(message, headers, caller, seconds), method)

    def _late(self, method: str, seconds: float | None) -> MCPTimeoutError:
        what = f"no answer to {method} within {seconds or 0:g} seconds"
        stray = self.transport.stray_words()
        return MCPTimeoutError(f"{what}; {stray}" if stray else what, self._server_name)

    def _converse(
        self,
        message: Message,
        headers: Mapping[str, str],
        caller: Caller,
        seconds: float | None,
    ) -> Message:
        """Send a request, answer what the server asks in return, and give its answer.

        Who cannot be asked now is said to have left the question; then what comes of the call is
        of no use.
        """
        late = partial(self._late, message["method"], seconds)
        reply: Message | None = None
        open_question: dict[str, Any] | None = None
        with self.transport.exchange(message, headers) as exchange:
            while True:
                with Cancellation(caller.cancellation, seconds=seconds, late=late) as scope:
                    if reply is None:
                        exchange.send(scope)
                    else:
                        self.transport.post(reply, scope)
                    incoming = exchange.receive(scope)
                if is_answer(incoming):
                    if open_question is not None and caller.answers is not None:
                        raise caller.answers.needed(open_question)
                    return incoming
                if self._can_pause(caller) and _is_elicitation(incoming):
                    question = self._question(incoming)
                    said = caller.answers and self._answer_to(question, caller.answers)
                    if said is None:
                        open_question = open_question or question
                    reply = result(incoming["id"], said or {"action": "cancel"})
                else:
                    reply = self._reply(incoming, caller)  # a person may take her time

    def _result_of(self, answer: Message, method: str) -> dict[str, Any]:
        if isinstance(answer.get("result"), dict):
            found: dict[str, Any] = answer["result"]
            return found
        error = answer.get("error")
        if error is None:
            what = f"the answer to {method} holds neither a result nor an error"
            raise MCPServerError(what, self._server_name)
        told = error if isinstance(error, dict) else {}
        code = told.get("code")
        words = words_of_error(error) or f"it says no more than {code or error}"
        details = told.get("data")
        if details and code != PAGE_WANTED:
            text = details if isinstance(details, str) else to_json(details)
            words += f" ({excerpt(text, self._mask)})"
        raise MCPServerError(
            f"it refused {method}: {self._mask(words)}",
            self._server_name,
            code=code if isinstance(code, int) else 0,
            data=details,
        )

    def _reply(self, message: Message, caller: Caller) -> Message:
        """The answer to a request of the server."""
        method, id = message["method"], message["id"]
        if method == "ping":
            return result(id, {})
        if method != "elicitation/create" or self._on_elicitation is None:
            return refusal(id, METHOD_NOT_FOUND, f"{method} is not supported")
        return result(id, self._elicited(message.get("params"), caller))

    def _has_visited_pages(self, error: MCPServerError, caller: Caller) -> bool:
        """Whether the user has now been to the pages that a refusal names, if it names any.

        Raises:
            InputNeeded: A person is to be asked.
        """
        wanted = error.data.get("elicitations") if isinstance(error.data, dict) else None
        if error.code != PAGE_WANTED or not isinstance(wanted, list) or not wanted:
            return False
        if self._on_elicitation is not None:
            said = [self._elicited(page, caller) for page in wanted]
        elif caller.answers is None:
            return False
        else:
            pages = [self._question({"params": page}) for page in wanted]
            answers = [self._answer_to(page, caller.answers) for page in pages]
            if None in answers:
                raise caller.answers.needed(*pages) from None
            said = [answer for answer in answers if answer is not None]
        return all(answer["action"] == "accept" for answer in said)

    def _input(self, wanted: Any, caller: Caller) -> dict[str, Any]:
        """The answer to a question that came in place of a result."""
        method = wanted.get("method") if isinstance(wanted, dict) else None
        if method != "elicitation/create" or self._on_elicitation is None:
            what = f"it asks for {method}, which is not supported"
            raise MCPServerError(what, self._server_name, code=INVALID_REQUEST)
        return self._elicited(wanted.get("params"), caller)

    def _elicited(self, params: Any, caller: Caller) -> dict[str, Any]:
        """Ask the user; gives {"action": ..., "content": ...}."""
        question = MCPElicitation.of(params, self._server_name)
        said = caller.call(self._on_elicitation, question)
        if said is None:
            return {"action": "decline"}
        if not isinstance(said, Mapping):
            raise UserError(
                "on_elicitation must return the form's fields as a dict, "
                f"{{'action': 'cancel'}}, or None to decline; got {repr_of(said)}"
            )
        if said.get("action") in ("accept", "decline", "cancel") and set(said) <= _SAID:
            return dict(said)
        return {"action": "accept", **({} if question.url else {"content": dict(said)})}

    def _question(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        return asdict(MCPElicitation.of(wanted.get("params"), self._server_name))

    def _take(self, message: Message) -> None:
        """Hear what belongs to no request of ours."""
        method, params = message.get("method"), message.get("params")
        if is_request(message):
            run_in_thread_or_here(self._reply_alone, message)
        elif method == "notifications/tools/list_changed":
            self.has_new_tools = True
        elif method == "notifications/message" and isinstance(params, dict):
            words = escaped(self._mask(f"({params.get('level')}): {params.get('data')}"))
            logger.debug("MCP server %s %s", self._server_name, words)

    def _reply_alone(self, message: Message) -> None:
        """Answer a request of the server that belongs to no request of ours."""
        with Alone() as caller, suppress(MCPServerError):
            try:
                reply = self._reply(message, caller)
            except Exception as error:
                logger.exception("on_elicitation of MCP server %s failed", self._server_name)
                reply = refusal(message["id"], INVALID_REQUEST, type(error).__name__)
            self.transport.post(reply, caller.cancellation)


def _is_elicitation(wanted: Any) -> bool:
    return isinstance(wanted, dict) and wanted.get("method") == "elicitation/create"


def _has_lost_state(error: MCPServerError) -> bool:
    """Whether a server does not know the state that it gave, as where it has sealed it with a key
    that ended with its process."""
    return isinstance(error.data, dict) and error.data.get("reason") == "invalid_request_state"


def _with_answers(answers: Mapping[str, Any], state: Any) -> dict[str, Any]:
    """What a request says that is made again with the answers to what was asked."""
    params = {"inputResponses": dict(answers)}
    return params if state is None else {**params, "requestState": state}


def _may_be_older(error: MCPServerError) -> bool:
    """Whether a server that does not know how to be discovered may know the handshake."""
    if error.code == UNSUPPORTED_VERSION:
        named = _versions_named_by(error)
        return not named or any(version in HANDSHAKE_VERSIONS for version in named)
    if isinstance(error, HTTPRefusal):
        return error.status_code not in (401, 403)
    return not isinstance(error, ConnectionLost)


def _versions_named_by(error: MCPServerError) -> list[str]:
    """The revisions that the server speaks, where an error says so."""
    return _as_list(error.data.get("supported") if isinstance(error.data, dict) else None)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
