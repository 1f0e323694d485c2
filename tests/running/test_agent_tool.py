"""Agents as tools of other agents."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from agents_lite import (
    Agent,
    MaxTurnsExceeded,
    ModelSettings,
    RunConfig,
    RunContextWrapper,
    RunHooks,
    Runner,
    SQLiteSession,
    ToolContext,
    UserError,
    function_tool,
)
from agents_lite.testing import ScriptedModel, call, handoff_to, token_usage, turn
from tests.support.drivers import every_driver, kinds
from tests.support.spans import recorded_spans

ASK = call("ask", input="What is it?")


def nested(*script: Any, **fields: Any) -> Agent[Any]:
    return Agent(name="Inner one", **{"model": ScriptedModel(script), **fields})


def outer(tool: Any, *script: Any) -> Agent[Any]:
    return Agent(name="Outer", model=ScriptedModel(script or [ASK, "done"]), tools=[tool])


def told(result: Any) -> Any:
    """What the outer model was told by its first tool."""
    return result.new_items[1].raw_item.output


@every_driver
def test_the_inner_agent_s_answer_is_the_tool_s_output(run: Any) -> None:
    inner = nested("It is 42.")
    result = run(outer(inner.as_tool("ask", "Asks.")), "hi")
    assert told(result) == "It is 42."
    assert result.final_output == "done"
    model: Any = inner.model
    assert model.requests[0].input == [{"role": "user", "content": "What is it?"}]


def test_the_tool_is_declared_by_name_and_description() -> None:
    tool = nested().as_tool("ask", "Asks.")
    assert (tool.name, tool.description) == ("ask", "Asks.")
    assert tool.params_json_schema["required"] == ["input"]
    assert tool.params_json_schema["properties"]["input"]["type"] == "string"
    assert nested().as_tool().name == "inner_one"


def shout(result: Any) -> str:
    return f"{result.final_output} after {len(result.new_items)} item".upper()


async def shout_async(result: Any) -> str:
    return shout(result)


@every_driver
@pytest.mark.parametrize("extract", [shout, shout_async])
def test_a_function_may_make_the_output(run: Any, extract: Any) -> None:
    tool = nested("ok").as_tool("ask", "Asks.", custom_output_extractor=extract)
    assert told(run(outer(tool), "hi")) == "OK AFTER 1 ITEM"


def test_a_typed_answer_is_shown_as_json() -> None:
    tool = nested('{"response": [1, 2]}', output_type=list[int]).as_tool("ask", "Asks.")
    result = Runner.run_sync(outer(tool), "hi")
    assert (told(result), result.new_items[1].output) == ("[1,2]", [1, 2])


@pytest.mark.parametrize("is_enabled", [False, lambda context, agent: context.context])
def test_whether_the_tool_is_offered(is_enabled: Any) -> None:
    agent = outer(nested().as_tool("ask", "Asks.", is_enabled=is_enabled), "ok")
    Runner.run_sync(agent, "hi", context=False)
    assert agent.model.requests[0].tools == []  # type: ignore[union-attr]


def test_the_context_is_shared() -> None:
    seen = []
    look = function_tool(lambda: 1, name_override="look")

    def instructions(context: Any, agent: Any) -> str:
        seen.append(context.context)
        return "Be."

    inner = nested(call("look"), "ok", tools=[look], instructions=instructions)
    context = {"user": 1}
    Runner.run_sync(outer(inner.as_tool("ask", "Asks.")), "hi", context=context)
    assert seen == [context, context]
    assert seen[0] is context


def test_turns_are_counted_on_their_own() -> None:
    f = function_tool(lambda: 1, name_override="f")
    inner = nested(call("f"), call("f"), "ok", tools=[f])
    tool = inner.as_tool("ask", "Asks.", max_turns=3)
    assert told(Runner.run_sync(outer(tool), "hi", max_turns=2)) == "ok"


def test_too_many_inner_turns_are_a_failure_of_the_tool() -> None:
    f = function_tool(lambda: 1, name_override="f")
    tool = nested(call("f"), tools=[f]).as_tool("ask", "Asks.", max_turns=1)
    assert "Max turns (1) exceeded" in told(Runner.run_sync(outer(tool), "hi"))
    tool = nested(call("f"), tools=[f]).as_tool(
        "ask", "Asks.", max_turns=1, failure_error_function=None
    )
    with pytest.raises(MaxTurnsExceeded) as caught:
        Runner.run_sync(outer(tool, ASK), "hi")
    assert caught.value.run_data is not None
    assert caught.value.run_data.last_agent.name == "Outer"


def test_hooks_of_the_inner_run_are_its_own() -> None:
    heard: list[Any] = []

    class Hooks(RunHooks[Any]):
        def __init__(self, name: str) -> None:
            self.name = name

        def on_agent_end(self, context: Any, agent: Any, output: Any) -> None:
            heard.append((self.name, agent.name))

    tool = nested("ok").as_tool("ask", "Asks.", hooks=Hooks("inner"))
    Runner.run_sync(outer(tool), "hi", hooks=Hooks("outer"))
    assert heard == [("inner", "Inner one"), ("outer", "Outer")]


def test_a_session_of_the_inner_run_remembers() -> None:
    session = SQLiteSession("inner")
    inner = nested("one", "two")
    tool = inner.as_tool("ask", "Asks.", session=session)
    Runner.run_sync(outer(tool, ASK, ASK, "done"), "hi", session=SQLiteSession("outer"))
    assert kinds(session.get_items()) == ["user", "assistant"] * 2
    assert kinds(inner.model.requests[1].input) == ["user", "assistant", "user"]  # type: ignore


def test_the_run_config_of_the_inner_run_is_its_own_or_the_outer_one_s() -> None:
    own, shared = ScriptedModel(["own"]), ScriptedModel([ASK, "done"])
    settings = ModelSettings(temperature=0.5)
    tool = nested().as_tool("ask", "Asks.", run_config=RunConfig(model=own))
    result = Runner.run_sync(outer(tool), "hi", run_config=RunConfig(model=shared))
    assert told(result) == "own"
    shared = ScriptedModel([ASK, "shared", "done"])
    config = RunConfig(model=shared, model_settings=settings)
    result = Runner.run_sync(outer(nested().as_tool("ask", "Asks.")), "hi", run_config=config)
    assert told(result) == "shared"
    assert [each.model_settings.temperature for each in shared.requests] == [0.5] * 3


@every_driver
def test_the_inner_usage_is_added(run: Any) -> None:
    inner = nested(turn("one", usage=token_usage(100, 10)), turn("two", usage=token_usage(100, 10)))
    tool = inner.as_tool("ask", "Asks.")
    agent = outer(tool, [ASK, ASK], turn("done", usage=token_usage(1, 1)))
    result = run(agent, "hi")
    assert result.usage.requests == 4
    assert result.usage.total_tokens == 15 + 2 * 110 + 2
    assert result.usage_by_agent["Inner one"].total_tokens == 220
    assert result.usage_by_agent["Outer"].requests == 2
    assert len(result.usage.request_usage_entries) == 4


@pytest.fixture
def switching_often() -> Iterator[None]:
    """Threads take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("switching_often")
