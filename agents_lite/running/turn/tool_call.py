"""One call of a local tool, made on whatever thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from ...concurrency.cancellation import Cancellation
from ...items import ToolCallOutputItem, caller_of, output_item
from ...response_types import ResponsesObject, json_text
from ...tool import FunctionTool, LocalTool
from ...tool_context import ToolContext
from ...tracing import FunctionSpanData, Span, function_span
from ..facts import Begun, Called
from ..live_run import RunPaused
from ..stand_ins import Made
from .function_call import call_function, read_arguments
from .tool_failure import settle_failure

if TYPE_CHECKING:
    from ..live_run import LiveRun


@dataclass(eq=False, repr=False)
class ToolCall:
    """A call of a local tool."""

    raw: Any
    """The Responses API call."""
    tool: FunctionTool | LocalTool
    """The tool that is called."""
    run: LiveRun
    """The run."""
    cancellation: Cancellation
    """Stops the call."""

    def __post_init__(self) -> None:
        """Put together what the tool is given."""
        run = self.run
        self.agent = run.agent
        """The agent that makes it."""
        self.call_id: str = self.raw.call_id
        self.context: ToolContext[Any] = ToolContext(
            run.context.context,
            run.context.usage,
            run.context.usage_by_agent,
            run.context.turn_input,
            tool_input=run.context.tool_input,
            tool_name=self.tool.name,
            tool_call_id=self.call_id,
            tool_arguments=self._arguments(),
            tool_call=self.raw,
            agent=self.agent,
            run_config=run.config,
            run=run,
        )
        self.has_inner = run.record.has_inner(self.call_id)
        """Whether there is a run inside it that goes on."""
        self.goes_on = self.has_inner or run.record.call(self.call_id).input is not None
        """Whether it was begun, and waited for a person in its middle."""

    @property
    def asked_for(self) -> Any:
        """What is asked for: a function's arguments, or None where they are no JSON object."""
        if isinstance(self.tool, FunctionTool):
            return read_arguments(self.context.tool_arguments)
        return self.tool.asked_of(self.raw)

    def ask(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function of the user within this call."""
        return self.run.callbacks.call(self.cancellation, function, *args)

    def known_output(self) -> ToolCallOutputItem | None:
        """What stands for the call's output, so that it is not made; or None."""
        stand_in = self.run.stand_in
        return None if stand_in is None else stand_in.known_output(self)

    def announce_start(self) -> None:
        """Tell the hooks that the tool is about to run."""
        hooks, agent = self.run.hooks, self.agent
        if hooks.is_heard(agent) and not self.goes_on:
            given = self.asked_for  # which is read for them
            arguments = given if isinstance(given, dict) else {}
            hooks.tool_started(self.context, agent, self.tool, arguments)

    def make(self) -> ToolCallOutputItem | None:
        """Make the call. None: the run pauses before it, or a run inside it is paused."""
        seats = self.run.seats if self.tool.agent is None else None
        try:
            if seats is None:
                return self.run.at_work(self.tool.name, self._make_in_span)
            with seats.taken(self.cancellation):
                return self.run.at_work(self.tool.name, self._make_in_span)
        except RunPaused:
            return None

    def announce_end(self, item: ToolCallOutputItem | None) -> None:
        """Tell the hooks that the tool has run."""
        if item is not None:
            self.run.hooks.tool_ended(self.context, self.agent, self.tool, item.output)

    def _make_in_span(self) -> ToolCallOutputItem | None:
        run = self.run
        with function_span(self.tool.name) as span:
            if run.records_content:
                span.span_data.input = self.context.tool_arguments
            if not self.has_inner:
                run.record.add(Begun(self.call_id))
            try:
                if run.config.step is None or self.tool.agent is not None:
                    item = self._call(span)
                else:
                    item = self._call_in_step(span)
            except RunPaused:  # which is no failure of this span
                if run.record.writer is not None:
                    run.record.writer.take_back()
                return None
            run.record.add(Called(self.call_id, item))
            if run.records_content:
                span.span_data.output = item.raw_item.get("output")
            return item

    def _call(self, span: Span[FunctionSpanData]) -> ToolCallOutputItem:
        known = self.known_output()
        if known is not None:
            return known
        if isinstance(self.tool, FunctionTool):
            output, shown = call_function(self, self.tool, span)
            return output_item(self.agent, self.raw, shown, output)
        stand_in = self.run.stand_in
        if stand_in is None:
            made = self._carry_out(self.tool, span)
        else:
            make = partial(self._carry_out, self.tool, span)
            made = stand_in.make_call(self, self.tool, make)
        return self.output_of(self.tool, made.shown, made.output)

    def _carry_out(self, tool: LocalTool, span: Span[FunctionSpanData]) -> Made:
        self.context.cancellation = self.cancellation
        try:
            fields, output = tool.carry_out(self)
        except Exception as error:
            settle_failure(error, self, span)
            fields, output = tool.explain(self, error)
            return Made(output, fields, has_failed=True)
        return Made(output, fields)

    def output_of(
        self, tool: LocalTool, fields: dict[str, Any], output: Any
    ) -> ToolCallOutputItem:
        """The item for the output of a tool that has an item type of its own."""
        raw_item = ResponsesObject(
            {
                "type": f"{tool.call_type}_output",
                "call_id": self.call_id,
                **caller_of(self.raw),
                **fields,
            }
        )
        return ToolCallOutputItem(self.agent, raw_item, output)

    def _arguments(self) -> str:
        if isinstance(self.tool, FunctionTool):
            return self.raw.get("arguments") or ""
        asked_for = self.tool.asked_of(self.raw)
        return asked_for if isinstance(asked_for, str) else json_text(asked_for)

    def _call_in_step(self, span: Span[FunctionSpanData]) -> ToolCallOutputItem:
        """The output as an engine keeps it; it may have it already, then no call is made."""
        from ..fact_json import item_from_json, item_to_json

        told = self.run.take_step(self.tool.name, lambda: item_to_json(self._call(span)))
        return cast(ToolCallOutputItem, item_from_json(told, self.agent))
