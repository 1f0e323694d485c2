"""Making the calls that a response asks for."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from itertools import repeat
from typing import Any

import pytest
from pydantic import BaseModel

from agents_lite import (
    Agent,
    Computer,
    ComputerTool,
    FunctionTool,
    HostedMCPTool,
    HostedTool,
    ModelBehaviorError,
    ModelSettings,
    OpenAIResponsesModel,
    ResponsesClient,
    RunConfig,
    RunContextWrapper,
    RunHooks,
    Runner,
    ToolContext,
    ToolGuardrailFunctionOutput,
    ToolInputGuardrailTripwireTriggered,
    ToolOutputGuardrailTripwireTriggered,
    ToolTimeoutError,
    UserError,
    WebSearchTool,
    function_tool,
    handoff,
    tool_input_guardrail,
    tool_output_guardrail,
)
from agents_lite.testing import ResponsesServer, ScriptedModel, call
from tests.support.agents import agent_with_tool
from tests.support.drivers import every_driver, every_driver_but_chat, every_stream, types

SERIAL = RunConfig(max_tool_concurrency=1)
ASKED: ContextVar[str] = ContextVar("ASKED", default="nobody")


def agent_of(*tools: Any, calls: list[Any], answer: str = "done", **fields: Any) -> Agent[Any]:
    """An agent whose model makes these calls in one turn, then answers."""
    return Agent(name="A", tools=list(tools), model=ScriptedModel([calls, answer]), **fields)


def outputs_of(result: Any) -> list[Any]:
    items = [item for item in result.new_items if item.type == "tool_call_output_item"]
    return [item.raw_item.output for item in items]


def told_model(agent: Agent[Any], position: int = -1) -> Any:
    """The output that the model was sent last."""
    model: Any = agent.model
    return model.requests[-1].input[position]["output"]


# Where and when calls are made


@every_driver
@pytest.mark.parametrize("is_async", [False, True])
def test_outputs_keep_the_order_of_the_calls_not_of_their_ends(run: Any, is_async: bool) -> None:
    last_has_ended = threading.Event()

    def wait(number: int) -> int:
        if number == 0:
            assert last_has_ended.wait(60)
        if number == 2:
            last_has_ended.set()
        return number

    async def wait_async(number: int) -> int:
        while number == 0 and not last_has_ended.is_set():
            await asyncio.sleep(0.001)
        return wait(number)

    function = wait_async if is_async else wait
    tool = function_tool(function, name_override="wait", parallel=True)
    agent = agent_of(tool, calls=[call("wait", number=number) for number in range(3)])
    assert outputs_of(run(agent, "x")) == ["0", "1", "2"]


@every_driver
def test_parallel_calls_of_one_turn_run_at_the_same_time(run: Any) -> None:
    together = threading.Barrier(8, timeout=60)

    @function_tool(parallel=True)
    def meet() -> str:
        together.wait()
        return "met"

    agent = agent_of(meet, calls=[call("meet")] * 8)
    assert outputs_of(run(agent, "x")) == ["met"] * 8


def test_plain_and_async_calls_run_at_the_same_time() -> None:
    plain_began, async_began = threading.Event(), threading.Event()

    @function_tool
    def plain() -> bool:
        plain_began.set()
        return async_began.wait(60)

    @function_tool
    async def coroutine() -> bool:
        async_began.set()
        return await asyncio.to_thread(plain_began.wait, 60)

    agent = agent_of(plain, coroutine, calls=[call("plain"), call("coroutine")])
    assert outputs_of(Runner.run_sync(agent, "x")) == ["true", "true"]


@pytest.mark.parametrize(
    ("count", "config", "is_here"),
    [
        (1, RunConfig(parallel_tools=True), True),
        (3, RunConfig(parallel_tools=True, max_tool_concurrency=1), True),
        (3, RunConfig(), True),
        (3, RunConfig(parallel_tools=True), False),
    ],
)
def test_plain_calls_are_made_on_the_driving_thread_unless_they_may_run_beside_others(
    count: int, config: RunConfig, is_here: bool
) -> None:
    threads = []

    @function_tool
    def where() -> None:
        threads.append(threading.current_thread())

    agent = agent_of(where, calls=[call("where")] * count)
    Runner.run_sync(agent, "x", run_config=config)
    assert [thread is threading.current_thread() for thread in threads] == [is_here] * count


def test_the_run_overrules_what_the_tools_say() -> None:
    threads = []

    @function_tool(parallel=True)
    def where() -> None:
        threads.append(threading.current_thread())

    agent = agent_of(where, calls=[call("where")] * 3)
    Runner.run_sync(agent, "x", run_config=RunConfig(parallel_tools=False))
    assert threads == [threading.current_thread()] * 3


def test_plain_calls_are_made_once_the_parallel_ones_have_begun() -> None:
    began = threading.Event()

    @function_tool(parallel=True)
    def beside() -> str:
        began.set()
        return "beside"

    @function_tool
    def here() -> bool:
        return began.wait(60)

    agent = agent_of(here, beside, calls=[call("here"), call("beside"), call("here")])
    assert outputs_of(Runner.run_sync(agent, "x")) == ["true", "beside", "true"]


def test_no_plain_call_is_begun_once_a_parallel_one_has_failed() -> None:
    failed, made = threading.Event(), []

    @function_tool(parallel=True, failure_error_function=None)
    def fail() -> None:
        raise ValueError("broken")

    @function_tool
    def here(number: int) -> None:
        made.append(number)
        failed.wait(0.2)

    calls = [call("fail"), *(call("here", number=number) for number in range(500))]
    with pytest.raises(UserError, match="broken"):
        Runner.run_sync(agent_of(fail, here, calls=calls), "x")
    assert len(made) < 500


def test_one_at_a_time_goes_in_order() -> None:
    order = []

    @function_tool
    def note(number: int) -> None:
        order.append(f"begin {number}")
        time.sleep(0.005)
        order.append(f"end {number}")

    agent = agent_of(note, calls=[call("note", number=0), call("note", number=1)])
    Runner.run_sync(agent, "x", run_config=SERIAL)
    assert order == ["begin 0", "end 0", "begin 1", "end 1"]


@pytest.mark.parametrize(("most", "here"), [(2, 0), (3, 0), (3, 2)])
def test_no_more_calls_run_at_a_time_than_allowed(most: int, here: int) -> None:
    lock, running, peaks = threading.Lock(), [0], [0]
    together = threading.Barrier(most, timeout=60)  # fewer would wait in vain

    def count() -> None:
        with lock:
            running[0] += 1
            peaks.append(running[0])
        together.wait()
        with lock:
            running[0] -= 1

    tools = [
        function_tool(count, name_override="beside", parallel=True),
        function_tool(count, name_override="here"),
    ]
    calls = [*[call("beside")] * (6 - here), *[call("here")] * here]
    agent = agent_of(*tools, calls=calls)
    Runner.run_sync(agent, "x", run_config=RunConfig(max_tool_concurrency=most))
    assert max(peaks) == most


@every_driver
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("is_async", [False, True])
def test_tools_see_the_caller_s_context_variables(run: Any, count: int, is_async: bool) -> None:
    def who() -> str:
        return ASKED.get()

    async def who_async() -> str:
        return ASKED.get()

    tool = function_tool(who_async if is_async else who, name_override="who")
    agent = agent_of(tool, calls=[call("who")] * count)
    token = ASKED.set("me")
    try:
        assert outputs_of(run(agent, "x")) == ["me"] * count
    finally:
        ASKED.reset(token)


def test_a_variable_set_in_a_tool_beside_others_stays_there() -> None:
    @function_tool
    def set_variable() -> None:
        ASKED.set("the tool")

    Runner.run_sync(agent_of(set_variable, calls=[call("set_variable")] * 2), "x")
    assert ASKED.get() == "nobody"


@pytest.mark.parametrize("is_streamed", [False, True])
def test_async_tools_run_on_the_caller_s_loop(is_streamed: bool) -> None:
    loops = []

    @function_tool
    async def note_loop() -> None:
        loops.append(asyncio.get_running_loop())

    async def main() -> None:
        agent = agent_of(note_loop, calls=[call("note_loop")] * 2)
        if is_streamed:
            async for _ in Runner.run_streamed(agent, "x").stream_events():
                pass
        else:
            await Runner.run(agent, "x")
        assert loops == [asyncio.get_running_loop()] * 2

    asyncio.run(main())


def test_async_tools_of_a_plain_run_share_one_loop() -> None:
    loops = []

    @function_tool
    async def which_loop() -> None:
        loops.append(asyncio.get_running_loop())

    turns = [[call("which_loop")], [call("which_loop")] * 2, "done"]
    agent = Agent(name="A", tools=[which_loop], model=ScriptedModel(turns))
    Runner.run_sync(agent, "x")
    assert len(loops) == 3
    assert len(set(map(id, loops))) == 1
    assert loops[0].is_running()  # it outlives the run, and serves the next ones


@every_driver
def test_three_hundred_calls_in_one_turn(run: Any) -> None:
    @function_tool
    def double(number: int) -> int:
        return 2 * number

    agent = agent_of(double, calls=[call("double", number=number) for number in range(300)])
    assert outputs_of(run(agent, "x")) == [str(2 * number) for number in range(300)]


@every_stream
def test_tools_run_after_the_events_of_their_calls(read: Any) -> None:
    @function_tool
    def note() -> str:
        return "noted"

    events, _ = read(agent_of(note, calls=[call("note")] * 2), "x")
    names = [event.name for event in events if event.type == "run_item_stream_event"]
    assert names == ["tool_called"] * 2 + ["tool_output"] * 2 + ["message_output_created"]


# What a tool is given, and what it gives


def test_a_tool_is_told_of_its_call() -> None:
    seen: list[ToolContext[Any]] = []

    @function_tool
    def look(ctx: ToolContext[Any], city: str) -> int:
        seen.append(ctx)
        return ctx.usage.requests

    agent = agent_of(look, calls=[call("look", city="Rome", call_id="call_7")])
    Runner.run_sync(agent, "x", context={"user": 1})
    (context,) = seen
    assert (context.tool_name, context.tool_call_id) == ("look", "call_7")
    assert context.tool_arguments == '{"city":"Rome"}'
    assert context.context == {"user": 1}
    assert context.turn_input == [{"role": "user", "content": "x"}]
    assert told_model(agent) == "1"


class Point(BaseModel):
    x: int


@pytest.mark.parametrize(
    ("output", "shown"),
    [("text", "text"), (None, "null"), (1.5, "1.5"), (Point(x=1), '{"x":1}'), ([1], "[1]")],
)
def test_the_model_is_shown_json_and_the_item_keeps_the_object(output: Any, shown: str) -> None:
    agent = agent_of(function_tool(lambda: output, name_override="f"), calls=[call("f")])
    result = Runner.run_sync(agent, "x")
    assert told_model(agent) == shown
    assert result.new_items[1].output is output


@pytest.mark.parametrize("is_async", [False, True])
def test_a_tool_made_by_hand_gets_the_arguments_as_text(is_async: bool) -> None:
    def plain(context: RunContextWrapper[Any], arguments: str) -> str:
        return f"{context.context}: {arguments}"

    async def coroutine(context: RunContextWrapper[Any], arguments: str) -> str:
        return plain(context, arguments)

    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    tool = FunctionTool("f", "F.", schema, coroutine if is_async else plain)
    agent = agent_of(tool, calls=[call("f", a=1)])
    Runner.run_sync(agent, "x", context="me")
    assert told_model(agent) == 'me: {"a":1}'


def test_an_empty_argument_string_is_no_arguments() -> None:
    agent = agent_of(function_tool(lambda: "ran", name_override="f"), calls=[call("f", "")])
    Runner.run_sync(agent, "x")
    assert told_model(agent) == "ran"


# Failures


def failing(error: BaseException, **options: Any) -> FunctionTool:
    def fail(number: int = 0) -> None:
        raise error

    return function_tool(fail, **options)


DEFAULT = "An error occurred while running the tool. Please try again. Error: broken"


@every_driver
@pytest.mark.parametrize("count", [1, 2])
def test_the_model_is_told_of_a_failure(run: Any, count: int) -> None:
    agent = agent_of(failing(ValueError("broken")), calls=[call("fail")] * count)
    assert outputs_of(run(agent, "x")) == [DEFAULT] * count


@pytest.mark.parametrize("is_async", [False, True])
def test_a_function_of_the_user_tells_of_a_failure(is_async: bool) -> None:
    def explain(context: RunContextWrapper[Any], error: Exception) -> str:
        return f"{context.context} {error}"

    async def explain_async(context: RunContextWrapper[Any], error: Exception) -> str:
        return explain(context, error)

    tool = failing(
        ValueError("broken"), failure_error_function=explain_async if is_async else explain
    )
    agent = agent_of(tool, calls=[call("fail")])
    Runner.run_sync(agent, "x", context="ctx")
    assert told_model(agent) == "ctx broken"


@every_driver
@pytest.mark.parametrize("count", [1, 2])
def test_none_raises_a_failure(run: Any, count: int) -> None:
    error = ValueError("broken")
    agent = agent_of(failing(error, failure_error_function=None), calls=[call("fail")] * count)
    with pytest.raises(UserError, match="Error running tool fail: broken") as caught:
        run(agent, "x")
    assert caught.value.__cause__ is error
    assert caught.value.run_data is not None
    assert types(caught.value.run_data.new_items) == ["tool_call"] * count


def test_none_raises_an_sdk_error_as_it_is() -> None:
    error = ModelBehaviorError("odd")
    agent = agent_of(failing(error, failure_error_function=None), calls=[call("fail")])
    with pytest.raises(ModelBehaviorError) as caught:
        Runner.run_sync(agent, "x")
    assert caught.value is error


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("{", "An error occurred while parsing tool arguments. Please try again with valid JSON."),
        ("[1]", "An error occurred while running the tool. Please try again. Error: "),
        ('{"number": "x"}', "An error occurred while running the tool. Please try again. Error: "),
    ],
)
def test_arguments_that_do_not_fit(arguments: str, told: str) -> None:
    agent = agent_of(failing(ValueError()), calls=[call("fail", arguments)])
    Runner.run_sync(agent, "x")
    assert told_model(agent).startswith(told)
    tool = failing(ValueError(), failure_error_function=None)
    with pytest.raises(ModelBehaviorError, match="fail"):
        Runner.run_sync(agent_of(tool, calls=[call("fail", arguments)]), "x")


@every_driver
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_interrupt_and_exit_leave_the_run(
    run: Any, count: int, is_async: bool, error: type[BaseException]
) -> None:
    def stop() -> None:
        raise error("now")

    async def stop_async() -> None:
        raise error("now")

    tool = function_tool(stop_async if is_async else stop, name_override="stop")
    with pytest.raises(error):
        run(agent_of(tool, calls=[call("stop")] * count), "x")


def test_a_failure_that_leaves_the_run_stops_the_other_tools() -> None:
    began, cancelled = threading.Event(), threading.Event()

    @function_tool
    async def long() -> None:
        began.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    @function_tool(failure_error_function=None)
    def fail() -> None:
        assert began.wait(60)
        raise ValueError("broken")

    agent = agent_of(long, fail, calls=[call("long"), call("fail")])
    with pytest.raises(UserError, match="broken"):
        Runner.run_sync(agent, "x")
    assert cancelled.wait(60)


def test_an_unknown_tool_is_an_error() -> None:
    with pytest.raises(ModelBehaviorError, match="^Tool nope not found in agent A$"):
        Runner.run_sync(agent_of(calls=[call("nope")]), "x")


def test_an_unknown_tool_may_be_told_to_the_model() -> None:
    agent = agent_of(function_tool(lambda: 1, name_override="f"), calls=[call("nope"), call("f")])
    result = Runner.run_sync(agent, "x", run_config=RunConfig(tool_not_found="tell_model"))
    assert told_model(agent) == "Tool 'nope' not found."
    assert outputs_of(result) == ["1", "Tool 'nope' not found."]


@pytest.mark.parametrize("words", ["There is no nope.", None])
def test_an_unknown_tool_is_told_of_in_the_words_of_the_formatter(words: Any) -> None:
    asked: list[Any] = []

    async def formatter(args: Any) -> Any:
        asked.append((args.kind, args.tool_type, args.tool_name, args.call_id))
        return words

    agent = agent_of(calls=[call("nope", call_id="c1")])
    config = RunConfig(tool_not_found="tell_model", tool_error_formatter=formatter)
    Runner.run_sync(agent, "x", run_config=config)
    assert told_model(agent) == (words or "Tool 'nope' not found.")
    assert asked == [("tool_not_found", "function", "nope", "c1")]


@pytest.mark.parametrize("words", ["It is broken.", None])
def test_a_failure_is_told_in_the_words_of_the_formatter(words: Any) -> None:
    asked: list[Any] = []

    def fail() -> None:
        raise failure

    def formatter(args: Any) -> Any:
        asked.append((args.kind, args.tool_type, args.tool_name, args.call_id, args.error))
        return words

    failure = ValueError("secret")
    plain = function_tool(fail, name_override="f")
    own = function_tool(fail, name_override="g", failure_error_function=lambda *_: "own words")
    agent = agent_of(plain, own, calls=[call("f", call_id="c1"), call("g")])
    result = Runner.run_sync(agent, "x", run_config=RunConfig(tool_error_formatter=formatter))
    usual = "An error occurred while running the tool. Please try again. Error: secret"
    assert outputs_of(result) == [words or usual, "own words"]
    assert asked == [("tool_exception", "function", "f", "c1", failure)]


def test_a_tool_that_is_not_offered_is_unknown() -> None:
    hidden = function_tool(lambda: 1, name_override="f", is_enabled=lambda context, agent: False)
    agent = agent_of(hidden, calls=[call("f")])
    with pytest.raises(ModelBehaviorError, match="Tool f not found"):
        Runner.run_sync(agent, "x")
    assert agent.model.requests[0].tools == []  # type: ignore[union-attr]


@pytest.mark.parametrize("is_async", [False, True])
def test_a_function_decides_whether_a_tool_is_offered(is_async: bool) -> None:
    def is_enabled(context: RunContextWrapper[Any], agent: Agent[Any]) -> bool:
        return context.context == agent.name

    async def is_enabled_async(context: RunContextWrapper[Any], agent: Agent[Any]) -> bool:
        return is_enabled(context, agent)

    decide = is_enabled_async if is_async else is_enabled
    tool = function_tool(lambda: 1, name_override="f", is_enabled=decide)
    for context, offered in [("A", [tool]), ("B", [])]:
        model = ScriptedModel(["ok"])
        Runner.run_sync(Agent(name="A", tools=[tool], model=model), "x", context=context)
        assert model.requests[0].tools == offered


# Timeouts


def slow(is_async: bool, over: threading.Event, **options: Any) -> FunctionTool:
    async def wait_async() -> None:
        await asyncio.sleep(60)

    def wait() -> None:
        over.wait(60)

    return function_tool(wait_async if is_async else wait, name_override="slow", **options)


@every_driver
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("is_async", [False, True])
def test_the_model_is_told_of_a_timeout(run: Any, count: int, is_async: bool) -> None:
    over = threading.Event()
    agent = agent_of(slow(is_async, over, timeout=0.05), calls=[call("slow")] * count)
    began = time.monotonic()
    outputs = outputs_of(run(agent, "x"))
    assert outputs == ["Tool 'slow' timed out after 0.05 seconds."] * count
    assert time.monotonic() - began < 50
    over.set()


def test_a_coroutine_that_ran_out_of_time_is_cancelled() -> None:
    began, ended = threading.Event(), threading.Event()

    @function_tool(timeout=0.3)
    async def slow() -> None:
        began.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    Runner.run_sync(agent_of(slow, calls=[call("slow")]), "x")
    assert not began.is_set() or ended.wait(60)


def test_a_timeout_may_be_raised() -> None:
    tool = slow(True, threading.Event(), timeout=0.05, failure_error_function=None)
    with pytest.raises(ToolTimeoutError) as caught:
        Runner.run_sync(agent_of(tool, calls=[call("slow")]), "x")
    assert (caught.value.tool_name, caught.value.timeout_seconds) == ("slow", 0.05)


def test_a_tool_says_what_is_told_when_its_time_is_over() -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    def output(**options: Any) -> str:
        tool = function_tool(wait, timeout=0.01, **options)
        agent = Agent("A", tools=[tool], model=ScriptedModel([call("wait"), "done"]))
        return str(Runner.run_sync(agent, "Hi").new_items[1].output)

    assert output(timeout_error_function=lambda ctx, error: f"{ctx.tool_name} is late") == (
        "wait is late"
    )
    silent: Any = {"failure_error_function": None, "timeout_behavior": "error_as_result"}
    assert "wait" in output(**silent)
    with pytest.raises(ToolTimeoutError):
        output(timeout_behavior="raise_exception")
    with pytest.raises(UserError, match="timeout_behavior must be .* got 'nonsense'"):
        output(timeout_behavior="nonsense")


def test_a_tool_within_its_timeout_is_not_disturbed() -> None:
    tool = function_tool(lambda: "quick", name_override="f", timeout=30)
    agent = agent_of(tool, calls=[call("f")])
    Runner.run_sync(agent, "x")
    assert told_model(agent) == "quick"


# Guardrails of tools


Verdict = ToolGuardrailFunctionOutput
VERDICTS = {
    "allow": (lambda: Verdict.allow("fine"), "ran"),
    "reject": (lambda: Verdict.reject_content("not so", "why"), "not so"),
}


def guarded(kind: str, verdict: Callable[[], Verdict], is_async: bool) -> tuple[Any, list[Any]]:
    """A tool with a guardrail, and a list of what the guardrail saw and whether the tool ran."""
    seen: list[Any] = []

    def check(data: Any) -> Verdict:
        seen.append((data.agent.name, data.context.tool_arguments, getattr(data, "output", None)))
        return verdict()

    async def check_async(data: Any) -> Verdict:
        return check(data)

    def f(a: int) -> str:
        seen.append("ran")
        return "ran"

    decorate: Any = tool_input_guardrail if kind == "input" else tool_output_guardrail
    guardrail = decorate(check_async if is_async else check)
    options: Any = {f"tool_{kind}_guardrails": [guardrail]}
    return function_tool(**options)(f), seen


@every_driver
@pytest.mark.parametrize("verdict", VERDICTS)
@pytest.mark.parametrize("is_async", [False, True])
def test_a_guardrail_on_a_tool_s_input(run: Any, verdict: str, is_async: bool) -> None:
    decide, told = VERDICTS[verdict]
    tool, seen = guarded("input", decide, is_async)
    result = run(agent_of(tool, calls=[call("f", a=1)]), "x")
    assert outputs_of(result) == [told]
    assert seen == [("A", '{"a":1}', None), "ran"][: 2 if verdict == "allow" else 1]
    assert [each.output for each in result.tool_input_guardrail_results] == [decide()]


@every_driver
@pytest.mark.parametrize("verdict", VERDICTS)
@pytest.mark.parametrize("is_async", [False, True])
def test_a_guardrail_on_a_tool_s_output(run: Any, verdict: str, is_async: bool) -> None:
    decide, told = VERDICTS[verdict]
    tool, seen = guarded("output", decide, is_async)
    result = run(agent_of(tool, calls=[call("f", a=1)]), "x")
    assert outputs_of(result) == [told]
    assert seen == ["ran", ("A", '{"a":1}', "ran")]
    assert [each.output for each in result.tool_output_guardrail_results] == [decide()]


@every_driver
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("input", ToolInputGuardrailTripwireTriggered),
        ("output", ToolOutputGuardrailTripwireTriggered),
    ],
)
def test_a_guardrail_of_a_tool_stops_the_run(run: Any, kind: str, error: Any, count: int) -> None:
    tool, seen = guarded(kind, lambda: Verdict.raise_exception("why"), False)
    with pytest.raises(error) as caught:
        run(agent_of(tool, calls=[call("f", a=1)] * count), "x")
    assert caught.value.output.output_info == "why"
    class_name = f"Tool{kind.capitalize()}Guardrail"
    assert str(caught.value) == f"Guardrail {class_name} triggered tripwire"
    assert ("ran" in seen) == (kind == "output")
    assert caught.value.run_data is not None


# Computers


class Desk(Computer):
    """Notes what is done to it."""

    environment: Any = "browser"
    dimensions = (800, 600)

    def __init__(self) -> None:
        self.done: list[Any] = []

    def screenshot(self) -> str:
        return "UE5H"

    def click(self, x: int, y: int, button: Any) -> None:
        self.done.append(("click", x, y, button))

    def type(self, text: str) -> None:
        self.done.append(("type", text))

    def _nothing(self, *_: Any) -> None:
        raise NotImplementedError

    double_click = scroll = wait = move = keypress = drag = _nothing


CLICK = {"type": "click", "x": 1, "y": 2, "button": "left"}
CHECK = {"id": "sc_1", "code": "malicious", "message": "Sure?"}


def computer_call(*checks: Any, **fields: Any) -> dict[str, Any]:
    return {
        "type": "computer_call",
        "id": "cu_1",
        "call_id": "call_1",
        "status": "completed",
        "pending_safety_checks": list(checks),
        **(fields or {"action": CLICK}),
    }


@every_driver_but_chat
def test_a_computer_is_used_and_its_screen_shown(run: Any) -> None:
    desk = Desk()
    agent = agent_of(ComputerTool(desk), calls=[computer_call()])
    result = run(agent, "x")
    assert desk.done == [("click", 1, 2, "left")]
    assert agent.model.requests[1].input[-1] == {
        "type": "computer_call_output",
        "call_id": "call_1",
        "output": {"type": "computer_screenshot", "image_url": "data:image/png;base64,UE5H"},
        "acknowledged_safety_checks": [],
    }
    assert types(result.new_items) == ["tool_call", "tool_call_output", "message_output"]


def test_a_computer_does_several_actions_of_one_call() -> None:
    desk = Desk()
    actions = [CLICK, {"type": "type", "text": "hi"}]
    Runner.run_sync(agent_of(ComputerTool(desk), calls=[computer_call(actions=actions)]), "x")
    assert desk.done == [("click", 1, 2, "left"), ("type", "hi")]


def test_a_computer_that_is_to_do_nothing_shows_its_screen() -> None:
    desk = Desk()
    agent = agent_of(ComputerTool(desk), calls=[computer_call(actions=[], action=None)])
    result = Runner.run_sync(agent, "x")
    assert desk.done == []
    assert types(result.new_items) == ["tool_call", "tool_call_output", "message_output"]


@pytest.mark.parametrize("is_async", [False, True])
def test_safety_checks_are_acknowledged(is_async: bool) -> None:
    asked = []

    def agree(data: Any) -> bool:
        asked.append((data.agent.name, data.tool_call.call_id, data.safety_check.code))
        return True

    async def agree_async(data: Any) -> bool:
        return agree(data)

    tool = ComputerTool(Desk(), on_safety_check=agree_async if is_async else agree)
    agent = agent_of(tool, calls=[computer_call(CHECK)])
    Runner.run_sync(agent, "x")
    assert asked == [("A", "call_1", "malicious")]
    sent = agent.model.requests[1].input[-1]  # type: ignore[union-attr]
    assert sent["acknowledged_safety_checks"] == [CHECK]


@pytest.mark.parametrize("on_safety_check", [None, lambda data: False])
def test_a_safety_check_not_acknowledged_stops_the_run(on_safety_check: Any) -> None:
    desk = Desk()
    tool = ComputerTool(desk, on_safety_check=on_safety_check)
    with pytest.raises(UserError, match="malicious.*on_safety_check"):
        Runner.run_sync(agent_of(tool, calls=[computer_call(CHECK)]), "x")
    assert desk.done == []


@pytest.mark.parametrize("checks", [5, True, "malicious", {"code": "malicious"}, [None], [[CHECK]]])
def test_safety_checks_that_are_none_are_not_acknowledged(checks: Any) -> None:
    desk = Desk()
    tool = ComputerTool(desk, on_safety_check=lambda data: True)
    call = {**computer_call(), "pending_safety_checks": checks}
    with pytest.raises(ModelBehaviorError, match="safety checks of a computer call are none"):
        Runner.run_sync(agent_of(tool, calls=[call]), "x")
    assert desk.done == []


@pytest.mark.parametrize(
    "asked", [{"action": [CLICK]}, {"action": 5}, {"actions": [[CLICK]]}, {"actions": 5}], ids=str
)
def test_actions_that_are_none_are_an_error(asked: Any) -> None:
    call = computer_call(**asked)
    with pytest.raises(ModelBehaviorError, match="impossible action"):
        Runner.run_sync(agent_of(ComputerTool(Desk()), calls=[call]), "x")


def test_a_computer_call_without_a_computer_is_an_error() -> None:
    with pytest.raises(ModelBehaviorError, match="ComputerTool"):
        Runner.run_sync(agent_of(calls=[computer_call()]), "x")


# Approvals of MCP tools


QUESTION = {
    "type": "mcp_approval_request",
    "id": "mcpr_1",
    "name": "delete",
    "arguments": "{}",
    "server_label": "files",
}


@every_driver_but_chat
@pytest.mark.parametrize(
    "answer", [{"approve": True}, {"approve": False, "reason": "no"}], ids=["yes", "no"]
)
@pytest.mark.parametrize("is_async", [False, True])
def test_an_mcp_server_s_question_is_answered(run: Any, answer: Any, is_async: bool) -> None:
    def decide(request: Any) -> Any:
        assert (request.data.name, request.ctx_wrapper.context) == ("delete", "me")
        return answer

    async def decide_async(request: Any) -> Any:
        return decide(request)

    config = {"type": "mcp", "server_label": "files"}
    tool = HostedMCPTool(config, on_approval_request=decide_async if is_async else decide)
    agent = agent_of(tool, calls=[QUESTION])
    result = run(agent, "x", context="me")
    assert agent.model.requests[1].input[-1] == {
        "type": "mcp_approval_response",
        "approval_request_id": "mcpr_1",
        **answer,
    }
    assert types(result.new_items) == [
        "mcp_approval_request",
        "mcp_approval_response",
        "message_output",
    ]


@pytest.mark.parametrize("is_asked", [False, True])
def test_a_hosted_tool_of_one_s_own_may_stand_for_a_server_that_asks(is_asked: bool) -> None:
    class Files(HostedTool):
        name = "files"
        server_label = "files"

        def to_request(self) -> dict[str, Any]:
            return {"type": "mcp", "server_label": "files"}

    tool = Files()
    if is_asked:
        tool.on_approval_request = lambda request: {"approve": True}
    agent = agent_of(tool, calls=[QUESTION])
    result = Runner.run_sync(agent, "x")
    for question in result.interruptions:
        state = result.to_state()
        state.approve(question)
        result = Runner.run_sync(agent, state)
    assert agent.model.requests[1].input[-1]["approve"]


@pytest.mark.parametrize("label", [QUESTION["server_label"], None])
def test_a_question_of_a_server_that_no_tool_stands_for_ends_the_run(label: str | None) -> None:
    tool = HostedMCPTool(
        {"type": "mcp", "server_label": "elsewhere"},
        on_approval_request=lambda request: {"approve": True},
    )
    model = ScriptedModel([[{**QUESTION, "server_label": label}]])
    agent = Agent(name="A", tools=[tool, WebSearchTool()], model=model)
    result = Runner.run_sync(agent, "x")
    assert types(result.new_items) == ["mcp_approval_request"]
    assert result.final_output == ""


# Hooks


def test_hooks_run_on_the_driving_thread_also_when_tools_do_not() -> None:
    threads = []

    class Hooks(RunHooks[Any]):
        def on_tool_start(self, *_: Any) -> None:
            threads.append(threading.current_thread())

        def on_tool_end(self, *_: Any) -> None:
            threads.append(threading.current_thread())

    tool = function_tool(lambda: 1, name_override="f")
    Runner.run_sync(agent_of(tool, calls=[call("f")] * 3), "x", hooks=Hooks())
    assert threads == [threading.current_thread()] * 6


def test_a_plain_tool_that_cannot_be_stopped_is_named_in_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    working, over = threading.Event(), threading.Event()

    @function_tool(parallel=True)
    def stubborn() -> None:
        working.set()
        over.wait(60)

    @function_tool(failure_error_function=None)
    def fail() -> None:
        assert working.wait(60)
        raise ValueError("broken")

    agent = agent_of(stubborn, fail, calls=[call("stubborn"), call("fail")])
    began = time.monotonic()
    with caplog.at_level(logging.WARNING, "agents_lite"), pytest.raises(UserError, match="broken"):
        Runner.run_sync(agent, "x")
    over.set()
    assert time.monotonic() - began < 50
    assert any("stubborn" in record.getMessage() for record in caplog.records)


class Mute:
    """Says nothing of itself."""

    def __repr__(self) -> str:
        raise ValueError("no words")

    __str__ = __repr__


@every_driver
def test_the_model_is_told_of_an_output_that_cannot_be_shown(run: Any) -> None:
    tool = function_tool(lambda: Mute(), name_override="f")
    [told] = outputs_of(run(agent_of(tool, calls=[call("f")]), "x"))
    assert "no words" in told


class MuteError(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


@every_driver
def test_the_model_is_told_of_an_error_that_cannot_say_what_it_is(run: Any) -> None:
    @function_tool
    def fail() -> None:
        raise MuteError

    [told] = outputs_of(run(agent_of(fail, calls=[call("fail")]), "x"))
    assert "MuteError" in told


@every_driver
def test_an_error_that_cannot_say_what_it_is_leaves_the_run(run: Any) -> None:
    @function_tool(failure_error_function=None)
    def fail() -> None:
        raise MuteError

    with pytest.raises(UserError, match="MuteError") as failed:
        run(agent_of(fail, calls=[call("fail")]), "x")
    assert isinstance(failed.value.__cause__, MuteError)


def test_guardrails_on_the_input_of_an_agent_tool_are_asked_once() -> None:
    asked = []

    @tool_input_guardrail
    def check(data: Any) -> ToolGuardrailFunctionOutput:
        asked.append(data.context.tool_call_id)
        return ToolGuardrailFunctionOutput.allow()

    pay = function_tool(lambda: "paid", name_override="pay", needs_approval=True)
    inner = Agent("Inner", tools=[pay], model=ScriptedModel([call("pay"), "ok"]))
    tool = inner.as_tool("ask", "Ask.")
    tool.tool_input_guardrails = [check]
    outer = Agent("O", tools=[tool], model=ScriptedModel([call("ask", input="x"), "Done."]))
    state = Runner.run_sync(outer, "x").to_state()
    state.approve(state.get_interruptions()[0])
    assert Runner.run_sync(outer, state).final_output == "Done."
    assert len(asked) == 1


def test_agents_of_one_name_keep_their_tool_choices_apart() -> None:
    def same(*script: Any, **options: Any) -> Agent[Any]:
        tool = function_tool(lambda: 1, name_override="f")
        settings = ModelSettings(tool_choice="required")
        return Agent(
            "Same", tools=[tool], model=ScriptedModel(script), model_settings=settings, **options
        )

    second = same(call("f"), "Done.")
    offer = handoff(second, tool_name_override="go")
    first = same(call("f"), call("go"), handoffs=[offer])
    Runner.run_sync(first, "x")
    models: Any = [first.model, second.model]
    chosen = [[r.model_settings.tool_choice for r in model.requests] for model in models]
    assert chosen == [["required", None], ["required", None]]


@every_driver
def test_two_calls_of_a_turn_may_use_what_belongs_to_one_thread(run: Any) -> None:
    @function_tool(failure_error_function=None)
    def count(context: RunContextWrapper[list[Any]]) -> int:
        if not context.context:
            context.context.append(sqlite3.connect(":memory:"))
        connection: sqlite3.Connection = context.context[0]
        found: int = connection.execute("select 1").fetchone()[0]
        return found

    agent = agent_of(count, calls=[call("count"), call("count")])
    assert outputs_of(run(agent, "x", context=[])) == ["1", "1"]


def test_fields_that_only_answers_have_are_not_sent_back() -> None:
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": None}
    made = {**call("f", call_id="c1"), "id": "fc_1"}
    answer = [
        {**thought, "status": None, "content": None},
        {**made, "created_by": "somebody"},
        {**thought, "id": "rs_2", "status": "completed"},
        {**call("f", call_id="c2"), "id": "fc_2", "status": None, "namespace": None},
    ]
    agent = agent_with_tool([answer, "done"])
    result = Runner.run_sync(agent, "hi")
    model: Any = agent.model
    second = {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "c2"}
    for items in (model.requests[1].input, result.to_input_list()):
        assert items[1:5] == [
            thought,
            made,
            {**thought, "id": "rs_2"},
            {**second, "id": "fc_2", "namespace": None},
        ]


def test_nor_are_they_where_the_user_brings_such_items() -> None:
    message = {"role": "assistant", "content": "Hello!"}
    with ResponsesServer(["done"]) as server:
        client = ResponsesClient(base_url=server.base_url, api_key="k")
        agent = Agent("A", model=OpenAIResponsesModel("m", client))
        brought: Any = [{**message, "id": None}, {"role": "user", "content": "Hi"}]
        brought[0] |= {"created_by": "somebody", "status": None}
        Runner.run_sync(agent, brought)
        assert server.requests[0].body["input"] == [message, brought[1]]
        assert "created_by" in brought[0]


def test_who_ran_a_command_at_the_server_is_not_sent_back() -> None:
    asked = {"type": "shell_call", "id": "sh_1", "call_id": "c1", "action": {"commands": ["ls"]}}
    part = {"stdout": "a", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}
    ran = {"type": "shell_call_output", "id": "sho_1", "call_id": "c1", "output": [part]}
    told = {**ran, "output": [{**part, "created_by": "somebody"}]}
    with ResponsesServer([[asked, told, "One file."], "Yes."]) as server:
        client = ResponsesClient(base_url=server.base_url, api_key="k")
        agent = Agent("A", model=OpenAIResponsesModel("m", client))
        assert Runner.run_sync(agent, "hi").to_input_list()[2] == ran
        Runner.run_sync(agent, [asked, told])
        assert server.requests[1].body["input"] == [asked, ran]
        assert told["output"][0]["created_by"] == "somebody"


def test_of_an_image_what_it_was_made_by_is_not_sent_back() -> None:
    taken = {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "AA=="}
    told = {**taken, "background": "opaque", "size": "1024x1024", "revised_prompt": "x"}
    made = Runner.run_sync(Agent("A", model=ScriptedModel([[told, "Here."]])), "hi")
    assert made.to_input_list()[1] == taken
    assert made.new_items[0].raw_item.model_dump() == told


@pytest.mark.parametrize(
    ("output", "told"),
    [
        (lambda: map(str, range(3)), '["0","1","2"]'),
        (lambda: iter(["a"]), '["a"]'),
        (lambda: repeat(1), "more than 100,000 elements"),
    ],
    ids=["map", "list", "endless"],
)
def test_an_iterator_is_taken_whole_and_has_to_end(output: Any, told: str) -> None:
    @function_tool
    def numbers() -> Any:
        return output()

    model = ScriptedModel([call("numbers"), "Done."])
    result = Runner.run_sync(Agent("A", model=model, tools=[numbers]), "Go")
    item = result.new_items[1]
    assert told in item.raw_item["output"]
    assert "more than" in told or list(item.output) == list(output())


def test_a_context_manager_is_no_output() -> None:
    @function_tool
    @contextmanager
    def opened() -> Iterator[str]:
        yield "what is inside"

    @function_tool
    @asynccontextmanager
    async def connected() -> AsyncIterator[str]:
        yield "what is inside"

    model = ScriptedModel([[call("opened"), call("connected")], "Done."])
    result = Runner.run_sync(Agent("A", model=model, tools=[opened, connected]), "Go")
    for item, name in zip(result.new_items[2:4], ("opened", "connected"), strict=True):
        assert f"Tool {name} is a context manager; a tool returns" in item.raw_item["output"]


@pytest.mark.parametrize("is_number", [True, False])
def test_a_final_output_without_a_text_is_told(is_number: bool) -> None:
    class Silent:
        def __str__(self) -> str:
            raise ValueError("no words")

    @function_tool
    def last() -> Any:
        return 10**5000 if is_number else Silent()

    agent = Agent(
        "A",
        model=ScriptedModel([call("last")]),
        tools=[last],
        tool_use_behavior="stop_on_first_tool",
    )
    if is_number:
        with pytest.raises(UserError, match="has no text: ValueError"):
            Runner.run_sync(agent, "Go")
    else:  # there, the tool has failed
        assert "no words" in Runner.run_sync(agent, "Go").final_output
