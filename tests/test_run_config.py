"""Options of a run: each field works."""

from __future__ import annotations

import copy
import pickle
import weakref
from dataclasses import dataclass, fields, replace
from math import nan
from typing import Any

import pytest

from agents_lite import (
    Agent,
    Model,
    ModelProvider,
    OpenAIResponsesModel,
    RunConfig,
    Runner,
    ToolExecutionConfig,
    UsageLimits,
    UserError,
    function_tool,
    handoff,
    trace,
)
from agents_lite.exceptions import UsageLimitExceeded
from agents_lite.run_config import CallModelData, ModelInputData
from agents_lite.testing import (
    ScriptedModel,
    call,
    handoff_to,
    reasoning,
    text,
    token_usage,
    turn,
)
from tests.support.agents import agent_with_tool
from tests.support.drivers import every_driver, kinds, types
from tests.support.spans import recorded_spans

FIELDS = (
    "model model_provider model_settings handoff_input_filter input_guardrails output_guardrails "
    "tracing_disabled trace_include_sensitive_data workflow_name trace_id group_id trace_metadata "
    "call_model_input_filter session_input_callback session_settings max_tool_concurrency "
    "parallel_tools tool_error_formatter output_retries error_handlers run_id journal step "
    "durability usage_limits compaction tool_not_found tool_name_collision_policy "
    "reasoning_item_id_policy nest_handoff_history handoff_history_mapper"
).split()


def test_the_fields_of_a_run_config() -> None:
    assert [field.name for field in fields(RunConfig)] == FIELDS


