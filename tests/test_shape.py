"""The package's shape: data flows one way, and importing it does nothing but import."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PACKAGE = Path(__file__).parents[1] / "agents_lite"

ORDER = """
    shown exceptions checks concurrency taken_whole prices usage run_context tool_context prompts
    pickling methods logs
    response_types http
    tool_output told_output items input_parts stream_events history
    tracing
    schema output_schema
    retry
    model_settings computer guardrail tool_guardrails tool hosted_tools local_tools
    handoff_data handoffs
    lifecycle
    memory compaction
    mcp
    models
    run_error_handlers run_functions run_config tool_use agent
    result
    running
    run
    journal
    extensions
    decorators
    local_server testing cassettes replay viewer chat_page cli __main__
""".split()
"""Rooms, and the modules at the top; each may import those before it, and its own."""

EXCEPTIONS = {
    ("agent", "running"): "Agent.as_tool runs the agent",
    ("running", "extensions"): "a filter of handoffs that few runs ask for",
    ("memory", "models"): "a session at the model's server asks through the default client",
    ("run", "replay"): "Runner.replay plays a run again",
    ("exceptions", "result"): "RunErrorDetails can be had from exceptions, too",
}
"""Imports against the order, inside functions only."""


def place_of(path: Path) -> str:
    """The module or subpackage of `ORDER` that a file belongs to."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports_at_run_time(node: ast.AST, in_function: bool = False) -> Iterator[tuple[Any, bool]]:
    """Relative imports, those for type checkers left out, and whether a function makes them."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.ImportFrom) and child.level:
            yield child, in_function
        is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        yield from imports_at_run_time(child, in_function or is_function)


def targets_of(statement: ast.ImportFrom, path: Path) -> list[str]:
    """The modules and subpackages of `ORDER` that a relative import names."""
    folder = path.relative_to(PACKAGE).parent.parts
    start = folder[: len(folder) - statement.level + 1]
    whole = [*start, *(statement.module or "").split(".")] if statement.module else list(start)
    return whole[:1] or [alias.name for alias in statement.names if alias.name in ORDER]


FILES = sorted(set(PACKAGE.rglob("*.py")) - {PACKAGE / "__init__.py"})


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_what_stands_before_it(path: Path) -> None:
    place = place_of(path)
    assert place in ORDER, "say in ORDER where the new module stands"
    for statement, in_function in imports_at_run_time(ast.parse(path.read_text("utf-8"))):
        for target in targets_of(statement, path):
            goes_back = target == place or ORDER.index(target) < ORDER.index(place)
            is_excepted = in_function and (place, target) in EXCEPTIONS
            assert goes_back or is_excepted, ast.unparse(statement)


LOCKED_IN_PYTHON = {"Condition", "Event", "Semaphore", "BoundedSemaphore", "Barrier", "Queue"}


def test_locks_are_those_that_neither_interrupts_nor_forks_leave_locked() -> None:
    made = {
        (path.relative_to(PACKAGE).as_posix(), call.func.attr)
        for path in FILES
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id in ("threading", "queue")
        and call.func.attr in {*LOCKED_IN_PYTHON, "Lock", "RLock"}
    }
    assert made == {
        ("concurrency/forks.py", "RLock"),
        ("chat_page/server.py", "Condition"),  # threads of its own wait there, nobody else
    }


def test_the_order_names_what_there_is() -> None:
    assert {place_of(path) for path in FILES} == set(ORDER)


def in_a_fresh_process(program: str) -> Any:
    """What the program prints as JSON; it may print nothing else, nor warn.

    Plugins that other packages give pydantic are left out: what they load is not ours.
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=PACKAGE.parent,
        env={**os.environ, "PYDANTIC_DISABLE_PLUGINS": "__all__"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


ALL_NAMES = "import agents_lite\nfor name in agents_lite.__all__: getattr(agents_lite, name)\n"
COMMON = "from agents_lite import Agent, ModelSettings, RunConfig, Runner, function_tool, trace\n"
RUN = """
from agents_lite.testing import ScriptedModel, call
@function_tool
def add(a: int, b: int = 2) -> int:
    '''Add two numbers.'''
    return a + b
agent = Agent("A", tools=[add], model=ScriptedModel([call("add", a=1), "3"]))
assert Runner.run_sync(agent, "1 + 2").usage.requests == 2
"""
HEAVY = "pydantic asyncio sqlite3 http.server docstring_parser sqlalchemy redis django".split()
BESIDE = [
    f"agents_lite.{room}"
    for room in (
        "prices memory prompts guardrail tool_guardrails handoff_data local_tools tool_output "
        "tool_use compaction journal cassettes replay viewer mcp models.chat run_error_handlers "
        "run_functions tracing.sqlite_store running.turn.compacting running.run_state"
    ).split()
]
"""What a plain agent does without."""


PROGRAMS = {"package": "import agents_lite\n", "names": COMMON, "run": COMMON + RUN}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_nothing_heavy_is_loaded(program: str) -> None:
    report = "import json, sys\nprint(json.dumps(list(sys.modules)))"
    assert {*HEAVY, *BESIDE} & set(in_a_fresh_process(program + report)) == set()


def test_a_journal_and_a_state_are_written_without_pydantic(tmp_path: Path) -> None:
    program = f"""
import json, sys
from agents_lite import SQLiteJournal
config = RunConfig(journal=SQLiteJournal({str(tmp_path / "runs.db")!r}))
result = Runner.run_sync(Agent("A", model=ScriptedModel(["3"])), "1 + 2", run_config=config)
assert result.to_state().to_string()
print(json.dumps("pydantic" in sys.modules))
"""
    assert in_a_fresh_process(COMMON + RUN + program) is False


WATCHED = '''
import json, sys, threading
done = []
def watch(event, arguments):
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        done.append([event, str(arguments[0])])
    if event.startswith(("socket.", "subprocess.", "sqlite3.", "os.system", "signal.", "os.mkdir")):
        done.append([event, str(arguments)])
import requests, pydantic
sys.dont_write_bytecode = True
before = threading.active_count()
sys.addaudithook(watch)
'''


@pytest.mark.parametrize("program", ["import agents_lite\n", ALL_NAMES], ids=["package", "all"])
def test_importing_opens_starts_and_configures_nothing(program: str) -> None:
    report = """
import logging
print(json.dumps({
    "done": done,
    "threads": threading.active_count() - before,
    "handlers": len(logging.getLogger().handlers),
    "own": [type(each).__name__ for each in logging.getLogger("agents_lite").handlers],
}))
"""
    assert in_a_fresh_process(WATCHED + program + report) == {
        "done": [],
        "threads": 0,
        "handlers": 0,
        "own": ["NullHandler"],
    }


def test_every_public_name_is_there() -> None:
    program = ALL_NAMES + "import json\nprint(json.dumps(agents_lite.__all__))"
    names = in_a_fresh_process(program)
    assert len(names) == len(set(names))
    assert {"Agent", "Runner", "RunContextWrapper", "RunResultBase", "ItemHelpers"} <= set(names)


PATHS = {
    "agents_lite.run": ["Runner", "RunConfig"],
    "agents_lite.tracing": ["trace"],
    "agents_lite.tracing.traces": ["trace"],
    "agents_lite.exceptions": ["AgentsException", "MaxTurnsExceeded"],
    "agents_lite.extensions.handoff_filters": ["remove_all_tools"],
    "agents_lite.extensions.handoff_prompt": ["RECOMMENDED_PROMPT_PREFIX"],
    "agents_lite.testing": ["ScriptedModel", "ResponsesServer"],
}


@pytest.mark.parametrize("module", PATHS)
def test_a_module_that_users_import_has_its_names(module: str) -> None:
    program = f"from {module} import {', '.join(PATHS[module])}\nprint(1)"
    assert in_a_fresh_process(program) == 1


def test_no_top_level_module_is_called_what_the_package_exports() -> None:
    import agents_lite

    modules = {path.stem for path in PACKAGE.glob("*.py")}
    assert modules & set(agents_lite.__all__) == set()


def test_nothing_is_locked_that_a_fork_leaves_locked() -> None:
    """`cached_property` of Python 3.11 has a lock for all objects of a class."""
    assert [path.name for path in FILES if "cached_property" in path.read_text()] == []
