"""Whatever a model says, a run keeps its promises."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from agents_lite import (
    Agent,
    AgentsException,
    MaxTurnsExceeded,
    ModelBehaviorError,
    RunConfig,
    Runner,
    SQLiteSession,
    function_tool,
    handoff,
)
from agents_lite.testing import (
    ScriptedModel,
    call,
    handoff_to,
    reasoning,
    refusal,
    text,
    token_usage,
    turn,
)
from agents_lite.testing.validation import check_items
from tests.support.drivers import async_for, for_loop, run, run_sync, stream
from tests.support.models import BluntModel
from tests.support.spans import Recorder, recorded_spans
from tests.support.threads import no_thread_left

MOST_TURNS = 6
FOREIGN = "never called"
DRIVERS = [run_sync, run, stream, for_loop, async_for]


class Sum(BaseModel):
    total: int


@pytest.fixture(scope="module", autouse=True)
def threads() -> Iterator[None]:
    with no_thread_left():
        yield


# What a model may say

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
call_ids = st.none() | st.sampled_from(["c1", "c2", "c3"])
arguments = (
    st.fixed_dictionaries({"a": st.integers(), "b": st.integers()}).map(json.dumps)
    | json_values.map(json.dumps)
    | st.text(max_size=8)
)
tool_calls = st.builds(call, st.sampled_from(["add", "add_async", "fail"]), arguments)
odd_calls = st.builds(
    lambda name, raw, call_id: call(name, raw, call_id=call_id),
    st.sampled_from(["add", "nope", "transfer_to_b", ""]),
    arguments,
    st.sampled_from(["c1", "c2", ""]),
)
handoffs = st.sampled_from([handoff_to("B"), handoff_to("C", total=1), handoff_to("C")])
messages = st.sampled_from(["ok", "", '{"total": 3}', '{"total": "x"}', "\ud800"]).map(text)
thoughts = st.builds(reasoning, st.text(max_size=3))
hosted = st.sampled_from(
    [
        {"type": "web_search_call", "id": "ws_1", "status": "searching"},
        {"type": "custom_tool_call", "call_id": "x1", "name": "shout", "input": "hey"},
        {"type": "computer_call", "call_id": "p1", "action": {"type": "wait"}},
        {"type": "mcp_approval_request", "id": "m1", "server_label": "s", "name": "n"},
        {"type": "function_call_output", "call_id": FOREIGN, "output": "nonsense"},
        {"type": "hologram", "beams": [{"hue": 3}]},
    ]
)
nonsense = st.fixed_dictionaries(
    {
        "role": st.just("assistant"),
        "arguments": arguments | json_values.filter(bool),
        "type": st.sampled_from(["message", "function_call", "reasoning", "?", None, 5]),
    },
    optional={
        "content": json_values,
        "name": json_values,
        "call_id": json_values,
        "summary": json_values,
    },
)
likely = tool_calls | handoffs | messages | thoughts
unlikely = odd_calls | hosted | st.just(refusal("I must not.")) | nonsense
usages = st.builds(token_usage, st.integers(0, 99), st.integers(0, 99)) | st.none()


def turns_of(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    outputs = st.lists(items, max_size=5)
    return st.builds(lambda output, usage: turn(*output, usage=usage), outputs, usages)


work = st.builds(lambda first, rest: turn(first, *rest), tool_calls, st.lists(likely, max_size=4))
turns = work | work | turns_of(likely) | turns_of(likely | unlikely)
scripts = st.lists(turns, min_size=1, max_size=MOST_TURNS)


# One run, and all that is known of it afterwards


class Story:
    """A run of a script: its outcome, its traces, what its tools were asked."""

    def __init__(self, script: list[Any], driver: Callable[..., Any], typed: bool, tell: bool):
        self.session = SQLiteSession("s")
        self.model = BluntModel([*script, *["the end"] * (MOST_TURNS + 1 - len(script))])
        self.result: Any = None
        self.error: AgentsException | None = None
        config = RunConfig(tool_not_found="tell_model" if tell else "raise")
        options = {"session": self.session, "max_turns": MOST_TURNS, "run_config": config}
        with recorded_spans() as self.spans:
            try:
                outcome = driver(self._agent(typed), "Hi", **options)
                self.result = outcome[1] if isinstance(outcome, tuple) else outcome
            except AgentsException as error:
                self.error = error

    def _agent(self, typed: bool) -> Agent[Any]:
        @function_tool
        def add(a: int, b: int) -> int:
            return a + b

        @function_tool
        async def add_async(a: int, b: int) -> int:
            return a + b

        @function_tool
        def fail() -> None:
            raise ValueError("broken")

        shared: dict[str, Any] = {
            "model": self.model,
            "tools": [add, add_async, fail],
            "output_type": Sum if typed else None,
        }
        third = Agent(name="C", **shared)
        to_third = handoff(third, input_type=Sum, on_handoff=lambda context, given: None)
        second = Agent(name="B", handoffs=[to_third], **shared)
        return Agent(name="A", handoffs=[second, to_third], **shared)

    @property
    def record(self) -> Any:
        """What the run has done, whether it went well or not."""
        return self.result if self.error is None else self.error.run_data


def check_outputs(new_items: list[Any], is_whole: bool) -> None:
    """Each call that the SDK has to answer has one output, later and in the calls' order."""
    called = Counter(
        item.raw_item.call_id
        for item in new_items
        if item.raw_item.get("type") in ANSWERED
    )
    answered = Counter(
        item.raw_item.call_id
        for item in new_items
        if item.type in ("tool_call_output_item", "handoff_output_item")
    )
    if is_whole:
        assert answered == called
    assert answered <= called


