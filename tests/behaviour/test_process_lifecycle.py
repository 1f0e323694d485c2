"""Real processes: interrupted, terminated, forked, used for long, and left in the end."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from agents_lite import Agent, OpenAIResponsesModel, Runner, SQLiteSession, function_tool
from agents_lite.http.client import ResponsesClient
from agents_lite.testing import ResponsesServer, call
from agents_lite.tracing import TraceStore
from tests.support.loopback import LoopbackServer, Peer, event_bytes, http_answer, stream_head
from tests.support.threads import no_thread_left
from tests.support.waiting import PATIENCE, wait_until_asleep
from tests.support.warm import Warm

SECONDS = 2.0
"""How long a process may take to leave."""
NOISE = 3.0
"""Seconds more for a machine that is busy with other things."""
NOISE_PER_START = 5.0
"""Seconds more for each second that the process needed to come this far: it tells how busy."""

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and forks as POSIX has them")


class Child:
    """A Python process that runs a script; it says "ready" where a test waits for it."""

    def __init__(self, script: str, *arguments: object) -> None:
        self._process = Warm(["-c", dedent(script), *map(str, arguments)])
        self._started = time.monotonic()

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.__exit__()

    def wait_until_ready(self) -> None:
        line = self._process.stdout.readline()
        assert line == "ready\n", line + self._process.communicate()[1]

    def wait_until_asleep(self) -> None:
        wait_until_asleep(self._process.pid)

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def leave(self) -> tuple[int, str, str]:
        """Wait for the end; gives the exit code and what was printed."""
        output, errors = self._process.communicate(timeout=PATIENCE)
        return self._process.returncode, output, errors

    def leave_within(self, seconds: float) -> tuple[int, str, str]:
        """The same; fails when it takes longer, as measured by how busy the machine is."""
        now = time.monotonic()
        noise = max(NOISE, NOISE_PER_START * (now - self._started))
        left = self.leave()
        assert time.monotonic() - now < seconds + noise
        return left


# Ctrl-C

SETTING = """
    import asyncio, sys, threading, time
    from agents_lite import Agent, InputGuardrail, OpenAIResponsesModel, OutputGuardrail
    from agents_lite import Runner, SQLiteSession, function_tool
    from agents_lite.testing import ScriptedModel, call
    from agents_lite.http.client import ResponsesClient

    def ready():
        print("ready", flush=True)

    def stay(*arguments):
        ready()
        time.sleep(60)

    async def stay_async(*arguments):
        ready()
        await asyncio.sleep(60)

    async def block_the_loop(*arguments):
        stay()

    stay_together = threading.Barrier(2, ready)

    def stay_with_others():
        stay_together.wait()
        time.sleep(60)

    async def block_with_others():
        await asyncio.to_thread(stay_together.wait)
        time.sleep(60)

    class StuckSession(SQLiteSession):
        def get_items(self, limit=None):
            stay()

    def agent(*turns, functions=(), **options):
        tools = [
            function_tool(each, name_override=each.__name__, parallel=True) for each in functions
        ]
        return Agent(name="A", model=ScriptedModel(list(turns)), tools=tools, **options)

    def remote(url, **options):
        client = ResponsesClient(base_url=url, api_key="any", **options)
        return Agent(name="R", model=OpenAIResponsesModel("m", client))

    def run_sync(agent, **options):
        Runner.run_sync(agent, "Hi", **options)

    def run(agent, **options):
        asyncio.run(Runner.run(agent, "Hi", **options))

    def stream(agent, **options):
        for _ in Runner.run_streamed(agent, "Hi", **options).stream_events():
            pass

    drive = globals()[sys.argv[1]]
