"""Setting a run up, and cleaning up behind it."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Generic, TypedDict

from ..agent import Agent
from ..concurrency.calling import Callbacks
from ..concurrency.cancellation import Cancellation, RunCancelled
from ..concurrency.generators import step_in_context
from ..concurrency.timers import call_at
from ..exceptions import AgentsException, RunTimeout, UserError
from ..lifecycle import RunHooks
from ..result import RunResult
from ..run_config import DEFAULT_MAX_TURNS, RunConfig
from ..run_context import RunContextWrapper, TContext
from ..tracing import get_current_trace, trace
from .loop import run_loop
from .run_state import RunState

if TYPE_CHECKING:
    from ..items import TResponseInputItem
    from ..memory import Session
    from ..stream_events import StreamEvent


class RunOptions(TypedDict, Generic[TContext], total=False):
    """Keyword arguments of all ways to run an agent."""

    context: TContext | None
    """Any object; every tool, hook, guardrail and instruction function of the run is given it. It
    is not sent to the model."""
    max_turns: int | None
    """Most turns, each a model call with what follows from it; None: no limit."""
    hooks: RunHooks[TContext] | None
    """Called at each step."""
    run_config: RunConfig | None
    """Options for the whole run."""
    session: Session | None
    """Remembers the conversation: its history goes before the input, what is new is added."""
    previous_response_id: str | None
    """Continue from this response, where the server keeps responses."""
    conversation_id: str | None
    """Continue this conversation of the server."""
    timeout: float | None
    """Seconds for the whole run; None: no limit. A `def` tool at work is waited for: give it a
    `timeout` of its own where that is too long."""


def start_run(
    agent: Agent[Any],
    input: str | list[TResponseInputItem],
    *,
    streamed: bool,
    context: Any = None,
    max_turns: int | None = DEFAULT_MAX_TURNS,
    hooks: RunHooks[Any] | None = None,
    run_config: RunConfig | None = None,
    session: Session | None = None,
    previous_response_id: str | None = None,
    conversation_id: str | None = None,
    timeout: float | None = None,
    parent: Cancellation | None = None,
    callbacks: Callbacks | None = None,
) -> tuple[RunState, Generator[StreamEvent, None, RunResult]]:
    """The record of a new run, and its events; nothing happens before the first is asked for.

    Args:
        agent: The agent that begins.
        input: Text, or a list of input items.
        streamed: Whether the model's deltas are wanted.
        parent: Stops this run too; None: only its own cancellation does.
        callbacks: The way to call functions of the run that this one is a part of; None: its own.

    The other arguments are those of `RunOptions`.

    Raises:
        UserError: An argument is of the wrong kind, or two do not go together.
    """
    _check_arguments(agent, input, hooks, run_config, session)
    _check_limits(max_turns, timeout)
    if session is not None and (previous_response_id or conversation_id):
        raise UserError(
            "A session keeps the history here, previous_response_id and conversation_id keep it "
            "at the server: use one of them"
        )
    state = RunState(
        input=input if isinstance(input, str) else list(input),
        agent=agent,
        max_turns=max_turns,
        previous_response_id=previous_response_id,
        conversation_id=conversation_id,
        context_wrapper=RunContextWrapper(context),
        config=run_config or RunConfig(),
        session=session,
        hooks=hooks,
        callbacks=callbacks or Callbacks(),
        cancellation=Cancellation(parent),
        streamed=streamed,
    )
    events = _run(state, timeout, owns_callbacks=callbacks is None)
    return state, step_in_context(events, copy_context())


def _run(
    state: RunState, timeout: float | None, owns_callbacks: bool
) -> Generator[StreamEvent, None, RunResult]:
    """The loop inside its trace and its time limit, cleaned up however it ends."""
    error: BaseException | None = None
    with _run_trace(state.config), _time_limit(state, timeout):
        try:
            state.cancellation.check()
            yield from run_loop(state)
            return RunResult(state)
        except GeneratorExit:
            raise
        except BaseException as failure:
            error = failure
            if isinstance(failure, AgentsException):
                failure.run_data = state.error_details()
            raise
        finally:
            state.is_complete = True
            state.finish_agent_span(error)
            state.cancellation.cancel(RunCancelled())
            state.cancellation.detach()
            if owns_callbacks:
                state.callbacks.close()


def _run_trace(config: RunConfig) -> AbstractContextManager[Any]:
    """The trace of the run: none, the one that is current, or its own."""
    if config.tracing_disabled:
        return trace(config.workflow_name, disabled=True)
    if get_current_trace() is not None:
        return nullcontext()
    return trace(
        config.workflow_name,
        trace_id=config.trace_id,
        group_id=config.group_id,
        metadata=config.trace_metadata,
    )


@contextmanager
def _time_limit(state: RunState, timeout: float | None) -> Iterator[None]:
    if timeout is None:
        yield
        return
    late = RunTimeout(f"The run did not end within its timeout of {timeout:g} seconds")
    watch = call_at(time.monotonic() + timeout, lambda: state.cancellation.cancel(late))
    try:
        yield
    finally:
        watch.cancel()


def _check_limits(max_turns: Any, timeout: Any) -> None:
    if not isinstance(max_turns, int | None):
        raise UserError(f"max_turns must be a whole number or None, got {max_turns!r}")
    if not isinstance(timeout, int | float | None):
        raise UserError(f"timeout must be a number of seconds or None, got {timeout!r}")


def _check_arguments(
    agent: Any, input: Any, hooks: Any, run_config: Any, session: Any
) -> None:
    if not isinstance(agent, Agent):
        raise UserError(f"The starting agent must be an Agent, got {agent!r}")
    if not isinstance(input, str | list):
        raise UserError(f"The input must be a string or a list of input items, got {input!r}")
    for item in input if isinstance(input, list) else ():
        if not isinstance(item, dict):
            raise UserError(f"Each input item must be a dict such as {{'role': ...}}, got {item!r}")
    if not isinstance(hooks, RunHooks | None):
        raise UserError(f"hooks must be RunHooks, got {hooks!r}; AgentHooks go to Agent(hooks=...)")
    if not isinstance(run_config, RunConfig | None):
        raise UserError(f"run_config must be a RunConfig, got {run_config!r}")
    if session is not None and not hasattr(session, "get_items"):
        raise UserError(f"session must be a Session such as SQLiteSession, got {session!r}")
