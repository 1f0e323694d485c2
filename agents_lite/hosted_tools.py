"""The tools that the model's server has."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Required, TypeAlias

from typing_extensions import TypedDict

from .checks import check_kind, check_takes, forgetful_class
from .exceptions import UserError
from .response_types import as_json
from .run_context import RunContextWrapper
from .shown import repr_of
from .taken_whole import TakenWhole
from .tool import HostedTool, MCPToolApprovalFunctionResult

__all__ = [
    "CodeInterpreterTool",
    "FileSearchTool",
    "HostedMCPTool",
    "ImageGenerationTool",
    "ImageGenerationToolConfig",
    "MCPToolApprovalFunction",
    "MCPToolApprovalRequest",
    "WebSearchTool",
]


@dataclass
class WebSearchTool(HostedTool):
    """The model's server searches the web."""

    name: ClassVar[str] = "web_search"
    user_location: Mapping[str, Any] | None = None
    """Where the user is, {"type": "approximate", "city": ...}; None where it does not matter."""
    filters: Any = None
    """Which sites to search, {"allowed_domains": [...]} or a model of that; None for all."""
    search_context_size: Literal["low", "medium", "high"] = "medium"
    """How much of what was found the model gets to read."""
    external_web_access: bool | None = None
    """False searches what the server has stored alone; None leaves it to the server."""
    search_content_types: list[Literal["text", "image"]] | None = None
    """What may be found; the output items hold images that are. None leaves it to the server."""
    image_settings: Mapping[str, Any] | None = None
    """How images are found, {"max_results": ..., "caption": ...}; None leaves it to the server."""

    def to_request(self) -> dict[str, Any]:
        """All that was said of it."""
        return _without_none(
            type="web_search",
            user_location=self.user_location,
            filters=as_json(self.filters),
            search_context_size=self.search_context_size,
            external_web_access=self.external_web_access,
            search_content_types=self.search_content_types,
            image_settings=self.image_settings,
        )


@dataclass
class FileSearchTool(HostedTool):
    """The model's server searches files in its vector stores."""

    name: ClassVar[str] = "file_search"
    vector_store_ids: list[str]
    """The vector stores to search."""
    max_num_results: int | None = None
    """1 to 50; None leaves it to the server."""
    include_search_results: bool = False
    """Whether the output items hold what was found."""
    ranking_options: Mapping[str, Any] | None = None
    """{"ranker": ..., "score_threshold": ...}; None leaves it to the server."""
    filters: Mapping[str, Any] | None = None
    """Which files to search, by attributes; None for all."""

    def __post_init__(self) -> None:
        """Raise UserError for vector stores that are no list, or a number of results out of reach.

        Source: https://platform.openai.com/docs/api-reference/responses/create
        """
        wanted = "a list of ids"
        check_kind(self.vector_store_ids, (list, tuple), "FileSearchTool: vector_store_ids", wanted)
        most = self.max_num_results
        if most is not None and not (type(most) is int and 1 <= most <= 50):
            raise UserError(f"FileSearchTool: max_num_results must be 1 to 50, got {repr_of(most)}")

    def to_request(self) -> dict[str, Any]:
        """All that was said of it; `include_search_results` is not said of the tool."""
        return _without_none(
            type="file_search",
            vector_store_ids=self.vector_store_ids,
            max_num_results=self.max_num_results,
            ranking_options=self.ranking_options,
            filters=self.filters,
        )


class _ConfiguredTool(HostedTool):
    """One that is sent as the configuration that was given."""

    tool_config: Mapping[str, Any]

    def __post_init__(self) -> None:
        """Raise UserError for a configuration that is no dict."""
        owner = f"{type(self).__name__}: tool_config"
        check_kind(self.tool_config, Mapping, owner, 'a dict such as {"type": ...}')

    def to_request(self) -> dict[str, Any]:
        """The configuration."""
        return {**self.tool_config}


@dataclass
class CodeInterpreterTool(_ConfiguredTool):
    """The model's server runs code in a container."""

    name: ClassVar[str] = "code_interpreter"
    tool_config: Mapping[str, Any] = field(repr=False)  # it may hold a key
    """{"type": "code_interpreter", "container": {"type": "auto"}}, sent as it is."""


class ImageGenerationToolConfig(TypedDict, total=False):
    """How images are made; what is missing is left to the server, which may take more.

    Source: https://platform.openai.com/docs/api-reference/responses/create
    """

    type: Required[Literal["image_generation"]]
    model: str
    action: Literal["generate", "edit", "auto"]
    """Whether a new image is made, or one of the conversation changed."""
    size: str
    """Such as "1024x1024", or "auto"."""
    quality: str
    """Such as "low" or "high", or "auto"."""
    background: Literal["transparent", "opaque", "auto"]
    output_format: Literal["png", "webp", "jpeg"]
    output_compression: int
    """In percent."""
    moderation: Literal["low", "auto"]
    partial_images: int
    """How many unfinished images a stream has, 0 to 3."""
    input_fidelity: Literal["high", "low"] | None
    """How closely the features of a given image are kept."""
    input_image_mask: dict[str, str]
    """What of it may be changed, {"file_id": ...} or {"image_url": ...}."""


@dataclass
class ImageGenerationTool(_ConfiguredTool):
    """The model's server makes images."""

    name: ClassVar[str] = "image_generation"
    tool_config: Mapping[str, Any] = field(repr=False)  # it may hold a key
    """{"type": "image_generation", "size": ..., ...}, sent as it is."""


@dataclass
class MCPToolApprovalRequest(TakenWhole):
    """The model's server asks whether it may call a tool of an MCP server."""

    ctx_wrapper: RunContextWrapper[Any]
    """The run's context."""
    data: Any
    """The Responses API `mcp_approval_request`: `id`, `name`, `arguments`, `server_label`."""


MCPToolApprovalFunction: TypeAlias = Callable[
    [MCPToolApprovalRequest],
    MCPToolApprovalFunctionResult | Awaitable[MCPToolApprovalFunctionResult],
]


@forgetful_class
@dataclass
class HostedMCPTool(_ConfiguredTool):
    """The model's server calls the tools of a remote MCP server."""

    name: ClassVar[str] = "hosted_mcp"
    tool_config: Mapping[str, Any] = field(repr=False)  # it may hold a token
    """{"type": "mcp", "server_label": ..., "server_url": ..., "require_approval": ...}, sent as it
    is."""
    on_approval_request: MCPToolApprovalFunction | None = None
    """Answers the server's questions; None asks a person: the run pauses."""

    def __post_init__(self) -> None:
        """Raise UserError for a configuration that is no dict, or a function that cannot answer."""
        super().__post_init__()
        if self.on_approval_request is not None:
            owner = "HostedMCPTool: on_approval_request"
            check_takes(self.on_approval_request, owner, "an MCPToolApprovalRequest")

    @property
    def server_label(self) -> str | None:
        """The MCP server, as requests name it."""
        return self.tool_config.get("server_label")


def _without_none(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
