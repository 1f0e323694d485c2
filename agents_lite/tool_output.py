"""Text, images and files that a tool may return."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, NotRequired, TypeAlias

from typing_extensions import TypedDict

from .exceptions import UserError

__all__ = [
    "ToolOutputFileContent",
    "ToolOutputFileContentDict",
    "ToolOutputImage",
    "ToolOutputImageDict",
    "ToolOutputText",
    "ToolOutputTextDict",
]


@dataclass
class ToolOutputText:
    """Text, beside images and files in a list of outputs."""

    text: str
    type: Literal["text"] = "text"


@dataclass
class ToolOutputImage:
    """An image, by URL or by the id of an uploaded file."""

    image_url: str | None = None
    """Where it is; a `data:` URL holds the image itself."""
    file_id: str | None = None
    """The id of an uploaded file."""
    detail: Literal["low", "high", "auto", "original"] | None = None
    """How closely the model looks; None leaves it to the server."""
    type: Literal["image"] = "image"

    def __post_init__(self) -> None:
        """Raise UserError without a source."""
        if self.image_url is None and self.file_id is None:
            raise UserError("A ToolOutputImage needs image_url or file_id.")


@dataclass
class ToolOutputFileContent:
    """A file: its content, its URL, or the id of an uploaded file."""

    file_data: str | None = None
    """The content as a `data:` URL, base64."""
    file_url: str | None = None
    """Where it is."""
    file_id: str | None = None
    """The id of an uploaded file."""
    filename: str | None = None
    """What the model is told that it is called; None leaves it to the server."""
    type: Literal["file"] = "file"

    def __post_init__(self) -> None:
        """Raise UserError without a source."""
        if self.file_data is None and self.file_url is None and self.file_id is None:
            raise UserError("A ToolOutputFileContent needs file_data, file_url or file_id.")


class ToolOutputTextDict(TypedDict):
    """A `ToolOutputText` as a dict."""

    type: Literal["text"]
    text: str


class ToolOutputImageDict(TypedDict):
    """A `ToolOutputImage` as a dict."""

    type: Literal["image"]
    image_url: NotRequired[str]
    file_id: NotRequired[str]
    detail: NotRequired[Literal["low", "high", "auto", "original"]]


class ToolOutputFileContentDict(TypedDict):
    """A `ToolOutputFileContent` as a dict."""

    type: Literal["file"]
    file_data: NotRequired[str]
    file_url: NotRequired[str]
    file_id: NotRequired[str]
    filename: NotRequired[str]


StructuredOutput: TypeAlias = ToolOutputText | ToolOutputImage | ToolOutputFileContent
_CLASSES: dict[str, type[StructuredOutput]] = {
    "text": ToolOutputText,
    "image": ToolOutputImage,
    "file": ToolOutputFileContent,
}
_FIELDS = {
    made: [each.name for each in fields(made) if each.name != "type"]
    for made in _CLASSES.values()
}
"""What is read of a dict."""


def content_parts(value: Any) -> list[dict[str, Any]] | None:
    """The content parts that a tool's output stands for, or None where it stands for none.

    Returns:
        A list of {"type": "input_text", "text": ...} and the like.
    """
    elements = list(value) if isinstance(value, list | tuple) else [value]
    outputs = [_read_structured(element) for element in elements]
    if not any(outputs):
        return None
    for place, element in enumerate(elements):
        if isinstance(element, str):
            outputs[place] = ToolOutputText(element)
    parts = [_make_part(output) for output in outputs if output is not None]
    return parts if len(parts) == len(outputs) else None


def _read_structured(value: Any) -> StructuredOutput | None:
    """The structured output a value is, or a dict stands for; None for any other value."""
    if isinstance(value, StructuredOutput):
        return value
    if not isinstance(value, dict):
        return None
    given = {name: text for name, text in value.items() if text is not None}
    kind = given.pop("type", None)
    made = _CLASSES.get(kind.removeprefix("input_")) if isinstance(kind, str) else None
    if made is None:
        return None
    if kind.startswith("input_"):  # meant as the API's own form, whatever else it says
        given = {name: given[name] for name in _FIELDS[made] if name in given}
    if not all(isinstance(text, str) for text in given.values()):
        return None
    try:
        return made(**given)
    except (TypeError, UserError):  # a dict that happens to have a type
        return None


def _make_part(output: StructuredOutput) -> dict[str, Any]:
    fields = {name: value for name, value in asdict(output).items() if value is not None}
    return {**fields, "type": f"input_{output.type}"}
