"""Servers that are child processes, good ones and bad ones."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from operator import le
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from agents_lite import MCPServerError, MCPServerStdio, MCPTimeoutError, UserError
from agents_lite.concurrency.cancellation import Cancellation, RunCancelled
from agents_lite.mcp.session import Caller
from tests.mcp.conftest import SCRIPT
from tests.support.memory import MOST_BYTES, grown_bytes
from tests.support.threads import no_thread_left
from tests.support.waiting import PATIENCE, wait_until, wait_until_asleep

Script = Callable[..., MCPServerStdio]
Heard = Callable[[], list[dict[str, Any]]]
LIMITS = (0.5, 5.0, 50.0)
"""Seconds; the longer ones for a machine so busy that the server does not come to its place."""
both_eras = pytest.mark.parametrize("modern", [False, True], ids=["handshake", "modern"])


def say(server: MCPServerStdio, tool: str, **arguments: Any) -> Any:
    """The text that a tool gives."""
    return server.call_tool(tool, arguments).content[0].text


def is_running(pid: int) -> bool:
    """Whether there is such a process, a zombie included."""
    try:
        os.kill(pid, 0)
        return True
    except ProcessLookupError:
        return False


@both_eras
def test_a_tool_is_listed_and_called(script: Script, modern: bool) -> None:
    with script({"modern": modern}) as server:
        assert [tool.name for tool in server.list_tools()][:2] == ["echo", "write"]
        assert say(server, "echo", text="hello") == "hello"


@both_eras
def test_a_megabyte_comes_whole(script: Script, modern: bool) -> None:
    with script({"modern": modern}) as server:
        assert say(server, "big") == "é" * 1_000_000
        assert say(server, "echo", text="x" * 1_000_000) == "x" * 1_000_000


def test_a_process_that_writes_a_line_without_end_is_ended(script: Script) -> None:
    with script(max_message_bytes=100_000) as server:
        with pytest.raises(MCPServerError, match="max_message_bytes"):
            say(server, "big")
        assert say(server, "echo", text="anew") == "anew"


def test_a_flood_on_standard_error_blocks_nothing(script: Script) -> None:
    with script() as server:
        assert say(server, "flood") == "flooded"


def test_noise_notifications_and_split_messages_do_no_harm(script: Script) -> None:
    with script() as server:
        assert say(server, "chat") == "{}"  # what a ping is answered with
        assert say(server, "echo", text="still here") == "still here"


def test_a_last_message_may_do_without_an_end_of_line(script: Script) -> None:
    with script() as server:
        assert say(server, "farewell") == "farewell"
        assert say(server, "echo", text="anew") == "anew"


def test_a_banner_is_no_message(script: Script) -> None:
    with script({"banner": "Welcome!\n"}) as server:
        assert say(server, "echo", text="a") == "a"


def test_answers_find_their_calls_in_whatever_order(script: Script) -> None:
    with script() as server, ThreadPoolExecutor(1) as pool:
        server.connect()
        late = pool.submit(say, server, "late")
        wait_until(lambda: say(server, "echo", text="on time") == "on time" and late.done())
        assert late.result() == "late"


def test_twenty_threads_share_one_server(script: Script) -> None:
    with script() as server, ThreadPoolExecutor(20) as pool:
        texts = [str(number) for number in range(400)]
        assert list(pool.map(lambda text: say(server, "echo", text=text), texts)) == texts


def test_an_answer_that_came_while_its_thread_was_about_to_read_is_found(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Mailbox(SimpleQueue[Any]):
        def empty(self) -> bool:
            was_empty = super().empty()
            time.sleep(0.002)  # others go on meanwhile
            return was_empty

    monkeypatch.setattr("agents_lite.mcp.stdio.SimpleQueue", Mailbox)
    with script() as server, ThreadPoolExecutor(4) as pool:
        for _ in range(20):
            assert [*pool.map(lambda text: say(server, "echo", text=text), "abcd")] == [*"abcd"]


def test_twenty_threads_connect_one_server_once(script: Script) -> None:
    server = script()
    with ThreadPoolExecutor(20) as pool:
        pids = set(pool.map(lambda _: say(server, "pid"), range(40)))
    assert len(pids) == 1


def test_a_tool_that_fails_gives_a_result_that_says_so(script: Script) -> None:
    with script() as server:
        result = server.call_tool("fail")
        assert result.is_error
        assert result.content[0].text == "the moon is full"


def test_a_refused_call_is_a_typed_error(script: Script) -> None:
    with script() as server:
        with pytest.raises(MCPServerError, match="'script'.*no such thing") as caught:
            server.call_tool("rpc")
        assert (caught.value.code, caught.value.data) == (-32602, {"a": 1})


@both_eras
def test_a_call_without_an_answer_ends_and_is_taken_back(
    script: Script, heard: Heard, tmp_path: Path, modern: bool
) -> None:
    plan = {"modern": modern, "hang": ["write"], "log": str(tmp_path / "log")}
    with script(plan) as server:
        server.connect()
        server._seconds = 0.5
        with pytest.raises(MCPTimeoutError, match="no answer to tools/call within 0.5 s"):
            server.call_tool("write", {"text": "a"})
        server._seconds = PATIENCE
        wait_until(lambda: heard()[-1]["method"] == "notifications/cancelled")
        *_, call, cancelled = heard()
        assert cancelled["params"]["requestId"] == call["id"]
        assert say(server, "echo", text="still here") == "still here"


def test_what_a_silent_server_wrote_instead_is_in_the_error(script: Script) -> None:
    plan = {"banner": "Enter your key:\n", "hang": ["server/discover", "initialize"]}
    for seconds in LIMITS:
        server = script(plan, client_session_timeout_seconds=seconds)
        with pytest.raises(MCPTimeoutError) as caught:
            server.connect()
        if "no message: Enter your key:" in str(caught.value):
            return
    raise caught.value


@pytest.mark.parametrize("method", ["initialize", "tools/list", "echo"])
def test_a_server_may_hang_at_each_step(script: Script, method: str) -> None:
    server = script({"hang": [method]}, client_session_timeout_seconds=1)
    with pytest.raises(MCPTimeoutError):
        server.list_tools()
        server.call_tool("echo", {"text": "a"})


def test_a_probe_that_is_not_answered_does_not_keep_from_the_handshake(script: Script) -> None:
    for seconds in LIMITS:
        with (
            suppress(MCPTimeoutError),
            script({"hang": ["server/discover"]}, client_session_timeout_seconds=seconds) as server,
        ):
            assert say(server, "echo", text="a") == "a"
            return
    raise AssertionError("no handshake came about")


def test_a_cancelled_call_ends_within_a_second(
    script: Script, heard: Heard, tmp_path: Path
) -> None:
    with script({"hang": ["write"], "log": str(tmp_path / "log")}) as server:
        cancellation = Cancellation()
        caller = Caller(cancellation, lambda function, *args: function(*args))
        began = threading.Event()

        def stop() -> None:
            wait_until(lambda: any(m.get("method") == "tools/call" for m in heard()))
            began.set()
            cancellation.cancel(RunCancelled())

        threading.Thread(target=stop).start()
        with pytest.raises(RunCancelled):
            server.call("write", {"text": "a"}, caller)
        assert began.is_set()
        wait_until(lambda: heard()[-1]["method"] == "notifications/cancelled")


def test_a_server_that_reads_nothing_more_is_killed_in_the_middle_of_a_message(
    script: Script,
) -> None:
    with script({"stays": True}) as server:
        os.kill(int(say(server, "pid")), signal.SIGSTOP)
        server._seconds = 0.5
        with pytest.raises(MCPTimeoutError):
            server.call_tool("echo", {"text": "x" * 1_000_000})
        server._seconds = PATIENCE
        assert say(server, "echo", text="a new one") == "a new one"


def test_a_server_that_dies_in_a_call_is_started_anew_for_the_next(script: Script) -> None:
    with script({"die": {"write": 3}}, env={"API_TOKEN": "tok-1234567"}) as server:
        first = say(server, "pid")
        with pytest.raises(MCPServerError, match="exit code 3") as caught:
            server.call_tool("write", {"text": "a"})
        assert "dying of write with ***" in str(caught.value)
        assert "tok-1234567" not in repr(server) + str(caught.value)
        assert say(server, "pid") != first


def test_a_call_that_may_be_repeated_is_where_that_is_wanted(script: Script, heard: Heard) -> None:
    waits = {"retry_backoff_seconds_base": 1e6, "retry_backoff_seconds_max": 0.01}
    options: Any = {"max_retry_attempts": 1, **waits}
    with script({"die": {"echo": 1, "write": 1}}, **options) as server:
        server.list_tools()
        made = []
        opened = server._open

        def count() -> Any:
            made.append(opened())
            return made[-1]

        server._open = count  # type: ignore[method-assign]
        with pytest.raises(MCPServerError):
            server.call_tool("write", {"text": "a"})
        assert len(made) == 0
        with pytest.raises(MCPServerError):
            server.call_tool("echo", {"text": "a"})
        assert len(made) == 2  # for the call, since the server had died, and for its repetition


@pytest.mark.parametrize("methods", [["initialize"], ["server/discover", "initialize"]])
def test_a_server_that_dies_at_its_start_is_a_typed_error(
    script: Script, methods: list[str]
) -> None:
    with pytest.raises(MCPServerError, match="(?s)'script'.*exit code 4.*dying of") as caught:
        script({"die": dict.fromkeys(methods, 4)}).connect()
    assert caught.value.server_name == "script"


def test_a_server_that_dies_in_the_handshake_says_so_though_it_was_silent_before(
    script: Script,
) -> None:
    plan = {"hang": ["server/discover"], "die": {"initialize": 4}}
    for seconds in LIMITS:
        with pytest.raises(MCPServerError) as caught:
            script(plan, client_session_timeout_seconds=seconds).connect()
        if "exit code 4" in str(caught.value):
            return
    raise caught.value


def test_a_server_that_ends_itself_over_a_first_message_it_does_not_know_is_shaken_hands_with(
    script: Script,
) -> None:
    with script({"die": {"server/discover": 4}}) as server:
        assert say(server, "echo", text="here") == "here"


def test_a_program_with_its_arguments_in_one_text_is_told_where_they_belong() -> None:
    with pytest.raises(MCPServerError, match="cannot be started.*belongs into `args`"):
        MCPServerStdio({"command": "no-such-program -y server"}).connect()


@pytest.mark.parametrize("dialect", ["mark", "windows", "text_ids", "bytes"])
def test_lines_that_are_a_little_off_are_read(script: Script, dialect: str) -> None:
    """A byte order mark, line ends as on Windows, ids as text, bytes that are no UTF-8."""
    with script({"dialect": dialect}) as server:
        assert say(server, "echo", text="here").startswith("here")


def test_a_program_that_does_not_exist_is_a_typed_error() -> None:
    server = MCPServerStdio({"command": "no-such-program"}, name="ghost")
    with pytest.raises(MCPServerError, match="'ghost'.*'no-such-program' cannot be started"):
        server.connect()


def spawned(caplog: pytest.LogCaptureFixture) -> list[int]:
    """The processes that a server said it started; it says so beside its answers."""
    words = [str(record.args[1]) for record in caplog.records if record.args]
    return [int(said.split()[1]) for said in words if said.startswith("spawned ")]


@pytest.mark.parametrize("plan", [{}, {"spawn": True}, {"stays": True}, {"hang": ["echo"]}])
def test_closing_ends_the_process_and_its_group(
    script: Script, plan: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "agents_lite")
    with no_thread_left():
        with script(plan) as server:
            pids = {int(say(server, "pid"))}
            if "spawn" in plan:
                wait_until(lambda: pids.update(spawned(caplog)) or len(pids) == 2)
        for pid in pids:
            wait_until(lambda pid=pid: not is_running(pid))


def test_a_closed_server_can_be_used_again(script: Script) -> None:
    server = script()
    with server:
        first = say(server, "pid")
    with server:
        assert say(server, "pid") != first


def test_a_block_inside_a_block_closes_nothing(script: Script) -> None:
    with script() as server:
        first = say(server, "pid")
        with server:
            assert say(server, "pid") == first
        assert say(server, "pid") == first


def test_outside_of_a_block_it_stays_until_it_is_closed(script: Script) -> None:
    server = script()
    pid = int(say(server, "pid"))
    assert say(server, "pid") == str(pid)
    server.close()
    assert not is_running(pid)


AT_EXIT = """
import json, sys
from agents_lite import MCPServerStdio
server = MCPServerStdio({"command": sys.executable, "args": sys.argv[1:]})
print(server.call_tool("pid").content[0].text, flush=True)
if "write" in sys.argv[2]:
    server.call_tool("write")
