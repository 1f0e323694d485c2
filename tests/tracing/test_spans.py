from __future__ import annotations

import asyncio
import contextvars
import random
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from agents_lite import Agent, Runner, function_tool
from agents_lite.testing import ScriptedModel, call, token_usage, turn
from agents_lite.tracing import (
    SpanData,
    agent_span,
    custom_span,
    function_span,
    generation_span,
    get_current_span,
    get_current_trace,
    guardrail_span,
    handoff_span,
    response_span,
    trace,
)


def test_spans_nest_and_tell_their_parents(remembered):
    with trace("W", metadata={"user": "u_1"}) as workflow:
        with agent_span("A") as agent, generation_span(model="m") as generation:
            assert get_current_span() is generation
        with agent_span("B") as second:
            pass
    assert (agent.parent_id, generation.parent_id, second.parent_id) == (None, agent.span_id, None)
    assert {span.trace_id for span in (agent, generation, second)} == {workflow.trace_id}
    assert generation.trace_metadata == {"user": "u_1"}


def test_export_is_the_json_of_the_traces_endpoint(remembered):
    before = datetime.now(UTC)
    with trace("W") as workflow, agent_span("A") as agent, function_span("add", "{}", "3") as span:
        pass
    exported = span.export()
    started, ended = (datetime.fromisoformat(exported.pop(k)) for k in ("started_at", "ended_at"))
    assert before.replace(microsecond=0) <= started <= ended <= datetime.now(UTC)
    assert re.fullmatch("span_[0-9a-f]{24}", span.span_id)
    assert exported == {
        "object": "trace.span",
        "id": span.span_id,
        "trace_id": workflow.trace_id,
        "parent_id": agent.span_id,
        "span_data": {"type": "function", "name": "add", "input": "{}", "output": "3"},
        "error": None,
    }


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (
            lambda: agent_span("A", handoffs=["B"], tools=["t"], output_type="int"),
            {
                "type": "agent",
                "name": "A",
                "handoffs": ["B"],
                "tools": ["t"],
                "output_type": "int",
            },
        ),
        (
            lambda: generation_span([{"role": "user"}], [{}], "m", {"t": 1}, {"input_tokens": 1}),
            {
                "type": "generation",
                "input": [{"role": "user"}],
                "output": [{}],
                "model": "m",
                "model_config": {"t": 1},
                "usage": {"input_tokens": 1},
            },
        ),
        (lambda: response_span(), {"type": "response", "response_id": None}),
        (
            lambda: guardrail_span("g", triggered=True),
            {"type": "guardrail", "name": "g", "triggered": True},
        ),
        (
            lambda: handoff_span("A", "B"),
            {"type": "handoff", "from_agent": "A", "to_agent": "B"},
        ),
        (
            lambda: custom_span("c", {"k": 1}),
            {"type": "custom", "name": "c", "data": {"k": 1}},
        ),
    ],
)
def test_each_kind_of_span_exports_its_own_fields(remembered, make, expected):
    with trace("W"), make() as span:
        pass
    assert span.export()["span_data"] == expected


def test_span_data_shows_itself_as_it_is_made(remembered):
    with trace("W"), function_span("add", input="{}") as span:
        assert repr(span.span_data) == "FunctionSpanData(name='add', input='{}')"


def test_span_data_of_one_s_own_needs_no_fields(remembered):
    class Visit(SpanData):
        type = "visit"

    assert (repr(Visit()), Visit().export()) == ("Visit()", {"type": "visit"})


def test_a_model_call_tells_its_span_what_was_counted_and_no_zeros(remembered):
    model = ScriptedModel([turn("Hi", usage=token_usage(9, 4, cached_tokens=3))])
    Runner.run_sync(Agent("A", model=model), "Hi")
    ended = [span.span_data for what, span in remembered.heard if what == "span_end"]
    [usage] = [told.usage for told in ended if told.type == "generation"]
    assert usage == {
        "input_tokens": 9,
        "output_tokens": 4,
        "total_tokens": 13,
        "model": "scripted",
        "input_tokens_details": {"cached_tokens": 3},
    }


def test_data_may_be_set_until_the_span_ends(remembered):
    with trace("W"), generation_span(model="m") as span:
        span.span_data.output = [{"type": "message"}]
        span.span_data.usage = {"input_tokens": 3}
    assert span.export()["span_data"]["usage"] == {"input_tokens": 3}


def test_exception_becomes_the_error_of_each_span_it_leaves(remembered):
    with pytest.raises(ValueError), trace("W"), agent_span("A") as outer, custom_span("c") as inner:
        raise ValueError("boom")
    expected = {"message": "boom", "data": {"type": "ValueError"}}
    assert (inner.error, outer.export()["error"]) == (expected, expected)


def test_exception_does_not_replace_an_error_set_before(remembered):
    with pytest.raises(KeyError), trace("W"), custom_span("c") as span:
        span.set_error({"message": "mine", "data": None})
        raise KeyError("theirs")
    assert span.error == {"message": "mine", "data": None}


def test_closing_a_generator_is_no_error(remembered):
    def work():
        with trace("W"), custom_span("c") as span:
            yield span

    generator = work()
    span = next(generator)
    generator.close()
    assert span.error is None
    assert remembered.events[-2:] == ["span_end", "trace_end"]
    assert get_current_trace() is None


