"""Reasoning that its server cannot decrypt, as after a change of key, account or model."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ..exceptions import APIStatusError
from ..history import without_lost_reasoning
from ..response_types import ResponseStreamEvent
from .sending import send

if TYPE_CHECKING:
    from ..concurrency.cancellation import Cancellation
    from ..http.client import ResponsesClient
    from .interface import ModelRequest

_REFUSAL = re.compile(
    r"invalid_encrypted_content|encrypted content.*could not be (?:verified|decrypted)",
    re.IGNORECASE | re.DOTALL,
)
_MOST_READ = 10_000
"""Characters of a refusal that are looked at."""

_logger = logging.getLogger("agents_lite")

_unreadable: WeakKeyDictionary[Cancellation, set[str]] = WeakKeyDictionary()
"""What was refused in each run, by what stops it."""


def send_readable(
    client: ResponsesClient,
    request: ModelRequest,
    request_body: Callable[[ModelRequest], dict[str, Any]],
) -> Generator[ResponseStreamEvent, None, None]:
    """Send a request; once more without its encrypted reasoning, if the server cannot read that."""
    refused = _unreadable.get(request.cancellation, set())
    readable = _without(request, refused)
    try:
        with closing(send(client, request_body(readable), request)) as events:
            yield from iter(events)
        return
    except APIStatusError as refusal:
        text = f"{refusal.code} {refusal} {refusal.body}"[:_MOST_READ]
        found = {item["encrypted_content"] for item in readable.input if _is_encrypted(item)}
        if not found or not _REFUSAL.search(text):
            raise
    _logger.warning(
        "%s cannot read the encrypted reasoning of the conversation, which goes on without it",
        client.base_url,
    )
    _unreadable[request.cancellation] = refused = refused | found
    with closing(send(client, request_body(_without(request, refused)), request)) as events:
        yield from iter(events)


def _without(request: ModelRequest, refused: set[str]) -> ModelRequest:
    if not refused:
        return request
    kept = [
        item
        for item in request.input
        if not (_is_encrypted(item) and item["encrypted_content"] in refused)
    ]
    return replace(request, input=without_lost_reasoning(request.input, kept))


def _is_encrypted(item: dict[str, Any]) -> bool:
    return item.get("type") == "reasoning" and isinstance(item.get("encrypted_content"), str)
