from __future__ import annotations

from typing import Any

import pytest

from agents_lite.http.assembly import Deltas, ResponseSoFar, SettledEvents, complete_output
from agents_lite.http.connections import Exchange


def item(kind: str, name: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "id": name, **fields}


THOUGHT = item("reasoning", "rs_1", encrypted_content="abc")
CALL = item("function_call", "fc_1", call_id="call_1")
MESSAGE = item("message", "msg_1")
TOOLS = item("mcp_list_tools", "mcpl_1")


@pytest.mark.parametrize(
    ("announced", "listed", "output"),
    [
        pytest.param([], [MESSAGE], [MESSAGE], id="nothing was announced"),
        pytest.param([THOUGHT, CALL], [], [THOUGHT, CALL], id="nothing is listed"),
        pytest.param([THOUGHT, CALL], None, [THOUGHT, CALL], id="no list at all"),
        pytest.param([THOUGHT, CALL], [CALL], [THOUGHT, CALL], id="one is left out"),
        pytest.param([THOUGHT, CALL], [CALL, THOUGHT], [THOUGHT, CALL], id="another order"),
        pytest.param(
            [THOUGHT], [{**THOUGHT, "encrypted_content": "xyz"}], [THOUGHT], id="encrypted anew"
        ),
        pytest.param(
            [THOUGHT, MESSAGE], [item("reasoning", "a"), item("message", "b")],
            [THOUGHT, MESSAGE], id="renamed",
        ),
        pytest.param(
            [CALL], [item("function_call", "x", call_id="call_1")], [CALL], id="same call, other id"
        ),
        pytest.param([CALL, MESSAGE], [TOOLS, CALL, MESSAGE], [TOOLS, CALL, MESSAGE],
                     id="never announced, first"),
        pytest.param([MESSAGE], [TOOLS, THOUGHT, MESSAGE], [TOOLS, THOUGHT, MESSAGE],
                     id="several that were never announced"),
        pytest.param([THOUGHT, MESSAGE], [THOUGHT, TOOLS, MESSAGE], [THOUGHT, TOOLS, MESSAGE],
                     id="never announced, in the middle"),
        pytest.param([MESSAGE], [item("message", "msg_0"), MESSAGE],
                     [item("message", "msg_0"), MESSAGE], id="never announced, of the same type"),
    ],
)  # fmt: skip
def test_the_announced_items_count_and_others_keep_their_place(announced, listed, output):
    response = {"id": "resp_1", "output": listed}

    assert complete_output(response, announced) == {"id": "resp_1", "output": output}
    assert response == {"id": "resp_1", "output": listed}


def test_items_are_put_in_the_order_of_their_positions():
    so_far = ResponseSoFar()
    for position, done in [(1, MESSAGE), (0, THOUGHT)]:
        so_far.take({"type": "response.output_item.done", "output_index": position, "item": done})

    last = so_far.take({"type": "response.completed", "response": {"output": []}})

    assert last["response"]["output"] == [THOUGHT, MESSAGE]


@pytest.mark.parametrize("position", [{}, {"output_index": 0}, {"output_index": "x"}])
def test_no_item_is_lost_when_positions_are_missing_or_all_the_same(position):
    so_far = ResponseSoFar()
    for done in (THOUGHT, CALL):
        so_far.take({"type": "response.output_item.done", "item": done, **position})

    assert so_far.known()["output"] == [THOUGHT, CALL]


def test_an_item_that_is_announced_twice_counts_once_as_it_was_last():
    so_far = ResponseSoFar()
    newer = {**CALL, "status": "completed"}
    for done in (CALL, newer):
        so_far.take({"type": "response.output_item.done", "output_index": 0, "item": done})

    assert so_far.known()["output"] == [newer]


def test_events_that_are_closed_among_deltas_are_over() -> None:
    texts = ["a", "b", "c"]
    deltas = [{"type": "response.output_text.delta", "delta": text} for text in texts]
    events = SettledEvents(part for part in [Deltas(deltas, texts, Exchange())])
    assert next(events).delta == "a"
    events.close()
    assert list(events) == []
