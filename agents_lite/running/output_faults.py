"""Ends that cannot stand: the model is asked again, or an error handler gives an output."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from ..exceptions import (
    AgentsException,
    InvalidFinalOutputError,
    MaxTurnsExceeded,
    ModelRefusalError,
    OutputGuardrailTripwireTriggered,
    UserError,
    words_of,
)
from ..items import MessageOutputItem
from ..response_types import as_object
from ..result import RunErrorDetails
from .facts import Added, Finished, TurnEnded
from .session import save_turn
from .turn.guardrails import check_output

if TYPE_CHECKING:
    from ..items import RunItem
    from ..stream_events import RunItemStreamEvent
    from .live_run import LiveRun

_HANDLED: tuple[tuple[str, type[AgentsException]], ...] = (
    ("max_turns", MaxTurnsExceeded),
    ("invalid_final_output", InvalidFinalOutputError),
    ("model_refusal", ModelRefusalError),
)


def ask_again(error: AgentsException, run: LiveRun) -> bool:
    """Tell the model what was wrong with its final output, if the run is to try once more.

    The words become a part of the conversation when the turn ends. Returns whether there are any.
    """
    most = run.agent.output_retries
    if run.config.output_retries is not None:
        most = run.config.output_retries
    if run.record.output_retries >= most:
        return False
    if isinstance(error, OutputGuardrailTripwireTriggered):
        result = error.guardrail_result
        if result.guardrail.on_trip != "retry":
            return False
        words = f"Guardrail {result.guardrail.get_name()} stopped this output"
        if result.output.output_info is not None:
            words += f": {result.output.output_info}"
    else:
        words = words_of(error)
    message = {"role": "user", "content": f"{words}\n\nPlease give the final output again."}
    run.record.add(Added([message], is_retry=True))
    return True


def end_by_handler(
    error: AgentsException, run: LiveRun
) -> Generator[RunItemStreamEvent, None, None]:
    """End a run with the final output that one of its error handlers gives.

    Raises:
        AgentsException: The error itself, where there is no handler, or it gives none; or it is
            that of a run inside this one, whose handlers have let it pass.
    """
    names = (name for name, kind in _HANDLED if isinstance(error, kind))
    handler = next((run.error_handlers[name] for name in names if name in run.error_handlers), None)
    if handler is None or error.run_data is not None:
        raise error
    from ..run_error_handlers import (  # only those who have one pay for it
        RunErrorHandlerInput,
        RunErrorHandlerResult,
    )

    given = RunErrorHandlerInput(run.context, run.agent, error, RunErrorDetails(run))
    result = run.call(handler, given)
    if result is None:
        raise error
    if not isinstance(result, RunErrorHandlerResult):
        result = RunErrorHandlerResult(result)
    output, record = result.final_output, run.record
    run.hooks.agent_ended(run.agent, output)
    check_output(output, run)
    said: list[RunItem] = [_as_message(output, run)] if result.include_in_history else []
    record.add(Finished(output, is_typed=False, said=said))
    yield from run.announce(said)
    record.add(TurnEnded())
    save_turn(run)


def _as_message(output: Any, run: LiveRun) -> MessageOutputItem:
    try:
        schema = run.output_schema
        said = output if schema is None else schema.as_answer(output)
        text = said if isinstance(said, str) else to_json(said).decode()
    except ValueError as error:
        raise UserError(
            f"An error handler's output has to be JSON to be in the history: {error}; return "
            "RunErrorHandlerResult(output, include_in_history=False)"
        ) from error
    part = {"type": "output_text", "text": text, "annotations": []}
    raw = {"type": "message", "role": "assistant", "status": "completed", "content": [part]}
    return MessageOutputItem(run.agent, as_object(raw))
