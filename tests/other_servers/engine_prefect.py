"""A run in a task of Prefect, whose retry finds its journal; PREFECT_API_URL names the server."""

from engine_cashier import FOLDER, PROMPT, agent
from prefect import flow, task

from agents_lite import RunConfig, Runner, SQLiteJournal


@task(retries=2, retry_delay_seconds=0)
def settle(invoice: str) -> str:
    """The run of an invoice."""
    journal = SQLiteJournal(FOLDER / "runs.db")
    config = RunConfig(journal=journal, run_id=invoice, tracing_disabled=True)
    return Runner.run_sync(agent, PROMPT, run_config=config).final_output


@flow
def accounts(invoice: str) -> str:
    """All that is to be done for an invoice."""
    return settle(invoice)


if __name__ == "__main__":
    print(accounts("invoice-7"))
