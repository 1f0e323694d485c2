"""What stands in for models and tools for a while, such as a cassette or a replay."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ..agent import Agent
    from ..guardrail import GuardrailFunctionOutput, InputGuardrail, OutputGuardrail
    from ..items import ToolCallOutputItem
    from ..models.interface import Model
    from ..tool import FunctionTool, LocalTool
    from .facts import Compacted
    from .live_run import LiveRun
    from .turn.tool_call import ToolCall


class Made(NamedTuple):
    """What came of a tool's call."""

    output: Any
    """What it returned, or what its failure is told as."""
    shown: Any
    """What the model gets to see of it; of a local tool of another type, fields of its output."""
    has_failed: bool = False
    """Whether it failed."""


class StandIn(ABC):
    """Answers instead of models and tools, or notes what they answer; from any thread.

    What a subclass leaves as it is here goes on as without one.
    """

    @abstractmethod
    def model_for(self, run: LiveRun) -> Model:
        """The model of the next call."""

    def server_tools(
        self, agent: Agent[Any], listed: Callable[[], list[FunctionTool]]
    ) -> list[FunctionTool]:
        """The tools of an agent's MCP servers; `listed` asks them."""
        return listed()

    def make_call(
        self, call: ToolCall, tool: FunctionTool | LocalTool, make: Callable[[], Made]
    ) -> Made:
        """What comes of a call of a local tool; `make` makes it."""
        return make()

    def known_output(self, call: ToolCall) -> ToolCallOutputItem | None:
        """The output of a call that is neither made nor checked; None: it is to be made."""
        return None

    def known_compactions(self, run: LiveRun) -> list[Compacted] | None:
        """How the conversation is made smaller before the next call; None: as the run does it."""
        return None

    def verdict(
        self,
        run: LiveRun,
        guardrail: InputGuardrail[Any] | OutputGuardrail[Any],
        checked: Any,
        ask: Callable[[], GuardrailFunctionOutput],
    ) -> GuardrailFunctionOutput:
        """What a guardrail says of an input or a final output; `ask` asks it."""
        return ask()


in_use: list[StandIn] = []
"""Those of this process: threads that were begun elsewhere, a server's for example, have them, too.
The last one counts."""
_here: ContextVar[StandIn | None] = ContextVar("agents_lite_stand_in", default=None)


def current() -> StandIn | None:
    """The one that counts, or None: that of the code around, or else of the process."""
    return _here.get() or (in_use[-1] if in_use else None)


@contextmanager
def standing_in(stand_in: StandIn) -> Iterator[None]:
    """A block whose runs, and the runs inside them, have this one; others are left alone."""
    token = _here.set(stand_in)
    try:
        yield
    finally:
        _here.reset(token)
