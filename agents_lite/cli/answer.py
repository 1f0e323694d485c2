"""Writing an answer to standard output."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from pydantic_core import to_jsonable_python

from ..items import ItemHelpers, MessageOutputItem
from ..response_types import ResponseStreamEvent
from ..result import RunResultStreaming
from ..shown import escaped_json
from ..stream_events import AgentUpdatedStreamEvent, RawResponsesStreamEvent, RunItemStreamEvent
from .markdown import MarkdownText
from .terminal import safe


def write_output(output: Any) -> None:
    """Write a final output: text as it is, anything else as JSON."""
    print(safe(output) if isinstance(output, str) else written_json(output))


def written_json(value: Any) -> str:
    """A value as JSON for people and programs."""
    plain = to_jsonable_python(value, fallback=str)  # half a character, too
    return escaped_json(json.dumps(plain, ensure_ascii=False, indent=2))


def write_answer(
    run: RunResultStreaming,
    notice: Callable[[RunItemStreamEvent | AgentUpdatedStreamEvent], None] | None = None,
    markdown: bool = False,
) -> None:
    """Write what the model says in a run piece by piece, and the final output if it is not that.

    A run that pauses has none.

    Args:
        run: The run; it is read to its end.
        notice: Given the events that are not raw ones, between two lines of output.
        markdown: Lay out what it says, as Markdown.
    """
    pieces = _Pieces(MarkdownText() if markdown else None)
    try:
        for event in run.stream_events():
            if isinstance(event, RawResponsesStreamEvent):
                if not _is_typed(run):
                    pieces.write(event.data)
            elif notice is not None:
                notice(event)
    finally:
        pieces.end_line()
    if run.is_paused:
        return
    said_it = run.new_items and isinstance(run.new_items[-1], MessageOutputItem)
    if _is_typed(run) or not said_it:
        write_output(run.final_output)


def _is_typed(run: RunResultStreaming) -> bool:
    """Whether the agent at work answers in JSON, which is written once it is whole."""
    return run.last_agent.output_type not in (None, str)


class _Pieces:
    """Writes the text in raw events, each message on lines of its own."""

    def __init__(self, markdown: MarkdownText | None) -> None:
        self._markdown = markdown
        self._is_streamed = False
        self._is_line_open = False

    def write(self, data: ResponseStreamEvent) -> None:
        kind = data.get("type")
        if kind == "response.output_text.delta":
            self._is_streamed = self._is_line_open = True  # before Ctrl-C can come in between
            self._write(data.delta)
        elif kind == "response.output_item.done":
            self.end_line()
        elif kind == "response.completed":
            if not self._is_streamed:  # the server sent its answer in one piece
                for text in filter(None, map(ItemHelpers.extract_text, data.response.output)):
                    self._is_line_open = True
                    self._write(text)
                    self.end_line()
            self._is_streamed = False

    def end_line(self) -> None:
        if self._markdown is not None:
            self._markdown.end()
        elif self._is_line_open:
            print(flush=True)
        self._is_line_open = False

    def _write(self, text: str) -> None:
        if self._markdown is not None:
            self._markdown.add(safe(text))
        else:
            print(safe(text), end="", flush=True)
