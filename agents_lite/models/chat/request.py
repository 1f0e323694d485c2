"""A model request as the JSON of a chat completion.

Source: https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic_core import to_json

from ...exceptions import UserError
from ...model_settings import MCPToolChoice
from ..tool_json import handoff_to_request, tool_to_request
from .limits import CannotSay, check_request
from .messages import messages_of

if TYPE_CHECKING:
    from ...model_settings import ModelSettings
    from ...output_schema import AgentOutputSchemaBase
    from ..interface import ModelRequest
    from .output_format import OutputFormat

Json = dict[str, Any]

_PLAIN_SETTINGS = (
    "temperature",
    "top_p",
    "parallel_tool_calls",
    "metadata",
    "store",
    "top_logprobs",
    "prompt_cache_retention",
    "verbosity",
    "frequency_penalty",
    "presence_penalty",
    "prompt_cache_key",
    "safety_identifier",
    "service_tier",
)
"""Settings whose names are those of the request's fields; not all of them exist everywhere."""

_PROMPT = """\
Answer with a single JSON object and nothing else: no other words, no code fence. It has to be
valid for this JSON schema:
"""


def chat_request_body(
    model: str,
    request: ModelRequest,
    *,
    host: str,
    output_format: OutputFormat,
    replay_reasoning: Literal["auto"] | bool,
) -> Json:
    """The JSON of a request; what is None is left out.

    Args:
        model: The model's name.
        request: What to ask.
        host: The server, some of which have names of their own for a field.
        output_format: How to hold the server to an output type, if the request has one.
        replay_reasoning: Whether reasoning is sent back. "auto": to the server it came from.

    Raises:
        UserError: The API cannot say it; the message names the agent and the feature.
    """
    settings = request.model_settings
    given = vars(settings)
    try:
        check_request(request)
        instructions = _instructions(request, output_format)
        messages = messages_of(
            request.input, instructions, host, replay_reasoning, request.cancellation
        )
        tool_choice = _tool_choice(settings.tool_choice)
    except CannotSay as what:
        agent = request.agent_name
        who = "The model" if agent is None else f"Agent {agent}"
        raise UserError(f"{who} is asked by Chat Completions, which do not know {what}") from None
    body = {
        "model": model,
        "messages": messages,
        "tools": _tools(request),
        "tool_choice": tool_choice,
        "response_format": _response_format(request.output_schema, output_format),
        _tokens_field(host): settings.max_tokens,
        **{name: value for name in _PLAIN_SETTINGS if (value := given[name]) is not None},
        "logprobs": True if settings.top_logprobs is not None else None,
        "reasoning_effort": _effort(settings),
        "stream_options": {"include_usage": True}
        if request.stream and settings.include_usage is not False
        else None,
        **(settings.extra_args or {}),
    }
    if body["tools"] is None:  # the API takes these beside tools only; who demands a call is told
        body["parallel_tool_calls"] = None
        if tool_choice in ("auto", "none"):
            body["tool_choice"] = None
    return {
        **{name: value for name, value in body.items() if value is not None},
        "stream": request.stream,
        **(settings.extra_body or {}),
    }


def _instructions(request: ModelRequest, output_format: OutputFormat) -> str | None:
    if request.output_schema is None or output_format == "json_schema":
        return request.system_instructions
    prompt = _PROMPT + to_json(request.output_schema.json_schema()).decode()
    return "\n\n".join(filter(None, [request.system_instructions, prompt]))


def _tools(request: ModelRequest) -> list[Json] | None:
    tools = [tool_to_request(tool) for tool in request.tools]
    tools += [handoff_to_request(offer) for offer in request.handoffs]
    return [_function(tool) for tool in tools] or None


def _function(function: Json) -> Json:
    """The JSON of a function for the Responses API, in the form of this one."""
    del function["type"]
    if not function["strict"]:  # not known everywhere
        del function["strict"]
    return {"type": "function", "function": function}


def _tool_choice(choice: str | Mapping[str, Any] | MCPToolChoice | None) -> Any:
    if choice is None or choice in ("auto", "required", "none"):
        return choice
    if isinstance(choice, str):
        return {"type": "function", "function": {"name": choice}}
    if isinstance(choice, MCPToolChoice):
        raise CannotSay(f"the tool_choice {choice!r}.")
    kind = choice.get("type")
    if kind == "function" and "name" in choice:
        return {"type": "function", "function": {"name": choice["name"]}}
    if kind == "function":
        return choice
    raise CannotSay(f"the tool_choice {dict(choice)!r}.")


def _response_format(
    schema: AgentOutputSchemaBase | None, output_format: OutputFormat
) -> Json | None:
    if schema is None or output_format == "text":
        return None
    if output_format == "json_object":
        return {"type": "json_object"}
    description = {
        "name": "final_output",
        "schema": schema.json_schema(),
        "strict": schema.is_strict_json_schema(),
    }
    return {"type": "json_schema", "json_schema": description}


def _tokens_field(host: str) -> str:
    """OpenAI's models that think refuse `max_tokens`; most other servers know nothing else."""
    is_openai = host == "api.openai.com" or host.endswith(".azure.com")
    return "max_completion_tokens" if is_openai else "max_tokens"


def _effort(settings: ModelSettings) -> str | None:
    options = settings.reasoning
    if options is None:
        return None
    if isinstance(options, Mapping):
        return options.get("effort")
    return getattr(options, "effort", None)