@pytest.mark.parametrize(
    "wrong",
    [
        {"handoff_input_filter": "remove_all_tools"},
        {"call_model_input_filter": {}},
        {"session_input_callback": []},
        {"tool_error_formatter": "{}"},
        {"step": 1},
        {"model": 5},
        {"model": OpenAIResponsesModel},
        {"model_provider": "openai"},
        {"model_settings": [("temperature", 1)]},
        {"trace_metadata": "production"},
        {"output_retries": "2"},
        {"usage_limits": {"requests": 1}},
        {"session_settings": 5},
        {"handoff_input_filter": lambda: None},
        {"call_model_input_filter": lambda data, more: data},
        {"session_input_callback": lambda history: history},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_field_of_the_wrong_kind_is_refused(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(UserError, match=f"^{name} must (be|take) "):
        RunConfig(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [{"requests": "3"}, {"tool_calls": []}, {"cost": "0.5"}, {"cost": nan}, {"requests": -1}],
    ids=str,
)
def test_a_limit_that_is_no_number_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=f"{next(iter(wrong))} must be 0 or more"):
        UsageLimits(**wrong)


# Models


@pytest.mark.parametrize("found", [None, "gpt-5"])
def test_a_provider_must_give_a_model(found: Any) -> None:
    class Empty(ModelProvider):
        def get_model(self, model_name: str | None) -> Model:
            return found

    with pytest.raises(UserError, match=r"get_model\('m'\) must return a Model, got"):
        Runner.run_sync(Agent("A", model="m"), "x", run_config=RunConfig(model_provider=Empty()))


class Provider(ModelProvider):
    """Knows one model, and notes which names it was asked for."""

    def __init__(self, *script: Any) -> None:
        self.model = ScriptedModel(script)
        self.names: list[Any] = []

    def get_model(self, model_name: str | None) -> Model:
        self.names.append(model_name)
        return self.model


@every_driver
@pytest.mark.parametrize(
    ("of_run", "of_agent", "asked_for"),
    [("r", "a", "r"), ("r", None, "r"), (None, "a", "a"), (None, None, None)],
)
def test_a_model_s_name_is_looked_up(run: Any, of_run: Any, of_agent: Any, asked_for: Any) -> None:
    provider = Provider(handoff_to("B"), "ok")
    agent = Agent(name="A", model=of_agent, handoffs=[Agent(name="B", model=of_agent)])
    run(agent, "x", run_config=RunConfig(model=of_run, model_provider=provider))
    assert provider.names == [asked_for] * 2


def test_a_model_of_the_run_goes_before_those_of_the_agents() -> None:
    model, provider = ScriptedModel([handoff_to("B"), "ok"]), Provider()
    agent = agent_with_tool(["never"])
    agent.handoffs = [agent_with_tool(["never"]).clone(name="B")]
    Runner.run_sync(agent, "x", run_config=RunConfig(model=model, model_provider=provider))
    model.assert_finished()
    assert provider.names == []


# Traces


def test_the_trace_is_named_and_linked() -> None:
    config = RunConfig(
        workflow_name="Work",
        trace_id="trace_" + "a" * 32,
        group_id="group",
        trace_metadata={"a": "b"},
    )
    with recorded_spans() as spans:
        Runner.run_sync(agent_with_tool(["ok"]), "x", run_config=config)
    exported = spans.traces[0].export()
    assert exported["workflow_name"] == "Work"
    assert exported["id"] == "trace_" + "a" * 32
    assert exported["group_id"] == "group"
    assert exported["metadata"] == {"a": "b"}


def test_a_group_is_named_by_the_input_of_the_run_and_not_by_those_of_inner_ones() -> None:
    inner = Agent(name="Inner", model=ScriptedModel(["inner"]))
    tools = [inner.as_tool("ask_inner", "Asks.")]
    model = ScriptedModel([call("ask_inner", input="not on the list"), "ok"])
    config = RunConfig(group_id={"x": "group of x"}.__getitem__)
    with recorded_spans() as spans:
        Runner.run_sync(Agent(name="A", model=model, tools=tools), "x", run_config=config)
    assert model.requests[1].input[-1]["output"] == "inner"
    assert [each.export()["group_id"] for each in spans.traces] == ["group of x"]


def test_a_run_has_a_trace_of_its_own_named_by_default() -> None:
    with recorded_spans() as spans:
        Runner.run_sync(agent_with_tool(["ok"]), "x")
        Runner.run_sync(agent_with_tool(["ok"]), "x")
    assert [each.export()["workflow_name"] for each in spans.traces] == ["Agent workflow"] * 2
    assert len({each.trace_id for each in spans.traces}) == 2


@every_driver
@pytest.mark.parametrize("inside", [False, True])
def test_tracing_may_be_disabled(run: Any, inside: bool) -> None:
    config = RunConfig(tracing_disabled=True)
    with recorded_spans() as spans:
        if inside:
            with trace("Around"):
                run(agent_with_tool([call("f"), "ok"]), "x", run_config=config)
        else:
            run(agent_with_tool([call("f"), "ok"]), "x", run_config=config)
    assert spans.spans == []
    assert len(spans.traces) == inside


@every_driver
def test_a_run_joins_the_current_trace(run: Any) -> None:
    with recorded_spans() as spans:
        with trace("Around"):
            run(agent_with_tool(["ok"]), "x", run_config=RunConfig(workflow_name="Never"))
        assert [each.name for each in spans.traces] == ["Around"]
        assert spans.names == ["agent A", "generation"]
        assert spans.open == []


@every_driver
@pytest.mark.parametrize("is_included", [True, False])
def test_sensitive_data_may_be_left_out(run: Any, is_included: bool) -> None:
    echo = function_tool(lambda what: what + " echoed", name_override="echo", strict_mode=False)
    fail = function_tool(lambda: 1 / 0, name_override="fail")
    config = RunConfig(trace_include_sensitive_data=is_included)
    script = [[call("echo", what="secret"), call("fail")], "a secret answer"]
    with recorded_spans() as spans:
        run(agent_with_tool([*script], tools=[echo, fail]), "the secret", run_config=config)
    shown = str([span.export() for span in spans.spans])
    for words in ("the secret", "secret echoed", "a secret answer", "division by zero"):
        assert (words in shown) == is_included


def test_the_environment_decides_about_sensitive_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_AGENTS_TRACE_INCLUDE_SENSITIVE_DATA", "false")
    with recorded_spans() as spans:
        Runner.run_sync(agent_with_tool(["a secret"]), "x")
    assert "secret" not in str([span.export() for span in spans.spans])


# The last look at what the model is sent


def last_item_only(data: Any) -> ModelInputData:
    assert (data.agent.name, data.context) == ("A", "ctx")
    instructions = f"{data.model_data.instructions} Briefly."
    return ModelInputData(data.model_data.input[-1:], instructions)


async def last_item_only_async(data: Any) -> ModelInputData:
    return last_item_only(data)


@every_driver
@pytest.mark.parametrize("change", [last_item_only, last_item_only_async])
def test_a_filter_changes_what_the_model_is_sent_and_nothing_else(run: Any, change: Any) -> None:
    agent = agent_with_tool([text("so")], instructions="Be.")
    given = [{"role": "user", "content": "one"}, {"role": "user", "content": "two"}]
    config = RunConfig(call_model_input_filter=change)
    result = run(agent, given, context="ctx", run_config=config)
    (request,) = agent.model.requests
    assert request.input == given[1:]
    assert request.system_instructions == "Be. Briefly."
    assert kinds(result.to_input_list()) == ["user", "user", "assistant"]


def test_a_filter_is_asked_on_every_turn_and_its_input_is_mended() -> None:
    agent = agent_with_tool([call("f"), "ok"])

    def drop_first(data: Any) -> ModelInputData:
        items = data.model_data.input
        data.model_data.input = items if len(items) == 1 else items[2:]
        return data.model_data

    Runner.run_sync(agent, "x", run_config=RunConfig(call_model_input_filter=drop_first))
    assert [kinds(each.input) for each in agent.model.requests] == [["user"], []]  # type: ignore


def test_a_filter_s_list_is_its_own() -> None:
    agent = agent_with_tool([call("f"), "ok"])

    def clear(data: Any) -> ModelInputData:
        kept = ModelInputData(list(data.model_data.input), None)
        data.model_data.input.clear()
        return kept

    Runner.run_sync(agent, "x", run_config=RunConfig(call_model_input_filter=clear))
    assert len(agent.model.requests[1].input) == 3  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (None, "must return ModelInputData"),
        (ModelInputData("x", None), "a list of input items"),  # type: ignore[arg-type]
        (ModelInputData([None], None), "each input item must be a dict"),
        (ModelInputData([], 5), "instructions .* must be text"),  # type: ignore[arg-type]
    ],
)
def test_a_filter_must_return_what_is_to_be_sent(made: Any, message: str) -> None:
    config = RunConfig(call_model_input_filter=lambda data: made)
    with pytest.raises(UserError, match=message):
        Runner.run_sync(agent_with_tool(["never"]), "x", run_config=config)