def test_no_usage_is_lost_when_many_inner_agents_run_at_once() -> None:
    together = threading.Barrier(100, timeout=60)

    def answer(request: Any) -> str:
        together.wait()
        return "ok"

    tool = Agent(name="In", model=ScriptedModel(answer)).as_tool("ask", "Asks.", parallel=True)
    for _ in range(2):
        result = Runner.run_sync(outer(tool, [ASK] * 100, "done"), "hi")
        assert result.usage.requests == 102
        assert result.usage.total_tokens == 102 * 15
        assert len(result.usage.request_usage_entries) == 102


def test_usage_of_a_failed_inner_run_counts() -> None:
    tool = nested(call("nope")).as_tool("ask", "Asks.")
    result = Runner.run_sync(outer(tool), "hi")
    assert "Tool nope not found" in told(result)
    assert result.usage.requests == 3


@every_driver
def test_the_inner_run_stays_inside_the_outer_trace(run: Any) -> None:
    with recorded_spans() as spans:
        run(outer(nested("ok").as_tool("ask", "Asks.")), "hi")
    assert len(spans.traces) == 1
    assert spans.open == []
    assert spans.names == [
        "agent Outer",
        "generation",
        "function ask",
        "agent Inner one",
        "generation",
        "generation",
    ]
    assert spans.parent_of("function ask") == "agent Outer"
    assert spans.parent_of("agent Inner one") == "function ask"


