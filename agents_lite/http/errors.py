"""What went wrong on the wire, as the typed errors of this package, with secrets masked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import requests
from pydantic_core import from_json
from urllib3.exceptions import DecodeError, MaxRetryError, ReadTimeoutError
from urllib3.util import Timeout

from ..exceptions import (
    APIConnectionError,
    APIError,
    APIResponseError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    InternalServerError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ResponseFailedError,
)
from ..response_types import Response
from ..shown import SHORTEST_SECRET
from .address import without_query
from .assembly import error_details

_REMEDIES = {
    "certificate has expired": "the server must renew it, if the clock of this machine is right",
    "certificate is not yet valid": "is the clock of this machine right?",
    "certificate is not valid for": "name the host as its certificate does",
    "CERTIFICATE_VERIFY_FAILED": "name the file of an authority of your own in REQUESTS_CA_BUNDLE",
    "[X509": "REQUESTS_CA_BUNDLE must name a file of certificates",
    "WRONG_VERSION_NUMBER": "a server or proxy without TLS has a URL that begins with http://",
    "Tunnel connection failed: 407": "give it a login: http://name:password@host:port",
}
"""What to do about a failed connection, by a part of its cause; the first one counts."""
_REQUEST_IDS = ("x-request-id", "x-oai-request-id", "request-id", "apim-request-id")
"""Headers with the server's id of a request: OpenAI's, Anthropic's, and Azure's gateway's."""
EXCERPT_LENGTH = 200
"""Characters of an unexpected answer that an error's message shows."""
_MOST_READ = 10_000
"""Characters of a refusal that are looked at; some servers add the whole request."""

_OTHER_API = (
    ". Does this server speak Chat Completions only? Then use OpenAIChatCompletionsModel, or "
    'set_default_openai_api("chat_completions").'
)

_STATUS_ERRORS: dict[int, type[APIStatusError]] = {
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    408: APIStatusError,
    409: APIStatusError,
    429: RateLimitError,
}


