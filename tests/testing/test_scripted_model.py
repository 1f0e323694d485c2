from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
from pydantic import BaseModel

from agents_lite.concurrency.cancellation import Cancellation, RunCancelled
from agents_lite.exceptions import RateLimitError, UserError
from agents_lite.models.interface import ModelRequest
from agents_lite.testing import (
    ResponsesServer,
    ScriptedModel,
    ScriptError,
    call,
    final,
    handoff_to,
    reasoning,
    refusal,
    status,
    text,
    token_usage,
    turn,
)


def ask(model: ScriptedModel, **options: Any) -> list[Any]:
    options.setdefault("input", [{"role": "user", "content": "Hi"}])
    return list(model.stream(ModelRequest(**options)))


def answer(step: Any) -> Any:
    """The response with which a model answers that one turn."""
    return ask(ScriptedModel([step]))[-1].response


def test_a_string_is_a_message():
    response = answer("Hello!")
    assert response.status == "completed"
    assert [item.type for item in response.output] == ["message"]
    assert response.output[0].content[0].text == "Hello!"


def test_a_list_is_one_turn_of_several_items():
    response = answer([reasoning("Let me see."), "One moment.", call("add", a=1, b=2)])
    thought, message, function_call = response.output
    assert thought.summary[0].text == "Let me see."
    assert message.content[0].text == "One moment."
    assert (function_call.name, function_call.arguments) == ("add", '{"a":1,"b":2}')


def test_raw_arguments_are_sent_as_they_are():
    assert answer(call("add", '{"a": ')).output[0].arguments == '{"a": '
    assert answer(call("add", "")).output[0].arguments == ""
    assert answer(call("add", {"name": "x"}, call_id="call_7")).output[0].call_id == "call_7"


def test_a_handoff_is_a_call_of_the_transfer_tool():
    item = answer(handoff_to("Spanish agent (EU)", reason="he asked")).output[0]
    assert item.name == "transfer_to_spanish_agent__eu_"
    assert item.arguments == '{"reason":"he asked"}'


def test_refusals_and_structured_outputs_are_messages():
    class Point(BaseModel):
        x: int

    assert answer(refusal("No.")).output[0].content[0].refusal == "No."
    assert answer(final(Point(x=1))).output[0].content[0].text == '{"x":1}'


def test_ids_are_fresh_each_time_an_item_is_sent():
    item = call("add", a=1)
    model = ScriptedModel([item, item])
    first, second = (ask(model)[-1].response for _ in range(2))
    assert first.id != second.id
    assert first.output[0].call_id != second.output[0].call_id
    assert "call_id" not in item


def test_items_of_unknown_kinds_pass_as_they_are():
    item = {"type": "hologram", "beams": [1, {"of": "light"}]}
    assert answer(item).output[0].model_dump() == item


def test_usage_and_fields_of_the_response_can_be_set():
    response = answer(turn("Hi", usage=token_usage(7, 3, cached_tokens=2), id="resp_1"))
    assert response.id == "resp_1"
    assert response.usage.total_tokens == 10
    assert response.usage.input_tokens_details.cached_tokens == 2
    assert answer(turn("Hi", usage=None)).usage is None
    assert answer("Hi").usage.model_dump() == token_usage()


def test_errors_are_raised_by_instance_and_by_class():
    error = RateLimitError("slow down", status_code=429)
    with pytest.raises(RateLimitError) as caught:
        answer(error)
    assert caught.value is error
    with pytest.raises(KeyboardInterrupt):
        answer(KeyboardInterrupt)


def test_a_function_answers_from_the_request():
    model = ScriptedModel([lambda request: f"You said {request.input[-1]['content']}."])
    assert ask(model)[-1].response.output[0].content[0].text == "You said Hi."


def test_one_function_may_answer_every_request():
    model = ScriptedModel(lambda request: call("add", a=1))
    assert [ask(model)[-1].response.output[0].name for _ in range(3)] == ["add"] * 3
    model.assert_finished()


def test_functions_of_a_script_may_be_async():
    async def echo(request: Any) -> Any:
        await asyncio.sleep(0)
        return lambda request: text(f"You said {request.input[-1]['content']}.")

    for script in (echo, [echo]):
        assert ask(ScriptedModel(script))[-1].response.output[0].content[0].text == "You said Hi."


