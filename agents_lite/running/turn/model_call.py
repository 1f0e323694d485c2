"""Calling the model: its events passed on, its whole answer put into the record."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, TypeAlias

from ...concurrency.generators import Burst
from ...exceptions import APIError, ModelBehaviorError
from ...http.assembly import Deltas, SettledEvents
from ...items import ModelResponse
from ...models.answer import ModelEvents, read_response
from ...models.interface import Model, ModelRequest
from ...models.openai_provider import choose_model
from ...models.tool_json import handoff_to_request, tool_to_request
from ...response_types import ResponseCompletedEvent, ResponseStreamEvent, as_json, as_stream_event
from ...stream_events import RawResponsesStreamEvent
from ...tracing import Span, generation_span
from ...usage import known_counts
from ..facts import Answered
from ..limits import check_price
from .plan import find_targets
from .prompt_cache import SMALLEST_CACHED, sent_prompt, warn_of_change, with_cache_key
from .request import build_request

if TYPE_CHECKING:
    from ...agent import Agent
    from ...tracing import GenerationSpanData
    from ..live_run import LiveRun


Passed: TypeAlias = RawResponsesStreamEvent | Burst[RawResponsesStreamEvent]
"""What is passed on of a model's stream."""


def ask_model(request: ModelRequest, run: LiveRun) -> Generator[Passed, None, None]:
    """One model call; `request.cancellation` cuts it short.

    A request that is too large for the model is compacted and made once more, if the run is to.

    Raises:
        ModelBehaviorError: The answer cannot be used.
    """
    return _ask(request, run) if run.compaction is None else _ask_again(request, run)


def _ask_again(request: ModelRequest, run: LiveRun) -> Generator[Passed, None, None]:
    """A model call that may be made once more, after compacting."""
    try:
        yield from _ask(request, run)
    except APIError as error:
        from .compacting import make_room

        if not make_room(error, run, request.cancellation):
            raise
        yield from _ask(build_request(run, request.cancellation), run)


def _ask(request: ModelRequest, run: LiveRun) -> Generator[Passed, None, None]:
    """One model call with its hooks and its span."""
    agent = run.agent
    stand_in = run.stand_in
    model = choose_model(agent, run.config) if stand_in is None else stand_in.model_for(run)
    check_price(model, run)
    request = with_cache_key(request, model, run)
    if run.cached_prompt is not None:
        warn_of_change(run.cached_prompt, sent_prompt(request, run))
    run.hooks.model_started(agent, request.system_instructions, request.input)
    response: ModelResponse | None = None
    fault: ModelBehaviorError | None = None
    span, block = span_of_call(model)
    with block:
        describe_request(span, request, model, run.records_content)
        event = completed = None
        with ModelEvents(model, request, run.callbacks) as events:
            if run.config.step is not None:
                events = in_step(events, run)
            reasons = request.cancellation.reasons
            for part in events.parts if isinstance(events, SettledEvents) else events:
                if reasons:
                    raise reasons[0]
                if type(part) is Deltas:
                    yield Burst(_passed_on(part))
                    continue
                event = part
                if type(event) is ResponseCompletedEvent:  # kept, even if nobody reads on
                    response = read_response(event, model)
                    fault = _take(response, request, agent, run)
                    completed = event
                else:
                    yield RawResponsesStreamEvent(event)
        if response is None:
            response = read_response(event, model)  # which says what is wrong
        describe_response(span, response, run.records_content)
    is_cached = response.usage.input_tokens >= SMALLEST_CACHED
    run.cached_prompt = sent_prompt(request, run) if is_cached else None
    if run.compaction is not None:
        run.measure(response.usage.input_tokens)
    run.hooks.model_ended(agent, response)
    if completed is not None:
        yield RawResponsesStreamEvent(completed)
        run.cancellation.check()  # whoever reads the events may have stopped the run
    if fault is not None:
        raise fault


def _passed_on(deltas: Deltas) -> Iterator[RawResponsesStreamEvent]:
    """Deltas as events of the run."""
    new = object.__new__
    for event in deltas:
        passed_on = new(RawResponsesStreamEvent)  # thousands come: without a call
        passed_on.data = event
        yield passed_on


def in_step(events: Iterator[ResponseStreamEvent], run: LiveRun) -> Iterator[ResponseStreamEvent]:
    """The last event, as the engine keeps it; it may have it already, then nothing is sent."""

    def last_event() -> Any:
        *_, last = ({}, *events)
        return as_json(last)

    yield as_stream_event(run.take_step(f"{run.agent.name}: model", last_event))


def _take(
    response: ModelResponse, request: ModelRequest, agent: Agent[Any], run: LiveRun
) -> ModelBehaviorError | None:
    """Take an answer into the record. Returns why it cannot be used, or None."""
    try:
        targets = find_targets(response, request, agent)
    except ModelBehaviorError as fault:
        run.record.add(Answered(run.turn, response, None))
        return fault
    run.record.add(Answered(run.turn, response, targets))
    return None


def span_of_call(model: Model) -> tuple[Span[GenerationSpanData], AbstractContextManager[object]]:
    """The span of a call of a model, and the block in it; of one that traces itself in none."""
    name = getattr(model, "model", type(model).__name__)
    span = generation_span(model=name, disabled=model.traces_itself)
    return span, nullcontext() if model.traces_itself else span


def describe_request(
    span: Span[GenerationSpanData], request: ModelRequest, model: Model, with_content: bool
) -> None:
    """Have a span tell what a model is asked."""
    if span.disabled:
        return
    span.span_data.hostname = model.hostname
    settings = vars(request.model_settings).items()
    span.span_data.model_config = {
        name: value
        for name, value in settings
        if value is not None and not name.startswith("extra_")  # they may hold secrets
    }
    if with_content:
        offered = _offered(request)
        if offered:
            span.span_data.model_config["tools"] = offered
        schema = request.output_schema
        if schema is not None and not schema.is_plain_text():
            span.span_data.model_config["output"] = schema.json_schema()
        instructions = request.system_instructions
        system = [] if instructions is None else [{"role": "system", "content": instructions}]
        span.span_data.input = [*system, *request.input]


def _offered(request: ModelRequest) -> list[dict[str, Any]]:
    """What the model may call; of tools that a server runs only which, since they may hold keys."""
    declared = [
        *map(tool_to_request, request.tools),
        *map(handoff_to_request, request.handoffs),
    ]
    return [
        tool if tool["type"] == "function" else {"type": tool["type"], "name": tool.get("name")}
        for tool in declared
    ]


def describe_response(
    span: Span[GenerationSpanData], response: ModelResponse, with_content: bool
) -> None:
    """Have a span tell what it answered."""
    if span.disabled:
        return
    usage = response.usage
    span.span_data.usage = {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        **known_counts(usage.request_usage_entries[0]),
    }
    if with_content:
        span.span_data.output = response.to_input_items()
