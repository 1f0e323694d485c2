"""`agents-lite batch`."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from agents_lite.testing import ResponsesServer, call, status, text, token_usage, turn
from agents_lite.tracing import TraceStore
from tests.cli.conftest import COMMAND, Run
from tests.support.terminal import Terminal
from tests.support.waiting import wait_until, wait_until_asleep
from tests.support.warm import Warm

pytestmark = pytest.mark.usefixtures("agents_file")

BATCH = ["batch", "in.jsonl", "--agent", "agents:calculator", "--out", "out.jsonl"]


def write_lines(path: Path, *values: Any) -> None:
    path.write_text("".join(json.dumps(value) + "\n" for value in values))


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Entries in the order of their lines; each must be whole."""
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    return sorted(entries, key=lambda entry: entry["index"])


def message_of(request: Any) -> str:
    return str(request.body["input"][0]["content"])


class TestLines:
    def test_strings_and_objects_are_answered(self, run: Run, tmp_path: Path) -> None:
        items = [{"role": "user", "content": "Add 5 and 6"}]
        lines = ["Add 1 and 2", {"id": "b", "input": "Add 3 and 4", "tag": [1]}, {"input": items}]
        write_lines(tmp_path / "in.jsonl", *lines)
        done = run(*BATCH, "--offline")
        assert (done.returncode, done.stdout) == (0, "")
        first, second, third = read_lines(tmp_path / "out.jsonl")
        usage = first.pop("usage")
        assert first == {"index": 0, "input": "Add 1 and 2", "output": "add(1, 2) gives 3."}
        assert (usage["requests"], usage["total_tokens"] > 0) == (2, True)
        del second["usage"], third["usage"]
        assert second == {"index": 1, **lines[1], "output": "add(3, 4) gives 7."}
        assert third == {"index": 2, "input": items, "output": "add(5, 6) gives 11."}
        assert not (tmp_path / "out.jsonl.errors.jsonl").exists()

    def test_traces_are_grouped_by_the_lines_id(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AGENTS_LITE_TRACE_DB", str(tmp_path / "traces.db"))
        lines = ["Add 1 and 2", *({"id": name, "input": "Add 3 and 4"} for name in ("b", None, 0))]
        write_lines(tmp_path / "in.jsonl", *lines)
        assert run(*BATCH, "--offline").returncode == 0
        found = TraceStore(tmp_path / "traces.db").list_traces()
        assert {trace.group_id for trace in found} == {"line 1", "b", "line 3", "0"}

    def test_typed_output_is_json(self, run: Run, tmp_path: Path) -> None:
        write_lines(tmp_path / "in.jsonl", "Total: 7")
        run("batch", "in.jsonl", "--agent", "agents:typed", "--out", "out.jsonl", "--offline")
        assert read_lines(tmp_path / "out.jsonl")[0]["output"] == {"total": 7}

    def test_lines_come_from_standard_input(self, run: Run, tmp_path: Path) -> None:
        arguments = ["-" if word == "in.jsonl" else word for word in BATCH]
        done = run(*arguments, "--offline", input='"Add 1 and 2"\n\n"Add 3 and 4"')
        assert done.returncode == 0
        answered = {entry["index"]: entry["output"] for entry in read_lines(tmp_path / "out.jsonl")}
        assert answered == {0: "add(1, 2) gives 3.", 2: "add(3, 4) gives 7."}

    def test_text_of_any_kind_stays_as_it_is(self, run: Run, tmp_path: Path) -> None:
        odd = "5 € \u2028 \ud800 \n"
        write_lines(tmp_path / "in.jsonl", {"input": "hello", "note": odd})
        with ResponsesServer(["6 € \u2028"]) as server:
            assert run(*BATCH, OPENAI_BASE_URL=server.base_url).returncode == 0
        (line,) = (tmp_path / "out.jsonl").read_bytes().splitlines()
        entry = json.loads(line)
        assert (entry["note"], entry["output"]) == (odd, "6 € \u2028")

    @pytest.mark.parametrize(
        ("line", "told"),
        [
            ("not json", "not JSON"),
            ("7", "must be a JSON string, or an object"),
            ('{"id": 1}', '"input" of a line must be a string or a list'),
            ('{"input": ["a"]}', '"input" of a line must be a string or a list'),
            ('{"input": "a", "output": 3}', 'Rename the field "output"'),
        ],
    )
    def test_line_that_is_none_fails_alone(
        self, run: Run, tmp_path: Path, line: str, told: str
    ) -> None:
        (tmp_path / "in.jsonl").write_text(f'{line}\n"Add 1 and 2"\n')
        done = run(*BATCH, "--offline")
        assert done.returncode == 1
        (failed,) = read_lines(tmp_path / "out.jsonl.errors.jsonl")
        assert (failed["index"], failed["line"]) == (0, line)
        assert told in failed["error"]["message"]
        assert [entry["index"] for entry in read_lines(tmp_path / "out.jsonl")] == [1]

    def test_id_given_twice_is_an_error_of_the_later_line(self, run: Run, tmp_path: Path) -> None:
        write_lines(tmp_path / "in.jsonl", {"id": 1, "input": "a"}, {"id": 1, "input": "b"})
        assert run(*BATCH, "--offline").returncode == 1
        (failed,) = read_lines(tmp_path / "out.jsonl.errors.jsonl")
        assert (failed["index"], "has the id 1 too" in failed["error"]["message"]) == (1, True)


class TestErrors:
    def test_failed_line_is_kept_apart_and_tried_again(self, run: Run, tmp_path: Path) -> None:
        write_lines(tmp_path / "in.jsonl", "good", {"id": "x", "input": "bad", "tag": 1})

        def answer(request: Any) -> Any:
            return status(400, {"message": "Too rude."}) if message_of(request) == "bad" else "ok"

        with ResponsesServer(answer) as server:
            done = run(*BATCH, "--errors", "e.jsonl", OPENAI_BASE_URL=server.base_url)
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1] == (
            "agents-lite: 1 of 2 lines failed, the first with BadRequestError: HTTP 400 Bad "
            "Request: Too rude. (see e.jsonl; the next start tries them again)"
        )
        (failed,) = read_lines(tmp_path / "e.jsonl")
        assert failed == {
            "index": 1, "id": "x", "input": "bad", "tag": 1,
            "error": {"type": "BadRequestError", "message": "HTTP 400 Bad Request: Too rude."},
        }  # fmt: skip
        with ResponsesServer(["better"]) as server:
            again = run(*BATCH, "--errors", "e.jsonl", OPENAI_BASE_URL=server.base_url)
            assert [message_of(request) for request in server.requests] == ["bad"]
        assert again.returncode == 0
        assert [each["output"] for each in read_lines(tmp_path / "out.jsonl")] == ["ok", "better"]
        assert not (tmp_path / "e.jsonl").exists()

    def test_quiet_prints_nothing_but_that_lines_failed(self, run: Run, tmp_path: Path) -> None:
        write_lines(tmp_path / "in.jsonl", "a")
        with ResponsesServer([status(400), "fine"]) as server:
            failed = run(*BATCH, "--quiet", OPENAI_BASE_URL=server.base_url)
            well = run(*BATCH, "--quiet", OPENAI_BASE_URL=server.base_url)
        assert failed.stderr.startswith("agents-lite: 1 of 1 lines failed")
        assert (well.returncode, well.stdout, well.stderr) == (0, "", "")

    def test_missing_key_is_told(self, run: Run, tmp_path: Path) -> None:
        write_lines(tmp_path / "in.jsonl", "a")
        done = run(*BATCH)
        assert (done.returncode, "OPENAI_API_KEY" in done.stderr) == (1, True)

    @pytest.mark.parametrize(
        ("limit", "answer", "error"),
        [
            (["--max-turns", "1"], call("add", a=1, b=2), "MaxTurnsExceeded"),
            (["--timeout", "0.2"], turn("late", delay=60), "RunTimeout"),
        ],
        ids=["max-turns", "timeout"],
    )
    def test_limit_holds_for_each_line(
        self, run: Run, tmp_path: Path, limit: list[str], answer: Any, error: str
    ) -> None:
        write_lines(tmp_path / "in.jsonl", "a", "b")
        with ResponsesServer(lambda request: answer) as server:
            run(*BATCH, *limit, OPENAI_BASE_URL=server.base_url)
        failed = read_lines(tmp_path / "out.jsonl.errors.jsonl")
        assert [each["error"]["type"] for each in failed] == [error] * 2

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--workers", "0"],
            ["--workers", "x"],
            ["--max-turns", "-1"],
            ["--timeout", "nan"],
            ["--timeout", "soon"],
        ],
    )
    def test_wrong_usage_ends_with_2(self, run: Run, arguments: list[str]) -> None:
        done = run(*BATCH, *arguments)
        assert (done.returncode, "is no number" in done.stderr) == (2, True)

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (["batch", "no.jsonl", *BATCH[2:]], "no.jsonl"),
            ([*BATCH, "--errors", "in.jsonl"], "three different files"),
            ([*BATCH[:-1], "./in.jsonl"], "three different files"),
            ([*BATCH[:-1], "missing/out.jsonl"], "missing/out.jsonl cannot be opened"),
            ([*BATCH[:-1], "/dev/zero"], "/dev/zero is no file that lines can be added to"),
            ([*BATCH[:-1], "agents.py"], "Line 1 of agents.py is no JSON object"),
            ([*BATCH[:-1], "other.jsonl"], "The output file was not written by a batch"),
        ],
    )
    def test_files_that_do_not_fit_are_left_alone(
        self, run: Run, tmp_path: Path, arguments: list[str], told: str
    ) -> None:
        write_lines(tmp_path / "in.jsonl", "a")
        write_lines(tmp_path / "other.jsonl", {"a": 1})
        before = {path.name: path.read_bytes() for path in tmp_path.glob("*.*")}
        done = run(*arguments)
        assert (done.returncode, told in done.stderr) == (1, True)
        assert (
            before.items()
            <= {path.name: path.read_bytes() for path in tmp_path.glob("*.*")}.items()
        )


    @pytest.mark.parametrize("full", ["out.jsonl", "out.jsonl.errors.jsonl"])
    def test_a_full_disk_is_told_with_the_file_that_it_has_no_room_for(
        self, run: Run, tmp_path: Path, full: str
    ) -> None:
        write_lines(tmp_path / "in.jsonl", "Add 1 and 2")
        agent = "calculator" if full == "out.jsonl" else "broken"
        command = [*COMMAND, *BATCH, "--offline", "--agent", f"agents:{agent}"]
        most = ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh"]  # as if there was no room for files
        done = subprocess.run([*most, *command], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 1
        assert f"agents-lite: {full} cannot be written: [Errno" in done.stderr


class TestStartingAgain:
    def test_finished_lines_are_skipped(self, run: Run, tmp_path: Path) -> None:
        write_lines(tmp_path / "in.jsonl", "a", {"id": "x", "input": "b"})
        with ResponsesServer(lambda request: message_of(request).upper()) as server:
            run(*BATCH, OPENAI_BASE_URL=server.base_url)
            before = (tmp_path / "out.jsonl").read_bytes()
            again = run(*BATCH, OPENAI_BASE_URL=server.base_url)
            assert (again.returncode, (tmp_path / "out.jsonl").read_bytes()) == (0, before)
            assert "2 done, 0 failed, 20 + 10 tokens" in again.stderr
            # A line with an id may move; what is new comes after what is there.
            write_lines(tmp_path / "in.jsonl", "a", "c", {"id": "x", "input": "b"})
            assert run(*BATCH, OPENAI_BASE_URL=server.base_url).returncode == 0
            assert sorted(map(message_of, server.requests)) == ["a", "b", "c"]
        assert (tmp_path / "out.jsonl").read_bytes().startswith(before)

    def test_changed_input_does_not_pass_for_done(self, run: Run, tmp_path: Path) -> None:
        write_lines(tmp_path / "in.jsonl", "a")
        with ResponsesServer(["A"]) as server:
            run(*BATCH, OPENAI_BASE_URL=server.base_url)
            write_lines(tmp_path / "in.jsonl", "b")
            done = run(*BATCH, OPENAI_BASE_URL=server.base_url)
        assert (done.returncode, "has the input file changed?" in done.stderr) == (1, True)

    @pytest.mark.parametrize(
        ("torn", "asked"),
        [(1, ["c"]), (2, ["b", "c"]), (40, ["b", "c"])],
        ids=["line break", "brace", "more"],
    )
    def test_torn_last_line_is_mended(
        self, run: Run, tmp_path: Path, torn: int, asked: list[str]
    ) -> None:
        write_lines(tmp_path / "in.jsonl", "a", "b")
        with ResponsesServer(lambda request: message_of(request).upper()) as server:
            run(*BATCH, "--workers", "1", OPENAI_BASE_URL=server.base_url)
            with (tmp_path / "out.jsonl").open("r+b") as out:
                out.truncate(out.seek(0, os.SEEK_END) - torn)
            write_lines(tmp_path / "in.jsonl", "a", "b", "c")
            server.requests.clear()
            assert run(*BATCH, OPENAI_BASE_URL=server.base_url).returncode == 0
            assert sorted(map(message_of, server.requests)) == asked
        outputs = [entry["output"] for entry in read_lines(tmp_path / "out.jsonl")]
        assert outputs == ["A", "B", "C"]

    def test_kill_9_over_and_over_loses_and_doubles_nothing(self, tmp_path: Path) -> None:
        count, kills = 60, 3
        write_lines(tmp_path / "in.jsonl", *map(str, range(count)))
        out = tmp_path / "out.jsonl"
        with ResponsesServer(lambda request: turn(message_of(request), delay=0.02)) as server:
            for kill in range(1, kills + 1):
                with _start(tmp_path, server, "--workers", "4") as batch:
                    enough = kill * count // (kills + 1)
                    wait_until(lambda enough=enough: len(_whole_lines(out)) >= enough)
                    batch.kill()
            with _start(tmp_path, server, "--workers", "4") as batch:
                assert batch.wait(300) == 0
            asked = Counter(map(message_of, server.requests))
        entries = read_lines(out)
        assert [entry["index"] for entry in entries] == list(range(count))
        assert all(entry["output"] == entry["input"] == str(entry["index"]) for entry in entries)
        assert sum(asked.values()) <= count + kills * 4  # only what was at work is asked again

    def test_with_a_journal_a_line_that_was_killed_goes_on_where_it_was(
        self, tmp_path: Path
    ) -> None:
        write_lines(tmp_path / "in.jsonl", "Add 1 and 2", "Add 1 and 2")
        go_on = threading.Event()

        def answer(request: Any) -> Any:
            if request.body["input"][-1].get("type") != "function_call_output":
                return call("add", a=1, b=2)
            go_on.wait(0 if go_on.is_set() else 300)
            return "3"

        with ResponsesServer(answer) as server:
            with _start(tmp_path, server, "--journal", "runs.db") as batch:
                wait_until(lambda: len(server.requests) == 4)
                batch.kill()
            go_on.set()
            with _start(tmp_path, server, "--journal", "runs.db") as batch:
                assert batch.wait(300) == 0
        assert [entry["output"] for entry in read_lines(tmp_path / "out.jsonl")] == ["3", "3"]
        assert len(server.requests) == 6  # the first answer of neither line is asked for again

    def test_two_batches_never_write_one_file(self, run: Run, tmp_path: Path) -> None:
        write_lines(tmp_path / "in.jsonl", "a")
        with (tmp_path / "out.jsonl").open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            done = run(*BATCH, "--offline")
        assert done.returncode == 1
        assert "Another process is writing out.jsonl" in done.stderr

    def test_ctrl_c_ends_with_130_and_keeps_what_is_done(self, tmp_path: Path) -> None:
        write_lines(tmp_path / "in.jsonl", "quick", "slow")
        is_asked = threading.Event()

        def answer(request: Any) -> Any:
            if message_of(request) == "quick":
                return "done"
            is_asked.set()
            return turn("late", delay=60)

        out = tmp_path / "out.jsonl"
        with ResponsesServer(answer) as server, _start(tmp_path, server) as batch:
            assert is_asked.wait(60)
            wait_until(lambda: _whole_lines(out))
            wait_until_asleep(batch.pid)
            batch.send_signal(signal.SIGINT)
            assert batch.wait(300) == 130
            late = next(each for each in server.requests if message_of(each) == "slow")
            assert late.client_left.wait(60)
        assert [entry["input"] for entry in read_lines(out)] == ["quick"]


def test_as_many_lines_at_a_time_as_there_are_workers(run: Run, tmp_path: Path) -> None:
    write_lines(tmp_path / "in.jsonl", *map(str, range(12)))
    together = threading.Barrier(4)

    def answer(request: Any) -> str:
        together.wait(60)  # fewer than four would wait in vain
        return "done"

    with ResponsesServer(answer) as server:
        done = run(*BATCH, "--workers", "4", OPENAI_BASE_URL=server.base_url)
    assert done.returncode == 0


def test_tokens_and_cost_are_told(run: Run, tmp_path: Path) -> None:
    write_lines(tmp_path / "in.jsonl", "a", "b")
    usage = token_usage(1_000_000, 500_000)
    script = [turn("A", usage=usage), turn(text("B"), usage=usage)]
    with ResponsesServer(script) as server:
        done = run(
            *BATCH, "--price-input", "2.5", "--price-output", "10", OPENAI_BASE_URL=server.base_url
        )
    assert done.stderr == "2 done, 0 failed, 2,000,000 + 1,000,000 tokens, cost 15.0000\n"


def test_cost_is_told_by_the_price_of_each_model_over_all_starts(
    run: Run, tmp_path: Path
) -> None:
    write_lines(tmp_path / "in.jsonl", "a", "b", "c")
    usage = token_usage(1_000_000, 500_000, cached_tokens=400_000)
    script = [turn("A", usage=usage), turn("B", usage=usage, model="unheard-of"), status(400)]
    with ResponsesServer(script) as server:
        run(*BATCH, "--workers", "1", OPENAI_BASE_URL=server.base_url)
    first, second = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    assert first["usage"]["cost"] == pytest.approx(0.6 * 2.5 + 0.4 * 1.25 + 5)
    assert second["usage"]["cost"] == pytest.approx(7)  # by the name that was asked for
    with ResponsesServer([turn("C", usage=None)]) as server:
        done = run(*BATCH, OPENAI_BASE_URL=server.base_url)
    assert done.stderr.endswith("1,000,000 tokens, cost $14.0000 and 1 without a price\n")


@pytest.mark.parametrize("agent", ["calculator", "audited"])
def test_tokens_of_a_failed_line_count(run: Run, tmp_path: Path, agent: str) -> None:
    write_lines(tmp_path / "in.jsonl", "a")
    with ResponsesServer([call("add", a=1, b=2), status(400)]) as server:
        done = run(*BATCH, "--agent", f"agents:{agent}", OPENAI_BASE_URL=server.base_url)
    assert "0 done, 1 failed, 10 + 5 tokens, cost $0.0001\n" in done.stderr


class TestInATerminal:
    def test_bar_shows_how_far_it_is(self, tmp_path: Path) -> None:
        write_lines(tmp_path / "in.jsonl", "quick", "slow")
        is_seen = threading.Event()

        def answer(request: Any) -> str:
            assert message_of(request) == "quick" or is_seen.wait(300)
            return "done"

        with ResponsesServer(answer) as server:
            with _terminal(tmp_path, server, "--price-input", "1") as terminal:
                terminal.read_until("1/2")
                terminal.read_until("1 done, 0 failed, 10 + 5 tokens, cost 0.0000")
                is_seen.set()
                assert terminal.wait() == 0
                terminal.read_until("2 done")

    def test_quiet_shows_no_bar(self, tmp_path: Path) -> None:
        write_lines(tmp_path / "in.jsonl", "a")
        with ResponsesServer(["A"]) as server:
            with _terminal(tmp_path, server, "--quiet") as terminal:
                assert terminal.wait() == 0
        assert terminal.screen == ""

    def test_without_rich_the_extra_is_named(self, tmp_path: Path) -> None:
        write_lines(tmp_path / "in.jsonl", "a")
        (tmp_path / "rich.py").write_text("raise ImportError('not installed')")
        with ResponsesServer(["A"]) as server:
            with _terminal(tmp_path, server) as terminal:
                assert terminal.wait() == 0
        assert "(for a progress bar: pip install 'agents_lite[cli]')" in terminal.screen
        assert "1 done" in terminal.screen


def _start(folder: Path, server: ResponsesServer, *arguments: str) -> Warm:
    return Warm(
        ["-m", "agents_lite", *BATCH, "--quiet", *arguments],
        cwd=folder,
        env={**os.environ, "OPENAI_BASE_URL": server.base_url},
    )


def _terminal(folder: Path, server: ResponsesServer, *arguments: str) -> Terminal:
    environment = {**os.environ, "OPENAI_BASE_URL": server.base_url, "COLUMNS": "120"}
    return Terminal(
        [sys.executable, *COMMAND[1:], *BATCH, *arguments],
        cwd=folder,
        env={**environment, "TERM": "xterm", "PYTHONPATH": str(folder)},
    )


def _whole_lines(path: Path) -> list[bytes]:
    return path.read_bytes().split(b"\n")[:-1] if path.exists() else []
