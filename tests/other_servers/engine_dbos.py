"""A run whose steps DBOS keeps: `python engine_dbos.py DATABASE_URL`.

Started again after its process was killed, DBOS recovers the workflow by itself.
"""

import sys

from dbos import DBOS, DBOSConfig, SetWorkflowID
from engine_cashier import PROMPT, agent

from agents_lite import RunConfig, Runner

DBOS(
    config=DBOSConfig(
        name="agents", system_database_url=sys.argv[1], application_version="1"
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
        handle = DBOS.start_workflow(settle, PROMPT)
    print(handle.get_result())
    DBOS.destroy()
