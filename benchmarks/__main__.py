"""Prints one table: the floor's figures, and the others' as multiples of them.

The sides of a comparison take turns, each in a process of its own, and each figure is the median
of the ratios between neighbours in time: what else the machine does touches both alike. Behind it
stands how far single ratios are off it: half the distance between their quarters. What has moved by
more than that since the table that was committed last is marked; `--write` puts the new one in its
place.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from importlib.metadata import version

from .comparisons import COMPARISONS, Comparison, Figure
from .last_table import LastRow, read_last_table, write_table
from .sides import Figures, Stub, WorkFailed

HEADER = """
| CPU time unless said | floor | openai-agents, x floor | agents_lite, x floor | target |
|---|---|---|---|---|"""
FEWEST_ROUNDS = 3
MOST_ROUNDS = 25


@dataclass
class Row:
    """A line of the table."""

    figure: Figure
    floor: float
    ratios: dict[str, list[float]]
    """The sides' multiples of the floor, one for each round."""


def median(values: list[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return (ordered[middle] + ordered[~middle]) / 2


def noise_of(values: list[float]) -> float:
    """Half the distance between the quarters of the values; of few values, between all of them."""
    ordered = sorted(values)
    quarter = len(ordered) // 4
    return (ordered[~quarter] - ordered[quarter]) / 2


def measure(comparison: Comparison, seconds: float, peer: str | None, stub: Stub) -> Iterator[Row]:
    """Let the sides take turns for so long, then compare."""
    pythons = {"floor": sys.executable, "lite": sys.executable, "peer": peer}
    deadline = time.monotonic() + seconds
    with ExitStack() as stack:
        measures = {
            name: stack.enter_context(side.opened(python, stub))
            for name, side in comparison.sides.items()
            if (python := pythons[name]) is not None
        }
        taken: dict[str, list[tuple[Figures, Figures]]] = {name: [] for name in measures}
        for number in range(MOST_ROUNDS):
            if number >= FEWEST_ROUNDS and time.monotonic() >= deadline:
                break
            floor = measures["floor"]()
            for name, measure_side in measures.items():
                if name == "floor":
                    taken[name].append((floor, floor))
                elif name != "peer" or number < comparison.peer_rounds:
                    taken[name].append((floor, measure_side()))
    for figure in comparison.figures:
        ratios = {
            name: [mine[figure.key] / floor[figure.key] for floor, mine in pairs]
            for name, pairs in taken.items()
        }
        floor_value = median([floor[figure.key] for floor, _ in taken["floor"]])
        yield Row(figure, floor_value * figure.scale, ratios)


def measure_with_peer(
    comparison: Comparison, seconds: float, peer: str | None, stub: Stub
) -> list[Row]:
    """Compare; where openai-agents cannot do the work, without it."""
    try:
        return list(measure(comparison, seconds, peer, stub))
    except WorkFailed as failure:
        if peer is None:
            raise
        print(f"Without openai-agents: {failure}", file=sys.stderr)
        return list(measure(comparison, seconds, None, stub))


def line(row: Row, last: LastRow | None) -> str:
    mine = median(row.ratios["lite"])
    target = row.figure.target
    missed = target is not None and round(mine, 2) > target
    verdict = "" if target is None else f"{target:g}{', missed' if missed else ''}"
    peer = f"{median(row.ratios['peer']):.3g}" if "peer" in row.ratios else ""
    cells = [
        row.figure.title,
        f"{row.floor:.3g} {row.figure.unit}".strip(),
        peer or (last.peer if last else ""),
        f"{mine:.2f} ± {noise_of(row.ratios['lite']):.2f}",
        verdict,
    ]
    return "| " + " | ".join(cells) + " |"


def movement(row: Row, last: LastRow | None) -> str:
    """What is said of a figure that has moved by more than the noise of both measurements."""
    mine = median(row.ratios["lite"])
    if last is None or abs(mine - last.ratio) <= noise_of(row.ratios["lite"]) + last.noise:
        return ""
    return f" {'SLOWER' if mine > last.ratio else 'better'}: it was {last.ratio:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--peer", help="a Python that has openai-agents; left out: its column is "
                        "taken over from the last table")  # fmt: skip
    parser.add_argument("--minutes", type=float, default=4.5, help="what all of it may take")
    parser.add_argument("--only", default="", help="only comparisons whose name contains this")
    parser.add_argument("--write", action="store_true", help="put the table into the documents")
    options = parser.parse_args()
    if options.write and options.only:
        parser.error("--write wants the whole table")
    peer = options.peer if options.peer and os.path.exists(options.peer) else None
    lines = [
        f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
        f", requests {version('requests')}, pydantic {version('pydantic')}.",
        *HEADER.splitlines(),
    ]
    print("\n".join(lines))
    wanted = [each for each in COMPARISONS if options.only in each.name]
    last_table = read_last_table()
    deadline = time.monotonic() + options.minutes * 60
    with closing(Stub()) as stub:
        for number, comparison in enumerate(wanted):
            share = (deadline - time.monotonic()) / (len(wanted) - number)
            for row in measure_with_peer(comparison, share, peer, stub):
                last = last_table.get(row.figure.title)
                lines.append(line(row, last))
                print(lines[-1] + movement(row, last), flush=True)
    if options.write:
        write_table(lines)


if __name__ == "__main__":
    main()
