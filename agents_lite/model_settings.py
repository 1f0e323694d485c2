"""How a model is to be called: temperature, tool choice and the like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal

from pydantic_core import to_jsonable_python

from .checks import check_kind, check_seconds, forgetful_class, from_fields
from .exceptions import UserError
from .shown import set_fields

if TYPE_CHECKING:
    from .retry import ModelRetrySettings

__all__ = ["MCPToolChoice", "ModelSettings"]


@dataclass
class MCPToolChoice:
    """A `tool_choice`: one tool of an MCP server that the model's server calls."""

    server_label: str
    """The server, as its `HostedMCPTool` labels it."""
    name: str
    """The tool."""


_KINDS: dict[str, tuple[Any, str]] = {
    **dict.fromkeys(
        ("extra_headers", "extra_query", "extra_body", "extra_args"), (Mapping, "a dict")
    ),
    **dict.fromkeys(("include", "response_include"), ((list, tuple), "a list of texts")),
    "tool_choice": ((str, Mapping, MCPToolChoice), "a text, a dict or an MCPToolChoice"),
}
"""Fields that are read here, with what they may hold beside None."""


@forgetful_class
@dataclass(repr=False)
class ModelSettings:
    """Parameters of a model call. None leaves a parameter out, so that the server's default holds.

    An agent's settings are overlaid by those of the run (`RunConfig.model_settings`), field by
    field. Source of names and ranges: https://platform.openai.com/docs/api-reference/responses
    """

    temperature: float | None = None
    """Randomness, 0 to 2."""
    top_p: float | None = None
    """Nucleus sampling: the share of probability mass to draw from, 0 to 1."""
    tool_choice: str | Mapping[str, Any] | MCPToolChoice | None = None
    """"auto", "required", "none", a tool's name, an `MCPToolChoice`, or the API's own object."""
    parallel_tool_calls: bool | None = None
    """Whether the model may ask for several tools in one turn."""
    truncation: Literal["auto", "disabled"] | None = None
    """What the server does with input longer than the model's window."""
    max_tokens: int | None = None
    """Most tokens to produce; sent as `max_output_tokens`."""
    reasoning: Mapping[str, Any] | Any | None = None
    """Reasoning options such as {"effort": "low", "summary": "auto"}."""
    verbosity: Literal["low", "medium", "high"] | None = None
    """How much to write."""
    metadata: Mapping[str, str] | None = None
    """Up to 16 pairs stored with the response."""
    store: bool | None = None
    """Whether the server keeps the response."""
    include: list[str] | None = None
    """Further output to send, such as "reasoning.encrypted_content"."""
    response_include: list[str] | None = None
    """The same as `include`, under the name the OpenAI SDK gives it."""
    top_logprobs: int | None = None
    """How many likely tokens to report at each position, 0 to 20."""
    prompt_cache_key: str | None = None
    """What requests have in common that begin alike, so that the server finds them in its cache;
    None: OpenAI's server is told the session, conversation or group."""
    prompt_cache_retention: Literal["in_memory", "24h"] | None = None
    """How long the server may keep the prompt cached."""
    context_management: list[dict[str, Any]] | None = None
    """Has the server compact long conversations: [{"type": "compaction", "compact_threshold":
    tokens}]. What it makes of them are items like others."""
    background: bool | None = None
    """Whether the server answers by itself, and is asked again and again for the answer."""
    service_tier: str | None = None
    """How the request is served, such as "flex" or "priority"."""
    safety_identifier: str | None = None
    """Stands for the user, in a form that tells nobody who it is."""
    extra_headers: Mapping[str, str] | None = field(default=None, repr=False)
    """Further HTTP headers; since this and the next three may hold keys, no repr shows them."""
    extra_query: Mapping[str, Any] | None = field(default=None, repr=False)
    """Further query parameters."""
    extra_body: Mapping[str, Any] | None = field(default=None, repr=False)
    """Further fields of the request body; they win over all others."""
    extra_args: Mapping[str, Any] | None = field(default=None, repr=False)
    """Further parameters of the call, put into the body; merged with those of the agent."""
    timeout: float | None = None
    """Seconds for one whole request, its retries included; None: the client's."""
    frequency_penalty: float | None = None
    """Against repetition, -2 to 2. Chat Completions only: the Responses API does not know it."""
    presence_penalty: float | None = None
    """Against staying with a topic, -2 to 2. Chat Completions only."""
    include_usage: bool | None = None
    """False does not ask for the tokens of a stream. Chat Completions only, whose streams tell
    them when they are asked to."""
    retry: ModelRetrySettings | None = None
    """Whether and when a call that failed is made again; None: as the client has it. A dict has the
    same fields."""

    def __post_init__(self) -> None:
        """Check what was given.

        Raises:
            UserError: A field is of a kind that no server would take.
        """
        for name, (kinds, wanted) in _KINDS.items():
            if (value := getattr(self, name)) is not None:
                check_kind(value, kinds, name, wanted)
        if self.timeout is not None:
            check_seconds(self.timeout, "timeout")
        if self.retry is not None:
            from .retry import ModelRetrySettings  # only those who need it pay for it

            if isinstance(self.retry, dict):
                self.retry = from_fields(ModelRetrySettings, self.retry)
            check_kind(self.retry, ModelRetrySettings, "retry", "a ModelRetrySettings")

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> Any:
        """Of a user's pydantic model a field may be these settings, or a dict of them."""
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(cls._settings_of)

    @classmethod
    def _settings_of(cls, given: Any) -> ModelSettings:
        try:
            return given if isinstance(given, cls) else from_fields(cls, given)
        except UserError as error:
            raise ValueError(str(error)) from error

    def __repr__(self) -> str:
        return set_fields(self)

    def to_json_dict(self) -> dict[str, Any]:
        """The settings as JSON, None for those that are not set, and for functions."""
        settings: dict[str, Any] = to_jsonable_python(self, fallback=lambda _: None)
        return settings

    def resolve(self, override: ModelSettings | None) -> ModelSettings:
        """These settings, overlaid with each field of `override` that is not None.

        `extra_args` are merged, those of `override` winning, and so are the fields of `retry`.
        """
        if override is None:
            return self
        if isinstance(override, dict):
            override = from_fields(ModelSettings, override)
        changes = {
            each.name: value
            for each in fields(override)
            if (value := getattr(override, each.name)) is not None
        }
        if self.extra_args and override.extra_args:
            changes["extra_args"] = {**self.extra_args, **override.extra_args}
        if self.retry and override.retry:
            changes["retry"] = self.retry.resolve(override.retry)
        return replace(self, **changes)
