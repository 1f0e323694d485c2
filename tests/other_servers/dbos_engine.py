"""A run whose steps DBOS keeps: `python dbos_engine.py FOLDER [die]`; needs the package dbos.

Started with `die` it ends by SIGKILL in the middle of the second call. Started again, DBOS recovers
the workflow by itself, and the run goes on: it prints what came of it, and how often each effect
took place.
"""

import os
import signal
import sys
from pathlib import Path

from dbos import DBOS, DBOSConfig, SetWorkflowID

from agents_lite import Agent, RunConfig, Runner, function_tool
from agents_lite.testing import ScriptedModel, call

FOLDER, *DIES = sys.argv[1:]
EFFECTS = Path(FOLDER) / "effects"


def note(effect: str) -> None:
    """Write an effect down, where no process's end takes it away."""
    with EFFECTS.open("a") as file:
        file.write(f"{effect}\n")


@function_tool
def charge(amount: int) -> str:
    """Charges an amount."""
    if DIES and amount == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    note(f"charge {amount}")
    return f"charged {amount}"


def answer(request):
    """Two calls, then an answer."""
    note("answer")
    if len(request.input) > 1:
        return "settled"
    return [call("charge", call_id="c1", amount=1), call("charge", call_id="c2", amount=2)]


agent = Agent("Cashier", model=ScriptedModel(answer), tools=[charge])
DBOS(
    config=DBOSConfig(
        name="agents", system_database_url=f"sqlite:///{FOLDER}/dbos.db", application_version="1"
    )
)


@DBOS.workflow()
def settle(prompt: str) -> str:
    """The run, as a workflow: each effect of it is a step."""
    config = RunConfig(
        step=lambda name, make: DBOS.run_step({"name": name}, make), tracing_disabled=True
    )
    return Runner.run_sync(agent, prompt, run_config=config).final_output


if __name__ == "__main__":
    DBOS.launch()  # recovers what is pending
    with SetWorkflowID("invoice-7"):
        handle = DBOS.start_workflow(settle, "Settle invoice 7")
    print(handle.get_result())
    print(sorted(EFFECTS.read_text().split("\n")[:-1]))
    DBOS.destroy()
