"""Stepping generators."""

from __future__ import annotations

from collections.abc import Generator
from contextvars import Context
from inspect import GEN_CLOSED, getgeneratorstate
from typing import Any, TypeVar

TEvent = TypeVar("TEvent")
TResult = TypeVar("TResult")


def step_in_context(
    generator: Generator[TEvent, None, TResult], context: Context
) -> Generator[TEvent, None, TResult]:
    """Run each step of `generator`, its closing too, inside `context`.

    What it sets there (the current span, above all) does not leak to the caller between two
    events, and it can be closed from any thread.
    """
    step = generator.__next__
    try:
        while True:
            try:
                event = context.run(step)
            except StopIteration as stop:
                result: TResult = stop.value
                return result
            yield event
    finally:
        context.run(generator.close)


def is_over(generator: Generator[Any, None, Any]) -> bool:
    """Whether a generator has come to its end, well or not."""
    return getgeneratorstate(generator) == GEN_CLOSED


def drain(generator: Generator[Any, None, TResult]) -> TResult:
    """Run a generator to its end, for the sake of what it returns.

    One whose driving is interrupted is closed: a traceback that is kept would keep it open.
    """
    try:
        while True:
            try:
                next(generator)
            except StopIteration as stop:
                result: TResult = stop.value
                return result
    finally:
        generator.close()