# Limits of usage


LIMITS = {
    "requests": (UsageLimits(requests=2), "limit of 2 requests"),
    "input_tokens": (UsageLimits(input_tokens=200), "limit of 200 input_tokens"),
    "output_tokens": (UsageLimits(output_tokens=15), "limit of 15 output_tokens"),
    "total_tokens": (UsageLimits(total_tokens=111), "limit of 111 total_tokens"),
}


@every_driver
@pytest.mark.parametrize("name", LIMITS)
def test_a_model_call_that_would_pass_a_limit_is_not_made(run: Any, name: str) -> None:
    limits, message = LIMITS[name]
    agent = agent_with_tool([*[turn(call("f"), usage=token_usage(100, 10))] * 2])
    with pytest.raises(UsageLimitExceeded, match=message) as caught:
        run(agent, "x", run_config=RunConfig(usage_limits=limits))
    agent.model.assert_finished()  # type: ignore[union-attr]
    assert caught.value.run_data is not None
    assert types(caught.value.run_data.new_items) == ["tool_call", "tool_call_output"] * 2


@every_driver
def test_tool_calls_that_would_pass_the_limit_are_not_made(run: Any) -> None:
    done = []
    tool = function_tool(lambda: done.append(1), name_override="f")
    agent = agent_with_tool([[call("f")] * 2, [call("f")] * 2], tools=[tool])
    config = RunConfig(usage_limits=UsageLimits(tool_calls=3))
    with pytest.raises(UsageLimitExceeded, match="2 more .* limit of 3 tool calls"):
        run(agent, "x", run_config=config)
    assert done == [1, 1]


def test_a_limit_may_be_reached() -> None:
    limits = UsageLimits(requests=2, input_tokens=1000, total_tokens=1000, tool_calls=1)
    agent = agent_with_tool([call("f"), "ok"])
    config = RunConfig(usage_limits=limits)
    assert Runner.run_sync(agent, "x", run_config=config).final_output == "ok"


def test_a_limit_of_nothing_allows_nothing() -> None:
    agent = agent_with_tool([])
    with pytest.raises(UsageLimitExceeded):
        Runner.run_sync(agent, "x", run_config=RunConfig(usage_limits=UsageLimits(requests=0)))


