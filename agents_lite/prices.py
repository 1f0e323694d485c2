"""What requests to models cost, in US dollars."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

from .checks import check_kind
from .exceptions import UserError
from .shown import escaped, repr_of

if TYPE_CHECKING:
    from .usage import RequestUsage, Usage

__all__ = ["Price", "set_prices"]

MOST_TOLD = 1000
"""Models of which is remembered that it was said; with more, it may be said again."""
_MILLION = 1_000_000

_logger = logging.getLogger("agents_lite")


@dataclass(frozen=True)
class Price:
    """What a model costs, in US dollars for a million tokens."""

    input: float
    """Tokens sent that were not cached."""
    output: float
    """Tokens produced."""
    cached_input: float | None = None
    """Tokens sent that were cached; None: as `input`."""
    cache_write: float | None = None
    """Tokens sent that were put into the cache; None: as `input`."""
    reasoning: float | None = None
    """Tokens of reasoning; None: as `output`."""
    cache_write_1h: float | None = None
    """Tokens sent that were put into the cache for an hour; None: as `cache_write`."""

    def __post_init__(self) -> None:
        """Check what was given.

        Raises:
            UserError: A price is no number from 0 on.
        """
        for name, dollars in vars(self).items():
            is_number = isinstance(dollars, int | float) and dollars >= 0
            if not is_number and (dollars is not None or name in ("input", "output")):
                raise UserError(
                    f"Price({name}=...) must be a number from 0 on, got {repr_of(dollars)}"
                )


class _Request(NamedTuple):
    """A request, as far as it matters for its price."""

    names: tuple[str, ...]
    hostname: str | None
    service_tier: str | None
    input_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cache_write_1h_tokens: int = 0


_own_prices: dict[str, Price] = {}
_told: set[tuple[str, ...]] = set()  # models without a price, of which was said so


def set_prices(prices: Mapping[str, Price]) -> None:
    """Go by these prices first, and by those of the `genai-prices` package for all other models.

    They hold for the whole process, in place of those set before.

    Args:
        prices: By the model's name, as it is asked for or as the server calls it in its answer.

    Raises:
        UserError: It is no dict, or a value is no `Price`.
    """
    check_kind(prices, Mapping, "prices", "a dict of prices by the names of models")
    for name, price in prices.items():
        if not isinstance(price, Price):
            raise UserError(f"The price of {name} must be a Price(input=..., output=...)")
    global _own_prices
    _own_prices = dict(prices)


def cost_of(
    entry: RequestUsage, at: datetime | None = None, *, is_logged: bool = True
) -> float | None:
    """What a request has cost in US dollars; None: that is not known.

    What the server itself has reported comes first, then the prices of `set_prices`.

    Args:
        entry: The request.
        at: When it was made, as some prices hold for a time; None: now.
        is_logged: Whether it is logged, once, that a model has no price.

    Raises:
        UserError: The `genai-prices` package is needed, and not there.
    """
    if entry.reported_cost is not None:
        return entry.reported_cost
    if not entry.input_tokens and not entry.output_tokens:
        return None  # the server has not counted
    request = _as_request(entry)
    own = next((_own_prices[name] for name in request.names if name in _own_prices), None)
    cost = _by_own(own, request) if own is not None else _by_package(request, _minute(at))
    if cost is None and is_logged and request.names not in _told:
        if len(_told) >= MOST_TOLD:
            _told.clear()
        _told.add(request.names)
        _logger.warning(
            "There is no price for model %s: what it costs is None, not 0. set_prices gives one.",
            escaped(" or ".join(request.names)) or "without a name",
        )
    return cost


def total_cost(usage: Usage, *, is_logged: bool = True) -> float | None:
    """What all requests of a usage have cost in US dollars; None: of some that is not known.

    Raises:
        UserError: The `genai-prices` package is needed, and not there.
    """
    dollars = 0.0
    for entry in usage.request_usage_entries:
        cost = cost_of(entry, is_logged=is_logged)
        if cost is None:
            return None
        dollars += cost
    return dollars if len(usage.request_usage_entries) >= usage.requests else None


def known_cost(usage: Usage) -> float | None:
    """The cost of a usage, for those who tell themselves that it is not known: nothing is logged.

    None also where the `genai-prices` package is not installed.
    """
    with suppress(UserError):
        return total_cost(usage, is_logged=False)
    return None


def cost_at(entry: RequestUsage, at: datetime) -> float | None:
    """What a request made at that time has cost; None also without `genai-prices`."""
    with suppress(UserError):
        return cost_of(entry, at)
    return None


def check_has_price(model: str | None, hostname: str | None, agent_name: str) -> None:
    """See that a model has a price.

    Raises:
        UserError: It has none.
    """
    names = () if model is None else (model,)
    if any(name in _own_prices for name in names):
        return
    if _by_package(_Request(names, hostname, None, 1, 0, 0, 1, 0), _minute(None)) is None:
        raise UserError(
            f"The run has a limit for its cost, and there is no price for the model of agent "
            f"{agent_name}, {model or 'which has no name'}: give one with set_prices"
        )


def _as_request(entry: RequestUsage) -> _Request:
    """The request; of counts that do not go together, as much as fits."""
    names = [name for name in (entry.asked_model, entry.model) if name is not None]
    sent, received = entry.input_tokens_details, entry.output_tokens_details
    cached = min(sent.cached_tokens, entry.input_tokens)
    written = min(sent.cache_write_tokens, entry.input_tokens - cached)
    return _Request(
        tuple(names),
        entry.hostname,
        entry.service_tier,
        entry.input_tokens,
        cached,
        written,
        entry.output_tokens,
        min(received.reasoning_tokens, entry.output_tokens),
        min(sent.cache_write_1h_tokens, written),
    )


def _by_own(price: Price, request: _Request) -> float:
    cached, written = request.cached_tokens, request.cache_write_tokens
    for_an_hour = request.cache_write_1h_tokens
    to_write = price.input if price.cache_write is None else price.cache_write
    counted = [
        (request.input_tokens - cached - written, price.input),
        (cached, price.input if price.cached_input is None else price.cached_input),
        (written - for_an_hour, to_write),
        (for_an_hour, to_write if price.cache_write_1h is None else price.cache_write_1h),
        (request.output_tokens - request.reasoning_tokens, price.output),
        (request.reasoning_tokens, price.output if price.reasoning is None else price.reasoning),
    ]
    return sum(count * dollars for count, dollars in counted) / _MILLION


def _minute(at: datetime | None) -> datetime:
    return (at or datetime.now(UTC)).replace(second=0, microsecond=0)


@lru_cache(maxsize=4096)
def _by_package(request: _Request, at: datetime) -> float | None:
    """The cost by the table of `genai-prices`; None: the model is not in it, or a count is below 0.

    A server that is not in it either is passed over: the name has to tell whose model it is.

    Raises:
        UserError: The package is not there.
    """
    if find_spec("genai_prices") is None:
        raise UserError("Costs need a table of prices: pip install 'agents_lite[prices]'")
    from genai_prices import Usage, calc_price
    from genai_prices.data_snapshot import get_snapshot

    url = None if request.hostname is None else f"https://{request.hostname}/"
    try:
        get_snapshot().find_provider(None, None, url)
    except LookupError:
        url = None
    for_an_hour = request.cache_write_1h_tokens
    try:
        usage = Usage(
            input_tokens=request.input_tokens,
            cache_read_tokens=request.cached_tokens,
            cache_write_tokens=request.cache_write_tokens,
            output_tokens=request.output_tokens,
            output_reasoning_tokens=request.reasoning_tokens,
            **({"cache_write_1h_tokens": for_an_hour} if for_an_hour else {}),
        )
    except ValueError:
        return None
    for name in reversed(request.names):  # what the server calls it is more exact
        with suppress(LookupError):
            price = calc_price(
                usage,
                name,
                provider_api_url=url,
                genai_request_timestamp=at,
                price_context=_context(request.service_tier),
            )
            return float(price.total_price)
    return None


def _context(service_tier: str | None) -> dict[str, Any] | None:
    if service_tier is None:
        return None
    return {"processing": "batch"} if service_tier == "batch" else {"service_tier": service_tier}
