"""Requests that are not for responses: JSON, files."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import requests
from urllib3.filepost import encode_multipart_formdata

from ..concurrency.cancellation import Cancellation
from ..concurrency.timers import call_at
from ..exceptions import APITimeoutError
from .answer import WIRE_ERRORS
from .call import serialized
from .chunked import BLOCK_SIZE
from .connections import Exchange
from .endpoint import Endpoint, Outgoing
from .errors import ErrorWriter, parse_json
from .frames import hide_frames

LONGEST_FILE = 2 << 30
"""Bytes of a file that are read in any case."""


@dataclass(frozen=True)
class Upload:
    """A file to be sent, with fields beside it."""

    name: str
    content: bytes
    fields: Mapping[str, str]

    def encoded(self) -> tuple[bytes, str]:
        """The body and its type."""
        file = ("file", (self.name, self.content, "application/octet-stream"))
        return encode_multipart_formdata([*self.fields.items(), file])


class PlainCall:
    """A request, and the reading of its answer.

    Raises:
        UserError: The body is no JSON.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        method: str,
        path: str,
        body: dict[str, Any] | Upload | None,
        query: Mapping[str, Any],
        longest: int,
    ) -> None:
        self._endpoint = endpoint
        self._longest = longest
        headers = {"Idempotency-Key": f"agents-lite-{os.urandom(16).hex()}"}
        content: bytes | None = None
        if isinstance(body, Upload):
            content, headers["Content-Type"] = body.encoded()
        elif body is not None:
            content = serialized(body)
        self._outgoing = Outgoing(method, path, headers, query, content, [*endpoint.secrets])

    def json(
        self, deadline: float, scope: Cancellation, has: tuple[str, type] | None = None
    ) -> Any:
        """Send the request once and read the JSON that comes; see `content`.

        Raises:
            APIError: As for `content`; or it is no JSON, or no object that has such a field.
            UserError: A header cannot be sent.
        """
        content = self.content(deadline, scope)
        with suppress(ValueError):
            answer = parse_json(content)
            field, kind = has or ("", object)
            if has is None or (isinstance(answer, dict) and _is(answer.get(field), kind)):
                return answer
        raise self._errors().no_response(content)

    def content(self, deadline: float, scope: Cancellation) -> bytes:
        """Send the request once and read what comes, until `deadline` (of `time.monotonic()`).

        Args:
            deadline: Cuts it short.
            scope: Stops it from another thread.

        Raises:
            APIError: No answer, an error for an answer, or one that is too long.
            UserError: A header cannot be sent.
        """
        endpoint, exchange, errors = self._endpoint, Exchange(), self._errors()
        limit = call_at(deadline, exchange.cut)
        try:
            with scope.interrupting(exchange.cut):
                response = endpoint.send(self._outgoing, exchange)
                errors.note_id(response)
                content = self._read(response, errors)
            if exchange.is_cut:  # one that does not say how long it is seems to be whole
                raise ConnectionAbortedError("the answer was cut short")
        except WIRE_ERRORS as error:
            scope.check()
            if time.monotonic() >= deadline:
                raise APITimeoutError("The request was not done within its time") from None
            failure = errors.lost(error)
            failure.__cause__ = failure.__context__ = None  # they hold the request, and the key
            raise failure from None
        except BaseException as error:
            hide_frames(error)
            raise
        finally:
            limit.cancel()
            exchange.release()
        if response.status_code >= 300:
            raise errors.status(response, content, False)
        return content

    def _read(self, response: requests.Response, errors: ErrorWriter) -> bytes:
        content = bytearray()
        for block in response.iter_content(BLOCK_SIZE):
            content += block
            if len(content) > self._longest:
                response.close()
                raise errors.too_long("The answer", "max_answer_bytes", self._longest)
        return bytes(content)

    def _errors(self) -> ErrorWriter:
        endpoint = self._endpoint
        return ErrorWriter(endpoint.address.host, endpoint.timeout, self._outgoing.secrets)


def _is(value: Any, kind: type) -> bool:
    """Whether a value is of a kind; lists are those of objects."""
    is_it = isinstance(value, kind)
    return is_it and (kind is not list or all(isinstance(each, dict) for each in value))
