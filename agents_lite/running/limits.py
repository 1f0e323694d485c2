"""What a run may use, with all runs inside it: seen to before it uses more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..exceptions import UsageLimitExceeded, UserError
from ..usage import Usage

if TYPE_CHECKING:
    from ..models.interface import Model
    from ..run_config import UsageLimits
    from .live_run import LiveRun


def has_limits(run: LiveRun) -> bool:
    """Whether a run, or one around it, has limits of usage."""
    return any(True for _ in _limits(run))


def check_usage(run: LiveRun, more: Usage | None = None) -> None:
    """See that another model call may be made.

    Args:
        run: The run that is to make it.
        more: What was used and is not in the record yet, or None.

    Raises:
        UsageLimitExceeded: A limit is reached.
        UserError: There is a limit for the cost, which is not known.
    """
    if not run.is_limited:
        return
    for each, limits in _limits(run):
        used = each.record.usage
        if more is not None:
            used = Usage()
            used.add(each.record.usage)
            used.add(more)
        _check(used, limits)


def check_price(model: Model, run: LiveRun) -> None:
    """See that a model has a price, if there is a limit for what the run may cost.

    Raises:
        UserError: It has none.
    """
    if run.is_limited and any(limits.cost is not None for _, limits in _limits(run)):
        from ..prices import check_has_price

        check_has_price(getattr(model, "model", None), model.hostname, run.agent.name)


def allow_calls(call_ids: list[str], run: LiveRun) -> None:
    """See that these calls of local tools may be made; those begun before count already.

    Raises:
        UsageLimitExceeded: They are more than a limit leaves.
    """
    if not run.is_limited:
        return
    count = sum(not run.record.call(call_id).is_begun for call_id in call_ids)
    for each, limits in _limits(run):
        most = limits.tool_calls
        if most is not None and each.record.tool_calls + count > most:
            raise UsageLimitExceeded(
                f"{count} more tool call(s) would pass the limit of {most} tool calls"
            )


def _limits(run: LiveRun | None) -> Iterator[tuple[LiveRun, UsageLimits]]:
    """The limits of a run, and of those around it."""
    while run is not None:
        if run.config.usage_limits is not None:
            yield run, run.config.usage_limits
        run = run.around


def _check(usage: Usage, limits: UsageLimits) -> None:
    for name in ("requests", "input_tokens", "output_tokens", "total_tokens"):
        most, used = getattr(limits, name), getattr(usage, name)
        if most is not None and used >= most:
            raise UsageLimitExceeded(
                f"Another model call would pass the limit of {most} {name}; {used} are used"
            )
    if limits.cost is None:
        return
    cost = usage.cost
    if cost is None:
        raise UserError(
            "The run has a limit for its cost, and what its model calls so far have cost is not "
            "known: there is no price for a model, or its server does not count tokens"
        )
    if cost >= limits.cost:
        raise UsageLimitExceeded(
            f"Another model call would pass the limit of ${limits.cost:.4f}; ${cost:.4f} are spent"
        )
