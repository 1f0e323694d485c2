"""Counting requests, tokens and what they cost."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from .shown import html_table

__all__ = ["InputTokensDetails", "OutputTokensDetails", "RequestUsage", "Usage"]


class _Fixed(BaseModel):
    """What is never changed, so that sums share it; also given as objects of other packages."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class InputTokensDetails(_Fixed):
    """What the input tokens were made of."""

    cached_tokens: int = 0
    """Those that the server had cached."""
    cache_write_tokens: int = 0
    """Those that it has put into its cache, where it counts them."""


class OutputTokensDetails(_Fixed):
    """What the output tokens were made of."""

    reasoning_tokens: int = 0


class RequestUsage(_Fixed):
    """Tokens of one model call, and what their price depends on."""

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    input_tokens_details: InputTokensDetails = InputTokensDetails()
    output_tokens_details: OutputTokensDetails = OutputTokensDetails()
    model: str | None = None
    """The model, as its server calls it; None: the server named none."""
    asked_model: str | None = None
    """The model that was asked for, where that is another name; None: it is the same, or not
    known."""
    hostname: str | None = None
    """The server; None: not known."""
    service_tier: str | None = None
    """How the server has served it, "flex" or "batch" for example; None: as it does by default."""
    reported_cost: float | None = None
    """What it cost in US dollars, where the server says so."""

    @property
    def cost(self) -> float | None:
        """What the call has cost, in US dollars. None: there is no price for the model, or the
        server has not counted.

        Raises:
            UserError: The `genai-prices` package is needed, and not there.
        """
        from .prices import cost_of  # only those who ask for it pay for it

        return cost_of(self)


_DETAILS = (
    ("input_tokens_details", tuple(InputTokensDetails.model_fields)),
    ("output_tokens_details", tuple(OutputTokensDetails.model_fields)),
)
_SUMMED = ("requests", "input_tokens", "output_tokens", "total_tokens")
_COUNTS = (
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "input_tokens_details",
    "output_tokens_details",
)
"""Fields that a request and a sum of them have in common."""


class Usage(BaseModel):
    """Requests and tokens, added up.

    `prompt_tokens` and `completion_tokens` are `input_tokens` and `output_tokens` under their
    older names.
    """

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    input_tokens_details: InputTokensDetails = InputTokensDetails()
    output_tokens_details: OutputTokensDetails = OutputTokensDetails()
    request_usage_entries: list[RequestUsage] = Field(default_factory=list)
    """One entry for each model call, in order."""

    @property
    def prompt_tokens(self) -> int:
        """Input tokens, under their older name."""
        return self.input_tokens

    @property
    def completion_tokens(self) -> int:
        """Output tokens, under their older name."""
        return self.output_tokens

    @property
    def cost(self) -> float | None:
        """What all of it has cost, in US dollars. None: of some call that is not known.

        Raises:
            UserError: The `genai-prices` package is needed, and not there.
        """
        from .prices import total_cost  # only those who ask for it pay for it

        return total_cost(self)

    def in_words(self) -> str:
        """Such as "2 requests, 61 tokens in (40 cached), 12 out"."""
        cached = self.input_tokens_details.cached_tokens
        reasoning = self.output_tokens_details.reasoning_tokens
        return (
            f"{self.requests} {'request' if self.requests == 1 else 'requests'}, "
            f"{self.input_tokens} tokens in{f' ({cached} cached)' if cached else ''}, "
            f"{self.output_tokens} out{f' ({reasoning} reasoning)' if reasoning else ''}"
        )

    def __repr__(self) -> str:
        return f"<Usage: {self.in_words()}>"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return html_table(
            self.in_words(),
            [
                (entry.model or "", f"{entry.input_tokens} in, {entry.output_tokens} out")
                for entry in self.request_usage_entries
            ],
        )

    def add(self, other: Usage) -> None:
        """Add another count to this one, with its entries."""
        own, more = vars(self), vars(other)  # an attribute of a model is slow to set
        for name in _SUMMED:
            own[name] += more[name]
        self.__pydantic_fields_set__.update(_SUMMED)
        details = other.input_tokens_details
        if details.cached_tokens or details.cache_write_tokens:
            known = self.input_tokens_details
            self.input_tokens_details = InputTokensDetails(
                cached_tokens=known.cached_tokens + details.cached_tokens,
                cache_write_tokens=known.cache_write_tokens + details.cache_write_tokens,
            )
        reasoning_tokens = other.output_tokens_details.reasoning_tokens
        if reasoning_tokens:
            reasoning_tokens += self.output_tokens_details.reasoning_tokens
            self.output_tokens_details = OutputTokensDetails(reasoning_tokens=reasoning_tokens)
        if other.requests == 1 and not other.request_usage_entries:  # one counted by hand
            self.request_usage_entries.append(_entry(other))
        self.request_usage_entries.extend(other.request_usage_entries)


def usage_of_request(
    response: dict[str, Any], asked_model: str | None = None, hostname: str | None = None
) -> Usage:
    """One request, as its response tells of it; what is no count counts 0.

    Source: https://platform.openai.com/docs/api-reference/responses/object

    Args:
        response: With `usage`, `model` and `service_tier`, as far as they are known.
        asked_model: The model that was asked for; None: not known.
        hostname: The server; None: not known.
    """
    reported = response.get("usage")
    counts = reported if isinstance(reported, dict) else {}
    input_tokens, output_tokens = _count(counts, "input_tokens"), _count(counts, "output_tokens")
    entry: dict[str, Any] = {
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "total_tokens": _count(counts, "total_tokens") or input_tokens + output_tokens,
    }
    for name, kinds in _DETAILS:
        told = counts.get(name)
        if isinstance(told, dict) and any(told.values()):
            entry[name] = {kind: _count(told, kind) for kind in kinds}
    model = _text(response, "model")
    facts = {
        "model": model,
        "asked_model": None if asked_model == model else asked_model,
        "hostname": hostname,
        "service_tier": _text(response, "service_tier"),
        "reported_cost": _cost(counts),
    }
    return Usage.model_validate(
        {"requests": 1, **entry, "request_usage_entries": [{**entry, **facts}]}
    )


def _entry(usage: Usage) -> RequestUsage:
    return RequestUsage.model_validate({name: getattr(usage, name) for name in _COUNTS})


def _count(counts: dict[str, Any], name: str) -> int:
    number = counts.get(name)
    return number if isinstance(number, int) else 0


def _text(response: dict[str, Any], name: str) -> str | None:
    value = response.get(name)
    return value if isinstance(value, str) else None


def _cost(counts: dict[str, Any]) -> float | None:
    """What the server says it cost, as OpenRouter does."""
    cost = counts.get("cost")
    return float(cost) if isinstance(cost, int | float) and cost >= 0 else None