def test_generator_closed_in_another_context_leaves_no_finished_trace_current(remembered):
    def work():
        with trace("Abandoned"), custom_span("c"):
            yield

    generator = work()
    next(generator)
    contextvars.copy_context().run(generator.close)
    assert get_current_trace() is None
    with trace("Next") as following, custom_span("d") as span:
        assert span.trace_id == following.trace_id
    assert span.parent_id is None


def test_what_was_left_open_in_a_block_is_not_current_behind_it(remembered):
    @function_tool(failure_error_function=lambda context, error: "failed")
    def careless():
        custom_span("never finished").start(mark_as_current=True)
        raise ValueError

    agent = Agent("A", model=ScriptedModel([call("careless"), "done"]), tools=[careless])
    with trace("W"):
        Runner.run_sync(agent, "go")
    spans = remembered.spans
    assert spans["generation"].parent_id == spans["A"].span_id


def test_a_block_stays_current_where_a_generator_begun_before_ends_inside(remembered):
    def work():
        with custom_span("a"):
            yield

    with trace("W"):
        generator = _started(work())
        with custom_span("b") as around:
            generator.close()
            assert get_current_span() is around
        assert get_current_span() is None


def test_closing_elsewhere_does_not_disturb_what_is_current_there(remembered):
    def work():
        with trace("Abandoned"):
            yield

    generator = contextvars.copy_context().run(lambda: _started(work()))
    with trace("Mine") as mine:
        generator.close()
        assert get_current_trace() is mine


def _started(generator):
    next(generator)
    return generator


def test_span_outside_a_trace_is_harmless_and_not_recorded(remembered):
    with function_span("f", input="{}") as span:
        span.span_data.output = "x"
        assert get_current_span() is span
        assert get_current_trace() is None
    assert span.export() is None and span.trace_id is None
    assert remembered.events == []


def test_disabled_span_hides_what_is_inside(remembered):
    with trace("W"), custom_span("off", disabled=True), custom_span("inner") as inner:
        pass
    assert inner.export() is None
    assert remembered.events == ["trace_start", "trace_end"]


def test_start_and_finish_leave_the_current_span_alone(remembered):
    with trace("W"), agent_span("A") as agent:
        aside = custom_span("aside")
        aside.start()
        assert get_current_span() is agent
        aside.finish()
        assert get_current_span() is agent
    assert remembered.spans["aside"].parent_id == agent.span_id


def test_parent_may_be_named(remembered):
    with trace("W") as workflow, agent_span("A") as agent, agent_span("B"):
        assert custom_span("c", parent=agent).parent_id == agent.span_id
        assert custom_span("c", parent=workflow).parent_id is None


def test_own_span_id_is_kept_and_exported_in_a_valid_form(remembered):
    with trace("W"), custom_span("c", span_id="mine") as span, custom_span("d") as child:
        pass
    assert (span.span_id, child.parent_id) == ("mine", "mine")
    assert re.fullmatch("span_[0-9a-f]{24}", span.export()["id"])
    assert child.export()["parent_id"] == span.export()["id"]


def test_spans_under_a_new_trace_have_no_parent_in_the_outer_one(remembered):
    with trace("Outer"), agent_span("A"), trace("Inner") as inner, custom_span("c") as span:
        assert (span.trace_id, span.parent_id) == (inner.trace_id, None)


def test_span_finished_in_a_copy_of_the_context_is_current_nowhere(remembered):
    with trace("W"), agent_span("A") as agent:
        tool = function_span("t")
        tool.start(mark_as_current=True)
        contextvars.copy_context().run(tool.finish, True)
        assert get_current_span() is agent


def test_spans_in_threads_with_a_copied_context_keep_their_parents(remembered):
    def tool(number):
        with function_span(f"tool{number}") as span:
            return span.parent_id, get_current_span() is span

    with trace("W"), agent_span("A") as agent, ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(contextvars.copy_context().run, tool, n) for n in range(50)]
        assert {call.result() for call in calls} == {(agent.span_id, True)}


def test_concurrent_tasks_do_not_mix_their_traces(remembered):
    async def work(name):
        with trace(name) as workflow:
            for _ in range(3):
                with agent_span(name) as span:
                    await asyncio.sleep(0)
                    assert span.trace_id == workflow.trace_id
                    assert get_current_span() is span

    async def all_at_once():
        await asyncio.gather(*(work(f"w{n}") for n in range(20)))

    asyncio.run(all_at_once())
    for event, item in remembered.heard:
        if event == "span_end":
            assert item.span_data.name == item.trace.name


def test_threads_without_a_copied_context_have_no_current_trace(remembered):
    seen = []
    with trace("W"):
        thread = threading.Thread(target=lambda: seen.append(get_current_trace()))
        thread.start()
        thread.join()
    assert seen == [None]


def test_ids_stay_unique_when_the_program_seeds_its_random_numbers(remembered):
    random.seed(1)
    first = trace("W").trace_id
    random.seed(1)
    assert trace("W").trace_id != first


def test_disabled_spans_have_no_ids_of_their_own(remembered):
    with trace("W", disabled=True), custom_span("a") as first, custom_span("b") as second:
        pass
    assert (first.span_id, second.span_id, second.parent_id) == ("no-op", "no-op", "no-op")


def test_disabled_spans_keep_neither_times_nor_errors(remembered):
    with pytest.raises(LookupError), trace("W", disabled=True), custom_span("a") as span:
        span.set_error({"message": "mine", "data": None})
        raise LookupError
    assert (span.started_at, span.ended_at, span.error) == (None, None, None)
