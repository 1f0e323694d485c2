from __future__ import annotations

from typing import Any

import pytest

from agents_lite.models.mending import mend_output


def call(call_id: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": "f", "arguments": "{}", **fields}


MESSAGE = {"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}


def test_what_is_well_formed_stays_the_very_same() -> None:
    output = [MESSAGE, call("a"), call("b", arguments='{"x": null}'), call("c", arguments="")]

    assert all(mended is item for mended, item in zip(mend_output(output), output, strict=True))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (None, "{}"), ("null", "{}"), (" null\n", "{}"), ("  ", "{}"), ({"a": "é"}, '{"a":"é"}'),
        ({}, "{}"), ([1], "[1]"), (5, "5"), ([], "{}"), ("[]", "{}"), ('""', "{}"),
        ('{"a": "b\n\tc"}', '{"a":"b\\n\\tc"}'), ('{"a": "b\n', '{"a": "b\n'),
        ('{"a": "\ud800\n"}', '{"a": "\ud800\n"}'), ('{\n"a": 1}', '{\n"a": 1}'),
        ('"{\\"a\\": 1}"', '{"a": 1}'), ('"a"', '"a"'), ('"', '"'), ('"{\ud800}"', '"{\ud800}"'),
    ],
)  # fmt: skip
def test_arguments_become_json_text(arguments: Any, text: str) -> None:
    given = call("a", arguments=arguments)

    assert mend_output([given]) == [call("a", arguments=text)]
    assert given["arguments"] == arguments


def test_each_call_gets_an_id_that_no_other_has() -> None:
    output = [call("a"), call("a"), call("a_2"), call("a"), call("b")]

    ids = [item["call_id"] for item in mend_output(output)]

    assert ids == ["a", "a_3", "a_2", "a_4", "b"]


def test_the_new_id_is_one_that_the_api_takes() -> None:
    _, second = mend_output([call("c" * 64), call("c" * 64)])

    assert len(second["call_id"]) <= 64


def test_a_second_call_does_not_keep_an_item_id_that_it_may_share() -> None:
    _, second = mend_output([call("a", id="fc_1"), call("a", id="fc_1")])

    assert "id" not in second


def test_an_output_that_a_server_lists_keeps_the_id_of_its_call() -> None:
    output = [call("a"), {"type": "function_call_output", "call_id": "a", "output": "1"}]

    assert mend_output(output) == output


@pytest.mark.parametrize("call_id", [None, "", 5, ["a"]])
def test_ids_that_are_none_are_left_for_others_to_refuse(call_id: Any) -> None:
    output = [call(call_id), call(call_id)]

    assert mend_output(output) == output


@pytest.mark.parametrize(
    "content", [None, [{"type": "output_text", "text": None}], [{"type": "output_text"}]]
)
def test_a_message_without_text_is_an_empty_one_beside_a_call_alone(content: Any) -> None:
    message = {"type": "message", "content": content}

    beside, _ = mend_output([message, call("a")])

    assert beside["content"] in ([], [{"type": "output_text", "text": ""}])
    assert mend_output([message]) == [message]


def test_what_is_no_text_part_is_left_alone() -> None:
    message = {"type": "message", "content": ["x", {"type": "refusal", "refusal": "No"}]}

    assert mend_output([message, call("a")])[0] is message
