"""A nested run is a part of its run."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from agents_lite import (
    Agent,
    CallModelData,
    ModelInputData,
    ModelRequest,
    NestingTooDeep,
    RunConfig,
    Runner,
    UsageLimitExceeded,
    UsageLimits,
    default_tool_error_function,
    function_tool,
)
from agents_lite.testing import ScriptedModel, call


def nested(inner_model: ScriptedModel, *outer_script: Any, **options: Any) -> Agent[Any]:
    inner = Agent("Inner", model=inner_model, tools=[function_tool(lambda: 1, name_override="f")])
    tool = inner.as_tool("ask", "Ask.", **{"failure_error_function": None, **options})
    return Agent("Outer", tools=[tool], model=ScriptedModel(outer_script))


def test_the_filter_of_the_run_sees_what_the_nested_agent_is_sent() -> None:
    def redact(data: CallModelData) -> ModelInputData:
        said = [{**item, "content": "***"} for item in data.model_data.input]
        return replace(data.model_data, input=said)

    inner = ScriptedModel(["ok"])
    agent = nested(inner, call("ask", input="secret"), "Done.")
    # The outer request holds a call and its output as well, which have no content to redact.
    config = RunConfig(
        call_model_input_filter=lambda data: redact(data)
        if data.agent.name == "Inner"
        else data.model_data
    )
    Runner.run_sync(agent, "x", run_config=config)
    assert inner.requests[0].input == [{"role": "user", "content": "***"}]


def test_limits_count_over_nested_runs() -> None:
    inner = ScriptedModel([call("f")] * 20)
    agent = nested(inner, call("ask", input="x"))
    config = RunConfig(usage_limits=UsageLimits(requests=3))
    with pytest.raises(UsageLimitExceeded) as failed:
        Runner.run_sync(agent, "x", run_config=config)
    data: Any = failed.value.run_data
    assert data.usage.requests == 3


@pytest.mark.parametrize("failures", [default_tool_error_function, None], ids=["told", "raised"])
def test_agents_that_call_each_other_without_end_are_stopped(failures: Any) -> None:
    model = ScriptedModel(lambda request: call("ask", input="And you?"))
    first, second = Agent("First", model=model), Agent("Second", model=model)
    for one, other in ((first, second), (second, first)):
        one.tools.append(other.as_tool("ask", "Ask.", failure_error_function=failures))
    with pytest.raises(NestingTooDeep, match="32 runs around it") as failed:
        Runner.run_sync(first, "Hi")
    assert len(model.requests) == 33
    data: Any = failed.value.run_data
    assert data.last_agent is first


def test_tool_calls_are_limited_over_nested_runs() -> None:
    inner = ScriptedModel([call("f")] * 20)
    agent = nested(inner, call("ask", input="x"))
    config = RunConfig(usage_limits=UsageLimits(tool_calls=3))
    with pytest.raises(UsageLimitExceeded, match="limit of 3 tool calls"):
        Runner.run_sync(agent, "x", run_config=config)
    assert len(inner.requests) == 3  # two calls inside, beside the one of the agent itself


def test_an_unknown_tool_is_told_to_a_nested_model_too() -> None:
    inner = ScriptedModel([call("nope"), "ok"])
    agent = nested(inner, call("ask", input="x"), "Done.")
    config = RunConfig(tool_not_found="tell_model")
    assert Runner.run_sync(agent, "x", run_config=config).final_output == "Done."
    assert inner.requests[1].input[-1]["output"] == "Tool 'nope' not found."


def test_one_at_a_time_holds_inside_too() -> None:
    seen: list[str] = []

    @function_tool(parallel=True)
    def step(number: int) -> None:
        seen.append(f"begin {number}")
        seen.append(f"end {number}")

    calls = [call("step", number=number) for number in range(3)]
    inner = Agent("Inner", tools=[step], model=ScriptedModel([calls, "ok"]))
    outer = Agent(
        "Outer",
        tools=[inner.as_tool("ask", "Ask.")],
        model=ScriptedModel([call("ask", input="x"), "Done."]),
    )
    Runner.run_sync(outer, "x", run_config=RunConfig(max_tool_concurrency=1))
    assert seen == [f"{what} {number}" for number in range(3) for what in ("begin", "end")]


@pytest.mark.parametrize("limit", [2, 3])
def test_so_many_at_a_time_are_counted_over_all_nested_runs(limit: int) -> None:
    lock, met, at_work, most = threading.Lock(), threading.Barrier(limit, timeout=60), 0, 0

    def step() -> None:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        met.wait()
        with lock:
            at_work -= 1

    def answer(request: ModelRequest) -> Any:
        return "ok" if request.input[-1].get("output") else [call("step")] * limit

    agents = [
        Agent(
            f"In{number}",
            tools=[function_tool(step, parallel=True)],
            model=ScriptedModel(answer),
        )
        for number in range(3)
    ]
    tools = [each.as_tool(each.name, "", parallel=True) for each in agents]
    script = [[call(each.name, input="x") for each in tools], "Done."]
    config = RunConfig(max_tool_concurrency=limit)
    outer = Agent("Outer", tools=tools, model=ScriptedModel(script))
    assert Runner.run_sync(outer, "x", run_config=config).final_output == "Done."
    assert most == limit


def test_a_limit_of_all_runs_is_not_told_to_a_model_as_the_failure_of_a_tool() -> None:
    config = RunConfig(usage_limits=UsageLimits(tool_calls=3))
    with pytest.raises(UsageLimitExceeded):
        agent = nested(
            ScriptedModel([call("f")] * 20),
            call("ask", input="x"),
            failure_error_function=default_tool_error_function,
        )
        Runner.run_sync(agent, "x", run_config=config)
    own = RunConfig(usage_limits=UsageLimits(tool_calls=1))
    agent = nested(
        ScriptedModel([call("f")] * 20),
        call("ask", input="x"),
        "Done.",
        failure_error_function=default_tool_error_function,
        run_config=own,
    )
    assert Runner.run_sync(agent, "x").final_output == "Done."


def test_options_of_its_own_stand_for_those_of_the_run() -> None:
    inner = ScriptedModel([call("nope")])
    agent = nested(inner, call("ask", input="x"), run_config=RunConfig())
    config = RunConfig(tool_not_found="tell_model")
    with pytest.raises(Exception, match="Tool nope not found in agent Inner"):
        Runner.run_sync(agent, "x", run_config=config)
