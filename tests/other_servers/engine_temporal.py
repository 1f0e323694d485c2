"""A run as an activity of Temporal: what its first attempt has done, the second one finds."""

from dataclasses import replace

from engine_cashier import FOLDER, PROMPT, agent
from temporalio import activity
from temporalio.testing import ActivityEnvironment

from agents_lite import RunConfig, Runner, SQLiteJournal, UserError


@activity.defn
def settle(prompt: str) -> str:
    """The run of an invoice, named by its workflow."""
    config = RunConfig(
        journal=SQLiteJournal(FOLDER / "runs.db"),
        run_id=activity.info().workflow_id,
        tracing_disabled=True,
    )
    for event in (run := Runner.run_streamed(agent, prompt, run_config=config)).stream_events():
        activity.heartbeat(event.type)  # raises where the activity was cancelled
    return run.final_output


if __name__ == "__main__":
    environment = ActivityEnvironment()
    try:
        environment.run(settle, PROMPT)
    except UserError as error:
        print(f"attempt {environment.info.attempt}: {error}")
    environment.info = replace(environment.info, attempt=2)
    print(environment.run(settle, PROMPT))
