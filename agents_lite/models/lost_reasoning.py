"""Reasoning and calls at the server that it cannot read or find any more, or that it misses.

Reasoning is encrypted or signed for another key, account or model; shown to a model that does not
reason; kept nowhere, as the server keeps nothing; or cut from what it led to, which still bears the
id that leads to it. Code was run in a container that has expired.
"""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ..history import MAY_LACK_ID, without_id
from ..http.errors import words_of_refusal
from .replayed_reasoning import REPLAYED

if TYPE_CHECKING:
    from ..concurrency.cancellation import Cancellation
    from ..exceptions import APIStatusError
    from ..http.client import ResponsesClient
    from .interface import ModelRequest

Item = dict[str, Any]

_REFUSAL = (
    r"invalid_encrypted_content|encrypted content.*could not be (?:verified|decrypted)"
    r"|item with id .?[a-z]+_\w*.? not found"
    r"|provided without its required (?:.?reasoning|following)"
    r"|reasoning input items can only be provided to"
    r"|conflicting authenticated continuation|container is expired|expected container_id"
    r"|invalid .?signature.? in .?thinking|thinking\.signature"
    r"|(?:invalid|corrupted) thought.?signature|thought.?signature is not valid"
)
_HOSTED = (
    "web_search_call",
    "file_search_call",
    "code_interpreter_call",
    "image_generation_call",
    "mcp_call",
)
"""Items that may follow reasoning, and that the API does not take without their ids."""

_logger = logging.getLogger("agents_lite")

_lost: WeakKeyDictionary[Cancellation, set[str]] = WeakKeyDictionary()
"""The ids and secrets that were refused in each run, by what stops it and all of its parts."""


def without_lost(request: ModelRequest) -> ModelRequest:
    """A request without the reasoning and ids that have been refused in its run.

    With them go calls of tools at the server, such as searches, which it takes by their ids alone.
    """
    lost = _lost.get(request.cancellation.root)
    if not lost:
        return request
    kept = []
    for item in request.input:
        if _name(item) in lost:
            if (item.get("type") or "message") not in MAY_LACK_ID:
                continue
            item = without_id(item)
        kept.append(item)
    return replace(request, input=kept)


def note_lost(request: ModelRequest, client: ResponsesClient, refusal: APIStatusError) -> None:
    """Note the reasoning and ids of a request, if it was refused for these."""
    run = request.cancellation.root
    refused = {name for item in request.input if (name := _name(item)) is not None}
    known = _lost.get(run, set())
    words = words_of_refusal(refusal)
    if refused <= known or not re.search(_REFUSAL, words, re.IGNORECASE | re.DOTALL):
        return
    _logger.warning(
        "%s refuses earlier reasoning or calls of the conversation, which goes on without these",
        client.base_url,
    )
    _lost[run] = known | refused


def _name(item: Item) -> str | None:
    """What reasoning, or what follows it, is known by; None for anything else."""
    kind = item.get("type") or "message"
    if kind == "reasoning":
        replayed = str(item[REPLAYED]) if REPLAYED in item else None
        return item.get("encrypted_content") or item.get("id") or replayed
    return item.get("id") if kind in (*MAY_LACK_ID, *_HOSTED) else None