"""


@pytest.mark.parametrize("end", ["exit", "interrupted"])
def test_at_exit_and_at_ctrl_c_the_process_is_ended(
    heard: Heard, tmp_path: Path, end: str
) -> None:
    hang = ["write"] if end == "interrupted" else []
    plan = {"stays": True, "hang": hang, "log": str(tmp_path / "log")}
    program = subprocess.Popen(
        [sys.executable, "-c", AT_EXIT, str(SCRIPT), json.dumps(plan)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    pid = int(program.stdout.readline())
    if end == "interrupted":
        wait_until(lambda: [m for m in heard() if m.get("method") == "tools/call"][1:])
        wait_until_asleep(program.pid)
        program.send_signal(signal.SIGINT)
    _, errors = program.communicate(timeout=PATIENCE)
    assert ("KeyboardInterrupt" in errors) == (end == "interrupted"), errors
    assert not is_running(pid)


def test_the_environment_is_an_allow_list(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with script(env={"MINE": "1"}) as server:
        names = json.loads(say(server, "env"))
    assert "MINE" in names
    assert "PATH" in names
    assert "OPENAI_API_KEY" not in names


def test_standard_error_goes_to_the_log_at_debug(
    script: Script, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "agents_lite")
    with script({"spawn": True}):
        wait_until(lambda: any("spawned" in record.getMessage() for record in caplog.records))
    assert {record.levelname for record in caplog.records} == {"DEBUG"}


def test_after_a_fork_it_connects_anew(script: Script) -> None:
    with script() as server:
        mine = say(server, "pid")
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(write, f"{say(server, 'pid')}\n".encode())
            server.close()
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as answers:
            theirs = answers.readline().strip()
        os.waitpid(child, 0)
        assert theirs and theirs != mine
        assert say(server, "pid") == mine


def test_who_closes_all_descriptors_has_a_new_process_or_is_told(tmp_path: Path) -> None:
    program = f"""if True:
        import os, sys
        from agents_lite import MCPServerError, MCPServerStdio

        params = {{"command": sys.executable, "args": [{str(SCRIPT)!r}]}}
        server = MCPServerStdio(params, client_session_timeout_seconds={PATIENCE})
        server.list_tools()
        os.closerange(3, 64)
        for _ in range(2):
            try:
                server.list_tools()
            except MCPServerError:
                pass
        assert server.list_tools()
        server.cleanup()
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_hundreds_of_calls_leave_nothing_behind(script: Script) -> None:
    def facts() -> tuple[int, int]:
        return threading.active_count(), len(os.listdir("/proc/self/fd"))

    with script() as server:
        for number in range(20):
            say(server, "echo", text=str(number))
        before = facts()
        for number in range(200):
            say(server, "echo", text=str(number))
        wait_until(lambda: all(map(le, facts(), before)))
        assert grown_bytes(lambda number: say(server, "echo", text=str(number))) < MOST_BYTES
        assert server._session is not None
        assert not server._session.transport._waiting  # type: ignore[attr-defined]


