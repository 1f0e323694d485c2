"""Requests that are not for responses: JSON out, JSON in."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from ..concurrency.timers import call_at
from ..exceptions import APITimeoutError
from .answer import WIRE_ERRORS
from .call import serialized
from .connections import Exchange
from .endpoint import Endpoint, Outgoing
from .errors import ErrorWriter, parse_json
from .frames import hide_frames


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
        body: dict[str, Any] | None,
        query: Mapping[str, Any],
    ) -> None:
        self._endpoint = endpoint
        headers = {"Idempotency-Key": f"agents-lite-{os.urandom(16).hex()}"}
        content = None if body is None else serialized(body)
        self._outgoing = Outgoing(method, path, headers, query, content, [*endpoint.secrets])

    def answer(self, deadline: float) -> Any:
        """Send the request once and read what comes, until `deadline` (of `time.monotonic()`).

        Raises:
            APIError: No answer, an error for an answer, or no JSON.
            UserError: A header cannot be sent.
        """
        endpoint, exchange = self._endpoint, Exchange()
        errors = ErrorWriter(endpoint.address.host, endpoint.timeout, self._outgoing.secrets)
        limit = call_at(deadline, exchange.cut)
        try:
            response = endpoint.send(self._outgoing, exchange)
            errors.request_id = response.headers.get("x-request-id")
            content = response.content
        except WIRE_ERRORS as error:
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
        try:
            return parse_json(content)
        except ValueError:
            raise errors.no_response(content) from None
