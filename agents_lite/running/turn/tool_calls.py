"""Making the calls that an answer asks for."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from functools import partial
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING

from ...concurrency.cancellation import Cancellation
from ...concurrency.parallel import run_in_threads
from ...exceptions import ModelBehaviorError
from ...items import ToolCallOutputItem, output_item
from ...tool import FunctionTool
from ..facts import Called
from ..limits import allow_calls
from ..live_run import RunPaused
from .approval import answer_server, interruptions, settle, why_no_output
from .tool_call import ToolCall

if TYPE_CHECKING:
    from ...stream_events import RunItemStreamEvent
    from ..live_run import LiveRun
    from .plan import Plan


def call_tools(plan: Plan, run: LiveRun) -> Generator[RunItemStreamEvent, None, None]:
    """Make the calls of an answer that were not made yet, and announce the outputs in call order.

    `def` tools run on this thread, one after the other. Those that say `parallel`, and `async def`
    ones, run beside them, each on a thread. Hooks run on this thread in any case.

    Raises:
        AgentsException: A tool failed and has no `failure_error_function`, a tool guardrail
            stopped the run, or a limit was reached.
        RunPaused: A call waits for a person.
    """
    if not (plan.calls or plan.unknown_calls or plan.approval_requests):
        return
    _check_found(plan, run)
    with Cancellation(run.cancellation) as scope:
        open_calls = [
            ToolCall(raw, tool, run, scope)
            for raw, tool in plan.calls
            if run.record.call(raw.call_id).output is None
        ]
        calls = [call for call in open_calls if settle(call)]
        allow_calls([call.call_id for call in calls], run)
        _make_all(calls, run, scope)
    _answer_unknown(plan, run)
    for raw, tool in plan.approval_requests:
        answer_server(raw, tool, run)
    run.rest()
    yield from run.announce(run.record.conversation.output_items)
    waiting = list(interruptions(run.record))
    if waiting:
        yield from run.announce(waiting)
        raise RunPaused("approval")


def _make_all(calls: list[ToolCall], run: LiveRun, scope: Cancellation) -> None:
    beside = [call for call in calls if len(calls) > 1 and _runs_beside(call)]
    here = [call for call in calls if call not in beside]
    if not beside:
        _make_here(here)
        return

    def jobs() -> Iterator[tuple[str, Callable[[], ToolCallOutputItem | None]]]:
        for call in beside:
            if call.run.is_pausing:
                return  # and those at work come to their ends
            call.announce_start()
            yield f"Tool {call.tool.name}", partial(_make_beside, call)
        _make_here(here)  # on this thread, beside the last ones; begun when there is room

    for place, item in run_in_threads(jobs(), run.config.max_tool_concurrency, scope):
        beside[place].announce_end(item)


def _make_here(calls: list[ToolCall]) -> None:
    for call in calls:
        call.cancellation.check()
        if call.run.is_pausing:
            return
        call.announce_start()
        call.announce_end(call.make())


def _make_beside(call: ToolCall) -> ToolCallOutputItem | None:
    try:
        return call.make()
    except BaseException as error:
        call.cancellation.cancel(error)  # no further call is begun
        raise


def _runs_beside(call: ToolCall) -> bool:
    """Whether a call is made on a thread of its own, beside the others of its turn."""
    config, tool, writer = call.run.config, call.tool, call.run.record.writer
    if config.max_tool_concurrency == 1 or not isinstance(tool, FunctionTool):
        return False
    if config.step is not None or (writer is not None and writer.one_call_at_a_time):
        return False
    if iscoroutinefunction(tool.function or tool.on_invoke_tool):
        return True
    return tool.parallel if config.parallel_tools is None else config.parallel_tools


def _check_found(plan: Plan, run: LiveRun) -> None:
    """Refuse an answer that calls a tool which does not exist, before any call is made.

    Raises:
        ModelBehaviorError: There is such a call, and the run does not want the model to be told.
    """
    if plan.unknown_calls and run.config.tool_not_found != "tell_model":
        name = plan.unknown_calls[0].name
        raise ModelBehaviorError(f"Tool {name} not found in agent {run.agent.name}")


def _answer_unknown(plan: Plan, run: LiveRun) -> None:
    """Answer calls of tools that do not exist."""
    for raw in plan.unknown_calls:
        if run.record.call(raw.call_id).output is None:
            usual = f"Tool '{raw.name}' not found."
            message = why_no_output(run, raw, "tool_not_found", raw.name, usual, run.call)
            run.record.add(Called(raw.call_id, output_item(run.agent, raw, message, message)))
