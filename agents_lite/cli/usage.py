"""What a run has used, in words."""

from __future__ import annotations

from collections.abc import Iterator

from ..prices import known_cost
from ..result import RunResultBase
from ..usage import Usage
from ..viewer.text import count, dollars


def usage_lines(result: RunResultBase) -> Iterator[str]:
    """A line for each agent, where there are several, and one for all of it, with the cost."""
    if len(result.usage_by_agent) > 1:
        for name, usage in result.usage_by_agent.items():
            yield f"{name}: {usage_line(usage)}"
    yield usage_line(result.usage)


def usage_line(usage: Usage) -> str:
    """Requests, tokens and their cost."""
    return f"{describe_usage(usage)}, {dollars(known_cost(usage)) or 'cost not known'}"


def describe_usage(usage: Usage) -> str:
    """Requests and tokens, in a line."""
    cached = usage.input_tokens_details.cached_tokens
    of_them = f" ({cached:,} cached)" if cached else ""
    requests = count(usage.requests, "request")
    return (
        f"{requests}, {usage.input_tokens:,} input tokens{of_them}, "
        f"{usage.output_tokens:,} output tokens"
    )
