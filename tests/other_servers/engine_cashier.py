"""What the engines run: an agent whose effects are noted in a file, so that none goes unseen.

It works in the directory that the environment variable FOLDER names. As long as a file "die" is
there, the second charge ends the process by SIGKILL; with a file "fail" it raises. Either once.
"""

import os
import signal
from pathlib import Path

from agents_lite import Agent, function_tool
from agents_lite.testing import ScriptedModel, call

FOLDER = Path(os.environ["FOLDER"])
EFFECTS = FOLDER / "effects"
PROMPT = "Settle invoice 7"


def note(effect: str) -> None:
    """Write an effect down, where no process's end takes it away."""
    with EFFECTS.open("a") as file:
        file.write(f"{effect}\n")


def is_told_to(word: str) -> bool:
    """Whether that file is there, the first time."""
    file = FOLDER / word
    is_there = file.exists()
    file.unlink(missing_ok=True)
    return is_there


@function_tool(failure_error_function=None)
def charge(amount: int) -> str:
    """Charges an amount."""
    if amount == 2 and is_told_to("die"):
        os.kill(os.getpid(), signal.SIGKILL)
    if amount == 2 and is_told_to("fail"):
        raise OSError("the bank is closed")
    note(f"charge {amount}")
    return f"charged {amount}"


def answer(request):
    """Two calls, then an answer."""
    note("answer")
    if len(request.input) > 1:
        return "settled"
    return [call("charge", call_id="c1", amount=1), call("charge", call_id="c2", amount=2)]


agent = Agent("Cashier", model=ScriptedModel(answer), tools=[charge])
