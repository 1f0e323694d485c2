"""Prints what LiteLLM knows of chat models, and what it says that usages cost, as JSON.

It runs where LiteLLM is installed; see litellm_prices.py.
"""

from __future__ import annotations

import json
import os
import sys

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # no connection

from litellm import cost_per_token, model_cost
from litellm.types.utils import (
    CacheCreationTokenDetails,
    CompletionTokensDetailsWrapper,
    PromptTokensDetailsWrapper,
    Usage,
)


def cost(provider: str, model: str, counts: list[int]) -> float | None:
    sent, cached, written, received, reasoning, for_an_hour = counts
    usage = Usage(
        prompt_tokens=sent,
        completion_tokens=received,
        total_tokens=sent + received,
        prompt_tokens_details=PromptTokensDetailsWrapper(
            cached_tokens=cached,
            cache_creation_tokens=written,
            cache_creation_token_details=CacheCreationTokenDetails(
                ephemeral_5m_input_tokens=written - for_an_hour,
                ephemeral_1h_input_tokens=for_an_hour,
            )
            if for_an_hour
            else None,
        ),
        completion_tokens_details=CompletionTokensDetailsWrapper(reasoning_tokens=reasoning),
        cache_read_input_tokens=cached,
        cache_creation_input_tokens=written,
    )
    try:
        return sum(cost_per_token(model, custom_llm_provider=provider, usage_object=usage))
    except Exception:
        return None


def main() -> None:
    asked = json.load(sys.stdin)
    found = []
    for name, facts in model_cost.items():
        provider = facts.get("litellm_provider")
        if facts.get("mode") in ("chat", "responses") and provider in asked["providers"]:
            model = name.removeprefix(f"{provider}/")
            costs = [cost(provider, model, counts) for counts in asked["usages"]]
            rates = {key: value for key, value in facts.items() if "cost" in key or "peak" in key}
            found.append({"provider": provider, "model": model, "costs": costs, "rates": rates})
    print(json.dumps(found))


if __name__ == "__main__":
    main()