def check_order(new_items: list[Any]) -> None:
    """Outputs of functions come in the order of their calls, turn by turn."""
    called: list[str] = []
    answered: list[str] = []
    for item in new_items:
        if item.type == "tool_call_item" and item.raw_item.get("name") in KNOWN:
            called.append(item.raw_item.call_id)
        elif item.type == "tool_call_output_item" and item.raw_item.call_id in called:
            answered.append(item.raw_item.call_id)
    left = Counter(answered)  # of two calls with one id, it is the first that was answered
    in_order = []
    for call_id in called:
        if left[call_id]:
            left[call_id] -= 1
            in_order.append(call_id)
    assert answered == in_order


ANSWERED = ("function_call", "custom_tool_call")
OUTPUTS = ("function_call_output", "custom_tool_call_output")
KNOWN = ("add", "add_async", "fail")


def check_usage(story: Story) -> None:
    responses, usage = story.record.raw_responses, story.record.usage
    assert usage.requests == len(responses)
    for name in ("input_tokens", "output_tokens", "total_tokens"):
        assert getattr(usage, name) == sum(getattr(one.usage, name) for one in responses)


def check_spans(spans: Recorder) -> None:
    assert spans.open == []
    assert len(spans.traces) == 1
    assert all(span.export()["ended_at"] for span in spans.spans)


@given(
    script=scripts,
    driver=st.sampled_from(DRIVERS),
    typed=st.booleans(),
    tell=st.booleans(),
)
@settings(
    max_examples=300,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@example([turn(call("add", a=1, b=2), reasoning("and then?"))], run_sync, False, False)
@example([turn(handoff_to("C", total=1), call("add", "{"), handoff_to("B"))], stream, False, True)
@example([turn(call("add", call_id="c1"), call("fail", call_id="c1"))], async_for, False, False)
def test_a_run_keeps_its_promises(
    script: list[Any], driver: Callable[..., Any], typed: bool, tell: bool
) -> None:
    story = Story(script, driver, typed, tell)
    check_outputs(story.record.new_items, is_whole=story.error is None)
    check_order(story.record.new_items)
    check_usage(story)
    check_spans(story.spans)
    for request in story.model.requests:
        check_items(request.input, [])
    if story.error is None:
        check_items(story.result.to_input_list(), [])
    else:
        assert isinstance(story.error, ModelBehaviorError | MaxTurnsExceeded)
    check_session(story)


def check_session(story: Story) -> None:
    """The session holds whole turns, and the next run can go on from it."""
    stored = story.session.get_items()
    check_outputs_of_session(stored)
    model = ScriptedModel(["Welcome back."])
    again = Runner.run_sync(Agent(name="D", model=model), "And now?", session=story.session)
    assert again.final_output == "Welcome back."
    check_items(model.requests[0].input, [])


def check_outputs_of_session(stored: list[Any]) -> None:
    called = Counter(item["call_id"] for item in stored if item.get("type") in ANSWERED)
    answered = Counter(
        item["call_id"]
        for item in stored
        if item.get("type") in OUTPUTS and item["call_id"] != FOREIGN
    )
    assert called == answered