def test_what_is_no_turn_is_refused_in_words():
    with pytest.raises(UserError, match="must take the request"):
        ScriptedModel([lambda: "Hi"])
    with pytest.raises(UserError, match="not b'Hi'"):
        answer(b"Hi")
    with pytest.raises(UserError, match=r"text\(\.\.\.\) makes a message"):
        answer({"role": "assistant", "content": "Hi"})


def test_a_plain_request_gets_only_the_terminal_event():
    assert [event.type for event in ask(ScriptedModel(["Hi"]))] == ["response.completed"]
    unfinished = turn("Hi", status="incomplete")
    assert [event.type for event in ask(ScriptedModel([unfinished]))] == ["response.incomplete"]


def test_a_streamed_request_gets_every_event():
    events = ask(ScriptedModel([call("add", a=1)]), stream=True)
    kinds = [event.type for event in events]
    assert kinds[0] == "response.created"
    assert "response.function_call_arguments.delta" in kinds
    assert kinds[-1] == "response.completed"


def test_requests_are_recorded_as_they_were():
    model = ScriptedModel(["One", "Two"])
    history = [{"role": "user", "content": "Hi"}]
    ask(model, input=history, system_instructions="Be brief.")
    history.append({"role": "user", "content": "Again"})
    ask(model, input=history)
    assert [len(request.input) for request in model.requests] == [1, 2]
    assert model.requests[0].system_instructions == "Be brief."


def test_a_request_too_many_says_which_it_is():
    model = ScriptedModel(["One"])
    ask(model)
    with pytest.raises(ScriptError, match="Request 2 came, but the script has 1 turns"):
        ask(model)


def test_unused_turns_are_complained_about():
    with pytest.raises(ScriptError, match="has 2 turns, but there were 1 requests"):
        with ScriptedModel(["One", "Two"]) as model:
            ask(model)


def test_unused_turns_do_not_hide_an_error():
    with pytest.raises(ZeroDivisionError):
        with ScriptedModel(["One"]):
            raise ZeroDivisionError


@pytest.mark.parametrize("make", [ScriptedModel, ResponsesServer])
@pytest.mark.parametrize("delay", ["1", None, -1])
def test_a_delay_that_is_none_is_refused(make: Any, delay: Any):
    with pytest.raises(UserError, match=f"{make.__name__}: delay must be 0 or more"):
        make(["Hi"], delay=delay)


def test_a_script_that_is_no_list_is_refused():
    with pytest.raises(UserError, match="list of turns"):
        ScriptedModel("Hi")
    with pytest.raises(UserError, match="ResponsesServer"):
        answer(status(429))


@pytest.mark.parametrize("waits", [{"delay": 60.0}, {"pause": 60.0}])
def test_waiting_ends_when_the_run_is_cancelled(waits: dict[str, float]):
    model = ScriptedModel([turn("Hi", **waits)])
    cancellation = Cancellation()
    threading.Timer(0.05, cancellation.cancel, [RunCancelled("stop")]).start()
    started = time.monotonic()
    with pytest.raises(RunCancelled):
        ask(model, stream=True, cancellation=cancellation)
    assert time.monotonic() - started < 50


def test_the_delay_of_the_model_holds_for_turns_without_their_own():
    model = ScriptedModel([turn("quick", delay=0), "slow"], delay=0.1)
    started = time.monotonic()
    ask(model)
    before_the_second = time.monotonic()
    ask(model)
    assert time.monotonic() - before_the_second >= 0.1
    assert before_the_second - started < time.monotonic() - started


def test_every_turn_is_handed_out_once_to_many_threads():
    model = ScriptedModel([str(number) for number in range(200)])
    texts: list[str] = []

    def work() -> None:
        for _ in range(20):
            texts.append(ask(model)[-1].response.output[0].content[0].text)

    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(texts, key=int) == [str(number) for number in range(200)]
    model.assert_finished()


def test_text_builder_makes_an_api_message():
    assert text("Hi") == {
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": "Hi", "annotations": []}],
    }
