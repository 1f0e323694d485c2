"""Hooks: when each is called, with what, and in which order."""

from __future__ import annotations

import asyncio
from functools import wraps
from typing import Any

import pytest

from agents_lite import (
    Agent,
    AgentHookContext,
    AgentHooks,
    RunConfig,
    RunHooks,
    Runner,
    ToolContext,
    UserError,
    WebSearchTool,
    function_tool,
    handoff,
    output_guardrail,
)
from agents_lite.guardrail import GuardrailFunctionOutput
from agents_lite.testing import ScriptedModel, call, handoff_to, text, token_usage, turn
from tests.support.drivers import every_driver, kinds

RUN_HOOKS = (
    "on_agent_start on_agent_end on_tool_call_start on_tool_call_end on_tool_start on_tool_end "
    "on_handoff on_llm_start on_llm_end"
).split()
AGENT_HOOKS = "on_start on_end on_handoff on_tool_start on_tool_end on_llm_start on_llm_end".split()


def noting(base: type, names: list[str], who: str, log: list[Any], is_async: bool = False) -> Any:
    """Hooks, with every method of a kind, that log who heard what: (who, name, arguments)."""

    def method(name: str) -> Any:
        def note(self: Any, *facts: Any) -> None:
            log.append((who, name, facts))

        async def note_async(self: Any, *facts: Any) -> None:
            await asyncio.sleep(0)
            note(self, *facts)

        return note_async if is_async else note

    return type("Noting", (base,), {name: method(name) for name in names})()


def scene(log: list[Any], is_async: bool = False, script: Any = None) -> tuple[Agent[Any], Any]:
    """Agents A and B with hooks, and hooks for the run. A calls a tool, then hands over to B."""
    model = ScriptedModel(script or [call("f", a=1), handoff_to("B"), "done"])
    tool = function_tool(lambda a: a + 1, name_override="f", strict_mode=False)
    b = Agent(name="B", model=model, hooks=noting(AgentHooks, AGENT_HOOKS, "B", log, is_async))
    a = Agent(name="A", model=model, tools=[tool], handoffs=[b])
    a.hooks = noting(AgentHooks, AGENT_HOOKS, "A", log, is_async)
    return a, noting(RunHooks, RUN_HOOKS, "run", log, is_async)


ORDER = """
    run.on_agent_start A.on_start
    run.on_llm_start A.on_llm_start run.on_llm_end A.on_llm_end
    run.on_tool_call_start run.on_tool_start A.on_tool_start
    run.on_tool_call_end run.on_tool_end A.on_tool_end
    run.on_llm_start A.on_llm_start run.on_llm_end A.on_llm_end
    run.on_handoff B.on_handoff
    run.on_agent_start B.on_start
    run.on_llm_start B.on_llm_start run.on_llm_end B.on_llm_end
    run.on_agent_end B.on_end
""".split()


@every_driver
@pytest.mark.parametrize("is_async", [False, True], ids=["def", "async"])
def test_the_order_of_hooks(run: Any, is_async: bool) -> None:
    log: list[Any] = []
    agent, hooks = scene(log, is_async)
    run(agent, "hi", hooks=hooks)
    assert [f"{who}.{name}" for who, name, _ in log] == ORDER


def test_what_hooks_are_given() -> None:
    log: list[Any] = []
    a, hooks = scene(log)
    result = Runner.run_sync(a, "hi", hooks=hooks, context="ctx")
    b = a.handoffs[0]
    heard = {(who, name): facts[1:] for who, name, facts in reversed(log)}  # the first of each
    assert heard["run", "on_agent_start"] == (a, "hi")
    assert heard["A", "on_start"] == (a,)
    assert heard["B", "on_start"] == (b,)
    assert heard["run", "on_tool_call_start"] == (a, "f", {"a": 1})
    assert heard["run", "on_tool_start"] == heard["A", "on_tool_start"] == (a, a.tools[0])
    assert heard["run", "on_tool_call_end"] == (a, "f", 2)
    assert heard["run", "on_tool_end"] == heard["A", "on_tool_end"] == (a, a.tools[0], 2)
    assert heard["run", "on_handoff"] == (a, b)
    assert heard["B", "on_handoff"] == (b, a)
    assert heard["run", "on_agent_end"] == heard["B", "on_end"] == (b, "done")
    assert heard["A", "on_llm_end"] == (a, result.raw_responses[0])
    assert all(facts[0].context == "ctx" for _, _, facts in log)


