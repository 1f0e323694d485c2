"""From a model's retry settings to what the client goes by, or who asks a model without one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from ..concurrency.calling import Callbacks
from ..concurrency.cancellation import Cancellation
from ..exceptions import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    words_of,
)
from ..http.assembly import BEGINNINGS
from ..http.errors import status_in
from ..http.retries import Retries, RetryPolicy, is_transient, named_wait
from ..response_types import ResponseStreamEvent, as_json
from ..retry import (
    ModelRetryBackoffSettings,
    ModelRetryNormalizedError,
    ModelRetrySettings,
    RetryPolicyContext,
    as_decision,
)
from .sending import note_retry


def retry_policy(
    settings: ModelRetrySettings, usual: RetryPolicy, cancellation: Cancellation
) -> RetryPolicy:
    """The client's policy with what the settings change of it."""
    backoff = settings.backoff
    changes: dict[str, float | None] = {"max_retries": settings.max_retries}
    if isinstance(backoff, ModelRetryBackoffSettings):
        changes |= {
            "base_delay": backoff.initial_delay,
            "longest": backoff.max_delay,
            "factor": backoff.multiplier,
            "jitter": backoff.jitter,
        }
    given = {name: value for name, value in changes.items() if value is not None}
    policy: RetryPolicy = usual._replace(**given)  # type: ignore[arg-type]
    decide = settings.policy
    if decide is None:
        return policy

    def decided(error: APIError, attempt: int) -> tuple[bool, float | None]:
        context = RetryPolicyContext(
            error, attempt, policy.max_retries, _facts(error), is_transient(error)
        )
        decision = as_decision(Callbacks().call(cancellation, decide, context))
        return decision.retry, decision.delay

    return policy._replace(decide=decided)


def tried_again(
    ask: Callable[[], Iterator[ResponseStreamEvent]],
    settings: ModelRetrySettings,
    cancellation: Cancellation,
) -> Iterator[ResponseStreamEvent]:
    """The events of a model that is asked again as long as nothing of an output has come.

    Unless a policy decides, its waits are limited as those of a client are.
    """
    max_wait = 60.0 if settings.policy is None else math.inf
    policy = retry_policy(settings, RetryPolicy(2, max_wait, 0.5), cancellation)
    retries = Retries(policy, math.inf, note_retry)
    while True:
        has_begun = False
        try:
            for event in ask():
                has_begun = has_begun or as_json(event).get("type") not in BEGINNINGS
                yield event
            return
        except Exception as error:
            told = _as_api_error(error)
            delay = None if has_begun or told.is_final else retries.delay_after(told)
            if delay is None:
                raise
        cancellation.wait(delay)


def _as_api_error(error: Exception) -> APIError:
    """The error of a model that has another client, as this package's would raise it."""
    if isinstance(error, APIError):
        return error
    names = {each.__name__ for each in type(error).__mro__}
    status, headers = status_in(error)
    told: APIError
    if status is not None:
        told = APIStatusError(words_of(error), status_code=status, headers=headers)
    elif names & {"APITimeoutError", "TimeoutException", "TimeoutError", "Timeout"}:
        told = APITimeoutError(words_of(error))
    elif names & {"APIConnectionError", "TransportError", "ConnectionError"}:
        told = APIConnectionError(words_of(error))
    else:
        told = APIError(words_of(error))
    code = getattr(error, "code", None)
    told.code = str(code) if isinstance(code, str | int) else None
    told.body = getattr(error, "body", None)
    told.request_id, told.__cause__ = getattr(error, "request_id", None), error
    return told


def _facts(error: APIError) -> ModelRetryNormalizedError:
    status = error if isinstance(error, APIStatusError) else None
    is_timeout = isinstance(error, APITimeoutError)
    return ModelRetryNormalizedError(
        status_code=None if status is None else status.status_code,
        error_code=error.code,
        message=str(error),
        request_id=error.request_id,
        retry_after=named_wait(error),
        is_network_error=isinstance(error, APIConnectionError) and not is_timeout,
        is_timeout=is_timeout,
    )
