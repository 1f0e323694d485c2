"""Runs that are shown in a notebook."""

from __future__ import annotations

import subprocess
import sys

import pytest

from agents_lite import Agent, UserError
from agents_lite.testing import ScriptedModel

pytest.importorskip("IPython")

CELL = '''
from agents_lite import Agent, function_tool
from agents_lite.viewer.notebook import show_run
from agents_lite.testing import ScriptedModel, call

@function_tool
def look(word: str) -> str:
    """Look a word up."""
    return f"<b>{word}</b>"

model = ScriptedModel([call("look", word="x"), "Done.", ValueError("no more")])
agent = Agent("Reader", model=model, tools=[look])
assert show_run(agent, "Hi").final_output == "Done."
'''
PROGRAM = f"""
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

shell = InteractiveShell.instance()
with capture_output() as seen:
    assert shell.run_cell({CELL!r}).success
first, *steps, last, trace = [each.data["text/html"] for each in seen.outputs]
assert "look(" not in first and "look(" in steps[0] and "Done." not in steps[0]
assert "Done." in last and "&lt;b&gt;x&lt;/b&gt;" in last and "<b>x" not in last
assert trace.startswith('<iframe sandbox="allow-scripts" srcdoc="&lt;!doctype html&gt;')
assert "Reader" in trace and "<script" not in trace
with capture_output() as seen:
    assert not shell.run_cell("show_run(agent, 'Hi', height=0)").success
assert len([each for each in seen.outputs if "text/html" in each.data]) == 2
"""


def test_a_run_shows_its_steps_as_they_come_and_then_its_trace() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_outside_of_a_notebook_it_is_refused() -> None:
    from agents_lite.viewer.notebook import show_run

    with pytest.raises(UserError, match="is for notebooks"):
        show_run(Agent("A", model=ScriptedModel([])), "Hi")
