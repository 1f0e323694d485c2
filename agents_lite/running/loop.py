"""The loop of an agent's run."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import Any

from ..agent import Agent
from ..handoffs import Handoff
from ..models.interface import ModelRequest
from ..stream_events import AgentUpdatedStreamEvent, RunItemStreamEvent, StreamEvent
from ..tracing import agent_span
from .conversation import open_conversation, save_turn
from .run_state import RunState
from .turn.final_output import FinalOutput, final_output_of_message, final_output_of_tools
from .turn.guardrails import InputChecks, check_input_first, check_output
from .turn.handoff import HandOver, hand_over
from .turn.model_call import ask_model
from .turn.plan import Plan, sort_output
from .turn.request import build_request
from .turn.tool_calls import call_tools


def run_loop(state: RunState) -> Generator[StreamEvent, None, None]:
    """Run agents until there is a final output, yielding what happens.

    A turn is one model call with what follows from it: a final output ends the run, a handoff
    brings in another agent, tool calls are made; then it is the model's turn again.
    """
    open_conversation(state)
    yield start_agent(state.agent, state)
    check_input_first(state)
    with closing(InputChecks(state)) as checks:
        state.lifecycle.agent_started(state.agent, state.prepared_input)
        while True:
            state.begin_turn()
            request = build_request(state, checks.cancellation)
            response = yield from ask_model(request, state)
            checks.verdict()  # tools, handoffs and the session wait for the input guardrails
            plan = sort_output(response, request, state.agent)
            yield from state.record(plan.items)
            step = yield from carry_out(plan, request, state)
            if isinstance(step, FinalOutput):
                finish(step.output, state)
            state.end_turn()
            save_turn(state)
            if isinstance(step, FinalOutput):
                return
            if isinstance(step, HandOver):
                yield from change_agent(step, state)


def carry_out(
    plan: Plan, request: ModelRequest, state: RunState
) -> Generator[RunItemStreamEvent, None, FinalOutput | HandOver | None]:
    """Do what a response asks for. Returns what comes next; None: the model again."""
    results = call_tools(plan, state)
    yield from state.record(results.items)
    if plan.used_tool:
        state.tool_users.add(state.agent.name)
    if plan.handoffs:
        return (yield from hand_over(plan, state))
    if plan.is_done:
        return final_output_of_message(plan, request.output_schema, state)
    return final_output_of_tools(results.function_results, state)


def finish(output: Any, state: RunState) -> None:
    """Tell the hooks of the final output and let the output guardrails see it."""
    state.lifecycle.agent_ended(state.agent, output)
    check_output(output, state)
    state.final_output = output


def change_agent(step: HandOver, state: RunState) -> Generator[StreamEvent, None, None]:
    """Let another agent take over, with the conversation as it is meant to see it."""
    if step.conversation is not None:
        state.send_instead(step.conversation)
    yield start_agent(step.agent, state)
    state.lifecycle.agent_started(state.agent, list(state.model_input))


def start_agent(agent: Agent[Any], state: RunState) -> AgentUpdatedStreamEvent:
    """Make an agent the one at work, with a span of its own."""
    state.finish_agent_span()
    state.agent = agent
    schema = agent.output_schema()
    span = agent_span(
        agent.name,
        handoffs=[
            offer.agent_name if isinstance(offer, Handoff) else offer.name
            for offer in agent.handoffs
        ],
        tools=[tool.name for tool in agent.tools],
        output_type="str" if schema is None else schema.name(),
    )
    span.hides_content = not state.records_content
    span.start(mark_as_current=True)
    state.agent_span = span
    return AgentUpdatedStreamEvent(agent)