@both_eras
def test_a_question_of_the_server_is_answered(script: Script, modern: bool) -> None:
    asked = []

    def answer(question: Any) -> Any:
        asked.append((question.message, question.requested_schema, question.server_name))
        return {"age": 44}

    with script({"modern": modern}, on_elicitation=answer) as server:
        said = json.loads(say(server, "ask"))
    accepted = {"action": "accept", "content": {"age": 44}}
    assert said == ([accepted, "opaque"] if modern else accepted)
    assert asked == [("How old are you?", {"type": "object"}, "script")]


async def answer_later(question: Any) -> Any:
    return {"age": 45}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (answer_later, {"action": "accept", "content": {"age": 45}}),
        (lambda question: None, {"action": "decline"}),
        (lambda question: {"action": "cancel"}, {"action": "cancel"}),
    ],
    ids=["async", "declined", "cancelled"],
)
def test_a_question_may_be_answered_so(script: Script, answer: Any, said: Any) -> None:
    with script(on_elicitation=answer) as server:
        assert json.loads(say(server, "ask")) == said


def test_time_stands_still_while_a_person_answers(script: Script) -> None:
    def answer(question: Any) -> Any:
        time.sleep(2 * limit)
        return {"age": 44}

    with script(on_elicitation=answer) as server:
        server.connect()
        for limit in LIMITS:
            server._seconds = limit
            with suppress(MCPTimeoutError):
                assert json.loads(say(server, "ask"))["action"] == "accept"
                return
    raise AssertionError("the time did not stand still")


