"""Stepping generators."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextvars import Context
from inspect import GEN_CLOSED, getgeneratorstate
from typing import Any, Generic, TypeVar, final

from ..exceptions import UserError, words_of

TEvent = TypeVar("TEvent")
TResult = TypeVar("TResult")
TEach = TypeVar("TEach", covariant=True)


@final
class Burst(Generic[TEach]):
    """Events that have come at once, where a generator yields them in one step."""

    __slots__ = ("events",)

    def __init__(self, events: Iterator[TEach]) -> None:
        self.events = events


def step_in_context(
    generator: Generator[TEvent | Burst[TEvent], None, TResult], context: Context
) -> Generator[TEvent, None, TResult]:
    """Run each step of `generator`, its closing too, inside `context`.

    The events of a burst are given one by one, without a step of it.

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
            except GeneratorExit as error:  # of a user's function: it is not being closed
                raise UserError(f"A generator raised GeneratorExit: {words_of(error)}") from error
            if type(event) is Burst:
                yield from event.events
            else:
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
