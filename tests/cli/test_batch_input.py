"""`agents-lite batch`: files of other kinds, and when it gives up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agents_lite.cli.batch_progress import Tally
from agents_lite.testing import ResponsesServer, status, turn
from tests.cli.conftest import Run
from tests.cli.test_batch import BATCH, message_of, read_lines, write_lines
from tests.support.servers import free_port

pytestmark = pytest.mark.usefixtures("agents_file")

REST = BATCH[2:]


def upper(request: Any) -> str:
    return message_of(request).upper()


class TestFormats:
    def run_file(self, run: Run, path: Path, text: str, *arguments: str) -> Any:
        path.write_text(text, "utf-8")
        with ResponsesServer(upper) as server:
            return run("batch", path.name, *REST, *arguments, OPENAI_BASE_URL=server.base_url)

    def test_columns_of_a_table_stand_in_the_template(self, run: Run, tmp_path: Path) -> None:
        table = '\ufeffid,text,First name\na,"one, two\nthree",Ada\n\nb,"say ""hi""",Bo\n'
        template = "{First name}: {text} as {{json}}"
        done = self.run_file(run, tmp_path / "in.csv", table, "--template", template)
        assert (done.returncode, done.stdout) == (0, "")
        first, second = read_lines(tmp_path / "out.jsonl")
        assert first["output"] == "ADA: ONE, TWO\nTHREE AS {JSON}"
        assert (first["id"], first["text"], first["index"]) == ("a", "one, two\nthree", 0)
        assert second["input"] == 'Bo: say "hi" as {json}'

    @pytest.mark.parametrize("mark", [",", ";", "\t"])
    def test_column_named_input_needs_no_template(
        self, run: Run, tmp_path: Path, mark: str
    ) -> None:
        table = f"no{mark}input\n1{mark}hello\n2{mark}bye\n"
        assert self.run_file(run, tmp_path / "in.tsv", table).returncode == 0
        assert [each["output"] for each in read_lines(tmp_path / "out.jsonl")] == ["HELLO", "BYE"]

    @pytest.mark.parametrize(
        ("table", "arguments", "told"),
        [
            ("a,b\n1,2\n", [], "There is no column 'input'"),
            ("a,b\n1,2\n", ["--template", "{c}"], "The template has {c}, and the fields are 'a'"),
            ("a,a\n1,2\n", ["--template", "{a}"], "Columns need names of their own"),
            ("input,output\n1,2\n", [], "Rename the column 'output'"),
        ],
    )
    def test_table_that_cannot_be_asked_about_is_refused_before_any_request(
        self, run: Run, tmp_path: Path, table: str, arguments: list[str], told: str
    ) -> None:
        done = self.run_file(run, tmp_path / "in.csv", table, *arguments)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert told in done.stderr

    def test_table_in_another_encoding_is_told(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "in.csv").write_bytes("input\nMüller\n".encode("latin-1"))
        done = run("batch", "in.csv", *REST, "--offline")
        assert (done.returncode, "'in.csv' is not in UTF-8" in done.stderr) == (1, True)

    def test_row_of_another_length_fails_alone(self, run: Run, tmp_path: Path) -> None:
        done = self.run_file(run, tmp_path / "in.csv", "id,input\n1,a,b\n2,c\n")
        assert done.returncode == 1
        (failed,) = read_lines(tmp_path / "out.jsonl.errors.jsonl")
        assert failed["line"] == "1,a,b"
        assert failed["error"]["message"] == "The row has 3 cells, and the header 2"
        assert [each["output"] for each in read_lines(tmp_path / "out.jsonl")] == ["C"]

    def test_plain_lines_are_inputs(self, run: Run, tmp_path: Path) -> None:
        text = 'say "hi"\n\nbye\r\n'
        done = self.run_file(run, tmp_path / "in.txt", text, "--template", "> {input}")
        assert done.returncode == 0
        outputs = {each["index"]: each["output"] for each in read_lines(tmp_path / "out.jsonl")}
        assert outputs == {0: '> SAY "HI"', 2: "> BYE"}

    def test_format_is_named_where_the_ending_says_nothing(self, run: Run, tmp_path: Path) -> None:
        with ResponsesServer(upper) as server:
            done = run(
                "batch", "-", *REST, "--format", "csv",
                input="input\nhello\n", OPENAI_BASE_URL=server.base_url,
            )  # fmt: skip
        assert done.returncode == 0
        assert read_lines(tmp_path / "out.jsonl")[0]["output"] == "HELLO"

    def test_fields_of_json_lines_stand_in_the_template(self, run: Run, tmp_path: Path) -> None:
        write_lines(tmp_path / "in.jsonl", {"a": [1, "ü"]}, {"b": 1}, "word")
        with ResponsesServer(upper) as server:
            done = run(*BATCH, "--template", "a: {a}", OPENAI_BASE_URL=server.base_url)
        assert done.returncode == 1
        assert read_lines(tmp_path / "out.jsonl")[0]["output"] == 'A: [1, "Ü"]'
        failed = read_lines(tmp_path / "out.jsonl.errors.jsonl")
        assert [each["index"] for each in failed] == [1, 2]
        assert "The template has {a}, and the fields are 'b'" in failed[0]["error"]["message"]

    def test_missing_file_is_told_in_a_line(self, run: Run, tmp_path: Path) -> None:
        done = run("batch", "no.jsonl", *REST)
        assert done.returncode == 1
        assert done.stderr == "agents-lite: There is no file 'no.jsonl' to read lines from\n"
        assert not list(tmp_path.glob("out*"))
        assert "'.' cannot be read" in run("batch", ".", *REST).stderr


