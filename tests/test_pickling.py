"""Declared objects go to another process as references to where they stand."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from pathlib import Path
from threading import Lock
from typing import Any

import pytest

from agents_lite import Agent, RunHooks, Runner, UserError, function_tool, input_guardrail
from agents_lite.pickling import load_by_name

CHECKOUT = Path(__file__).parents[1]


@function_tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@input_guardrail
def check(context: Any, agent: Any, given: Any) -> Any:
    """Let all pass."""


AGENT = Agent("A", tools=[add], input_guardrails=[check])


@pytest.mark.parametrize("declared", [AGENT, add, check], ids=["agent", "tool", "guardrail"])
def test_what_comes_back_is_the_very_object(declared: Any) -> None:
    assert pickle.loads(pickle.dumps(declared)) is declared


def test_only_names_are_written() -> None:
    written = pickle.dumps(AGENT)
    assert b"AGENT" in written
    assert b"Add two numbers" not in written


def test_what_no_module_has_a_name_for_is_refused() -> None:
    with pytest.raises(UserError, match="define it at the top level of a module"):
        pickle.dumps(Agent("Nameless"))


def test_a_name_that_means_another_object_now_is_not_used() -> None:
    global AGENT
    first = AGENT
    pickle.dumps(first)
    AGENT = Agent("A")
    try:
        with pytest.raises(UserError):
            pickle.dumps(first)
        assert pickle.loads(pickle.dumps(AGENT)) is AGENT
    finally:
        AGENT = first


def test_another_process_finds_the_object_that_it_has_itself(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(
        "from agents_lite import Agent\nagent = Agent('Shop', instructions='Sell.')\n"
    )
    write = "import pickle, shop, sys; sys.stdout.buffer.write(pickle.dumps(shop.agent))"
    read = "import pickle, sys; print(pickle.load(sys.stdin.buffer).instructions)"
    environment = {"PYTHONPATH": f"{tmp_path}:{CHECKOUT}"}
    options: dict[str, Any] = {"capture_output": True, "check": True, "env": environment}
    written = subprocess.run([sys.executable, "-c", write], **options).stdout
    told = subprocess.run([sys.executable, "-c", read], input=written, **options).stdout
    assert told.decode().strip() == "Sell."


class Unloadable:
    def __reduce__(self) -> tuple[Any, ...]:
        return int, ("x",)


@pytest.mark.parametrize("kind", [ValueError, UserError])
@pytest.mark.parametrize("context", [None, Lock(), Unloadable()], ids=lambda it: type(it).__name__)
@pytest.mark.parametrize("name", ["A", "Local"])
def test_an_error_of_a_run_goes_to_another_process_with_what_can_go(
    kind: type[Exception], context: Any, name: str
) -> None:
    class Failing(RunHooks[Any]):
        def on_agent_start(self, *_: Any) -> None:
            raise kind("over")

    agent = AGENT if name == "A" else Agent(name)
    with pytest.raises(kind) as caught:
        Runner.run_sync(agent, "Hi", hooks=Failing(), context=context)
    assert caught.value.run_data.input == "Hi"  # type: ignore[attr-defined]
    error: Any = pickle.loads(pickle.dumps(caught.value))
    assert (type(error), str(error)) == (kind, "over")
    is_portable = agent is AGENT and context is None
    assert (error.run_data.input == "Hi") if is_portable else error.run_data is None


def test_names_are_loaded_from_their_modules() -> None:
    assert load_by_name(__name__, "add") is add


def test_copies_are_objects_of_their_own() -> None:
    for copied in (copy.copy(AGENT), copy.deepcopy(AGENT)):
        assert copied is not AGENT
        assert (copied.name, copied.tools) == ("A", [add])
