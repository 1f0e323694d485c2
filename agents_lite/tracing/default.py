"""Who listens to traces when nobody was told to."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from copy import copy
from typing import TYPE_CHECKING, Any

from .export import BackendSpanExporter
from .processor_interface import TracingProcessor
from .processors import BatchTraceProcessor
from .span_data import GenerationSpanData
from .warnings import logger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .spans import Span
    from .sqlite_store import SQLiteTraceProcessor
    from .traces import Trace

_MAX_HELD = 8192


class OpenAITraceProcessor(BatchTraceProcessor):
    """Sends to OpenAI the traces whose models are there anyway; the others never leave.

    A trace is held back until one of its model calls goes to OpenAI's own server; a trace that
    ends without is dropped. Once a key was set for the purpose, all traces are sent. Without any
    key nothing is sent or kept.
    """

    def __init__(self, backend: BackendSpanExporter | None = None) -> None:
        """Set up; `backend` None sends to OpenAI's own traces endpoint."""
        self._backend = backend or BackendSpanExporter()
        self._sends_all = False
        super().__init__(self._backend)

    def send_all(self, api_key: str) -> None:
        """Send every trace from now on, with this key."""
        self._backend.set_api_key(api_key)
        self._sends_all = True

    def use_model_key(self, api_key: str) -> None:
        """Take the key that models use; it says nothing about which traces are sent."""
        if not self._sends_all:
            self._backend.set_api_key(api_key)

    def on_trace_start(self, trace: Trace) -> None:
        """Hold the trace back, or queue it."""
        if self._backend.api_key is not None:
            trace.held = HeldItems(trace)
            self._release(trace)

    def on_span_end(self, span: Span[Any]) -> None:
        """Hold the span back, or queue it."""
        trace = span.trace
        if trace is None or trace.held is None:
            return
        if self._is_sent(trace):
            self._release(trace)
            self.enqueue(span)
        elif len(trace.held) < _MAX_HELD:
            trace.held.append(span)

    def on_trace_end(self, trace: Trace) -> None:
        """Forget what is held back by now: no model call of the trace went to OpenAI."""
        if trace.held is not None:
            self._release(trace)
            if len(trace.held):
                trace.held = None

    def _is_sent(self, trace: Trace) -> bool:
        return self._sends_all or trace.talks_to_openai

    def _release(self, trace: Trace) -> None:
        if trace.held is not None and self._is_sent(trace):
            for item in trace.held.taken():
                self.enqueue(item)


class HeldItems:
    """A trace and its spans that may never be sent, in order.

    An agent asks its model in each turn all that it has asked before, and more. Only that is held:
    a trace grows with its turns, not with their square. The span of its newest call is held as it
    is: other processors may still change it.
    """

    def __init__(self, trace: Trace) -> None:
        self._items: deque[list[Trace | Span[Any]]] = deque([[trace]])
        self._newest: dict[str | None, list[Any]] = {}  # by the agent's span
        self._last: dict[str | None, tuple[_Input, list[Any]]] = {}  # what the one before was asked

    def __len__(self) -> int:
        return len(self._items)

    def append(self, span: Span[Any]) -> None:
        """Hold a span."""
        held: list[Trace | Span[Any]] = [span]
        if isinstance(span.span_data, GenerationSpanData):
            before = self._newest.get(span.parent_id)
            if before is not None:
                before[0] = self._shortened(before[0])
            self._newest[span.parent_id] = held
        self._items.append(held)

    def taken(self) -> Iterator[Trace | Span[Any]]:
        """The items, whole again; each is held no more."""
        self._newest, self._last = {}, {}
        with contextlib.suppress(IndexError):  # another thread may be taking items, too
            while True:
                (item,) = self._items.popleft()
                data = getattr(item, "span_data", None)
                if isinstance(data, GenerationSpanData) and isinstance(data.input, _Input):
                    data.input = data.input.whole()
                yield item

    def _shortened(self, span: Span[GenerationSpanData]) -> Span[GenerationSpanData]:
        """The same, with its input made of that before; not itself: others may want it whole."""
        data = copy(span.span_data)
        if isinstance(data.input, list):
            asked = list(data.input)
            before, items = self._last.get(span.parent_id, (None, []))
            is_more = before is not None and asked[: len(items)] == items
            held = _Input(before, asked[len(items) :]) if is_more else _Input(None, asked)
            self._last[span.parent_id] = held, asked
            data.input = held
        short = copy(span)
        short.span_data = data
        return short


class _Input:
    """What a model was asked: all that it was asked before, and more."""

    def __init__(self, before: _Input | None, more: list[Any]) -> None:
        self._before = before
        self._more = more

    def whole(self) -> list[Any]:
        """All of it."""
        parts, before = [self._more], self._before
        while before is not None:
            parts.append(before._more)
            before = before._before
        return [item for part in reversed(parts) for item in part]


def environment_processors() -> list[TracingProcessor]:
    """The processors that the environment asks for: a store where `AGENTS_LITE_TRACE_DB` is set."""
    path = os.environ.get("AGENTS_LITE_TRACE_DB")
    return [store_at(path)] if path else []


def store_at(path: str) -> SQLiteTraceProcessor:
    """A store in that file, within the limits that the environment sets.

    `AGENTS_LITE_TRACE_KEEP` says how much it keeps: "1000" traces, or those of "30d", of days.
    """
    from .sqlite_store import SQLiteTraceProcessor

    return SQLiteTraceProcessor(path, **_kept(os.environ.get("AGENTS_LITE_TRACE_KEEP", "")))


def _kept(text: str) -> dict[str, Any]:
    """The limits of a store, as `AGENTS_LITE_TRACE_KEEP` names them."""
    number, unit = (text[:-1], "d") if text.endswith("d") else (text, "")
    if number.isascii() and number.isdecimal():
        return {"keep_days": int(number)} if unit else {"keep_traces": int(number)}
    if text:
        logger.warning(
            'AGENTS_LITE_TRACE_KEEP=%s is neither a number of traces, such as "1000", nor one of '
            'days, such as "30d"; all traces are kept.',
            text,
        )
    return {}
