from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from agents_lite import (
    Agent,
    OpenAIChatCompletionsModel,
    ResponsesClient,
    Runner,
    UserError,
    input_audio,
    input_file,
    input_image,
)
from agents_lite.testing import ResponsesServer

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
WAV = b"RIFF\x00\x00\x00\x00WAVEfmt "


def test_an_image_is_read_by_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "picture.txt"
    path.write_bytes(PNG)
    part = {
        "type": "input_image",
        "detail": "auto",
        "image_url": f"data:image/png;base64,{base64.b64encode(PNG).decode()}",
    }
    assert input_image(path) == input_image(str(path)) == input_image(PNG) == part
    assert input_image(b"\xff\xd8\xffabc", detail="low")["image_url"].startswith("data:image/jpeg")
    url = "https://example.com/a.png"
    assert input_image(url) == {"type": "input_image", "detail": "auto", "image_url": url}


def test_a_file_has_a_name_and_a_kind(tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(b"%PDF")
    data = f"data:application/pdf;base64,{base64.b64encode(b'%PDF').decode()}"
    part = {"type": "input_file", "filename": "report.pdf", "file_data": data}
    assert input_file(path) == input_file(b"%PDF", filename="report.pdf") == part
    assert input_file(data, filename="report.pdf") == part
    url = "https://example.com/a.pdf"
    assert input_file(url) == {"type": "input_file", "file_url": url}


def test_sound_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(WAV)
    sound = {"data": base64.b64encode(WAV).decode(), "format": "wav"}
    assert input_audio(path) == {"type": "input_audio", "input_audio": sound}
    assert input_audio(b"ID3abc")["input_audio"]["format"] == "mp3"
    assert input_audio(b"abc", format="mp3")["input_audio"]["format"] == "mp3"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: input_image("no such file.png"), "'no such file.png' cannot be read"),
        (lambda: input_image(b"<html>"), "is no PNG, JPEG, GIF or WebP image"),
        (lambda: input_image(None), "None cannot be read"),  # type: ignore[arg-type]
        (lambda: input_file(b"%PDF"), "needs a name for bytes"),
        (lambda: input_audio(b"abc"), "neither WAV nor MP3"),
        (lambda: input_audio("a\0b"), "cannot be read"),
    ],
)
def test_what_cannot_be_sent_is_refused(make: Any, words: str) -> None:
    with pytest.raises(UserError, match=words):
        make()


@pytest.mark.parametrize("api", ["responses", "chat_completions"])
def test_the_stand_in_takes_them(api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [{"type": "input_text", "text": "What is this?"}, input_image(PNG), input_audio(WAV)]
    with ResponsesServer(["A cat."]) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        chat = OpenAIChatCompletionsModel("m", ResponsesClient(base_url=server.base_url))
        agent = Agent(name="A", model=None if api == "responses" else chat)
        message = {"role": "user", "content": parts}
        assert Runner.run_sync(agent, [message]).final_output == "A cat."