@every_driver
@pytest.mark.parametrize("is_async", [False, True])
def test_events_of_the_inner_run_are_streamed(run: Any, is_async: bool) -> None:
    seen: list[Any] = []

    def note(event: Any) -> None:
        seen.append((event.agent.name, event.tool_name, event["event"].type))
        assert event.get("tool_call").name == "ask" and event["agent"] is event.agent
        assert list(event) == ["event", "agent", "tool_name", "tool_call"] and len(event) == 4

    async def note_async(event: Any) -> None:
        await asyncio.sleep(0)
        note(event)

    inner = nested(handoff_to("Other"), "Hello there")
    inner.handoffs = [Agent(name="Other", model=inner.model)]
    tool = inner.as_tool("ask", "Asks.", on_stream=note_async if is_async else note)
    run(outer(tool), "hi")
    assert seen[0] == ("Inner one", "ask", "agent_updated_stream_event")
    assert seen[-1] == ("Other", "ask", "run_item_stream_event")
    assert ("Other", "ask", "raw_response_event") in seen
    assert inner.model.requests[0].stream  # type: ignore[union-attr]


@pytest.mark.parametrize("option", ["previous_response_id", "conversation_id"])
def test_the_inner_run_may_go_on_at_the_server(option: str) -> None:
    inner = nested("ok")
    tool = inner.as_tool("ask", "Asks.", **{option: "id_1"})
    Runner.run_sync(outer(tool), "hi")
    assert getattr(inner.model.requests[0], option) == "id_1"  # type: ignore[union-attr]


def test_outside_of_a_run_the_context_may_say_how() -> None:
    inner = nested("ok")
    config = RunConfig(model_settings=ModelSettings(temperature=0.5))
    context = ToolContext(None, tool_name="ask", run_config=config)
    assert inner.as_tool("ask", "Asks.").on_invoke_tool(context, '{"input": "hi"}') == "ok"
    request = inner.model.requests[0]  # type: ignore[union-attr]
    assert request.model_settings.temperature == 0.5


def test_without_a_listener_the_inner_run_does_not_stream() -> None:
    inner = nested("ok")
    list(Runner.stream(outer(inner.as_tool("ask", "Asks.")), "hi"))
    assert not inner.model.requests[0].stream  # type: ignore[union-attr]


def test_async_tools_of_inner_and_outer_agents_share_a_loop() -> None:
    loops = []

    @function_tool
    async def f() -> None:
        loops.append(asyncio.get_running_loop())

    tool = nested(call("f"), "ok", tools=[f]).as_tool("ask", "Asks.")
    agent = outer(tool, [ASK, call("f")], call("f"), "done")
    agent.tools = [tool, f]
    Runner.run_sync(agent, "hi")
    assert len(loops) == 3
    assert len(set(map(id, loops))) == 1


def test_several_inner_agents_run_side_by_side() -> None:
    together = threading.Barrier(3, timeout=60)

    def answer(request: Any) -> str:
        together.wait()
        return "ok"

    inner = Agent(name="In", model=ScriptedModel(answer))
    tool = inner.as_tool("ask", "Asks.", parallel=True, failure_error_function=None)
    assert Runner.run_sync(outer(tool, [ASK] * 3, "done"), "hi").final_output == "done"


