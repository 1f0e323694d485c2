"""Whatever a history holds, what is left of it is one that the API takes."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agents_lite.compaction.view import compacted, heads, is_from_user
from agents_lite.history import mend_history, turn_starts
from agents_lite.testing.validation import check_items

Items = list[dict[str, Any]]
BETWEEN = st.sampled_from(["user", "developer", "compaction"])


@st.composite
def histories(draw: st.DrawFn) -> Items:
    """Valid histories of some turns, with parallel calls, reasoning and messages of the system."""
    items: Items = []
    for turn in range(draw(st.integers(1, 8))):
        for kind in draw(st.lists(BETWEEN, max_size=2)):
            if kind == "compaction":
                items.append({"type": "compaction", "encrypted_content": f"sealed {turn}"})
            else:
                items.append({"role": kind, "content": f"{kind} {turn}"})
        items.append({"role": "user", "content": f"question {turn}"})
        for step in range(draw(st.integers(0, 3))):
            if draw(st.booleans()):
                items.append({"type": "reasoning", "id": f"rs_{turn}_{step}", "summary": []})
            count = draw(st.integers(1, 3))
            names = [f"call_{turn}_{step}_{number}" for number in range(count)]
            items += [
                {
                    "type": "function_call",
                    "id": f"fc_{name}",
                    "call_id": name,
                    "name": "f",
                    "arguments": "{}",
                }
                for name in names
            ]
            items += [
                {"type": "function_call_output", "call_id": name, "output": "word " * size}
                for name in names
                for size in [draw(st.sampled_from([1, 100]))]
            ]
        items.append({"role": "assistant", "content": f"answer {turn}"})
    return items


@given(histories(), st.data())
def test_what_is_left_is_valid_and_holds_what_must_stay(items: Items, data: Any) -> None:
    check_items(items, [])
    covered = data.draw(st.sampled_from(turn_starts(items)))
    cleared = data.draw(st.sampled_from(turn_starts(items)))
    left = compacted(items, cleared, covered, "S" if covered else None)
    check_items(left, [])
    assert mend_history(left) == left
    tail = [(item.get("call_id"), item.get("content")) for item in items[covered:]]
    assert [(i.get("call_id"), i.get("content")) for i in left[len(left) - len(tail) :]] == tail
    assert all(item in left for item in heads(items[:covered]))
    assert any(map(is_from_user, left))
    again = compacted(left, 0, 0, None)
    assert again == left
