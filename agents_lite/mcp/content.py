"""From what a server's tool gave to the output that the model gets."""

from __future__ import annotations

import os.path
from typing import Any
from urllib.parse import urlsplit

from pydantic_core import to_json

from ..response_types import as_json
from ..tool_output import ToolOutputFileContent, ToolOutputImage, ToolOutputText
from .objects import MCPCallResult


def output_of(result: MCPCallResult, use_structured_content: bool) -> Any:
    """A tool's output: text where it is all text, else a list of parts.

    Args:
        result: What the server sent.
        use_structured_content: Whether `structuredContent`, where there is any, is the output in
            place of the content; that of a tool that failed says why.

    Source of the kinds of content: https://modelcontextprotocol.io/specification
    """
    received = as_json(result)
    structured, content = received.get("structuredContent"), received.get("content")
    if isinstance(content, str | dict):
        content = [content]
    content = content if isinstance(content, list) else []
    is_wanted = use_structured_content and not result.is_error
    if structured is not None and (is_wanted or not content):
        return structured
    if result.is_error and not content:
        return "The tool failed, and does not say why."
    parts = [_part(each) for each in content]
    if all(isinstance(part, ToolOutputText) for part in parts):
        return "\n".join(part.text for part in parts if isinstance(part, ToolOutputText))
    return parts


def _part(content: Any) -> ToolOutputText | ToolOutputImage | ToolOutputFileContent:
    if isinstance(content, str):
        return ToolOutputText(content)
    kind = content.get("type") if isinstance(content, dict) else None
    if kind == "text":
        text = content.get("text")
        return ToolOutputText("" if text is None else str(text))
    if kind in ("image", "audio") and "data" in content:
        return _blob(content["data"], content.get("mimeType"), kind)
    resource = content.get("resource") if kind == "resource" else None
    if isinstance(resource, dict) and "blob" in resource:
        name = os.path.basename(urlsplit(str(resource.get("uri"))).path)
        return _blob(resource["blob"], resource.get("mimeType"), name or "resource")
    if isinstance(resource, dict) and isinstance(resource.get("text"), str):
        return ToolOutputText(resource["text"])
    return ToolOutputText(to_json(content).decode())  # a link, or a kind that is not known here


def _blob(base64: str, mime_type: Any, name: str) -> ToolOutputImage | ToolOutputFileContent:
    url = f"data:{mime_type or 'application/octet-stream'};base64,{base64}"
    if str(mime_type).startswith("image/"):
        return ToolOutputImage(image_url=url)
    return ToolOutputFileContent(file_data=url, filename=name)
