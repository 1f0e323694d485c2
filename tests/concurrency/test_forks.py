"""Forks at every level, beside threads that are busy with what a fork must not interrupt.

Each child is watched: one that hangs shows where, and is killed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")

CHECKOUT = Path(__file__).parents[2]
SECONDS = 500

FORKING = """
    import faulthandler, logging, os, signal, sqlite3, sys, threading, time, traceback
    from pathlib import Path

    folder = Path(sys.argv[1])
    faulthandler.register(signal.SIGALRM, chain=True)  # shows all threads, then ends the process
    over = threading.Event()
    at_work = []
    errors = []
    logging.basicConfig(level=logging.WARNING)

    def busy(work):
        \"\"\"A thread that does nothing else until all is over.\"\"\"
        def loop():
            try:
                while not over.is_set():
                    work()
            except BaseException:
                errors.append(traceback.format_exc())
        thread = threading.Thread(target=loop, daemon=True)
        thread.start()
        at_work.append(thread)

    def fork(work):
        child = os.fork()
        if child:
            return child
        code = 1
        try:
            signal.alarm(200)
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)

    def check(*children):
        for child in children:
            assert os.waitpid(child, 0)[1] == 0
        assert not errors, errors[0]
"""

ENDING = """
    over.set()
    for thread in at_work:
        thread.join(200)
