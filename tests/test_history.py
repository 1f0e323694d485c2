"""Histories are mended, and cut, so that the API accepts them."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents_lite.history import latest_items, mend_history, without_lost_reasoning

Item = dict[str, Any]

USER: Item = {"role": "user", "content": "hi"}
ANSWER: Item = {"type": "message", "role": "assistant", "content": []}
SEARCH: Item = {"type": "web_search_call", "id": "ws_1", "status": "searching"}

QUESTION: Item = {"type": "mcp_approval_request", "id": "mcpr_1", "server_label": "s"}
DECISION: Item = {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True}


def reasoning(number: int = 1) -> Item:
    return {"type": "reasoning", "id": f"rs_{number}", "summary": []}


def call(number: int = 1, kind: str = "function_call") -> Item:
    return {"type": kind, "call_id": f"call_{number}", "name": "f", "arguments": "{}"}


def output(number: int = 1, kind: str = "function_call_output") -> Item:
    return {"type": kind, "call_id": f"call_{number}", "output": "5"}


@pytest.mark.parametrize(
    "items",
    [
        [],
        [USER],
        [USER, reasoning(), ANSWER],
        [USER, reasoning(), call(), output(), ANSWER],
        [USER, reasoning(1), reasoning(2), call(1), call(2), output(2), output(1), ANSWER],
        [USER, reasoning(1), SEARCH, reasoning(2), ANSWER],
        [USER, {"role": "assistant", "content": "without a type"}, USER],
        [call(), output(), USER, call(), output()],  # some servers use their call ids again
        [{"type": "tool_search_call", "call_id": None}, {"type": "tool_search_output"}],
        [USER, reasoning(), QUESTION, DECISION, USER],
        [USER, QUESTION],  # which the caller may answer
        [USER, call(), QUESTION, output()],
        [{"type": "never_heard_of"}, {"type": "item_reference", "id": "msg_1"}],
    ],
)
def test_a_sound_history_stays_the_same_list(
    items: list[Item], caplog: pytest.LogCaptureFixture
) -> None:
    assert mend_history(items) is items
    assert caplog.records == []


@pytest.mark.parametrize(
    ("call_kind", "output_kind"),
    [
        ("function_call", "function_call_output"),
        ("custom_tool_call", "custom_tool_call_output"),
        ("computer_call", "computer_call_output"),
        ("shell_call", "shell_call_output"),
        ("local_shell_call", "local_shell_call_output"),
        ("apply_patch_call", "apply_patch_call_output"),
        ("tool_search_call", "tool_search_output"),
    ],
)
def test_every_kind_of_call_needs_an_output_of_its_kind(call_kind: str, output_kind: str) -> None:
    answered = [call(1, call_kind), output(1, output_kind)]
    assert mend_history(answered) is answered
    assert mend_history([USER, call(1, call_kind)]) == [USER]
    assert mend_history([output(1, output_kind), USER]) == [USER]
    assert mend_history([call(1, call_kind), output(1, "another_output")]) == [
        output(1, "another_output")
    ]


def test_an_output_of_a_local_shell_may_name_its_call_in_its_id() -> None:
    items = [call(1, "local_shell_call"), {"type": "local_shell_call_output", "id": "call_1"}]
    assert mend_history(items) is items


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([USER, reasoning(1), reasoning(2), call(), USER], [USER, USER]),
        ([USER, reasoning(), call(1), call(2), output(2)], [USER, call(2), output(2)]),
        ([reasoning(), call(1), call(2), output(1)], [reasoning(), call(1), output(1)]),
        ([call(), output(), output(), USER], [call(), output(), USER]),
        ([output(), call(), USER], [USER]),
        ([call(), call(), output()], [call(), output()]),
        ([USER, reasoning()], [USER]),
        ([reasoning(), USER], [USER]),
        ([call(), reasoning(), output(), ANSWER], [call(), output(), ANSWER]),
        ([USER, reasoning(), QUESTION, USER], [USER, USER]),
        ([DECISION, USER], [USER]),
    ],
    ids=[
        "a call without output goes with the reasoning before it",
        "another call of the same answer stays",
        "reasoning before an answered call stays",
        "the second output of a call",
        "an output before its call",
        "a call asked again before its output",
        "reasoning at the end",
        "reasoning before a user message",
        "reasoning before an output",
        "a question of an MCP server that nobody answered",
        "an answer to no question",
    ],
)
def test_what_is_broken_is_left_out(items: list[Item], expected: list[Item]) -> None:
    assert mend_history(items) == expected


def test_what_stands_there_twice_is_told_once() -> None:
    asked, said, found = {**call(), "id": "fc_1"}, {**ANSWER, "id": "msg_1"}, SEARCH
    turn = [USER, reasoning(), asked, output(), reasoning(2), found, said]
    assert mend_history([*turn, *turn, USER]) == [*turn, USER, ANSWER, USER]
    reference = {"type": "item_reference", "id": "msg_2"}
    assert mend_history([reference, USER, reference, reference]) == [reference, USER]
    # a server that gives all its items one id has said different things
    others = [{**said, "content": "a"}, {**said, "content": "b"}]
    assert mend_history(others) == [others[0], without_id(others[1])]
    again = [asked, output(), {**call(2), "id": "fc_1"}, output(2)]
    assert mend_history(again) == [asked, output(), call(2), output(2)]


def test_what_stands_there_in_two_forms_is_told_once() -> None:
    asked = {**call(), "id": "fc_1", "status": "completed"}
    turn = [USER, reasoning(), asked, output(), reasoning(2), SEARCH, ANSWER]
    raw = [{**item, "status": None, "content": item.get("content")} for item in turn[1:]]
    assert mend_history([*turn, *raw]) == [*turn, raw[-1]]
    assert mend_history([*turn, {**SEARCH, "status": "completed"}]) == turn
    # a server that counts anew in each answer
    others = [reasoning(), ANSWER, {**reasoning(), "summary": [{"text": "b"}]}, ANSWER]
    assert mend_history(others) == others


@pytest.mark.parametrize("kind", ["function_call", "custom_tool_call"])
def test_a_call_made_again_with_another_output_is_no_copy(kind: str) -> None:
    asked = {**call(kind=kind), "id": "fc_1"}
    pending = output(kind=f"{kind}_output")
    done = {**pending, "output": "done"}
    polled = [USER, asked, pending, asked, done, ANSWER]
    assert mend_history(polled) == [USER, asked, pending, call(kind=kind), done, ANSWER]


def test_what_is_left_out_is_logged_once_and_without_content(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, logger="agents_lite"):
        mend_history(
            [USER, reasoning(), call(1), call(2), output(3), *[{"type": "\x1bx", "id": "x"}] * 2]
        )
    [record] = caplog.records
    assert r"1 \x1bx, 2 function_call, 1 function_call_output, 1 reasoning" in record.getMessage()


@pytest.mark.parametrize(
    ("items", "limit", "expected"),
    [
        ([USER, ANSWER], 0, []),
        ([USER, ANSWER], 1, [ANSWER]),
        ([USER, ANSWER], 9, [USER, ANSWER]),
        ([USER, call(), output(), ANSWER], 2, [ANSWER]),
        ([USER, call(), output(), ANSWER], 3, [call(), output(), ANSWER]),
        ([USER, reasoning(), ANSWER, USER], 2, [USER]),
        ([USER, call(1), call(2), output(1), output(2), USER], 4, [USER]),
        ([call(), SEARCH, ANSWER, output(), USER], 3, [ANSWER, USER]),
        ([USER, call()], 1, [call()]),
        ([USER, QUESTION, DECISION, ANSWER], 2, [ANSWER]),
    ],
)
def test_the_latest_items_never_begin_inside_a_call(
    items: list[Item], limit: int, expected: list[Item]
) -> None:
    assert latest_items(items, limit) == expected


ITEMS = st.one_of(
    st.sampled_from([USER, ANSWER, SEARCH, reasoning(), {**ANSWER, "id": "msg_1"}]),
    st.sampled_from([QUESTION, DECISION]),
    st.integers(1, 4).map(call),
    st.integers(1, 4).map(output),
)


@given(st.lists(ITEMS, max_size=14))
def test_a_mended_history_is_sound_and_stays_so(items: list[Item]) -> None:
    mended = mend_history(items)
    assert_sound(mended)
    assert mend_history(mended) is mended
    said = [without_id(item) for item in items if item.get("role")]
    assert [without_id(item) for item in mended if item.get("role")] == said
    assert mended.count(SEARCH) == min(1, items.count(SEARCH))


@given(st.lists(ITEMS, max_size=14), st.integers(0, 15))
def test_a_sound_history_is_sound_when_cut(items: list[Item], limit: int) -> None:
    mended = mend_history(items)
    latest = latest_items(mended, limit)
    assert len(latest) <= limit
    assert_sound(latest)


def without_id(item: Item) -> Item:
    return {name: value for name, value in item.items() if name != "id"}


def assert_sound(items: list[Item]) -> None:
    """The API's rules, spelt out one by one."""
    ids = [item["id"] for item in items if "id" in item]
    assert len(ids) == len(set(ids))
    for index, item in enumerate(items):
        before, after = items[:index], items[index + 1 :]
        if item.get("type") == "function_call":
            assert output(int(item["call_id"][-1])) in after
        elif item.get("type") == "function_call_output":
            same = [one for one in before if one.get("call_id") == item["call_id"]]
            assert same and same[-1]["type"] == "function_call"
        elif item.get("type") == "reasoning":
            followers = [one for one in after if one.get("type") != "reasoning"]
            assert followers and followers[0].get("role") != "user"
            assert followers[0].get("type") != "function_call_output"


