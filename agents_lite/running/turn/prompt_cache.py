"""The server's cache of prompts: what helps it, and saying so where a run works against it.

Source: https://platform.openai.com/docs/guides/prompt-caching
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ...models.interface import Model, ModelRequest
    from ..live_run import LiveRun

SMALLEST_CACHED = 1024
"""Tokens; servers cache no prompt that is shorter."""
MOST_TOLD = 1000
"""Warnings that are remembered; where there are more agents, one may be said again."""
_CACHES_BY_KEY = "api.openai.com"

_logger = logging.getLogger("agents_lite")
_told: set[tuple[str, str]] = set()  # the agents and what they have changed


class SentPrompt(NamedTuple):
    """What of a request stands before the new part of the next one."""

    agent: Any
    instructions: str | None
    tools: list[Any]
    output_type: str | None
    input: list[Any] | None
    """None: the server keeps the conversation."""


def sent_prompt(request: ModelRequest, run: LiveRun) -> SentPrompt:
    """The prompt of a request."""
    schema = request.output_schema
    return SentPrompt(
        run.agent,
        request.system_instructions,
        [*request.tools, *request.handoffs],
        None if schema is None else schema.name(),
        None if run.record.conversation.server_keeps_history else request.input,
    )


def with_cache_key(request: ModelRequest, model: Model, run: LiveRun) -> ModelRequest:
    """The request with a key for OpenAI's cache, if it has none: the requests of a session, of a
    conversation or of a group go by the same key. It tells nobody what they are called.
    """
    if run.session is None and run.group_id is None and request.conversation_id is None:
        return request
    settings = request.model_settings
    is_one_of_many = callable(run.config.group_id)  # all of which may begin alike
    group = None if is_one_of_many else run.group_id
    name = request.conversation_id or run.session_id or group
    if not name or settings.prompt_cache_key is not None or model.hostname != _CACHES_BY_KEY:
        return request
    key = hashlib.sha256(name.encode(errors="replace")).hexdigest()[:32]
    return replace(request, model_settings=replace(settings, prompt_cache_key=key))


def warn_of_change(before: SentPrompt, prompt: SentPrompt) -> None:
    """Say, once, what an agent has changed so that the server's cache is of no use to it."""
    what = None if before.agent is not prompt.agent else _change(before, prompt)
    name = str(getattr(prompt.agent, "name", ""))
    if what is not None and (name, what) not in _told:
        if len(_told) >= MOST_TOLD:
            _told.clear()
        _told.add((name, what))
        _logger.warning(
            "Agent %s breaks the cache of its prompt: %s changed between two model calls of a run, "
            "so that all that follows is read and paid anew. What changes belongs at the end.",
            name,
            what,
        )


def _change(before: SentPrompt, prompt: SentPrompt) -> str | None:
    if _declared(before.tools) != _declared(prompt.tools):
        return "the tools or handoffs"
    if before.instructions != prompt.instructions:
        return "the instructions"
    if before.output_type != prompt.output_type:
        return "the output type"
    if before.input is None or prompt.input is None:
        return None
    if prompt.input[: len(before.input)] != before.input:
        return "what was said before"
    return None


def _declared(tools: list[Any]) -> list[Any]:
    return [(getattr(t, "name", None) or t.tool_name, _schema(t)) for t in tools]


def _schema(tool: Any) -> Any:
    names = ("description", "tool_description", "params_json_schema", "input_json_schema")
    return [getattr(tool, name, None) for name in names]
