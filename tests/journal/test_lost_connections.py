"""Journals whose server cuts connections, restarts, or whose answers are lost, in mid-run."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from agents_lite import (
    Agent,
    JournalError,
    JournalMismatch,
    RunConfig,
    Runner,
    UserError,
    function_tool,
)
from agents_lite.testing import ScriptedModel, call
from tests.journal.conftest import make_store
from tests.support.journal_stores import JournalStore
from tests.support.servers import Server, ServerMissing, postgres_server, redis_server


@function_tool
def look(what: str) -> str:
    """Looks at something."""
    return f"saw {what}"


@function_tool(needs_approval=True)
def pay() -> str:
    """Pays."""
    return "paid"


def cut_connections(store: JournalStore) -> None:
    """Have the server end all connections but the one that says so."""
    if store.kind == "redis":
        import redis

        redis.Redis.from_url(store.location).client_kill_filter(_type="normal", skipme=True)
        return
    import sqlalchemy as sa

    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    with sa.create_engine(store.location, poolclass=sa.NullPool).connect() as connection:
        connection.execute(sa.text(f"{cut} AND backend_type = 'client backend'"))


def run_with(store: JournalStore, **methods: Callable[..., Any]) -> Any:
    """Run with a journal whose class has these methods in place of its own."""
    journal: Any = store.open()
    journal.forget("lossy", unfinished=True)
    kind = type(journal)
    journal.__class__ = type("Lossy", (kind,), methods)
    model = ScriptedModel([call("look", what="a"), "done"])
    agent = Agent("A", model=model, tools=[look])
    config = RunConfig(journal=journal, run_id="lossy", tracing_disabled=True)
    result = Runner.run_sync(agent, "Go", run_config=config)
    journal.__class__ = kind
    kinds = [fact["type"] for fact in journal.facts("lossy")]
    assert kinds == [
        *("started", "answered", "begun", "called", "turn_ended"),
        *("answered", "finished", "turn_ended"),
    ]
    assert journal.run("lossy").status == "finished"
    return result.final_output


@pytest.mark.parametrize("name", ["postgresql", "redis"])
def test_a_connection_cut_in_the_middle_of_each_write_is_made_again(
    name: str, request: pytest.FixtureRequest
) -> None:
    store = make_store(name, request)
    changes: list[str] = []
    cuts: list[str] = []
    driver = threading.current_thread()

    def lossy(self: Any, run_id: str, change: Callable[..., Any]) -> None:
        if threading.current_thread() is not driver:  # the lease is renewed
            return super(type(self), self).change(run_id, change)
        changes.append(run_id)
        is_to_be_cut = len(changes) % 2 == 0  # the first try of every write but the claim

        def cut(row: Any, now: float) -> Any:
            nonlocal is_to_be_cut
            if is_to_be_cut:  # once: where the row is watched, this is called again
                is_to_be_cut = False
                cuts.append(run_id)
                cut_connections(store)
            return change(row, now)

        super(type(self), self).change(run_id, cut)

    def lossy_append(self: Any, *entry: Any) -> None:
        import sqlalchemy as sa

        def cut(_: Any) -> None:
            cuts.append("entry")
            cut_connections(store)

        changes.append("entry")
        if len(changes) % 2 == 0:
            sa.event.listen(self._database.engine, "commit", cut, once=True)
        super(type(self), self).append(*entry)

    ways = {"change": lossy, "append": lossy_append}
    if name == "redis":  # which appends by `change`
        del ways["append"]
    assert run_with(store, **ways) == "done"
    assert len(cuts) >= 3


def test_a_connection_that_its_driver_takes_for_busy_is_made_again(
    request: pytest.FixtureRequest,
) -> None:
    journal: Any = make_store("postgresql", request).open()
    held = journal.runs()
    with journal._database.engine.connect() as connection:
        driver = connection.connection.driver_connection
    driver.pgconn.send_query(b"SELECT 1")  # as one looks that the server ended a moment ago
    assert journal.runs() == held
    assert driver.closed


def test_an_entry_whose_confirmation_is_lost_is_written_once(store: JournalStore) -> None:
    lost: list[int] = []
    driver = threading.current_thread()
    name = "change" if store.kind == "redis" else "append"  # it appends by `change`

    def lossy(self: Any, *write: Any) -> None:
        getattr(super(type(self), self), name)(*write)
        if threading.current_thread() is not driver:  # the lease was renewed
            return
        lost.append(1)
        if len(lost) % 2 == 0:  # every write but the first, at its first try
            raise JournalError("The answer was lost", may_pass=True)

    assert run_with(store, **{name: lossy}) == "done"
    assert len(lost) > 6


def test_a_change_that_is_made_anew_since_its_confirmation_was_lost_is_made_once(
    store: JournalStore,
) -> None:
    def twice(self: Any, *change: Any) -> None:  # as Redis does it where a row is watched
        for _ in range(2):
            super(type(self), self).change(*change)

    assert run_with(store, change=twice) == "done"
    journal: Any = store.open()
    journal.change("lossy", lambda row, now: (replace(row, status="stopped"), None))
    journal.__class__ = type("Twice", (type(journal),), {"change": twice})
    config = RunConfig(journal=journal, run_id="lossy", tracing_disabled=True)
    with pytest.raises(JournalMismatch):
        Runner.run_sync(Agent("B"), "Go", run_config=config)
    assert journal.run("lossy").status == "stopped"


@pytest.mark.parametrize("times", [1, 2], ids=["told", "made-anew"])
def test_a_decision_whose_confirmation_is_lost_stands(store: JournalStore, times: int) -> None:
    def lossy(self: Any, *change: Any) -> None:
        for _ in range(times):  # Redis makes it anew, as it does where another writer was quicker
            super(type(self), self).change(*change)
        raise JournalError("The answer was lost", may_pass=True)

    journal: Any = store.open()
    journal.forget("lossy", unfinished=True)
    model = ScriptedModel([call("pay", call_id="p"), "done"])
    agent = Agent("A", model=model, tools=[pay])
    config = RunConfig(journal=journal, run_id="lossy", tracing_disabled=True)
    assert Runner.run_sync(agent, "Go", run_config=config).is_paused
    kind = type(journal)
    journal.__class__ = type("Lossy", (kind,), {"change": lossy})
    journal.approve("lossy", "p")
    with pytest.raises(UserError, match="no call waits"):
        journal.reject("lossy", "p")
    journal.__class__ = kind
    assert Runner.run_sync(agent, "Go", run_config=config).final_output == "done"


def test_decisions_about_two_calls_at_the_same_moment_both_stand(store: JournalStore) -> None:
    journal: Any = store.open()
    journal.forget("lossy", unfinished=True)
    model = ScriptedModel([[call("pay", call_id="p"), call("pay", call_id="q")], "done"])
    agent = Agent("A", model=model, tools=[pay])
    config = RunConfig(journal=journal, run_id="lossy", tracing_disabled=True)
    assert Runner.run_sync(agent, "Go", run_config=config).is_paused
    kind = type(journal)

    def late(self: Any, *change: Any) -> None:
        self.__class__ = kind
        store.open().reject("lossy", "q")
        self.change(*change)

    journal.__class__ = type("Late", (kind,), {"change": late})
    journal.approve("lossy", "p")
    decided = [fact for fact in journal.facts("lossy") if fact["type"] == "decided"]
    assert [(fact["call_id"], fact["verdict"]) for fact in decided] == [
        ("q", "reject"),
        ("p", "approve"),
    ]


@pytest.mark.parametrize(
    ("name", "words"),
    [("postgresql", "read-only"), ("redis", "read only"), ("redis", "NOREPLICAS")],
)
def test_a_server_that_takes_no_writes_for_a_moment_is_waited_for(
    name: str, words: str, request: pytest.FixtureRequest
) -> None:
    store = make_store(name, request)
    refusals: list[JournalError] = []
    written: list[Any] = []

    def take_writes(journal: Any, is_to: bool) -> None:
        if words == "NOREPLICAS":
            journal._client.config_set("min-replicas-to-write", int(not is_to))
            return
        if name == "redis":
            master = ("NO", "ONE") if is_to else ("127.0.0.1", 1)
            journal._client.replicaof(*master)
            return
        characteristic = "READ WRITE" if is_to else "READ ONLY"
        with journal._database.engine.begin() as connection:
            statement = "SET SESSION CHARACTERISTICS AS TRANSACTION"
            connection.exec_driver_sql(f"{statement} {characteristic}")

    def write(self: Any, *given: Any) -> None:
        written.append(given)
        if len(written) == 3:
            take_writes(self, False)
        try:
            getattr(super(type(self), self), method)(*given)
        except JournalError as error:
            refusals.append(error)
            take_writes(self, True)
            raise

    method = "change" if name == "redis" else "append"
    assert run_with(store, **{method: write}) == "done"
    assert words in str(refusals.pop()) and not refusals


def test_a_redis_that_always_ends_the_connection_is_not_asked_without_end(redis_url: str) -> None:
    import redis

    limit = "client-query-buffer-limit"
    server = redis.Redis.from_url(redis_url)
    most = server.config_get(limit)[limit]
    server.config_set(limit, 2**20)
    untold = ["+@all", "-config"]
    server.acl_setuser("guest", enabled=True, nopass=True, keys=["*"], commands=untold)
    place = redis_url.replace("redis://", "redis://guest:x@")
    journal: Any = JournalStore("redis", place).open(lease=0.3)
    journal.forget("lossy", unfinished=True)
    config = RunConfig(journal=journal, run_id="lossy", tracing_disabled=True)
    try:
        with pytest.raises(JournalError, match="Check that the server is there") as caught:
            Runner.run_sync(Agent("A", model=ScriptedModel(["x" * 2**21])), "Go", run_config=config)
        assert caught.value.may_pass
    finally:
        server.config_set(limit, most)
        server.acl_deluser("guest")


def crash_postgres(server: Server) -> None:
    """End the server at once, without a checkpoint, as a power cut would."""
    server.stop(signal.SIGQUIT)


RESTARTS: Any = {
    "sqlalchemy": (postgres_server, crash_postgres),
    "redis": (
        partial(redis_server, "--appendonly", "yes", "--appendfsync", "always"),
        Server.stop,
    ),
}


@pytest.mark.parametrize("kind", RESTARTS)
def test_a_server_that_crashes_and_comes_back_in_mid_run_loses_nothing(kind: str) -> None:
    pytest.importorskip({"sqlalchemy": "psycopg"}.get(kind, kind))
    start, crash = RESTARTS[kind]
    try:
        with start() as (url, server):
            restart_in_mid_run(JournalStore(kind, url), server, crash)
    except ServerMissing as missing:
        pytest.skip(str(missing))


def restart_in_mid_run(
    store: JournalStore, server: Server, crash: Callable[[Server], None]
) -> None:
    journal = store.open()
    effects: list[int] = []

    @function_tool
    def charge(amount: int) -> str:
        """Charges an amount; the server crashes meanwhile."""
        effects.append(amount)
        crash(server)
        thread = threading.Thread(target=server.start)
        thread.start()  # the next write has to wait for it
        threads.append(thread)
        return "charged"

    threads: list[threading.Thread] = []
    turns = [call("charge", amount=1), call("charge", amount=2), "done"]
    agent = Agent("A", model=ScriptedModel(turns), tools=[charge])
    config = RunConfig(journal=journal, run_id="r", tracing_disabled=True)
    assert Runner.run_sync(agent, "Go", run_config=config).final_output == "done"
    for thread in threads:
        thread.join()
    assert effects == [1, 2]
    kinds = [fact["type"] for fact in store.open().facts("r")]
    turn = ["answered", "begun", "called", "turn_ended"]
    assert kinds == ["started", *turn, *turn, "answered", "finished", "turn_ended"]
