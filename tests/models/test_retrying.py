"""Retries as model settings have them."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Callable, Iterator
from email.message import Message
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any
from urllib.error import HTTPError

import pytest
import requests

from agents_lite import (
    Agent,
    BadRequestError,
    InternalServerError,
    Model,
    ModelRequest,
    ModelResponse,
    ModelRetryNormalizedError,
    ModelRetrySettings,
    ModelSettings,
    OpenAIResponsesModel,
    RateLimitError,
    ResponsesClient,
    RetryDecision,
    RetryPolicyContext,
    Runner,
    Usage,
    UserError,
    generation_span,
    get_current_span,
    retry_policies,
    trace,
)
from agents_lite.concurrency.cancellation import Cancellation
from agents_lite.response_types import ResponseStreamEvent, as_stream_event
from agents_lite.retry import as_decision
from agents_lite.testing import ResponsesServer, status, turn
from agents_lite.testing.wire import build_response, stream_events
from tests.support.drivers import whole_and_streamed

QUICK = {"initial_delay": 0.001, "max_delay": 0.002, "multiplier": 1.5, "jitter": False}


def answer(retry: ModelRetrySettings, *script: Any) -> tuple[Any, int]:
    """The final output, or the error; and how many requests were made."""
    with ResponsesServer(script) as server:
        client = ResponsesClient(base_url=server.base_url, api_key="k", max_retries=0)
        settings = ModelSettings(retry=retry)
        agent = Agent(name="A", model=OpenAIResponsesModel("m", client), model_settings=settings)
        try:
            outcome = Runner.run_sync(agent, "Hi").final_output
        except Exception as error:
            outcome = error
    return outcome, len(server.requests)


def test_settings_say_how_often() -> None:
    retry = ModelRetrySettings(max_retries=2, backoff=QUICK)
    assert answer(retry, status(500), status(503), "Hello") == ("Hello", 3)
    outcome, tries = answer(retry, status(500), status(500), status(500))
    assert isinstance(outcome, InternalServerError) and tries == 3


def test_a_policy_decides_about_each_try() -> None:
    seen = []

    async def policy(context: RetryPolicyContext) -> bool | RetryDecision:
        await asyncio.sleep(0)
        seen.append((context.attempt, context.max_retries, context.normalized.status_code))
        return RetryDecision(True, delay=0.001) if context.attempt == 1 else False

    outcome, tries = answer(ModelRetrySettings(3, policy=policy), status(400), status(400))
    assert isinstance(outcome, BadRequestError) and tries == 2
    assert seen == [(1, 3, 400), (2, 3, 400)]


def test_a_policy_may_refuse_what_is_usually_tried_again() -> None:
    retry = ModelRetrySettings(3, policy=retry_policies.never())
    assert answer(retry, status(500))[1] == 1


def test_a_time_that_is_named_in_words_is_a_named_time() -> None:
    retry = ModelRetrySettings(3, policy=retry_policies.retry_after())
    soon = status(429, {"message": "Please retry in 5ms."})
    used_up = {"message": "Please retry in 5ms.", "details": [{"quotaId": "RequestsPerDay"}]}
    assert answer(retry, soon, "Hello") == ("Hello", 2)
    assert answer(retry, status(429, {"message": "Later."}))[1] == 1
    assert answer(retry, status(429, used_up))[1] == 1


def context(suggested: bool = False, **facts: Any) -> RetryPolicyContext:
    error = ModelRetryNormalizedError(**facts)
    return RetryPolicyContext(ValueError(), 1, 2, error, suggested)


def decided(policy: Any, given: RetryPolicyContext) -> RetryDecision:
    outcome = policy(given)
    return as_decision(asyncio.run(outcome) if asyncio.iscoroutine(outcome) else outcome)


@pytest.mark.parametrize(
    ("policy", "yes", "no"),
    [
        (retry_policies.provider_suggested(), {"suggested": True}, {}),
        (retry_policies.network_error(), {"is_network_error": True}, {"status_code": 500}),
        (retry_policies.network_error(), {"is_timeout": True}, {}),
        (retry_policies.retry_after(), {"retry_after": 0.0}, {}),
        (retry_policies.http_status([500]), {"status_code": 500}, {"status_code": 501}),
    ],
)
def test_policies_to_choose_from(policy: Any, yes: Any, no: Any) -> None:
    never = retry_policies.never()
    for together in (policy, retry_policies.any(never, policy), retry_policies.all(policy)):
        assert decided(together, context(**yes)).retry
        assert not decided(together, context(**no)).retry
    assert not decided(retry_policies.all(never, policy), context(**yes)).retry


def test_a_delay_that_one_of_them_names_is_kept() -> None:
    policy = retry_policies.any(retry_policies.http_status([429]), retry_policies.retry_after())
    assert decided(policy, context(status_code=429, retry_after=7.0)).delay == 7.0
    assert not decided(retry_policies.all(), context()).retry


@pytest.mark.parametrize("given", [{"max_retries": -1}, {"backoff": {"initial_delay": -1}}])
def test_numbers_below_zero_are_refused(given: Any) -> None:
    with pytest.raises(UserError, match="0 or more"):
        ModelRetrySettings(**given)


def test_a_field_that_no_backoff_has_is_refused() -> None:
    with pytest.raises(UserError, match="speed"):
        ModelRetrySettings(backoff={"speed": 1})


class Failing(Model):
    """A model of one's own that raises what it is given, an error a request, then answers."""

    def __init__(self, *errors: Exception, after: int = 0) -> None:
        self.errors = list(errors)
        self.after = after
        self.requests = 0

    async def get_response(self, *_args: Any, **_named: Any) -> ModelResponse:
        self.requests += 1
        await asyncio.sleep(0)
        if self.errors:
            raise self.errors.pop(0)
        return ModelResponse(build_response(turn("Hello"), {})["output"], Usage(), "r1")

    async def stream_response(
        self, *_args: Any, **_named: Any
    ) -> AsyncIterator[ResponseStreamEvent]:
        self.requests += 1
        for number, event in enumerate(stream_events(build_response(turn("Hello"), {}))):
            if self.errors and number == self.after:
                raise self.errors.pop(0)
            yield as_stream_event(event)


