"""Many runs at once, on threads and in other processes."""

from __future__ import annotations

import itertools
import multiprocessing
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import (
    CancelledError,
    Executor,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest

from agents_lite import (
    Agent,
    MaxTurnsExceeded,
    ModelRefusalError,
    RunConfig,
    RunContextWrapper,
    Runner,
    RunOutcome,
    SQLiteJournal,
    UserError,
    get_current_trace,
    trace,
)
from agents_lite.exceptions import BadRequestError
from agents_lite.testing import ResponsesServer, ScriptedModel, call, refusal, status, turn
from tests.support.threads import no_thread_left
from tests.workers import agents

Scripted = Callable[..., ScriptedModel]


def message_of(request: Any) -> str:
    """The user's message, in a request to a model or to a server."""
    items = request.input if hasattr(request, "input") else request.body["input"]
    return str(items[0]["content"])


def by_index(outcomes: Iterator[RunOutcome]) -> list[RunOutcome]:
    return sorted(outcomes, key=lambda outcome: outcome.index)


def test_each_input_has_one_outcome(scripted: Scripted) -> None:
    inputs: list[Any] = ["a", [{"role": "user", "content": "b"}]]
    echo = Agent("Echo", model=scripted(lambda request: message_of(request).upper()))
    outcomes = by_index(Runner.run_many(echo, inputs))
    assert [outcome.index for outcome in outcomes] == [0, 1]
    assert [outcome.input for outcome in outcomes] == inputs
    assert [outcome.unwrap().final_output for outcome in outcomes] == ["A", "B"]


def test_no_inputs_have_no_outcomes(scripted: Scripted) -> None:
    assert list(Runner.run_many(Agent("Idle", model=scripted([])), [])) == []


class Lines:
    """A dataset as some libraries have them: by number, and no more."""

    def __getitem__(self, index: int) -> str:
        return ["a", "b"][index]


def test_inputs_may_be_known_by_their_number_alone(scripted: Scripted) -> None:
    inputs: Any = Lines()
    outcomes = list(Runner.run_many(Agent("A", model=scripted(["done", "done"])), inputs))
    assert sorted(str(outcome.input) for outcome in outcomes) == ["a", "b"]


def test_outcomes_come_as_runs_end(scripted: Scripted) -> None:
    is_out = threading.Event()

    def answer(request: Any) -> str:
        assert message_of(request) == "quick" or is_out.wait(60)
        return "done"

    order = []
    for outcome in Runner.run_many(Agent("A", model=scripted(answer)), ["slow", "quick"]):
        order.append(outcome.index)
        is_out.set()
    assert order == [1, 0]


@pytest.mark.parametrize("pooled", [False, True], ids=["threads", "executor"])
def test_no_more_than_max_workers_run_at_a_time(scripted: Scripted, pooled: bool) -> None:
    at_work, numbers = set(), []
    together = threading.Barrier(3)

    def answer(request: Any) -> str:
        at_work.add(message_of(request))
        numbers.append(len(at_work))
        together.wait(60)  # fewer than three would wait in vain
        at_work.discard(message_of(request))
        together.wait(60)
        return "done"

    agent = Agent("A", model=scripted(answer))
    with ThreadPoolExecutor(9) as executor:
        outcomes = list(
            Runner.run_many(
                agent, map(str, range(9)), max_workers=3, executor=executor if pooled else None
            )
        )
    assert [outcome.error for outcome in outcomes] == [None] * 9
    assert max(numbers) == 3


@pytest.mark.parametrize("pooled", [False, True], ids=["threads", "executor"])
def test_inputs_are_drawn_as_there_is_room(scripted: Scripted, pooled: bool) -> None:
    drawn = itertools.count()
    agent = Agent("A", model=scripted(lambda request: "done"))
    with ThreadPoolExecutor(2) as executor:
        outcomes = Runner.run_many(
            agent, map(str, drawn), max_workers=2, executor=executor if pooled else None
        )
        for _ in range(10):
            next(outcomes)
        assert next(drawn) <= 12
        outcomes.close()  # type: ignore[attr-defined]


def test_failed_run_leaves_the_others_alone(scripted: Scripted) -> None:
    def answer(request: Any) -> Any:
        return refusal("No.") if message_of(request) == "bad" else "fine"

    agent = Agent("A", model=scripted(answer))
    good, bad = by_index(Runner.run_many(agent, ["good", "bad"]))
    assert (good.unwrap().final_output, good.error) == ("fine", None)
    assert isinstance(bad.error, ModelRefusalError)
    assert bad.result is None
    with pytest.raises(ModelRefusalError):
        bad.unwrap()


def test_on_result_gets_each_outcome_on_the_callers_thread(scripted: Scripted) -> None:
    seen: list[tuple[RunOutcome, threading.Thread]] = []
    agent = Agent("A", model=scripted(lambda request: "done"))
    outcomes = Runner.run_many(
        agent, ["a", "b"], on_result=lambda each: seen.append((each, threading.current_thread()))
    )
    assert list(outcomes) == [outcome for outcome, _ in seen]
    assert {thread for _, thread in seen} == {threading.current_thread()}


def test_options_hold_for_every_run(scripted: Scripted) -> None:
    def greet(context: RunContextWrapper[str], agent: Agent[str]) -> str:
        return f"You work for {context.context}."

    model = scripted(lambda request: call("add", a=1, b=2))
    agent = Agent("A", greet, model=model, tools=[agents.add])
    outcomes = list(Runner.run_many(agent, ["a", "b"], context="Ada", max_turns=1))
    assert [type(outcome.error) for outcome in outcomes] == [MaxTurnsExceeded] * 2
    assert {request.system_instructions for request in model.requests} == {"You work for Ada."}


def test_settings_of_many_runs_may_be_a_dict_but_name_no_run(
    scripted: Scripted, tmp_path: Path
) -> None:
    agent = Agent("A", model=scripted(["one"]))
    settings: Any = {"tracing_disabled": True}
    [outcome] = Runner.run_many(agent, ["a"], run_config=settings)
    assert outcome.unwrap().final_output == "one"
    replay = Runner.replay(agent, outcome.unwrap().to_state(), run_config=settings)
    assert replay.result is not None and replay.result.final_output == "one"
    with pytest.raises(UserError, match="must be a RunConfig"):
        Runner.run_many(agent, ["a"], run_config=5)  # type: ignore[arg-type]
    config = RunConfig(journal=SQLiteJournal(tmp_path / "runs.db"), run_id="mine")
    with pytest.raises(UserError, match="Of many runs only one could be 'mine'"):
        Runner.run_many(agent, ["a"], run_config=config)


@pytest.mark.parametrize("workers", [0, -1, None, "2", 1.5, True])
def test_fewer_than_one_worker_is_refused(workers: Any) -> None:
    with pytest.raises(UserError, match="max_workers must be a whole number from 1 on"):
        Runner.run_many(agents.calculator, ["a"], max_workers=workers)


@pytest.mark.parametrize("pooled", [False, True], ids=["threads", "executor"])
def test_leaving_the_loop_stops_what_runs(pooled: bool) -> None:
    slow = threading.Event()

    def answer(request: Any) -> Any:
        if message_of(request) == "quick":
            slow.wait(60)  # until the other one is under way
            return "done"
        slow.set()
        return turn("late", delay=60)

    with ResponsesServer(answer) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_BASE_URL", server.base_url)
        with no_thread_left(), ThreadPoolExecutor(2) as pool:
            executor = pool if pooled else None
            for outcome in Runner.run_many(Agent("A"), ["slow", "quick"], executor=executor):
                assert outcome.input == "quick"
                break
        left = next(each for each in server.requests if message_of(each) == "slow")
        assert left.client_left.wait(60)


@pytest.mark.parametrize("pooled", [False, True], ids=["threads", "executor"])
def test_many_runs_belong_to_the_trace_around_them(scripted: Scripted, pooled: bool) -> None:
    seen = []

    def note(context: RunContextWrapper[Any], agent: Agent[Any]) -> None:
        seen.append(get_current_trace())

    agent = Agent("A", note, model=scripted(["one", "two"]))
    with ThreadPoolExecutor(2) as pool, trace("All") as around:
        list(Runner.run_many(agent, ["a", "b"], executor=pool if pooled else None))
    assert seen == [around] * 2


def test_leaving_the_loop_takes_back_what_an_executor_has_not_begun(scripted: Scripted) -> None:
    is_left = threading.Event()

    def answer(request: Any) -> str:
        assert message_of(request) == "0" or is_left.wait(60)
        return "done"

    model = scripted(answer)
    with ThreadPoolExecutor(1) as executor:
        for _ in Runner.run_many(
            Agent("A", model=model), map(str, range(50)), max_workers=50, executor=executor
        ):
            break
        is_left.set()
    assert len(model.requests) <= 2


def test_what_an_executor_cancels_is_an_outcome_and_the_others_go_on(scripted: Scripted) -> None:
    is_cancelled = threading.Event()

    def answer(request: Any) -> str:
        assert message_of(request) == "a" or is_cancelled.wait(60)
        return "done"

    outcomes: list[RunOutcome] = []
    executor = ThreadPoolExecutor(1)
    agent = Agent("A", model=scripted(answer))
    for outcome in Runner.run_many(agent, list("abcd"), max_workers=4, executor=executor):
        outcomes.append(outcome)
        executor.shutdown(wait=False, cancel_futures=True)
        is_cancelled.set()
    assert sorted(outcome.index for outcome in outcomes) == [0, 1, 2, 3]
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    assert {outcome.index for outcome in failed} >= {2, 3}  # the second may have begun
    for outcome in failed:
        with pytest.raises(CancelledError, match=f"cancelled run {outcome.index} before it began"):
            outcome.unwrap()


def test_error_of_the_inputs_is_raised_and_stops_what_runs(scripted: Scripted) -> None:
    def inputs() -> Iterator[str]:
        yield "a"
        raise OSError("the file is gone")

    agent = Agent("A", model=scripted(lambda request: turn("late", delay=60)))
    with no_thread_left(), pytest.raises(OSError, match="the file is gone"):
        list(Runner.run_many(agent, inputs()))


class TestInProcesses:
    @pytest.fixture
    def server(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[ResponsesServer]:
        """The stand-in, where other processes look for the model."""
        with ResponsesServer() as server:
            monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
            yield server

    @pytest.fixture
    def pool(self) -> Iterator[Executor]:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(2, mp_context=context) as executor:
            yield executor

    @pytest.mark.usefixtures("server")
    def test_results_come_back_whole(self, pool: Executor) -> None:
        inputs = ["Total: 7", "Total: 8"]
        outcomes = by_index(Runner.run_many(agents.typed, inputs, executor=pool))
        results = [outcome.unwrap() for outcome in outcomes]
        assert [result.final_output for result in results] == [
            agents.Sum(total=7),
            agents.Sum(total=8),
        ]
        assert [result.last_agent for result in results] == [agents.typed] * 2
        assert [result.usage.requests for result in results] == [1, 1]
        assert results[0].to_input_list()[0] == {"role": "user", "content": "Total: 7"}

    def test_error_comes_back_with_its_facts(
        self, pool: Executor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with ResponsesServer([status(400, {"message": "Too long.", "code": "length"})]) as server:
            monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
            (outcome,) = Runner.run_many(agents.calculator, ["a"], executor=pool)
        error = outcome.error
        assert isinstance(error, BadRequestError)
        assert (error.status_code, error.code) == (400, "length")
        assert "Too long." in str(error)
        assert error.run_data is not None
        assert error.run_data.last_agent is agents.calculator

    @pytest.mark.usefixtures("server")
    def test_dead_worker_is_an_outcome_of_every_run_its_pool_had_left(
        self, pool: Executor
    ) -> None:
        inputs = ["Die!", *"abc"]
        outcomes = by_index(Runner.run_many(agents.mortal, inputs, max_workers=1, executor=pool))
        assert [outcome.input for outcome in outcomes] == inputs
        assert [type(outcome.error) for outcome in outcomes] == [BrokenProcessPool] * 4

    def test_agent_without_a_name_in_a_module_is_told_what_to_do(self, pool: Executor) -> None:
        (outcome,) = Runner.run_many(Agent("Local"), ["a"], executor=pool)
        with pytest.raises(UserError, match="define it at the top level of a module"):
            outcome.unwrap()

    @pytest.mark.parametrize("method", ["spawn", "forkserver"])
    def test_no_run_that_ends_oddly_takes_others_along(self, method: str) -> None:
        lock: Any = [{"role": "user", "content": threading.Lock()}]
        inputs = ["exit", "interrupt", "unloadable", "raise a lock", "lock", lock, "Hi"]
        context = multiprocessing.get_context(method)
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            outcomes = by_index(Runner.run_many(agents.odd, inputs, executor=pool))
        told = [f"{type(outcome.error).__name__}: {outcome.error}" for outcome in outcomes]
        assert told[:3] == [
            "AgentsException: SystemExit: 4",
            "AgentsException: KeyboardInterrupt: KeyboardInterrupt",
            "AgentsException: Unloadable: 3 words",
        ]
        assert told[3].startswith("AgentsException: LookupError: <unlocked _thread.lock")
        assert told[4].startswith("UserError: The result of run 4 cannot come back")
        assert told[5].startswith("UserError: Input 5 cannot go to another process")
        assert [outcome.input for outcome in outcomes] == inputs
        assert outcomes[-1].unwrap().final_output == "Hi"

    def test_options_that_cannot_be_pickled_are_refused_at_once(self) -> None:
        with ProcessPoolExecutor(1) as pool:
            with pytest.raises(UserError, match="The context of these runs cannot go to another"):
                Runner.run_many(agents.odd, ["a"], executor=pool, context=threading.Lock())

    def test_threads_of_an_executor_need_nothing_to_be_pickled(self) -> None:
        with ThreadPoolExecutor(2) as pool:
            outcomes = by_index(Runner.run_many(agents.odd, ["lock", "unloadable"], executor=pool))
        assert "lock" in str(outcomes[0].unwrap().final_output)
        assert isinstance(outcomes[1].error, agents.Unloadable)