def test_limit_takes_the_first_lines_and_a_later_start_the_others(
    run: Run, tmp_path: Path
) -> None:
    write_lines(tmp_path / "in.jsonl", "a", "b", "c")
    with ResponsesServer(upper) as server:
        run(*BATCH, "--limit", "2", OPENAI_BASE_URL=server.base_url)
        assert [each["output"] for each in read_lines(tmp_path / "out.jsonl")] == ["A", "B"]
        run(*BATCH, OPENAI_BASE_URL=server.base_url)
        assert len(server.requests) == 3


def test_ordered_output_is_in_the_order_of_the_input(run: Run, tmp_path: Path) -> None:
    write_lines(tmp_path / "in.jsonl", "slow", {"id": "x", "input": "quick"}, "bad", "last")
    (tmp_path / "real.jsonl").touch(0o640)
    (tmp_path / "out.jsonl").symlink_to("real.jsonl")
    is_bad = True

    def answer(request: Any) -> Any:
        said = message_of(request)
        if said == "bad" and is_bad:
            return status(400)
        return turn(said.upper(), delay=0.5 if said == "slow" else 0)

    def order() -> list[str]:
        lines = (tmp_path / "out.jsonl").read_text().splitlines()
        return [json.loads(line)["output"] for line in lines]

    with ResponsesServer(answer) as server:
        assert run(*BATCH, OPENAI_BASE_URL=server.base_url).returncode == 1
        assert order()[-1] == "SLOW"
        run(*BATCH, "--ordered", OPENAI_BASE_URL=server.base_url)
        assert order() == ["SLOW", "QUICK", "LAST"]
        is_bad = False
        assert run(*BATCH, "--ordered", OPENAI_BASE_URL=server.base_url).returncode == 0
    assert order() == ["SLOW", "QUICK", "BAD", "LAST"]
    assert (tmp_path / "out.jsonl").is_symlink()
    assert (tmp_path / "real.jsonl").stat().st_mode & 0o777 == 0o640
    assert not list(tmp_path.glob("*.sorting"))