REFERENCE = {"type": "item_reference", "id": "fc_1"}


def test_an_output_whose_call_is_a_reference_stays() -> None:
    history = [REFERENCE, {"type": "function_call_output", "call_id": "c1", "output": "1"}]
    assert mend_history(history) == history


def message(name: str) -> dict[str, Any]:
    return {"type": "message", "id": name, "role": "assistant", "content": []}


def test_ids_go_with_the_reasoning_that_they_need() -> None:
    thought = {"type": "reasoning", "id": "rs_1", "summary": []}
    later = {"type": "reasoning", "id": "rs_2", "summary": []}
    user = {"role": "user", "content": "x"}
    before = [user, thought, message("m1"), user, later, message("m2")]
    after = [user, message("m1"), user, later, message("m2")]
    bare = {name: value for name, value in message("m1").items() if name != "id"}
    assert without_lost_reasoning(before, after) == [user, bare, user, later, message("m2")]
    assert without_lost_reasoning(before, before) is before


def test_actions_on_a_computer_keep_the_id_without_which_the_api_takes_none() -> None:
    thought = {"type": "reasoning", "id": "rs_1", "summary": []}
    click = {"type": "computer_call", "id": "cu_1", "call_id": "c1", "actions": []}
    seen = {"type": "computer_call_output", "call_id": "c1", "output": {}}
    assert without_lost_reasoning([thought, click, seen], [click, seen]) == [click, seen]


