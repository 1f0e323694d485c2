"""Many runs on the worker processes of a Dask cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Executor

import pytest
from distributed import Client, LocalCluster
from distributed.scheduler import KilledWorker

from agents_lite import RunConfig, Runner
from agents_lite.exceptions import BadRequestError
from agents_lite.testing import ResponsesServer
from tests.workers import agents


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """Two worker processes, which give a task up when one worker died of it."""
    with ResponsesServer(models={"gpt-4o"}, delay=0.05) as server:
        environment = {"OPENAI_BASE_URL": server.base_url, "no_proxy": "127.0.0.1"}
        with LocalCluster(
            n_workers=2,
            threads_per_worker=2,
            host="127.0.0.1",
            dashboard_address=None,
            env=environment,
        ) as cluster:
            cluster.scheduler.allowed_failures = 0
            yield cluster


@pytest.fixture
def executor(cluster: LocalCluster) -> Iterator[Executor]:
    """Runs what it is given on the cluster."""
    with Client(cluster) as client:
        client.wait_for_workers(2)
        yield client.get_executor()


def test_runs_are_spread_over_processes(executor: Executor) -> None:
    inputs = [f"Name your process, number {number}" for number in range(12)]
    outcomes = list(Runner.run_many(agents.worker, inputs, max_workers=4, executor=executor))
    assert sorted(outcome.index for outcome in outcomes) == list(range(12))
    processes = {outcome.unwrap().final_output for outcome in outcomes}
    assert len(processes) == 2
    assert str(os.getpid()) not in processes


def test_result_comes_back_whole(executor: Executor) -> None:
    (outcome,) = Runner.run_many(agents.typed, ["Total: 7"], executor=executor)
    result = outcome.unwrap()
    assert result.final_output == agents.Sum(total=7)
    assert result.last_agent is agents.typed
    assert result.usage.requests == 1


def test_error_comes_back_with_its_facts(executor: Executor) -> None:
    config = RunConfig(model="unknown")
    (outcome,) = Runner.run_many(agents.typed, ["a"], run_config=config, executor=executor)
    assert isinstance(outcome.error, BadRequestError)
    assert outcome.error.status_code == 400


def test_run_that_kills_its_worker_is_an_outcome_beside_the_others(executor: Executor) -> None:
    inputs = ["Die!", "Hello", "Good day"]
    outcomes = Runner.run_many(agents.mortal, inputs, max_workers=1, executor=executor)
    dead, *alive = sorted(outcomes, key=lambda outcome: outcome.index)
    assert isinstance(dead.error, KilledWorker)
    assert all("You said" in outcome.unwrap().final_output for outcome in alive)
