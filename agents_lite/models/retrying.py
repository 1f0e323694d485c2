"""From a model's retry settings to what the client goes by."""

from __future__ import annotations

from ..concurrency.calling import Callbacks
from ..concurrency.cancellation import Cancellation
from ..exceptions import APIConnectionError, APIError, APIStatusError, APITimeoutError
from ..http.retries import RetryPolicy, is_transient, named_wait
from ..retry import (
    ModelRetryBackoffSettings,
    ModelRetryNormalizedError,
    ModelRetrySettings,
    RetryPolicyContext,
    as_decision,
)


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
