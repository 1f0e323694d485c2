"""How often a model call is tried again, and after what; a part of ModelSettings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, replace
from inspect import isawaitable
from typing import Any, TypeAlias

from .checks import check_kind, check_number, check_takes, from_fields
from .taken_whole import TakenWhole

__all__ = [
    "ModelRetryBackoffSettings",
    "ModelRetryNormalizedError",
    "ModelRetrySettings",
    "RetryDecision",
    "RetryPolicy",
    "RetryPolicyContext",
    "retry_policies",
]


@dataclass
class ModelRetryBackoffSettings:
    """The waits between tries. None: as the client has it."""

    initial_delay: float | None = None
    """Seconds before the second try."""
    max_delay: float | None = None
    """Seconds at most."""
    multiplier: float | None = None
    """What each further wait is multiplied by."""
    jitter: bool | None = None
    """Whether waits are shortened by chance, up to a half, so that not all clients come at once."""


@dataclass
class ModelRetryNormalizedError:
    """The facts of an error."""

    status_code: int | None = None
    """The HTTP status, or None when there was no answer."""
    error_code: str | None = None
    """The server's own code, or None."""
    message: str | None = None
    """What the error says, or None."""
    request_id: str | None = None
    """The server's id of the request, or None."""
    retry_after: float | None = None
    """Seconds that the server wants to be left alone, or None."""
    is_network_error: bool = False
    """Whether no usable answer came, for other causes than time."""
    is_timeout: bool = False
    """Whether none came in time."""


@dataclass
class RetryDecision:
    """What a policy decides."""

    retry: bool
    """Whether to try again."""
    delay: float | None = None
    """Seconds to wait first; None: as the backoff says."""
    reason: str | None = None
    """Anything worth knowing about it."""


@dataclass
class RetryPolicyContext(TakenWhole):
    """What a policy is given: a try that failed before anything of an answer came."""

    error: Exception
    """What it failed with."""
    attempt: int
    """Which try failed, from 1."""
    max_retries: int
    """Tries after the first one."""
    normalized: ModelRetryNormalizedError
    """The error's facts."""
    suggested: bool
    """Whether this package would try again by itself."""


RetryPolicy: TypeAlias = Callable[
    [RetryPolicyContext], bool | RetryDecision | Awaitable[bool | RetryDecision]
]


@dataclass
class ModelRetrySettings:
    """Retries of a model call. Without these, or where one is None, the client's settings hold."""

    max_retries: int | None = None
    """Tries after the first one."""
    backoff: ModelRetryBackoffSettings | dict[str, Any] | None = None
    """The waits between them; a dict has the same fields."""
    policy: RetryPolicy | None = None
    """Decides about each failed try, `def` or `async def`; None: 408, 409, 429 and 5xx, and
    connections that failed, are tried again."""

    def __post_init__(self) -> None:
        """Check what was given.

        Raises:
            UserError: A field is of the wrong kind, or below 0.
        """
        if isinstance(self.backoff, dict):
            self.backoff = from_fields(ModelRetryBackoffSettings, self.backoff)
        what = "ModelRetrySettings:"
        if self.backoff is not None:
            kind = ModelRetryBackoffSettings
            check_kind(self.backoff, kind, f"{what} backoff", "a ModelRetryBackoffSettings")
        waits = vars(self.backoff) if self.backoff is not None else {}
        for name, value in {"max_retries": self.max_retries, **waits}.items():
            if value is not None and name != "jitter":
                check_number(value, f"{what} {name}")
        if self.policy is not None:
            check_takes(self.policy, f"{what} policy", "a RetryPolicyContext")

    def resolve(self, override: ModelRetrySettings) -> ModelRetrySettings:
        """These settings, overlaid with each one of `override` that is not None."""
        changes = _given(override)
        if self.backoff and override.backoff:
            changes["backoff"] = {**_given(self.backoff), **_given(override.backoff)}
        return replace(self, **changes)


def _given(settings: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(settings).items() if value is not None}


class _RetryPolicies:
    """Policies to choose from, and to put together."""

    def never(self) -> RetryPolicy:
        """Nothing is tried again."""
        return lambda _context: False

    def provider_suggested(self) -> RetryPolicy:
        """What this package tries again by itself."""
        return lambda context: RetryDecision(context.suggested, context.normalized.retry_after)

    def network_error(self) -> RetryPolicy:
        """No answer came."""
        return lambda context: context.normalized.is_network_error or context.normalized.is_timeout

    def retry_after(self) -> RetryPolicy:
        """The server has named a time, which is kept."""

        def decide(context: RetryPolicyContext) -> RetryDecision:
            delay = context.normalized.retry_after
            return RetryDecision(delay is not None, delay)

        return decide

    def http_status(self, statuses: Collection[int]) -> RetryPolicy:
        """The answer had one of these statuses."""
        return lambda context: context.normalized.status_code in statuses

    def any(self, *policies: RetryPolicy) -> RetryPolicy:
        """One of the policies wants another try; the first delay that one names counts."""

        async def decide(context: RetryPolicyContext) -> RetryDecision:
            wanted = [each for each in await _decisions(policies, context) if each.retry]
            return _together(bool(wanted), wanted)

        return decide

    def all(self, *policies: RetryPolicy) -> RetryPolicy:
        """All of the policies want another try; the last delay that one names counts."""

        async def decide(context: RetryPolicyContext) -> RetryDecision:
            decisions = await _decisions(policies, context)
            wanted = bool(decisions) and all(each.retry for each in decisions)
            return _together(wanted, decisions[::-1])

        return decide


def as_decision(decided: bool | RetryDecision) -> RetryDecision:
    """A policy's answer in its long form."""
    return decided if isinstance(decided, RetryDecision) else RetryDecision(bool(decided))


async def _decisions(
    policies: Iterable[RetryPolicy], context: RetryPolicyContext
) -> list[RetryDecision]:
    decisions = []
    for policy in policies:
        decided = policy(context)
        decisions.append(as_decision(await decided if isawaitable(decided) else decided))
    return decisions


def _together(retry: bool, decisions: list[RetryDecision]) -> RetryDecision:
    delays = [each.delay for each in decisions if each.delay is not None]
    reasons = [each.reason for each in decisions if each.reason is not None]
    first_delay = delays[0] if delays else None
    return RetryDecision(retry, first_delay, reasons[0] if reasons else None)


retry_policies = _RetryPolicies()
