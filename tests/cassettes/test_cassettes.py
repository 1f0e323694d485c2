"""Cassettes: recorded once, then answered from without a model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from agents_lite import (
    Agent,
    CassetteLeftover,
    CassetteMiss,
    ComputerTool,
    HostedMCPTool,
    ModelRetrySettings,
    ModelSettings,
    RunConfig,
    Runner,
    UserError,
    cassette,
    function_tool,
)
from agents_lite.testing import (
    ResponsesServer,
    ScriptedModel,
    call,
    handoff_to,
    reasoning,
    text,
    turn,
)
from tests.support.drivers import (
    every_driver,
    every_driver_here,
    every_stream,
    run_sync,
    stream,
)

Scripted = Callable[..., ScriptedModel]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "refund.json"


def read(file: Path) -> Any:
    return json.loads(file.read_text("utf-8"))


@function_tool
def price(order: int) -> int:
    """The price of an order."""
    return order * 10


def clerk(model: ScriptedModel, **options: Any) -> Agent[Any]:
    return Agent("Clerk", instructions="Refund.", tools=[price], model=model, **options)


TURNS = [call("price", order=7), [text("It was 70.")]]


@every_driver
def test_a_run_is_recorded_and_then_played_without_its_model(
    scripted: Scripted, file: Path, run: Any
) -> None:
    with cassette(file):
        recorded = run(clerk(scripted(TURNS)), "Refund order 7")
    written = file.read_bytes()
    with cassette(file):
        played = run(clerk(scripted([])), "Refund order 7")
    assert played.final_output == recorded.final_output == "It was 70."
    assert json.dumps(played.to_input_list()) == json.dumps(recorded.to_input_list())
    assert played.context_wrapper.usage == recorded.context_wrapper.usage
    assert file.read_bytes() == written


def test_a_model_that_is_recorded_is_tried_as_often_as_without(
    scripted: Scripted, file: Path
) -> None:
    model = scripted([ConnectionResetError()] * 2)
    retry = ModelRetrySettings(1, backoff={"initial_delay": 0})
    agent = clerk(model, model_settings=ModelSettings(retry=retry))
    with pytest.raises(ConnectionResetError), cassette(file):
        run_sync(agent, "Refund order 7")


def test_a_run_keeps_the_cassette_that_it_began_with(scripted: Scripted, file: Path) -> None:
    with cassette(file):
        run_sync(clerk(scripted(TURNS)), "Refund order 7")
    result = Runner.run_streamed(clerk(scripted([])), "Refund order 7")
    events = result.stream_events()
    with pytest.raises(CassetteLeftover), cassette(file):
        next(events)
    for _ in events:
        pass
    assert result.final_output == "It was 70."


@every_stream
def test_the_events_of_a_stream_are_played_as_they_came(
    scripted: Scripted, file: Path, read: Any
) -> None:
    def deltas(events: list[Any]) -> list[Any]:
        raw = [event.data for event in events if event.type == "raw_response_event"]
        return [(each.type, each.get("delta")) for each in raw]

    with cassette(file):
        recorded, _ = read(clerk(scripted(TURNS)), "Refund order 7")
    with cassette(file):
        played, _ = read(clerk(scripted([])), "Refund order 7")
    assert deltas(played) == deltas(recorded)
    assert len(deltas(played)) > 10


@pytest.mark.parametrize("event", ["response.created", "response.output_text.delta"])
def test_an_answer_whose_reader_leaves_is_recorded_whole(
    scripted: Scripted, file: Path, event: str
) -> None:
    def leave(model: ScriptedModel) -> None:
        for each in Runner.stream(clerk(model), "Refund order 7"):
            if each.type == "raw_response_event" and each.data.type == event:
                break

    with cassette(file):
        leave(scripted([text("It was 70.")]))
    with cassette(file):
        leave(scripted([]))
    with cassette(file):
        assert stream(clerk(scripted([])), "Refund order 7")[1].final_output == "It was 70."


def test_what_was_recorded_whole_is_streamed_word_by_word(scripted: Scripted, file: Path) -> None:
    with cassette(file):
        run_sync(Agent("A", model=scripted([[reasoning("Hm"), text("One two")]])), "Hi")
    with cassette(file):
        events, result = stream(Agent("A", model=scripted([])), "Hi")
    raw = [event.data for event in events if event.type == "raw_response_event"]
    said = [each.delta for each in raw if each.type == "response.output_text.delta"]
    assert (said, result.final_output) == (["One ", "two"], "One two")


def test_what_was_recorded_streamed_can_be_had_whole(scripted: Scripted, file: Path) -> None:
    with cassette(file):
        stream(Agent("A", model=scripted(["One two"])), "Hi")
    with cassette(file):
        assert run_sync(Agent("A", model=scripted([])), "Hi").final_output == "One two"


def test_a_failed_answer_is_played_as_such(scripted: Scripted, file: Path) -> None:
    from agents_lite import ResponseFailedError

    cut = turn("So f", status="incomplete", incomplete_details={"reason": "max_output_tokens"})
    for script in ([cut], []):
        with cassette(file), pytest.raises(ResponseFailedError, match="max_output_tokens"):
            run_sync(Agent("A", model=scripted(script)), "Hi")


def test_neither_a_server_nor_a_key_is_needed(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ResponsesServer(["Hello"]) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_BASE_URL", server.base_url)
        patch.setenv("OPENAI_API_KEY", "sk-very-secret")
        with cassette(file):
            Runner.run_sync(Agent("A"), "Hi")
    with cassette(file, record="none"):
        assert Runner.run_sync(Agent("A"), "Hi").final_output == "Hello"
    assert "very-secret" not in file.read_text()


# --- what was asked -----------------------------------------------------------------------------


def test_answers_are_found_by_what_was_asked_not_by_order(scripted: Scripted, file: Path) -> None:
    def echo(request: Any) -> str:
        return f"{request.input[0]['content']}!"

    inputs = [f"question {number}" for number in range(20)]
    with cassette(file):
        list(Runner.run_many(Agent("A", model=scripted(echo)), inputs))
    with cassette(file):
        outcomes = list(Runner.run_many(Agent("A", model=scripted([])), inputs[::-1]))
    assert all(each.unwrap().final_output == f"{each.input}!" for each in outcomes)


def test_the_order_of_threads_does_not_change_the_file(scripted: Scripted, tmp_path: Path) -> None:
    def echo(request: Any) -> Any:
        said = str(request.input[0]["content"])
        return turn({**text(said), "id": said}, id=f"resp_{said}")

    inputs = [f"question {number}" for number in range(20)]
    files = [tmp_path / "one.json", tmp_path / "other.json"]
    for file, asked in zip(files, [inputs, inputs[::-1]], strict=True):
        with cassette(file):
            list(Runner.run_many(Agent("A", model=scripted(echo)), asked))
    assert files[0].read_bytes() == files[1].read_bytes()


def test_questions_alike_are_answered_in_their_order(scripted: Scripted, file: Path) -> None:
    with cassette(file):
        for _ in range(2):
            run_sync(clerk(scripted([["heads", "tails"][_]])), "Toss")
    with pytest.raises(CassetteMiss, match=r"given all its 2 answer\(s\)"), cassette(file):
        said = [run_sync(clerk(scripted([])), "Toss").final_output for _ in range(2)]
        assert said == ["heads", "tails"]
        run_sync(clerk(scripted([])), "Toss")


@pytest.mark.parametrize(
    "changes",
    [
        {"instructions": "Refuse."},
        {"model_settings": ModelSettings(temperature=0.5)},
        {"tools": []},
        {"output_type": int},
        {"handoffs": [Agent("Other")]},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_changed_request_is_a_miss(scripted: Scripted, file: Path, changes: Any) -> None:
    with cassette(file):
        run_sync(clerk(scripted(TURNS)), "Refund order 7")
    changed = clerk(scripted([])).clone(**changes)
    with pytest.raises(CassetteMiss) as caught, cassette(file):
        run_sync(changed, "Refund order 7")
    assert "request of agent Clerk" in str(caught.value)
    assert caught.value.path == str(file)


def test_a_miss_shows_how_the_nearest_entry_differs(scripted: Scripted, file: Path) -> None:
    with cassette(file):
        run_sync(clerk(scripted(["yes"])), "Refund order 7")
        run_sync(Agent("Poet", instructions="Rhyme.", model=scripted(["no"])), "Another thing")
    with pytest.raises(CassetteMiss) as caught, cassette(file):
        run_sync(clerk(scripted([])), "Refund order 8")
    lines = caught.value.diff.splitlines()
    assert [line.strip("+- ") for line in lines if line[0] in "+-"] == [
        "recorded",
        "asked",
        '"content": "Refund order 7"',
        '"content": "Refund order 8"',
    ]


def test_match_says_what_of_a_request_counts(scripted: Scripted, file: Path) -> None:
    with cassette(file):
        run_sync(clerk(scripted(["yes"])), "Hi")
    with cassette(file, match=lambda asked: asked["input"]):
        changed = clerk(scripted([])).clone(instructions="Refuse.")
        assert run_sync(changed, "Hi").final_output == "yes"


# --- record modes -------------------------------------------------------------------------------


def test_answers_left_over_are_an_error(scripted: Scripted, file: Path) -> None:
    with cassette(file):
        run_sync(clerk(scripted(["a"])), "One")
        run_sync(clerk(scripted(["b"])), "Other")
    with pytest.raises(CassetteLeftover, match="agent Clerk on .*Other"), cassette(file):
        run_sync(clerk(scripted([])), "One")


def test_a_block_that_fails_says_nothing_of_leftovers(scripted: Scripted, file: Path) -> None:
    with cassette(file):
        run_sync(clerk(scripted(["a"])), "One")
    with pytest.raises(ZeroDivisionError), cassette(file):
        raise ZeroDivisionError


def test_a_block_that_fails_records_nothing(scripted: Scripted, file: Path) -> None:
    with pytest.raises(ZeroDivisionError), cassette(file):
        run_sync(clerk(scripted(["a"])), "One")
        raise ZeroDivisionError
    assert not file.exists()


def test_a_file_that_cannot_be_written_is_an_error_that_names_it(
    scripted: Scripted, file: Path
) -> None:
    file.parent.write_text("no folder")
    with pytest.raises(UserError, match=r"cassette .*refund\.json cannot be written"):
        with cassette(file):
            Runner.run_sync(Agent("A", model=scripted(["Hi"])), "Hello")


def test_none_makes_no_file(file: Path) -> None:
    with pytest.raises(CassetteMiss, match="There is no cassette"), cassette(file, record="none"):
        raise AssertionError("not reached")


def test_none_asks_no_model(scripted: Scripted, file: Path) -> None:
    with cassette(file):
        run_sync(clerk(scripted(["a"])), "One")
    with pytest.raises(CassetteMiss), cassette(file, record="none"):
        run_sync(clerk(scripted([])), "Other")


def test_new_records_what_is_not_known_and_drops_what_is_not_asked(
    scripted: Scripted, file: Path
) -> None:
    with cassette(file):
        run_sync(clerk(scripted(["a"])), "Kept")
        run_sync(clerk(scripted(["b"])), "Dropped")
    with cassette(file, record="new"):
        assert run_sync(clerk(scripted([])), "Kept").final_output == "a"
        run_sync(clerk(scripted(["c"])), "Added")
    assert [each["input"][0]["content"] for each in read(file)["answers"]] == ["Kept", "Added"]


def test_all_records_anew(scripted: Scripted, file: Path) -> None:
    for answer in ("a", "b"):
        with cassette(file, record="all"):
            assert run_sync(clerk(scripted([answer])), "One").final_output == answer
    assert len(read(file)["answers"]) == 1


def test_a_miss_that_was_caught_is_raised_in_the_end(scripted: Scripted, file: Path) -> None:
    with cassette(file):
        run_sync(clerk(scripted(["a"])), "One")
    with pytest.raises(CassetteMiss), cassette(file), suppress(CassetteMiss):
        run_sync(clerk(scripted([])), "Other")


def test_a_cassette_may_be_a_decorator(scripted: Scripted, file: Path) -> None:
    answers = cassette(file)

    @answers
    def ask(model: Any) -> Any:
        return run_sync(clerk(model), "Refund order 7").final_output

    @answers
    async def ask_async(model: Any) -> Any:
        return (await Runner.run(clerk(model), "Refund order 7")).final_output

    assert ask(scripted(TURNS)) == ask(scripted([])) == "It was 70."
    assert asyncio.run(ask_async(scripted([]))) == "It was 70."
    assert (ask.__name__, ask_async.__name__) == ("ask", "ask_async")


def later() -> Any:
    yield


async def later_still() -> Any:
    yield


@pytest.mark.parametrize("mistake", [later, later_still, Path, 5])
def test_what_runs_after_the_call_is_not_decorated(file: Path, mistake: Any) -> None:
    with pytest.raises(UserError, match="use `with cassette"):
        cassette(file)(mistake)


@pytest.mark.parametrize(
    "options", [{"record": "twice"}, {"tools": "real"}, {"match": "input"}, {"mask": 5}]
)
def test_a_wrong_word_is_refused(file: Path, options: Any) -> None:
    with pytest.raises(UserError, match="must be"):
        cassette(file, **options)


@pytest.mark.parametrize("path", ["a\0b.json", "\ud83d.json", 5])
def test_what_can_be_no_path_names_no_cassette(path: Any) -> None:
    with pytest.raises(UserError, match="must be .*path"):
        cassette(path)


ANSWER = (
    '{"version": 1, "agents": {"A": {}}, "tools": [], '
    '"answers": [{"agent": "A", "input": [], %s}]}'
)


@pytest.mark.parametrize(
    "content",
    [
        *("", "[]", '{"version": 9}', '{"version": 1, "answers": [{}]}', "[" * 10_000),
        *(ANSWER % each for each in ('"response": 5', '"response": {"status": [5]}')),
        *(ANSWER % f'"response": {{}}, "events": {each}' for each in ("null", "5", "[null]")),
    ],
)
def test_another_file_is_no_cassette(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content)
    for path in (tmp_path / "a.json", tmp_path):
        with pytest.raises(UserError, match="is no cassette"), cassette(path):
            raise AssertionError("not reached")
    with pytest.raises(UserError, match="must be a path"):
        cassette(5)  # type: ignore[arg-type]


def test_other_processes_are_refused(scripted: Scripted, file: Path) -> None:
    with ProcessPoolExecutor(1) as pool:
        with pytest.raises(UserError, match="cassette"), cassette(file):
            Runner.run_many(Agent("A", model="any"), ["Hi"], executor=pool)
        outcomes = Runner.run_many(Agent("A", model="any"), ["Hi"], executor=pool)
        with pytest.raises(UserError, match="cassette"), cassette(file):
            next(outcomes)


# --- tools --------------------------------------------------------------------------------------


def count_calls(factor: int) -> tuple[Any, list[int]]:
    made: list[int] = []

    @function_tool(name_override="price")
    def priced(order: int) -> dict[str, int]:
        made.append(order)
        return {"price": order * factor}

    return priced, made


def recorded_with_tools(scripted: Scripted, file: Path, script: list[Any], *tools: Any) -> Any:
    with cassette(file, tools="recorded"):
        return run_sync(Agent("A", tools=list(tools), model=scripted(script)), "Go")


def test_a_computer_is_operated_also_where_tools_are_recorded(
    scripted: Scripted, file: Path
) -> None:
    class Desk:
        environment = "browser"
        dimensions = (1024, 768)
        waits = 0

        def wait(self) -> None:
            self.waits += 1

        def screenshot(self) -> str:
            return "eA=="

    wait = {"type": "computer_call", "call_id": "c1", "action": {"type": "wait"}}
    for script in [[wait], "Done."], []:
        desk: Any = Desk()
        recorded_with_tools(scripted, file, script, ComputerTool(desk))
        assert desk.waits == 1


def test_tools_run_by_default_and_a_changed_output_is_a_miss(
    scripted: Scripted, file: Path
) -> None:
    recorded_with_tools(scripted, file, TURNS, count_calls(10)[0])
    tool, made = count_calls(10)
    with cassette(file):
        run_sync(Agent("A", tools=[tool], model=scripted([])), "Go")
    assert made == [7]
    with pytest.raises(CassetteMiss, match="70.*\n(.*\n)*.*770"), cassette(file):
        run_sync(Agent("A", tools=[count_calls(110)[0]], model=scripted([])), "Go")


def test_recorded_tools_are_not_run(scripted: Scripted, file: Path) -> None:
    first = recorded_with_tools(scripted, file, TURNS, count_calls(10)[0])
    tool, made = count_calls(0)
    again = recorded_with_tools(scripted, file, [], tool)
    assert made == []
    assert again.to_input_list() == first.to_input_list()
    assert [i.output for i in again.new_items if i.type == "tool_call_output_item"] == [
        {"price": 70}
    ]


def test_a_recorded_tool_asked_for_something_else_is_a_miss(scripted: Scripted, file: Path) -> None:
    recorded_with_tools(scripted, file, TURNS, count_calls(10)[0])
    told = read(file)
    told["tools"][0]["arguments"]["order"] = 8
    file.write_text(json.dumps(told))
    with pytest.raises(CassetteMiss, match="this call of tool price"):
        recorded_with_tools(scripted, file, [], count_calls(10)[0])


def test_recorded_calls_left_over_are_an_error(scripted: Scripted, file: Path) -> None:
    recorded_with_tools(scripted, file, TURNS, count_calls(10)[0])
    told = read(file)
    told["tools"] *= 2
    file.write_text(json.dumps(told))
    with pytest.raises(CassetteLeftover, match="call of tool price"):
        recorded_with_tools(scripted, file, [], count_calls(10)[0])


def test_a_recorded_failure_is_told_again(scripted: Scripted, file: Path) -> None:
    def failing(words: str) -> Any:
        @function_tool(name_override="price")
        def fail(order: int) -> str:
            raise ValueError(words)

        return fail

    first = recorded_with_tools(scripted, file, TURNS, failing("out of paper"))
    assert "out of paper" in str(first.to_input_list())
    again = recorded_with_tools(scripted, file, [], failing("another reason"))
    assert again.to_input_list() == first.to_input_list()


def test_a_recorded_failure_that_ended_the_run_ends_it_again(
    scripted: Scripted, file: Path
) -> None:
    def failing(words: str) -> Any:
        @function_tool(name_override="price", failure_error_function=None)
        def fail(order: int) -> str:
            raise ValueError(words)

        return fail

    for script, words in ((TURNS[:1], "out of paper"), ([], "another reason")):
        with cassette(file, tools="recorded"), pytest.raises(UserError, match="out of paper"):
            run_sync(Agent("A", tools=[failing(words)], model=scripted(script)), "Go")


def test_agents_as_tools_run_on_recorded_answers(scripted: Scripted, file: Path) -> None:
    def front(outer: list[Any], inner: list[Any]) -> Agent[Any]:
        helper = Agent("Helper", tools=[count_calls(10)[0]], model=scripted(inner))
        return Agent("Front", tools=[helper.as_tool("help", "Help.")], model=scripted(outer))

    for tools in ("live", "recorded"):
        scripts = ([], []) if file.exists() else ([call("help", input="Price?"), "Done"], TURNS)
        with cassette(file, tools=tools):  # type: ignore[arg-type]
            assert run_sync(front(*scripts), "Go").final_output == "Done"
    assert [each["tool"] for each in read(file)["tools"]] == ["price"]


def test_a_run_that_is_handed_over_is_played(scripted: Scripted, file: Path) -> None:
    def front(outer: list[Any], inner: list[Any]) -> Agent[Any]:
        back = Agent("Back", model=scripted(inner))
        return Agent("Front", handoffs=[back], model=scripted(outer))

    with cassette(file):
        run_sync(front([handoff_to("Back")], ["Here"]), "Go")
    with cassette(file):
        assert run_sync(front([], []), "Go").last_agent.name == "Back"
    assert list(read(file)["agents"]) == ["Front", "Back"]


# --- the file -----------------------------------------------------------------------------------


FILE = """\
: 2,
      "input": [{"type": "function_call_output", "call_id": "call_1", "output": "70"}],
      "response": {
        "id": "resp_2",
        "model": "scripted",
        "status": "completed",
        "output": [
          {
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "70 €", "annotations": []}],
            "id": "msg_1"
          }
        ],
        "usage": {
          "input_tokens": 10,
          "input_tokens_details": {"cached_tokens": 0},
          "output_tokens": 5,
          "output_tokens_details": {"reasoning_tokens": 0},
          "total_tokens": 15
        }
      }
    }
  ],
  "tools": [{"agent": "A", "tool": "price", "arguments": {"order": 7}, "output": "70", "value": 70}]
}
"""
"""From the second answer on."""


def test_the_file_is_easy_to_read(scripted: Scripted, file: Path) -> None:
    script = [
        turn({**call("price", order=7), "id": "fc_1", "call_id": "call_1"}, id="resp_1"),
        turn({**text("70 €"), "id": "msg_1"}, id="resp_2"),
    ]
    with cassette(file):
        run_sync(Agent("A", tools=[price], model=scripted(script)), "Hi")
    said = file.read_text("utf-8").partition('    {\n      "agent": "A",\n      "as_before"')[2]
    assert said == FILE


def test_an_editor_may_have_put_a_byte_order_mark_before_it(
    scripted: Scripted, file: Path
) -> None:
    with cassette(file):
        run_sync(Agent("A", model=scripted(["Hello"])), "Hi")
    file.write_text(file.read_text("utf-8"), "utf-8-sig")
    with cassette(file, record="none"):
        assert run_sync(Agent("A", model=scripted([])), "Hi").final_output == "Hello"


def test_a_long_conversation_is_written_once(scripted: Scripted, file: Path) -> None:
    with cassette(file):
        run_sync(clerk(scripted([*([call("price", order=7)] * 99), "Done"])), "Go", max_turns=100)
    assert file.stat().st_size < 100 * 2000
    with cassette(file):
        assert run_sync(clerk(scripted([])), "Go", max_turns=100).final_output == "Done"


def test_keys_and_headers_are_never_written(scripted: Scripted, file: Path) -> None:
    secret = {"Authorization": "Bearer sk-secret"}
    hosted = HostedMCPTool(
        {
            "type": "mcp",
            "server_label": "desk",
            "server_url": "https://me:sk-secret@desk.example/mcp?key=sk-secret",
            "headers": secret,
            "authorization": "sk-secret",
            "require_approval": "never",
        }
    )
    settings = ModelSettings(
        extra_headers=secret,
        extra_query={"key": "sk-secret"},
        extra_body={"api_key": "sk-secret", "top_k": 3},
    )
    with cassette(file):
        agent = Agent("A", tools=[hosted], model_settings=settings, model=scripted(["Hi"]))
        run_sync(agent, "Hi")
    assert "sk-secret" not in file.read_text()
    assert '"top_k": 3' in file.read_text()


def test_a_parameter_of_a_tool_may_be_called_like_a_secret(scripted: Scripted, file: Path) -> None:
    @function_tool
    def unlock(token: str) -> str:
        """Unlock."""
        return token

    with cassette(file):
        run_sync(Agent("A", tools=[unlock], model=scripted(["Hi"])), "Hi")
    assert "token" in read(file)["agents"]["A"]["tools"][0]["parameters"]["properties"]


def without_the_number(value: Any) -> Any:
    return json.loads(json.dumps(value).replace("4711", "****"))


@pytest.mark.parametrize("tools", ["live", "recorded"])
def test_a_mask_hides_what_is_written_and_still_matches(
    scripted: Scripted, file: Path, tools: Any
) -> None:
    @function_tool
    def show(card: str) -> str:
        """Show a card."""
        return f"card {card}"

    script = [call("show", card="4711"), "Your card is 47 4711 11"]
    agents = [Agent("A", tools=[show], model=scripted(turns)) for turns in (script, [])]
    for agent in agents:
        with cassette(file, mask=without_the_number, tools=tools):
            stream(agent, "Card 4711")
    assert "4711" not in file.read_text()
    assert "events" not in file.read_text()  # piece by piece they could tell it


def test_a_lone_surrogate_is_kept(scripted: Scripted, file: Path) -> None:
    for script in (["half \ud83d"], []):
        with cassette(file):
            assert run_sync(Agent("A", model=scripted(script)), "é").final_output == "half \ud83d"


def test_the_model_of_the_run_counts(scripted: Scripted, file: Path) -> None:
    with cassette(file):
        run_sync(Agent("A"), "Hi", run_config=RunConfig(model=scripted(["Hello"])))
    assert read(file)["agents"]["A"]["model"] == "scripted"


class AsyncModel(ScriptedModel):
    """Its `stream` is an async generator."""

    async def stream(self, request: Any) -> Any:  # type: ignore[override]
        for event in super().stream(request):
            yield event


@every_driver_here
def test_models_that_are_async_are_recorded_too(file: Path, run: Any) -> None:
    for turns in (["Hello"], []):
        with cassette(file), AsyncModel(turns) as model:
            assert run(Agent("A", model=model), "Hi").final_output == "Hello"


def test_a_miss_inside_an_agent_as_tool_is_not_swallowed(scripted: Scripted, file: Path) -> None:
    def front(outer: list[Any], inner: list[Any], instructions: str) -> Agent[Any]:
        helper = Agent("Helper", instructions=instructions, model=scripted(inner))
        return Agent("Front", tools=[helper.as_tool("help", "Help.")], model=scripted(outer))

    with cassette(file):
        run_sync(front([call("help", input="Price?"), "Done"], ["70"], "Be kind."), "Go")
    with pytest.raises(CassetteMiss, match="agent Helper"), cassette(file):
        with suppress(CassetteMiss):
            run_sync(front([], [], "Be rude."), "Go")


def test_outside_of_the_block_models_are_asked_again(scripted: Scripted, file: Path) -> None:
    with cassette(file):
        run_sync(Agent("A", model=scripted(["one"])), "Hi")
    assert run_sync(Agent("A", model=scripted(["two"])), "Hi").final_output == "two"


def test_the_inner_of_two_cassettes_counts(scripted: Scripted, file: Path, tmp_path: Path) -> None:
    with cassette(file), cassette(tmp_path / "inner.json"):
        run_sync(Agent("A", model=scripted(["one"])), "Hi")
    assert len(read(tmp_path / "inner.json")["answers"]) == 1
    assert read(file)["answers"] == []
