"""The JSON that declares tools to the model."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from agents_lite import (
    CodeInterpreterTool,
    ComputerTool,
    FileSearchTool,
    FunctionTool,
    HostedMCPTool,
    HostedTool,
    ImageGenerationTool,
    ModelRequest,
    ModelSettings,
    Tool,
    UserError,
    WebSearchTool,
)
from agents_lite.models.openai_responses import request_body
from agents_lite.models.tool_json import tool_to_request, tools_to_include


class Desk:
    environment = "browser"
    dimensions = (1024, 768)

    def screenshot(self) -> str:
        return "picture"


class Sites(BaseModel):
    """As the `openai` package has it."""

    allowed_domains: list[str] | None = None
    blocked_domains: list[str] | None = None


class DarkDesk(Desk):
    """Does not tell of its screen."""

    environment = dimensions = None  # type: ignore[assignment]


def run_function(_context: Any, _arguments: str) -> str:
    return "done"


class Maps(HostedTool):
    """A tool of some server, not known here."""

    name = "maps"

    def to_request(self) -> dict[str, Any]:
        return {"type": "maps"}


@pytest.mark.parametrize(
    ("tool", "request_json"),
    [
        (
            FunctionTool("f", "F.", {}, run_function),
            {
                "type": "function",
                "name": "f",
                "description": "F.",
                "parameters": {
                    "type": "object",
                    "properties": {},
                    "required": [],
                    "additionalProperties": False,
                },
                "strict": True,
            },
        ),
        (WebSearchTool(), {"type": "web_search", "search_context_size": "medium"}),
        (
            WebSearchTool(
                user_location={"type": "approximate", "city": "Oslo"},
                filters={"allowed_domains": ["example.org"]},
                search_context_size="low",
            ),
            {
                "type": "web_search",
                "user_location": {"type": "approximate", "city": "Oslo"},
                "filters": {"allowed_domains": ["example.org"]},
                "search_context_size": "low",
            },
        ),
        (
            WebSearchTool(search_content_types=["text", "image"], image_settings={"caption": True}),
            {
                "type": "web_search",
                "search_context_size": "medium",
                "search_content_types": ["text", "image"],
                "image_settings": {"caption": True},
            },
        ),
        (
            WebSearchTool(external_web_access=False),
            {"type": "web_search", "search_context_size": "medium", "external_web_access": False},
        ),
        (
            WebSearchTool(filters=Sites(allowed_domains=["it"])),
            {
                "type": "web_search",
                "search_context_size": "medium",
                "filters": {"allowed_domains": ["it"]},
            },
        ),
        (
            FileSearchTool(max_num_results=3, vector_store_ids=["vs_1"]),
            {"type": "file_search", "vector_store_ids": ["vs_1"], "max_num_results": 3},
        ),
        (
            FileSearchTool(
                ["vs_1"],
                ranking_options={"score_threshold": 0.5},
                filters={"type": "eq", "key": "k", "value": "v"},
                include_search_results=True,
            ),
            {
                "type": "file_search",
                "vector_store_ids": ["vs_1"],
                "ranking_options": {"score_threshold": 0.5},
                "filters": {"type": "eq", "key": "k", "value": "v"},
            },
        ),
        (
            ComputerTool(Desk()),  # type: ignore[arg-type]
            {
                "type": "computer_use_preview",
                "environment": "browser",
                "display_width": 1024,
                "display_height": 768,
            },
        ),
        (ComputerTool(DarkDesk()), {"type": "computer"}),  # type: ignore[arg-type]
        (
            CodeInterpreterTool({"type": "code_interpreter", "container": {"type": "auto"}}),
            {"type": "code_interpreter", "container": {"type": "auto"}},
        ),
        (ImageGenerationTool({"type": "image_generation"}), {"type": "image_generation"}),
        (
            HostedMCPTool({"type": "mcp", "server_label": "git", "require_approval": "never"}),
            {"type": "mcp", "server_label": "git", "require_approval": "never"},
        ),
        (Maps(), {"type": "maps"}),
    ],
)
def test_request_json(tool: Tool, request_json: dict[str, Any]) -> None:
    assert tool_to_request(tool) == request_json


def test_search_results_are_included_only_when_asked_for() -> None:
    assert tools_to_include([WebSearchTool(), FileSearchTool(["vs_1"])]) == []
    wanted = FileSearchTool(["vs_2"], include_search_results=True)
    assert tools_to_include([FileSearchTool(["vs_1"]), wanted]) == ["file_search_call.results"]
    texts, images = (
        WebSearchTool(search_content_types=["text"]),
        WebSearchTool(search_content_types=["image"]),
    )
    assert tools_to_include([WebSearchTool(), texts]) == []
    assert tools_to_include([images, images]) == ["web_search_call.results"]


@pytest.mark.parametrize("choice", ["computer", "computer_use_preview"])
@pytest.mark.parametrize(
    ("model", "kind", "fields"),
    [
        ("gpt-5.4", "computer", 1),
        ("computer-use-preview-2025-03-11", "computer_use_preview", 4),
        (None, "computer_use_preview", 4),
    ],
)
def test_a_computer_is_declared_as_the_model_knows_it(
    choice: str, model: str | None, kind: str, fields: int
) -> None:
    settings = ModelSettings(tool_choice=choice)
    tools: list[Tool] = [ComputerTool(Desk())]  # type: ignore[arg-type]
    body = request_body(model, ModelRequest([], model_settings=settings, tools=tools))
    (declared,) = body["tools"]
    assert (declared["type"], len(declared)) == (kind, fields)
    assert body["tool_choice"] == {"type": kind}


def test_a_model_that_must_know_the_screen_is_not_asked_without_it() -> None:
    tools: list[Tool] = [ComputerTool(DarkDesk())]  # type: ignore[arg-type]
    request = ModelRequest([], agent_name="Clerk", tools=tools)
    assert request_body("gpt-5.5", request)["tools"] == [{"type": "computer"}]
    with pytest.raises(UserError, match="Agent Clerk: computer-use-preview .* `dimensions`"):
        request_body("computer-use-preview", request)
