"""Showing a run on screen, one line for each thing that happens."""

from __future__ import annotations

from typing import Any

from ..items import HandoffOutputItem, ItemHelpers, RunItem, ToolApprovalItem, ToolCallOutputItem
from ..response_types import ResponseStreamEvent, as_json
from ..result import RunResultBase
from ..stream_events import AgentUpdatedStreamEvent, RawResponsesStreamEvent, StreamEvent
from ..viewer.text import count, plain
from .terminal import paint, read_line, readable_json, safe
from .usage import describe_usage

_MARGIN = 4
_RESPONSE_FIELDS = ("id", "model", "status", "output", "usage")
"""Those worth showing: most of the others repeat the request."""


class RunView:
    """Prints what happens in a run as it happens.

    Args:
        step: Show each request and response in full, and wait for Enter after each step.
    """

    def __init__(self, step: bool) -> None:
        self._step = step
        self._turn = 0
        self._in_delta = False

    def show_request(self, body: dict[str, Any]) -> None:
        """A request that is about to be sent, as JSON."""
        self._turn += 1
        print(paint(f"\n  turn {self._turn}", "bold"))
        items, messages = body.get("input", ()), body.get("messages", ())
        what = count(len(messages), "message") if messages else count(len(items), "input item")
        parts = [body["model"], what]
        if tools := body.get("tools"):
            declared = [tool.get("function", tool) for tool in tools]
            names = [tool.get("name") or tool["type"] for tool in declared]
            parts.append("tools: " + ", ".join(names))
        if "format" in body.get("text", {}) or "response_format" in body:
            parts.append("answer: typed")
        self._line("request", " | ".join(parts))
        self._finish_step(body)

    def show_event(self, event: StreamEvent) -> None:
        """An event of the run's stream."""
        if isinstance(event, AgentUpdatedStreamEvent):
            print()
            print(paint(f"{plain(event.new_agent.name)} is at work", "bold"))
        elif isinstance(event, RawResponsesStreamEvent):
            self._show_raw_event(event.data)
        else:
            self._line(event.name, describe_item(event.item))
            if isinstance(event.item, ToolCallOutputItem | HandoffOutputItem):
                self._finish_step()

    def show_result(self, result: RunResultBase) -> None:
        """The final output, and what the run has used."""
        output = result.final_output
        print(paint(f"\nfinal output, of type {type(output).__name__}", "bold"))
        print("  " + paint(safe(output if isinstance(output, str) else repr(output)), "green"))
        print(paint("\nusage", "bold"))
        for name, usage in result.usage_by_agent.items():
            self._line(name, describe_usage(usage))
        self._line("together", describe_usage(result.usage))

    def _show_raw_event(self, data: ResponseStreamEvent) -> None:
        kind = data.get("type", "").removeprefix("response.")
        if kind.endswith(".delta") and isinstance(data.get("delta"), str):
            if not self._in_delta:
                self._line(kind, "", end="")
            self._in_delta = True
            print(paint(safe(data.delta), "dim"), end="", flush=True)
        elif self._in_delta:
            self._in_delta = False
            print()
        if kind == "completed":
            response = as_json(data)["response"]
            kinds = [item.get("type", "?") for item in response.get("output") or ()]
            self._line("response", " | ".join(kinds))
            self._finish_step({name: response.get(name) for name in _RESPONSE_FIELDS})

    def _line(self, label: str, text: str, end: str = "\n") -> None:
        print(f"  {paint(f'{safe(label):<30}', 'cyan')}{safe(text)}", end=end, flush=True)

    def _finish_step(self, body: dict[str, Any] | None = None) -> None:
        if not self._step:
            return
        if body is not None:
            print(" " * _MARGIN + paint(safe(readable_json(body, _MARGIN)), "dim"))
        try:
            read_line(paint("  [Enter: next step] ", "bold"))
        except EOFError:  # there is nobody to wait for
            print()


def describe_item(item: RunItem) -> str:
    """What an item is about, in a line."""
    raw = item.raw_item
    if isinstance(item, ToolApprovalItem):
        return f"{plain(item.tool_name)}({plain(item.arguments)})"
    if isinstance(item, HandoffOutputItem):
        return f"{item.source_agent.name} -> {item.target_agent.name}"
    if isinstance(item, ToolCallOutputItem):
        output = as_json(raw).get("output")
        return plain(output if isinstance(output, str) else readable_json(output))
    if raw.get("type") == "function_call":
        return f"{plain(raw.name)}({plain(raw.arguments)})"
    if raw.get("type") == "reasoning":
        return plain(" ".join(part.text for part in raw.get("summary") or ()))
    return plain(ItemHelpers.extract_text(raw) or raw.get("type") or "")
