"""What went wrong on the wire, as the typed errors of this package, with secrets masked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic_core import from_json

from .exceptions import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    InternalServerError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
)

EXCERPT_LENGTH = 200
"""Characters of an unexpected answer that an error's message shows."""

_STATUS_ERRORS: dict[int, type[APIStatusError]] = {
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    408: APIStatusError,
    409: APIStatusError,
    429: RateLimitError,
}


class Secrets:
    """Texts that no error may show."""

    def __init__(self, texts: Iterable[str]) -> None:
        # Longest first, should one hold another; very short ones would garble every message.
        self._texts = sorted({text for text in texts if len(text) > 3}, key=len, reverse=True)

    def mask(self, value: Any) -> Any:
        """A copy of some JSON in which each secret reads `***`."""
        if isinstance(value, str):
            for text in self._texts:
                value = value.replace(text, "***")
            return value
        if isinstance(value, dict):
            return {self.mask(name): self.mask(field) for name, field in value.items()}
        if isinstance(value, list):
            return [self.mask(element) for element in value]
        return value


def parse_json(content: bytes) -> Any:
    """Parse JSON; bytes that are no UTF-8, and half surrogates, become replacement characters.

    Raises:
        ValueError: It is not JSON.
    """
    try:
        return from_json(content)
    except ValueError:
        pass
    try:
        value = json.loads(content.decode("utf-8-sig", "replace"))
        return from_json(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def excerpt(content: bytes | str) -> str:
    """The beginning of an answer in one line."""
    text = content.decode("utf-8", "replace") if isinstance(content, bytes) else content
    line = " ".join(text[: 2 * EXCERPT_LENGTH].split())
    return line if len(line) <= EXCERPT_LENGTH else line[:EXCERPT_LENGTH] + " ..."


def error_details(body: Any) -> tuple[str | None, str | None]:
    """The code and the message of a server's error, nested (`{"error": {...}}`) or flat."""
    nested = body.get("error") if isinstance(body, dict) else None
    error = nested if isinstance(nested, dict) else body
    if not isinstance(error, dict):
        return None, None
    message = error.get("message") or nested or error.get("detail")
    code = error.get("code")
    return None if code is None else str(code), message if isinstance(message, str) else None


def status_error(
    status: int, reason: str, headers: Mapping[str, str], content: bytes, mask: Callable[[Any], Any]
) -> APIStatusError:
    """The typed error for an answer with a status other than 2xx.

    Args:
        status: The HTTP status.
        reason: Its name.
        headers: The answer's headers, names in lower case.
        content: The answer's body.
        mask: Hides secrets in JSON.
    """
    try:
        body = parse_json(content)
    except ValueError:
        body = content.decode("utf-8", "replace") or None
    body = mask(body)
    code, message = error_details(body)
    what = message or (excerpt(body) if isinstance(body, str) else excerpt(json.dumps(body)))
    default: type[APIStatusError] = InternalServerError if status >= 500 else BadRequestError
    if status < 400:
        default = APIStatusError
        what = "the redirect leads elsewhere and was not followed; set base_url to the new address"
    shown = {name: mask(value) for name, value in headers.items() if name != "set-cookie"}
    return _STATUS_ERRORS.get(status, default)(
        f"HTTP {status} {reason}: {what}" if body is not None or status < 400
        else f"HTTP {status} {reason}, with an empty body",
        status_code=status,
        headers=shown,
        request_id=server_request_id(headers),
        code=code,
        body=body,
    )


def server_request_id(headers: Mapping[str, str]) -> str | None:
    """The server's id of a request."""
    return headers.get("x-request-id") or headers.get("x-oai-request-id")


def root_cause(error: BaseException) -> str:
    """What the error at the bottom of a chain of wrapped ones says."""
    while True:
        wrapped = [getattr(error, "reason", None), *error.args, error.__cause__]
        inner = next((e for e in wrapped if isinstance(e, BaseException)), None)
        if inner is None:
            return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        error = inner