def test_inner_runs_count_for_the_limits_of_the_outer_one() -> None:
    inner = agent_with_tool([turn("ok", usage=token_usage(500, 0))])
    agent = agent_with_tool([call("ask", input="x")], tools=[inner.as_tool("ask", "Asks.")])
    config = RunConfig(usage_limits=UsageLimits(input_tokens=400))
    with pytest.raises(UsageLimitExceeded):
        Runner.run_sync(agent, "x", run_config=config)


def test_the_last_of_one_name_may_be_offered_alone(caplog: pytest.LogCaptureFixture) -> None:
    tools = [function_tool(lambda n=n: n, name_override="same", strict_mode=False) for n in "12"]
    model = ScriptedModel([call("same"), "done"])
    agent = Agent("A", model=model, tools=[*tools, function_tool(len)])
    config = RunConfig(tool_name_collision_policy="warn")
    result = Runner.run_sync(agent, "Hi", run_config=config)
    assert result.new_items[1].output == "2"
    assert model.requests[0].tools == [tools[1], agent.tools[2]]
    assert "more than one tool or handoff named same" in caplog.text
    agent.handoffs = [handoff(Agent("B"), tool_name_override="same")]
    agent.model = model = ScriptedModel(["done"])
    Runner.run_sync(agent, "Hi", run_config=config)
    assert model.requests[0].tools == [agent.tools[2]]
    assert model.requests[0].handoffs == agent.handoffs


def test_a_filter_may_say_of_which_type_the_context_is() -> None:
    def greet(data: Any) -> ModelInputData:
        return ModelInputData(data.model_data.input, f"You talk with {data.context}.")

    greet.__annotations__["data"] = CallModelData[str]  # as where annotations are read at once
    model = ScriptedModel(["Hello!"])
    config = RunConfig(call_model_input_filter=greet)
    Runner.run_sync(Agent[str]("A", model=model), "Hi", context="Ada", run_config=config)
    assert model.requests[0].system_instructions == "You talk with Ada."


def test_a_filter_has_the_last_word_about_ids_of_reasoning() -> None:
    def put_back(given: CallModelData) -> ModelInputData:
        for item in given.model_data.input:
            if item.get("type") == "reasoning":
                assert "id" not in item
                item["id"] = "rs_mine"
        return given.model_data

    agent = agent_with_tool([turn(reasoning("so"), call("f")), "done"])
    config = RunConfig(reasoning_item_id_policy="omit", call_model_input_filter=put_back)
    Runner.run_sync(agent, "Hi", run_config=config)
    assert agent.model.requests[1].input[1]["id"] == "rs_mine"


def test_reasoning_may_be_sent_without_its_ids() -> None:
    agent = agent_with_tool([turn(reasoning("so"), call("f")), "done"])
    config = RunConfig(reasoning_item_id_policy="omit")
    result = Runner.run_sync(agent, "Hi", run_config=config)
    for items in (agent.model.requests[1].input, result.to_input_list()):
        assert items[1]["type"] == "reasoning" and "id" not in items[1]
    assert result.new_items[0].raw_item.id


@pytest.mark.parametrize("given", [ToolExecutionConfig(3), {"max_function_tool_concurrency": 3}])
def test_tool_execution_limits_how_many_run_at_a_time(given: Any) -> None:
    assert RunConfig(tool_execution=given).max_tool_concurrency == 3
    kept = RunConfig(max_tool_concurrency=2, tool_execution=ToolExecutionConfig())
    assert kept.max_tool_concurrency == 2


@pytest.mark.parametrize(
    "name",
    ["durability", "tool_not_found", "tool_name_collision_policy", "reasoning_item_id_policy"],
)
def test_a_choice_that_there_is_not_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=f"{name} must be"):
        RunConfig(**{name: "nonsense"})


def test_a_field_that_there_is_not_cannot_be_set() -> None:
    config = RunConfig()
    with pytest.raises(AttributeError):
        config.modle = "m"  # type: ignore[attr-defined]
    assert weakref.ref(config)() is config


@dataclass
class TenantConfig(RunConfig):
    tenant: str = "none"


def test_a_subclass_may_have_further_fields() -> None:
    config = TenantConfig(model="m", tenant="t", run_id="r")
    for copied in (copy.copy(config), pickle.loads(pickle.dumps(config)), replace(config)):
        assert (copied.model, copied.tenant, copied.run_id) == ("m", "t", "r")
    with pytest.raises(UserError, match="run_id"):
        TenantConfig(run_id=7)  # type: ignore[arg-type]
