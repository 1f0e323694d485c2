"""Models of two methods, `get_response` and `stream_response`, as another SDK asks for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from typing import Any

import pytest
from pydantic import BaseModel

from agents_lite import (
    Agent,
    ItemHelpers,
    Model,
    ModelResponse,
    ModelSettings,
    ModelTracing,
    RunConfig,
    Runner,
    Usage,
    UserError,
    function_tool,
    generation_span,
)
from agents_lite.models.interface import ModelRequest
from agents_lite.models.two_methods import events_of
from agents_lite.response_types import as_stream_event
from agents_lite.testing import ScriptedModel, call, text
from agents_lite.testing.builders import turn
from agents_lite.testing.wire import build_response, stream_events
from tests.support.spans import recorded_spans


class OfTwo(Model):
    """Answers with prepared output items, and keeps what it was given."""

    def __init__(self, *outputs: list[Any]) -> None:
        self.outputs = list(outputs)
        self.asked: list[tuple[Any, ...]] = []
        self.later: list[dict[str, Any]] = []

    async def get_response(self, *asked: Any, **later: Any) -> ModelResponse:
        self.asked.append(asked)
        self.later.append(later)
        usage = Usage(requests=1, input_tokens=3, output_tokens=4, total_tokens=7)
        return ModelResponse(self.outputs.pop(0), usage, "resp_1", "req_1")

    async def stream_response(self, *asked: Any, **later: Any) -> AsyncIterator[Any]:
        self.asked.append(asked)
        for event in stream_events(build_response(turn(*self.outputs.pop(0)), {})):
            yield event


def test_a_run_asks_through_get_response() -> None:
    add = function_tool(lambda: 3, name_override="add")
    model = OfTwo([call("add", call_id="1")], [text("Three")])
    agent = Agent(name="A", instructions="Count", model=model, tools=[add])
    result = Runner.run_sync(agent, "1 and 2?")
    assert result.final_output == "Three"
    instructions, asked, _, tools, output_schema, handoffs, _ = model.asked[0]
    assert (instructions, asked[0]["content"]) == ("Count", "1 and 2?")
    assert (tools, output_schema, handoffs) == ([add], None, [])
    assert result.usage.requests == 2 and result.usage.total_tokens == 14
    response = result.raw_responses[0]
    assert (response.response_id, response.request_id) == ("resp_1", "req_1")


def test_a_streamed_run_passes_on_what_stream_response_yields() -> None:
    async def read() -> list[str]:
        stream = Runner.run_streamed(Agent(name="A", model=OfTwo([text("Good day")])), "Hi")
        deltas = [
            event.data.delta
            async for event in stream.stream_events()
            if event.type == "raw_response_event"
            and event.data.type == "response.output_text.delta"
        ]
        assert stream.final_output == "Good day"
        return deltas

    assert "".join(asyncio.run(read())) == "Good day"


def test_a_model_that_cannot_stream_is_asked_for_the_whole_answer() -> None:
    class Whole(Model):
        async def get_response(self, *asked: Any) -> ModelResponse:
            return ModelResponse([text("Hi")], Usage())

    events = list(Runner.stream(Agent(name="A", model=Whole()), "Hello"))
    assert events[-1].item.raw_item.content[0].text == "Hi"  # type: ignore[union-attr]


def test_arguments_of_later_days_are_for_those_that_take_them() -> None:
    model = OfTwo([text("Hi")])
    Runner.run_sync(Agent(name="A", model=model), "Hello", previous_response_id="resp_0")
    assert model.later[0]["previous_response_id"] == "resp_0"


class Part(BaseModel):
    type: str = "output_text"
    text: str
    annotations: list[Any] = []


class Message(BaseModel):
    """A message as an object, as the `openai` package has them."""

    type: str
    role: str
    content: list[Part]
    phase: str | None = None


def test_an_answer_may_consist_of_objects_of_pydantic() -> None:
    part = Part(type="output_text", text="Hi", annotations=[])
    said = Message(type="message", role="assistant", content=[part])
    result = Runner.run_sync(Agent(name="A", model=OfTwo([said])), "Hello")
    assert result.final_output == "Hi"
    assert result.raw_responses[0].output == [said]
    assert "phase" not in result.to_input_list()[1]


def test_what_it_raises_is_raised() -> None:
    class Broken(Model):
        async def get_response(self, *asked: Any) -> ModelResponse:
            raise LookupError("no model")

    with pytest.raises(LookupError, match="no model"):
        Runner.run_sync(Agent(name="A", model=Broken()), "Hello")


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (RunConfig(), ModelTracing.ENABLED),
        (RunConfig(trace_include_sensitive_data=False), ModelTracing.ENABLED_WITHOUT_DATA),
        (RunConfig(tracing_disabled=True), ModelTracing.DISABLED),
    ],
)
def test_it_is_told_what_its_spans_are_to_hold(config: RunConfig, expected: ModelTracing) -> None:
    model = OfTwo([text("Hi")])
    with recorded_spans():
        Runner.run_sync(Agent(name="A", model=model), "Hello", run_config=config)
    told = model.asked[0][6]
    assert told is expected
    assert told.is_disabled() == (expected is ModelTracing.DISABLED)
    assert told.include_data() == (expected is ModelTracing.ENABLED)


def test_its_calls_are_traced_by_itself() -> None:
    class Traced(OfTwo):
        async def get_response(self, *asked: Any, **later: Any) -> ModelResponse:
            with generation_span(model="its own"):
                return await super().get_response(*asked, **later)

    with recorded_spans() as recorder:
        Runner.run_sync(Agent(name="A", model=Traced([text("Hi")])), "Hello")
    models = [getattr(span.span_data, "model", None) for span in recorder.spans]
    assert [model for model in models if model is not None] == ["its own"]


def test_an_older_name_of_the_response_id_is_known() -> None:
    assert ModelResponse([], Usage(), referenceable_id="resp_1").response_id == "resp_1"


def test_a_stream_that_is_left_is_closed_at_once() -> None:
    ended: list[str] = []

    class Noting(OfTwo):
        async def stream_response(self, *asked: Any, **later: Any) -> AsyncIterator[Any]:
            try:
                async for event in super().stream_response(*asked, **later):
                    yield event
            finally:
                ended.append("closed")

    async def leave() -> None:
        request = ModelRequest([], stream=True)
        events = events_of(Noting([text("One two")]), request)
        await anext(events)
        await events.aclose()  # type: ignore[attr-defined]
        assert ended == ["closed"]

    asyncio.run(leave())


class Noting:
    """Adds to the two methods of the class beside it."""

    noted: list[str] = []

    async def get_response(self, *asked: Any, **later: Any) -> ModelResponse:
        self.noted.append("whole")
        response: ModelResponse = await super().get_response(*asked, **later)  # type: ignore[misc]
        return response

    async def stream_response(self, *asked: Any, **later: Any) -> AsyncIterator[Any]:
        self.noted.append("streamed")
        async for event in super().stream_response(*asked, **later):  # type: ignore[misc]
            yield event


def test_a_class_may_add_to_the_two_methods_that_models_of_this_package_have() -> None:
    class Once(Noting, ScriptedModel):
        """Its methods come from beside it."""

    class Twice(Once):
        async def get_response(self, *asked: Any, **later: Any) -> ModelResponse:
            self.noted.append("again")
            return await super().get_response(*asked, **later)

    class Streamed(ScriptedModel):
        noted: list[str] = []

        async def stream_response(self, *asked: Any, **later: Any) -> AsyncIterator[Any]:
            self.noted.append("streamed")
            async for event in super().stream_response(*asked, **later):
                yield event

    for kind, told in (
        (Once, ["whole", "streamed"]),
        (Twice, ["again", "whole", "streamed"]),
        (Streamed, ["streamed"]),
    ):
        kind.noted = noted = []
        with recorded_spans() as seen:
            agent = Agent(name="A", model=kind(["One", "Two"]))
            assert Runner.run_sync(agent, "Hi").final_output == "One"
            events = Runner.stream(agent, "Hi")
            deltas = [
                e.data.delta
                for e in events
                if e.type == "raw_response_event" and e.data.type == "response.output_text.delta"
            ]
        assert ("".join(deltas), noted) == ("Two", told)
        assert [span.span_data.type for span in seen.spans].count("generation") == 2


def test_a_class_with_nothing_to_add_to_is_told_so() -> None:
    class Streaming(Model):
        stream_response = OfTwo.stream_response

    class Adding(Noting, Model):
        pass

    for kind in (Streaming, Adding):
        with pytest.raises(UserError, match=f"{kind.__name__} cannot be asked"):
            Runner.run_sync(Agent(name="A", model=kind()), "Hi")  # type: ignore[abstract]


def test_a_class_of_models_may_take_options_when_it_is_declared() -> None:
    class Registered:
        def __init_subclass__(cls, name: str, **options: Any) -> None:
            super().__init_subclass__(**options)

    class Own(OfTwo, Registered, name="own"):
        pass

    agent = Agent(name="A", model=Own([text("Hi")]))
    assert Runner.run_sync(agent, "x").final_output == "Hi"


ASKED: Any = {
    "system_instructions": "Be kind.",
    "input": "Hello",
    "model_settings": ModelSettings(temperature=0.5),
    "tools": [],
    "output_schema": None,
    "handoffs": [],
    "tracing": ModelTracing.DISABLED,
    "previous_response_id": None,
    "conversation_id": None,
    "prompt": None,
}


def test_a_model_of_one_method_is_asked_through_two() -> None:
    model = ScriptedModel(["Hi", "Bye"])

    async def ask() -> tuple[ModelResponse, list[Any]]:
        answer = await model.get_response(**ASKED)
        return answer, [event async for event in model.stream_response(**ASKED)]

    answer, events = asyncio.run(ask())
    assert ItemHelpers.extract_text(answer.output[0]) == "Hi"
    assert "".join(event.delta for event in events if event.type.endswith("text.delta")) == "Bye"
    whole, streamed = model.requests
    assert (whole.stream, streamed.stream) == (False, True)
    assert whole.input == [{"role": "user", "content": "Hello"}]
    assert (whole.system_instructions, whole.model_settings.temperature) == ("Be kind.", 0.5)


def test_a_model_knows_the_context_variables_of_who_awaits_it() -> None:
    user: ContextVar[str] = ContextVar("user", default="nobody")

    class Greeter(Model):
        def stream(self, request: ModelRequest) -> Iterator[Any]:
            return ScriptedModel([f"Hi {user.get()}"]).stream(request)

    async def ask() -> list[str | None]:
        user.set("Ann")
        answer = await Greeter().get_response(**ASKED)
        streamed = [event async for event in Greeter().stream_response(**ASKED)]
        outputs = [answer.output, streamed[-1].response.output]
        return [ItemHelpers.extract_text(output[0]) for output in outputs]

    assert asyncio.run(ask()) == ["Hi Ann", "Hi Ann"]


def test_who_leaves_an_answer_stops_it() -> None:
    closed = threading.Event()

    class Endless(Model):
        def stream(self, request: ModelRequest) -> Iterator[Any]:
            try:
                while True:
                    request.cancellation.check()
                    yield as_stream_event({"type": "response.output_text.delta", "delta": "a"})
            finally:
                closed.set()

    async def leave() -> None:
        async for _ in Endless().stream_response(**ASKED):
            break
        assert await asyncio.to_thread(closed.wait, 60)

    asyncio.run(leave())