"""


def run(script: str, *arguments: object) -> None:
    program = dedent(FORKING) + dedent(script) + dedent(ENDING)
    done = subprocess.run(
        # Newer Pythons warn of forks beside threads, which is what this is about.
        [sys.executable, "-W", "ignore:This process", "-c", program, *map(str, arguments)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def test_children_of_children_use_sqlite_while_threads_of_each_are_in_it(tmp_path: Path) -> None:
    run(
        """
        from agents_lite.memory import SQLiteSession
        from agents_lite.tracing import *
        from agents_lite.tracing.sqlite_store import TraceStore

        turn = [{"role": "user", "content": "x" * 1000}]
        set_trace_processors([SQLiteTraceProcessor(folder / "traces.db")])
        file = SQLiteSession("s", folder / "s.db")
        memory = SQLiteSession("m")

        def write():
            file.add_items(turn)
            memory.add_items(turn)
            memory.clear_session()

        def note():
            with trace("parent"):
                pass
            flush_traces()

        def read():
            TraceStore(folder / "traces.db").list_traces()

        def work(depth):
            SQLiteSession("s", folder / "s.db").get_items(3)
            file.add_items(turn)
            memory.add_items(turn)
            note()
            if depth:
                busy(write)
                check(*[fork(lambda: work(depth - 1)) for _ in range(2)])

        note()
        for each in (write, write, note, read):
            busy(each)
        for _ in range(8):
            check(*[fork(lambda: work(0)) for _ in range(3)], fork(lambda: work(1)))
        checked = sqlite3.connect(folder / "s.db").execute("PRAGMA integrity_check")
        assert checked.fetchone() == ("ok",)
        """,
        tmp_path,
    )


def test_children_use_sqlalchemy_on_sqlite_while_a_thread_is_in_it(tmp_path: Path) -> None:
    pytest.importorskip("sqlalchemy")
    run(
        """
        from agents_lite.extensions.memory import SQLAlchemySession

        turn = [{"role": "user", "content": "x" * 1000}]
        file = SQLAlchemySession("s", url=f"sqlite:///{folder / 's.db'}")
        memory = SQLAlchemySession("m", url="sqlite://")

        def write():
            file.add_items(turn)
            memory.add_items(turn)
            memory.clear_session()

        write()
        busy(write)
        for _ in range(12):
            check(*[fork(write) for _ in range(3)])
        """,
        tmp_path,
    )


def test_a_fork_waits_for_the_adapter_of_a_type_that_another_thread_makes(tmp_path: Path) -> None:
    run(
        """
        from agents_lite.schema.adapter import make_adapter

        begun, end = threading.Event(), threading.Event()
        made = []

        class Slow:
            @classmethod
            def __get_pydantic_core_schema__(cls, source, handler):
                begun.set()
                end.wait()
                return handler(int)

        thread = threading.Thread(target=lambda: made.append(make_adapter(Slow, "It")))
        thread.start()
        begun.wait()
        threading.Timer(0.2, end.set).start()

        def look():
            assert made

        check(fork(look))
        """,
        tmp_path,
    )


def test_children_call_mcp_servers_and_keep_journals_while_threads_do(tmp_path: Path) -> None:
    run(
        """
        from itertools import count
        from agents_lite import Agent, RunConfig, Runner, SQLiteJournal, function_tool
        from agents_lite.mcp import MCPServerStdio
        from agents_lite.testing import ScriptedModel, call

        ids = count()
        journal = SQLiteJournal(folder / "runs.db")
        script = "tests/support/mcp_script.py"
        server = MCPServerStdio({"command": sys.executable, "args": [script]})
        server.connect()

        @function_tool
        def add(a: int) -> int:
            return a + 1

        def use(*servers):
            calls = [call("add", a=1), *(call("echo", text="Hi") for _ in servers)]
            agent = Agent("A", tools=[add], mcp_servers=servers, model=ScriptedModel([calls, "."]))
            config = RunConfig(journal=journal, run_id=f"{os.getpid()}-{next(ids)}")
            result = Runner.run_sync(agent, "Hi", run_config=config)
            assert "Hi" in str(result.to_input_list()[-2]) or not servers

        use(server)  # the first uses of other packages are over: nobody can wait for those
        for _ in range(2):
            busy(lambda: server.call_tool("echo", {"text": "Hi"}))
        busy(use)
        for _ in range(3):
            check(fork(lambda: use(server)), fork(use))
        """,
        tmp_path,
    )


def test_children_import_what_a_thread_was_importing(tmp_path: Path) -> None:
    for number in range(40):
        lines = f"number = {number}\nfor _ in range(20_000): pass\n"
        (tmp_path / f"slow_{number}.py").write_text(lines)
    run(
        """
        from importlib import import_module
        import agents_lite.concurrency.forks

        sys.path.insert(0, str(folder))
        sys.dont_write_bytecode = True
        names = [f"slow_{number}" for number in range(40)]

        def load():
            for name in names:
                import_module(name)
                sys.modules.pop(name, None)

        busy(load)
        busy(load)
        for _ in range(12):
            check(*[fork(load) for _ in range(2)])
        """,
        tmp_path,
    )


def test_children_use_threads_timers_and_loops_while_others_do(tmp_path: Path) -> None:
    run(
        """
        from agents_lite import *
        from agents_lite.testing import ScriptedModel, call
        from agents_lite.tracing import *

        @function_tool
        async def add(a: int, b: int) -> int:
            return a + b

        @function_tool(timeout=200)
        def multiply(a: int, b: int) -> int:
            return a * b

        set_trace_processors([SQLiteTraceProcessor(folder / "traces.db")])
        session = SQLiteSession("s")

        def use():
            model = ScriptedModel([[call("add", a=1, b=2), call("multiply", a=1, b=2)], "done"])
            agent = Agent(name="A", model=model, tools=[add, multiply])
            assert Runner.run_sync(agent, "x", session=session, timeout=200).final_output == "done"
            session.clear_session()
            flush_traces()

        use()
        busy(use)
        for _ in range(15):
            check(*[fork(use) for _ in range(2)], fork(lambda: check(fork(use))))
        """,
        tmp_path,
    )


def test_children_make_schemas_while_a_thread_does(tmp_path: Path) -> None:
    run(
        """
        from agents_lite import function_tool

        def make():
            @function_tool
            def add(a: int, b: list[str]) -> int:
                return a
            assert add.params_json_schema

        make()
        for _ in range(2):
            busy(make)
        for _ in range(15):
            check(*[fork(make) for _ in range(3)])
        """,
        tmp_path,
    )


def test_a_fork_in_a_signal_handler_goes_through_in_the_middle_of_a_call(tmp_path: Path) -> None:
    run(
        """
        from agents_lite.exceptions import SessionError
        from agents_lite.memory import SQLiteSession

        turn = [{"role": "user", "content": "x"}] * 50
        session = SQLiteSession("s", folder / "s.db")
        children = []
        session.add_items(turn)
        forked_in = 0

        def work():
            SQLiteSession("t", folder / "other.db").add_items(turn)

        def on_signal(number, frame):
            global forked_in
            forked_in += session._database._is_at_work
            children.append(fork(work))

        signal.signal(signal.SIGUSR1, on_signal)
        sender = threading.Thread(target=lambda: [
            (time.sleep(0.003), os.kill(os.getpid(), signal.SIGUSR1)) for _ in range(100)
        ])
        sender.start()
        written = 1
        while sender.is_alive() or not forked_in:
            session.add_items(turn)
            written += 1
        check(*children)
        assert len(session.get_items()) == written * len(turn)
        assert len(SQLiteSession("t", folder / "other.db").get_items()) == len(children) * len(turn)
        """,
        tmp_path,
    )


def test_a_call_that_a_fork_has_interrupted_and_its_file_fail_in_the_child(tmp_path: Path) -> None:
    run(
        """
        from agents_lite.exceptions import SessionError
        from agents_lite.memory import SQLiteSession

        turn = [{"role": "user", "content": "x"}]
        session = SQLiteSession("s", folder / "s.db")
        session.add_items(turn)
        parent = os.getpid()

        def work(connection):  # a handler forks between two calls of SQLite
            connection.execute("INSERT INTO agent_sessions (session_id) VALUES ('parent')")
            if not os.fork():
                signal.alarm(200)
            connection.execute("INSERT INTO agent_sessions (session_id) VALUES (?)", [os.getpid()])

        try:
            session._database.change(work)
        except SessionError:
            assert os.getpid() != parent
            try:
                SQLiteSession("t", folder / "s.db").add_items(turn)
            except SessionError as error:
                assert "in the middle of using it" in str(error)
                os._exit(0)
        assert os.getpid() == parent
        assert os.wait()[1] == 0
        names = sqlite3.connect(folder / "s.db").execute("SELECT session_id FROM agent_sessions")
        assert sorted(names) == sorted([("s",), ("parent",), (str(parent),)])
        assert session.get_items() == turn
        """,
        tmp_path,
    )


def test_a_fork_does_not_wait_for_a_file_that_another_program_has_locked(tmp_path: Path) -> None:
    run(
        """
        from agents_lite.concurrency import forks
        from agents_lite.memory import SQLiteSession

        forks.LONGEST_WAIT = 1000
        turn = [{"role": "user", "content": "x"}]
        session = SQLiteSession("s", folder / "s.db", timeout=1000)
        session.add_items(turn)
        other = sqlite3.connect(folder / "s.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        writer = threading.Thread(target=session.add_items, args=[turn])
        writer.start()
        check(*[fork(lambda: None) for _ in range(5)])
        assert writer.is_alive()
        other.execute("ROLLBACK")
        writer.join()
        assert len(session.get_items()) == 2
        """,
        tmp_path,
    )


def test_a_fork_waits_no_longer_than_is_said_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "endless.py").write_text("import main\nmain.begun.set()\nmain.over.wait()\n")
    run(
        """
        from agents_lite.concurrency import forks

        forks.LONGEST_WAIT = 0.2
        warnings = []
        logging.getLogger("agents_lite").addFilter(lambda record: warnings.append(record))
        sys.modules["main"] = sys.modules["__main__"]
        sys.path.insert(0, str(folder))
        begun = threading.Event()
        threading.Thread(target=__import__, args=["endless"], daemon=True).start()
        begun.wait()
        check(fork(lambda: None))
        check(fork(lambda: None))  # what was waited for in vain once is waited for no more
        assert len(warnings) == 1, warnings
        """,
        tmp_path,
    )


def test_locks_are_unlocked_in_a_child_unless_the_forking_thread_holds_them(
    tmp_path: Path,
) -> None:
    run(
        """
        from agents_lite.concurrency.forks import new_lock

        mine, theirs = new_lock(), new_lock()
        held = threading.Event()

        def hold():
            with theirs:
                held.set()
                over.wait()

        def work():
            with theirs:
                pass
            assert mine._is_owned()
            mine.release()

        threading.Thread(target=hold, daemon=True).start()
        held.wait()
        with mine:
            check(fork(work))
        """,
        tmp_path,
    )


def test_what_must_not_be_interrupted_may_be_nested_and_may_fail(tmp_path: Path) -> None:
    run(
        """
        from agents_lite.concurrency import forks

        def fail():
            assert forks.without_fork(int, "7", base=10) == 7
            assert forks._inside == {threading.get_ident()}
            raise ValueError

        try:
            forks.without_fork(fail)
        except ValueError:
            assert not forks._inside
        check(fork(lambda: forks.without_fork(int)))
        """,
        tmp_path,
    )


@pytest.mark.parametrize("driver", ["run_sync", "run", "parallel"])
def test_a_child_that_a_tool_has_forked_does_nothing_of_the_run(
    tmp_path: Path, driver: str
) -> None:
    run(
        f"""
        import asyncio
        from agents_lite import Agent, RunConfig, Runner, SQLiteJournal, SQLiteSession
        from agents_lite import function_tool
        from agents_lite.testing import ScriptedModel, call

        def fork_as(end):
            child = os.fork()
            if child:
                statuses.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
                return
            os.close(2)  # it is told there
            if end == "raise":
                raise ValueError
            if end == "exit":
                sys.exit(3)

        @function_tool
        def split(end: str):
            fork_as(end)

        @function_tool
        async def split_later(end: str):
            fork_as(end)

        driver = {driver!r}
        session = SQLiteSession("s", folder / "s.db")
        journal = SQLiteJournal(folder / "j.db")
        config = RunConfig(journal=journal, parallel_tools=driver == "parallel")
        for tool in (split, split_later):
            statuses = []
            ends = ("return", "raise", "exit")
            model = ScriptedModel([*(call(tool.name, end=end) for end in ends), "Done."])
            agent = Agent("A", model=model, tools=[tool])
            options = dict(session=session, run_config=config)
            if driver == "run":
                result = asyncio.run(Runner.run(agent, "Go", **options))
            else:
                result = Runner.run_sync(agent, "Go", **options)
            assert result.final_output == "Done."
            assert statuses == [1, 1, 3], statuses
            assert len(session.get_items()) == 8
            session.clear_session()
        assert [each.status for each in journal.runs()] == ["finished"] * 2
        """,
        tmp_path,
    )