def test_the_model_s_hooks_are_given_what_is_sent() -> None:
    log: list[Any] = []
    agent, hooks = scene(log, script=["ok"])
    agent.instructions = lambda context, agent: "Be."

    def shout(data: Any) -> Any:
        data.model_data.instructions += "!"
        return data.model_data

    Runner.run_sync(agent, "hi", hooks=hooks, run_config=RunConfig(call_model_input_filter=shout))
    facts = [facts[1:] for _, name, facts in log if name == "on_llm_start"]
    assert facts == [(agent, "Be.!", [{"role": "user", "content": "hi"}])] * 2


def test_the_next_agent_s_start_is_told_what_it_is_sent() -> None:
    log: list[Any] = []
    agent, hooks = scene(log)
    Runner.run_sync(agent, "hi", hooks=hooks)
    starts = [facts[2] for who, name, facts in log if name == "on_agent_start"]
    assert starts[0] == "hi"
    assert kinds(starts[1]) == ["user", *["function_call", "function_call_output"] * 2]


def test_hooks_of_tools_are_given_the_call() -> None:
    log: list[Any] = []
    agent, hooks = scene(log)
    Runner.run_sync(agent, "hi", hooks=hooks)
    contexts = [facts[0] for _, name, facts in log if "tool" in name]
    assert len(contexts) == 6
    for context in contexts:
        assert isinstance(context, ToolContext)
        assert (context.tool_name, context.tool_arguments) == ("f", '{"a":1}')


def test_each_of_several_calls_is_told_of() -> None:
    log: list[Any] = []
    agent, hooks = scene(log, script=[[call("f", a=1), call("f", a=2)], "ok"])
    Runner.run_sync(agent, "hi", hooks=hooks)
    started = [facts[3] for _, name, facts in log if name == "on_tool_call_start"]
    ended = [facts[3] for _, name, facts in log if name == "on_tool_call_end"]
    assert (started, sorted(ended)) == ([{"a": 1}, {"a": 2}], [2, 3])


@pytest.mark.parametrize("arguments", ["", "{", "[1]", "null"])
def test_arguments_that_are_no_object_are_shown_as_none(arguments: str) -> None:
    log: list[Any] = []
    agent, hooks = scene(log, script=[call("f", arguments), "ok"])
    Runner.run_sync(agent, "hi", hooks=hooks)
    assert [facts[3] for _, name, facts in log if name == "on_tool_call_start"] == [{}]


def test_the_end_of_a_failed_tool_is_what_the_model_is_told() -> None:
    def fail() -> None:
        raise ValueError("broken")

    log: list[Any] = []
    agent, hooks = scene(log, script=[call("fail"), "ok"])
    agent.tools = [function_tool(fail)]
    Runner.run_sync(agent, "hi", hooks=hooks)
    (told,) = [facts[3] for _, name, facts in log if name == "on_tool_call_end"]
    assert told.endswith("Error: broken")


def test_only_local_tools_are_told_of() -> None:
    log: list[Any] = []
    searched = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    agent, hooks = scene(log, script=[[searched, text("found")]])
    agent.tools = [WebSearchTool()]
    Runner.run_sync(agent, "hi", hooks=hooks)
    assert not [name for _, name, _ in log if "tool" in name]


@every_driver
def test_the_usage_in_a_hook_is_the_run_s_so_far(run: Any) -> None:
    seen: list[Any] = []

    class Counting(RunHooks[Any]):
        def on_llm_start(self, context: Any, *_: Any) -> None:
            seen.append(("before", context.usage.requests, context.usage.total_tokens))

        def on_llm_end(self, context: Any, *_: Any) -> None:
            seen.append(("after", context.usage.requests, context.usage.total_tokens))

        on_agent_end = on_llm_end

        def on_tool_end(self, context: Any, *_: Any) -> None:
            seen.append(("tool", context.usage.requests, context.usage.total_tokens))

    script = [turn(call("f", a=1), usage=token_usage(10, 1)), turn("ok", usage=token_usage(20, 2))]
    agent, _ = scene([], script=script)
    run(agent, "hi", hooks=Counting())
    assert seen == [
        ("before", 0, 0),
        ("after", 1, 11),
        ("tool", 1, 11),
        ("before", 1, 11),
        ("after", 2, 33),
        ("after", 2, 33),
    ]