class OtherClientsError(Exception):
    """An error with a status, as other clients have it."""

    def __init__(self, status_code: int, **headers: str) -> None:
        super().__init__("no")
        self.status_code = status_code
        self.response = SimpleNamespace(headers=headers or None)


@whole_and_streamed
@pytest.mark.parametrize(
    "error",
    [
        OtherClientsError(503),
        requests.HTTPError(response=SimpleNamespace(status_code=503)),
        ConnectionResetError(),
        type("ReadError", (type("TransportError", (Exception,), {}),), {})(),
        RateLimitError("no", status_code=429),
        # as of google-genai, aiohttp, urllib and older clients
        type("ServerError", (Exception,), {"code": 503, "status": "UNAVAILABLE"})(),
        type("ClientResponseError", (Exception,), {"status": 429, "headers": {}})(),
        HTTPError("http://127.0.0.1", 503, "no", Message(), None),
        type("ServiceError", (Exception,), {"http_status": 500})(),
        type("Enumerated", (Exception,), {"code": HTTPStatus.BAD_GATEWAY})(),
        type("Lost", (ConnectionError,), {"code": errno.ECONNRESET})(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_model_of_ones_own_is_asked_again(run: Callable[..., Any], error: Exception) -> None:
    model = Failing(error)
    settings = ModelSettings(retry=ModelRetrySettings(1, backoff=QUICK))
    agent = Agent(name="A", model=model, model_settings=settings)
    assert run(agent, "Hi").final_output == "Hello"
    assert model.requests == 2


def with_facts(error: Exception, **facts: Any) -> Exception:
    vars(error).update(facts)
    return error


@pytest.mark.parametrize(
    "error",
    [
        with_facts(OtherClientsError(429), code="insufficient_quota"),
        with_facts(OtherClientsError(429), body={"quotaId": "RequestsPerDay"}),
        ConnectionError("CERTIFICATE_VERIFY_FAILED"),
        type("ClientError", (ConnectionError,), {"code": 403, "status": "PERMISSION_DENIED"})(),
        type("StatusError", (Exception,), {"code": lambda _self: 503, "status": "503"})(),
        type("Closed", (Exception,), {"code": 1006})(),
    ],
)
def test_what_no_other_try_will_mend_is_not_tried_again(error: Exception) -> None:
    model = Failing(error)
    settings = ModelSettings(retry=ModelRetrySettings(backoff=QUICK))
    with pytest.raises(type(error)):
        Runner.run_sync(Agent("A", model=model, model_settings=settings), "Hi")


def test_tries_of_a_model_of_ones_own_are_waited_for_and_told_to_its_span() -> None:
    class Waits(Cancellation):
        def wait(self, seconds: float) -> None:
            waits.append(seconds)

    class Refused(Model):
        def stream(self, request: ModelRequest) -> Iterator[Any]:
            span: Any = get_current_span()
            told.append(len((span.span_data.model_config or {}).get("retries", ())))
            raise OtherClientsError(429, **{"retry-after": "20"})

    waits: list[float] = []
    told: list[int] = []
    request = ModelRequest([], cancellation=Waits())
    request.model_settings = ModelSettings(retry=ModelRetrySettings())
    with trace("w"), generation_span(), pytest.raises(OtherClientsError):
        Refused().respond(request)
    assert waits == [20, 20]
    assert told == [0, 1, 2]


def test_a_model_of_ones_own_is_not_asked_again_without_settings_or_once_it_has_begun() -> None:
    model = Failing(ConnectionResetError())
    with pytest.raises(ConnectionResetError):
        Runner.run_sync(Agent(name="A", model=model), "Hi")
    assert model.requests == 1
    late = Failing(ConnectionResetError(), after=3)
    settings = ModelSettings(retry=ModelRetrySettings(1, backoff=QUICK))
    with pytest.raises(ConnectionResetError):
        list(Runner.stream(Agent(name="A", model=late, model_settings=settings), "Hi"))
    assert late.requests == 1


def test_a_model_of_ones_own_has_not_begun_before_its_output_has() -> None:
    model = Failing(ConnectionResetError(), after=2)
    settings = ModelSettings(retry=ModelRetrySettings(1, backoff=QUICK))
    running = Runner.run_streamed(Agent(name="A", model=model, model_settings=settings), "Hi")
    events = [event.data.type for event in running.stream_events() if hasattr(event, "data")]
    begun = ["response.created", "response.in_progress"]
    assert (events[:4], running.final_output) == ([*begun, *begun], "Hello")


def test_what_a_client_has_tried_again_is_not_repeated_by_the_model_around_it() -> None:
    class Forwarding(Model):
        def stream(self, request: ModelRequest) -> Iterator[ResponseStreamEvent]:
            yield from inner.stream(request)

    with ResponsesServer([status(503)] * 3) as server:
        client = ResponsesClient(base_url=server.base_url, api_key="k")
        inner = OpenAIResponsesModel("m", client)
        settings = ModelSettings(retry=ModelRetrySettings(2, backoff=QUICK))
        with pytest.raises(InternalServerError):
            Runner.run_sync(Agent(name="A", model=Forwarding(), model_settings=settings), "Hi")


def test_a_wait_as_no_client_would_take_it_is_none_for_a_model_of_ones_own() -> None:
    model = Failing(OtherClientsError(429, **{"Retry-After": "3600"}))
    agent = Agent("A", model=model, model_settings=ModelSettings(retry=ModelRetrySettings(1)))
    with pytest.raises(OtherClientsError):
        Runner.run_sync(agent, "Hi", timeout=5)


def test_each_try_of_a_model_of_ones_own_is_closed() -> None:
    class Events:
        is_closed = False

        def __iter__(self) -> Iterator[Any]:
            return self

        def __next__(self) -> Any:
            raise ConnectionResetError

        def close(self) -> None:
            self.is_closed = True

    class Asked(Model):
        def stream(self, request: ModelRequest) -> Iterator[Any]:
            tries.append(Events())
            return tries[-1]

    tries: list[Events] = []
    settings = ModelSettings(retry=ModelRetrySettings(1, backoff=QUICK))
    with pytest.raises(ConnectionResetError):
        Runner.run_sync(Agent(name="A", model=Asked(), model_settings=settings), "Hi")
    assert [each.is_closed for each in tries] == [True, True]


def test_a_policy_is_told_what_another_client_met() -> None:
    seen = []

    def policy(context: RetryPolicyContext) -> bool:
        told = context.normalized
        seen.append((told.status_code, told.retry_after, told.is_network_error, told.is_timeout))
        named.append((told.error_code, told.request_id))
        return context.attempt < 4

    named: list[Any] = []
    errors = requests.ReadTimeout(), with_facts(TimeoutError(), code=7), ValueError("x")
    vars(errors[0])["code"] = ["no code"]
    first = with_facts(OtherClientsError(429, **{"Retry-After": "0"}), code="c", request_id="r")
    model = Failing(first, *errors)
    retry = ModelRetrySettings(5, backoff=QUICK, policy=policy)
    agent = Agent(name="A", model=model, model_settings=ModelSettings(retry=retry))
    with pytest.raises(ValueError, match="x"):
        Runner.run_sync(agent, "Hi")
    late = (None, None, False, True)
    assert seen == [(429, 0.0, False, False), late, late, (None, None, False, False)]
    assert named == [("c", "r"), (None, None), ("7", None), (None, None)]


def test_a_run_that_is_stopped_waits_for_no_other_try() -> None:
    def policy(_context: RetryPolicyContext) -> RetryDecision:
        running.cancel()
        return RetryDecision(True, delay=600)

    model = Failing(*[ConnectionResetError()] * 3)
    settings = ModelSettings(retry=ModelRetrySettings(2, policy=policy))
    agent = Agent(name="A", model=model, model_settings=settings)
    running = Runner.run_streamed(agent, "Hi")
    assert len(list(running.stream_events())) == 1
    assert model.requests == 1
