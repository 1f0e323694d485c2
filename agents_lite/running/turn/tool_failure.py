"""A tool that raises is seen: in the log, and in the span of its call."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ...checks import is_switched_on
from ...exceptions import words_of
from ...shown import escaped

if TYPE_CHECKING:
    from ...tracing import FunctionSpanData, Span
    from .tool_call import ToolCall

logger = logging.getLogger("agents_lite")

MOST_FRAMES = 30
"""So many are told of each exception, the innermost ones."""
_BEFORE_THE_TOOL = ("agents_lite.", "concurrent.futures.")
"""Modules whose frames stand between a run and the function of a tool."""


def settle_failure(error: Exception, call: ToolCall, span: Span[FunctionSpanData]) -> None:
    """Note that a call has failed, and undo what it has written to the run's journal.

    Raises:
        BaseException: The run is being stopped, which is no failure of the tool.
    """
    call.cancellation.check()
    if _comes_of_signal(error):
        raise error
    writer = call.run.record.writer
    if writer is not None:
        writer.take_back()
    note_failure(error, call, span)


def _comes_of_signal(error: Exception) -> bool:
    """Whether a signal's handler has raised it, as a queue's does when a task's time is over."""
    import signal  # a plain run needs none of it

    codes = list(map(_code_of, map(signal.getsignal, signal.valid_signals())))
    return any(frame.f_code in codes for frame, _ in traceback.walk_tb(error.__traceback__))


def _code_of(handler: Any) -> Any:
    """The code that runs where a handler is called; None: none of Python's."""
    if isinstance(handler, partial):
        return _code_of(handler.func)
    called = handler if hasattr(handler, "__code__") or not callable(handler) else handler.__call__
    return getattr(called, "__code__", None)


def note_failure(error: Exception, call: ToolCall, span: Span[FunctionSpanData]) -> None:
    """Log a tool's failure, and put it into the span of the call, with its traceback.

    Where content is not to be traced, neither holds the words of exceptions, which may quote it,
    nor lines of code; the log does not either where `OPENAI_AGENTS_DONT_LOG_TOOL_DATA` says so. A
    call that never reached the tool's function has no traceback.
    """
    start = _first_of_tool(error.__traceback__)
    may_tell = call.run.records_content
    failure = span.describe(error)
    if start is not None:
        if may_tell:
            lines = traceback.format_exception(type(error), error, start, limit=-MOST_FRAMES)
        else:
            lines = list(_without_words(error, start))
        failure["data"] = {**(failure["data"] or {}), "traceback": "".join(lines).rstrip()}
    span.set_error(failure)
    may_log = may_tell and not is_switched_on("OPENAI_AGENTS_DONT_LOG_TOOL_DATA")
    what = f"{type(error).__name__}: {words_of(error)}" if may_log else type(error).__name__
    if start is not None and not may_log:
        what = f"{what}\n{''.join(_without_words(error, start)).rstrip()}"
    shown = (type(error), error, start) if start is not None and may_log else None
    names = call.tool.name, call.run.agent.name
    logger.warning("Tool %s of agent %s failed: %s", *names, escaped(what), exc_info=shown)


def _first_of_tool(frames: TracebackType | None) -> TracebackType | None:
    """The first frame that is not ours, or None."""
    while frames is not None:
        module = str(frames.tb_frame.f_globals.get("__name__"))
        if not module.startswith(_BEFORE_THE_TOOL):
            return frames
        frames = frames.tb_next
    return None


def _without_words(error: BaseException, start: TracebackType) -> Iterator[str]:
    """The traceback, those of its causes first, with places and classes only."""
    chain: list[tuple[BaseException, TracebackType | None]] = [(error, start)]
    cause = _cause_of(error)
    while cause is not None and all(each is not cause for each, _ in chain):
        chain.append((cause, cause.__traceback__))
        cause = _cause_of(cause)
    for each, frames in reversed(chain):
        yield "Traceback (most recent call last):\n"
        for frame, line in list(traceback.walk_tb(frames))[-MOST_FRAMES:]:
            yield f'  File "{frame.f_code.co_filename}", line {line}, in {frame.f_code.co_name}\n'
        yield f"{type(each).__name__}\n"


def _cause_of(error: BaseException) -> BaseException | None:
    return error.__cause__ or (None if error.__suppress_context__ else error.__context__)