class OfTheOpenAISDK(RunHooks[Any]):
    """Methods with the names and parameters that the OpenAI SDK's users write."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    async def on_agent_start(self, context: Any, agent: Any) -> None:  # type: ignore[override]
        self.heard.append(("on_agent_start", agent.name))

    async def on_agent_end(self, context: Any, agent: Any, output: Any) -> None:
        self.heard.append(("on_agent_end", agent.name, output))

    async def on_tool_start(self, context: Any, agent: Any, tool: Any) -> None:
        self.heard.append(("on_tool_start", tool.name))

    async def on_tool_end(self, context: Any, agent: Any, tool: Any, result: Any) -> None:
        self.heard.append(("on_tool_end", tool.name, result))

    async def on_handoff(self, context: Any, from_agent: Any, to_agent: Any) -> None:
        self.heard.append(("on_handoff", from_agent.name, to_agent.name))


@every_driver
def test_hooks_written_for_the_openai_sdk_are_called(run: Any) -> None:
    agent, _ = scene([])
    hooks = OfTheOpenAISDK()
    run(agent, "hi", hooks=hooks)
    assert hooks.heard == [
        ("on_agent_start", "A"),
        ("on_tool_start", "f"),
        ("on_tool_end", "f", 2),
        ("on_handoff", "A", "B"),
        ("on_agent_start", "B"),
        ("on_agent_end", "B", "done"),
    ]


class TakesAll(RunHooks[Any]):
    def on_agent_start(self, *facts: Any) -> None:
        self.count = len(facts)


class TakesDefault(RunHooks[Any]):
    def on_agent_start(self, context: Any, agent: Any, extra: Any = None) -> None:
        self.count = 2 + (extra is not None)


@pytest.mark.parametrize("hooks", [TakesAll(), TakesDefault()])
def test_the_input_is_given_to_a_start_hook_that_can_take_it(hooks: Any) -> None:
    agent, _ = scene([])
    Runner.run_sync(agent, "hi", hooks=hooks)
    assert hooks.count == 3


def test_a_start_hook_in_another_is_given_what_both_can_take() -> None:
    def logged(method: Any) -> Any:
        @wraps(method)
        def call(*facts: Any) -> Any:
            return method(*facts)

        return call

    def wanting_the_input(method: Any) -> Any:
        @wraps(method)
        def call(self: Any, context: Any, agent: Any, input_data: Any) -> Any:
            self.input_data = input_data
            return method(self, context, agent)

        return call

    class Logged(RunHooks[Any]):
        heard = 0

        def on_agent_start(self, context: Any, agent: Any) -> None:  # type: ignore[override]
            self.heard += 1

    class Wanting(Logged):
        on_agent_start = wanting_the_input(Logged.on_agent_start)

    Logged.on_agent_start = logged(Logged.on_agent_start)  # type: ignore[method-assign]
    for hooks in (Logged(), Wanting()):
        Runner.run_sync(scene([])[0], "hi", hooks=hooks)
        assert hooks.heard == 2
        assert getattr(hooks, "input_data", "hi")


@every_driver
@pytest.mark.parametrize("name", RUN_HOOKS)
@pytest.mark.parametrize("is_async", [False, True], ids=["def", "async"])
def test_an_exception_in_a_hook_fails_the_run(run: Any, name: str, is_async: bool) -> None:
    def fail(self: Any, *_: Any) -> None:
        raise LookupError(name)

    async def fail_async(self: Any, *_: Any) -> None:
        raise LookupError(name)

    hooks = type("Failing", (RunHooks,), {name: fail_async if is_async else fail})()
    agent, _ = scene([])
    with pytest.raises(LookupError, match=name):
        run(agent, "hi", hooks=hooks)


def test_hooks_may_be_of_one_agent_only() -> None:
    log: list[Any] = []
    agent, _ = scene(log)
    agent.hooks = None
    Runner.run_sync(agent, "hi")
    assert [f"{who}.{name}" for who, name, _ in log] == [
        step for step in ORDER if step.startswith("B.")
    ]


def test_starts_and_ends_come_once_for_each_activation() -> None:
    """Not on every turn, and again when an agent takes over again."""
    log: list[Any] = []
    script = [call("f", a=1), call("f", a=1), handoff_to("B"), handoff_to("A"), "done"]
    agent, hooks = scene(log, script=script)
    agent.handoffs[0].handoffs = [handoff(agent)]  # type: ignore[union-attr]
    Runner.run_sync(agent, "hi", hooks=hooks)
    starts = [facts[1].name for _, name, facts in log if name == "on_agent_start"]
    ends = [facts[1].name for _, name, facts in log if name == "on_agent_end"]
    assert (starts, ends) == (["A", "B", "A"], ["A"])


def test_events_hooks_and_guardrails_in_one_order() -> None:
    order: list[str] = []

    class Steps(RunHooks[Any]):
        def on_llm_end(self, *_: Any) -> None:
            order.append("on_llm_end")

        def on_tool_start(self, *_: Any) -> None:
            order.append("on_tool_start")

        def on_tool_end(self, *_: Any) -> None:
            order.append("on_tool_end")

        def on_agent_end(self, *_: Any) -> None:
            order.append("on_agent_end")

    @output_guardrail
    def check(context: Any, agent: Any, output: Any) -> GuardrailFunctionOutput:
        order.append("output guardrail")
        return GuardrailFunctionOutput(None, False)

    agent, _ = scene([], script=[call("f", a=1), "ok"])
    agent.output_guardrails = [check]
    for event in Runner.stream(agent, "hi", hooks=Steps()):
        if event.type == "run_item_stream_event":
            order.append(event.name)
    assert order == [
        "on_llm_end",
        "tool_called",
        "on_tool_start",
        "on_tool_end",
        "tool_output",
        "on_llm_end",
        "message_output_created",
        "on_agent_end",
        "output guardrail",
    ]


def test_an_agent_s_hooks_see_what_it_was_given() -> None:
    seen = []

    class Notes(AgentHooks):
        def on_start(self, context: AgentHookContext[Any], agent: Agent[Any]) -> None:
            seen.append((agent.name, [item.get("content") for item in context.turn_input][:1]))

    model = ScriptedModel([handoff_to("B"), "done"])
    b = Agent(name="B", model=model, hooks=Notes())
    Runner.run_sync(Agent(name="A", model=model, handoffs=[b], hooks=Notes()), "Hi")
    assert seen == [("A", ["Hi"]), ("B", ["Hi"])]


@pytest.mark.parametrize("name", RUN_HOOKS)
def test_run_hooks_that_do_not_take_what_they_are_given_are_refused_before_the_run(
    name: str,
) -> None:
    model = ScriptedModel([])
    for method in (lambda self: None, lambda self, context: None, lambda self, *, agent: None):
        hooks = type("Narrow", (RunHooks,), {name: method})()
        with pytest.raises(UserError, match=f"Narrow.{name} must take context and"):
            Runner.run_sync(Agent("A", model=model), "hi", hooks=hooks)
    assert model.requests == []


@pytest.mark.parametrize("name", AGENT_HOOKS)
def test_agent_hooks_that_do_not_take_what_they_are_given_are_refused(name: str) -> None:
    hooks = type("Narrow", (AgentHooks,), {name: lambda self, context: None})()
    with pytest.raises(UserError, match=f"Narrow.{name} must take context and"):
        Agent("A", hooks=hooks)
    late = Agent("A", model=ScriptedModel([]))
    late.hooks = hooks
    with pytest.raises(UserError, match="Narrow"):
        Runner.run_sync(late, "hi")


def test_hooks_may_take_anything_and_the_first_agent_s_input_or_not() -> None:
    heard: list[int] = []

    class Wide(RunHooks):
        def __getattribute__(self, name: str) -> Any:
            if name.startswith("on_"):
                return lambda *facts: heard.append(len(facts))
            return super().__getattribute__(name)

    class Short(RunHooks):
        def on_agent_start(self, context: Any, agent: Any) -> None:
            heard.append(0)

    for hooks in (Wide(), Short()):
        Runner.run_sync(Agent("A", model=ScriptedModel(["Hello."])), "hi", hooks=hooks)
    assert heard == [3, 4, 3, 3, 0]
