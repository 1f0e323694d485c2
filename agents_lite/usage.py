"""Counting requests and tokens."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["InputTokensDetails", "OutputTokensDetails", "RequestUsage", "Usage"]


class _Fixed(BaseModel):
    """What is never changed, so that sums share it."""

    model_config = ConfigDict(frozen=True)


class InputTokensDetails(_Fixed):
    """What the input tokens were made of."""

    cached_tokens: int = 0


class OutputTokensDetails(_Fixed):
    """What the output tokens were made of."""

    reasoning_tokens: int = 0


class RequestUsage(_Fixed):
    """Tokens of one model call."""

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    input_tokens_details: InputTokensDetails = InputTokensDetails()
    output_tokens_details: OutputTokensDetails = OutputTokensDetails()


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

    def add(self, other: Usage) -> None:
        """Add another count to this one, with its entries."""
        self.requests += other.requests
        self.input_tokens += other.input_tokens
        self.output_tokens += other.output_tokens
        self.total_tokens += other.total_tokens
        cached_tokens = other.input_tokens_details.cached_tokens
        if cached_tokens:
            cached_tokens += self.input_tokens_details.cached_tokens
            self.input_tokens_details = InputTokensDetails(cached_tokens=cached_tokens)
        reasoning_tokens = other.output_tokens_details.reasoning_tokens
        if reasoning_tokens:
            reasoning_tokens += self.output_tokens_details.reasoning_tokens
            self.output_tokens_details = OutputTokensDetails(reasoning_tokens=reasoning_tokens)
        if other.requests == 1 and not other.request_usage_entries:  # one counted by hand
            self.request_usage_entries.append(_entry(other))
        self.request_usage_entries.extend(other.request_usage_entries)


def usage_of_request(reported: Any) -> Usage:
    """One request with the `usage` object of its response; what is no count counts 0.

    Source: https://platform.openai.com/docs/api-reference/responses/object
    """
    counts = reported if isinstance(reported, dict) else {}
    input_tokens, output_tokens = _count(counts, "input_tokens"), _count(counts, "output_tokens")
    cached_tokens = _count(counts.get("input_tokens_details"), "cached_tokens")
    reasoning_tokens = _count(counts.get("output_tokens_details"), "reasoning_tokens")
    entry = RequestUsage.model_validate(
        {
            "input_tokens": input_tokens,
            "output_tokens": output_tokens,
            "total_tokens": _count(counts, "total_tokens") or input_tokens + output_tokens,
            "input_tokens_details": {"cached_tokens": cached_tokens},
            "output_tokens_details": {"reasoning_tokens": reasoning_tokens},
        }
    )
    return Usage(requests=1, request_usage_entries=[entry], **vars(entry))


def _entry(usage: Usage) -> RequestUsage:
    counts = {name: getattr(usage, name) for name in RequestUsage.model_fields}
    return RequestUsage.model_validate(counts)


def _count(counts: Any, name: str) -> int:
    number = counts.get(name) if isinstance(counts, dict) else None
    return number if isinstance(number, int) else 0
