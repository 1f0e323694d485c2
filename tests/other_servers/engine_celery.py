"""A run in a task of Celery, which another process gets when its own dies: its journal is there."""

import os

from celery import Celery
from engine_cashier import FOLDER, PROMPT, agent

from agents_lite import RunConfig, Runner, SQLiteJournal

app = Celery("engine_celery", broker=os.environ["REDIS_URL"], backend=os.environ["REDIS_URL"])
app.conf.update(task_acks_late=True, task_reject_on_worker_lost=True)


@app.task
def settle(invoice: str) -> str:
    """The run of an invoice."""
    journal = SQLiteJournal(FOLDER / "runs.db")
    config = RunConfig(journal=journal, run_id=invoice, tracing_disabled=True)
    return Runner.run_sync(agent, PROMPT, run_config=config).final_output


if __name__ == "__main__":
    print(settle.delay("invoice-7").get(timeout=60))
