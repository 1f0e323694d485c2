"""Runs that are recorded here, and played in a process without any network."""

from __future__ import annotations

import importlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agents_lite import Runner, cassette
from agents_lite.tracing import (
    SQLiteTraceProcessor,
    TraceProvider,
    get_trace_provider,
    set_trace_provider,
)

UNSHARE = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]


def recorded(run: Callable[..., Any], agent: Any, input: str, folder: Path) -> Any:
    """A run, kept in a folder as a cassette, as a trace and as a state."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "traces.db").unlink(missing_ok=True)
    earlier, provider = get_trace_provider(), TraceProvider()
    provider.set_processors([SQLiteTraceProcessor(folder / "traces.db")])
    set_trace_provider(provider)
    try:
        with cassette(folder / "cassette.json", record="all", tools="recorded"):
            result = run(agent, input)
    finally:
        provider.shutdown()
        set_trace_provider(earlier)
    (folder / "state.json").write_text(result.to_state().to_string())
    return result


def played_without_network(place: str, input: str, folder: Path) -> dict[str, str]:
    """The input lists that come of what is kept in a folder, as JSON, played without network.

    Args:
        place: The module and the name of a function that makes the agent, `module:name`.
        input: What the run was given.
        folder: Where it is kept.
    """
    done = subprocess.run(
        [*UNSHARE, sys.executable, "-m", __name__, place, input, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, str] = json.loads(done.stdout)
    return told


def _play(place: str, input: str, folder: Path) -> dict[str, str]:
    with socket.socket() as probe:
        probe.settimeout(1)
        assert probe.connect_ex(("127.0.0.1", 80)) != 0, "there is a network"
    module, _, name = place.partition(":")
    make = getattr(importlib.import_module(module), name)
    with cassette(folder / "cassette.json", record="none", tools="recorded"):
        lists = {"cassette": Runner.run_sync(make(), input).to_input_list()}
    for file in ("state.json", "traces.db"):
        played = Runner.replay(make(), folder / file)
        assert played.comparison.is_same, str(played.comparison)
        lists[file] = played.result.to_input_list()
    return {name: json.dumps(items) for name, items in lists.items()}


if __name__ == "__main__":
    place, input, folder = sys.argv[1:]
    print(json.dumps(_play(place, input, Path(folder))))
