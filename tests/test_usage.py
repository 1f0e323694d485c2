"""Counting requests and tokens."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from agents_lite import (
    Agent,
    InputTokensDetails,
    OutputTokensDetails,
    RequestUsage,
    Usage,
    function_tool,
)
from agents_lite.testing import ScriptedModel, call, handoff_to, token_usage, turn
from agents_lite.usage import known_counts, usage_of_request
from tests.support.drivers import every_driver

FULL = token_usage(100, 20, cached_tokens=60, cache_write_tokens=7, reasoning_tokens=8)


@pytest.mark.parametrize(
    ("reported", "counts"),
    [
        (FULL, (100, 20, 120, 60, 8)),
        ({"input_tokens": 3, "output_tokens": 4}, (3, 4, 7, 0, 0)),
        ({"input_tokens": 3, "input_tokens_details": None, "total_tokens": 5}, (3, 0, 5, 0, 0)),
        ({"output_tokens_details": {"reasoning_tokens": None}}, (0, 0, 0, 0, 0)),
        ({"input_tokens": 3.0, "output_tokens": "4"}, (3, 4, 7, 0, 0)),
        ({"input_tokens": "many", "output_tokens": float("inf")}, (0, 0, 0, 0, 0)),
        (
            {
                "prompt_tokens": 3,
                "completion_tokens": 4,
                "prompt_tokens_details": {"cached_tokens": 2},
                "completion_tokens_details": {"reasoning_tokens": 1},
            },
            (3, 4, 7, 2, 1),
        ),
        ({}, (0, 0, 0, 0, 0)),
        (None, (0, 0, 0, 0, 0)),
    ],
)
def test_the_usage_of_a_request(reported: Any, counts: tuple[int, ...]) -> None:
    usage = usage_of_request({"usage": reported})
    assert usage.requests == 1
    assert counts == (
        usage.input_tokens,
        usage.output_tokens,
        usage.total_tokens,
        usage.input_tokens_details.cached_tokens,
        usage.output_tokens_details.reasoning_tokens,
    )
    (entry,) = usage.request_usage_entries
    assert (entry.input_tokens, entry.output_tokens, entry.total_tokens) == counts[:3]


def test_tokens_have_their_older_names_too() -> None:
    usage = usage_of_request({"usage": FULL})
    assert (usage.prompt_tokens, usage.completion_tokens) == (100, 20)


def test_an_entry_of_a_class_of_ones_own_stays_what_it_is() -> None:
    class Billed(RequestUsage):
        pass

    entry = Billed(1, 1, 2)
    (kept,) = Usage(request_usage_entries=[entry]).request_usage_entries
    assert kept is entry


def test_usages_add_up() -> None:
    total = Usage()
    total.add(usage_of_request({"usage": FULL}))
    total.add(usage_of_request({"usage": token_usage(1, 1)}))
    assert (total.requests, total.input_tokens, total.output_tokens) == (2, 101, 21)
    assert total.total_tokens == 122
    assert total.input_tokens_details == InputTokensDetails(cached_tokens=60, cache_write_tokens=7)
    assert total.output_tokens_details.reasoning_tokens == 8
    assert [entry.total_tokens for entry in total.request_usage_entries] == [120, 2]


def test_a_usage_can_be_dumped_and_read_back() -> None:
    usage = usage_of_request({"usage": FULL})
    dumped = usage.model_dump()
    assert dumped["total_tokens"] == 120
    assert dumped["input_tokens_details"] == {
        "cached_tokens": 60,
        "cache_write_tokens": 7,
        "cache_write_1h_tokens": 0,
    }
    assert Usage.model_validate(dumped) == usage


@every_driver
def test_a_run_counts_by_agent_and_by_request(run: Any) -> None:
    model = ScriptedModel(
        [
            turn(call("f"), usage=FULL),
            turn(handoff_to("B"), usage=None),
            turn("ok", usage=token_usage(1, 1)),
        ]
    )
    tool = function_tool(lambda: 1, name_override="f")
    agent = Agent(name="A", model=model, tools=[tool], handoffs=[Agent(name="B", model=model)])
    result = run(agent, "hi")
    assert (result.usage.requests, result.usage.total_tokens) == (3, 122)
    assert [entry.total_tokens for entry in result.usage.request_usage_entries] == [120, 0, 2]
    by_agent = result.usage_by_agent
    assert {name: (use.requests, use.total_tokens) for name, use in by_agent.items()} == {
        "A": (2, 120),
        "B": (1, 2),
    }
    assert result.context_wrapper.usage_by_agent is by_agent
    assert [response.usage.total_tokens for response in result.raw_responses] == [120, 0, 2]


def test_what_sums_have_in_common_cannot_be_changed() -> None:
    one = usage_of_request({"usage": {"input_tokens": 3, "output_tokens": 1}})
    total, other = Usage(), Usage()
    total.add(one)
    other.add(one)
    total.add(one)
    assert (len(other.request_usage_entries), other.input_tokens) == (1, 3)
    entry: Any = total.request_usage_entries[0]
    for changed, name in ((entry, "input_tokens"), (entry.input_tokens_details, "cached_tokens")):
        with pytest.raises(FrozenInstanceError):
            setattr(changed, name, 9)


def test_a_request_counted_by_hand_is_an_entry_too() -> None:
    total = Usage()
    total.add(Usage(requests=1, input_tokens=3, output_tokens=1, total_tokens=4))
    assert [entry.input_tokens for entry in total.request_usage_entries] == [3]
    assert isinstance(total.request_usage_entries[0], RequestUsage)


def test_counts_are_checked_by_pydantic_however_they_come() -> None:
    given: Any = {"requests": "1", "input_tokens": 3.0}
    usage = Usage(**given)
    assert (usage.requests, usage.input_tokens) == (1, 3)
    assert type(RequestUsage(reported_cost=1).reported_cost) is float
    untold: Any = {"input_tokens_details": None, "output_tokens_details": None}
    assert Usage(**untold) == Usage() and RequestUsage(**untold) == RequestUsage()
    entries: Any = [{"model": "m", "input_tokens": 2, "of_another_version": True}]
    for read in (
        Usage.model_validate({"request_usage_entries": entries}),
        Usage(request_usage_entries=entries),
    ):
        assert read.request_usage_entries == [RequestUsage(model="m", input_tokens=2)]
    wrongs: list[Any] = [
        {"input_tokens": "many"},
        {"input_tokens_details": 3},
        {"output_tokens": None},
    ]
    for wrong in wrongs:
        with pytest.raises(ValidationError):
            Usage(**wrong)
        with pytest.raises(ValidationError):
            RequestUsage.model_validate(wrong)


def test_a_usage_is_a_field_of_the_users_models_too() -> None:
    class Line(BaseModel):
        used: Usage

    line = Line(used=usage_of_request({"usage": FULL, "model": "m"}))
    assert Line.model_validate_json(line.model_dump_json()) == line
    assert Usage.model_validate_json(line.used.model_dump_json(exclude_defaults=True)) == line.used
    assert line.used.model_copy(update={"requests": 2}).requests == 2
    assert line.used.requests == 1


@pytest.mark.parametrize("counts", [{}, {"usage": FULL, "model": "m"}])
def test_what_is_written_of_a_usage_is_what_pydantic_would_write(counts: dict[str, Any]) -> None:
    usage = usage_of_request(counts)
    usage.add(usage_of_request({"usage": {**FULL, "cost": 0.5}, "service_tier": "flex"}, "n"))
    usage.note = object()  # type: ignore[attr-defined]  # as a model of the user's may keep there
    for each in (usage, *usage.request_usage_entries, Usage()):
        assert known_counts(each) == each.model_dump(exclude_defaults=True)


def test_a_usage_is_copied_and_described_as_models_are() -> None:
    usage = usage_of_request({"usage": FULL})
    copied = usage.model_copy(deep=True, update={"requests": 3})
    copied.add(usage)
    assert (copied.requests, usage.requests) == (4, 1)
    assert (len(copied.request_usage_entries), len(usage.request_usage_entries)) == (2, 1)
    assert usage.model_dump().keys() == Usage.model_json_schema()["properties"].keys()


def test_details_may_come_as_objects_of_another_package() -> None:
    class Details:
        cached_tokens = 3
        reasoning_tokens = 2

    usage = Usage(input_tokens_details=Details(), output_tokens_details=Details())  # type: ignore[arg-type]
    assert usage.input_tokens_details == InputTokensDetails(cached_tokens=3)
    assert usage.output_tokens_details.reasoning_tokens == 2


def test_details_of_which_a_server_tells_nothing_count_0() -> None:
    class Untold:
        cached_tokens = reasoning_tokens = None

    nothing: Any
    for nothing in (Untold(), {"cached_tokens": None, "reasoning_tokens": None}):
        usage = Usage(requests=1, input_tokens_details=nothing, output_tokens_details=nothing)
        assert usage == Usage(requests=1)
    untold: Any = None
    assert InputTokensDetails(cached_tokens=untold) == InputTokensDetails()
    assert OutputTokensDetails(reasoning_tokens=untold) == OutputTokensDetails()
