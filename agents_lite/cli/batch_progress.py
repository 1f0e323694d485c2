"""How far a batch is, and what it has used."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..viewer.text import dollars


@dataclass
class Tally:
    """What has come of the lines so far, those done at an earlier start included."""

    price_input: float | None = None
    """What a million input tokens cost, in any currency; None: not known."""
    price_output: float | None = None
    """The same for output tokens."""
    done: int = 0
    """Lines with an output."""
    done_now: int = 0
    """Those of them that were done at this start."""
    failed: int = 0
    """Lines without one."""
    waiting: int = 0
    """Lines whose answers come at another start."""
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0
    """US dollars, by the price of each model."""
    priced: int = 0
    """Lines whose cost is known."""
    unpriced: int = 0
    """Lines whose cost is not."""

    def add_tokens(self, usage: dict[str, Any]) -> None:
        """Add those of a line; `usage` has the field names of `Usage`, and maybe the cost."""
        self.input_tokens += usage["input_tokens"]
        self.output_tokens += usage["output_tokens"]
        cost = usage.get("cost")
        self.cost += cost or 0
        self.priced += cost is not None
        self.unpriced += cost is None

    def __str__(self) -> str:
        waiting = f", {self.waiting:,} waiting" if self.waiting else ""
        parts = [
            f"{self.done:,} done, {self.failed:,} failed{waiting}",
            f"{self.input_tokens:,} + {self.output_tokens:,} tokens",
        ]
        if self.price_input is not None or self.price_output is not None:
            cost_input = self.input_tokens * (self.price_input or 0)
            cost_output = self.output_tokens * (self.price_output or 0)
            parts.append(f"cost {(cost_input + cost_output) / 1_000_000:,.4f}")
        elif self.priced:
            more = f" and {self.unpriced:,} without a price" if self.unpriced else ""
            parts.append(f"cost {dollars(self.cost)}{more}")
        return ", ".join(parts)

    def left_line(self, total: int | None, seconds: float) -> str:
        """How long the rest will take, as the lines so far have; "" when nobody can know.

        Args:
            total: How many lines there are; None: nobody knows.
            seconds: What those of this start have taken.
        """
        ended = self.done_now + self.failed
        if total is None or not ended:
            return ""
        left = max(total - self.done - self.failed - self.waiting, 0) * seconds / ended
        return f", {_duration(left)} left" if left else ""


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min" if minutes else f"{rest} s"


@contextmanager
def progress_bar(tally: Tally, total: int | None) -> Iterator[Callable[[], None]]:
    """A bar on standard error during a `with` block; gives the function that brings it up to date.

    Args:
        tally: What it shows.
        total: How many lines there are; None: nobody knows.
    """
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    except ImportError:
        print("(for a progress bar: pip install 'agents_lite[cli]')", file=sys.stderr)
        yield lambda: None
        return
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(str(tally), total=total)
        began = time.monotonic()

        def show() -> None:
            left = tally.left_line(total, time.monotonic() - began)
            ended = tally.done + tally.failed
            bar.update(task, description=f"{tally}{left}", completed=ended)

        yield show
