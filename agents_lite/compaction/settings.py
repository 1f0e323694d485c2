"""When a conversation is compacted, and how far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..checks import check_count, check_kind, check_number, check_takes
from ..exceptions import UserError
from ..taken_whole import TakenWhole

if TYPE_CHECKING:
    from ..items import TResponseInputItem
    from ..models.interface import Model

INSTRUCTIONS = """\
You keep the summary of a conversation between a user and an assistant who will go on from your
summary alone. Take over what the summary so far says and add what was said then. Keep what the
user wants, names, numbers, dates, decisions, what tools have found, and what is still open. Leave
out greetings and detours. Answer with the new summary and nothing else, in at most {words} words,
in the language of the conversation."""


@dataclass
class Compaction(TakenWhole):
    """Keeps what a model is sent within its window; what was said stays on record as a whole.

    When the next request would pass `threshold`, old tool results are cleared; if that is not
    enough, old turns are replaced by a summary, down to `target`. The steps are big ones, since
    each of them costs the server's cache of the prompt.
    """

    window: int = 128_000
    """Tokens that the model takes."""
    threshold: float = 0.8
    """The share of the window that is not to be passed."""
    target: float = 0.4
    """The share that is left."""
    keep_turns: int = 4
    """Newest turns that stay whole; a turn is a message of the user's with its answer, or a model
    call with the outputs it led to."""
    clear_tool_results: bool = True
    """Whether old outputs of function tools may be cleared."""
    model: str | Model | None = None
    """Writes the summaries; None: the model of the agent at work."""
    summarize: Callable[[str | None, list[TResponseInputItem]], Any] | None = None
    """Writes the summaries instead of a model: gets the summary so far, or None, and the items to
    be added to it, and returns text; `def` or `async def`."""
    instructions: str = INSTRUCTIONS
    """What the model is told to do; `{words}` is replaced."""
    summary_words: int = 400
    """About how long a summary may be."""

    def __post_init__(self) -> None:
        """Check what was given.

        Raises:
            UserError: A field is of the wrong kind, or a number out of its range.
        """
        for name in ("target", "threshold"):
            check_number(getattr(self, name), f"Compaction: {name}")
        if not 0 < self.target < self.threshold <= 1:
            raise UserError(
                "Compaction takes shares of the window, 0 < target < threshold <= 1, got "
                f"target={self.target!r}, threshold={self.threshold!r}"
            )
        for name in ("window", "keep_turns", "summary_words"):
            check_count(getattr(self, name), f"Compaction: {name}", 1)
        check_kind(self.instructions, str, "Compaction: instructions", "text")
        if self.summarize is not None:
            check_takes(self.summarize, "Compaction: summarize", "the summary so far", "items")
