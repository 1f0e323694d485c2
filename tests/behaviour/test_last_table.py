"""The table of measurements in the documents, which `make bench` compares with."""

from __future__ import annotations

from benchmarks.__main__ import Row, line, movement
from benchmarks.comparisons import COMPARISONS, Figure
from benchmarks.last_table import BEGIN, END, LastRow, read_last_table

FIGURE = Figure("a turn", "ms", 1e3, target=0.9)


def row(*ratios: float) -> Row:
    return Row(FIGURE, 0.5, {"lite": list(ratios)})


def test_a_line_is_read_back_as_it_was_written() -> None:
    written = line(row(0.80, 0.82, 0.90), LastRow(1.0, 0.1, "31.1"))
    page = f"# Page\n{BEGIN}| CPU time | floor |\n{written}\n{END}| no row | 1 ± 2 |\n"

    assert read_last_table(page) == {"a turn": LastRow(0.82, 0.05, "31.1")}


def test_a_figure_is_marked_that_moved_by_more_than_the_noise_of_both() -> None:
    last = LastRow(0.80, 0.02, "")

    assert movement(row(0.81, 0.82, 0.83), last) == ""
    assert movement(row(0.89, 0.90, 0.91), last) == " SLOWER: it was 0.80"
    assert movement(row(0.69, 0.70, 0.71), last) == " better: it was 0.80"
    assert movement(row(0.9), None) == ""


def test_each_row_has_a_title_of_its_own() -> None:
    titles = [figure.title for comparison in COMPARISONS for figure in comparison.figures]

    assert len(set(titles)) == len(titles)
    assert not any(" | " in title for title in titles)


def test_the_page_holds_a_table() -> None:
    assert read_last_table()
