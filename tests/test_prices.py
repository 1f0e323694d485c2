"""What requests cost: by the table of genai-prices, by prices of one's own, or as reported."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from agents_lite import (
    Agent,
    Model,
    ModelRequest,
    Price,
    RequestUsage,
    ResponsesClient,
    RunConfig,
    Runner,
    Usage,
    UsageLimitExceeded,
    UsageLimits,
    UserError,
    function_tool,
    prices,
    set_prices,
)
from agents_lite.models.openai_responses import OpenAIResponsesModel
from agents_lite.testing import ResponsesServer, ScriptedModel, call, token_usage, turn
from agents_lite.usage import usage_of_request
from tests.support.agents import agent_with, agent_with_tool
from tests.support.drivers import every_driver

FULL = token_usage(1000, 500, cached_tokens=400, cache_write_tokens=300, reasoning_tokens=200)


@pytest.fixture(autouse=True)
def nothing_set_or_told() -> Iterator[None]:
    prices._told.clear()
    yield
    set_prices({})


def request_of(model: str, usage: Any = FULL, **facts: Any) -> RequestUsage:
    hostname = facts.pop("hostname", None)
    response = {"model": model, "usage": usage, **facts}
    return usage_of_request(response, None, hostname).request_usage_entries[0]


def dollars(**per_million: tuple[int, float]) -> Any:
    return pytest.approx(sum(n * price for n, price in per_million.values()) / 1e6)


def test_cached_written_and_fresh_tokens_have_prices_of_their_own() -> None:
    cost = request_of("claude-sonnet-4-5").cost
    assert cost == dollars(fresh=(300, 3), cached=(400, 0.3), written=(300, 3.75), out=(500, 15))


def test_what_is_cached_for_an_hour_has_a_price_of_its_own() -> None:
    usage = token_usage(1000, 0, cache_write_tokens=300, cache_write_1h_tokens=200)
    cost = request_of("claude-sonnet-4-5", usage).cost
    assert cost == dollars(fresh=(700, 3), written=(100, 3.75), for_an_hour=(200, 6))
    set_prices({"m": Price(1, 2, cache_write=3), "n": Price(1, 2, cache_write=3, cache_write_1h=4)})
    assert request_of("m", usage).cost == dollars(fresh=(700, 1), written=(300, 3))
    assert request_of("n", usage).cost == dollars(fresh=(700, 1), a=(100, 3), b=(200, 4))


def test_what_was_said_of_models_does_not_pile_up(caplog: pytest.LogCaptureFixture) -> None:
    for number in range(prices.MOST_TOLD + 10):
        assert request_of(f"none-{number}").cost is None
    assert len(prices._told) <= prices.MOST_TOLD


def test_a_model_may_be_served_by_another_than_its_maker() -> None:
    assert request_of("openai/gpt-oss-120b").cost is None
    at_groq = request_of("openai/gpt-oss-120b", token_usage(1000, 500), hostname="api.groq.com")
    assert at_groq.cost == dollars(sent=(1000, 0.15), out=(500, 0.6))


def test_a_server_that_nobody_knows_is_priced_by_the_name_of_the_model() -> None:
    own, usual = (request_of("gpt-4o", hostname=each) for each in ("127.0.0.1", "api.openai.com"))
    assert own.cost == usual.cost == dollars(fresh=(600, 2.5), cached=(400, 1.25), out=(500, 10))


def test_batches_and_tiers_have_prices_of_their_own() -> None:
    plain = request_of("gpt-5").cost
    assert plain is not None
    assert request_of("gpt-5", service_tier="batch").cost == pytest.approx(plain / 2)
    assert request_of("gpt-5", service_tier="priority").cost == pytest.approx(plain * 2)


def test_own_prices_come_first_under_the_name_asked_for_too() -> None:
    set_prices({"deployment": Price(1, 10), "gpt-4o": Price(2, 20, 1, 4, 40)})
    assert request_of("gpt-4o").cost == dollars(
        fresh=(300, 2), cached=(400, 1), written=(300, 4), out=(300, 20), reasoning=(200, 40)
    )
    asked = usage_of_request({"model": "gpt-4o-2024-08-06", "usage": FULL}, "deployment")
    assert asked.cost == dollars(sent=(1000, 1), out=(500, 10))


def test_a_price_of_nothing_is_no_unknown_price() -> None:
    set_prices({"llama3.2": Price(0, 0)})
    assert request_of("llama3.2").cost == 0


def test_what_the_server_reports_is_what_it_costs() -> None:
    assert request_of("any/model", {**FULL, "cost": 0.25}).cost == 0.25
    assert request_of("gpt-4o", {**FULL, "cost": {"total": 0.25}}).cost == request_of("gpt-4o").cost


def test_an_unknown_model_costs_none_and_it_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    total = Usage()
    for name in ("gpt-4o", "nobody-knows-\x1bme", "nobody-knows-\x1bme"):
        total.add(usage_of_request({"model": name, "usage": FULL}))
    with caplog.at_level(logging.WARNING, "agents_lite"):
        assert (total.cost, total.cost) == (None, None)
    assert len([said for said in caplog.messages if r"nobody-knows-\x1bme" in said]) == 1
    assert total.request_usage_entries[0].cost is not None


def test_tokens_that_nobody_counted_cost_none() -> None:
    assert request_of("gpt-4o", None).cost is None
    assert Usage(requests=3, input_tokens=5).cost is None
    assert Usage().cost == 0


def test_counts_that_do_not_go_together_are_cut() -> None:
    odd = token_usage(100, 10, cached_tokens=400, reasoning_tokens=50)
    assert request_of("gpt-4o", odd).cost == dollars(cached=(100, 1.25), out=(10, 10))


def test_counts_below_0_have_no_price() -> None:
    assert request_of("gpt-4o", token_usage(100, -10)).cost is None


@pytest.mark.parametrize("price", [{"input": -1, "output": 1}, {"input": 1, "output": None}])
def test_a_price_is_a_number_from_0_on(price: Any) -> None:
    with pytest.raises(UserError, match="must be a number from 0 on"):
        Price(**price)


def test_a_table_holds_prices() -> None:
    with pytest.raises(UserError, match="The price of gpt-4o"):
        set_prices({"gpt-4o": 2.5})  # type: ignore[dict-item]


@every_driver
def test_a_run_costs_what_its_agents_cost(run: Any) -> None:
    set_prices({"scripted": Price(1, 10)})
    model = ScriptedModel(
        [
            turn(call("inner", input="x"), usage=token_usage(1000, 100)),
            turn("from within", usage=token_usage(2000, 200)),
            turn("done", usage=token_usage(3000, 300)),
        ]
    )
    inner = Agent(name="Inner", model=model).as_tool("inner", "Works.")
    result = run(Agent(name="Outer", model=model, tools=[inner]), "hi")
    assert result.cost == dollars(sent=(6000, 1), out=(600, 10))
    costs = {name: usage.cost for name, usage in result.usage_by_agent.items()}
    assert costs == {"Outer": pytest.approx(0.008), "Inner": pytest.approx(0.004)}
    assert [entry.cost for entry in result.usage.request_usage_entries] == [
        pytest.approx(0.002),
        pytest.approx(0.004),
        pytest.approx(0.006),
    ]


@every_driver
def test_a_limit_of_the_cost_stops_the_next_call_in_runs_within_too(run: Any) -> None:
    set_prices({"scripted": Price(1, 10)})
    model = ScriptedModel(
        [
            turn(call("inner", input="x"), usage=token_usage(1000, 100)),
            turn(call("f"), usage=token_usage(2000, 200)),
        ]
    )
    tool = function_tool(lambda: 1, name_override="f")
    inner = Agent(name="Inner", model=model, tools=[tool])
    outer = Agent(
        name="Outer",
        model=model,
        tools=[inner.as_tool("inner", "Works.", failure_error_function=None)],
    )
    config = RunConfig(usage_limits=UsageLimits(cost=0.005))
    with pytest.raises(UsageLimitExceeded, match=r"limit of \$0.0050; \$0.0060") as caught:
        run(outer, "hi", run_config=config)
    assert caught.value.run_data is not None
    assert caught.value.run_data.cost == pytest.approx(0.006)


def test_a_limit_counts_what_was_spent_before_a_pause() -> None:
    set_prices({"scripted": Price(1, 10)})
    ask = function_tool(lambda: 1, name_override="f", needs_approval=True)
    agent = agent_with([turn(call("f"), usage=token_usage(1000, 100))], tools=[ask])
    config = RunConfig(usage_limits=UsageLimits(cost=0.002))
    state = Runner.run_sync(agent, "hi", run_config=config).to_state()
    state = type(state).from_string(agent, state.to_string())
    state.approve(state.get_interruptions()[0])
    with pytest.raises(UsageLimitExceeded):
        Runner.run_sync(agent, state, run_config=config)


def test_under_a_limit_a_model_without_a_price_is_not_asked() -> None:
    config = RunConfig(usage_limits=UsageLimits(cost=1))
    with ResponsesServer(["never"]) as server:
        client = ResponsesClient(base_url=server.base_url, api_key="any")
        agent = Agent(name="A", model=OpenAIResponsesModel("nobody-knows-me", client))
        with pytest.raises(UserError, match="no price for the model of agent A, nobody-knows"):
            Runner.run_sync(agent, "hi", run_config=config)
        assert server.requests == []


def test_under_a_limit_a_model_without_a_name_is_not_asked() -> None:
    class Nameless(Model):
        def stream(self, request: ModelRequest) -> Any:
            raise AssertionError("not to be asked")

    config = RunConfig(usage_limits=UsageLimits(cost=1))
    with pytest.raises(UserError, match="no price for the model of agent A, which has no"):
        Runner.run_sync(Agent(name="A", model=Nameless()), "hi", run_config=config)


def test_under_a_limit_a_server_has_to_count() -> None:
    set_prices({"scripted": Price(1, 10)})
    agent = agent_with_tool([turn(call("f"), usage=None), "never"])
    config = RunConfig(usage_limits=UsageLimits(cost=1))
    with pytest.raises(UserError, match="is not known"):
        Runner.run_sync(agent, "hi", run_config=config)


def test_without_the_package_the_extra_is_named_and_own_prices_count() -> None:
    program = """
import sys
sys.modules["genai_prices"] = None
from importlib import util
util.find_spec = lambda name: None
from agents_lite import Price, RequestUsage, UserError, set_prices
entry = RequestUsage(model="gpt-4o", input_tokens=1_000_000)
try:
    entry.cost
except UserError as error:
    print(error)
set_prices({"gpt-4o": Price(3, 0)})
print(entry.cost)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines() == [
        "Costs need a table of prices: pip install 'agents_lite[prices]'",
        "3.0",
    ]


def test_no_run_loads_prices_unasked() -> None:
    program = """
import sys
from agents_lite import Agent, RunConfig, Runner, UsageLimits
from agents_lite.testing import ScriptedModel
agent = Agent(name="A", model=ScriptedModel(["hi"]))
Runner.run_sync(agent, "hi", run_config=RunConfig(usage_limits=UsageLimits(requests=3)))
print([name for name in sys.modules if "prices" in name])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
