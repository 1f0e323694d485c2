"""Costs beside those of LiteLLM's `cost_per_token`, over every chat model that both know.

The two go by tables of prices that different people keep, and those differ for some models. So it
is shown that the same rates give the same cost, and that hardly any of the rates differ.

    LITELLM_PYTHON=path/to/bin/python pytest -s tests/other_servers/litellm_prices.py
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agents_lite import Price, RequestUsage, set_prices
from agents_lite.testing import token_usage
from agents_lite.usage import usage_of_request

PYTHON = os.environ.get("LITELLM_PYTHON", ".venv-litellm/bin/python")
HOSTS = {
    "anthropic": "api.anthropic.com",
    "cerebras": "api.cerebras.ai",
    "deepseek": "api.deepseek.com",
    "fireworks_ai": "api.fireworks.ai",
    "gemini": "generativelanguage.googleapis.com",
    "groq": "api.groq.com",
    "mistral": "api.mistral.ai",
    "moonshot": "api.moonshot.ai",
    "openai": "api.openai.com",
    "perplexity": "api.perplexity.ai",
    "together_ai": "api.together.xyz",
    "xai": "api.x.ai",
}
USAGES = [  # sent, of which cached and written; received, of which reasoning; written for an hour
    [1000, 0, 0, 500, 0, 0],
    [1000, 400, 0, 500, 0, 0],
    [1000, 400, 0, 500, 200, 0],
    [1000, 400, 300, 500, 200, 0],
    [1000, 400, 300, 500, 200, 200],
    [300_000, 100_000, 50_000, 2000, 1000, 0],
]
SOURCE = "input_cost_per_token output_cost_per_token cache_read_input_token_cost".split()
WRITTEN = "cache_creation_input_token_cost"
FOR_AN_HOUR = "cache_creation_input_token_cost_above_1hr"
REASONING = "output_cost_per_reasoning_token"
MANY_AGREE = {"anthropic": 1, "openai": 0.95, "gemini": 0.95, "cerebras": 1, "groq": 0.85}
"""The least share of models whose costs are to be the same in every usage below 200,000 tokens."""

Known = list[dict[str, Any]]


@pytest.fixture(scope="module")
def known() -> Known:
    """What LiteLLM says."""
    asked = json.dumps({"providers": list(HOSTS), "usages": USAGES})
    program = Path(__file__).with_name("litellm_rates.py")
    done = subprocess.run(
        [PYTHON, program], input=asked, capture_output=True, text=True, check=True
    )
    found: Known = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)
    set_prices({})


def request_of(each: dict[str, Any], counts: list[int]) -> RequestUsage:
    sent, cached, written, received, reasoning, for_an_hour = counts
    usage = token_usage(
        sent,
        received,
        cached_tokens=cached,
        cache_write_tokens=written,
        cache_write_1h_tokens=for_an_hour,
        reasoning_tokens=reasoning,
    )
    response = {"model": each["model"], "usage": usage}
    (entry,) = usage_of_request(response, None, HOSTS[each["provider"]]).request_usage_entries
    return entry


def test_the_same_rates_give_the_same_cost(known: Known) -> None:
    compared = 0
    for each in known:
        rates = each["rates"]
        is_flat = not any(
            ("above" in name and name != FOR_AN_HOUR) or "peak" in name for name in rates
        )
        if not is_flat or not all(rates.get(name) for name in SOURCE):
            continue
        if each["provider"] == "perplexity" or not each["costs"][0]:
            continue  # where LiteLLM takes cached tokens for fresh ones; what it gives away
        sent, received, cached = (rates[name] * 1e6 for name in SOURCE)
        written = None if rates.get(WRITTEN) is None else rates[WRITTEN] * 1e6
        reasoning = None if rates.get(REASONING) is None else rates[REASONING] * 1e6
        hour = None if rates.get(FOR_AN_HOUR) is None else rates[FOR_AN_HOUR] * 1e6
        price = Price(sent, received, cached, written, reasoning, cache_write_1h=hour)
        set_prices({each["model"]: price})
        for counts, theirs in zip(USAGES, each["costs"], strict=True):
            if theirs is not None and (written is not None or not counts[2]):
                ours = request_of(each, counts).cost
                assert ours == pytest.approx(theirs, rel=1e-6), (each, counts)
                compared += 1
    assert compared > 500


def test_the_tables_hardly_differ(known: Known) -> None:
    counted: Counter[tuple[str, str]] = Counter()
    for each in known:
        costs = [
            (request_of(each, counts).cost, theirs)
            for counts, theirs in zip(USAGES[:-1], each["costs"], strict=False)
        ]
        if any(ours is None or theirs is None for ours, theirs in costs):
            verdict = "known to one"
        elif all(ours == pytest.approx(theirs, rel=1e-6) for ours, theirs in costs):
            verdict = "same"
        else:
            verdict = "other rates"
            print(each["provider"], each["model"], costs)
        counted[each["provider"], verdict] += 1
    for provider in HOSTS:
        same, other = counted[provider, "same"], counted[provider, "other rates"]
        print(f"{provider}: {same} same, {other} other, {counted[provider, 'known to one']} one")
        assert same >= MANY_AGREE.get(provider, 0) * (same + other), provider
