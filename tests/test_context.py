"""The user's context reaches every function of a run, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from agents_lite import (
    Agent,
    AgentHooks,
    FunctionTool,
    GuardrailFunctionOutput,
    ResponsesObject,
    RunConfig,
    RunContextWrapper,
    RunHooks,
    Runner,
    ToolContext,
    ToolGuardrailFunctionOutput,
    ToolsToFinalOutputResult,
    UserError,
    function_tool,
    handoff,
    input_guardrail,
    output_guardrail,
    tool_input_guardrail,
)
from agents_lite.testing import ResponsesServer, ScriptedModel, call, handoff_to
from tests.support.drivers import every_driver


@dataclass
class User:
    name: str = "Ada Lovelace"


PASS = GuardrailFunctionOutput(None, False)


class Seen:
    """Functions of all kinds, which note the context that they are given."""

    def __init__(self) -> None:
        self.contexts: dict[str, Any] = {}

    def note(self, name: str, context: Any) -> None:
        self.contexts[name] = context.context

    def agents(self, model: Any) -> Agent[User]:
        note = self.note

        @function_tool(
            is_enabled=lambda context, agent: note("tool is_enabled", context) or True,
            failure_error_function=lambda context, error: note("failure", context) or "failed",
            tool_input_guardrails=[self.tool_guardrail()],
        )
        def work(context: RunContextWrapper[User]) -> None:
            note("tool", context)
            raise ValueError

        def by_hand(context: ToolContext[User], arguments: str) -> str:
            note("on_invoke_tool", context)
            return "ok"

        def instructions(context: RunContextWrapper[User], agent: Agent[User]) -> str:
            note("instructions", context)
            return "Be."

        def behavior(context: RunContextWrapper[User], results: Any) -> ToolsToFinalOutputResult:
            note("tool_use_behavior", context)
            return ToolsToFinalOutputResult(False)

        def filter_input(data: Any) -> Any:
            note("handoff filter", data.run_context)
            return data

        @input_guardrail
        def check_input(context: Any, agent: Any, checked: Any) -> GuardrailFunctionOutput:
            note("input guardrail", context)
            return PASS

        @output_guardrail
        def check_output(context: Any, agent: Any, checked: Any) -> GuardrailFunctionOutput:
            note("output guardrail", context)
            return PASS

        class Hooks(AgentHooks[User]):
            def on_start(self, context: Any, agent: Any) -> None:
                note("agent hook", context)

        other = Agent[User](name="B", model=model, hooks=Hooks(), output_guardrails=[check_output])
        hand_over = handoff(
            other,
            on_handoff=lambda context: note("on_handoff", context),
            is_enabled=lambda context, agent: note("handoff is_enabled", context) or True,
            input_filter=filter_input,
        )
        made_by_hand = FunctionTool("by_hand", "", {"type": "object", "properties": {}}, by_hand)
        return Agent[User](
            name="A",
            model=model,
            instructions=instructions,
            prompt=lambda data: note("prompt", data.context),
            tools=[work, made_by_hand],
            handoffs=[hand_over],
            input_guardrails=[check_input],
            tool_use_behavior=behavior,
        )

    def tool_guardrail(self) -> Any:
        @tool_input_guardrail
        def check(data: Any) -> ToolGuardrailFunctionOutput:
            self.note("tool guardrail", data.context)
            return ToolGuardrailFunctionOutput.allow()

        return check

    def run_options(self) -> dict[str, Any]:
        note = self.note

        class Hooks(RunHooks[User]):
            def on_agent_start(self, context: Any, agent: Any, input_data: Any) -> None:
                note("run hook", context)

        def filter_call(data: Any) -> Any:
            note("call_model_input_filter", data)
            return data.model_data

        return {"hooks": Hooks(), "run_config": RunConfig(call_model_input_filter=filter_call)}


SCRIPT = [[call("work"), call("by_hand")], handoff_to("B"), "done"]
ALL = (
    "instructions,prompt,tool,on_invoke_tool,failure,tool guardrail,tool is_enabled,"
    "handoff is_enabled,on_handoff,handoff filter,input guardrail,output guardrail,agent hook,"
    "run hook,call_model_input_filter,tool_use_behavior"
).split(",")


@every_driver
def test_every_function_is_given_the_context(run: Any) -> None:
    seen, user = Seen(), User()
    result = run(seen.agents(ScriptedModel(SCRIPT)), "hi", context=user, **seen.run_options())
    assert sorted(seen.contexts) == sorted(ALL)
    assert all(context is user for context in seen.contexts.values())
    assert result.context_wrapper.context is user


def test_the_context_is_not_sent_to_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Seen()
    with ResponsesServer(SCRIPT) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "any")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        Runner.run_sync(seen.agents(None), "hi", context=User(), **seen.run_options())
    assert len(server.requests) == 3
    for request in server.requests:
        assert "Ada" not in f"{request.body}{request.headers}{request.query}"


def test_without_a_context_there_is_none() -> None:
    seen = Seen()
    Runner.run_sync(seen.agents(ScriptedModel(SCRIPT)), "hi", **seen.run_options())
    assert set(seen.contexts.values()) == {None}


def test_functions_change_the_context_for_those_after_them() -> None:
    @function_tool
    def count(context: RunContextWrapper[Any]) -> int:
        context.context.append(len(context.context))
        return len(context.context)

    model = ScriptedModel([call("count"), call("count"), "ok"])
    context: list[int] = []
    Runner.run_sync(Agent(name="A", model=model, tools=[count]), "hi", context=context)
    assert context == [0, 1]


def test_the_context_of_a_call_made_by_hand_is_like_the_one_around_it() -> None:
    @function_tool
    def inner(context: ToolContext[str], text: str) -> str:
        return f"{context.context} {context.tool_name} {context.tool_call_id} {text}"

    made = []

    @function_tool
    def outer(context: ToolContext[str]) -> str:
        """Calls the other one."""
        raw = ResponsesObject({"type": "function_call", "name": "inner", "arguments": "{}"})
        made.append(ToolContext.from_agent_context(context, "by_hand", raw))
        named = {"tool_name": "inner", "tool_arguments": "{}"}
        made.append(ToolContext.from_agent_context(RunContextWrapper("x"), "bare", **named))
        return str(inner.on_invoke_tool(made[0], '{"text": "Hi"}'))

    agent = Agent(name="A", model=ScriptedModel([call("outer"), "done"]), tools=[outer])
    result = Runner.run_sync(agent, "Hello", context="mine")
    assert result.new_items[1].output == "mine inner by_hand Hi"
    inside, bare = made
    assert inside.agent is agent and inside.usage is result.usage
    assert (bare.context, bare.tool_name, bare.agent) == ("x", "inner", None)
    with pytest.raises(UserError, match="tool_name and tool_arguments"):
        ToolContext.from_agent_context(bare, "nothing")
