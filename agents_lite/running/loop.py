"""The loop of an agent's run."""

from __future__ import annotations

from collections.abc import Generator

from ..concurrency.generators import Burst
from ..exceptions import InvalidFinalOutputError, OutputGuardrailTripwireTriggered
from ..handoffs import Handoff
from ..items import ItemHelpers
from ..stream_events import AgentUpdatedStreamEvent, RunItemStreamEvent, StreamEvent
from ..tracing import agent_span
from .facts import Finished, TurnEnded
from .live_run import LiveRun
from .output_faults import ask_again
from .session import open_conversation, save_turn
from .turn.final_output import FinalOutput, final_output_of_message, final_output_of_tools
from .turn.guardrails import check_input_first, check_output, input_checks
from .turn.handoff import hand_over
from .turn.model_call import ask_model
from .turn.plan import Plan, make_plan
from .turn.request import build_request
from .turn.tool_calls import call_tools


def run_loop(run: LiveRun) -> Generator[StreamEvent | Burst[StreamEvent], None, None]:
    """Run agents until there is a final output, yielding what happens.

    A turn is one model call with what follows from it: a final output ends the run, a handoff
    brings in another agent, tool calls are made; then it is the model's turn again. Each phase
    does what the record does not hold yet, so a run that was left anywhere goes on from there.
    """
    record = run.record
    open_conversation(run)
    yield start_agent(run)
    check_input_first(run)
    with input_checks(run) as checks:
        tell_of_agent(run)
        while not record.is_over:
            if record.answer is None:
                run.begin_turn()
                request = build_request(run, checks.cancellation)
                yield from ask_model(request, run)
            checks.verdict()  # tools, handoffs and the session wait for the input guardrails
            yield from carry_out(make_plan(record), run)
            record.add(TurnEnded())
            save_turn(run)
            yield from run.announce(record.conversation.added_items)
            if record.agent_is_new:
                yield start_agent(run)
                tell_of_agent(run)


def carry_out(plan: Plan, run: LiveRun) -> Generator[RunItemStreamEvent, None, None]:
    """Tell of an answer and do what it asks for: calls, a handoff; or take it as the final output.

    An answer is no final output if more was said meanwhile.

    Raises:
        RunPaused: Something of it waits for a person.
    """
    yield from run.announce(plan.items)
    yield from call_tools(plan, run)
    if plan.handoffs:
        yield from hand_over(plan.handoffs, run)
        return
    if run.record.is_finished or run.record.has_more_input:
        return
    try:
        final = (final_output_of_message if plan.is_done else final_output_of_tools)(plan, run)
        if final is not None:
            finish(final, run)
    except (InvalidFinalOutputError, OutputGuardrailTripwireTriggered) as error:
        if not ask_again(error, run):
            raise


def finish(final: FinalOutput, run: LiveRun) -> None:
    """End with this output, once the hooks and the output guardrails have seen it."""
    run.tell_once("agent_ended", run.agent, final.output)
    check_output(final.output, run)
    run.record.add(Finished(final.output, final.is_typed))


def start_agent(run: LiveRun) -> AgentUpdatedStreamEvent:
    """Put the agent that is at work into a span of its own."""
    run.finish_span()
    agent = run.agent
    run.output_schema = schema = agent.output_schema()
    span = agent_span(
        agent.name,
        handoffs=[
            offer.agent_name if isinstance(offer, Handoff) else offer.name
            for offer in agent.handoffs
        ],
        tools=[tool.name for tool in agent.tools],
        output_type="str" if schema is None else schema.name(),
    )
    run.start_span(span)
    return AgentUpdatedStreamEvent(agent)


def tell_of_agent(run: LiveRun) -> None:
    """Tell the hooks of an agent that took over, unless it has answered already."""
    record, conversation = run.record, run.record.conversation
    if record.agent_is_new:
        is_first = record.turn == 0
        said = conversation.prepared if is_first else list(conversation.next_input)
        run.context.turn_input = ItemHelpers.input_to_new_input_list(said)
        run.tell_once("agent_started", run.agent, said)
    else:
        run.context.turn_input = record.agent_input
