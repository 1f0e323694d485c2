"""The processor that exports in batches, beside the exporters that it may have."""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from ..concurrency.forks import in_child, new_lock
from .export import BackendSpanExporter as BackendSpanExporter
from .export import ConsoleSpanExporter as ConsoleSpanExporter
from .processor_interface import TracingExporter, TracingProcessor, refuse_coroutines
from .warnings import WarnOnce

if TYPE_CHECKING:
    from .spans import Span
    from .traces import Trace


class BatchTraceProcessor(TracingProcessor):
    """Collects traces and spans and exports them in batches on a thread of its own.

    The thread starts with the first item, and again in a forked child with the first one there.
    """

    def __init__(
        self,
        exporter: TracingExporter,
        max_queue_size: int = 8192,
        max_batch_size: int = 128,
        schedule_delay: float = 5.0,
        export_trigger_ratio: float = 0.7,
        exit_timeout: float = 5.0,
    ) -> None:
        """Set up; nothing is started yet.

        Args:
            exporter: Sends the batches.
            max_queue_size: Items that may wait; with more, new ones are dropped, with one warning.
            max_batch_size: Most items in one batch.
            schedule_delay: Seconds that an item waits for others at most.
            export_trigger_ratio: How full the queue is, from 0 to 1, when it is exported at once.
            exit_timeout: Seconds that `shutdown` waits for pending items at most.

        Raises:
            UserError: The exporter's methods would have to be awaited.
        """
        refuse_coroutines(exporter, "export", "shutdown")
        self.exporter = exporter
        self.exit_timeout = exit_timeout
        self._max_queue_size = max_queue_size
        self._max_batch_size = max_batch_size
        self._schedule_delay = schedule_delay
        self._trigger_size = max(1, int(max_queue_size * export_trigger_ratio))
        self._warn_dropped = WarnOnce()
        self._warn_failed = WarnOnce()
        self._closed = False
        self._thread_lock = new_lock()
        self._begin()
        in_child(self._begin)

    def _begin(self) -> None:
        """Set up what belongs to one process; the items queued in its parent stay there."""
        self._queue: deque[Any] = deque()  # items, and a queue for each caller of force_flush
        self._wakes: SimpleQueue[bool] = SimpleQueue()  # for the thread; True: at once
        self._is_awake = False
        self._thread: threading.Thread | None = None

    def on_trace_start(self, trace: Trace) -> None:
        """Queue the trace."""
        self.enqueue(trace)

    def on_trace_end(self, trace: Trace) -> None:
        """Nothing: its JSON says nothing of its end."""

    def on_span_start(self, span: Span[Any]) -> None:
        """Nothing: spans are exported whole."""

    def on_span_end(self, span: Span[Any]) -> None:
        """Queue the span."""
        self.enqueue(span)

    def enqueue(self, item: Trace | Span[Any]) -> None:
        """Let the item be exported with one of the next batches."""
        if self._closed:
            return
        if len(self._queue) >= self._max_queue_size:
            name = type(self.exporter).__name__
            self._warn_dropped("The queue for %s is full; traces are dropped.", name)
            return
        self._queue.append(item)
        if self._thread is None:
            self._start_thread()
        if not self._is_awake:
            self._is_awake = True
            self._wakes.put(False)
        if len(self._queue) >= self._trigger_size:
            self._wakes.put(True)

    def force_flush(self, timeout: float = 30.0) -> None:
        """Export what is queued now; returns when done, or after `timeout` seconds."""
        if self._thread is None or self._closed:
            return
        exported: SimpleQueue[None] = SimpleQueue()
        self._queue.append(exported)
        self._wakes.put(True)
        with suppress(Empty):
            exported.get(timeout=timeout)

    def shutdown(self) -> None:
        """Export what is queued, for `exit_timeout` seconds at most, and take nothing more."""
        self.exporter.shutdown()
        if self._thread is None and not self._closed:
            self._export_queued()  # no thread could be started: the interpreter is ending
        self.force_flush(self.exit_timeout)
        self._closed = True
        self._wakes.put(True)

    def _start_thread(self) -> None:
        with self._thread_lock, suppress(RuntimeError):  # none can be started: `shutdown` exports
            if self._thread is None:
                thread = threading.Thread(target=self._work, name="agents_lite-traces", daemon=True)
                thread.start()
                self._thread = thread

    def _work(self) -> None:
        while not self._closed:
            is_urgent = self._wakes.get()
            due = time.monotonic() + self._schedule_delay
            with suppress(Empty):
                while not is_urgent:
                    is_urgent = self._wakes.get(timeout=max(0, due - time.monotonic()))
            with suppress(Empty):
                while True:
                    self._wakes.get_nowait()
            self._is_awake = False
            self._export_queued()

    def _export_queued(self) -> None:
        batch: list[Trace | Span[Any]] = []
        while self._queue:
            item = self._queue.popleft()
            is_flush = isinstance(item, SimpleQueue)
            if not is_flush:
                batch.append(item)
            if is_flush or len(batch) == self._max_batch_size or not self._queue:
                self._export(batch)
                batch = []
            if is_flush:
                item.put(None)

    def _export(self, batch: list[Trace | Span[Any]]) -> None:
        if not batch:
            return
        try:
            self.exporter.export(batch)
        except BaseException as error:  # the thread has further batches to export
            if self._thread is None and not isinstance(error, Exception):
                raise  # what ends the caller
            name = type(self.exporter).__name__
            self._warn_failed("%s failed; traces are dropped.", name, exc_info=True)
