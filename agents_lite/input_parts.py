"""Images, files and sound as parts of an input message.

    question = {"type": "input_text", "text": "What is this?"}
    Runner.run_sync(agent, [{"role": "user", "content": [question, input_image("cat.png")]}])

Source: https://platform.openai.com/docs/api-reference/responses/create#responses-create-input
"""

from __future__ import annotations

import base64
import mimetypes
import os
from pathlib import Path
from typing import Any, Literal, TypeAlias

from .exceptions import UserError
from .shown import repr_of

__all__ = ["input_audio", "input_file", "input_image"]

Source: TypeAlias = "str | bytes | os.PathLike[str]"
"""A path, an http(s) or data URL, or the bytes themselves."""

_SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
}
"""What images begin with; a RIFF file given as an image is WebP."""


def input_image(
    source: Source, *, detail: Literal["auto", "low", "high", "original"] = "auto"
) -> dict[str, Any]:
    """An image as a part of a message.

    Args:
        source: A path, an http(s) or data URL, or the bytes of a PNG, JPEG, GIF or WebP image.
        detail: How closely the model looks, which decides what the image costs.

    Raises:
        UserError: There is no such file, or it is no such image.
    """
    if _is_url(source):
        return {"type": "input_image", "detail": detail, "image_url": source}
    content = _read(source)
    kind = next((kind for start, kind in _SIGNATURES.items() if content.startswith(start)), None)
    if kind is None:
        raise UserError(f"{_shown(source)} is no PNG, JPEG, GIF or WebP image")
    return {"type": "input_image", "detail": detail, "image_url": _data_url(content, kind)}


def input_file(source: Source, *, filename: str | None = None) -> dict[str, Any]:
    """A file, such as a PDF, as a part of a message.

    Args:
        source: A path, an http(s) or data URL, or the bytes.
        filename: What the model is told that it is called; needed for bytes. None takes the path's.

    Raises:
        UserError: There is no such file, or bytes have no name.
    """
    if _is_url(source) and str(source).startswith("http"):
        return {"type": "input_file", "file_url": source}
    if filename is None:
        if isinstance(source, bytes) or _is_url(source):
            raise UserError('input_file needs a name for bytes: filename="report.pdf"')
        filename = Path(source).name
    if _is_url(source):
        return {"type": "input_file", "filename": filename, "file_data": source}
    kind = mimetypes.guess_type(filename)[0] or "application/octet-stream"
    url = _data_url(_read(source), kind)
    return {"type": "input_file", "filename": filename, "file_data": url}


def input_audio(source: Source, *, format: Literal["wav", "mp3"] | None = None) -> dict[str, Any]:
    """Sound as a part of a message.

    Args:
        source: A path, or the bytes of a WAV or MP3 file.
        format: Which of them it is; None looks at how it begins.

    Raises:
        UserError: There is no such file, or it is neither.
    """
    content = _read(source)
    if format is None:
        if content.startswith(b"RIFF") and content[8:12] == b"WAVE":
            format = "wav"
        elif content.startswith((b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2")):
            format = "mp3"
        else:
            raise UserError(f"{_shown(source)} is neither WAV nor MP3")
    sound = base64.b64encode(content).decode()
    return {"type": "input_audio", "input_audio": {"data": sound, "format": format}}


def _is_url(source: Source) -> bool:
    return isinstance(source, str) and source.startswith(("http://", "https://", "data:"))


def _read(source: Source) -> bytes:
    if isinstance(source, bytes):
        return source
    try:
        return Path(source).read_bytes()
    except (OSError, TypeError, ValueError) as error:
        raise UserError(f"{_shown(source)} cannot be read: {error}") from error


def _shown(source: Source) -> str:
    return f"what begins with {source[:8]!r}" if isinstance(source, bytes) else repr_of(source)


def _data_url(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
