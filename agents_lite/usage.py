"""Counting requests and tokens."""

from __future__ import annotations

from copy import copy
from typing import Any

from pydantic import BaseModel, Field

__all__ = ["InputTokensDetails", "OutputTokensDetails", "RequestUsage", "Usage"]


class InputTokensDetails(BaseModel):
    """What the input tokens were made of."""

    cached_tokens: int = 0


class OutputTokensDetails(BaseModel):
    """What the output tokens were made of."""

    reasoning_tokens: int = 0


class RequestUsage(BaseModel):
    """Tokens of one model call."""

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    input_tokens_details: InputTokensDetails = Field(default_factory=InputTokensDetails)
    output_tokens_details: OutputTokensDetails = Field(default_factory=OutputTokensDetails)


class Usage(RequestUsage):
    """Requests and tokens, added up.

    `prompt_tokens` and `completion_tokens` are `input_tokens` and `output_tokens` under their
    older names.
    """

    requests: int = 0
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
        self.input_tokens_details.cached_tokens += other.input_tokens_details.cached_tokens
        self.output_tokens_details.reasoning_tokens += other.output_tokens_details.reasoning_tokens
        entries = other.request_usage_entries
        if not entries and other.requests == 1:  # one that was counted by hand
            entries = [other]
        self.request_usage_entries.extend(map(_entry, entries))


def usage_of_request(reported: Any) -> Usage:
    """One request with the `usage` object of its response; what is no count counts 0.

    Source: https://platform.openai.com/docs/api-reference/responses/object
    """
    input_tokens = _count(reported, "input_tokens")
    output_tokens = _count(reported, "output_tokens")
    cached_tokens = _count(reported, "input_tokens_details", "cached_tokens")
    reasoning_tokens = _count(reported, "output_tokens_details", "reasoning_tokens")
    entry = {
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "total_tokens": _count(reported, "total_tokens") or input_tokens + output_tokens,
        "input_tokens_details": {"cached_tokens": cached_tokens},
        "output_tokens_details": {"reasoning_tokens": reasoning_tokens},
    }
    return Usage.model_validate({**entry, "requests": 1, "request_usage_entries": [entry]})


def _entry(usage: RequestUsage) -> RequestUsage:
    """A request's usage as an object of its own."""
    entry = (
        copy(usage)
        if type(usage) is RequestUsage
        else RequestUsage(
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            total_tokens=usage.total_tokens,
        )
    )
    entry.input_tokens_details = copy(usage.input_tokens_details)
    entry.output_tokens_details = copy(usage.output_tokens_details)
    return entry


def _count(reported: Any, *path: str) -> int:
    """The number at the end of a path of fields; 0 when there is none."""
    for name in path:
        reported = reported.get(name) if isinstance(reported, dict) else None
    return reported if isinstance(reported, int) else 0