class TestGivingUp:
    LINES = [str(number) for number in range(40)]

    @pytest.mark.parametrize(
        "answer",
        [
            status(401, {"message": "Wrong key."}),
            status(403, {"message": "Not you."}),
            status(404, {"message": "No such model."}),
            status(400, {"message": "Pay first.", "code": "insufficient_quota"}),
            status(429, {"message": "Tomorrow.", "details": [{"quotaId": "RequestsPerDay"}]}),
        ],
        ids=["401", "403", "404", "quota", "quota of the day"],
    )
    def test_what_each_line_would_fail_with_ends_it_at_once(
        self, run: Run, tmp_path: Path, answer: Any
    ) -> None:
        write_lines(tmp_path / "in.jsonl", *self.LINES)
        with ResponsesServer(lambda request: answer) as server:
            done = run(*BATCH, "--workers", "2", OPENAI_BASE_URL=server.base_url)
        assert done.returncode == 1
        told = done.stderr.splitlines()[-1]
        assert told.startswith("agents-lite: given up, since ")
        assert "lines failed, as all others would, with" in told
        assert len(server.requests) <= 4

    def test_no_key_and_no_server_end_it_at_once(self, run: Run, tmp_path: Path) -> None:
        write_lines(tmp_path / "in.jsonl", *self.LINES)
        without = run(*BATCH, "--workers", "1", OPENAI_API_KEY="", OPENAI_BASE_URL="")
        assert "as all others would, with NoKeyError: There is no API key" in without.stderr
        nobody = f"http://127.0.0.1:{free_port()}/v1"
        refused = run(*BATCH, "--workers", "1", OPENAI_BASE_URL=nobody)
        assert "as all others would, with APIConnectionError" in refused.stderr
        assert len(read_lines(tmp_path / "out.jsonl.errors.jsonl")) <= 2

    def test_missing_thing_that_one_line_names_does_not_end_it(
        self, run: Run, tmp_path: Path
    ) -> None:
        write_lines(tmp_path / "in.jsonl", "good", "missing", "fine")

        def answer(request: Any) -> Any:
            return status(404) if message_of(request) == "missing" else upper(request)

        with ResponsesServer(answer) as server:
            done = run(*BATCH, "--workers", "1", OPENAI_BASE_URL=server.base_url)
        assert "1 of 3 lines failed, the first with NotFoundError" in done.stderr

    def test_so_many_failures_end_it_and_the_next_start_goes_on(
        self, run: Run, tmp_path: Path
    ) -> None:
        write_lines(tmp_path / "in.jsonl", *self.LINES)
        with ResponsesServer(lambda request: status(400, {"message": "Rude."})) as server:
            done = run(
                *BATCH, "--max-failures", "3", "--workers", "1", OPENAI_BASE_URL=server.base_url
            )
            asked = len(server.requests)
        assert done.returncode == 1
        assert "lines failed, as many as --max-failures allows, the first with" in done.stderr
        assert 3 <= asked <= 4
        with ResponsesServer(upper) as server:
            assert run(*BATCH, OPENAI_BASE_URL=server.base_url).returncode == 0
            assert len(server.requests) == 40

    def test_lines_that_cannot_be_read_count(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "in.jsonl").write_text("no json\n" * 50)
        run(*BATCH, "--max-failures", "5", "--offline")
        assert len(read_lines(tmp_path / "out.jsonl.errors.jsonl")) == 5

    def test_kinds_of_failures_are_counted_at_the_end(self, run: Run, tmp_path: Path) -> None:
        write_lines(tmp_path / "in.jsonl", "a", "b", {"no": "input"})
        with ResponsesServer(lambda request: status(400)) as server:
            done = run(*BATCH, OPENAI_BASE_URL=server.base_url)
        assert "failed with: 2 BadRequestError, 1 UserError\n" in done.stderr


def test_time_left_is_told_by_what_lines_have_taken_at_this_start() -> None:
    tally = Tally(done=60, done_now=10, failed=10)
    assert tally.left_line(1090, 20.0) == ", 17 min left"
    assert tally.left_line(71, 20.0) == ", 1 s left"
    assert tally.left_line(100_070, 20.0) == ", 27 h 46 min left"
    assert [tally.left_line(70, 20.0), tally.left_line(None, 20.0)] == ["", ""]
    assert Tally(done=60).left_line(100, 1.0) == ""