@pytest.mark.parametrize(
    "option",
    "run_config hooks session max_turns custom_output_extractor on_stream input_builder "
    "is_enabled needs_approval failure_error_function parameters".split(),
)
def test_wrong_options_are_told_of_before_any_call(option: str) -> None:
    for wrong in (lambda: "of no use", "text"):
        given: Any = {option: wrong}
        with pytest.raises(UserError, match=option):
            nested().as_tool("ask", "Asks.", **given)


class Translation(BaseModel):
    text: str
    target: str = "French"


TRANSLATE = call("ask", text="Hola", target="French")


def asked(inner: Agent[Any]) -> Any:
    model: Any = inner.model
    return model.requests[0].input[0]["content"]


def test_the_input_may_be_typed() -> None:
    inner = nested("Salut")
    tool = inner.as_tool("ask", "Asks.", parameters=Translation)
    assert set(tool.params_json_schema["properties"]) == {"text", "target"}
    result = Runner.run_sync(outer(tool, TRANSLATE, "done"), "hi")
    assert told(result) == "Salut"
    assert '"text": "Hola"' in asked(inner) and "schema" not in asked(inner)


def test_a_typed_input_may_tell_its_schema() -> None:
    inner = nested("Salut")
    tool = inner.as_tool("ask", "Asks.", parameters=Translation, include_input_schema=True)
    Runner.run_sync(outer(tool, TRANSLATE, "done"), "hi")
    assert '"properties"' in asked(inner)


async def build(facts: dict[str, Any]) -> str:
    return f"{facts['params']['text']} to {facts['params']['target']}"


@every_driver
def test_a_function_may_make_the_input(run: Any) -> None:
    inner = nested("Salut")
    tool = inner.as_tool("ask", "Asks.", parameters=Translation, input_builder=build)
    run(outer(tool, TRANSLATE, "done"), "hi")
    assert asked(inner) == "Hola to French"


def test_a_function_may_make_the_input_of_one_text_too() -> None:
    inner = nested("Salut")
    tool = inner.as_tool("ask", "Asks.", input_builder=lambda facts: facts["params"]["input"] + "!")
    assert tool.params_json_schema["required"] == ["input"]
    Runner.run_sync(outer(tool, call("ask", input="Hola"), "done"), "hi")
    assert asked(inner) == "Hola!"


def test_tools_inside_get_to_see_the_typed_input() -> None:
    @function_tool
    def look(context: RunContextWrapper[Any]) -> str:
        return str(context.tool_input)

    inner = Agent(name="Inner", model=ScriptedModel([call("look"), "Salut"]), tools=[look])
    seen = inner.as_tool(
        "ask",
        "Asks.",
        parameters=Translation,
        custom_output_extractor=lambda result: result.new_items[1].output,
    )
    result = Runner.run_sync(outer(seen, TRANSLATE, "done"), "hi")
    assert told(result) == "{'text': 'Hola', 'target': 'French'}"
    assert result.context_wrapper.tool_input is None


@pytest.mark.parametrize("arguments", ["", " ", "{}", "null"])
def test_no_arguments_are_those_that_all_have_a_default(arguments: str) -> None:
    class Mood(BaseModel):
        mood: str = "calm"

    inner = nested("Om")
    tool = inner.as_tool(
        "ask", "Asks.", parameters=Mood, input_builder=lambda facts: facts["params"]["mood"]
    )
    Runner.run_sync(outer(tool, call("ask", arguments), "done"), "hi")
    assert asked(inner) == "calm"


def test_arguments_that_do_not_fit_are_told_to_the_model() -> None:
    tool = nested().as_tool("ask", "Asks.", parameters=Translation)
    result = Runner.run_sync(outer(tool, call("ask", text=1), "done"), "hi")
    assert "Invalid JSON input for tool ask: text" in told(result)
