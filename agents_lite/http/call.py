"""One request for a response, over all its tries."""

from __future__ import annotations

import json
import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from marshal import dumps
from typing import Any, TypeAlias

import requests
from pydantic_core import from_json, to_json

from ..concurrency.timers import call_at
from ..exceptions import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    NotFoundError,
    ResponseFailedError,
    UserError,
)
from ..response_types import ResponseStreamEvent, as_python
from ..shown import escaped
from .answer import WIRE_ERRORS, Answer, Limits, Translate, event_number
from .assembly import Deltas, ResponseSoFar
from .background import Background
from .connections import Exchange
from .endpoint import Endpoint, Outgoing, response_path
from .errors import ErrorWriter, was_sent
from .frames import hide_frames
from .repeated import RepeatedList
from .retries import has_effects, parse_poll_after

Reword: TypeAlias = Callable[[APIStatusError], dict[str, Any]]
"""Gives the body that asks for the same as it should be after a refusal; maybe it is as it was."""

logger = logging.getLogger("agents_lite")

CANCEL_SECONDS = 2.0
"""How long the server may take to hear that a background response is not wanted any more."""

_OF_NONE_KEPT = "reasoning.encrypted_content"
"""What OpenAI refuses to include in a response that it keeps."""

MOST_WRITTEN = 32
"""Lists of tools of which the JSON is kept."""

_written_tools: dict[bytes, bytes] = {}
"""The JSON of lists of tools, by what marshal tells of them."""


@dataclass(repr=False, eq=False, slots=True)
class Question:
    """What a caller asks of a server."""

    body: Mapping[str, Any]
    """The request as JSON; empty once it is written, since its bytes are enough from then on."""
    headers: Mapping[str, str]
    """Added to those of the client."""
    query: Mapping[str, Any]
    """Added to the URL."""
    path: str
    """Where to post it, behind the base URL."""
    translate: Translate | None
    """Makes events of the Responses API out of the answer; None: it has some."""
    reword: Reword | None
    """Has another body for a server that refuses this one, if there is one; None: nobody has."""


