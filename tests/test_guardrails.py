"""Guardrails on a run's input and on its final output."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest
from pydantic import BaseModel

from agents_lite import (
    Agent,
    APIConnectionError,
    GuardrailFunctionOutput,
    InputGuardrail,
    InputGuardrailTripwireTriggered,
    OutputGuardrail,
    OutputGuardrailTripwireTriggered,
    RunConfig,
    RunContextWrapper,
    RunHooks,
    Runner,
    SQLiteSession,
    UserError,
    function_tool,
    handoff,
    input_guardrail,
    output_guardrail,
)
from agents_lite.testing import ScriptedModel, call, final, handoff_to
from tests.support.agents import agent_with
from tests.support.drivers import every_driver, kinds
from tests.support.spans import recorded_spans
from tests.support.threads import no_thread_left
from tests.support.waiting import wait_until

ASKED: ContextVar[str] = ContextVar("ASKED", default="nobody")
PASS = GuardrailFunctionOutput("fine", False)
TRIP = GuardrailFunctionOutput("bad", True)


def verdict(output: GuardrailFunctionOutput, is_async: bool = False) -> Callable[..., Any]:
    async def check_async(context: Any, agent: Any, checked: Any) -> GuardrailFunctionOutput:
        return output

    def check(context: Any, agent: Any, checked: Any) -> GuardrailFunctionOutput:
        return output

    return check_async if is_async else check


forms = pytest.mark.parametrize("is_async", [False, True], ids=["def", "async"])
sides = pytest.mark.parametrize("in_parallel", [True, False], ids=["beside", "before"])


# Input guardrails


@every_driver
@forms
@sides
def test_an_input_guardrail_lets_pass(run: Any, is_async: bool, in_parallel: bool) -> None:
    check = input_guardrail(run_in_parallel=in_parallel)(verdict(PASS, is_async))
    result = run(agent_with(["ok"], input_guardrails=[check]), "hi")
    assert result.final_output == "ok"
    (found,) = result.input_guardrail_results
    assert (found.guardrail, found.output) == (check, PASS)


@every_driver
@forms
@sides
def test_an_input_guardrail_stops_the_run(run: Any, is_async: bool, in_parallel: bool) -> None:
    check = input_guardrail(run_in_parallel=in_parallel)(verdict(TRIP, is_async))
    agent = agent_with(["never said"], delay=60, input_guardrails=[check])
    began = time.monotonic()
    with pytest.raises(InputGuardrailTripwireTriggered) as caught:
        run(agent, "hi")
    assert time.monotonic() - began < 50  # the model call was cut short
    assert str(caught.value) == "Guardrail InputGuardrail triggered tripwire"
    assert caught.value.guardrail_result.guardrail is check
    assert caught.value.guardrail_result.output.output_info == "bad"
    assert caught.value.run_data is not None
    assert caught.value.run_data.input == "hi"
    assert caught.value.run_data.new_items == []
    assert len(agent.model.requests) == in_parallel  # type: ignore[union-attr]


def test_guardrails_and_model_are_at_work_together() -> None:
    guardrail_began, model_began = threading.Event(), threading.Event()

    @input_guardrail
    def check(context: Any, agent: Any, checked: Any) -> GuardrailFunctionOutput:
        guardrail_began.set()
        return GuardrailFunctionOutput(model_began.wait(60), False)

    def answer(request: Any) -> str:
        model_began.set()
        assert guardrail_began.wait(60)
        return "ok"

    result = Runner.run_sync(agent_with([answer], input_guardrails=[check]), "hi")
    assert result.input_guardrail_results[0].output.output_info is True


def trip_late(context: Any, agent: Any, checked: Any) -> GuardrailFunctionOutput:
    """Trips when the model has answered, and what follows from that had time to begin."""
    wait_until(lambda: context.usage.requests)
    time.sleep(0.05)
    return TRIP


@every_driver
def test_tools_handoffs_and_the_session_wait_for_the_verdict(run: Any) -> None:
    done = []
    tool = function_tool(lambda: done.append("tool"), name_override="f")
    other = handoff(Agent(name="B"), on_handoff=lambda context: done.append("handoff"))
    session = SQLiteSession("s")
    agent = agent_with(
        [[call("f"), handoff_to("B")]],
        tools=[tool],
        handoffs=[other],
        input_guardrails=[InputGuardrail(trip_late)],
    )
    with pytest.raises(InputGuardrailTripwireTriggered) as caught:
        run(agent, "hi", session=session)
    assert done == []
    assert session.get_items() == []
    assert caught.value.run_data is not None
    assert caught.value.run_data.usage.requests == 1


@pytest.mark.parametrize(
    "events_of",
    [Runner.stream, lambda *given: Runner.run_streamed(*given).stream_events()],
    ids=["stream", "run_streamed"],
)
def test_deltas_come_before_the_verdict_and_items_after_it(events_of: Any) -> None:
    """A stream is not held back; what follows from the answer is."""
    seen: list[str] = []
    verdict_is_out = threading.Event()

    @input_guardrail
    def check(context: Any, agent: Any, checked: Any) -> GuardrailFunctionOutput:
        wait_until(lambda: "raw_response_event" in seen)
        verdict_is_out.set()
        return PASS

    for event in events_of(agent_with(["Well, hello"], input_guardrails=[check]), "hi"):
        seen.append(event.type)
        assert event.type != "run_item_stream_event" or verdict_is_out.is_set()
    assert seen[-2:] == ["raw_response_event", "run_item_stream_event"]


def test_a_stream_shows_what_came_before_the_trip() -> None:
    agent = agent_with(["Well, hello"], input_guardrails=[InputGuardrail(trip_late)])
    seen = []
    with pytest.raises(InputGuardrailTripwireTriggered):
        for event in Runner.stream(agent, "hi"):
            seen.append(event.type)
    assert "raw_response_event" in seen
    assert "run_item_stream_event" not in seen


@pytest.mark.parametrize("given", ["hi", [{"role": "user", "content": "hi"}]])
@sides
def test_an_input_guardrail_sees_exactly_what_was_passed(given: Any, in_parallel: bool) -> None:
    seen: list[Any] = []

    @input_guardrail(run_in_parallel=in_parallel)
    def look(context: Any, agent: Any, checked: Any) -> GuardrailFunctionOutput:
        seen.extend([context.context, agent, checked])
        return PASS

    agent = agent_with(["ok"], input_guardrails=[look])
    Runner.run_sync(agent, given, context="ctx")
    assert seen == ["ctx", agent, given]


def test_with_a_session_an_input_guardrail_sees_the_merged_list() -> None:
    seen: list[Any] = []

    @input_guardrail
    def look(context: Any, agent: Any, checked: Any) -> GuardrailFunctionOutput:
        seen.append(kinds(checked))
        return PASS

    session = SQLiteSession("s")
    agent = agent_with(["one", "two"], input_guardrails=[look])
    Runner.run_sync(agent, "first", session=session)
    Runner.run_sync(agent, "second", session=session)
    assert seen == [["user"], ["user", "assistant", "user"]]


@sides
def test_guardrails_of_agent_and_run_check_the_first_turn_only(in_parallel: bool) -> None:
    checked = []

    def guardrail(name: str) -> InputGuardrail[Any]:
        def check(context: Any, agent: Any, given: Any) -> GuardrailFunctionOutput:
            checked.append(name)
            return GuardrailFunctionOutput(name, False)

        return InputGuardrail(check, name=name, run_in_parallel=in_parallel)

    agent = agent_with(
        [call("f"), handoff_to("B"), "ok"],
        tools=[function_tool(lambda: 1, name_override="f")],
        input_guardrails=[guardrail("own 1"), guardrail("own 2")],
    )
    agent.handoffs = [Agent(name="B", model=agent.model, input_guardrails=[guardrail("B's")])]
    config = RunConfig(input_guardrails=[guardrail("run's")])
    result = Runner.run_sync(agent, "hi", run_config=config)
    names = ["own 1", "own 2", "run's"]
    assert sorted(checked) == names
    assert [each.output.output_info for each in result.input_guardrail_results] == names


@every_driver
def test_the_guardrail_that_trips_first_wins_and_the_others_are_stopped(run: Any) -> None:
    began, stopped = threading.Event(), threading.Event()

    async def forever(context: Any, agent: Any, checked: Any) -> GuardrailFunctionOutput:
        try:
            began.set()
            await asyncio.sleep(60)
        finally:
            stopped.set()
        return PASS

    def trip(context: Any, agent: Any, checked: Any) -> GuardrailFunctionOutput:
        assert began.wait(60)
        return TRIP

    guardrails = [InputGuardrail(forever), InputGuardrail(trip), InputGuardrail(verdict(PASS))]
    agent = agent_with(["ok"], delay=60, input_guardrails=guardrails)
    with no_thread_left():
        with pytest.raises(InputGuardrailTripwireTriggered) as caught:
            run(agent, "hi")
        assert caught.value.guardrail_result.guardrail is guardrails[1]
        assert stopped.is_set()


def broken(context: Any, agent: Any, checked: Any) -> GuardrailFunctionOutput:
    raise LookupError("of its own")


@every_driver
@pytest.mark.parametrize(
    "guardrails",
    [
        {"input_guardrails": [InputGuardrail(broken)]},
        {"input_guardrails": [InputGuardrail(broken, run_in_parallel=False)]},
        {"output_guardrails": [OutputGuardrail(broken)]},
        {"output_guardrails": [OutputGuardrail(broken), OutputGuardrail(verdict(PASS))]},
    ],
    ids=["beside", "before", "output", "outputs"],
)
def test_a_guardrail_that_raises_fails_the_run_with_its_own_exception(
    run: Any, guardrails: Any
) -> None:
    with pytest.raises(LookupError, match="of its own"):
        run(agent_with(["ok"], **guardrails), "hi")


@sides
@forms
def test_where_an_input_guardrail_runs(in_parallel: bool, is_async: bool) -> None:
    seen: list[Any] = []

    def look(context: Any, agent: Any, checked: Any) -> GuardrailFunctionOutput:
        seen.extend([threading.current_thread(), ASKED.get()])
        return PASS

    async def look_async(context: Any, agent: Any, checked: Any) -> GuardrailFunctionOutput:
        return look(context, agent, checked)

    check = InputGuardrail(look_async if is_async else look, run_in_parallel=in_parallel)
    token = ASKED.set("me")
    Runner.run_sync(agent_with(["ok"], input_guardrails=[check]), "hi")
    ASKED.reset(token)
    is_here = not in_parallel and not is_async
    assert (seen[0] is threading.current_thread()) == is_here
    assert seen[1] == "me"


def test_async_guardrails_run_on_the_caller_s_loop() -> None:
    loops = []

    async def look(context: Any, agent: Any, checked: Any) -> GuardrailFunctionOutput:
        loops.append(asyncio.get_running_loop())
        return PASS

    async def main() -> None:
        agent = agent_with(
            ["ok"],
            input_guardrails=[InputGuardrail(look)],
            output_guardrails=[OutputGuardrail(look)],
        )
        await Runner.run(agent, "hi")
        assert loops == [asyncio.get_running_loop()] * 2

    asyncio.run(main())


# Output guardrails


class Answer(BaseModel):
    number: int


@every_driver
@forms
def test_an_output_guardrail_sees_the_final_output(run: Any, is_async: bool) -> None:
    seen: list[Any] = []

    def look(context: Any, agent: Any, output: Any) -> GuardrailFunctionOutput:
        seen.extend([context.context, agent, output])
        return PASS

    async def look_async(context: Any, agent: Any, output: Any) -> GuardrailFunctionOutput:
        return look(context, agent, output)

    check = output_guardrail(look_async if is_async else look)
    agent = agent_with(
        [final(Answer(number=42))], output_type=Answer, output_guardrails=[check]
    )
    result = run(agent, "hi", context="ctx")
    assert seen == ["ctx", agent, Answer(number=42)]
    (found,) = result.output_guardrail_results
    assert (found.guardrail, found.agent, found.output) == (check, agent, PASS)
    assert found.agent_output == Answer(number=42)


@every_driver
@forms
@pytest.mark.parametrize("count", [1, 2])
def test_an_output_guardrail_stops_the_run(run: Any, is_async: bool, count: int) -> None:
    guardrails = [OutputGuardrail(verdict(PASS)), OutputGuardrail(verdict(TRIP, is_async))]
    agent = agent_with(["secret"], output_guardrails=guardrails[-count:])
    with pytest.raises(OutputGuardrailTripwireTriggered) as caught:
        run(agent, "hi")
    assert str(caught.value) == "Guardrail OutputGuardrail triggered tripwire"
    found = caught.value.guardrail_result
    assert (found.guardrail, found.output.output_info) == (guardrails[1], "bad")
    assert (found.agent, found.agent_output) == (agent, "secret")
    assert caught.value.run_data is not None
    assert len(caught.value.run_data.new_items) == 1


def test_only_the_last_agent_s_and_the_run_s_guardrails_check_the_output() -> None:
    agent = agent_with([handoff_to("B"), "ok"], output_guardrails=[OutputGuardrail(verdict(TRIP))])
    own = OutputGuardrail(verdict(PASS), name="own")
    agent.handoffs = [Agent(name="B", model=agent.model, output_guardrails=[own])]
    of_run = OutputGuardrail(verdict(PASS), name="run's")
    result = Runner.run_sync(agent, "hi", run_config=RunConfig(output_guardrails=[of_run]))
    assert [each.guardrail for each in result.output_guardrail_results] == [own, of_run]


def test_the_output_is_checked_after_the_end_hook() -> None:
    order = []

    class Hooks(RunHooks[Any]):
        def on_agent_end(self, context: Any, agent: Any, output: Any) -> None:
            order.append("on_agent_end")

    @output_guardrail
    def check(context: Any, agent: Any, output: Any) -> GuardrailFunctionOutput:
        order.append("guardrail")
        return PASS

    Runner.run_sync(agent_with(["ok"], output_guardrails=[check]), "hi", hooks=Hooks())
    assert order == ["on_agent_end", "guardrail"]


def test_several_output_guardrails_run_side_by_side_and_the_others_are_stopped() -> None:
    together, stopped = threading.Barrier(2, timeout=60), threading.Event()

    def check(context: Any, agent: Any, output: Any) -> GuardrailFunctionOutput:
        together.wait()
        return TRIP

    async def other(context: Any, agent: Any, output: Any) -> GuardrailFunctionOutput:
        try:
            await asyncio.to_thread(together.wait)
            await asyncio.sleep(60)
        finally:
            stopped.set()
        return PASS

    guardrails = [OutputGuardrail(other), OutputGuardrail(check)]
    with no_thread_left():
        with pytest.raises(OutputGuardrailTripwireTriggered):
            Runner.run_sync(agent_with(["ok"], output_guardrails=guardrails), "hi")
        assert stopped.is_set()


# Declaring them


@pytest.mark.parametrize("decorate", [input_guardrail, output_guardrail])
def test_decorators_are_bare_or_take_a_name(decorate: Any) -> None:
    def check(context: Any, agent: Any, checked: Any) -> GuardrailFunctionOutput:
        return PASS

    assert decorate(check).get_name() == "check"
    assert decorate()(check).get_name() == "check"
    assert decorate(name="other")(check).get_name() == "other"
    assert decorate(check).guardrail_function is check
    with pytest.raises(UserError, match="decorates must be a function, got 'check'"):
        decorate("check")
    with pytest.raises(UserError, match="must take context and agent and (in|out)put, 3 pos"):
        decorate(lambda context, checked: PASS)


def test_the_decorator_decides_whether_the_model_waits() -> None:
    assert input_guardrail(verdict(PASS)).run_in_parallel
    assert not input_guardrail(run_in_parallel=False)(verdict(PASS)).run_in_parallel


@every_driver
@pytest.mark.parametrize("field", ["input_guardrails", "output_guardrails"])
def test_a_guardrail_must_give_a_verdict(run: Any, field: str) -> None:
    decorate: Any = input_guardrail if field.startswith("input") else output_guardrail
    check = decorate(name="lax")(lambda context, agent, checked: True)
    with pytest.raises(UserError, match="lax must return GuardrailFunctionOutput"):
        run(agent_with(["ok"], **{field: [check]}), "hi")


@every_driver
def test_guardrails_are_traced_under_their_agent(run: Any) -> None:
    agent = agent_with(
        ["ok"],
        input_guardrails=[InputGuardrail(verdict(PASS), name="in")],
        output_guardrails=[OutputGuardrail(verdict(TRIP), name="out")],
    )
    with recorded_spans() as spans:
        with pytest.raises(OutputGuardrailTripwireTriggered):
            run(agent, "hi")
        assert spans.open == []
    assert spans.parent_of("guardrail in") == spans.parent_of("guardrail out") == "agent A"
    triggered = {
        each.span_data.name: each.span_data.triggered
        for each in spans.spans
        if each.span_data.type == "guardrail"
    }
    assert triggered == {"in": False, "out": True}


def test_a_guardrail_that_tripped_counts_more_than_a_model_that_failed() -> None:
    tripped = threading.Event()

    @input_guardrail
    def trip(context: Any, agent: Any, given: Any) -> GuardrailFunctionOutput:
        tripped.set()
        return GuardrailFunctionOutput("bad", True)

    def fail(request: Any) -> Any:
        tripped.wait(60)
        return APIConnectionError("down")

    agent = Agent("A", input_guardrails=[trip], model=ScriptedModel(fail))
    with pytest.raises(InputGuardrailTripwireTriggered):
        Runner.run_sync(agent, "x")


@every_driver
def test_run_data_tells_each_verdict_once(run: Any) -> None:
    passed = threading.Event()

    @input_guardrail
    def let_pass(context: Any, agent: Any, given: Any) -> GuardrailFunctionOutput:
        passed.set()
        return GuardrailFunctionOutput("fine", False)

    @input_guardrail
    def trip(context: Any, agent: Any, given: Any) -> GuardrailFunctionOutput:
        passed.wait(60)
        time.sleep(0.02)
        return GuardrailFunctionOutput("bad", True)

    agent = Agent("A", input_guardrails=[let_pass, trip], model=ScriptedModel(["never"], delay=30))
    with pytest.raises(InputGuardrailTripwireTriggered) as failed:
        run(agent, "x")
    results = failed.value.run_data.input_guardrail_results  # type: ignore[union-attr]
    assert [each.output.output_info for each in results] == ["fine", "bad"]


def test_output_guardrails_that_passed_are_told_of_when_another_trips() -> None:
    first = threading.Event()

    @output_guardrail
    def let_pass(context: Any, agent: Any, output: Any) -> GuardrailFunctionOutput:
        first.set()
        return GuardrailFunctionOutput("fine", False)

    @output_guardrail
    def trip(context: Any, agent: Any, output: Any) -> GuardrailFunctionOutput:
        first.wait(60)
        time.sleep(0.02)
        return GuardrailFunctionOutput("bad", True)

    agent = Agent("A", output_guardrails=[trip, let_pass], model=ScriptedModel(["ok"]))
    with pytest.raises(OutputGuardrailTripwireTriggered) as failed:
        Runner.run_sync(agent, "x")
    results = failed.value.run_data.output_guardrail_results  # type: ignore[union-attr]
    assert [each.output.output_info for each in results] == ["bad", "fine"]


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize("decorate", [input_guardrail, output_guardrail])
@pytest.mark.parametrize("verdicts", [[True, False], [False, True]])
def test_what_passes_without_waiting_is_told_of_whichever_comes_first(
    kind: str, decorate: Any, verdicts: list[bool]
) -> None:
    def check(is_bad: bool) -> Any:
        def plain(context: Any, agent: Any, given: Any) -> GuardrailFunctionOutput:
            return GuardrailFunctionOutput("bad" if is_bad else "fine", is_bad)

        async def coroutine(context: Any, agent: Any, given: Any) -> GuardrailFunctionOutput:
            return plain(context, agent, given)

        return decorate(plain if kind == "def" else coroutine)

    guardrails = [check(is_bad) for is_bad in verdicts]
    for _ in range(30):
        agent: Agent[Any] = Agent("A", model=ScriptedModel(lambda request: "ok"))
        setattr(agent, f"{decorate.__name__}s", guardrails)
        with pytest.raises(
            (InputGuardrailTripwireTriggered, OutputGuardrailTripwireTriggered)
        ) as failed:
            Runner.run_sync(agent, "x")
        done: Any = failed.value.run_data
        results = done.input_guardrail_results + done.output_guardrail_results
        assert [each.output.tripwire_triggered for each in results] == verdicts


def test_blocking_coroutines_are_asked_side_by_side() -> None:
    together = asyncio.Barrier(3)

    @input_guardrail(run_in_parallel=False)
    async def meet(context: Any, agent: Any, given: Any) -> GuardrailFunctionOutput:
        await together.wait()
        return GuardrailFunctionOutput(None, False)

    agent = Agent("A", input_guardrails=[meet, meet, meet], model=ScriptedModel(["ok"]))
    assert Runner.run_sync(agent, "x").final_output == "ok"


def test_a_guardrail_can_be_asked_outside_a_run() -> None:
    async def check(context: Any, agent: Any, value: Any) -> GuardrailFunctionOutput:
        return GuardrailFunctionOutput(value, tripwire_triggered=value == "bad")

    agent, context = Agent(name="A"), RunContextWrapper(None)
    before = asyncio.run(InputGuardrail(check).run(agent, "bad", context))
    assert before.output.tripwire_triggered and before.guardrail.get_name() == "check"
    after = asyncio.run(OutputGuardrail(check).run(context, agent, "good"))
    assert (after.agent_output, after.agent) == ("good", agent)
    assert not after.output.tripwire_triggered
