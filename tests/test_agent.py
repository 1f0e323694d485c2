"""Declaring agents: their fields, instructions, output types, and what follows tool calls."""

from __future__ import annotations

import ast
import asyncio
import copy
import inspect
import json
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any, Literal

import pytest
from pydantic import BaseModel
from typing_extensions import TypedDict

from agents_lite import (
    Agent,
    AgentOutputSchema,
    AgentOutputSchemaBase,
    FunctionTool,
    GenerateDynamicPromptData,
    ModelSettings,
    RunConfig,
    RunContextWrapper,
    Runner,
    ToolsToFinalOutputResult,
    UserError,
    WebSearchTool,
    function_tool,
    handoff,
)
from agents_lite.testing import ResponsesServer, ScriptedModel, call, final, handoff_to
from tests.support.agents import agent_with
from tests.support.drivers import every_driver

FIELDS = (
    "name instructions prompt handoff_description handoffs model model_settings tools "
    "input_guardrails output_guardrails output_type hooks tool_use_behavior reset_tool_choice "
    "output_retries mcp_servers"
).split()


def request_of(agent: Agent[Any], number: int = 0) -> Any:
    model: Any = agent.model
    return model.requests[number]


def test_the_fields_of_an_agent() -> None:
    assert [field.name for field in fields(Agent)] == FIELDS
    agent = Agent(name="A")
    assert (agent.instructions, agent.prompt, agent.model, agent.hooks) == (None,) * 4
    assert (agent.tools, agent.handoffs, agent.mcp_servers) == ([], [], [])
    assert (agent.input_guardrails, agent.output_guardrails) == ([], [])
    assert (agent.output_type, agent.handoff_description) == (None, None)
    assert agent.model_settings == ModelSettings()
    assert (agent.tool_use_behavior, agent.reset_tool_choice) == ("run_llm_again", True)
    assert repr(agent) == "Agent('A')"


def test_agents_are_generic_on_their_context() -> None:
    agent = Agent[dict[str, int]](name="A", instructions="Be.")
    assert isinstance(agent, Agent)
    assert agent.instructions == "Be."


def test_an_agent_still_to_be_filled_in_can_be_made() -> None:
    assert Agent(...).name == "..."  # type: ignore[arg-type]


