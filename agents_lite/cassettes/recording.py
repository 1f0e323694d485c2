"""The cassette that is in use for a `with` block."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from copy import copy
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar, cast

from ..checks import absolute_path, check_choice, check_kind, check_takes
from ..concurrency.forks import new_lock
from ..exceptions import CassetteLeftover, CassetteMiss, UserError, words_of
from ..running import stand_ins
from ..running.stand_ins import Made, StandIn
from ..running.turn.function_call import read_arguments
from ..shown import repr_of
from ..tool import LocalTool
from . import modes
from .entries import JSON, Entries, Entry
from .file import Content, read_cassette, write_cassette
from .modes import MODES, RecordMode
from .questions import plain
from .readable import nearest_difference

if TYPE_CHECKING:
    from ..agent import Agent
    from ..models.interface import Model
    from ..running.live_run import LiveRun
    from ..running.turn.tool_call import ToolCall
    from ..tool import FunctionTool

__all__ = ["Cassette", "cassette"]

P = ParamSpec("P")
R = TypeVar("R")

MOST_NAMED = 5
"""So many leftovers are named in an error."""


def cassette(
    path: str | os.PathLike[str],
    *,
    record: RecordMode = "once",
    tools: Literal["live", "recorded"] = "live",
    mask: Callable[[Any], Any] | None = None,
    match: Callable[[dict[str, Any]], Any] | None = None,
) -> Cassette:
    """A file of answers; for a `with` block, all runs of this process are answered from it.

    As a decorator of a function, `def` or `async def`, it is such a block around each call.

    Args:
        path: The file, JSON.
        record: When models are asked, and their answers written down. "once": where there is no
            file yet; "new": for what the file does not know, and what is not asked for any more
            is taken out; "all": always, the file begins anew; "none": never. Under pytest
            `--cassettes=...` counts instead.
        tools: "live": tools are run, as they are what is tested. "recorded": their outputs come
            from the file, too. Agents as tools are run in any case, with recorded answers.
        mask: Makes what is written, and compared, out of a JSON value: a question, an answer, a
            tool's arguments or output. Keys and headers are never written.
        match: What of a request counts, out of {"model", "instructions", "input", "tools",
            "settings", "output", ...}; None: all of it.

    Raises:
        CassetteMiss: Something is asked that the file does not know, and is not to be recorded; in
            the end once more, where it was caught.
        CassetteLeftover: The block ends well, and the file knows more than was asked for.
        UserError: The file is no cassette, or an argument is not one of those named.
    """
    check_choice(record, "record", *MODES)
    check_choice(tools, "tools", "live", "recorded")
    check_kind(path, (str, os.PathLike), "The path of a cassette", "a path")
    absolute_path(path, "The path of a cassette")
    if mask is not None:
        check_takes(mask, "mask", "a JSON value")
    if match is not None:
        check_takes(match, "match", "a request")
    return Cassette(Path(path), modes.chosen_for_all or record, tools == "recorded", mask, match)


class Cassette(StandIn):
    """A cassette; `cassette(...)` makes it.

    Attributes:
        path: Its file.
        record: When it records.
        models: What models were asked, and answered.
        tools: What tools were asked, and returned.
    """

    def __init__(
        self,
        path: Path,
        record: RecordMode,
        tools_are_recorded: bool,
        mask: Callable[[Any], Any] | None,
        match: Callable[[JSON], Any] | None,
    ) -> None:
        self.path = path
        self.record = record
        self._tools_are_recorded = tools_are_recorded
        self._mask = mask
        self._match = match or (lambda asked: asked)
        self._lock = new_lock()
        self._miss: CassetteMiss | None = None

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """The function, each of its calls in a block of its own.

        Raises:
            UserError: It is no function; or a class or a generator, whose code runs after the call.
        """
        goes_on = isgeneratorfunction(function) or isasyncgenfunction(function)
        if goes_on or isinstance(function, type) or not callable(function):
            raise UserError(
                "A cassette decorates functions, not classes or generators such as "
                f"{repr_of(function)}: use `with cassette(...)` inside"
            )
        if iscoroutinefunction(function):

            async def awaited(*args: P.args, **kwargs: P.kwargs) -> Any:
                with copy(self):
                    return await function(*args, **kwargs)

            return cast("Callable[P, R]", wraps(function)(awaited))

        @wraps(function)
        def called(*args: P.args, **kwargs: P.kwargs) -> R:
            with copy(self):
                return function(*args, **kwargs)

        return called

    def __enter__(self) -> Cassette:
        """Have all runs answered from it.

        Raises:
            CassetteMiss: It never records, and has no file.
            UserError: The file is no cassette.
        """
        is_there = self.path.exists()
        if self.record == "none" and not is_there:
            raise CassetteMiss(
                f'There is no cassette {self.path}, and record="none" makes none',
                path=str(self.path),
            )
        is_read = is_there and self.record != "all"
        known = read_cassette(self.path) if is_read else Content()
        self._writes = self.record in ("all", "new") or not is_there
        self.models = Entries(known.models, self._match)
        self.tools = Entries(known.tools, lambda asked: asked)
        self._servers = known.servers
        self._miss = None
        stand_ins.in_use.append(self)
        return self

    def __exit__(self, _: Any, error: BaseException | None, __: Any) -> None:
        """Write down what was recorded, unless the block failed.

        Raises:
            CassetteMiss: One was caught on its way.
            CassetteLeftover: The file knows more than was asked for.
        """
        if error is not None and self._miss is not None and error is not self._miss:
            error.add_note(str(self._miss))
        self.close(has_failed=error is not None)

    def close(self, has_failed: bool = False) -> None:
        """End it as `with` does; after a failure nothing is raised.

        What a failed block recorded for the first time is not kept: a part of a test would be
        taken for the whole next time.
        """
        stand_ins.in_use.remove(self)
        if has_failed:
            return
        if self._miss is not None:
            raise self._miss
        if self._writes:
            models, tools = self.models.in_order(), self.tools.in_order()
            write_cassette(self.path, Content(models, tools, self._servers))
            return
        left = self.models.left_over()
        if self._tools_are_recorded:
            left += self.tools.left_over()
        if left:
            raise self._leftover(left)

    # --- models --------------------------------------------------------------------------------

    def model_for(self, run: LiveRun) -> Model:
        """The model of the next call."""
        from .model import CassetteModel

        return CassetteModel(self, run)

    def known_answer(self, asked: JSON, agent: str) -> Entry | None:
        """The entry for a request, or None where the model is to be asked.

        Raises:
            CassetteMiss: There is none, and it is not to be recorded.
        """
        entry = self.models.take(asked)
        if entry is None and not self._writes:
            raise self._missing(self.models, asked, f"this request of agent {agent}")
        return entry

    def masked(self, value: Any) -> Any:
        """What is written of a JSON value."""
        return value if self._mask is None else self._mask(value)

    def masked_answer(self, response: JSON, events: list[JSON]) -> JSON:
        """What is written of an answer; deltas would tell piece by piece what a mask hides."""
        if self._mask is None and events:
            return {"response": response, "events": events}
        return {"response": self.masked(response)}

    # --- tools ---------------------------------------------------------------------------------

    def server_tools(
        self, agent: Agent[Any], listed: Callable[[], list[FunctionTool]]
    ) -> list[FunctionTool]:
        """The tools of an agent's MCP servers; no server is asked where tools are recorded.

        Raises:
            CassetteMiss: They are to be recorded, and are not.
        """
        from .server_tools import recorded_tools, written_tools

        known = self._servers.get(agent.name)
        if known is not None and self._tools_are_recorded:
            return recorded_tools(known, agent)
        if self._tools_are_recorded and not self._writes:
            raise self._missing(self.tools, {}, f"the tools of agent {agent.name}'s MCP servers")
        tools = listed()
        if self._writes:
            self._servers[agent.name] = self.masked(written_tools(tools, agent))
        return tools

    def make_call(
        self, call: ToolCall, tool: FunctionTool | LocalTool, make: Callable[[], Made]
    ) -> Made:
        """What comes of a call, recorded or made.

        Raises:
            CassetteMiss: It is to be recorded, and is not.
            Exception: The call failed in a way that ends the run.
        """
        is_screen = isinstance(tool, LocalTool) and tool.call_type == "computer_call"
        is_always_made = is_screen or tool.agent is not None
        if is_always_made or not (self._tools_are_recorded or self._writes):
            return make()
        text = call.context.tool_arguments
        arguments = read_arguments(text)
        asked = self.masked(
            plain(
                {
                    "agent": call.run.agent.name,
                    "tool": tool.name,
                    "arguments": text if arguments is None else arguments,
                }
            )
        )
        entry = self.tools.take(asked)
        if entry is not None and self._tools_are_recorded:
            return _recorded_call(entry.answer)
        if entry is None and not self._writes:
            raise self._missing(self.tools, asked, f"this call of tool {tool.name}")
        if entry is None:
            entry = Entry(asked, {})
        try:
            made = make()
        except Exception as error:
            self._keep(entry, {"raised": words_of(error)})
            raise
        self._keep(entry, _told(made))
        return made

    def _keep(self, entry: Entry, answer: JSON) -> None:
        is_new = not entry.answer
        entry.answer = self.masked(answer)
        if is_new:
            self.tools.add(entry)

    # --- errors --------------------------------------------------------------------------------

    def _missing(self, entries: Entries, asked: JSON, what: str) -> CassetteMiss:
        told = f"Cassette {self.path} has no answer to {what}"
        alike = entries.like(asked)
        if alike:
            told = f"Cassette {self.path} has given all its {alike} answer(s) to {what}"
        diff = "" if alike else nearest_difference(asked, (each.asked for each in entries.all))
        way = 'record it with record="new"' if self.record == "once" else "nothing is recorded now"
        miss = CassetteMiss(f"{told}; {way}", path=str(self.path), diff=diff)
        with self._lock:
            self._miss = self._miss or miss
        return miss

    def _leftover(self, left: list[Entry]) -> CassetteLeftover:
        named = [_name(entry) for entry in left[:MOST_NAMED]]
        if len(left) > MOST_NAMED:
            named.append(f"{len(left) - MOST_NAMED} more")
        return CassetteLeftover(
            f"Cassette {self.path} knows answers that nobody asked for: {'; '.join(named)}. "
            'record="new" takes them out',
            path=str(self.path),
        )


def _told(made: Made) -> JSON:
    """What is written of a call: what the model saw, and what the tool returned if it differs."""
    told: JSON = {"output": plain(made.shown)}
    if made.output is not made.shown:
        with suppress(TypeError, ValueError, RecursionError):  # no JSON: what was shown must do
            told["value"] = plain(made.output)
    if made.has_failed:
        told["failed"] = True
    return told


def _recorded_call(answer: JSON) -> Made:
    if "raised" in answer:
        raise UserError(answer["raised"])
    answer = plain(answer)
    shown = answer["output"]
    return Made(answer.get("value", shown), shown, answer.get("failed", False))


def _name(entry: Entry) -> str:
    if "tool" in entry.asked:
        return f"a call of tool {entry.asked['tool']}"
    last = entry.asked["input"][-1:] or [None]
    return f"agent {entry.agent} on {last[0]!r:.100}"
