"""One side of a comparison, in a process of its own.

`python -m benchmarks.worker SIDE WORKLOAD [ARGUMENT...]`: each line of standard input, a number,
asks for the work to be done so many times; a line of JSON answers with what that took.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from importlib import import_module


def main() -> None:
    side, workload, *arguments = sys.argv[1:]
    workloads = import_module(f"benchmarks.{side}").Workloads()
    values = [int(text) if text.isdigit() else text for text in arguments]
    work = getattr(workloads, workload)(*values)
    for line in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(int(line)):
            figures = work()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        own = figures if isinstance(figures, dict) else {}
        print(json.dumps({"cpu": cpu, "wall": wall, "rss": memory, **own}), flush=True)


if __name__ == "__main__":
    main()
