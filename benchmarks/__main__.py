"""Prints one table: the floor's figures, and the others' as multiples of them.

The sides of a comparison take turns, each in a process of its own, and each figure is the median
of the ratios between neighbours in time: what else the machine does touches both alike.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from importlib.metadata import version

from .comparisons import COMPARISONS, Comparison, Figure
from .sides import Figures, Stub, WorkFailed

HEADER = """
| CPU time unless said | floor | openai-agents, x floor | agents_lite, x floor | target |
|---|---|---|---|---|"""


@dataclass
class Row:
    """A line of the table."""

    figure: Figure
    floor: float
    ratios: dict[str, float]
    """The sides' multiples of the floor."""


def median(values: list[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return (ordered[middle] + ordered[~middle]) / 2


def measure(comparison: Comparison, rounds: int, peer: str | None, stub: Stub) -> Iterator[Row]:
    """Let the sides take turns, then compare."""
    pythons = {"floor": sys.executable, "lite": sys.executable, "peer": peer}
    with ExitStack() as stack:
        measures = {
            name: stack.enter_context(side.opened(python, stub))
            for name, side in comparison.sides.items()
            if (python := pythons[name]) is not None
        }
        taken: dict[str, list[tuple[Figures, Figures]]] = {name: [] for name in measures}
        for number in range(rounds):
            floor = measures["floor"]()
            for name, measure_side in measures.items():
                if name == "floor":
                    taken[name].append((floor, floor))
                elif name != "peer" or number < comparison.peer_rounds:
                    taken[name].append((floor, measure_side()))
    for figure in comparison.figures:
        ratios = {
            name: median([mine[figure.key] / floor[figure.key] for floor, mine in pairs])
            for name, pairs in taken.items()
        }
        floor_value = median([floor[figure.key] for floor, _ in taken["floor"]])
        yield Row(figure, floor_value * figure.scale, ratios)


def measure_with_peer(
    comparison: Comparison, rounds: int, peer: str | None, stub: Stub
) -> list[Row]:
    """Compare; where openai-agents cannot do the work, without it."""
    try:
        return list(measure(comparison, rounds, peer, stub))
    except WorkFailed as failure:
        if peer is None:
            raise
        print(f"Without openai-agents: {failure}", file=sys.stderr)
        return list(measure(comparison, rounds, None, stub))


def line(row: Row) -> str:
    mine = row.ratios["lite"]
    target = row.figure.target
    verdict = "" if target is None else f"{target:g}" + ("" if mine <= target else " MISSED")
    peer = row.ratios.get("peer")
    cells = [
        row.figure.title,
        f"{row.floor:.3g} {row.figure.unit}",
        "-" if peer is None else f"{peer:.3g}",
        f"{mine:.2f}",
        verdict,
    ]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--peer", help="a Python that has openai-agents; left out: no such column")
    parser.add_argument("--rounds", type=int, default=9, help="rounds of each comparison")
    parser.add_argument("--only", default="", help="only comparisons whose name contains this")
    options = parser.parse_args()
    peer = options.peer if options.peer and os.path.exists(options.peer) else None
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
        f", requests {version('requests')}, pydantic {version('pydantic')}."
    )
    if peer is None:
        print("openai-agents is not installed: its column is empty.")
    print(HEADER)
    with closing(Stub()) as stub:
        for comparison in COMPARISONS:
            if options.only in comparison.name:
                for row in measure_with_peer(comparison, options.rounds, peer, stub):
                    print(line(row), flush=True)


if __name__ == "__main__":
    main()