def test_without_an_answerer_the_server_may_not_ask(script: Script) -> None:
    with script() as server:
        assert "not supported" in say(server, "ask")
    with script({"modern": True}) as server, pytest.raises(MCPServerError, match="asks for"):
        server.call_tool("ask")


def test_an_answer_of_the_wrong_kind_is_told(script: Script) -> None:
    with script(on_elicitation=lambda question: "44") as server:
        with pytest.raises(UserError, match="on_elicitation must return"):
            server.call_tool("ask")


def test_a_revision_that_is_not_known_is_refused(script: Script) -> None:
    with pytest.raises(MCPServerError, match="revision '1999-01-01'"):
        script({"version": "1999-01-01"}).connect()


def test_a_server_that_only_lists_older_revisions_is_shaken_hands_with(script: Script) -> None:
    server = script({"modern": True, "versions": ["2025-11-25"]})
    with pytest.raises(MCPServerError, match="initialize"):
        server.connect()


def test_ctrl_c_ends_a_call(script: Script, heard: Heard, tmp_path: Path) -> None:
    main = threading.main_thread().ident
    assert main is not None

    def interrupt() -> None:
        wait_until(lambda: any(m.get("method") == "tools/call" for m in heard()))
        wait_until_asleep(threading.main_thread().native_id)
        signal.pthread_kill(main, signal.SIGINT)

    with script({"hang": ["write"], "log": str(tmp_path / "log")}) as server:
        threading.Thread(target=interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            server.call_tool("write", {"text": "a"})
        assert say(server, "echo", text="a") == "a"
