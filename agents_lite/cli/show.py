"""Showing a run on screen, one line for each thing that happens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..items import HandoffOutputItem, ItemHelpers, RunItem, ToolApprovalItem, ToolCallOutputItem
from ..response_types import as_json, as_object, read_json
from ..shown import repr_of
from ..stream_events import RawResponsesStreamEvent, StreamEvent
from ..usage import Usage
from ..viewer.text import count, plain
from .terminal import paint, readable_json, safe
from .usage import describe_usage

if TYPE_CHECKING:
    from ..replay.moments import Moment

_MARGIN = 4
_EVENTS = {"message": "message_output_created", "reasoning": "reasoning_item_created"}


class RunView:
    """Prints what happens in a run, moment by moment.

    Args:
        in_full: Show each request and response in full, too.
    """

    def __init__(self, in_full: bool) -> None:
        self._in_full = in_full
        self._in_delta = False

    def show_event(self, event: StreamEvent) -> None:
        """An event of a live run: what the model says, as it says it."""
        if not isinstance(event, RawResponsesStreamEvent):
            return
        kind = str(event.data.get("type")).removeprefix("response.")
        if kind.endswith(".delta") and isinstance(event.data.get("delta"), str):
            if not self._in_delta:
                self._line(kind, "", end="")
            self._in_delta = True
            print(paint(safe(event.data.delta), "dim"), end="", flush=True)
        elif self._in_delta:
            self._in_delta = False
            print()

    def show(self, moment: Moment, before: Moment | None) -> None:
        """A moment.

        Args:
            moment: The moment.
            before: The one that it was come from, one step before; None: from elsewhere.
        """
        if before is not None and before.kind == "answer":
            self._show_items(before)
        match moment.kind:
            case "request":
                known = None if before is None else (before.turn.agent, len(before.inside))
                if known != (moment.turn.agent, len(moment.inside)):
                    print()
                    print(paint(f"{plain(moment.turn.agent)} is at work", "bold"))
                self._show_request(moment)
            case "answer":
                kinds = [str(item.get("type")) for item in moment.turn.output]
                self._line("response", " | ".join(kinds))
                self.show_json(moment.response())
            case "output":
                self._show_output(moment)

    def show_json(self, value: Any) -> None:
        """A request or a response in full, if that is wanted."""
        if self._in_full:
            print_json(value)

    def show_end(self, output: Any, used: Mapping[str, Usage], together: Usage) -> None:
        """The final output, and what the run has used, by the names of the agents."""
        print(paint(f"\nfinal output, of type {type(output).__name__}", "bold"))
        print("  " + paint(safe(output if isinstance(output, str) else repr_of(output)), "green"))
        self.show_usage(used, together)

    def show_usage(self, used: Mapping[str, Usage], together: Usage) -> None:
        """What the run has used."""
        print(paint("\nusage", "bold"))
        for name, usage in used.items():
            self._line(name, describe_usage(usage))
        self._line("together", describe_usage(together))

    def _show_request(self, moment: Moment) -> None:
        path = "".join(f"turn {turn.number} > " for turn in moment.inside)
        print(paint(f"\n  {path}turn {moment.turn.number}", "bold"))
        body = moment.request()
        items, messages = body.get("input", ()), body.get("messages", ())
        what = count(len(messages), "message") if messages else count(len(items), "input item")
        parts = [*([str(body["model"])] if body.get("model") else []), what]
        if tools := body.get("tools"):
            declared = [tool.get("function", tool) for tool in tools]
            names = [tool.get("name") or tool["type"] for tool in declared]
            parts.append("tools: " + ", ".join(names))
        if "format" in body.get("text", {}) or {"response_format", "output"} & body.keys():
            parts.append("answer: typed")
        self._line("request", " | ".join(parts))
        self.show_json(body)

    def _show_items(self, moment: Moment) -> None:
        """What an answer held."""
        calls = moment.turn.calls
        for item in moment.turn.output:
            kind = str(item.get("type"))
            call = calls.get(str(item.get("call_id")))
            if call is not None:
                name = "handoff_requested" if call.hands_over else "tool_called"
                self._line(name, f"{plain(call.name)}({plain(call.arguments)})")
            else:
                self._line(_EVENTS.get(kind, kind), describe_raw(item))

    def _show_output(self, moment: Moment) -> None:
        call = moment.call
        output = None if call is None else call.output
        if call is not None and call.hands_over:
            target = _target(output)
            self._line("handoff_occured", f"{moment.turn.agent} -> {target}")
        else:
            text = output if isinstance(output, str) else readable_json(output)
            self._line("tool_output", plain(text))

    def _line(self, label: str, text: str, end: str = "\n") -> None:
        print(f"  {paint(f'{safe(label):<30}', 'cyan')}{safe(text)}", end=end, flush=True)


def print_json(value: Any) -> None:
    """A JSON value, laid out."""
    print(" " * _MARGIN + paint(safe(readable_json(value, _MARGIN)), "dim"))


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
    return describe_raw(as_json(raw))


def describe_raw(item: dict[str, Any]) -> str:
    """What an item of a model's answer is about, in a line."""
    if item.get("type") == "function_call":
        return f"{plain(item.get('name'))}({plain(item.get('arguments'))})"
    if item.get("type") == "reasoning":
        return plain(" ".join(str(part.get("text")) for part in item.get("summary") or ()))
    return plain(ItemHelpers.extract_text(as_object(item)) or item.get("type") or "")


def _target(output: Any) -> str:
    try:
        return str(read_json(output)["assistant"])
    except (ValueError, LookupError, TypeError):
        return str(output)
