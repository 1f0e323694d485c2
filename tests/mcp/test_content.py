"""From the content of a result to a tool's output."""

from __future__ import annotations

from typing import Any

import pytest

from agents_lite import (
    MCPCallResult,
    MCPTool,
    ToolOutputFileContent,
    ToolOutputImage,
    ToolOutputText,
)
from agents_lite.mcp.content import output_of

TEXT = {"type": "text", "text": "a"}
LINK = {"type": "resource_link", "uri": "memo://1", "name": "one"}
IMAGE = {"type": "image", "data": "iVBO", "mimeType": "image/png"}
SOUND = {"type": "audio", "data": "UklG", "mimeType": "audio/wav"}


def embedded(**resource: Any) -> dict[str, Any]:
    return {"type": "resource", "resource": {"uri": "file:///x/report.pdf", **resource}}


@pytest.mark.parametrize(
    ("content", "output"),
    [
        ([TEXT], "a"),
        ([TEXT, {"type": "text", "text": "b"}], "a\nb"),
        ([], ""),
        (None, ""),
        ("plain", "plain"),
        (TEXT, "a"),
        ([{"type": "text", "text": None}], ""),
        ([embedded(text="c")], "c"),
        ([LINK], '{"type":"resource_link","uri":"memo://1","name":"one"}'),
        ([{"type": "hologram"}], '{"type":"hologram"}'),
        ([IMAGE], [ToolOutputImage("data:image/png;base64,iVBO")]),
        (
            [TEXT, SOUND],
            [
                ToolOutputText("a"),
                ToolOutputFileContent("data:audio/wav;base64,UklG", filename="audio"),
            ],
        ),
        (
            [embedded(blob="JVBE", mimeType="application/pdf")],
            [ToolOutputFileContent("data:application/pdf;base64,JVBE", filename="report.pdf")],
        ),
        (
            [embedded(blob="iVBO", mimeType="image/png")],
            [ToolOutputImage("data:image/png;base64,iVBO")],
        ),
    ],
)
def test_content_becomes_output(content: Any, output: Any) -> None:
    assert output_of(MCPCallResult({"content": content}), use_structured_content=False) == output


@pytest.mark.parametrize(
    ("result", "wanted", "output"),
    [
        ({"content": [TEXT], "structuredContent": {"n": 1}}, False, "a"),
        ({"content": [TEXT], "structuredContent": {"n": 1}}, True, {"n": 1}),
        ({"content": [], "structuredContent": {"n": 1}}, False, {"n": 1}),
        ({"content": [TEXT]}, True, "a"),
        ({"content": [], "isError": True}, False, "The tool failed, and does not say why."),
        ({"content": [TEXT], "isError": True}, False, "a"),
        ({"content": [TEXT], "structuredContent": {"n": 1}, "isError": True}, True, "a"),
        ({"content": [], "structuredContent": {"n": 1}, "isError": True}, True, {"n": 1}),
    ],
)
def test_structured_content_where_it_is_wanted(result: Any, wanted: bool, output: Any) -> None:
    assert output_of(MCPCallResult(result), wanted) == output


def test_what_a_server_leaves_out_is_read_as_the_protocol_has_it() -> None:
    result, tool = MCPCallResult({}), MCPTool({"name": "a"})
    assert (result.content, result.isError, result.structuredContent) == ([], False, None)
    assert MCPCallResult({"isError": True}).isError
    assert (tool.title, tool.description, tool.annotations) == (None, None, None)
    with pytest.raises(AttributeError, match="no field 'inputSchema'"):
        _ = tool.inputSchema
