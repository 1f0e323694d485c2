"""Whether traces are recorded, and who hears of them."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..checks import is_switched_on
from ..concurrency.calling import is_failure
from ..concurrency.forks import new_lock
from ..exceptions import UserError
from ..shown import repr_of
from .default import OpenAITraceProcessor, environment_processors
from .processor_interface import TracingProcessor, refuse_coroutines
from .warnings import WarnOnce

if TYPE_CHECKING:
    from .spans import Span
    from .traces import Trace

_HEARD = ("on_trace_start", "on_trace_end", "on_span_start", "on_span_end")


class TraceProvider:
    """Holds the trace processors and the switch.

    Until `set_processors` is called, the default ones listen, too: one that sends to OpenAI the
    traces of runs whose models are there, and a store where `AGENTS_LITE_TRACE_DB` names a file.

    Attributes:
        openai_processor: The default processor; its `exit_timeout` (seconds) may be set.
    """

    def __init__(self) -> None:
        self.openai_processor = OpenAITraceProcessor()
        self._prepared = False
        self._prepare_lock = new_lock()
        self._processors: tuple[TracingProcessor, ...] = ()
        self._uses_defaults = True
        self._disabled: bool | None = None
        self._warnings: dict[int, WarnOnce] = {}

    @property
    def disabled(self) -> bool:
        """Whether new traces are not recorded."""
        if self._disabled is not None:
            return self._disabled
        return is_switched_on("OPENAI_AGENTS_DISABLE_TRACING")

    def set_disabled(self, disabled: bool) -> None:
        """Record new traces or not, whatever the environment says."""
        self._disabled = disabled

    def register_processor(self, processor: TracingProcessor) -> None:
        """Let one more processor hear of traces."""
        _check(processor)
        self._processors = (*self._processors, processor)

    def set_processors(self, processors: Iterable[TracingProcessor]) -> None:
        """Let these processors hear of traces, and no others."""
        if not isinstance(processors, Iterable):
            raise UserError(f"Trace processors are given as a list, not as {repr_of(processors)}")
        given = tuple(processors)
        for processor in given:
            _check(processor)
        self._uses_defaults = False
        self._processors = given

    def prepare(self) -> None:
        """Get ready to record; called with each trace, acts with the first."""
        if self._prepared:
            return
        with self._prepare_lock:
            if not self._prepared:
                if self._uses_defaults:
                    defaults = (self.openai_processor, *environment_processors())
                    self._processors = (*defaults, *self._processors)
                _prepared.append(self)
                self._prepared = True

    def announce(self, event: str, subject: Trace | Span[Any]) -> None:
        """Call the method `event` of each processor, such as "on_span_end", with `subject`."""
        for processor in self._processors:
            self._call(processor, event, subject)

    def force_flush(self) -> None:
        """Have every processor pass on what is pending, one after the other."""
        for processor in self._processors:
            self._call(processor, "force_flush")

    def shutdown(self) -> None:
        """Have the processors pass on what is pending and stop; the slowest says how long it takes.

        Each has a thread, so that their waits for silent endpoints do not add up; or this one has
        them all, where the interpreter is ending and starts no thread any more.
        """
        threads = []
        for processor in self._processors:
            thread = threading.Thread(target=self._call, args=(processor, "shutdown"), daemon=True)
            try:
                thread.start()
            except RuntimeError:
                self._call(processor, "shutdown")
            else:
                threads.append(thread)
        for thread in threads:
            thread.join()

    def _call(self, processor: TracingProcessor, method: str, *subject: Trace | Span[Any]) -> None:
        try:
            getattr(processor, method)(*subject)
        except BaseException as error:
            if not is_failure(error):
                raise
            warn = self._warnings.setdefault(id(processor), WarnOnce())
            name = type(processor).__name__
            warn("Trace processor %s failed in %s; runs go on.", name, method, exc_info=True)


def _check(processor: Any) -> None:
    """Raise UserError for what is no processor, such as a class of them, or is never awaited."""
    if isinstance(processor, type) or not hasattr(processor, "on_span_end"):
        raise UserError(f"A trace processor is a TracingProcessor, not {repr_of(processor)}")
    refuse_coroutines(processor, *_HEARD, "shutdown", "force_flush")


_provider: TraceProvider | None = None
_prepared: list[TraceProvider] = []


@atexit.register  # now: what is registered during the exit is not called
def _shut_down() -> None:
    for provider in reversed(_prepared):
        provider.shutdown()


def get_trace_provider() -> TraceProvider:
    """The provider that new traces use; made when first asked for."""
    global _provider
    if _provider is None:
        _provider = TraceProvider()
    return _provider


def set_trace_provider(provider: TraceProvider) -> None:
    """Let new traces use another provider."""
    global _provider
    _provider = provider


def add_trace_processor(processor: TracingProcessor) -> None:
    """Let one more processor hear of traces, beside those there are."""
    get_trace_provider().register_processor(processor)


def set_trace_processors(processors: Iterable[TracingProcessor]) -> None:
    """Let these processors hear of traces, and no others."""
    get_trace_provider().set_processors(processors)


def set_tracing_disabled(disabled: bool) -> None:
    """Record new traces or not; stands above `OPENAI_AGENTS_DISABLE_TRACING`."""
    get_trace_provider().set_disabled(disabled)


def set_tracing_export_api_key(api_key: str) -> None:
    """Send all traces to OpenAI, with this key, wherever their models are."""
    get_trace_provider().openai_processor.send_all(api_key)


def flush_traces() -> None:
    """Pass on all pending traces and spans now, and return when that is done."""
    get_trace_provider().force_flush()


def sensitive_data_by_default() -> bool:
    """Whether spans hold inputs and outputs where a run does not say.

    `OPENAI_AGENTS_TRACE_INCLUDE_SENSITIVE_DATA` says so; without it they do.
    """
    return is_switched_on("OPENAI_AGENTS_TRACE_INCLUDE_SENSITIVE_DATA", default="true")
