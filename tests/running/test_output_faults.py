"""Final outputs that cannot stand: asked for again, or given by a handler."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from agents_lite import (
    Agent,
    GuardrailFunctionOutput,
    InvalidFinalOutputError,
    ItemHelpers,
    MaxTurnsExceeded,
    ModelRefusalError,
    OutputGuardrailTripwireTriggered,
    RunConfig,
    RunErrorHandlerResult,
    Runner,
    SQLiteSession,
    UserError,
    function_tool,
    output_guardrail,
)
from agents_lite.testing import ScriptedModel, call, refusal, text
from tests.support.drivers import every_driver, every_stream, kinds


class Total(BaseModel):
    total: int


GOOD, BAD = '{"total": 3}', '{"total": "three"}'


def typed(*outputs: str, **options: Any) -> Agent[Any]:
    model = ScriptedModel([text(output) for output in outputs])
    return Agent("A", output_type=Total, model=model, **options)


@every_driver
def test_the_model_is_told_what_was_wrong_and_asked_again(run: Any) -> None:
    session = SQLiteSession("s")
    result = run(typed(BAD, GOOD, output_retries=2), "x", session=session)
    assert result.final_output == Total(total=3)
    assert result.output_attempts == 2
    said = ["user", "assistant", "user", "assistant"]
    assert kinds(result.to_input_list()) == said
    assert "should be a valid integer" in result.to_input_list()[2]["content"]
    assert session.get_items() == result.to_input_list()


def test_the_last_error_is_raised_when_the_retries_are_used_up() -> None:
    with pytest.raises(InvalidFinalOutputError, match="four"):
        Runner.run_sync(typed(BAD, '{"total": "four"}', output_retries=1), "x")


def test_the_run_overrules_the_agent() -> None:
    config = RunConfig(output_retries=0)
    with pytest.raises(InvalidFinalOutputError):
        Runner.run_sync(typed(BAD, output_retries=3), "x", run_config=config)


def test_retries_are_turns() -> None:
    with pytest.raises(MaxTurnsExceeded):
        Runner.run_sync(typed(BAD, output_retries=3), "x", max_turns=1)


@every_stream
def test_the_words_to_the_model_are_an_event(read: Any) -> None:
    events, _ = read(typed(BAD, GOOD, output_retries=1), "x")
    names = [event.name for event in events if event.type == "run_item_stream_event"]
    assert names == ["message_output_created", "input_added", "message_output_created"]


def test_a_guardrail_may_ask_for_another_output() -> None:
    seen = []

    @output_guardrail(on_trip="retry")
    def no_shouting(context: Any, agent: Any, output: str) -> GuardrailFunctionOutput:
        seen.append(output)
        return GuardrailFunctionOutput("Do not shout.", output.isupper())

    @output_guardrail
    def watch(context: Any, agent: Any, output: str) -> GuardrailFunctionOutput:
        return GuardrailFunctionOutput(None, False)

    model = ScriptedModel(["HELLO", "hello"])
    agent = Agent("A", output_guardrails=[no_shouting, watch], model=model, output_retries=1)
    result = Runner.run_sync(agent, "x")
    assert (result.final_output, seen) == ("hello", ["HELLO", "hello"])
    assert "Do not shout." in model.requests[1].input[-1]["content"]
    tripped = [each.output.tripwire_triggered for each in result.output_guardrail_results]
    assert tripped.count(True) == 1


def test_a_guardrail_that_stays_unhappy_ends_the_run() -> None:
    @output_guardrail(on_trip="retry")
    def never(context: Any, agent: Any, output: str) -> GuardrailFunctionOutput:
        return GuardrailFunctionOutput(None, True)

    agent = Agent("A", output_guardrails=[never], model=ScriptedModel(["a", "b"]), output_retries=1)
    with pytest.raises(OutputGuardrailTripwireTriggered):
        Runner.run_sync(agent, "x")


# Error handlers

FAULTS: dict[str, tuple[Any, type[Exception]]] = {
    "max_turns": (
        lambda: Agent(
            "A",
            tools=[function_tool(lambda: 1, name_override="f")],
            model=ScriptedModel([call("f")]),
        ),
        MaxTurnsExceeded,
    ),
    "invalid_final_output": (lambda: typed(BAD), InvalidFinalOutputError),
    "model_refusal": (
        lambda: Agent("A", model=ScriptedModel([refusal("No.")])),
        ModelRefusalError,
    ),
}


@every_driver
@pytest.mark.parametrize("kind", FAULTS)
def test_a_handler_gives_the_final_output(run: Any, kind: str) -> None:
    make, error = FAULTS[kind]
    given = []

    async def handle(fault: Any) -> str:
        given.append(fault)
        return "Sorry."

    session = SQLiteSession("s")
    config = RunConfig(error_handlers={kind: handle})
    result = run(make(), "x", max_turns=1, run_config=config, session=session)
    assert result.final_output == "Sorry."
    assert result.to_input_list()[-1]["content"][0]["text"] == "Sorry."
    assert session.get_items() == result.to_input_list()
    [fault] = given
    assert isinstance(fault.error, error)
    assert (fault.agent, fault.context.context) == (result.last_agent, None)
    assert fault.run_data.input == "x"


@pytest.mark.parametrize("nothing", [[], [text("")]], ids=["no message", "no text"])
def test_a_handler_is_asked_where_a_typed_answer_holds_nothing(nothing: list[Any]) -> None:
    def run(**options: Any) -> Any:
        model = ScriptedModel([nothing, GOOD])
        agent = Agent("A", output_type=Total, model=model, **options)
        return Runner.run_sync(agent, "x", error_handlers={"invalid_final_output": handle})

    def handle(fault: Any) -> str:
        assert isinstance(fault.error, InvalidFinalOutputError)
        return str(fault.error)

    assert run().final_output == "The model gave no Total as final output"
    again = run(output_retries=1)
    assert again.final_output == Total(total=3) and again.output_attempts == 2


@every_driver
@pytest.mark.parametrize("kind", FAULTS)
def test_the_error_of_an_agent_used_as_a_tool_is_none_of_the_run_around_it(
    run: Any, kind: str
) -> None:
    make, error = FAULTS[kind]
    inner = make().as_tool("ask", "d", max_turns=1, failure_error_function=None)
    outer = Agent("B", model=ScriptedModel([call("ask", input="x")]), tools=[inner])
    with pytest.raises(error) as raised:
        run(outer, "x", error_handlers={kind: lambda fault: "Sorry."})
    assert raised.value.run_data.last_agent is outer  # type: ignore[attr-defined]


def test_a_handler_s_output_is_told_as_the_model_would_have_given_it() -> None:
    handlers = {"max_turns": lambda fault: ["a", "b"]}
    agent = Agent("A", output_type=list[str])
    result = Runner.run_sync(agent, "x", max_turns=0, error_handlers=handlers)
    assert result.final_output == ["a", "b"]
    assert ItemHelpers.text_message_outputs(result.new_items) == '{"response":["a","b"]}'


def test_a_handler_may_read_what_was_said() -> None:
    make, _ = FAULTS["max_turns"]
    read: list[Any] = []

    def handle(fault: Any) -> str:
        read.append((fault.run_data.output, fault.run_data.history))
        return "Sorry."

    Runner.run_sync(make(), "x", max_turns=1, error_handlers={"max_turns": handle})
    [(output, history)] = read
    assert [item["type"] for item in output] == ["function_call", "function_call_output"]
    assert history == [{"role": "user", "content": "x"}, *output]


def test_a_handler_s_output_may_stay_out_of_the_history() -> None:
    handlers = {"max_turns": lambda fault: RunErrorHandlerResult({"n": 1}, False)}
    result = Runner.run_sync(Agent("A"), "x", max_turns=0, error_handlers=handlers)
    assert (result.final_output, result.new_items) == ({"n": 1}, [])


def test_a_handler_that_gives_none_lets_the_error_be() -> None:
    handlers = {"max_turns": lambda fault: None}
    with pytest.raises(MaxTurnsExceeded):
        Runner.run_sync(Agent("A"), "x", max_turns=0, error_handlers=handlers)


@pytest.mark.parametrize(
    "wrong", [{"timeout": print}, {"max_turns": 3}, {"max_turns": lambda: 3}, [1]]
)
def test_handlers_of_the_wrong_kind_are_refused(wrong: Any) -> None:
    with pytest.raises(UserError, match="error_handlers"):
        RunConfig(error_handlers=wrong)
