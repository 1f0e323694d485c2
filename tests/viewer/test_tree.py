"""The tree in the terminal."""

from __future__ import annotations

import pytest

from agents_lite.shown import escaped
from agents_lite.tracing.sqlite_store import StoredTrace
from agents_lite.viewer.tree import draw_tree, duration, list_line
from tests.support.stored_traces import made_up, span

AGENT = {"type": "agent", "name": "A"}


def lines(trace: StoredTrace, width: int = 100) -> list[str]:
    return list(draw_tree(trace, lambda text, style: text, width))


def test_spans_hang_below_the_ones_around_them() -> None:
    trace = made_up(
        [
            span("1", AGENT, end=2),
            span("2", {"type": "generation", "model": "m", "usage": {"input_tokens": 1200}}, "1"),
            span("3", {"type": "function", "name": "f"}, "1", 1, 1.25),
            span("4", {"type": "guardrail", "name": "g", "triggered": True}, "3", 1, 1.0004),
            span("5", {"type": "handoff", "from_agent": "A", "to_agent": "B"}, "1", 2, None),
            span("6", {"type": "custom", "name": "c"}, None, 1.5, 121),
        ]
    )
    assert [" ".join(line.split()) for line in lines(trace)[3:]] == [
        "agent A 2.00 s",
        "├─ model m 1.00 s 1,200 in 0 out",
        "├─ tool f 250 ms",
        "│ └─ guardrail g triggered 0.4 ms",
        "└─ handoff A → B open",
        "custom c 2 min 00 s",
    ]


def test_head_tells_what_the_trace_came_to(sample: StoredTrace) -> None:
    name, facts, *_ = lines(sample)
    assert name == f"Customer support  {sample.trace_id}"
    for fact in ("7 turns", "4,968 in  322 out", "1 error", "group chat-17"):
        assert fact in facts


def test_cost_is_told_where_every_call_has_a_price() -> None:
    usage = {"input_tokens": 1_000_000, "output_tokens": 0, "model": "gpt-4o"}
    known = {"type": "generation", "model": "gpt-4o", "usage": usage}
    assert "$5.0000" in lines(made_up([span("1", known), span("2", known)]))[1]
    odd = {**usage, "input_tokens": "many"}
    for other in ({**usage, "model": "unheard-of"}, odd, {"input_tokens": 5}):
        unknown = {**known, "usage": other}
        assert "$" not in lines(made_up([span("1", known), span("2", unknown)]))[1]


def test_errors_are_told_where_they_happened(sample: StoredTrace) -> None:
    (line,) = [line for line in lines(sample) if "✗" in line]
    assert "tool check_stock: The warehouse does not answer" in line


def test_the_traceback_of_an_error_stands_below_it(sample: StoredTrace) -> None:
    shown = lines(sample)
    (place,) = [place for place, line in enumerate(shown) if "✗" in line]
    assert shown[place + 1].endswith("Traceback (most recent call last):")
    end = next(at for at, line in enumerate(shown) if line.strip().startswith("ConnectionError: "))
    assert any(line.endswith("in check_stock") for line in shown[place:end])
    indents = {len(line) - len(line.lstrip()) for line in (shown[place + 1], shown[end])}
    assert indents == {shown[place].index("✗") + 2}


def test_long_labels_are_cut_to_the_width() -> None:
    trace = made_up([span("1", {"type": "agent", "name": "long " * 100})])
    assert "…" in lines(trace, 60)[-1]
    assert len(lines(trace, 60)[-1]) <= 60


def test_nothing_reaches_the_terminal_that_it_would_act_on() -> None:
    evil = "\x1b]0;owned\x07\r\nline\u202e"
    error = {"message": evil, "data": {"traceback": evil}}
    trace = made_up(
        [span("1", {"type": "agent", "name": evil}, error=error)],
        workflow_name=evil,
        trace_id=evil,
        group_id=evil,
    )
    shown = "".join([*lines(trace), list_line(trace)])
    assert shown.isprintable()
    assert r"\x1b]0;owned\x07 line\u202e" in shown


def test_deep_nesting_is_drawn() -> None:
    spans = [span(str(depth), AGENT, str(depth - 1)) for depth in range(3000)]
    assert len(lines(made_up(spans))) == 3003


def test_span_whose_parent_is_not_stored_stands_at_the_top() -> None:
    assert lines(made_up([span("1", AGENT, "gone")]))[-1].startswith("agent A")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1e-4, "0.1 ms"), (0.0123, "12 ms"), (1, "1.00 s"), (59.5, "59.50 s"), (3725, "62 min 05 s")],
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert duration(0, int(seconds * 1e9)) == text


def test_counts_and_names_of_any_form_are_drawn() -> None:
    usage = {"input_tokens": "5", "output_tokens": 7}
    trace = made_up(
        [
            span("1", {"type": "generation", "model": 4, "usage": usage}),
            span("2", {"type": "guardrail", "name": 5, "triggered": True}),
        ]
    )
    model, guardrail = (" ".join(line.split()) for line in lines(trace)[3:])
    assert model == "model 4 1.00 s 0 in 7 out"
    assert guardrail == "guardrail 5 triggered 1.00 s"


def test_texts_keep_their_lines_tabs_and_letters() -> None:
    kept = "a\n\tb\r\n\u00a0\u3000\U0001f468\u200d\U0001f469"
    assert escaped(kept) == kept
    assert escaped("\x1b[2J\x9b\r!") == r"\x1b[2J\x9b\r!"
