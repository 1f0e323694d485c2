"""Setting a run up, and cleaning up behind it."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Literal
from weakref import ref

from typing_extensions import TypedDict

from ..agent import Agent
from ..checks import check_choice, check_seconds, check_session
from ..concurrency.calling import Callbacks, is_cancelled_task
from ..concurrency.cancellation import Cancellation, RunCancelled
from ..concurrency.generators import Burst, step_in_context
from ..concurrency.timers import call_at
from ..exceptions import (
    AgentsException,
    MaxTurnsExceeded,
    ModelBehaviorError,
    OutputGuardrailTripwireTriggered,
    RunTimeout,
    UsageLimitExceeded,
    UserError,
    explain_lost_import,
    words_of,
)
from ..items import as_input_items
from ..lifecycle import RunHooks, check_hooks
from ..result import RunErrorDetails, RunResult
from ..run_config import RunConfig, as_run_config, check_error_handlers
from ..run_context import TContext
from ..shown import repr_of
from ..tracing import get_current_trace, trace
from . import stand_ins
from .facts import Failed
from .live_run import LiveRun, RunPaused
from .loop import run_loop
from .output_faults import end_by_handler
from .record import Record

if TYPE_CHECKING:
    from ..memory import Session
    from ..run_error_handlers import RunErrorHandler
    from ..stream_events import StreamEvent
    from .run_state import RunState

_FAULTS_OF_ANSWERS = (ModelBehaviorError, OutputGuardrailTripwireTriggered, UsageLimitExceeded)
"""After these a run that is taken up asks the model again."""
_ENDLESS = nullcontext()
"""The time limit of a run that has none."""


class RunOptions(TypedDict, Generic[TContext], total=False):
    """Keyword arguments of all ways to run an agent.

    Attributes:
        context: Any object; every tool, hook, guardrail and instruction function of the run is
            given it. It is not sent to the model.
        max_turns: Most turns, each a model call with what follows from it; None: no limit; left
            out: 10.
        hooks: Called at each step.
        run_config: Options for the whole run.
        session: Remembers the conversation: its history goes before the input, what is new is
            added.
        previous_response_id: Continue from this response, where the server keeps responses.
        auto_previous_response_id: Whether each turn continues from the response before it, from
            the second one on, so that only what is new is sent.
        conversation_id: Continue this conversation of the server.
        timeout: Seconds for the whole run; None: no limit. A `def` tool at work is waited for:
            give it a `timeout` of its own where that is too long.
        on_timeout: What happens when the time is over: a `RunTimeout`; or the run is paused,
            where nothing is left half done, and can be taken up again.
        error_handlers: As in `RunConfig`; those given here come first.
    """

    context: TContext | None
    max_turns: int | None
    hooks: RunHooks[TContext] | None
    run_config: RunConfig | None
    session: Session | None
    previous_response_id: str | None
    auto_previous_response_id: bool
    conversation_id: str | None
    timeout: float | None
    on_timeout: Literal["raise", "pause"]
    error_handlers: Mapping[str, RunErrorHandler] | None


def new_run(
    agent: Agent[Any],
    input: str | Sequence[Mapping[str, Any]] | RunState,
    options: RunOptions[Any],
    *,
    streamed: bool,
    parent: Cancellation | None = None,
    around: LiveRun | None = None,
    record: Record | None = None,
) -> LiveRun:
    """A run to be read; nothing happens before the first of its events is asked for.

    Args:
        agent: The agent that begins.
        input: Text, a list of input items, or a run that is to go on.
        options: Those of `RunOptions`.
        streamed: Whether the model's deltas are wanted.
        parent: Stops this run too; None: only its own cancellation does.
        around: The run that this one is a part of; None: it is a run of its own.
        record: What the run has done already, in a run around it; None: nothing.

    Raises:
        UserError: An argument is of the wrong kind, or two do not go together.
    """
    if isinstance(options.get("run_config"), dict):
        options = {**options, "run_config": as_run_config(options["run_config"])}
    if isinstance(input, list | tuple):
        input = as_input_items(input, "The input")
    elif not isinstance(input, str):
        record, options = _taken_up(agent, input, options)
        input = record.conversation.given
    check_options(agent, options)
    run = LiveRun(
        Record(agent) if record is None else record,
        given=input,
        options=options,
        callbacks=Callbacks() if around is None else around.callbacks,
        cancellation=Cancellation(parent),
        around=around,
        streamed=streamed,
    )
    if run.config.journal is not None and around is None:
        events = _drive_durably(run)
    else:
        events = _drive(run, _time_limit(run))
    run.events = step_in_context(events, copy_context())
    return run


def _drive_durably(run: LiveRun) -> Generator[StreamEvent | Burst[StreamEvent], None, RunResult]:
    """The run from where its journal has it; of a finished one only the result."""
    try:
        with _time_limit(run):
            writer = _taken_from_journal(run)
            if writer is None:
                return RunResult(run)
            try:
                try:
                    result = yield from _drive(run, _ENDLESS)
                except BaseException as error:
                    writer.close_after(error)
                    raise
                writer.close()
                return result
            finally:
                writer.leave()
    except AgentsException as error:
        error.run_data = RunErrorDetails(run)
        raise
    finally:
        run.is_over = True
        run.callbacks.close()


def _taken_from_journal(run: LiveRun) -> Any:
    """What writes the run down; None: it is finished, or its time was over before."""
    journal: Any = run.config.journal
    try:
        return journal.take_up(run)
    except RunPaused as pause:
        run.pause_reason = pause.reason
        return None


def _drive(
    run: LiveRun, time_limit: AbstractContextManager[None]
) -> Generator[StreamEvent | Burst[StreamEvent], None, RunResult]:
    """The loop inside its trace and its time limit, cleaned up however it ends."""
    error: BaseException | None = None
    run.stand_in = stand_ins.current()
    with _run_trace(run), time_limit, run.cancellation:
        try:
            run.cancellation.check()
            try:
                yield from run_loop(run)
            except (MaxTurnsExceeded, ModelBehaviorError) as fault:
                yield from end_by_handler(fault, run)
            except (OSError, ImportError) as fault:
                explain_lost_import(fault)
                raise
            except BaseException as fault:
                if is_cancelled_task(fault):  # as which whoever awaits the run would take it
                    told = f"What the run calls was cancelled: {words_of(fault)}"
                    raise UserError(told) from fault
                raise
            return RunResult(run)
        except RunPaused as pause:
            run.pause_reason = pause.reason
            return RunResult(run)
        except GeneratorExit:
            raise
        except BaseException as failure:
            error = failure
            if isinstance(failure, Exception):
                with suppress(AttributeError):  # of a kind that takes no attributes
                    failure.run_data = RunErrorDetails(run)  # type: ignore[attr-defined]
                run.record.add(_failure(failure, run.record))
            raise
        finally:
            run.is_over = True
            run.finish_span(error)
            run.cancellation.cancel(RunCancelled())
            run.close()


def _failure(error: Exception, record: Record) -> Failed:
    """How a run failed. An answer whose calls were begun is kept: none is to be made twice."""
    is_begun = any(call.is_begun for call in record.calls.values())
    is_fault = isinstance(error, _FAULTS_OF_ANSWERS) and not is_begun
    return Failed(type(error).__name__, words_of(error), is_fault)


def _run_trace(run: LiveRun) -> AbstractContextManager[Any]:
    """The trace of the run: none, the one that is current, or its own."""
    config = run.config
    if config.tracing_disabled:
        return trace(config.workflow_name, disabled=True)
    current = get_current_trace()
    whole = current or trace(
        config.workflow_name,
        trace_id=run.record.trace_id or config.trace_id,
        group_id=run.group_id,
        metadata=config.trace_metadata,
    )
    if whole.session_id is None:
        whole.session_id = run.session_id
    return whole if current is None else nullcontext()


def _time_limit(run: LiveRun) -> AbstractContextManager[None]:
    seconds = run.options.get("timeout")
    return _ENDLESS if seconds is None else _limited(run, seconds)


@contextmanager
def _limited(run: LiveRun, seconds: float) -> Iterator[None]:
    late = RunTimeout(f"The run did not end within its timeout of {seconds:g} seconds")
    stop = partial(run.cancellation.cancel, late)
    if run.options.get("on_timeout") == "pause":
        stop = partial(_pause, ref(run))
    run.deadline = time.monotonic() + seconds
    watch = call_at(run.deadline, stop)
    try:
        yield
    finally:
        watch.cancel()


def _pause(held: ref[LiveRun]) -> None:
    """Pause a run whose time is over; one whose stream was dropped is not held until then."""
    run = held()
    if run is not None:
        run.pause("timeout")


def _taken_up(
    agent: Agent[Any], state: Any, options: RunOptions[Any]
) -> tuple[Record, RunOptions[Any]]:
    """The record of a run that is to go on, a copy, and its options with those given now.

    Raises:
        UserError: The input is no state, or none that this agent can go on with.
    """
    take_up = getattr(state, "take_up", None)
    if take_up is None:
        raise UserError(
            f"The input must be a string or a list of input items, got {repr_of(state)}; or a "
            "RunState"
        )
    record, kept = take_up(agent)
    if options.get("previous_response_id") or options.get("conversation_id"):
        kept = {**kept, "previous_response_id": None, "conversation_id": None}
    return record, {**kept, **options}


def check_options(agent: Any, options: RunOptions[Any]) -> None:
    """Raise UserError for what a run cannot be made of."""
    for name in options.keys() - RunOptions.__annotations__:
        if name in RunConfig.__dataclass_fields__:
            raise UserError(f"Write run_config=RunConfig({name}=...) for {name}")
        raise TypeError(f"A run has no option {name}")
    max_turns, timeout = options.get("max_turns"), options.get("timeout")
    if not isinstance(max_turns, int | None):
        raise UserError(f"max_turns must be a whole number or None, got {repr_of(max_turns)}")
    if timeout is not None:
        check_seconds(timeout, "timeout")
    if "on_timeout" in options:
        check_choice(options["on_timeout"], "on_timeout", "raise", "pause")
    if not isinstance(agent, Agent):
        raise UserError(f"The starting agent must be an Agent, got {repr_of(agent)}")
    check_error_handlers(options.get("error_handlers"))
    hooks, run_config = options.get("hooks"), options.get("run_config")
    if not isinstance(hooks, RunHooks | None):
        raise UserError(
            f"hooks must be RunHooks, got {repr_of(hooks)}; AgentHooks go to Agent(hooks=...)"
        )
    check_hooks(hooks)
    if not isinstance(run_config, RunConfig | None):
        raise UserError(f"run_config must be a RunConfig, got {repr_of(run_config)}")
    session = options.get("session")
    if session is not None:
        check_session(session, "session")
    if session is not None and (
        options.get("previous_response_id")
        or options.get("conversation_id")
        or options.get("auto_previous_response_id")
    ):
        raise UserError(
            "Session persistence keeps the history in the session, previous_response_id and "
            "conversation_id keep it at the server: use one of them"
        )
