"""What the caller gets of a run."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import BaseModel

from agents_lite import (
    Agent,
    HandoffCallItem,
    HandoffOutputItem,
    ItemHelpers,
    MaxTurnsExceeded,
    MessageOutputItem,
    RawResponsesStreamEvent,
    ReasoningItem,
    ResponsesObject,
    RunItemStreamEvent,
    Runner,
    SQLiteSession,
    ToolCallItem,
    ToolCallOutputItem,
    ToolOutputImage,
    ToolOutputText,
    UserError,
    function_tool,
)
from agents_lite.result import RunResultBase
from agents_lite.testing import ScriptedModel, call, final, handoff_to, reasoning, text, turn
from tests.support.agents import calculator_with
from tests.support.drivers import every_driver, kinds


class Sum(BaseModel):
    total: int


ADD = call("add", a=1, b=2)


@every_driver
def test_a_result_tells_all_of_a_run(run: Any) -> None:
    agent = calculator_with(
        [turn(reasoning("hm"), ADD, id="resp_1"), turn(handoff_to("B")), turn("ok", id="resp_3")]
    )
    agent.handoffs = [Agent(name="B", model=agent.model)]
    result = run(agent, "hi", context="ctx")
    assert isinstance(result, RunResultBase)
    assert [type(item) for item in result.new_items] == [
        ReasoningItem,
        ToolCallItem,
        ToolCallOutputItem,
        HandoffCallItem,
        HandoffOutputItem,
        MessageOutputItem,
    ]
    assert [item.agent.name for item in result.new_items] == ["A"] * 5 + ["B"]
    assert (result.input, result.final_output) == ("hi", "ok")
    assert result.last_agent.name == "B"
    assert len(result.raw_responses) == 3
    assert (result.raw_responses[0].response_id, result.last_response_id) == ("resp_1", "resp_3")
    assert result.context_wrapper.context == "ctx"
    assert result.context_wrapper.usage is result.usage


def test_raw_items_are_objects_at_every_depth() -> None:
    result = Runner.run_sync(calculator_with([[text("hi")]]), "x")
    message = result.new_items[0].raw_item
    assert message.content[0].text == "hi"
    assert result.raw_responses[0].output[0].content[0].type == "output_text"
    assert message.model_dump()["content"][0]["text"] == "hi"


@every_driver
def test_a_conversation_goes_on_with_the_input_list(run: Any) -> None:
    agent = calculator_with([[reasoning("hm"), ADD], "3", "I said 3."])
    first = run(agent, "1 + 2?")
    whole = ["user", "reasoning", "function_call", "function_call_output", "assistant"]
    assert kinds(first.to_input_list()) == whole
    second = run(agent, [*first.to_input_list(), {"role": "user", "content": "What?"}])
    model: Any = agent.model
    assert model.requests[2].input[:-1] == first.to_input_list()
    assert kinds(second.to_input_list()) == [*whole, "user", "assistant"]


def test_the_input_list_is_a_new_list() -> None:
    result = Runner.run_sync(calculator_with(["ok"]), "x")
    result.to_input_list().clear()
    assert len(result.to_input_list()) == 2


def test_the_input_list_has_nothing_of_a_session_s_history() -> None:
    session = SQLiteSession("chat")
    agent = Agent(name="A", model=ScriptedModel(["Hello!", "And?"]))
    Runner.run_sync(agent, "Hi", session=session)
    result = Runner.run_sync(agent, "Well", session=session)
    assert [item["role"] for item in result.to_input_list()] == ["user", "assistant"]
    assert len(session.get_items()) == 4


def test_the_input_list_of_an_unfinished_stream_is_valid() -> None:
    stream = Runner.run_streamed(calculator_with([[reasoning("hm"), ADD], "3"]), "x")
    for event in stream.stream_events():
        if getattr(event, "name", "") == "tool_called":
            break
    assert kinds(stream.to_input_list()) == ["user"]


def test_the_input_list_of_an_unread_stream_is_the_input() -> None:
    stream = Runner.run_streamed(calculator_with([]), "x")
    assert stream.to_input_list() == [{"role": "user", "content": "x"}]


def test_a_typed_output_is_an_object() -> None:
    result = Runner.run_sync(calculator_with([final(Sum(total=3))], output_type=Sum), "x")
    assert result.final_output == Sum(total=3)
    assert result.final_output_as(Sum).total == 3
    assert result.final_output_as(str) == Sum(total=3)  # type: ignore[comparison-overlap]
    assert result.final_output_as(Sum, raise_if_incorrect_type=True).total == 3
    with pytest.raises(TypeError, match="no str but Sum"):
        result.final_output_as(str, raise_if_incorrect_type=True)


def test_a_result_is_shown_briefly() -> None:
    shown = repr(Runner.run_sync(calculator_with(["ok"]), "x"))
    assert shown == "<RunResult of A: 'ok', 1 new items, 1 requests>"
    long = Runner.run_sync(calculator_with(["ok " * 1000]), "x")
    assert len(repr(long)) < 150


@pytest.mark.parametrize("limit", [3, None])
def test_a_result_tells_the_limit_of_turns(limit: int | None) -> None:
    assert Runner.run_sync(calculator_with(["ok"]), "x", max_turns=limit).max_turns == limit
    assert Runner.run_sync(calculator_with(["ok"]), "x").max_turns == 10


# Streaming


def test_a_streaming_result_grows() -> None:
    agent = calculator_with([ADD, handoff_to("B"), "ok"])
    agent.handoffs = [Agent(name="B", model=agent.model)]
    stream = Runner.run_streamed(agent, "x")
    assert (stream.current_turn, stream.current_agent, stream.is_complete) == (0, agent, False)
    assert (stream.final_output, stream.max_turns) == (None, 10)
    seen = []
    for event in stream.stream_events():
        if event.type == "run_item_stream_event":
            assert stream.new_items[-1] is event.item
            assert not stream.is_complete
            seen.append((stream.current_turn, stream.current_agent.name, len(stream.new_items)))
    assert seen == [(1, "A", 1), (1, "A", 2), (2, "A", 3), (2, "A", 4), (3, "B", 5)]
    assert stream.is_complete
    assert stream.final_output == "ok"
    assert stream.last_agent is stream.current_agent


def test_a_stream_that_is_read_to_its_end_has_no_more_events() -> None:
    stream = Runner.run_streamed(calculator_with(["ok"]), "x")
    assert list(stream.stream_events())
    assert list(stream.stream_events()) == []


def test_a_failed_stream_is_complete() -> None:
    stream = Runner.run_streamed(calculator_with([]), "x", max_turns=0)
    with pytest.raises(MaxTurnsExceeded):
        list(stream.stream_events())
    assert stream.is_complete


@pytest.mark.parametrize("is_whole", [True, False], ids=["again", "the same reader"])
@pytest.mark.parametrize("first", ["for", "async for"])
@pytest.mark.parametrize("then", ["for", "async for"])
def test_reading_on_after_a_failure_raises_its_error_again(
    first: str, then: str, is_whole: bool
) -> None:
    async def read(way: str, events: Any) -> None:
        if way == "for":
            for _ in events:
                pass
        else:
            async for _ in events:
                pass

    async def read_twice() -> tuple[BaseException, BaseException]:
        stream = Runner.run_streamed(calculator_with([ADD]), "x", max_turns=1)
        events = stream.stream_events()
        with pytest.raises(MaxTurnsExceeded) as failed:
            await read(first, events)
        cause = failed.value.__cause__ = ValueError("kept")
        with pytest.raises(MaxTurnsExceeded) as told_again:
            await read(then, stream.stream_events() if is_whole else events)
        assert told_again.value.__cause__ is cause
        assert stream.run_loop_exception is told_again.value
        return failed.value, told_again.value

    error, other = asyncio.run(read_twice())
    assert error is other


def test_no_exception_of_a_users_function_passes_for_the_end_of_a_stream() -> None:
    def stop(kind: type[Exception]) -> Any:
        def instructions(context: Any, agent: Any) -> str:
            raise kind()

        agent = Agent("A", instructions=instructions, model=ScriptedModel([]))
        return Runner.run_streamed(agent, "x").stream_events()

    async def read(events: Any) -> None:
        async for _ in events:
            pass

    for kind in (StopIteration, StopAsyncIteration):
        with pytest.raises(UserError, match=f"raised {kind.__name__}"):
            list(stop(kind))
        with pytest.raises(UserError, match=f"raised {kind.__name__}"):
            asyncio.run(read(stop(kind)))


@pytest.mark.parametrize("is_async", [False, True])
def test_a_tool_that_raises_the_end_of_generators_has_failed(is_async: bool) -> None:
    def quit_early() -> None:
        raise GeneratorExit

    async def quit_later() -> None:
        raise GeneratorExit

    tool = function_tool(quit_later if is_async else quit_early, name_override="leave")
    agent = Agent("A", tools=[tool], model=ScriptedModel([call("leave"), "ok"]))
    result = Runner.run_sync(agent, "x")
    assert "raised GeneratorExit" in result.new_items[1].output
    assert result.final_output == "ok"


def test_a_second_reader_of_a_stream_at_work_is_no_failure_of_it() -> None:
    def read_inside() -> str:
        try:
            list(stream.stream_events())
        except ValueError as error:
            return str(error)
        return "read"

    agent = calculator_with([call("inside"), "ok"])
    agent.tools = [function_tool(read_inside, name_override="inside")]
    stream = Runner.run_streamed(agent, "x")
    assert list(stream.stream_events())
    assert list(stream.stream_events()) == []
    assert stream.final_output == "ok"


# Helpers


PARTS = [
    {"type": "output_text", "text": "one "},
    {"type": "output_text", "text": "two"},
]
REFUSAL = [{"type": "refusal", "refusal": "no"}]


@pytest.mark.parametrize(
    ("content", "text_", "last_text", "last_content", "refused"),
    [
        (PARTS, "one two", "two", "two", None),
        (REFUSAL, None, None, "no", "no"),
        ([], None, None, "", None),
        ("plain", "plain", "plain", "plain", None),
    ],
)
def test_reading_a_message(
    content: Any, text_: Any, last_text: Any, last_content: str, refused: Any
) -> None:
    message = {"type": "message", "role": "assistant", "content": content}
    assert ItemHelpers.extract_text(message) == text_
    assert ItemHelpers.extract_last_text(message) == last_text
    assert ItemHelpers.extract_last_content(message) == last_content
    assert ItemHelpers.extract_refusal(message) == refused


def test_messages_and_calls_may_be_objects_of_another_package() -> None:
    class Part(BaseModel):
        type: str
        text: str

    class Item(BaseModel):
        type: str
        name: str = ""
        call_id: str | None = None
        content: list[Part] = []

    message = Item(type="message", content=[Part(type="output_text", text="Hi")])
    assert ItemHelpers.extract_text(message) == "Hi"
    assert ItemHelpers.extract_last_content(message) == "Hi"
    called = ToolCallItem(Agent(name="A"), Item(type="function_call", name="f", call_id="1"))
    assert (called.tool_name, called.call_id) == ("f", "1")
    assert called.to_input_item() == {"type": "function_call", "name": "f", "call_id": "1"}
    assert ResponsesObject(called.to_input_item()) == called.raw_item


def test_an_output_item_holds_what_the_model_gets_to_see() -> None:
    called = ResponsesObject(type="function_call", name="f", call_id="1", arguments="{}")
    for output, shown in (
        ("text", "text"),
        ({"a": 1}, '{"a":1}'),
        (ToolOutputText("t"), [{"type": "input_text", "text": "t"}]),
        ([ToolOutputImage("https://x/y.png"), "t"], [
            {"type": "input_image", "image_url": "https://x/y.png"},
            {"type": "input_text", "text": "t"},
        ]),
    ):
        item = ItemHelpers.tool_call_output_item(called, output)
        assert item == {"type": "function_call_output", "call_id": "1", "output": shown}


def test_reading_items() -> None:
    result = Runner.run_sync(calculator_with([[text("a"), text("b")]]), "x")
    assert ItemHelpers.text_message_outputs(result.new_items) == "ab"
    first = result.new_items[0]
    assert ItemHelpers.text_message_output(first) == "a"
    assert ItemHelpers.input_to_new_input_list("x") == [{"role": "user", "content": "x"}]
    output = ItemHelpers.tool_call_output_item(
        Runner.run_sync(calculator_with([ADD, "3"]), "x").new_items[0].raw_item, "3"
    )
    assert (output["type"], output["output"]) == ("function_call_output", "3")


def test_call_and_output_name_tool_and_call() -> None:
    tool = function_tool(lambda a: a, name_override="f", strict_mode=False)
    agent = Agent(name="A", tools=[tool], model=ScriptedModel([call("f", a=1), "done"]))
    made, output, _ = Runner.run_sync(agent, "Hi").new_items
    assert isinstance(made, ToolCallItem) and isinstance(output, ToolCallOutputItem)
    assert made.tool_name == "f"
    assert made.call_id == output.call_id == made.raw_item.call_id
    hosted = ToolCallItem(agent, ResponsesObject(type="web_search_call", id="ws_1"))
    assert (hosted.tool_name, hosted.call_id) == ("web_search", "ws_1")


def test_an_error_tells_its_message() -> None:
    with pytest.raises(MaxTurnsExceeded) as caught:
        Runner.run_sync(Agent(name="A", model=ScriptedModel([])), "Hi", max_turns=0)
    assert caught.value.message == str(caught.value) == "Max turns (0) exceeded"


def test_a_run_goes_on_to_what_is_in_an_answer_and_waits_there_for_its_reader() -> None:
    made: list[str] = []
    tool = function_tool(lambda: made.append("call"), name_override="look")
    agent = Agent("A", tools=[tool], model=ScriptedModel([call("look"), "done"]))

    async def read() -> list[str]:
        seen: list[str] = []
        reader: Any = aiter(Runner.run_streamed(agent, "hi").stream_events())
        async for event in reader:
            if isinstance(event, RawResponsesStreamEvent):
                if event.data.type == "response.completed":
                    async with asyncio.timeout(60):
                        while not reader._driver.buffer:
                            await asyncio.sleep(0.001)
                    seen.append("completed")
            elif isinstance(event, RunItemStreamEvent):
                await asyncio.sleep(0.001)
                seen.append(event.name)
            if "tool_output" not in seen:
                assert made == []
        return seen

    assert asyncio.run(read()) == [
        "completed", "tool_called", "tool_output", "completed", "message_output_created",
    ]  # fmt: skip
