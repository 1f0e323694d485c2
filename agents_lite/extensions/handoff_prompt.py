"""Words that help a model understand handoffs."""

from __future__ import annotations

RECOMMENDED_PROMPT_PREFIX = """\
# How you work with others
You are one of several agents who serve the same user. Each has its own instructions and tools. \
An agent passes the conversation on to another by calling a function whose name reads \
`transfer_to_<agent name>`; whoever takes over sees the conversation and goes on from there. \
This happens behind the scenes: to the user there is one assistant, so do not speak of transfers, \
nor ask the user to contact another agent.
"""
"""Goes before the instructions of an agent that hands over or is handed over to."""


def prompt_with_handoff_instructions(prompt: str) -> str:
    """The prompt with `RECOMMENDED_PROMPT_PREFIX` before it."""
    return f"{RECOMMENDED_PROMPT_PREFIX}\n{prompt}"
