"""A process that drives runs with a journal in children of its own, which end where they are told.

Usage: python -m tests.support.journal_runs

Each line that it reads is a JSON object of `Attempt`; for each it forks, runs to the end, and
prints how that was: {"ended": "killed"}, {"ended": "paused"}, {"ended": "done", "output": ...} or
{"ended": "error", "error": ...}.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from agents_lite import (
    Agent,
    OpenAIResponsesModel,
    ResponsesClient,
    RunConfig,
    Runner,
    SQLiteSession,
    ToolContext,
    Usage,
    function_tool,
)
from agents_lite.testing import HTTPRequest, call, handoff_to
from tests.support.journal_stores import JournalStore

CHECKOUT = Path(__file__).parents[2]
AMOUNTS = {"f1": 1, "f2": 2, "h1": 10, "b1": 3, "b2": 4}
"""What the run of each id is to charge, by call id."""
ANSWERS = {("Front", 1): 0, ("Front", 2): 3, ("Back", 3): 4, ("Back", 4): 6}
"""How many outputs stand in the request that an answer is given to, by agent and turn."""


@dataclass
class Attempt:
    """One process that drives a run."""

    run_id: str
    kind: str
    """The store."""
    location: str
    """Where it is."""
    folder: str
    """Where charges and sessions are."""
    base_url: str
    """The model's server."""
    dies_at: int | None = None
    """At which of its points it kills itself; None: at none."""
    shares: bool = False
    """Whether tools write in the journal's transaction."""
    durability: str = "call"
    streamed: bool = False


