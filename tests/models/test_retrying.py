"""Retries as model settings have them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agents_lite import (
    Agent,
    BadRequestError,
    InternalServerError,
    ModelRetryNormalizedError,
    ModelRetrySettings,
    ModelSettings,
    OpenAIResponsesModel,
    ResponsesClient,
    RetryDecision,
    RetryPolicyContext,
    Runner,
    UserError,
    retry_policies,
)
from agents_lite.retry import as_decision
from agents_lite.testing import ResponsesServer, status

QUICK = {"initial_delay": 0.001, "max_delay": 0.002, "multiplier": 1.5, "jitter": False}


def answer(retry: ModelRetrySettings, *script: Any) -> tuple[Any, int]:
    """The final output, or the error; and how many requests were made."""
    with ResponsesServer(script) as server:
        client = ResponsesClient(base_url=server.base_url, api_key="k", max_retries=0)
        settings = ModelSettings(retry=retry)
        agent = Agent(name="A", model=OpenAIResponsesModel("m", client), model_settings=settings)
        try:
            outcome = Runner.run_sync(agent, "Hi").final_output
        except Exception as error:
            outcome = error
    return outcome, len(server.requests)


def test_settings_say_how_often() -> None:
    retry = ModelRetrySettings(max_retries=2, backoff=QUICK)
    assert answer(retry, status(500), status(503), "Hello") == ("Hello", 3)
    outcome, tries = answer(retry, status(500), status(500), status(500))
    assert isinstance(outcome, InternalServerError) and tries == 3


def test_a_policy_decides_about_each_try() -> None:
    seen = []

    async def policy(context: RetryPolicyContext) -> bool | RetryDecision:
        await asyncio.sleep(0)
        seen.append((context.attempt, context.max_retries, context.normalized.status_code))
        return RetryDecision(True, delay=0.001) if context.attempt == 1 else False

    outcome, tries = answer(ModelRetrySettings(3, policy=policy), status(400), status(400))
    assert isinstance(outcome, BadRequestError) and tries == 2
    assert seen == [(1, 3, 400), (2, 3, 400)]


def test_a_policy_may_refuse_what_is_usually_tried_again() -> None:
    retry = ModelRetrySettings(3, policy=retry_policies.never())
    assert answer(retry, status(500))[1] == 1


def test_a_time_that_is_named_in_words_is_a_named_time() -> None:
    retry = ModelRetrySettings(3, policy=retry_policies.retry_after())
    soon = status(429, {"message": "Please retry in 5ms."})
    used_up = {"message": "Please retry in 5ms.", "details": [{"quotaId": "RequestsPerDay"}]}
    assert answer(retry, soon, "Hello") == ("Hello", 2)
    assert answer(retry, status(429, {"message": "Later."}))[1] == 1
    assert answer(retry, status(429, used_up))[1] == 1


def context(suggested: bool = False, **facts: Any) -> RetryPolicyContext:
    error = ModelRetryNormalizedError(**facts)
    return RetryPolicyContext(ValueError(), 1, 2, error, suggested)


def decided(policy: Any, given: RetryPolicyContext) -> RetryDecision:
    outcome = policy(given)
    return as_decision(asyncio.run(outcome) if asyncio.iscoroutine(outcome) else outcome)


@pytest.mark.parametrize(
    ("policy", "yes", "no"),
    [
        (retry_policies.provider_suggested(), {"suggested": True}, {}),
        (retry_policies.network_error(), {"is_network_error": True}, {"status_code": 500}),
        (retry_policies.network_error(), {"is_timeout": True}, {}),
        (retry_policies.retry_after(), {"retry_after": 0.0}, {}),
        (retry_policies.http_status([500]), {"status_code": 500}, {"status_code": 501}),
    ],
)
def test_policies_to_choose_from(policy: Any, yes: Any, no: Any) -> None:
    never = retry_policies.never()
    for together in (policy, retry_policies.any(never, policy), retry_policies.all(policy)):
        assert decided(together, context(**yes)).retry
        assert not decided(together, context(**no)).retry
    assert not decided(retry_policies.all(never, policy), context(**yes)).retry


def test_a_delay_that_one_of_them_names_is_kept() -> None:
    policy = retry_policies.any(retry_policies.http_status([429]), retry_policies.retry_after())
    assert decided(policy, context(status_code=429, retry_after=7.0)).delay == 7.0
    assert not decided(retry_policies.all(), context()).retry


@pytest.mark.parametrize("given", [{"max_retries": -1}, {"backoff": {"initial_delay": -1}}])
def test_numbers_below_zero_are_refused(given: Any) -> None:
    with pytest.raises(UserError, match="0 or more"):
        ModelRetrySettings(**given)


def test_a_field_that_no_backoff_has_is_refused() -> None:
    with pytest.raises(UserError, match="speed"):
        ModelRetrySettings(backoff={"speed": 1})