"""

LOCAL_PLACES = {
    "plain tool": 'drive(agent([call("stay")], functions=[stay]))',
    "async tool": 'drive(agent([call("stay_async")], functions=[stay_async]))',
    "tool that blocks the loop": (
        'drive(agent([call("block_the_loop")], functions=[block_the_loop]))'
    ),
    "plain tools side by side": (
        'drive(agent([call("stay_with_others")] * 2, functions=[stay_with_others]))'
    ),
    "tools of both kinds": (
        'drive(agent([call("stay_with_others"), call("block_with_others")], '
        "functions=[stay_with_others, block_with_others]))"
    ),
    "tool with a timeout": (
        'agent = agent([call("stay")], functions=[stay]); agent.tools[0].timeout = 50; drive(agent)'
    ),
    "nested run": (
        'inner = agent([call("stay")], functions=[stay]); '
        'outer = agent([call("a", input="x")]); outer.tools = [inner.as_tool()]; drive(outer)'
    ),
    "guardrail": 'drive(agent("ok", input_guardrails=[InputGuardrail(stay)]))',
    "guardrail before": (
        'drive(agent("ok", input_guardrails=[InputGuardrail(stay, run_in_parallel=False)]))'
    ),
    "async guardrail": 'drive(agent("ok", input_guardrails=[InputGuardrail(stay_async)]))',
    "output guardrails": 'drive(agent("ok", output_guardrails=[OutputGuardrail(stay_async)] * 2))',
    "session": 'drive(agent("ok"), session=StuckSession("s"))',
    "instructions": 'drive(agent("ok", instructions=stay))',
}
drivers = pytest.mark.parametrize("driver", ["run_sync", "run"])


@pytest.mark.parametrize(
    ("place", "driver"),
    [
        (place, driver)
        for place in LOCAL_PLACES
        for driver in ("run_sync", "run")
        # asyncio hears of Ctrl-C between two steps of its loop, not while the user's code blocks it
        if driver == "run_sync" or "block" not in LOCAL_PLACES[place]
    ],
)
def test_ctrl_c_leaves_soon(place: str, driver: str) -> None:
    with Child(dedent(SETTING) + LOCAL_PLACES[place], driver) as child:
        child.wait_until_ready()
        check_interrupted(child)


def check_interrupted(child: Child) -> None:
    child.wait_until_asleep()
    child.send(signal.SIGINT)
    code, _, errors = child.leave_within(SECONDS)
    assert code == -signal.SIGINT, errors
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert "Exception ignored" not in errors
    assert "Fatal" not in errors


@contextmanager
def full_server() -> Iterator[str]:
    """A server whose queue is full: connecting to it takes for ever."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        for each in waiting:
            each.close()


@drivers
def test_ctrl_c_leaves_soon_while_connecting(driver: str) -> None:
    with full_server() as url:
        place = "ready(); drive(remote(sys.argv[2]))"
        with Child(dedent(SETTING) + place, driver, url) as child:
            child.wait_until_ready()
            check_interrupted(child)


def begin_and_hang(peer: Peer) -> None:
    created = {"type": "response.created", "response": {"id": "r", "output": []}}
    delta = {"type": "response.output_text.delta", "delta": "Hel"}
    events = event_bytes(created) + event_bytes(delta)
    peer.send(stream_head() + b"%x\r\n%s\r\n" % (len(events), events))


BUSY = http_answer(429, {"error": {"message": "busy"}}, headers={"Retry-After": "30"})
REMOTE_PLACES = {
    "headers": lambda peer: None,
    "body": lambda peer: peer.send(BUSY[:-5]),
    "stream": begin_and_hang,
    "retry": lambda peer: peer.send(BUSY),
}


@drivers
@pytest.mark.parametrize("answer", REMOTE_PLACES.values(), ids=list(REMOTE_PLACES))
def test_ctrl_c_leaves_soon_and_closes_the_connection(answer: Any, driver: str) -> None:
    reached = threading.Event()

    def play(peer: Peer) -> None:
        answer(peer)
        reached.set()
        peer.hang()

    script = dedent(SETTING) + "drive(remote(sys.argv[2]))"
    with LoopbackServer(always=play) as server:
        with Child(script, driver, server.base_url) as child:
            assert reached.wait(PATIENCE)
            check_interrupted(child)
        assert server.peers[0].client_left.wait(PATIENCE)


