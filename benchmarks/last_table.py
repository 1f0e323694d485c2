"""The table that was committed last, in docs/performance.md."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs/performance.md"
BEGIN, END = "<!-- measured: make bench -->\n", "<!-- end of what was measured -->\n"


@dataclass
class LastRow:
    """A line of it."""

    ratio: float
    """agents_lite's multiple of the floor."""
    noise: float
    """How far single measurements were off it, as a rule."""
    peer: str
    """What stands there for openai-agents."""


def read_last_table(page: str | None = None) -> dict[str, LastRow]:
    """The rows by their titles."""
    text = PAGE.read_text() if page is None else page
    rows = {}
    for line in text.partition(BEGIN)[2].partition(END)[0].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        ratio, plus_minus, noise = cells[-2].partition(" ± ") if len(cells) == 5 else ("", "", "")
        if plus_minus:
            rows[cells[0]] = LastRow(float(ratio), float(noise), cells[2])
    return rows


def write_table(lines: list[str]) -> None:
    """Put another one in its place."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text("".join([before, BEGIN, *(f"{line}\n" for line in lines), END, after]))
