"""A trace as a tree, for the terminal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from ..shown import escaped
from ..tracing.sqlite_store import StoredSpan, StoredTrace
from .costs import cost_of_spans
from .text import count, dollars, plain

Paint = Callable[[str, str], str]
"""Gives a text a style: "bold", "dim", "green" or "cyan"."""

_KINDS = {"generation": "model", "response": "model", "function": "tool"}
_STYLES = {"agent": "bold", "model": "cyan", "tool": "green"}
_MIN_LABEL = 30


def draw_tree(trace: StoredTrace, paint: Paint, width: int) -> Iterator[str]:
    """The trace's lines: what it is, then a line for each span with its time and tokens.

    Args:
        trace: With its spans.
        paint: Colours, or leaves the text as it is.
        width: Columns that a line may take.
    """
    yield f"{paint(plain(trace.workflow_name), 'bold')}  {paint(plain(trace.trace_id), 'dim')}"
    yield paint(_describe_trace(trace), "dim")
    yield ""
    rows = list(_rows(trace.spans))
    longest = max((len(branch) + len(_label(span)) for branch, span in rows), default=0)
    column = min(max(longest, _MIN_LABEL), max(width - _NUMBERS_WIDTH, _MIN_LABEL))
    for branch, span in rows:
        label = _shorten(_label(span), column - len(branch))
        gap = " " * (column - len(branch) - len(label))
        style = "bold" if span.error else _STYLES.get(_kind(span), "dim")
        yield f"{paint(branch, 'dim')}{paint(label, style)}{gap}{_numbers(span)}".rstrip()
        for line in _traceback(span):
            yield paint(f"{' ' * len(branch)}  {line}", "dim")


LIST_HEAD = f"{'STARTED':<19}  {'TIME':>9}  {'SPANS':>11}  {'ERRORS':<9}  {'TRACE':<38}  WORKFLOW"
"""What stands above the lines of a list."""


def list_line(trace: StoredTrace) -> str:
    """A line about a trace: when, how long, how many spans and errors, id and name."""
    errors = count(trace.error_count, "error") if trace.error_count else ""
    return (
        f"{_moment(trace.started_ns)}  {duration(trace.started_ns, trace.ended_ns):>9}  "
        f"{count(trace.span_count, 'span'):>11}  {errors:<9}  "
        f"{plain(trace.trace_id):<38}  {plain(trace.workflow_name)}"
    )


def duration(started_ns: int, ended_ns: int | None) -> str:
    """The time from start to end, or "open" where there is no end."""
    if ended_ns is None:
        return "open"
    seconds = (ended_ns - started_ns) / 1e9
    if seconds < 0.01:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes} min {seconds:02} s"


def _rows(spans: list[StoredSpan]) -> Iterator[tuple[str, StoredSpan]]:
    """Each span below the one around it, with the branch that leads to it."""
    known = {span.span_id for span in spans}
    inside: dict[str | None, list[StoredSpan]] = defaultdict(list)
    for span in spans:
        inside[span.parent_id if span.parent_id in known else None].append(span)
    waiting = [("", "", span) for span in reversed(inside[None])]
    while waiting:  # no recursion: spans may be nested more deeply than Python's stack
        margin, joint, span = waiting.pop()
        yield margin + joint, span
        deeper = margin + {"": "", "├─ ": "│  ", "└─ ": "   "}[joint]
        children = inside[span.span_id]
        last = len(children) - 1
        waiting.extend(
            (deeper, "└─ " if place == last else "├─ ", children[place])
            for place in range(last, -1, -1)
        )


def _describe_trace(trace: StoredTrace) -> str:
    calls = [span for span in trace.spans if _kind(span) == "model"]
    facts = [
        _moment(trace.started_ns),
        duration(trace.started_ns, trace.ended_ns),
        count(len(calls), "turn"),
        _tokens([span.span_data.get("usage") for span in calls]),
        dollars(cost_of_spans(calls)),
    ]
    if trace.error_count:
        facts.append(count(trace.error_count, "error"))
    if trace.group_id is not None:
        facts.append(f"group {plain(trace.group_id)}")
    return "  ·  ".join(filter(None, facts))


def _kind(span: StoredSpan) -> str:
    kind = str(span.span_data.get("type"))
    return _KINDS.get(kind, kind)


def _label(span: StoredSpan) -> str:
    facts = span.span_data
    name = facts.get("name") or facts.get("model") or facts.get("response_id") or ""
    if _kind(span) == "handoff":
        name = f"{facts.get('from_agent')} → {facts.get('to_agent')}"
    if facts.get("triggered"):
        name = f"{name}  triggered"
    label = f"{_kind(span)}  {name}"
    if span.error:
        label = f"✗ {label}: {span.error.get('message')}"
    return plain(label)


def _traceback(span: StoredSpan) -> Iterator[str]:
    """The lines of its error's traceback, if it has one."""
    facts = span.error and span.error.get("data")
    if isinstance(facts, dict) and facts.get("traceback"):
        for line in str(facts["traceback"]).splitlines():
            yield escaped(line)


_NUMBERS_WIDTH = 36


def _numbers(span: StoredSpan) -> str:
    usage = span.span_data.get("usage")
    time = duration(span.started_ns, span.ended_ns)
    return f"  {time:>9}  {_tokens([usage]) if usage else ''}"


def _tokens(usages: list[Any]) -> str:
    known = [usage for usage in usages if isinstance(usage, dict)]
    sent, received = (
        sum(value for usage in known if isinstance(value := usage.get(name), int))
        for name in ("input_tokens", "output_tokens")
    )
    return f"{sent:,} in  {received:,} out" if known else ""


def _moment(ns: int) -> str:
    return datetime.fromtimestamp(ns / 1e9).strftime("%Y-%m-%d %H:%M:%S")


def _shorten(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"