def test_ctrl_c_leaves_soon_while_a_database_is_locked(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    SQLiteSession("s", path).get_items()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        place = "ready(); drive(agent('ok'), session=SQLiteSession('s', sys.argv[2]))"
        with Child(dedent(SETTING) + place, "run_sync", path) as child:
            child.wait_until_ready()
            check_interrupted(child)


# SIGTERM

WORKER = dedent(SETTING) + dedent("""
    import signal
    from agents_lite.tracing import SQLiteTraceProcessor, set_trace_processors

    def quit(number, frame):
        sys.exit(3)

    def note():
        return "noted"

    signal.signal(signal.SIGTERM, quit)
    set_trace_processors([SQLiteTraceProcessor(sys.argv[3])])
    busy = agent([call("note")], [call("stay")], functions=[note, stay])
    run_sync(busy, session=SQLiteSession("s", sys.argv[2]))
""")


def test_a_worker_told_to_end_leaves_whole_turns_and_finished_traces(tmp_path: Path) -> None:
    sessions, traces = tmp_path / "sessions.db", tmp_path / "traces.db"
    with Child(WORKER, "run_sync", sessions, traces) as child:
        child.wait_until_ready()
        child.send(signal.SIGTERM)
        code, _, errors = child.leave_within(SECONDS)
        assert (code, errors) == (3, "")
    kept = [item.get("type", "message") for item in SQLiteSession("s", sessions).get_items()]
    assert kept == ["message", "function_call", "function_call_output"]
    store = TraceStore(traces)
    stored = store.load_trace(store.list_traces()[0].trace_id)
    assert stored is not None
    assert stored.ended_ns is not None
    assert [span.span_data["type"] for span in stored.spans if span.ended_ns is None] == []
    assert stored.spans[-1].error == {"message": "3", "data": {"type": "SystemExit"}}


def test_a_worker_that_is_killed_leaves_whole_turns(tmp_path: Path) -> None:
    sessions = tmp_path / "sessions.db"
    with Child(WORKER, "run_sync", sessions, tmp_path / "traces.db") as child:
        child.wait_until_ready()
        child.send(signal.SIGKILL)
        child.leave()
    kept = [item.get("type", "message") for item in SQLiteSession("s", sessions).get_items()]
    assert kept == ["message", "function_call", "function_call_output"]


# Exit


LAST_RUN = dedent(SETTING) + dedent("""
    from agents_lite.tracing import *

    limit, endpoint = float(sys.argv[2]), sys.argv[3]
    exporter = BackendSpanExporter("sk-test", endpoint=endpoint)
    set_trace_processors([BatchTraceProcessor(exporter, exit_timeout=limit)])
    drive(agent("ok"))
    ready()
""")


@pytest.mark.parametrize("limit", [0.2, 1.2])
@pytest.mark.parametrize("kind", ["refusing", "silent", "full"])
def test_an_unreachable_trace_endpoint_holds_up_the_exit_as_long_as_allowed(
    kind: str, limit: float
) -> None:
    with full_server() as full, LoopbackServer(always=Peer.hang) as silent:
        endpoints = {"refusing": "http://127.0.0.1:1/", "silent": silent.origin, "full": full}
        with Child(LAST_RUN, "run_sync", limit, endpoints[kind]) as child:
            child.wait_until_ready()
            code, _, errors = child.leave_within(limit)
            assert (code, errors.count("\n") <= 1) == (0, True), errors


def test_a_thread_left_behind_does_not_hold_up_the_exit() -> None:
    script = dedent(SETTING) + dedent("""
        from agents_lite import RunTimeout
        over = threading.Event()
        stuck = agent([call("stay_with_others")] * 2, functions=[stay_with_others])
        try:
            drive(stuck, timeout=0.3)
        except RunTimeout:
            ready()
    """)
    script = script.replace("threading.Barrier(2, ready)", "threading.Barrier(2)")
    with Child(script, "run_sync") as child:
        child.wait_until_ready()
        code, _, errors = child.leave_within(SECONDS)
        assert (code, "Fatal" in errors) == (0, False)


# Forks

EVERYTHING = """
    import faulthandler, os, signal, sys, threading, traceback, warnings
    from agents_lite import *
    from agents_lite.testing import ScriptedModel, turn
    from agents_lite.tracing import *
    from agents_lite.http.client import ResponsesClient

    @function_tool
    def add(a: int, b: int) -> int:
        return a + b

    @function_tool
    async def multiply(a: int, b: int) -> int:
        return a * b

    warnings.filterwarnings("ignore", "This process")  # newer Pythons warn of forks beside threads
    faulthandler.register(signal.SIGALRM, chain=True)
    url, endpoint, path = sys.argv[1:]
    exporter = BackendSpanExporter("sk-test", endpoint=endpoint)
    set_trace_processors([BatchTraceProcessor(exporter, schedule_delay=0.05)])
    client = ResponsesClient(base_url=url, api_key="any")
    model = OpenAIResponsesModel("m", client)
    calculator = Agent(name="A", model=model, tools=[add, multiply])
    session = SQLiteSession("s", path)

    late = Agent(name="L", model=ScriptedModel(lambda request: turn("late", delay=60)))

    def use_everything(name, session=session):
        config = RunConfig(workflow_name=name)
        try:
            Runner.run_sync(late, "Hi", timeout=0.02, run_config=config)
        except RunTimeout:
            pass
        options = dict(timeout=200, run_config=config, session=session)
        assert Runner.run_sync(calculator, "Hi", **options).final_output == "5 and 6"
        events = list(Runner.run_streamed(calculator, "Hi", **options).stream_events())
        assert len(events) > 10

    def in_child(work, *arguments):
        child = os.fork()
        if not child:
            code = 1
            try:
                signal.alarm(250)
                work(*arguments)
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        return child

    def check(children):
        for child in children:
            assert os.waitpid(child, 0)[1] == 0
"""


def both_calls(request: Any) -> Any:
    """Asks for both tools, then tells what came of them."""
    outputs = [item["output"] for item in request.body["input"][-2:] if "output" in item]
    return " and ".join(outputs) or [call("add", a=2, b=3), call("multiply", a=2, b=3)]


FORK_AFTER_USE = dedent(EVERYTHING) + dedent("""
    def go_on():
        use_everything("child")
        flush_traces()

    use_everything("parent")
    for _ in range(2):
        check([in_child(go_on)])  # one at a time, since they hold one conversation
    use_everything("parent again")
""")


def test_everything_can_be_used_after_a_fork(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    with ResponsesServer(both_calls) as server, LoopbackServer(always=http_answer(200)) as traces:
        with Child(FORK_AFTER_USE, server.base_url, traces.origin, path) as child:
            assert child.leave() == (0, "", "")
    items = SQLiteSession("s", path).get_items()
    assert sum(item.get("role") == "user" for item in items) == 2 * 4
    started = [
        item["workflow_name"]
        for request in traces.requests
        for item in request.json["data"]
        if item["object"] == "trace"
    ]
    counts = {"parent": 3, "parent again": 3, "child": 6}
    assert {name: started.count(name) for name in set(started)} == counts


# Many threads, many runs


def test_100_threads_share_a_client_an_agent_and_a_session_file(tmp_path: Path) -> None:
    count = 100
    together = threading.Barrier(count)
    answers: dict[int, str] = {}

    @function_tool
    def echo(words: str) -> str:
        return words

    def answer(request: Any) -> Any:
        last = request.body["input"][-1]
        return last.get("output") or call("echo", words=last["content"])

    def work(number: int) -> None:
        together.wait(PATIENCE)
        session = SQLiteSession(f"conversation {number}", tmp_path / "sessions.db")
        for turn in range(2):
            result = Runner.run_sync(agent, f"{number}, {turn}", session=session)
            answers[number * 2 + turn] = result.final_output

    with no_thread_left(), ResponsesServer(answer) as server:
        client = ResponsesClient(base_url=server.base_url, api_key="any")
        agent = Agent(name="A", model=OpenAIResponsesModel("m", client), tools=[echo])
        threads = [
            threading.Thread(target=work, args=[number], name=f"loopback {number}")
            for number in range(count)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        client.close()
    assert answers == {n * 2 + turn: f"{n}, {turn}" for n in range(count) for turn in range(2)}


@pytest.mark.parametrize(
    "use",
    [
        'Runner.run_sync(agent, "x")',
        "agents_lite.SQLiteSession",
        "agents_lite.extensions.memory.AdvancedSQLiteSession",
    ],
)
def test_what_can_load_no_more_modules_says_that_too_many_files_are_open(use: str) -> None:
    program = f"""
        import resource
        import agents_lite.extensions.memory
        from agents_lite import Agent, Runner, UserError

        agent = Agent(name="A", model="m")
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, 1000))
        try:
            {use}
        except UserError as error:
            print(error)
    """
    environment = {**os.environ, "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    told = subprocess.run(
        [sys.executable, "-c", dedent(program)], env=environment, capture_output=True, text=True
    )
    assert told.stdout.startswith("Too many files are open: a part of Python"), told.stderr


SOAK = dedent(EVERYTHING) + dedent("""
    import asyncio, gc, time

    def break_off():
        for event in Runner.run_streamed(calculator, "Hi").stream_events():
            if event.type == "raw_response_event":
                break

    async def use_async(many):
        await asyncio.gather(*(Runner.run(calculator, "Hi") for _ in range(many)))
        async for event in Runner.run_streamed(calculator, "Hi").stream_events():
            pass

    def fail():
        try:
            Runner.run_sync(calculator, "Hi", max_turns=1)
        except MaxTurnsExceeded:
            pass

    def work(rounds):
        for _ in range(rounds):
            with SQLiteSession("s", ":memory:") as session:
                use_everything("soak", session)
            asyncio.run(use_async(3))
            break_off()
            fail()

    def what_is_open():
        flush_traces()
        client.close()  # so that every connection still open is one too many
        gc.collect()
        deadline = time.monotonic() + 60
        while threading.active_count() > 3 and time.monotonic() < deadline:  # and that of traces
            time.sleep(0.05)
        names = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")
                 if os.path.lexists(f"/proc/self/fd/{fd}")]
        kinds = sorted(name.partition(":")[0] for name in names)
        assert sorted(each.name for each in threading.enumerate()) == [
            "MainThread", "agents_lite loop", "agents_lite-traces"
        ]
        return kinds

    work(3)
    before = what_is_open()
    work(40)
    after = what_is_open()
    assert after == before, (before, after)
""")


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_hundreds_of_runs_leave_nothing_open(tmp_path: Path) -> None:
    with ResponsesServer(both_calls) as server, LoopbackServer(always=http_answer(200)) as traces:
        path = tmp_path / "sessions.db"
        with Child(SOAK, server.base_url, traces.origin, path) as child:
            assert child.leave() == (0, "", "")