class Call:
    """A request for a response and what has come of it so far.

    Raises:
        UserError: The body is no JSON.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        question: Question,
        limits: Limits,
        background: Background | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._limits = limits
        self._question = question
        self._wants_stream = bool(question.body.get("stream"))
        self._is_background = bool(question.body.get("background"))
        self._has_effects = has_effects(question.body.get("tools"))
        wanted = question.body.get("include")
        listed = wanted if isinstance(wanted, list) else ()
        self._include = tuple([part for part in listed if part != _OF_NONE_KEPT])
        secrets = [*endpoint.secrets, *map(str, question.headers.values())]
        self._outgoing = self._first = _first_request(question, secrets)
        self._response: requests.Response | None = None
        self._so_far = ResponseSoFar()
        self._resumed_after = -math.inf
        self._background = background
        self._collects = False
        self._errors = ErrorWriter(endpoint.address.host, endpoint.timeout, secrets)
        if background is not None and background.response_id is not None:
            self._collects = self._is_background = True
            self._so_far.response = {"id": background.response_id, "status": "queued"}
            self.ask_later()

    def events(self, exchange: Exchange) -> Iterator[ResponseStreamEvent | Deltas]:
        """Send the request once and give the events of its answer, the terminal one last.

        Raises:
            APIError: No answer, or an error for one. The events raise it, too, if they have no
                good end.
            UserError: A header cannot be sent.
        """
        self._errors.request_id = None
        if not self._is_background:
            self._so_far = ResponseSoFar()  # another try begins anew
        try:
            response = self._response = self._sent(exchange)
        except WIRE_ERRORS as error:
            raise self._errors.lost(error) from error
        except BaseException as error:
            hide_frames(error)
            raise
        self._errors.note_id(response)
        if logger.isEnabledFor(logging.DEBUG):
            host, shown_id = self._endpoint.address.host, escaped(str(self._errors.request_id))
            logger.debug("%s answered with %d, request %s", host, response.status_code, shown_id)
        answer = Answer(
            response,
            exchange,
            self._so_far,
            self._errors,
            self._limits,
            self._question.translate,
            self._is_background,
        )
        events = answer.events(self._wants_stream, self._resumed_after)
        return events if self._background is None else self._noted(events)

    def leave_answer(self) -> None:
        """Read no more of the answer, if there was one."""
        if self._response is not None:
            self._response.close()

    @property
    def is_over(self) -> bool:
        """Whether all events have come; else the server is still at work on a response."""
        return not self._so_far.is_under_way

    @property
    def poll_after(self) -> float | None:
        """Seconds that the server wants to be left alone before it is asked again, or None."""
        return None if self._response is None else parse_poll_after(self._response.headers)

    def ask_later(self) -> None:
        """Have the next try ask what has become of the response."""
        self._outgoing = self._about_response("GET", "", {"include[]": self._include})

    def begin_anew(self, failure: APIError) -> bool:
        """Have the next try ask for a new response, if the one to be collected is not there."""
        if not self._collects or not isinstance(failure, NotFoundError):
            return False
        self._collects = False
        self._so_far, self._outgoing = ResponseSoFar(), self._first
        return True

    def note_effects(self, failure: APIError) -> None:
        """Note on a failure whether the server may have called tools of its own before."""
        known = self._so_far.response
        status = failure.status_code if isinstance(failure, APIStatusError) else None
        is_refused = status is not None and (status < 500 or status in (503, 529))
        if is_refused or (self._is_background and known.get("id")):  # which is asked about then
            return
        has_some = self._has_effects or has_effects(known.get("tools"))  # of a stored prompt, too
        failure.may_have_acted = has_some and was_sent(failure.__cause__)

    def ask_in_other_words(self, failure: APIError) -> bool:
        """Have the next try send another body, if there is one that the server may take."""
        reword = self._question.reword
        if reword is None or not isinstance(failure, APIStatusError):
            return False
        self._question.body = reword(failure)
        outgoing = _first_request(self._question, self._first.secrets)
        if outgoing.content == self._first.content:
            return False
        self._outgoing = self._first = outgoing
        return True

    def give_up(self, error: BaseException) -> None:
        """End with an error: a background response that nobody waits for is stopped."""
        background = self._background
        if isinstance(error, APIError):  # then it has ended, or may be reached another time
            is_given_up = isinstance(error, ResponseFailedError)
        else:
            is_given_up = background is None or not background.is_left(error)
            if is_given_up:
                self._cancel()
        if is_given_up and background is not None:
            background.note(None)

    def _sent(self, exchange: Exchange) -> requests.Response:
        """The answer; a kept connection that turns out to be closed is replaced by another."""
        while True:
            exchange.was_idle_too_long = False
            try:
                return self._endpoint.send(self._outgoing, exchange)
            except requests.ConnectionError:
                if exchange.is_cut or not exchange.was_idle_too_long:
                    raise

    def _cancel(self) -> None:
        """Tell the server to stop working on a background response."""
        so_far = self._so_far
        if not self._is_background or so_far.is_settled or not so_far.response.get("id"):
            return
        exchange = Exchange()
        try:
            limit = call_at(time.monotonic() + CANCEL_SECONDS, exchange.cut)
            outgoing = self._about_response("POST", "/cancel", {}, b"")
            self._endpoint.send(outgoing, exchange).close()
            limit.cancel()
        except Exception as error:  # at the interpreter's exit, no thread can start for the limit
            cause = self._errors.lost(error)
            logger.info("A background response could not be cancelled: %s", cause)

    @property
    def may_be_tried_again(self) -> bool:
        """Whether nothing is lost by another try, or what was handed out can be taken up again."""
        so_far = self._so_far
        if self._is_background:
            return not so_far.is_settled and (so_far.last_event is None or self._can_be_resumed)
        return so_far.is_blank

    def resume(self) -> bool:
        """Have the next try ask for the rest of a background response, if there was some of it.

        Returns:
            Whether the last try got any further than the one before it.
        """
        if not self._is_background or self._so_far.last_event is None:
            return False
        number = event_number(self._so_far.last_event, default=-1)
        has_got_on = number != self._resumed_after
        self._resumed_after = number
        self._outgoing = self._about_response(
            "GET", "", {"stream": "true", "starting_after": number, "include[]": self._include}
        )
        return has_got_on

    def final_error(self, failure: APIError) -> APIError:
        """The error to raise for the last failure, when no further try is made."""
        may_have_acted = failure.may_have_acted
        if isinstance(failure, APIConnectionError) and self._so_far.last_event is not None:
            if self._so_far.error is not None:
                failure = self._errors.error_event(self._so_far.error, self._so_far.known())
            elif not isinstance(failure, APITimeoutError):
                what = f"The stream broke off before its last event: {failure}"
                failure = self._errors.failed(what, self._so_far.known())
        failure.request_id = failure.request_id or self._errors.request_id
        failure.is_final, failure.may_have_acted = True, may_have_acted
        # The errors below hold the request, and so its headers with the key.
        failure.__cause__ = failure.__context__ = None
        return failure

    def _noted(
        self, events: Iterator[ResponseStreamEvent | Deltas]
    ) -> Iterator[ResponseStreamEvent | Deltas]:
        """The events; the response's id is noted before anybody waits for it."""
        for event in events:
            self._note()
            yield event
        self._note()

    def _note(self) -> None:
        so_far = self._so_far
        if self._background is not None and self._is_background and so_far.is_under_way:
            self._background.note(so_far.response["id"])

    @property
    def _can_be_resumed(self) -> bool:
        so_far = self._so_far
        is_numbered = so_far.last_event and event_number(so_far.last_event, default=-1) >= 0
        is_known = bool(so_far.response.get("id") and is_numbered)
        return self._wants_stream and is_known and not so_far.is_settled

    def _about_response(
        self, method: str, path: str, query: Mapping[str, Any], content: bytes | None = None
    ) -> Outgoing:
        """A request about the response that was asked for."""
        question = self._question
        return Outgoing(
            method,
            response_path(self._so_far.response["id"]) + path,
            question.headers,
            {**question.query, **query},
            content,
            self._outgoing.secrets,
        )


