"""Handing over: declaring handoffs, making them, and what the next agent is sent."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from pydantic import BaseModel

from agents_lite import (
    Agent,
    AgentHooks,
    Handoff,
    HandoffInputData,
    HandoffOutputItem,
    ModelBehaviorError,
    RunConfig,
    RunContextWrapper,
    RunHooks,
    Runner,
    SQLiteSession,
    UserError,
    function_tool,
    handoff,
)
from agents_lite.extensions.handoff_filters import nest_handoff_history, remove_all_tools
from agents_lite.extensions.handoff_prompt import (
    RECOMMENDED_PROMPT_PREFIX,
    prompt_with_handoff_instructions,
)
from agents_lite.testing import ScriptedModel, call, handoff_to, reasoning, text
from tests.support.drivers import (
    every_driver,
    every_stream,
    kinds,
    stopped_after_the_turn,
    types,
)
from tests.support.spans import recorded_spans

EMPTY_SCHEMA = {"additionalProperties": False, "type": "object", "properties": {}, "required": []}


class Reason(BaseModel):
    reason: str


@function_tool
def add(a: int, b: int) -> int:
    return a + b


def pair(
    script: list[Any], *, of_b: dict[str, Any] | None = None, **options: Any
) -> tuple[Agent[Any], Agent[Any], ScriptedModel]:
    """Agents A and B with one model; A may hand over to B, with these options."""
    model = ScriptedModel(script)
    b = Agent(name="B", model=model, **(of_b or {}))
    a = Agent(name="A", model=model, tools=[add], handoffs=[handoff(b, **options)])
    return a, b, model


# Declaring


@pytest.mark.parametrize(
    ("name", "tool"),
    [
        ("Billing agent", "transfer_to_billing_agent"),
        ("FAQ-Agent 2.0", "transfer_to_faq_agent_2_0"),
        ("Kündigung", "transfer_to_k_ndigung"),
        ("a__b", "transfer_to_a__b"),
    ],
)
def test_the_tool_s_name_comes_from_the_agent_s(name: str, tool: str) -> None:
    agent = Agent(name=name)
    assert Handoff.default_tool_name(agent) == handoff(agent).tool_name == tool


def test_the_description_names_the_agent() -> None:
    agent = Agent(name="B", handoff_description="Knows bees.")
    sentence = "Handoff to the B agent to handle the request. Knows bees."
    assert Handoff.default_tool_description(agent) == sentence
    assert handoff(agent).tool_description == sentence
    plain = Handoff.default_tool_description(Agent(name="B"))
    assert plain.rstrip() == "Handoff to the B agent to handle the request."


def test_a_handoff_without_input_takes_the_empty_strict_object() -> None:
    made = handoff(Agent(name="B"))
    assert made.input_json_schema == EMPTY_SCHEMA
    assert (made.agent_name, made.strict_json_schema) == ("B", True)


def test_names_descriptions_and_input_may_be_given() -> None:
    made = handoff(
        Agent(name="B"),
        tool_name_override="escalate",
        tool_description_override="Higher up.",
        on_handoff=lambda context, reason: None,
        input_type=Reason,
    )
    assert (made.tool_name, made.tool_description) == ("escalate", "Higher up.")
    assert made.input_json_schema["required"] == ["reason"]
    assert made.input_json_schema["additionalProperties"] is False


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input_type": Reason}, "input_type needs an on_handoff"),
        ({"on_handoff": lambda context, data: None, "input_type": int}, "an object only"),
        ({"on_handoff": lambda context, data: None, "input_type": list[int]}, "an object only"),
        ({"on_handoff": lambda: None}, r"must take the context, 1"),
        ({"on_handoff": lambda context, more: None}, r"must take the context, 1"),
        ({"on_handoff": lambda context: None, "input_type": Reason}, r"and the input, 2"),
        ({"on_handoff": "no function"}, "on_handoff must be a function, got 'no function'"),
        ({"input_filter": "no function"}, "input_filter must be a function, got 'no function'"),
        ({"is_enabled": "yes"}, "is_enabled, if no bool, must be a function"),
        ({"is_enabled": lambda context: True}, "must take context and agent, 2"),
        ({"input_filter": lambda: None}, "must take the conversation, 1"),
        ({"tool_name_override": ""}, "cannot be named ''.*tool_name_override"),
        ({"tool_name_override": "hand over"}, "cannot be named 'hand over'"),
        ({"tool_name_override": "x" * 65}, "1 to 64 letters"),
    ],
)
def test_a_handoff_made_wrongly_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        handoff(Agent(name="B"), **options)


def test_a_handoff_to_an_agent_of_a_long_name_says_what_to_do() -> None:
    with pytest.raises(UserError, match="transfer_to_x.*tool_name_override"):
        handoff(Agent(name="x" * 60))
    with pytest.raises(UserError, match="handoff.. takes an Agent, got 'B'"):
        handoff("B")  # type: ignore[call-overload]


def test_an_empty_description_is_a_description() -> None:
    assert handoff(Agent(name="B"), tool_description_override="").tool_description == ""


def test_what_is_no_agent_cannot_be_handed_over_to() -> None:
    with pytest.raises(UserError, match="handoffs must be"):
        Agent(name="A", handoffs=["B"])  # type: ignore[list-item]


# Making them


@every_driver
def test_a_handoff_is_called_and_answered(run: Any) -> None:
    a, b, model = pair([handoff_to("B"), "ok"])
    result = run(a, "hi")
    assert types(result.new_items) == ["handoff_call", "handoff_output", "message_output"]
    output = result.new_items[1]
    assert isinstance(output, HandoffOutputItem)
    assert (output.agent, output.source_agent, output.target_agent) == (a, a, b)
    assert output.raw_item.output == '{"assistant":"B"}'
    assert output.raw_item.call_id == result.new_items[0].raw_item.call_id
    assert result.new_items[2].agent is b
    offered = model.requests[0].handoffs[0]
    assert offered.tool_name == "transfer_to_b"


@every_driver
@pytest.mark.parametrize("is_async", [False, True])
def test_the_callback_is_given_context_and_input(run: Any, is_async: bool) -> None:
    seen: list[Any] = []

    def note(context: RunContextWrapper[Any], given: Reason) -> None:
        seen.extend([context.context, given])

    async def note_async(context: RunContextWrapper[Any], given: Reason) -> None:
        note(context, given)

    a, b, _ = pair(
        [handoff_to("B", reason="bees"), "ok"],
        on_handoff=note_async if is_async else note,
        input_type=Reason,
    )
    assert run(a, "hi", context="ctx").last_agent is b
    assert seen == ["ctx", Reason(reason="bees")]


@pytest.mark.parametrize("is_async", [False, True])
def test_the_callback_without_input_is_given_the_context(is_async: bool) -> None:
    seen: list[Any] = []

    async def note_async(context: RunContextWrapper[Any]) -> None:
        seen.append(context.context)

    note: Any = note_async if is_async else lambda context: seen.append(context.context)
    a, b, _ = pair([handoff_to("B"), "ok"], on_handoff=note)
    Runner.run_sync(a, "hi", context="ctx")
    assert seen == ["ctx"]


@pytest.mark.parametrize("arguments", ["", "{}", "no JSON", '{"reason": 1}'])
def test_input_that_does_not_fit_is_the_model_s_error(arguments: str) -> None:
    a, b, _ = pair(
        [call("transfer_to_b", arguments)],
        on_handoff=lambda context, given: None,
        input_type=Reason,
    )
    with pytest.raises(ModelBehaviorError, match="handoff to B"):
        Runner.run_sync(a, "hi")
    invoke: Any = a.handoffs[0].on_invoke_handoff
    with pytest.raises(ModelBehaviorError, match="handoff to B"):
        invoke(RunContextWrapper(None), arguments or None)


def test_an_error_in_the_callback_fails_the_run() -> None:
    def fail(context: Any) -> None:
        raise LookupError("of its own")

    a, _, _ = pair([handoff_to("B")], on_handoff=fail)
    with recorded_spans() as spans, pytest.raises(LookupError, match="of its own"):
        Runner.run_sync(a, "hi")
    assert spans.open == []


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("is_offered", [False, True])
def test_a_function_decides_whether_a_handoff_is_offered(is_async: bool, is_offered: bool) -> None:
    def decide(context: Any, agent: Any) -> bool:
        assert agent.name == "A"
        return bool(context.context)

    async def decide_async(context: Any, agent: Any) -> bool:
        return decide(context, agent)

    a, _, model = pair(["ok"], is_enabled=decide_async if is_async else decide)
    Runner.run_sync(a, "hi", context=is_offered)
    assert len(model.requests[0].handoffs) == is_offered


def test_whether_a_handoff_is_offered_is_asked_on_every_turn() -> None:
    answers = iter([True, False])
    a, _, model = pair(
        [call("add", a=1, b=2), "ok"], is_enabled=lambda context, agent: next(answers)
    )
    Runner.run_sync(a, "hi")
    assert [len(request.handoffs) for request in model.requests] == [1, 0]


def test_a_handoff_made_by_hand_decides_who_takes_over() -> None:
    model = ScriptedModel([call("route", who="C"), "ok"])
    agents = {name: Agent(name=name, model=model) for name in "BC"}

    def route(context: Any, arguments: str) -> Agent[Any]:
        return agents["C" if "C" in arguments else "B"]

    made = Handoff("route", "Routes.", {"type": "object", "properties": {}}, route, "B or C")
    result = Runner.run_sync(Agent(name="A", model=model, handoffs=[made]), "hi")
    assert result.last_agent is agents["C"]
    assert result.new_items[1].raw_item.output == '{"assistant":"C"}'


def test_a_handoff_must_lead_to_an_agent() -> None:
    made: Any = Handoff("route", "Routes.", EMPTY_SCHEMA, lambda context, arguments: "B", "B")
    agent = Agent(name="A", model=ScriptedModel([call("route")]), handoffs=[made])
    with pytest.raises(UserError, match="route must lead to an Agent"):
        Runner.run_sync(agent, "hi")


# Several at once


@every_stream
def test_second_handoff_in_a_turn_is_answered_but_not_followed(read: Any) -> None:
    called = []
    model = ScriptedModel([[handoff_to("C"), handoff_to("B"), handoff_to("D")], "ok"])

    def offer(name: str) -> Any:
        return handoff(Agent(name=name, model=model), on_handoff=lambda _: called.append(name))

    offers = [offer(name) for name in "BCD"]
    with recorded_spans() as spans:
        events, result = read(Agent(name="A", model=model, handoffs=offers), "hi")
    assert called == ["C"]
    assert result.last_agent.name == "C"
    ignored = "Multiple handoffs detected, ignoring this one."
    outputs = [item for item in result.new_items if "output" in item.raw_item]
    assert types(outputs) == ["tool_call_output", "tool_call_output", "handoff_output"]
    assert [item.raw_item.output for item in outputs] == [ignored, ignored, '{"assistant":"C"}']
    calls = [item.raw_item.call_id for item in result.new_items if item.type == "handoff_call_item"]
    assert [item.raw_item.call_id for item in outputs] == [calls[1], calls[2], calls[0]]
    span = spans.spans[spans.names.index("handoff")]
    assert span.error["message"] == "Multiple handoffs requested"
    assert span.error["data"] == {"requested_agents": ["C", "B", "D"]}
    names = [event.name for event in events if event.type == "run_item_stream_event"]
    assert names == [
        *["handoff_requested"] * 3,
        *["tool_output"] * 2,
        "handoff_occured",
        "message_output_created",
    ]


@every_driver
def test_tools_asked_for_beside_a_handoff_are_called_first(run: Any) -> None:
    a, b, model = pair([[handoff_to("B"), call("add", a=1, b=2)], "ok"])
    result = run(a, "hi")
    assert types(result.new_items)[:4] == [
        "handoff_call",
        "tool_call",
        "tool_call_output",
        "handoff_output",
    ]
    assert result.last_agent is b
    outputs = [item["output"] for item in model.requests[1].input[3:]]
    assert outputs == ["3", '{"assistant":"B"}']


@pytest.mark.parametrize("behavior", ["stop_on_first_tool", {"stop_at_tool_names": ["add"]}])
def test_a_handoff_goes_before_what_tools_decide(behavior: Any) -> None:
    a, b, _ = pair([[call("add", a=1, b=2), handoff_to("B"), text("3")], "ok"])
    a.tool_use_behavior = behavior
    assert Runner.run_sync(a, "hi").last_agent is b


def test_agents_may_hand_over_in_circles() -> None:
    a, b, model = pair([handoff_to("B"), handoff_to("A"), "ok"])
    b.handoffs = [a]
    result = Runner.run_sync(a, "hi")
    assert result.last_agent is a
    assert len(model.requests[2].input) == 5


# Filters


def test_without_a_filter_the_next_agent_sees_everything() -> None:
    a, _, model = pair([[reasoning("hm"), call("add", a=1, b=2)], handoff_to("B"), "ok"])
    Runner.run_sync(a, "hi")
    assert kinds(model.requests[2].input) == [
        "user",
        "reasoning",
        "function_call",
        "function_call_output",
        "function_call",
        "function_call_output",
    ]


@every_driver
@pytest.mark.parametrize("is_async", [False, True])
def test_a_filter_shapes_what_is_sent_and_never_the_record(run: Any, is_async: bool) -> None:
    def last_word(data: HandoffInputData) -> HandoffInputData:
        return data.clone(input_history="Go on.", pre_handoff_items=(), new_items=())

    async def last_word_async(data: HandoffInputData) -> HandoffInputData:
        return last_word(data)

    session = SQLiteSession("s")
    a, _, model = pair(
        [call("add", a=1, b=2), handoff_to("B"), "ok"],
        input_filter=last_word_async if is_async else last_word,
    )
    result = run(a, "hi", session=session)
    assert model.requests[2].input == [{"role": "user", "content": "Go on."}]
    whole = ["user", *["function_call", "function_call_output"] * 2, "assistant"]
    assert kinds(result.to_input_list()) == kinds(session.get_items()) == whole
    assert len(result.new_items) == 5


@pytest.mark.parametrize("given", ["hi", [{"role": "user", "content": "hi"}]])
def test_a_filter_is_given_the_conversation_in_three_parts(given: Any) -> None:
    seen: list[HandoffInputData] = []

    def look(data: HandoffInputData) -> HandoffInputData:
        seen.append(data)
        return data

    script = [call("add", a=1, b=2), [text("so"), handoff_to("B")], "ok"]
    a, _, model = pair(script, input_filter=look)
    Runner.run_sync(a, given, context="ctx")
    (data,) = seen
    assert data.input_history == (given if isinstance(given, str) else tuple(given))
    assert types(list(data.pre_handoff_items)) == ["tool_call", "tool_call_output"]
    assert types(list(data.new_items)) == ["message_output", "handoff_call", "handoff_output"]
    assert data.run_context is not None
    assert data.run_context.context == "ctx"
    assert dataclasses.is_dataclass(data)
    assert kinds(model.requests[2].input) == [
        "user",
        "function_call",
        "function_call_output",
        "assistant",
        "function_call",
        "function_call_output",
    ]


def test_a_second_filter_sees_what_the_first_one_left() -> None:
    seen: list[HandoffInputData] = []

    def look(data: HandoffInputData) -> HandoffInputData:
        seen.append(data)
        return data

    a, b, model = pair([call("add", a=1, b=2), handoff_to("B"), handoff_to("C"), "ok"])
    a.handoffs = [handoff(b, input_filter=remove_all_tools)]
    b.handoffs = [handoff(Agent(name="C", model=model), input_filter=look)]
    Runner.run_sync(a, "hi")
    assert seen[0].input_history == "hi"
    assert seen[0].pre_handoff_items == ()
    assert types(list(seen[0].new_items)) == ["handoff_call", "handoff_output"]


def test_the_handoff_s_own_filter_goes_before_the_run_s() -> None:
    def say(words: str) -> Any:
        return lambda data: data.clone(
            input_history=words, pre_handoff_items=(), new_items=()
        )

    for own, expected in [(None, "the run's"), (say("its own"), "its own")]:
        a, _, model = pair([handoff_to("B"), "ok"], input_filter=own)
        Runner.run_sync(a, "hi", run_config=RunConfig(handoff_input_filter=say("the run's")))
        assert model.requests[1].input == [{"role": "user", "content": expected}]


def test_a_filter_counts_whatever_its_truth() -> None:
    class Folding(list[Any]):
        def __call__(self, data: Any) -> Any:
            return nest_handoff_history(data)

    a, _, model = pair([handoff_to("B"), "ok"], input_filter=Folding())
    Runner.run_sync(a, "hi", run_config=RunConfig(handoff_input_filter=lambda data: data))
    assert len(model.requests[1].input) == 1


@pytest.mark.parametrize(
    "option", ["previous_response_id", "conversation_id", "auto_previous_response_id"]
)
def test_a_filter_cannot_change_what_the_server_keeps(
    option: str, caplog: pytest.LogCaptureFixture
) -> None:
    a, _, _ = pair([handoff_to("B")], input_filter=remove_all_tools)
    with pytest.raises(UserError, match="filter"):
        Runner.run_sync(a, "hi", **{option: "id_1"})  # type: ignore[arg-type]
    a, b, _ = pair([handoff_to("B"), "ok"], nest_handoff_history=True)  # may be of the whole run
    assert Runner.run_sync(a, "hi", **{option: "id_1"}).last_agent is b  # type: ignore[arg-type]
    assert "nest_handoff_history" in caplog.text


def test_a_filter_must_return_the_conversation() -> None:
    a, _, _ = pair([handoff_to("B")], input_filter=lambda data: None)
    with pytest.raises(UserError, match="must return HandoffInputData"):
        Runner.run_sync(a, "hi")


@pytest.mark.parametrize(
    "changes",
    [
        {"input_history": 5},
        {"input_history": [{"role": "user", "content": "Hi"}, "Hi"]},
        {"new_items": ({"role": "user", "content": "Hi"},)},
        {"pre_handoff_items": None},
    ],
    ids=str,
)
def test_a_filter_must_keep_to_the_kinds_of_the_parts(changes: dict[str, Any]) -> None:
    a, _, _ = pair([handoff_to("B")], input_filter=lambda data: data.clone(**changes))
    with pytest.raises(UserError, match=f"HandoffInputData: {next(iter(changes))} must be"):
        Runner.run_sync(a, "hi")


def test_what_a_filter_broke_is_mended() -> None:
    def drop_outputs(data: HandoffInputData) -> HandoffInputData:
        return data.clone(new_items=data.new_items[:1])

    a, _, model = pair([handoff_to("B"), "ok"], input_filter=drop_outputs)
    Runner.run_sync(a, "hi")
    assert kinds(model.requests[1].input) == ["user"]


def test_callback_output_hooks_and_filter_come_in_that_order() -> None:
    order: list[str] = []

    class Hooks(RunHooks[Any]):
        def on_handoff(self, context: Any, source: Any, target: Any) -> None:
            order.append(f"run hook {source.name} to {target.name}")

    class OfB(AgentHooks[Any]):
        def on_handoff(self, context: Any, agent: Any, source: Any) -> None:
            order.append(f"agent hook {agent.name} from {source.name}")

    def look(data: HandoffInputData) -> HandoffInputData:
        order.append("filter")
        return data

    a, _, _ = pair(
        [handoff_to("B"), "ok"],
        of_b={"hooks": OfB()},
        on_handoff=lambda context: order.append("callback"),
        input_filter=look,
    )
    for event in Runner.stream(a, "hi", hooks=Hooks()):
        if event.type == "run_item_stream_event" and event.name == "handoff_occured":
            order.append("output")
    assert order == [
        "callback",
        "output",
        "run hook A to B",
        "agent hook B from A",
        "filter",
    ]


# Filters and prompts that come with the package


HISTORY = [
    {"role": "user", "content": "first"},
    {"type": "reasoning", "id": "rs_1", "summary": []},
    {"type": "function_call", "call_id": "c1", "name": "add", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c1", "output": "3"},
    {"type": "web_search_call", "id": "ws_1", "status": "completed"},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "3."}]},
    {"role": "user", "content": "second"},
]


@every_driver
@pytest.mark.parametrize("arguments", ["", " ", "{}", "null"])
def test_no_input_is_that_of_which_all_has_a_default(run: Any, arguments: str) -> None:
    class Note(BaseModel):
        urgent: bool = False

    got: list[Any] = []

    def note(context: Any, given: Note) -> None:
        got.append(given)

    script = [call("transfer_to_b", arguments), "ok"]
    a, _, _ = pair(script, on_handoff=note, input_type=Note)
    run(a, "hi")
    assert got == [Note()]


@pytest.mark.parametrize("given", ["second", HISTORY])
def test_remove_all_tools_leaves_messages_alone(given: Any) -> None:
    first = [reasoning("hm"), text("so"), call("add", a=1, b=2)]
    second = [text("then"), handoff_to("B")]
    a, _, model = pair([first, second, "ok"], input_filter=remove_all_tools)
    Runner.run_sync(a, given)
    before = ["user"] if given == "second" else ["user", "assistant", "user"]
    assert kinds(model.requests[2].input) == [*before, "assistant", "assistant"]


def test_a_conversation_is_folded_into_one_message() -> None:
    a, _, model = pair(
        [[text("so"), call("add", a=1, b=2)], handoff_to("B"), "ok"],
        input_filter=nest_handoff_history,
    )
    Runner.run_sync(a, HISTORY)
    (message,) = model.requests[2].input
    assert message["role"] == "user"
    lines = message["content"].splitlines()[1:]
    assert lines == ["user: first", "assistant: 3.", "user: second", "assistant: so"]


@pytest.mark.parametrize("input_filter", [remove_all_tools, nest_handoff_history])
def test_what_the_server_has_compacted_is_sent_on(input_filter: Any) -> None:
    earlier = {"type": "compaction", "id": "cmp_1", "encrypted_content": "e"}
    later = {"type": "compaction", "id": "cmp_2", "encrypted_content": "f"}
    script = [[later, call("add", a=1, b=2)], handoff_to("B"), "ok"]
    a, _, model = pair(script, input_filter=input_filter)
    Runner.run_sync(a, [earlier, {"role": "user", "content": "Hi"}])
    sent = model.requests[2].input
    assert [item for item in sent if item.get("type") == "compaction"] == [earlier, later]
    assert len(sent) == 3


@pytest.mark.parametrize("input_filter", [remove_all_tools, nest_handoff_history])
def test_what_the_user_has_added_to_the_run_is_sent_on(input_filter: Any) -> None:
    a, _, model = pair([call("add", a=1, b=2), handoff_to("B"), "ok"], input_filter=input_filter)
    state = stopped_after_the_turn(a, "Hi", "tool_output").to_state()
    state.add_input("And hurry.")
    Runner.run_sync(a, state)
    assert "And hurry." in str(model.requests[2].input)


def test_images_and_files_stay_behind_what_was_folded() -> None:
    image = {"type": "input_image", "image_url": "https://x/1.png"}
    file = {"type": "input_file", "file_id": "file_1"}
    said: Any = [
        {"role": "user", "content": [{"type": "input_text", "text": "Look:"}, image]},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        {"role": "user", "content": [file]},
        {"role": "user", "content": []},
    ]
    a, b, model = pair([handoff_to("B"), handoff_to("C"), "ok"])
    b.handoffs = [Agent(name="C", model=model)]
    Runner.run_sync(a, said, run_config=RunConfig(nest_handoff_history=True))
    for request in model.requests[1:]:
        (message,) = request.input
        transcript, *others = message["content"]
        lines = ["user: Look: [image 1]", "assistant: No.", "user: [file 2]", "user: (no text)"]
        assert transcript["text"].splitlines()[1:] == lines
        assert others == [image, file]


@every_driver
def test_a_filter_may_say_what_is_sent_beside_what_was_new(run: Any) -> None:
    def answers(data: HandoffInputData) -> HandoffInputData:
        said = tuple(item for item in data.new_items if item.type == "message_output_item")
        return data.clone(input_items=said)

    script = [call("add", a=1, b=2), [text("so"), handoff_to("B")], "ok"]
    for input_filter, sent in (
        (answers, ["user", "function_call", "function_call_output", "assistant"]),
        (lambda data: remove_all_tools(answers(data)), ["user", "assistant"]),
        (lambda data: nest_handoff_history(answers(data)), ["user"]),
    ):
        a, _, model = pair(script, input_filter=input_filter)
        result = run(a, "hi")
        assert kinds(model.requests[2].input) == sent
        assert "so" in str(model.requests[2].input)
        assert len(result.new_items) == 6
    with pytest.raises(UserError, match="input_items must be run items"):
        HandoffInputData("hi", (), (), input_items=("x",))  # type: ignore[arg-type]


async def first_item(items: list[Any]) -> list[Any]:
    return items[:1]


@pytest.mark.parametrize("mapper", [None, lambda items: items[:1], first_item])
def test_a_config_has_conversations_folded_where_handoffs_have_no_filter(mapper: Any) -> None:
    config = RunConfig(nest_handoff_history=True, handoff_history_mapper=mapper)
    a, _, model = pair([handoff_to("B"), "ok"])
    Runner.run_sync(a, HISTORY, run_config=config)
    (message,) = model.requests[1].input
    folded = ["user: first", "assistant: 3.", "user: second"]
    assert message["content"].splitlines()[1:] == (folded if mapper is None else [])
    for wrong in (None, "first", message):
        config.handoff_history_mapper = lambda items, wrong=wrong: wrong
        a, _, model = pair([handoff_to("B")])
        with pytest.raises(UserError, match="A history mapper must return input items, got"):
            Runner.run_sync(a, HISTORY, run_config=config)
    config.handoff_history_mapper = mapper
    a, _, model = pair([handoff_to("B"), "ok"], input_filter=remove_all_tools)
    Runner.run_sync(a, HISTORY, run_config=config)
    assert len(model.requests[1].input) == 3


@pytest.mark.parametrize("of_handoff", [True, False])
def test_a_handoff_may_differ_from_the_config_about_folding(of_handoff: bool) -> None:
    a, _, model = pair([handoff_to("B"), "ok"], nest_handoff_history=of_handoff)
    config = RunConfig(nest_handoff_history=not of_handoff)
    result = Runner.run_sync(a, HISTORY, run_config=config)
    sent = model.requests[1].input
    assert (len(sent) == 1) is of_handoff
    assert result.to_input_list(mode="normalized")[: len(sent)] == sent
    assert len(result.to_input_list()) == len(HISTORY) + 3
    with pytest.raises(UserError, match="mode must be 'preserve_all' or 'normalized'"):
        result.to_input_list(mode="all")  # type: ignore[arg-type]


def test_prompts_tell_of_handoffs() -> None:
    assert "transfer_to_" in RECOMMENDED_PROMPT_PREFIX
    prompt = prompt_with_handoff_instructions("Be kind.")
    assert prompt.startswith(RECOMMENDED_PROMPT_PREFIX)
    assert prompt.endswith("Be kind.")


def test_a_handoff_is_traced_under_the_agent_that_hands_over() -> None:
    a, _, _ = pair([handoff_to("B"), "ok"])
    with recorded_spans() as spans:
        Runner.run_sync(a, "hi")
    assert spans.names == ["agent A", "generation", "handoff", "agent B", "generation"]
    assert spans.parent_of("handoff") == "agent A"
    assert spans.parent_of("agent B") == "trace"
    span = spans.spans[2].span_data
    assert (span.from_agent, span.to_agent) == ("A", "B")
