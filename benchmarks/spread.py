"""Runs spread over processes: `python -m benchmarks.spread --runs 3000`, where Dask is installed.

Each run is a tool call and an answer, against the stub server, which is one process for all.
"""

from __future__ import annotations

import argparse
import os
import time
from contextlib import closing

from agents_lite import Agent, Runner, function_tool, set_tracing_disabled

from .sdk import add
from .sides import Stub

THREADS = 8
"""Runs at a time in each process."""
PATIENCE = "5m"
"""How long Dask waits for processes to begin: on a busy machine more than its own 30 s."""


AGENT: Agent[None] = Agent(name="A", model="m", tools=[function_tool(add)])


def seconds(workers: int, runs: int) -> float:
    """How long so many runs take on so many processes, once these are there."""
    import dask  # type: ignore[import-untyped]
    from distributed import Client, LocalCluster  # type: ignore[import-untyped]

    from benchmarks.spread import AGENT as agent  # processes find it by the name of its module

    dask.config.set({"distributed.comm.timeouts.connect": PATIENCE})
    cluster = LocalCluster(n_workers=workers, threads_per_worker=THREADS, dashboard_address=None)
    with cluster, Client(cluster) as client:
        client.run(set_tracing_disabled, True)
        executor = client.get_executor()
        inputs = [f"Question {number}" for number in range(runs)]
        at_once = workers * THREADS * 2
        began = 0.0
        for wanted in (inputs[:at_once], inputs):  # at first they import what they need
            began = time.perf_counter()
            for outcome in Runner.run_many(agent, wanted, executor=executor, max_workers=at_once):
                outcome.unwrap()
        return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.spread", description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    runs = parser.parse_args().runs
    with closing(Stub()) as stub:
        os.environ.update(stub.environment("/1/0/5"))
        for workers in (1, 2, 4):
            taken = seconds(workers, runs)
            print(f"{workers} processes: {runs / taken:,.0f} runs a second", flush=True)


if __name__ == "__main__":
    main()
