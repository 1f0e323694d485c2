"""Where finished traces and spans go: the OpenAI traces endpoint, or the console."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from http.cookiejar import DefaultCookiePolicy
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

import requests

from .json_text import json_text
from .processor_interface import TracingExporter, convert_each
from .warnings import WarnOnce

if TYPE_CHECKING:
    from .spans import Span
    from .traces import Trace

_TIMEOUT = (10.0, 30.0)  # seconds to connect, seconds between bytes
_LAST_TIMEOUT = (2.0, 3.0)  # the same for what is sent once the program ends
_MAX_BODY_BYTES = 4_000_000
_TOO_LARGE = 413
_KNOWN_USAGE = ("input_tokens", "output_tokens")  # the endpoint refuses a span with others


class BackendSpanExporter(TracingExporter):
    """Sends traces and spans to the OpenAI traces endpoint.

    Without an API key it sends nothing and says nothing. What the endpoint refuses is dropped,
    with one warning.

    Source of the format: POST {"data": [...]}, header `OpenAI-Beta: traces=v1`, as the OpenAI
    Agents SDK for Python sends it.
    """

    def __init__(
        self,
        api_key: str | None = None,
        organization: str | None = None,
        project: str | None = None,
        endpoint: str = "https://api.openai.com/v1/traces/ingest",
        max_retries: int = 3,
        base_delay: float = 1.0,
        max_delay: float = 30.0,
    ) -> None:
        """Set up; nothing is sent yet.

        Args:
            api_key: The key to send; None for `OPENAI_API_KEY`, read when it is needed.
            organization: An OpenAI organization; None for `OPENAI_ORG_ID`.
            project: An OpenAI project; None for `OPENAI_PROJECT_ID`.
            endpoint: URL to post to.
            max_retries: Tries in all, on network errors and answers of 500 and above.
            base_delay: Seconds before the second try; each following wait is twice as long.
            max_delay: Longest wait in seconds.
        """
        self._api_key = api_key
        self._organization = organization
        self._project = project
        self._endpoint = endpoint
        self._max_retries = max_retries
        self._base_delay = base_delay
        self._max_delay = max_delay
        self._session: requests.Session | None = None
        self._session_pid = 0
        self._is_closing = False
        self._wakes: SimpleQueue[None] = SimpleQueue()  # from the wait between two tries
        self._warn = WarnOnce()
        self._warn_item = WarnOnce()

    @property
    def api_key(self) -> str | None:
        """The key to send, or None where there is none."""
        return self._api_key or os.environ.get("OPENAI_API_KEY") or None

    def set_api_key(self, api_key: str) -> None:
        """Send this key from now on."""
        self._api_key = api_key

    def export(self, items: Sequence[Trace | Span[Any]]) -> None:
        """Send the items, in several requests where they are too large for one."""
        if self.api_key is None:
            return
        for name, value in self._headers().items():
            if not _fits_header(value):
                self._warn("Traces are dropped: what is set for the header %s cannot be one.", name)
                return
        texts = convert_each(_endpoint_text, items, self._warn_item)
        for batch in _batches_by_size(filter(None, texts)):
            self._send(batch)

    def shutdown(self) -> None:
        """Stop waiting between tries; the program ends."""
        self._is_closing = True
        self._wakes.put(None)

    def _send(self, texts: list[bytes]) -> None:
        status = self._post(b'{"data":[' + b",".join(texts) + b"]}")
        if status == _TOO_LARGE and len(texts) > 1:
            middle = len(texts) // 2
            self._send(texts[:middle])
            self._send(texts[middle:])
        elif status is None:
            self._warn("%s cannot be reached; traces are dropped.", self._endpoint)
        elif status >= 300:
            self._warn("%s answered %d; traces are dropped.", self._endpoint, status)

    def _post(self, body: bytes) -> int | None:
        """Post and try again where that may help; the last answer's status, None for no answer."""
        status = None
        for attempt in range(self._max_retries):
            if attempt and not self._is_closing:
                with suppress(Empty):
                    delay = min(self._base_delay * 2 ** (attempt - 1), self._max_delay)
                    self._wakes.get(timeout=delay)
            is_closing = self._is_closing
            try:
                response = self._open_session().post(
                    self._endpoint,
                    data=body,
                    headers=self._headers(),
                    timeout=_LAST_TIMEOUT if is_closing else _TIMEOUT,
                    allow_redirects=False,
                )
            except (OSError, ValueError, TypeError):  # the last two for what is no proxy
                status = None
                if is_closing:
                    break
                continue
            status = response.status_code
            if status < 500:
                break
        return status

    def _open_session(self) -> requests.Session:
        if self._session is None or self._session_pid != os.getpid():  # sockets of a parent process
            session = requests.Session()
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            settings = session.merge_environment_settings(self._endpoint, {}, None, None, None)
            session.proxies = settings["proxies"]
            session.verify = settings["verify"]
            session.trust_env = False  # it is looked up once; and .netrc would replace the key
            self._session = session
            self._session_pid = os.getpid()
        return self._session

    def _headers(self) -> dict[str, str]:
        headers = {
            "Authorization": f"Bearer {self.api_key}",
            "Content-Type": "application/json",
            "OpenAI-Beta": "traces=v1",
        }
        organization = self._organization or os.environ.get("OPENAI_ORG_ID")
        project = self._project or os.environ.get("OPENAI_PROJECT_ID")
        if organization:
            headers["OpenAI-Organization"] = organization
        if project:
            headers["OpenAI-Project"] = project
        return headers


class ConsoleSpanExporter(TracingExporter):
    """Prints traces and spans, one line of JSON each."""

    def __init__(self) -> None:
        self._warn_item = WarnOnce()

    def export(self, items: Sequence[Trace | Span[Any]]) -> None:
        """Print the items."""
        for exported in convert_each(lambda item: item.export(), items, self._warn_item):
            if exported is not None:
                print(json_text(exported).decode())


def _fits_header(value: str) -> bool:
    return value.isprintable() and value.encode("latin-1", "ignore").decode("latin-1") == value


def _endpoint_text(item: Trace | Span[Any]) -> bytes | None:
    exported = item.export()
    return None if exported is None else json_text(_with_known_usage(exported))


def _with_known_usage(item: dict[str, Any]) -> dict[str, Any]:
    usage = item.get("span_data", {}).get("usage")
    if not isinstance(usage, dict):
        return item
    known = {name: usage[name] for name in _KNOWN_USAGE if name in usage}
    return {**item, "span_data": {**item["span_data"], "usage": known}}


def _batches_by_size(texts: Iterable[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for text in texts:
        if batch and size + len(text) > _MAX_BODY_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += len(text)
    if batch:
        yield batch