class ErrorWriter:
    """Words the errors of one request so that no secret shows in them.

    Args:
        host: The server, as messages name it.
        timeout: Seconds to connect and to read, as messages name them.
        secrets: The API key and what else no error may show; more may be added later.
    """

    def __init__(self, host: str, timeout: Timeout, secrets: Sequence[str]) -> None:
        self.request_id: str | None = None
        """The server's id of the request, once an answer has named it."""
        self._host = host
        self._timeout = timeout
        self._secrets = secrets

    def note_id(self, answer: requests.Response) -> None:
        """Take the id that the server has given the request."""
        self.request_id = next(filter(None, map(answer.headers.get, _REQUEST_IDS)), None)

    def lost(self, error: Exception) -> APIError:
        """The exchange failed below HTTP, or within it, with `error`."""
        host, timeout = self._host, self._timeout
        status, headers = status_in(error)  # one of a session of the user's may know it
        if status is not None:
            return _status_error(status)(
                f"HTTP {status}: {self._mask(root_cause(error))}",
                status_code=status,
                headers=self._shown(headers),
            )
        if isinstance(error, requests.ConnectTimeout):
            return APITimeoutError(f"No connection to {host} within {timeout.connect_timeout:g} s")
        if isinstance(error, requests.ReadTimeout | ReadTimeoutError):
            return APITimeoutError(f"{host} was silent for {timeout.read_timeout:g} s")
        cause = self._mask(cause_in_words(error))
        if isinstance(error, DecodeError | requests.exceptions.ContentDecodingError):
            return APIResponseError(f"The answer of {host} cannot be decompressed: {cause}")
        return APIConnectionError(f"The connection to {host} failed: {cause}")

    def status(
        self, answer: requests.Response, content: bytes, is_followed: bool
    ) -> APIStatusError:
        """The answer has a status other than 2xx; `content` is its body as far as it came.

        `is_followed` says that it is a redirect as they are followed, so there were too many.
        """
        try:
            body = self._mask(parse_json(content))
        except ValueError:
            body = self._mask(content.decode("utf-8", "replace")) or None
        status = answer.status_code
        code, what = error_details(body)
        if what is not None:
            what = readable(what)
        if status in (301, 302, 303, 307, 308):
            what = "a redirect to elsewhere is not followed; set base_url to the new address"
            if is_followed:
                what = "too many redirects; set base_url to the address they should lead to"
        elif body is None:
            what = "with an empty body"
        elif what is None:
            what = readable(excerpt(body) if isinstance(body, str) else excerpt(json.dumps(body)))
        if status in (404, 405):
            hint = _OTHER_API if _is_unknown_path(answer, code, what) else ""
            what = f"{self._mask(without_query(str(answer.url)))}: {what}{hint}"
        return _status_error(status)(
            f"HTTP {status} {self._mask(answer.reason or '')}: {what}",
            status_code=status,
            headers=self._shown(answer.headers),
            request_id=self.request_id,
            code=code,
            body=body,
        )

    def no_response(self, content: bytes) -> APIResponseError:
        """The answer is good HTTP, but not what the API says."""
        text = excerpt(content, self._mask)
        return APIResponseError(
            f"{self._host} answered with something else than its API says: "
            f"{readable(text) or 'nothing at all'}",
            body=text or None,
        )

    def too_long(self, what: str, setting: str, limit: int) -> APIResponseError:
        """More came than may be read."""
        return APIResponseError(
            f"{what} of {self._host} is longer than {limit:,} bytes; "
            f"if that is right, allow more: ResponsesClient({setting}=...)"
        )

    def no_output(self, response: dict[str, Any]) -> APIResponseError:
        """The response is complete but for what it is all about."""
        return APIResponseError(
            "The response is complete, but its `output` is no list of items",
            body=self._mask(response),
        )

    def error_event(self, event: dict[str, Any], known: dict[str, Any]) -> ResponseFailedError:
        """The server reported an error in place of a response, or in the middle of it."""
        code, message = error_details(event)
        what = message or f"The server reported an error: {excerpt(json.dumps(event), self._mask)}"
        return self.failed(what, known, code, event)

    def failed(
        self, message: str, known: dict[str, Any], code: Any = None, body: Any = None
    ) -> ResponseFailedError:
        """The response did not come to a good end; `known` is what there is of it."""
        return ResponseFailedError(
            self._mask(message),
            response=Response(self._mask(known)) if known else None,
            request_id=self.request_id,
            code=None if code is None else self._mask(str(code)),
            body=self._mask(body),
        )

    def _shown(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers of an answer as an error has them, with names in lower case."""
        shown = {name.lower(): self._mask(value) for name, value in headers.items()}
        shown.pop("set-cookie", None)
        return shown

    def _mask(self, value: Any) -> Any:
        """A copy of some JSON in which each secret reads `***`."""
        long_enough = {secret for secret in self._secrets if len(secret) >= SHORTEST_SECRET}
        return _masked(value, sorted(long_enough, key=len, reverse=True))  # one may hold another


def _status_error(status: int) -> type[APIStatusError]:
    default = InternalServerError if status >= 500 else BadRequestError
    return _STATUS_ERRORS.get(status, default if status >= 400 else APIStatusError)


def _masked(value: Any, secrets: list[str]) -> Any:
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, "***")
        return value
    if isinstance(value, dict):
        return {_masked(name, secrets): _masked(each, secrets) for name, each in value.items()}
    if isinstance(value, list):
        return [_masked(element, secrets) for element in value]
    return value


def status_in(error: BaseException) -> tuple[int | None, dict[str, str]]:
    """The HTTP status of a refusal that an error of another client names, or None, and the headers
    beside it, with names in lower case.
    """
    answer: Any = getattr(error, "response", None)
    names = ("status_code", "http_status", "status", "code")
    named = [getattr(each, name, None) for each in (error, answer) for name in names]
    status = next((int(n) for n in named if isinstance(n, int) and 400 <= n < 600), None)
    headers = getattr(answer, "headers", None) or getattr(error, "headers", None) or {}
    return status, {str(name).lower(): str(value) for name, value in headers.items()}


def was_sent(cause: BaseException | None) -> bool:
    """Whether an exchange that failed had got beyond connecting."""
    return cause is None or not isinstance(next(iter(cause.args), None), MaxRetryError)


def words_of_refusal(error: APIError) -> str:
    """What a server says in refusing a request, its code included."""
    return f"{error.code} {error} {error.body}"[:_MOST_READ]


def _is_unknown_path(answer: requests.Response, code: str | None, message: str) -> bool:
    """Whether the server does not know /responses, rather than a model, or what it should keep."""
    path = urlsplit(str(answer.url)).path
    names_more = re.search(r"\bmodel|\bwith id\b", message, re.IGNORECASE)
    return path.endswith("/responses") and code in (None, "404") and not names_more


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


def excerpt(content: bytes | str, mask: Callable[[str], str] = str) -> str:
    """The beginning of an answer in one line, without secrets, also such as the end would cut."""
    text = content.decode("utf-8", "replace") if isinstance(content, bytes) else content
    line = " ".join(mask(text[: 2 * EXCERPT_LENGTH]).split())
    return line if len(line) <= EXCERPT_LENGTH else line[:EXCERPT_LENGTH] + " ..."


def readable(text: str) -> str:
    """The text as a message shows it: of a page in HTML no more than its title."""
    start = text.lstrip("\ufeff \t\r\n")[:300].lower()
    if not re.match("<[!a-z]", start):
        return text
    title = re.search(r"<title[^>]*>([^<]*)", text, re.IGNORECASE)
    return f"a page in HTML, titled {' '.join(title[1].split())!r}" if title else "a page in HTML"


def cause_in_words(error: BaseException) -> str:
    """What made an exchange fail, whether it was at a proxy, and what to do about it."""
    words = root_cause(error)
    if isinstance(error, requests.exceptions.ProxyError):
        words = f"at the proxy that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names: {words}"
    remedy = next((remedy for part, remedy in _REMEDIES.items() if part in words), None)
    return words if remedy is None else f"{words}; {remedy}"


def root_cause(error: BaseException) -> str:
    """What the error at the bottom of a chain of wrapped ones says."""
    while True:
        wrapped = [getattr(error, "reason", None), *error.args, error.__cause__]
        inner = next((e for e in wrapped if isinstance(e, BaseException)), None)
        if inner is None:
            words = str(error).strip()
            return f"{type(error).__name__}: {words}" if words else type(error).__name__
        error = inner