def _first_request(question: Question, secrets: list[str]) -> Outgoing:
    """The request with a question's body, which is let go of."""
    body, question.body = question.body, {}
    names = {name.lower() for name in question.headers}
    own = {"Idempotency-Key": f"agents-lite-{os.urandom(16).hex()}"}
    return Outgoing(
        "POST",
        question.path,
        question.headers if "idempotency-key" in names else {**question.headers, **own},
        question.query,
        serialized(body),
        secrets,
    )


def serialized(body: Mapping[str, Any]) -> bytes:
    """A body as JSON.

    Raises:
        UserError: It is none.
    """
    rest, parts = dict(body), []
    try:
        if "tools" in rest:
            parts.append(b'"tools":' + _tools_json(rest.pop("tools")))
        # What is nested deepest stands alone: each level takes 2.5 KB of the stack of a thread,
        # which has them for good, while it waits for the answer, too.
        if "input" in rest:
            parts.append(b'"input":' + _json(rest.pop("input")))
        if "messages" in rest:
            parts.append(b'"messages":' + _messages_json(rest.pop("messages")))
        if rest:
            parts.append(_json(rest)[1:-1])
        return b"{%b}" % b",".join(parts)
    except (ValueError, TypeError) as error:
        with suppress(ValueError, TypeError, RecursionError):  # lone surrogates become "?"
            text = json.dumps(body, default=as_python, ensure_ascii=False)
            return text.encode("utf-8", "replace")
        raise UserError(f"The request holds something that is not JSON: {error}") from error


def _json(value: Any) -> bytes:  # no `partial`, which would take some of the stack, too
    return to_json(value, fallback=as_python)


def _messages_json(messages: Any) -> bytes:
    return messages.to_json(_json) if isinstance(messages, RepeatedList) else _json(messages)


def _tools_json(tools: Any) -> bytes:
    """The JSON of a request's tools, written anew where they have changed."""
    try:
        # `==` would take 1, 1.0 and True for the same; version 2 writes equal ones alike.
        told = dumps(tools, 2)
    except ValueError:  # there are other kinds of values in them
        return _json(tools)
    written = _written_tools.get(told)
    if written is None:
        written = _json(tools)
        if from_json(written) == tools:  # else bytes or an array could be taken for each other
            if len(_written_tools) >= MOST_WRITTEN:
                _written_tools.clear()
            _written_tools[told] = written
    return written
