"""What a model or a tool is asked, as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from pydantic_core import to_jsonable_python

from ..models.openai_provider import get_default_model
from ..models.tool_json import handoff_to_request, tool_to_request

if TYPE_CHECKING:
    from ..models.interface import ModelRequest
    from ..running.live_run import LiveRun

JSON = dict[str, Any]

_NOT_ASKED = {"extra_headers", "extra_query", "timeout"}
"""Settings that may hold keys, or that only concern the connection."""
_SECRETS = {
    "headers", "authorization", "apikey", "key", "token", "accesstoken", "password", "secret",
    "clientsecret", "cookie", "credentials",
}  # fmt: skip
"""Names of fields that are left out, small letters only."""


def plain(value: Any) -> Any:
    """A copy of a value as JSON; what JSON cannot express is told as `str` tells it."""
    return json.loads(json.dumps(value, default=_as_jsonable))


def model_name(run: LiveRun) -> str:
    """The model of a run's next call, by its name; no provider is asked, nor a key needed."""
    wanted = run.agent.model if run.config.model is None else run.config.model
    if wanted is None:
        return get_default_model()
    return wanted if isinstance(wanted, str) else getattr(wanted, "model", type(wanted).__name__)


def question_of(request: ModelRequest, model: str) -> JSON:
    """A request without keys and headers; what is not set is left out."""
    settings = {k: v for k, v in vars(request.model_settings).items() if k not in _NOT_ASKED}
    schema = request.output_schema
    is_typed = schema is not None and not schema.is_plain_text()
    asked = {
        "model": model,
        "instructions": request.system_instructions,
        "settings": without_secrets(settings),
        "tools": [
            *(_tool(tool_to_request(tool)) for tool in request.tools),
            *(handoff_to_request(offer) for offer in request.handoffs),
        ],
        "output": schema.json_schema() if schema is not None and is_typed else None,
        "prompt": request.prompt,
        "previous_response_id": request.previous_response_id,
        "conversation_id": request.conversation_id,
    }
    told = {name: value for name, value in asked.items() if value not in (None, {}, [])}
    copied: JSON = plain({**told, "input": request.input})
    return copied


def _tool(declared: JSON) -> JSON:
    """A tool without keys; the parameters of a function may have any name."""
    if declared["type"] == "function":
        return declared
    kept: JSON = without_secrets(declared)
    if isinstance(url := kept.get("server_url"), str):
        parts = urlsplit(url)
        place = parts.netloc.rpartition("@")[2]
        kept["server_url"] = urlunsplit((parts.scheme, place, parts.path, "", ""))
    return kept


def without_secrets(value: Any) -> Any:
    """A JSON value without the fields that bear names of secrets."""
    if isinstance(value, dict):
        return {
            name: without_secrets(inner)
            for name, inner in value.items()
            if inner is not None and not _is_secret(name)
        }
    return [without_secrets(inner) for inner in value] if isinstance(value, list) else value


def _is_secret(name: str) -> bool:
    plain_name = "".join(filter(str.isalnum, name.lower()))
    return plain_name in _SECRETS or plain_name.endswith(("apikey", "secret", "password"))


def _as_jsonable(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)
    if dump is not None:
        return dump(exclude_none=True)
    return to_jsonable_python(value, fallback=str)