def test_a_call_left_out_takes_its_reasoning_and_the_ids_behind_it() -> None:
    thought = {"type": "reasoning", "id": "rs_1", "summary": []}
    unanswered = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f"}
    mended = mend_history([thought, unanswered, message("m1")])
    assert [item.get("id") for item in mended] == [None]


def test_reasoning_goes_with_what_followed_it_and_no_further() -> None:
    first, second = reasoning(1), reasoning(2)
    asked, unnamed = {**call(1), "id": "fc_1"}, {"role": "assistant", "content": "hm"}
    before = [USER, first, asked, output(1), second, message("m2"), reasoning(3), unnamed]
    for left_out, stays in (
        ([asked, output(1)], [USER, second, message("m2"), reasoning(3), unnamed]),
        ([message("m2")], [USER, first, asked, output(1), reasoning(3), unnamed]),
        ([unnamed], [USER, first, asked, output(1), second, message("m2")]),
        ([USER], before[1:]),
    ):
        after = [item for item in before if item not in left_out]
        assert without_lost_reasoning(before, after) == stays
    renamed = [{**item, "id": "fc_2"} if item is asked else item for item in before]
    assert without_lost_reasoning(before, renamed) == renamed  # its call tells that it is the same
    strange = [{**first, "id": ["x"]}, USER]
    assert without_lost_reasoning(strange, strange) == strange