class Points:
    """Counts the points that a process passes, and kills it at one of them, which it tells."""

    def __init__(self, dies_at: int | None, tell_death: Callable[[], object]) -> None:
        self.left = dies_at
        self._tell_death = tell_death

    def pass_one(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left == 0:
                self._tell_death()
                os.kill(os.getpid(), signal.SIGKILL)

    @contextmanager
    def around(self) -> Iterator[None]:
        self.pass_one()
        yield
        self.pass_one()


def session_of(folder: str, run_id: str) -> SQLiteSession:
    return SQLiteSession(run_id, os.path.join(folder, "sessions.db"))


def drive(attempt: Attempt, tell_death: Callable[[], object]) -> dict[str, Any]:
    """Run until the end, a pause or death."""
    points = Points(attempt.dies_at, tell_death)
    store = JournalStore(attempt.kind, attempt.location)
    shared = store.open_charges(attempt.folder) if attempt.shares else None
    journal = store.open(points.around, shared)
    session = _watched(session_of(attempt.folder, attempt.run_id), points)
    agent = make_agents(attempt, points, store, shared)
    config = RunConfig(
        journal=journal,
        run_id=attempt.run_id,
        tracing_disabled=True,
        durability=attempt.durability,  # type: ignore[arg-type]
    )
    options: Any = {"run_config": config, "session": session}
    prompt = f"Settle {attempt.run_id}"
    if attempt.streamed:
        result: Any = Runner.run_streamed(agent, prompt, **options)
        for _ in result.stream_events():
            pass
    else:
        result = Runner.run_sync(agent, prompt, **options)
    if result.is_paused:
        return {"ended": "paused"}
    return {"ended": "done", "output": result.final_output}


def set_up_django(location: str) -> None:
    """Have the Django example in this process, on that database."""
    import django

    sys.path.insert(0, str(CHECKOUT / "examples" / "django_app"))
    os.environ["CHAT_DATABASE"] = location
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.support.django_settings"
    django.setup()


def make_agents(
    attempt: Attempt, points: Points, store: JournalStore, shared: Any
) -> Agent[Any]:
    """A front with a helper as a tool, which hands over to a back that needs an approval."""

    def write(ctx: ToolContext[Any], amount: int) -> str:
        row = {"run": attempt.run_id, "token": ctx.idempotency_key, "amount": amount}
        with points.around():
            store.add_charge(attempt.folder, row, shared)
        return f"charged {amount}"

    @function_tool(parallel=True)
    def charge(ctx: ToolContext[Any], amount: int) -> str:
        """Charges an amount."""
        return write(ctx, amount)

    @function_tool(needs_approval=True, on_unknown_end="rerun")
    def refund(ctx: ToolContext[Any], amount: int) -> str:
        """Refunds an amount."""
        return write(ctx, amount)

    client = ResponsesClient(base_url=attempt.base_url, api_key="none")
    model = OpenAIResponsesModel("any", client)
    helper = Agent("Helper", "Helper", model=model, tools=[charge])
    back = Agent("Back", "Back", model=model, tools=[charge, refund])
    return Agent(
        "Front", "Front", model=model, tools=[charge, helper.as_tool()], handoffs=[back]
    )


def answer(request: HTTPRequest) -> Any:
    """What the model says: the same to each asking."""
    who, run_id, outputs = asked(request)
    match who, outputs:
        case "Front", 0:
            return [
                call("charge", call_id="f1", amount=1),
                call("charge", call_id="f2", amount=2),
                call("helper", call_id="f3", input=f"Help with {run_id}"),
            ]
        case "Front", 3:
            return handoff_to("Back")
        case "Back", 4:
            return [
                call("charge", call_id="b1", amount=3),
                call("refund", call_id="b2", amount=4),
            ]
        case "Helper", 0:
            return call("charge", call_id="h1", amount=10)
    return {"Back": "settled", "Helper": "helped"}[who]


def asked(request: HTTPRequest) -> tuple[str, str, int]:
    """Which agent asks, in which run, and how many outputs it has."""
    items = request.body["input"]
    first = items if isinstance(items, str) else items[0]["content"]
    outputs = sum(
        item.get("type") == "function_call_output" for item in items if isinstance(item, dict)
    )
    return request.body["instructions"], str(first).split()[-1], outputs


class Drivers:
    """The process that forks for each attempt."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.journal_runs"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=CHECKOUT,
        )

    def __enter__(self) -> Drivers:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(300)

    def send(self, attempt: Attempt) -> None:
        """Have an attempt made."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(attempt)) + "\n")
        self._process.stdin.flush()

    def outcome(self) -> dict[str, Any]:
        """How it ended."""
        assert self._process.stdout is not None
        told: dict[str, Any] = json.loads(self._process.stdout.readline())
        return told

    def make(self, attempt: Attempt) -> dict[str, Any]:
        """Make an attempt; gives how it ended."""
        self.send(attempt)
        return self.outcome()


def _watched(session: SQLiteSession, points: Points) -> SQLiteSession:
    class Watched(SQLiteSession):
        def add_items(self, items: list[Any]) -> None:
            with points.around():
                super().add_items(items)

    return Watched(session.session_id, session.db_path)


def _fork(attempt: Attempt) -> dict[str, Any]:
    reading, writing = os.pipe()

    def tell(told: dict[str, Any]) -> None:
        os.write(writing, json.dumps({**told, "modules": list(sys.modules)}).encode())

    pid = os.fork()
    if pid == 0:
        try:
            tell(drive(attempt, lambda: tell({"ended": "killed"})))
        except BaseException as error:
            tell({"ended": "error", "error": f"{type(error).__name__}: {error}"})
            traceback.print_exc()
        os._exit(0)
    os.close(writing)
    with open(reading) as pipe:
        told: dict[str, Any] = json.load(pipe)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) == (told["ended"] == "killed")
    for name in told.pop("modules"):  # those after it need not import them, too
        with suppress(ImportError):
            import_module(name)
    return told


@cache
def _set_up(kind: str, location: str) -> None:
    """Make what all that use a store would make for themselves."""
    if kind == "django":
        set_up_django(location)
    if kind == "sqlalchemy":
        with JournalStore(kind, location).open_charges("") as connection:
            pass
        connection.engine.dispose()


def main() -> None:
    """Make each attempt that standard input names."""
    Usage().model_dump()
    for line in sys.stdin:
        attempt = Attempt(**json.loads(line))
        _set_up(attempt.kind, attempt.location)
        print(json.dumps(_fork(attempt)), flush=True)


if __name__ == "__main__":
    main()
