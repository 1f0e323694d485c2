"""One answer of the chat page's server: a decision about a call, and the run as events."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..exceptions import UserError
from ..response_types import read_json
from ..result import RunResultStreaming
from ..running.run_state import RunState
from .events import error_event, event_frames, sse, waiting_calls

if TYPE_CHECKING:
    from ..agent import Agent

logger = logging.getLogger("agents_lite")


def answer_frames(
    run: RunResultStreaming,
    start: str | RunState,
    end: Callable[[str | None], None],
    *,
    trace_id: str | None = None,
    with_details: bool = False,
) -> Iterator[str]:
    """The run as events for the page, up to its end or to a call that waits for the visitor.

    Closing this generator, as servers do when the browser has gone, ends the run. What was done
    after a decision is not lost: the next message goes on from there.

    Args:
        run: The run, which was not streamed yet.
        start: What it began with: a message, or a run that was put aside.
        end: Called once, before the last event, with the run to be put aside, or None where there
            is nothing left of it to do.
        trace_id: The trace of the run, for pages that show runs; None: they are not told.
        with_details: As for `error_event`.
    """
    is_decided = isinstance(start, RunState)
    known = start.get_unsaved_items() if isinstance(start, RunState) else []
    state: str | None = None
    try:
        try:
            if trace_id is not None:
                yield sse("run", trace_id)
            yield from event_frames(run, known)
            if run.interruptions:
                state = run.to_state().to_string()
        except Exception:  # the user's own code may raise anything
            is_decided = False  # the session has its turns
            raise
        finally:
            run.cancel()
            if is_decided and state is None and run.final_output is None:
                state = run.to_state().to_string()
            end(state)
        last = _last_event(run)
    except Exception as error:
        logger.exception("The run failed")
        last = error_event(error, with_details=with_details)
    yield last


def kept_state(agent: Agent[Any], text: str | None) -> RunState | None:
    """The run that was put aside; None: there is none that this agent can go on with.

    Args:
        agent: The agent that began it; it may have changed since then.
        text: What was kept, or None.
    """
    try:
        return None if text is None else RunState.from_string(agent, text)
    except UserError as error:
        logger.warning("A run that waits is left behind: %s", error)
        return None


def decide_call(state: RunState, form: Mapping[str, str]) -> bool:
    """Decide about the call that waits as the page has posted it to `decide`.

    Args:
        state: The run that was put aside.
        form: What was posted.

    Returns:
        False: no such call waits, perhaps because it was decided about before.

    Raises:
        UserError: The fields of a form are not filled in as they should be.
    """
    named = form.get("call"), form.get("question") or ""
    waiting = state.get_interruptions()
    call = next((each for each in waiting if (each.call_id, each.question_name) == named), None)
    if call is None:
        return False
    if form.get("verdict") != "approve":
        state.reject(call, rejection_message=form.get("reason", "").strip() or None)
    elif call.question is None:
        state.approve(call)
    else:
        state.provide_input(call, _fields(form.get("fields") or "null"))
    return True


def _last_event(run: RunResultStreaming) -> str:
    if run.interruptions:
        return sse("waiting", waiting_calls(run.interruptions))
    output = run.final_output  # None: it was stopped
    return sse("done", output if isinstance(output, str | None) else str(output))


def _fields(text: str) -> Any:
    try:
        return read_json(text)
    except ValueError as error:
        raise UserError(f"The fields are no JSON ({error})") from error