def test_a_clone_differs_in_what_was_changed() -> None:
    tool = function_tool(lambda: 1, name_override="f")
    agent = Agent(name="A", instructions="Be.", model="m", tools=[tool])
    other = agent.clone(name="B", instructions="Be not.")
    assert (other.name, other.instructions, other.model) == ("B", "Be not.", "m")
    assert (agent.name, agent.instructions) == ("A", "Be.")
    assert other.tools is agent.tools
    with pytest.raises(TypeError):
        agent.clone(colour="red")


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "name": ({"name": 1}, "name must be a string"),
    "instructions": ({"instructions": 1}, "instructions must be a string or a function"),
    "tools": ({"tools": function_tool(lambda: 1, name_override="f")}, "tools must be a list"),
    "a function": ({"tools": [len]}, "@function_tool"),
    "an agent as tool": ({"tools": [Agent(name="B")]}, "as_tool"),
    "handoffs": ({"handoffs": Agent(name="B")}, "handoffs must be a list"),
    "a handoff": ({"handoffs": ["B"]}, "handoffs must be a list of agents"),
    "model": ({"model": 4}, "model must be a model's name or a Model"),
    "model_settings": ({"model_settings": 5}, "must be a ModelSettings"),
    "input_guardrails": ({"input_guardrails": len}, "@input_guardrail"),
    "output_guardrails": ({"output_guardrails": len}, "@output_guardrail"),
    "hooks": ({"hooks": object()}, "hooks must be an AgentHooks"),
    "behavior": ({"tool_use_behavior": "stop"}, "run_llm_again"),
    "behavior function": ({"tool_use_behavior": lambda results: None}, "context and tool results"),
    "behavior dict": ({"tool_use_behavior": {"stop": []}}, "stop_at_tool_names"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_field_of_the_wrong_kind_is_refused(kind: str) -> None:
    options, message = WRONG[kind]
    with pytest.raises(UserError, match=message):
        Agent(**{"name": "A", **options})


# Instructions and prompts


def describe(context: RunContextWrapper[Any], agent: Agent[Any]) -> str:
    return f"{agent.name} helps {context.context}."


async def describe_async(context: RunContextWrapper[Any], agent: Agent[Any]) -> str:
    return describe(context, agent)


class Describer:
    def __call__(self, context: RunContextWrapper[Any], agent: Agent[Any]) -> str:
        return describe(context, agent)


@every_driver
@pytest.mark.parametrize("instructions", [describe, describe_async, Describer()])
def test_instructions_may_be_a_function(run: Any, instructions: Any) -> None:
    agent = agent_with(["ok"], instructions=instructions)
    run(agent, "x", context="Ada")
    assert request_of(agent).system_instructions == "A helps Ada."


def test_instructions_are_asked_for_on_every_turn() -> None:
    turns = iter("12")
    tool = function_tool(lambda: 1, name_override="f")
    agent = agent_with([call("f"), "ok"], instructions=lambda c, a: next(turns), tools=[tool])
    Runner.run_sync(agent, "x")
    assert [request_of(agent, n).system_instructions for n in (0, 1)] == ["1", "2"]


@pytest.mark.parametrize(
    ("instructions", "message"),
    [
        (lambda: "", "function of agent A must take context and agent"),
        (lambda context: "", "function of agent A must take context and agent"),
        (lambda context, agent: 1, "instructions of agent A must be text, got 1"),
    ],
)
def test_instructions_that_cannot_be_had(instructions: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Runner.run_sync(agent_with(["never"], instructions=instructions), "x")


PROMPT = {"id": "pmpt_1", "version": "2", "variables": {"city": "Rome"}}


async def prompt_async(data: Any) -> Any:
    return {**PROMPT, "variables": {"city": data.context.context}}


@pytest.mark.parametrize(
    "prompt",
    [PROMPT, lambda data: {**PROMPT, "variables": {"city": data.context.context}}, prompt_async],
)
def test_a_prompt_may_be_a_function(prompt: Any) -> None:
    agent = agent_with(["ok"], prompt=prompt)
    Runner.run_sync(agent, "x", context="Rome")
    assert request_of(agent).prompt == PROMPT


# Output types


class Model(BaseModel):
    number: int


@dataclass
class Record:
    number: int


class Mapping(TypedDict):
    number: int


class Colour(Enum):
    RED = "red"


TYPES: dict[str, tuple[Any, Any, Any]] = {
    "BaseModel": (Model, {"number": 1}, Model(number=1)),
    "dataclass": (Record, {"response": {"number": 1}}, Record(1)),
    "TypedDict": (Mapping, {"number": 1}, {"number": 1}),
    "list": (list[int], {"response": [1, 2]}, [1, 2]),
    "list of models": (list[Model], {"response": [{"number": 1}]}, [Model(number=1)]),
    "int": (int, {"response": 4}, 4),
    "bool": (bool, {"response": False}, False),
    "float": (float, {"response": 0.5}, 0.5),
    "union": (int | str, {"response": "a"}, "a"),
    "optional": (Model | None, {"response": None}, None),
    "literal": (Literal["a", "b"], {"response": "b"}, "b"),
    "enum": (Colour, {"response": "red"}, Colour.RED),
    "tuple": (tuple[int, str], {"response": [1, "a"]}, (1, "a")),
}


@every_driver
@pytest.mark.parametrize("kind", TYPES)
def test_final_outputs_of_every_type(run: Any, kind: str) -> None:
    output_type, sent, expected = TYPES[kind]
    agent = agent_with([final(sent)], output_type=output_type)
    output = run(agent, "x").final_output
    assert output == expected
    assert type(output) is type(expected)


@pytest.mark.parametrize("output_type", [None, str])
def test_none_and_str_are_plain_text(output_type: Any) -> None:
    agent = agent_with(['{"number": 1}'], output_type=output_type)
    assert Runner.run_sync(agent, "x").final_output == '{"number": 1}'
    assert request_of(agent).output_schema is None


@pytest.mark.parametrize("kind", [kind for kind in TYPES if kind != "tuple"])
def test_the_type_is_asked_for_strictly(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    output_type, sent, expected = TYPES[kind]
    with ResponsesServer([final(sent)]) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "any")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        result = Runner.run_sync(Agent(name="A", output_type=output_type), "x")
    asked = server.requests[0].body["text"]["format"]
    assert (asked["type"], asked["name"], asked["strict"]) == ("json_schema", "final_output", True)
    assert asked["schema"]["required"] == list(sent)
    assert asked["schema"]["additionalProperties"] is False
    assert result.final_output == expected


def test_a_type_that_cannot_be_strict_is_refused_when_the_agent_is_declared() -> None:
    with pytest.raises(UserError, match="strict"):
        Agent("A", output_type=dict[str, int])
    loose = AgentOutputSchema(dict[str, int], strict_json_schema=False)
    agent = agent_with([final({"a": 1})], output_type=loose)
    assert Runner.run_sync(agent, "x").final_output == {"a": 1}
    assert not request_of(agent).output_schema.is_strict_json_schema()


def test_type_checkers_know_the_fields_that_there_are() -> None:
    (init,) = [
        node
        for node in ast.walk(ast.parse(inspect.getsource(Agent)))
        if isinstance(node, ast.FunctionDef) and node.name == "__init__"
    ]
    assert [each.arg for each in init.args.args[1:]] == [field.name for field in fields(Agent)]


def test_tools_given_as_a_tuple_become_a_list_and_a_list_stays_the_user_s() -> None:
    tools = [function_tool(len)]
    agent = Agent("A", tools=tools, handoffs=(Agent("B"),))
    assert agent.tools is tools
    agent.handoffs.append(Agent("C"))
    assert [other.name for other in agent.handoffs] == ["B", "C"]


@pytest.mark.parametrize("value", [{"a": 1}, [int], {"type": "object"}, agent_with])
def test_a_value_is_no_output_type(value: Any) -> None:
    with pytest.raises(UserError, match="Agent 'A': output_type must be a type.*class Output"):
        Agent("A", output_type=value)


class Later(BaseModel):
    defined: NotYet  # noqa: F821


def test_an_output_type_may_name_what_is_defined_later() -> None:
    agent = agent_with([final({"defined": {"a": 1}})], output_type=Later)
    Later.model_rebuild(_types_namespace={"NotYet": Defined})
    assert Runner.run_sync(agent, "x").final_output == Later(defined=Defined(a=1))


class Defined(BaseModel):
    a: int


def test_a_deep_copy_has_lists_of_its_own() -> None:
    other = Agent("B")
    agent = Agent(
        "A",
        tools=[function_tool(len)],
        handoffs=[other],
        tool_use_behavior={"stop_at_tool_names": ["len"]},
    )
    copied = copy.deepcopy(agent)
    copied.tools.append(function_tool(sum))
    copied.handoffs.clear()
    copied.tool_use_behavior["stop_at_tool_names"].append("sum")
    assert [tool.name for tool in agent.tools] == ["len"]
    assert agent.handoffs == [other]
    assert agent.tool_use_behavior == {"stop_at_tool_names": ["len"]}
    assert copied.tools[0] is agent.tools[0]


class Words(AgentOutputSchemaBase):
    """A schema of the user's own."""

    def is_plain_text(self) -> bool:
        return False

    def name(self) -> str:
        return "Words"

    def json_schema(self) -> dict[str, Any]:
        return {"type": "object", "properties": {}}

    def is_strict_json_schema(self) -> bool:
        return False

    def validate_json(self, text: str) -> Any:
        return json.loads(text)["words"].split()


def test_a_schema_of_the_user_s_own_parses_the_output() -> None:
    agent = agent_with([final({"words": "a b"})], output_type=Words())
    assert Runner.run_sync(agent, "x").final_output == ["a", "b"]


def test_a_schema_of_the_user_s_own_that_would_have_to_be_awaited_is_refused() -> None:
    class Late(Words):
        async def validate_json(self, text: str) -> Any: ...

    with pytest.raises(UserError, match=r"Late\.validate_json is an `async def`.*make it a `def`"):
        Agent("A", output_type=Late())


# What follows tool calls


def returning(value: Any, name: str) -> FunctionTool:
    return function_tool(lambda: value, name_override=name)


TOOLS = [returning("one", "first"), returning([2], "second")]
BOTH = [call("first"), call("second")]


def second_is_final(context: Any, results: Any) -> ToolsToFinalOutputResult:
    assert [result.tool.name for result in results] == ["first", "second"]
    assert results[1].run_item.output == [2]
    return ToolsToFinalOutputResult(context.context, results[1].output)


async def second_is_final_async(context: Any, results: Any) -> ToolsToFinalOutputResult:
    return second_is_final(context, results)


@every_driver
@pytest.mark.parametrize(
    ("behavior", "output_type", "output"),
    [
        ("run_llm_again", None, "model"),
        ("stop_on_first_tool", None, "one"),
        ({"stop_at_tool_names": ["second"]}, None, "[2]"),
        ({"stop_at_tool_names": ["second"]}, str, "[2]"),
        ({"stop_at_tool_names": ["second"]}, list[int], [2]),
        ({"stop_at_tool_names": ["second", "first"]}, None, "one"),
        ({"stop_at_tool_names": ["third"]}, None, "model"),
        (second_is_final, list[int], [2]),
        (second_is_final_async, list[int], [2]),
    ],
)
def test_what_follows_tool_calls(run: Any, behavior: Any, output_type: Any, output: Any) -> None:
    script = [BOTH, "model"] if output == "model" else [BOTH]
    agent = agent_with(
        [*script], tools=TOOLS, tool_use_behavior=behavior, output_type=output_type
    )
    result = run(agent, "x", context=True)
    assert result.final_output == output
    assert len(result.new_items) == 4 + (output == "model")


def test_a_function_may_let_the_run_go_on() -> None:
    agent = agent_with([BOTH, "model"], tools=TOOLS, tool_use_behavior=second_is_final)
    assert Runner.run_sync(agent, "x", context=False).final_output == "model"


def test_a_final_output_of_the_function_is_text_for_a_plain_agent() -> None:
    def decide(context: Any, results: Any) -> ToolsToFinalOutputResult:
        return ToolsToFinalOutputResult(True, 42)

    agent = agent_with([BOTH], tools=TOOLS, tool_use_behavior=decide)
    assert Runner.run_sync(agent, "x").final_output == "42"


def test_the_function_must_decide() -> None:
    agent = agent_with([BOTH], tools=TOOLS, tool_use_behavior=lambda context, results: True)
    with pytest.raises(UserError, match="agent A must return ToolsToFinalOutputResult"):
        Runner.run_sync(agent, "x")


# tool_choice


def choices(agent: Agent[Any]) -> list[Any]:
    model: Any = agent.model
    return [request.model_settings.tool_choice for request in model.requests]


REQUIRED = ModelSettings(tool_choice="required")


@every_driver
@pytest.mark.parametrize("of_run", [False, True])
@pytest.mark.parametrize("reset", [False, True])
def test_tool_choice_is_dropped_once_a_tool_was_used(run: Any, of_run: bool, reset: bool) -> None:
    own = ModelSettings() if of_run else REQUIRED
    agent = agent_with(
        [BOTH, BOTH, "ok"], tools=TOOLS, model_settings=own, reset_tool_choice=reset
    )
    run(agent, "x", run_config=RunConfig(model_settings=REQUIRED if of_run else None))
    later = None if reset else "required"
    assert choices(agent) == ["required", later, later]


def test_of_the_tools_that_may_be_called_none_has_to_be_once_one_was_used() -> None:
    allowed = {"type": "allowed_tools", "tools": [{"type": "function", "name": "first"}]}
    settings = ModelSettings(tool_choice={**allowed, "mode": "required"})
    agent = agent_with([call("first"), "ok"], tools=TOOLS, model_settings=settings)
    Runner.run_sync(agent, "x")
    assert choices(agent) == [{**allowed, "mode": "required"}, {**allowed, "mode": "auto"}]


def test_tool_choice_is_dropped_for_each_agent_on_its_own() -> None:
    script = [call("first"), handoff_to("B"), call("first"), handoff_to("A"), "ok"]
    agent = agent_with([*script], tools=TOOLS, model_settings=REQUIRED)
    agent.handoffs = [agent.clone(name="B", handoffs=[agent])]
    Runner.run_sync(agent, "x")
    assert choices(agent) == ["required", None, "required", None, None]


def test_a_handoff_is_a_tool_whose_use_drops_the_tool_choice() -> None:
    agent = agent_with([handoff_to("B"), handoff_to("A"), "ok"], model_settings=REQUIRED)
    agent.handoffs = [agent.clone(name="B", handoffs=[agent])]
    Runner.run_sync(agent, "x")
    assert choices(agent) == ["required", "required", None]


def test_tool_choice_is_kept_while_no_tool_was_used() -> None:
    agent = agent_with([[], final({"response": 1})], output_type=int, model_settings=REQUIRED)
    Runner.run_sync(agent, "x")
    assert choices(agent) == ["required", "required"]


def test_the_agent_s_own_settings_are_not_changed() -> None:
    agent = agent_with([BOTH, "ok"], tools=TOOLS, model_settings=REQUIRED)
    Runner.run_sync(agent, "x")
    assert agent.model_settings.tool_choice == "required"
    Runner.run_sync(agent.clone(model=(model := ScriptedModel(["ok"]))), "x")
    assert model.requests[0].model_settings.tool_choice == "required"


def test_what_a_run_would_be_given_can_be_asked_for() -> None:
    async def instructions(context: RunContextWrapper[str], agent: Agent[str]) -> str:
        return f"{agent.name}: {context.context}"

    def prompt(data: GenerateDynamicPromptData) -> Any:
        return {"id": "pmpt_1", "variables": {"who": data.context.context}}

    on = function_tool(lambda: None, name_override="on")
    off = function_tool(lambda: None, name_override="off", is_enabled=lambda *_: False)
    search = WebSearchTool()
    agent: Agent[str] = Agent(
        name="A", instructions=instructions, prompt=prompt, tools=[on, off, search]
    )
    context = RunContextWrapper("me")
    assert asyncio.run(agent.get_system_prompt(context)) == "A: me"
    assert asyncio.run(agent.get_prompt(context)) == {"id": "pmpt_1", "variables": {"who": "me"}}
    assert asyncio.run(agent.get_all_tools(context)) == [on, search]
    plain: Agent[str] = Agent(name="B", instructions="Be brief.")
    assert asyncio.run(plain.get_system_prompt(context)) == "Be brief."
    assert asyncio.run(plain.get_prompt(context)) is None


def test_handoffs_are_decided_about_when_instructions_and_prompt_are_known() -> None:
    order: list[str] = []

    def note(place: str, what: Any) -> Any:
        return lambda *given: order.append(place) or what

    agent = agent_with(
        ["ok"], instructions=note("instructions", "Be kind."), prompt=note("prompt", {"id": "p"})
    )
    agent.tools = [function_tool(note, is_enabled=note("tool", False))]
    agent.handoffs = [handoff(Agent("B"), is_enabled=note("handoff", False))]
    Runner.run_sync(agent, "Hi")
    assert order == ["tool", "instructions", "prompt", "handoff"]


def test_a_subclass_may_say_its_instructions_and_prompt_by_itself() -> None:
    class Clerk(Agent[str]):
        async def get_system_prompt(self, run_context: RunContextWrapper[str]) -> str | None:
            return f"{await super().get_system_prompt(run_context)} For {run_context.context}."

        async def get_prompt(self, run_context: RunContextWrapper[str]) -> Any:
            return {"id": f"pmpt_{run_context.context}"}

    model = ScriptedModel(["Yes."])
    Runner.run_sync(Clerk("A", "Be brief.", model=model), "Hi", context="me")
    assert model.requests[0].system_instructions == "Be brief. For me."
    assert model.requests[0].prompt == {"id": "pmpt_me"}


@pytest.mark.parametrize("name", ["get_all_tools", "get_mcp_tools"])
def test_what_no_run_would_call_cannot_be_overridden(name: str) -> None:
    with pytest.raises(UserError, match=f"Clerk overrides {name}.*is_enabled"):
        type("Clerk", (Agent,), {name: lambda self, run_context: []})


def test_an_item_that_is_no_dict_is_refused_and_what_makes_one_of_it_is_named() -> None:
    said = Runner.run_sync(Agent("A", model=ScriptedModel(["Yes."])), "Hi")
    for item, way in (
        (said.new_items[0], "to_input_item()"),
        (said.raw_responses[0].output[0], "model_dump()"),
    ):
        with pytest.raises(UserError) as refused:
            Runner.run_sync(said.last_agent, [item])
        assert str(refused.value).endswith(f"; its {way} is one")
