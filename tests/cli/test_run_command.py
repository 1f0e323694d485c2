"""`agents-lite run`."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from math import inf
from pathlib import Path
from typing import Any

import pytest

from agents_lite import InvalidFinalOutputError, UserError
from agents_lite.cli.environment import read_environment
from agents_lite.cli.schema_output import SchemaOutput
from agents_lite.local_server.messages import json_reply
from agents_lite.testing import (
    ResponsesServer,
    call,
    handoff_to,
    refusal,
    status,
    text,
    token_usage,
    turn,
)
from agents_lite.testing.wire import build_response
from tests.cli.conftest import COMMAND, Run
from tests.support.models import held_stream
from tests.support.terminal import Terminal
from tests.support.waiting import wait_until_asleep


@pytest.mark.parametrize(
    "place", [["agents:calculator"], ["agents.py:calculator"], ["--agent", "agents:calculator"]]
)
def test_agent_of_a_module_or_file_answers(run: Run, place: list[str]) -> None:
    done = run("run", *place, "--offline", "Add 2 and 3")
    assert (done.returncode, done.stdout) == (0, "add(2, 3) gives 5.\n")
    assert "stand-in" in done.stderr


def test_file_elsewhere_imports_its_neighbours(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "sub"
    folder.mkdir()
    (folder / "neighbour.py").write_text("NAME = 'Nell'")
    (folder / "main.py").write_text(
        "from agents_lite import Agent\nfrom neighbour import NAME\n"
        'agent = Agent(NAME, "Reply with \'I am " + NAME + "\'")'
    )
    assert run("run", "sub/main.py:agent", "hello", "--offline").stdout == "I am Nell\n"


def test_usage_is_told_with_the_cost(run: Run) -> None:
    script = [
        turn(handoff_to("Calculator"), usage=token_usage(1000, 10)),
        turn("5", usage=token_usage(2000, 10, cached_tokens=1000)),
    ]
    with ResponsesServer(script) as server:
        done = run("run", "agents:desk", "--usage", "hi", OPENAI_BASE_URL=server.base_url)
    assert (done.returncode, done.stdout) == (0, "5\n")
    assert done.stderr.splitlines() == [
        "Desk: 1 request, 1,000 input tokens, 10 output tokens, $0.0026",
        "Calculator: 1 request, 2,000 input tokens (1,000 cached), 10 output tokens, $0.0039",
        "2 requests, 3,000 input tokens (1,000 cached), 20 output tokens, $0.0065",
    ]


def test_a_cost_that_is_not_known_is_said_not_to_be(run: Run) -> None:
    with ResponsesServer(["5"]) as server:
        done = run(
            "run", "--usage", "--model", "unheard-of", "hi", OPENAI_BASE_URL=server.base_url
        )
    assert "1 request, 10 input tokens, 5 output tokens, cost not known\n" in done.stderr


def test_options_may_stand_between_agent_and_prompt(run: Run) -> None:
    done = run("run", "agents:calculator", "--offline", "--stream", "Add 2 and 3")
    assert done.stdout == "add(2, 3) gives 5.\n"


def test_tools_of_mcp_servers_are_used(run: Run) -> None:
    example = Path(__file__).parents[2] / "examples" / "19_mcp.py"
    server = shlex.join([sys.executable, str(example), "serve"])
    done = run("run", "--mcp", server, "--offline", "Find the price of the product 'bell'")
    assert (done.returncode, done.stdout) == (0, "A bell costs 24.90 EUR.\n")


@pytest.mark.parametrize(
    ("server", "words"),
    [
        ("no-such-program --fast", "'no-such-program' cannot be started"),
        ("http://127.0.0.1:9/mcp", "the connection failed"),
        ("'", "neither a command line nor a URL"),
        ("", "neither a command line nor a URL"),
    ],
)
def test_an_mcp_server_that_cannot_be_used_is_told_in_one_line(
    run: Run, server: str, words: str
) -> None:
    done = run("run", "--mcp", server, "--offline", "Hi")
    assert done.returncode == 1
    assert words in done.stderr.splitlines()[-1]


def test_typed_output_is_printed_as_json(run: Run) -> None:
    done = run("run", "agents:typed", "Total: 7", "--offline")
    assert json.loads(done.stdout) == {"total": 7}


def test_prompt_comes_from_standard_input(run: Run) -> None:
    done = run("run", "agents:calculator", "--offline", "-", input="Add 20\nand 30\n")
    assert done.stdout == "add(20, 30) gives 50.\n"


def test_model_instructions_and_prompt_are_sent(run: Run) -> None:
    with ResponsesServer(["Ahoy!"]) as server:
        done = run(
            "run", "--model", "tiny", "--instructions", "Be a pirate.", "Hi",
            OPENAI_BASE_URL=server.base_url,
        )  # fmt: skip
    assert done.stdout == "Ahoy!\n"
    sent = server.requests[0].body
    assert (sent["model"], sent["instructions"]) == ("tiny", "Be a pirate.")
    assert sent["input"] == [{"role": "user", "content": "Hi"}]


def test_session_file_remembers_each_conversation(run: Run) -> None:
    with ResponsesServer(["One.", "Two.", "Three."]) as server:
        for session_id in ("a", "b", "a"):
            run(
                "run", "Hi", "--session", "talk.db", "--session-id", session_id,
                OPENAI_BASE_URL=server.base_url,
            )  # fmt: skip
    first, other, second = (request.body["input"] for request in server.requests)
    assert (len(first), len(other), len(second)) == (1, 1, 3)
    assert second[1]["content"][0]["text"] == "One."


def test_stream_prints_the_answer_as_it_comes(tmp_path: Path) -> None:
    go_on = threading.Event()
    with ResponsesServer([held_stream("Slow but sure.", go_on)]) as server:
        process = _start("run", "--stream", "Hi", base_url=server.base_url)
        assert process.stdout is not None
        assert os.read(process.stdout.fileno(), 100) == b"Slow "
        assert process.poll() is None
        go_on.set()
        assert process.stdout.read() == b"but sure.\n"
        assert process.wait() == 0


def test_stream_gives_each_message_lines_of_its_own(run: Run) -> None:
    with ResponsesServer([[text("First."), text("Second.")]]) as server:
        done = run("run", "--stream", "Hi", OPENAI_BASE_URL=server.base_url)
    assert done.stdout == "First.\nSecond.\n"


def test_stream_takes_an_answer_in_one_piece(run: Run) -> None:
    whole = json_reply(build_response(turn("All at once."), {}))
    with ResponsesServer([whole]) as server:
        done = run("run", "--stream", "Hi", OPENAI_BASE_URL=server.base_url)
    assert done.stdout == "All at once.\n"


def test_stream_prints_a_final_output_that_comes_from_a_tool(run: Run) -> None:
    assert run("run", "agents:hasty", "--stream", "--offline", "Add 2 and 3").stdout == "5\n"


def test_text_that_the_output_cannot_encode_is_escaped() -> None:
    with ResponsesServer(["5 €"]) as server:
        environment = {"OPENAI_BASE_URL": server.base_url, "PYTHONIOENCODING": "ascii"}
        done = subprocess.run(
            [*COMMAND, "run", "Hi"],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
        )
    assert (done.returncode, done.stdout) == (0, "5 \\u20ac\n")


HOSTILE = "\x1b]0;owned\x07\x9b2J"


@pytest.mark.parametrize(
    ("answer", "agent"),
    [
        (call(HOSTILE), "agents:calculator"),
        (call("fail", words=HOSTILE), "agents:failing"),
        (refusal(HOSTILE), "agents:calculator"),
        (HOSTILE, "agents:typed"),
        (status(400, {"error": {"message": HOSTILE}}), "agents:calculator"),
    ],
    ids=["unknown tool", "failing tool", "refusal", "invalid output", "server"],
)
def test_no_error_line_controls_the_terminal(run: Run, answer: Any, agent: str) -> None:
    with ResponsesServer([answer]) as server:
        done = run("run", agent, "Hi", OPENAI_BASE_URL=server.base_url)
    assert done.returncode == 1
    assert "owned" in done.stderr
    assert not set("\x1b\x07\x9b") & set(done.stdout + done.stderr)


def test_ctrl_c_stops_at_once_with_130() -> None:
    with ResponsesServer([held_stream("Never to be finished.", threading.Event())]) as server:
        process = _start("run", "--stream", "Hi", base_url=server.base_url)
        assert process.stdout is not None and process.stderr is not None
        assert os.read(process.stdout.fileno(), 100) == b"Never "
        wait_until_asleep(process.pid)
        process.send_signal(signal.SIGINT)
        assert process.wait(300) == 130
        assert process.stderr.read() == b"Stopped.\n"
        assert process.stdout.read().endswith(b"\n")


def _start(*arguments: str, base_url: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*COMMAND, *arguments],
        env={**os.environ, "OPENAI_BASE_URL": base_url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_a_place_alone_takes_its_prompt_from_a_pipe(run: Run) -> None:
    done = run("run", "agents:calculator", "--offline", input="Add 2 and 3\n")
    assert (done.returncode, done.stdout) == (0, "add(2, 3) gives 5.\n")


def test_a_place_alone_asks_at_the_terminal(agents_file: Path) -> None:
    arguments = [*COMMAND, "run", "agents:calculator", "--offline"]
    with Terminal(arguments, cwd=agents_file.parent) as terminal:
        terminal.read_until("> ")
        terminal.type("Add 2 and 3\n")
        terminal.read_until("add(2, 3) gives 5.")


def test_a_pipe_stands_behind_the_prompt(run: Run) -> None:
    with ResponsesServer(["ok"]) as server:
        run("run", "Summarise:", input="a\nb\n", OPENAI_BASE_URL=server.base_url)
    assert server.requests[0].body["input"][0]["content"] == "Summarise:\n\na\nb\n"


def test_the_result_is_told_as_json(run: Run, tmp_path: Path) -> None:
    with ResponsesServer([turn("5", usage=token_usage(10, 2))]) as server:
        done = run("run", "agents:calculator", "hi", "--json", OPENAI_BASE_URL=server.base_url)
    told = json.loads(done.stdout)
    assert (told["output"], told["agent"]) == ("5", "Calculator")
    assert (told["usage"]["input_tokens"], told["usage"]["output_tokens"]) == (10, 2)
    assert "cost" in told
    (tmp_path / "halves.py").write_text(
        "from agents_lite import Agent\n"
        "from agents_lite.testing import ScriptedModel\n"
        'agent = Agent("A", model=ScriptedModel(["5 \\u2192 \\ud83d"]))\n'
    )
    assert json.loads(run("run", "halves:agent", "hi", "--json").stdout)["output"] == "5 → \ud83d"


def test_the_output_fits_the_schema_in_a_file(run: Run, tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    (tmp_path / "city.json").write_text(json.dumps(schema))
    options = ("--schema", "city.json", "Where?")
    with ResponsesServer([text('{"city": "Paris"}'), text('{"town": "Paris"}')]) as server:
        done = run("run", *options, OPENAI_BASE_URL=server.base_url)
        assert json.loads(done.stdout) == {"city": "Paris"}
        sent = server.requests[0].body["text"]["format"]
        assert sent["schema"]["additionalProperties"] is False and sent["strict"] is True
        done = run("run", *options, OPENAI_BASE_URL=server.base_url)
    assert (done.returncode, done.stdout) == (1, "")
    assert "lacks city" in done.stderr
    done = run("run", "--schema", "none.json", "hi")
    assert done.returncode == 1 and "none.json is no JSON file" in done.stderr


ORDER = {
    "type": "object",
    "properties": {
        "size": {"enum": ["small", "large"]},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/a~1line"}},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "paid": {"type": ["boolean", "null"]},
    },
    "$defs": {
        "a/line": {
            "type": "object",
            "properties": {"count": {"type": "integer"}, "price": {"type": "number"}},
        }
    },
}
FITTING = {
    "size": "small", "lines": [{"count": 2, "price": 1}, {"count": 2.0, "price": 1.5}],
    "note": None, "paid": True,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, None),
        ({"note": "n", "paid": None, "lines": []}, None),
        ({"size": "medium"}, r'it.size is none of \["small", "large"\]'),
        ({"lines": {}}, "it.lines is not of type array"),
        ({"lines": [{"count": 2, "price": 1}, {"count": 1}]}, r"it.lines\[1\] lacks price"),
        ({"lines": [{"count": 2.5, "price": 1}]}, "count is not of type integer"),
        ({"lines": [{"count": inf, "price": 1}]}, "count is not of type integer"),
        ({"lines": [{"count": True, "price": 1}]}, "count is not of type integer"),
        ({"lines": [{"count": 1, "price": "1"}]}, "price is not of type number"),
        ({"lines": [{"count": 1, "price": 1, "tax": 0}]}, "has tax"),
        ({"note": 5}, "it.note fits none of its alternatives"),
        ({"paid": "yes"}, "it.paid is not of type boolean or null"),
    ],
)
def test_an_output_is_held_to_every_part_of_a_schema(
    tmp_path: Path, changed: dict[str, Any], words: str | None
) -> None:
    (tmp_path / "order.json").write_text(json.dumps(ORDER))
    output = SchemaOutput(str(tmp_path / "order.json"))
    given = json.dumps(FITTING | changed)
    if words is None:
        assert output.validate_json(given) == FITTING | changed
    else:
        with pytest.raises(InvalidFinalOutputError, match=words):
            output.validate_json(given)


def test_functions_become_tools(run: Run, tmp_path: Path) -> None:
    (tmp_path / "more.py").write_text(
        "def double(n: int) -> int:\n    '''Double a number.'''\n    return 2 * n\n"
    )
    done = run("run", "--tool", "more:double", "--tool", "agents:add", "--offline", "Double 4")
    assert done.stdout == "double(4) gives 8.\n"
    done = run("run", "--tool", "agents:number", "hi")
    assert done.returncode == 1 and "--tool agents:number: 5 is no tool" in done.stderr
    done = run("run", "--tool", "agents:nothing", "hi")
    assert done.returncode == 1 and "'nothing' does not exist in agents" in done.stderr


def test_agents_and_tools_may_stand_behind_dots(run: Run, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(
        "from agents import add, calculator\n\nclass Shop:\n    clerk, sums = calculator, [add]\n"
        "    add = add\n"
    )
    for words in (["shop:Shop.clerk"], ["--tool", "shop:Shop.add"]):
        assert run("run", *words, "--offline", "Add 2 and 3").stdout == "add(2, 3) gives 5.\n"
    done = run("run", "shop.py:Shop.nobody", "hi")
    assert done.returncode == 1 and "'Shop.nobody' does not exist in shop.py" in done.stderr


def test_traces_are_kept_in_a_file(run: Run) -> None:
    run("run", "agents:calculator", "--offline", "--trace", "kept.db", "Add 2 and 3")
    assert "agents-lite run" in run("traces", "list", "--db", "kept.db").stdout


@pytest.mark.parametrize("stream", [[], ["--stream"]])
def test_typed_output_is_the_same_streamed_or_not(run: Run, stream: list[str]) -> None:
    with ResponsesServer([text('{"total":5}')]) as server:
        done = run("run", "agents:typed", "hi", *stream, OPENAI_BASE_URL=server.base_url)
    assert done.stdout == '{\n  "total": 5\n}\n'


def test_variables_come_from_a_file_that_is_named(run: Run, tmp_path: Path) -> None:
    with ResponsesServer(["ok", "ok"]) as server:
        (tmp_path / "my.env").write_text(
            f"# a\nexport OPENAI_BASE_URL='{server.base_url}' # b\n\nOPENAI_API_KEY=sk-file\n"
        )
        (tmp_path / ".env").write_text("OPENAI_API_KEY=sk-unasked\n")
        assert run("run", "hi", "--env-file", "my.env", OPENAI_API_KEY="").stdout == "ok\n"
        run("run", "hi", OPENAI_API_KEY="sk-set", OPENAI_BASE_URL=server.base_url)
    assert [request.headers["authorization"] for request in server.requests] == [
        "Bearer sk-file",
        "Bearer sk-set",
    ]
    for line in ("sk-secret", 'KEY="sk-secret', "KEY='sk-secret' more"):
        (tmp_path / "bad.env").write_text(f"{line}\n")
        done = run("run", "hi", "--env-file", "bad.env")
        assert done.returncode == 1 and "Line 1" in done.stderr and "sk-secret" not in done.stderr


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("abc#def", "abc#def"),
        ("two words  # and more", "two words"),
        (" a=b c=\u2028d ", "a=b c=\u2028d"),
        ("# nothing", "# nothing"),
        (" # nothing", ""),
        ("it's", "it's"),
        ('{"a": 1}', '{"a": 1}'),
        (r"C:\new", r"C:\new"),
        (r"'a \n \" # b'  # c", r"a \n \" # b"),
        (r'"a\n \" \\ # \d"# c', None),
        (r'"a\n \" \\ # \d" # c', 'a\n " \\ # \\d'),
        ('""', ""),
    ],
)
def test_a_variable_in_a_file_has_the_value_that_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, value: str | None
) -> None:
    monkeypatch.setenv("WRITTEN", "")
    (tmp_path / "my.env").write_text(f"\ufeffWRITTEN={written}\n", "utf-8")
    if value is None:
        with pytest.raises(UserError, match="Line 1"):
            read_environment(str(tmp_path / "my.env"))
    else:
        read_environment(str(tmp_path / "my.env"))
        assert os.environ["WRITTEN"] == value


def test_warnings_are_heard_in_a_line_and_in_full_when_asked(run: Run, tmp_path: Path) -> None:
    options = ("run", "agents:calculator", "--offline", "Add 2 and 3")
    done = run(*options, AGENTS_LITE_TRACE_DB="/no/such/folder/t.db")
    assert done.stdout == "add(2, 3) gives 5.\n"
    heard = [line for line in done.stderr.splitlines() if line.startswith("agents-lite: warning: ")]
    assert len(heard) == 1 and "/no/such/folder/t.db" in heard[0]
    (tmp_path / "failing.py").write_text("def fail() -> str:\n    '''Fail.'''\n    return 1 / 0\n")
    for verbosity, is_told in ([], False), (["-v"], True):
        with ResponsesServer([call("fail"), "ok"]) as server:
            words = ("run", "--tool", "failing:fail", "hi", *verbosity)
            done = run(*words, OPENAI_BASE_URL=server.base_url)
        assert "agents-lite: warning: Tool fail of agent Assistant failed: " in done.stderr
        assert ("Traceback" in done.stderr) is is_told
    assert "agents-lite: debug: 127.0.0.1" in run("run", "--offline", "hi", "--debug").stderr


def test_an_error_has_its_traceback_when_that_is_asked_for(run: Run) -> None:
    assert "Traceback" not in run("run", "agents:broken", "--offline", "hi").stderr
    assert "Traceback" in run("run", "agents:broken", "--offline", "--debug", "hi").stderr


def test_two_agents_are_wrong_usage(run: Run) -> None:
    done = run("run", "agents:calculator", "--agent", "agents:desk", "hi")
    assert done.returncode == 2 and "name an agent" in done.stderr
