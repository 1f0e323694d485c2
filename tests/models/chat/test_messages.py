"""Input items as messages of the Chat Completions API."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from copy import deepcopy
from typing import Any

import pytest

from agents_lite.concurrency.cancellation import Cancellation
from agents_lite.http.call import serialized
from agents_lite.http.repeated import RepeatedList
from agents_lite.models.chat.limits import CannotSay
from agents_lite.models.chat.messages import messages_of

IMAGE = {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"}
CHAT_IMAGE = {
    "type": "image_url",
    "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"},
}


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def said(text: str) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": []}
    return {"type": "message", "id": "msg_1", "role": "assistant", "content": [part]}


def called(call_id: str, name: str = "add") -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": "{}"}


def gave(call_id: str, output: Any) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": output}


def thought(host: str = "h", **message: str) -> dict[str, Any]:
    replayed = {"host": host, "message": message, "calls": {"c1": {"extra_content": "signed"}}}
    return {"type": "reasoning", "summary": [], "content": [], "replayed": replayed}


def converted(*items: dict[str, Any], instructions: str | None = None) -> list[dict[str, Any]]:
    return messages_of(items, instructions, "h", "auto")


def roles(messages: list[dict[str, Any]]) -> list[str]:
    return [message["role"] for message in messages]


def test_what_a_server_says_of_a_function_goes_back_in_its_place() -> None:
    extra: Any = {"index": 1, "function": {"provider_specific_fields": {"signature": "s"}}}
    reasoning = thought()
    reasoning["replayed"]["calls"]["c1"] = extra
    [message, _] = converted(reasoning, called("c1"), gave("c1", "3"))
    plain = converted(called("c1"), gave("c1", "3"))[0]["tool_calls"][0]
    function = {**plain["function"], **extra["function"]}
    assert message["tool_calls"] == [{**plain, "index": 1, "function": function}]


def test_empty_instructions_are_no_message() -> None:
    assert converted(user("Hi"), instructions="") == [{"role": "user", "content": "Hi"}]


def test_instructions_and_developer_messages_are_system_messages() -> None:
    assert converted(
        {"role": "developer", "content": "Be kind."}, user("Hi"), instructions="Be brief."
    ) == [
        {"role": "system", "content": "Be brief."},
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hi"},
    ]


def test_content_that_is_all_text_is_a_string() -> None:
    parts = [{"type": "input_text", "text": "one"}, {"type": "input_text", "text": "two"}]
    assert converted(user(parts)) == [user("one\ntwo")]


def test_a_mark_for_the_prompt_cache_stays_with_its_part() -> None:
    mark = {"prompt_cache_breakpoint": {"mode": "explicit"}}
    marked, plain = ({"type": "input_text", "text": "one", **mark}, {"type": "text", "text": "two"})
    [message] = converted(user([marked, plain]))
    assert message["content"] == [{"type": "text", "text": "one", **mark}, plain]


def test_images_files_and_sounds_stay_beside_the_text() -> None:
    file = {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,"}
    sound = {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}
    [message] = converted(user([{"type": "input_text", "text": "Look"}, IMAGE, file, sound]))
    assert message["content"] == [
        {"type": "text", "text": "Look"},
        CHAT_IMAGE,
        {
            "type": "file",
            "file": {"file_data": "data:application/pdf;base64,", "filename": "a.pdf"},
        },
        sound,
    ]


def test_an_image_in_its_original_size_is_looked_at_as_closely_as_the_api_can() -> None:
    [message] = converted(user([{**IMAGE, "detail": "original"}]))
    assert message["content"][0]["image_url"]["detail"] == "high"


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_image", "file_id": "file_1"},
        {"type": "input_file", "file_url": "https://example.com/a.pdf"},
        {"type": "input_hologram"},
    ],
)
def test_what_the_api_cannot_say_is_refused(part: dict[str, Any]) -> None:
    with pytest.raises(CannotSay):
        converted(user([part]))


@pytest.mark.parametrize("item", [{"role": "user"}, {"type": "function_call"}, {"content": "Hi"}])
def test_an_item_that_lacks_something_is_refused(item: dict[str, Any]) -> None:
    with pytest.raises(CannotSay, match="such an item"):
        converted(item)


def test_reasoning_that_holds_nonsense_is_refused() -> None:
    nonsense = thought()
    nonsense["replayed"]["message"] = [["x"]]
    with pytest.raises(CannotSay, match="such an item"):
        converted(nonsense, said("Hi"))


def test_the_items_of_one_answer_become_one_message_with_its_outputs_behind_it() -> None:
    items = [user("2 sums"), said("Let me see."), called("c1"), called("c2")]
    messages = converted(*items, gave("c1", "3"), gave("c2", "4"), said("3 and 4"))
    assert roles(messages) == ["user", "assistant", "tool", "tool", "assistant"]
    assert messages[1]["content"] == "Let me see."
    assert [call["id"] for call in messages[1]["tool_calls"]] == ["c1", "c2"]
    assert messages[1]["tool_calls"][0]["function"] == {"name": "add", "arguments": "{}"}
    assert messages[2] == {"role": "tool", "tool_call_id": "c1", "content": "3"}


def test_parts_of_the_api_itself_are_taken_as_they_are() -> None:
    file = {"type": "file", "file": {"file_id": "file_1"}}
    [message] = converted(user([{"type": "text", "text": "Look:"}, CHAT_IMAGE, file]))
    assert message["content"] == [{"type": "text", "text": "Look:"}, CHAT_IMAGE, file]
    [message] = converted(user([{"type": "image_url", "image_url": "https://example.com/a.png"}]))
    assert message["content"][0]["image_url"] == {"url": "https://example.com/a.png"}


@pytest.mark.parametrize(
    "item",
    [
        {"role": "tool", "tool_call_id": "c1", "content": "5"},
        {"role": "assistant", "content": "", "tool_calls": [{"id": "c1", "function": {}}]},
        {"role": "function", "name": "f", "content": "5"},
    ],
)
def test_calls_in_messages_of_the_api_itself_are_refused_with_a_remedy(item: Any) -> None:
    with pytest.raises(CannotSay, match="function_call and function_call_output"):
        converted(user("hi"), item)


def test_a_call_without_arguments_is_sent_with_an_empty_object() -> None:
    messages = converted({**called("c1"), "arguments": ""}, gave("c1", "3"))
    assert messages[0]["tool_calls"][0]["function"]["arguments"] == "{}"


def test_a_text_behind_a_call_belongs_to_the_same_message() -> None:
    messages = converted(called("c1"), said("Done soon."), gave("c1", "3"))
    assert roles(messages) == ["assistant", "tool"]
    assert messages[0]["content"] == "Done soon."


def test_calls_of_two_answers_stay_apart() -> None:
    messages = converted(called("c1"), gave("c1", "3"), called("c1"), gave("c1", "4"))
    assert roles(messages) == ["assistant", "tool", "assistant", "tool"]


def test_texts_of_two_answers_stay_apart() -> None:
    assert roles(converted(said("one"), said("two"))) == ["assistant", "assistant"]


def test_a_refusal_is_told_as_text() -> None:
    item = {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}
    assert converted(item) == [{"role": "assistant", "content": "No."}]


def test_what_is_said_between_calls_and_outputs_waits_for_the_outputs() -> None:
    messages = converted(called("c1"), called("c2"), gave("c1", "3"), user("and?"), gave("c2", "4"))
    assert roles(messages) == ["assistant", "tool", "tool", "user"]


def test_an_image_from_a_tool_follows_all_outputs_in_a_message_of_its_own() -> None:
    picture = gave("c1", [{"type": "input_text", "text": "A map"}, IMAGE])
    messages = converted(called("c1"), called("c2"), picture, gave("c2", [IMAGE]), said("Nice."))
    assert roles(messages) == ["assistant", "tool", "tool", "user", "user", "assistant"]
    assert messages[1]["content"] == "A map"
    assert isinstance(messages[2]["content"], str)
    assert messages[3]["content"][1:] == [CHAT_IMAGE]


def test_an_image_from_a_tool_is_the_last_message_when_nothing_follows() -> None:
    messages = converted(called("c1"), gave("c1", [IMAGE]))
    assert roles(messages) == ["assistant", "tool", "user"]


def test_reasoning_goes_back_to_where_it_came_from() -> None:
    history = [thought(reasoning_content="Hm."), called("c1"), gave("c1", "3")]
    message = converted(*history)[0]
    assert message["reasoning_content"] == "Hm."
    assert message["tool_calls"][0]["extra_content"] == "signed"


def test_reasoning_of_another_server_stays_behind() -> None:
    history = [thought("elsewhere", reasoning_content="Hm."), called("c1"), gave("c1", "3")]
    message = converted(*history)[0]
    assert "reasoning_content" not in message
    assert "extra_content" not in message["tool_calls"][0]


def test_reasoning_of_the_responses_api_is_left_out() -> None:
    encrypted = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"}
    assert converted(encrypted, said("Hi")) == [{"role": "assistant", "content": "Hi"}]


def test_reasoning_belongs_to_its_own_answer() -> None:
    first, second = thought(reasoning_content="one"), thought(reasoning_content="two")
    messages = converted(first, said("1"), user("go on"), second, said("2"))
    assert [message.get("reasoning_content") for message in messages] == ["one", None, "two"]


def test_what_only_its_own_server_can_read_is_left_out_and_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    with caplog.at_level(logging.INFO, "agents_lite"):
        items = user("Hi"), search, {"type": "\x1bx"}, said("Found.")
        assert roles(converted(*items)) == ["user", "assistant"]
    assert r": \x1bx, web_search_call" in caplog.text


@pytest.mark.parametrize(
    "item",
    [
        {"type": "compaction", "id": "cmp_1", "encrypted_content": "x"},
        {"type": "compaction_summary", "encrypted_content": "x"},
        {"type": "item_reference", "id": "msg_1"},
    ],
    ids=lambda item: str(item["type"]),
)
def test_what_stands_for_messages_at_another_server_is_refused(item: dict[str, Any]) -> None:
    with pytest.raises(CannotSay, match=item["type"]):
        converted(user("Hi"), item, user("More"))


@pytest.mark.parametrize("arguments", ['{"a": 1', "[1]", "5"])
def test_arguments_that_the_model_got_wrong_are_sent_inside_an_object(arguments: str) -> None:
    """Servers parse them, and would refuse the conversation from then on."""
    sent = converted({**called("c1"), "arguments": arguments}, gave("c1", "no"))
    assert json.loads(sent[0]["tool_calls"][0]["function"]["arguments"]) == {"invalid": arguments}


def test_a_message_that_says_nothing_is_not_sent() -> None:
    sent = converted(user("Hi"), thought(x="y"), said(""), user("Hi?"), said("Yes"))
    assert sent == [user("Hi"), user("Hi?"), {"role": "assistant", "content": "Yes"}]


CONVERSATION = [
    user("Hi"),
    thought(reasoning_content="Hm."),
    said("I add."),
    called("c1"),
    called("c2"),
    gave("c1", [{"type": "input_image", "image_url": "data:,"}]),
    user("Wait"),
    gave("c2", "2"),
    said("Done."),
    {"type": "web_search_call", "id": "ws"},
    user("More"),
    thought("elsewhere"),
    called("c3"),
    gave("c3", "3"),
]


@pytest.mark.parametrize("sizes", [range(15), (3, 3, 9, 14), (8, 14), (14, 5, 14)], ids=str)
def test_a_run_that_goes_on_has_the_messages_that_a_new_one_has(sizes: Iterable[int]) -> None:
    run = Cancellation()
    for size in sizes:
        items = CONVERSATION[:size]
        messages = messages_of(items, f"{size}", "h", "auto", run)
        assert messages == converted(*items, instructions=f"{size}")
        assert json.loads(serialized({"messages": messages})) == {"messages": messages}


def test_requests_of_a_run_at_the_same_time_write_what_each_of_them_holds() -> None:
    run = Cancellation()
    lists = [messages_of(CONVERSATION[:size], None, "h", "auto", run) for size in (4, 9, 9, 15)]
    for messages in (*reversed(lists), *lists):
        assert json.loads(serialized({"messages": messages})) == {"messages": messages}


def test_a_message_that_was_sent_is_not_written_again() -> None:
    run = Cancellation()
    items = [user("a"), called("c1"), gave("c1", "3"), said("b"), user("c"), said("d")]
    written: list[Any] = []
    for size in (1, 3, 5, 6):
        messages = messages_of(items[:size], "Be brief.", "h", "auto", run)
        assert isinstance(messages, RepeatedList)
        messages.to_json(lambda message: written.append(message) or b"")  # type: ignore[func-returns-value]
    system = {"role": "system", "content": "Be brief."}
    assert [message for message in written if message != system] == list(messages)[1:]


def test_messages_that_somebody_changes_are_sent_as_they_are_then() -> None:
    run, items = Cancellation(), [user("a"), called("c1"), gave("c1", "3")]
    for size in (1, 3):
        messages = messages_of(items[:size], None, "h", "auto", run)
        serialized({"messages": messages})
        edited = deepcopy(messages)
        edited[0]["content"] = "b"
        messages.insert(0, user("c"))
        messages[1:2] = [user("d")]
        for changed in (edited, messages):
            assert json.loads(serialized({"messages": changed})) == {"messages": changed}


def test_halves_of_characters_in_a_run_are_replaced_each_time() -> None:
    run, items = Cancellation(), [user("\ud800"), said("a"), user("b")]
    for size in (1, 3):
        sent = serialized({"messages": messages_of(items[:size], None, "h", "auto", run)})
        assert json.loads(sent)["messages"] == converted(user("?"), *items[1:size])


def test_items_that_are_others_than_before_are_converted_anew() -> None:
    run = Cancellation()
    first, other = [thought(), said("a"), user("b")], [thought(), said("a"), user("c")]
    for items, host in ((first, "h"), (other, "h"), (other, "elsewhere"), (first, "h")):
        assert messages_of(items, None, host, "auto", run) == messages_of(items, None, host, "auto")


def test_items_that_could_not_be_said_are_not_taken_for_said() -> None:
    run, items = Cancellation(), [user("a"), {"role": "user", "content": 5}, user("b")]
    for _ in range(2):
        with pytest.raises(CannotSay):
            messages_of(items, None, "h", "auto", run)


def test_halves_of_characters_in_arguments_are_replaced() -> None:
    for arguments, said in (('{"a": "\ud800"}', {"a": "?"}), ("\ud800", {"invalid": "?"})):
        sent = converted({**called("c1"), "arguments": arguments}, gave("c1", "no"))
        assert json.loads(sent[0]["tool_calls"][0]["function"]["arguments"]) == said
