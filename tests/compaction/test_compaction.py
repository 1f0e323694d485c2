"""What is cleared, summarised and kept, in one run and over several."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from agents_lite import (
    Agent,
    APIConnectionError,
    BadRequestError,
    Compaction,
    CompactionSession,
    Model,
    ModelResponse,
    ModelSettings,
    RunConfig,
    Runner,
    RunState,
    SQLiteJournal,
    SQLiteSession,
    Usage,
    UsageLimitExceeded,
    UsageLimits,
    UserError,
    function_tool,
    generation_span,
    handoff,
)
from agents_lite.compaction.view import CLEARED, as_transcript, compacted, estimate_tokens
from agents_lite.extensions.memory import AsyncSQLiteSession
from agents_lite.history import turn_starts
from agents_lite.testing import (
    ResponsesServer,
    ScriptedModel,
    call,
    handoff_to,
    reasoning,
    status,
    text,
    token_usage,
    turn,
)
from tests.support.drivers import every_driver, kinds
from tests.support.spans import recorded_spans
from tests.support.strict_model import StrictModel

LONG = "word " * 400  # 500 tokens


@function_tool
def read(page: int) -> str:
    """Read a page."""
    return f"page {page}: {LONG}"


def user(content: str) -> dict[str, Any]:
    return {"role": "user", "content": content}


def answer(content: str) -> dict[str, Any]:
    return {"role": "assistant", "content": content}


def small(**options: Any) -> Compaction:
    return Compaction(**{"window": 2000, "keep_turns": 1, "summary_words": 50, **options})


def uncounted(*output: Any) -> Any:
    """A turn whose tokens nobody counts, so that the estimate is what it is."""
    return turn(*output, usage=None)


def is_summary_of(body: Any) -> bool:
    return str(body.system_instructions).startswith("You keep the summary")


def test_a_history_may_be_cut_before_questions_and_after_outputs() -> None:
    called = {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "1", "output": "1"}
    thought = {"type": "reasoning", "id": "r", "summary": []}
    items = [user("a"), user("b"), thought, called, user("c"), output, thought, answer("d")]
    assert turn_starts(items) == [0, 6]
    assert turn_starts([answer("x"), user("a"), answer("b"), user("c")]) == [1, 3]


def test_what_no_summary_may_cover_stays() -> None:
    system = {"role": "developer", "content": "Be kind."}
    opaque = {"type": "compaction", "encrypted_content": "x"}
    shown = compacted([system, opaque, user("a"), answer("b"), answer("c")], 0, 4, "S")
    assert shown[:2] == [system, opaque]
    assert shown[2]["content"].endswith("\n\nS")
    assert shown[3:] == [user("a"), answer("c")]  # the question is still to be seen


def test_files_are_not_counted_by_their_letters() -> None:
    image = {"type": "input_image", "image_url": "data:image/png;base64," + "A" * 400_000}
    assert estimate_tokens([image]) < 1100
    assert estimate_tokens(["\ud83d"]) > 0


@every_driver
def test_old_results_are_cleared_first_and_calls_stay_with_their_outputs(run: Any) -> None:
    requests: list[Any] = []

    def reply(request: Any) -> Any:
        requests.append([dict(item) for item in request.input])
        pages = sum(item.get("type") == "function_call_output" for item in request.input)
        if pages < 4:
            return uncounted(reasoning("So."), call("read", page=pages))
        return uncounted("done")

    agent = Agent(name="A", model=ScriptedModel(reply), tools=[read])
    config = RunConfig(compaction=small(target=0.5))
    result = run(agent, "Read all pages", run_config=config)
    assert result.final_output == "done"
    outputs = [item["output"] for item in requests[-1] if "output" in item]
    assert outputs[0] == CLEARED and outputs[-1].startswith("page 3")
    whole = [item["output"] for item in result.to_input_list() if "output" in item]
    assert [text[:6] for text in whole] == ["page 0", "page 1", "page 2", "page 3"]


def test_a_run_of_many_calls_is_summarised_and_its_question_stays() -> None:
    asked: list[Any] = []

    def reply(request: Any) -> Any:
        if is_summary_of(request):
            asked.append(request.input[0]["content"])
            return uncounted(f"summary {len(asked)}")
        kinds_of = kinds(request.input)
        assert kinds_of[0] == "user"
        done = len(model.requests) - len(asked)
        return uncounted(call("read", page=done) if done < 12 else "done")

    model = ScriptedModel(reply)
    agent = Agent(name="A", model=model, tools=[read])
    config = RunConfig(compaction=small(clear_tool_results=False))
    result = Runner.run_sync(agent, "Read 12 pages", run_config=config, max_turns=20)
    last = model.requests[-1].input
    assert last[0]["content"].endswith(f"summary {len(asked)}")
    assert last[1] == user("Read 12 pages")
    assert "Summary so far:\nsummary 1" in asked[1] and "page 1:" not in asked[1]
    assert result.usage.requests == 12 + len(asked)
    assert result.usage_by_agent["A"].requests == result.usage.requests


def test_a_summary_is_made_in_pieces_that_the_model_can_take() -> None:
    model = StrictModel(2400)
    session = SQLiteSession("x")
    for number in range(30):
        session.add_items([user(f"code-{number}-is-X{number} {LONG[:800]}"), answer("ok")])
    agent = Agent(name="A", instructions="Hi.", model=model)
    compacting = CompactionSession(session, small())
    assert Runner.run_sync(agent, "What is code 0?", session=compacting).final_output == "X0"
    assert model.summaries > 3


def test_who_summarises_is_told_what_tools_of_any_kind_were_asked_and_found() -> None:
    picture = {"type": "computer_screenshot", "image_url": "data:image/png;base64," + "A" * 5000}
    written = {"stdout": "7 files", "stderr": "half \ud83d", "outcome": {"type": "timeout"}}
    patch = {"type": "create_file", "path": "notes.txt", "diff": "+bring bread"}
    queries = {"queries": ["bakeries"], "results": [{"text": "on the corner"}]}
    work = [
        {"type": "shell_call", "call_id": "1", "action": {"commands": ["count-files"]}},
        {"type": "shell_call_output", "call_id": "1", "output": [written]},
        {"type": "apply_patch_call", "call_id": "2", "operation": patch},
        {"type": "apply_patch_call_output", "call_id": "2", "status": "completed"},
        {"type": "local_shell_call", "call_id": "3", "action": {"command": ["whoami"]}},
        {"type": "local_shell_call_output", "id": "3", "output": "ada\n"},
        {"type": "computer_call", "call_id": "4", "action": {"type": "type", "text": "shop"}},
        {"type": "computer_call_output", "call_id": "4", "output": picture},
        {"type": "mcp_call", "name": "price", "arguments": '{"of": "rye"}', "output": "3 EUR"},
        {"type": "web_search_call", "action": {"type": "search", "query": "open now"}},
        {"type": "file_search_call", **queries},
        {"type": "code_interpreter_call", "code": "6 * 7", "outputs": [{"logs": "42"}]},
        {"type": "image_generation_call", "result": "B" * 5000},
    ]
    said = "\n".join(map(as_transcript, work))
    for words in (
        "count-files", "7 files", "half", "timeout", "notes.txt", "+bring bread", "whoami", "ada",
        "shop", "(a file)", "price", "rye", "3 EUR", "open now", "bakeries", "on the corner",
        "6 * 7", "42",
    ):  # fmt: skip
        assert words in said
    assert len(said) < 2000

    model = ScriptedModel(
        lambda request: uncounted("summary" if is_summary_of(request) else "done")
    )
    history = [user("Work"), *work, answer(LONG * 4), user("new")]
    config = RunConfig(compaction=small())
    Runner.run_sync(Agent(name="A", model=model), history, run_config=config)
    assert "count-files" in model.requests[0].input[0]["content"]


def test_a_failed_summary_is_logged_and_costs_no_run(caplog: pytest.LogCaptureFixture) -> None:
    def reply(request: Any) -> Any:
        if is_summary_of(request):
            return APIConnectionError("no line")
        return "fine"

    model = ScriptedModel(reply)
    history = [user("old " + LONG), answer("old " + LONG)] * 4
    agent = Agent(name="A", model=model)
    with caplog.at_level(logging.WARNING, "agents_lite"):
        config = RunConfig(compaction=small())
        result = Runner.run_sync(agent, [*history, user("new")], run_config=config)
    assert result.final_output == "fine"
    assert "no summary was written: no line" in caplog.text
    assert kinds(model.requests[-1].input) == ["user", "user"]
    assert "left out" in model.requests[-1].input[0]["content"]


@pytest.mark.parametrize("is_async", [False, True], ids=["def", "async def"])
def test_a_function_may_write_the_summary(is_async: bool) -> None:
    seen: list[Any] = []

    def write(so_far: str | None, items: list[Any]) -> str:
        seen.append((so_far, len(items)))
        return f"{len(seen)} pieces"

    async def write_later(so_far: str | None, items: list[Any]) -> str:
        return write(so_far, items)

    model = ScriptedModel(["fine"])
    history = [user(LONG), answer(LONG)] * 4
    compaction = small(summarize=write_later if is_async else write)
    config = RunConfig(compaction=compaction)
    Runner.run_sync(Agent(name="A", model=model), [*history, user("new")], run_config=config)
    assert [so_far for so_far, _ in seen] == [None, *(f"{n} pieces" for n in range(1, len(seen)))]
    assert sum(count for _, count in seen) == 8
    assert model.requests[0].input[0]["content"].endswith(f"{len(seen)} pieces")


def test_another_model_may_write_the_summary() -> None:
    model, cheap = ScriptedModel(["fine"]), ScriptedModel(lambda request: "short")
    history = [user(LONG), answer(LONG)] * 4
    config = RunConfig(compaction=small(model=cheap))
    Runner.run_sync(Agent(name="A", model=model), [*history, user("new")], run_config=config)
    assert cheap.requests and all(map(is_summary_of, cheap.requests))


def test_the_size_is_reckoned_as_the_last_usage_told() -> None:
    config = RunConfig(compaction=small(window=3500, clear_tool_results=False))

    def is_summarised(tokens: int) -> bool:
        def reply(request: Any) -> Any:
            is_first = len(model.requests) == 1
            counted = turn(call("read", page=1), usage=token_usage(tokens, 5))
            return counted if is_first else uncounted("done")

        model = ScriptedModel(reply)
        items: list[Any] = [user(LONG), answer(LONG), user(LONG)]  # 1,500 by the estimate
        Runner.run_sync(Agent(name="A", model=model, tools=[read]), items, run_config=config)
        return any(map(is_summary_of, model.requests))

    assert [is_summarised(tokens) for tokens in (1500, 6000, 0)] == [False, True, False]


def test_summaries_are_model_calls_that_the_limits_count() -> None:
    history = [user(LONG), answer(LONG)] * 6
    for most, asked in ((1, 1), (2, 2), (3, 3)):
        model = ScriptedModel(lambda request: "summary")
        limits = UsageLimits(requests=most)
        config = RunConfig(compaction=small(), usage_limits=limits)
        with pytest.raises(UsageLimitExceeded) as caught:
            Runner.run_sync(Agent(name="A", model=model), [*history, user("x")], run_config=config)
        assert len(model.requests) == asked
        assert caught.value.run_data is not None
        assert caught.value.run_data.usage.requests == asked


def test_a_run_that_is_stopped_over_a_summary_counts_the_pieces_before() -> None:
    def reply(request: Any) -> Any:
        if not is_summary_of(request):
            return "done"
        if len(model.requests) == 2:
            run.cancel(mode="immediate")
        return "summary"

    model = ScriptedModel(reply)
    config = RunConfig(compaction=small())
    history = [user(LONG), answer(LONG)] * 6
    agent = Agent(name="A", model=model)
    run = Runner.run_streamed(agent, [*history, user("x")], run_config=config)
    assert [event.type for event in run.stream_events()] == ["agent_updated_stream_event"]
    assert (len(model.requests), run.usage.requests) == (2, 1)


@every_driver
def test_an_overflow_that_the_server_reports_is_answered_once(run: Any) -> None:
    sizes: list[int] = []

    def reply(request: Any) -> Any:
        if is_summary_of(request):
            return "summary"
        sizes.append(len(request.input))
        if len(sizes) == 1:
            words = "This model's maximum context length is 1000 tokens"
            return BadRequestError(words, status_code=400, body={"error": {"message": words}})
        return "fine"

    model = ScriptedModel(reply)
    history = [user(LONG), answer(LONG)] * 3
    config = RunConfig(compaction=small(window=100_000))
    result = run(Agent(name="A", model=model), [*history, user("new")], run_config=config)
    assert (result.final_output, len(sizes)) == ("fine", 2)
    assert sizes[1] < sizes[0]


@pytest.mark.parametrize(
    "words",
    [
        "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
        "The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).",
        "Please reduce the length of the messages or completion.",
        "Your request exceeded model token limit: 262144",
        "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
        "Range of input length should be [1, 98304]",
        "Prompt exceeds max length",
        "Input Tokens Exceeded: Number of input tokens exceeds maximum length.",
        "Input length 131393 exceeds the maximum allowed input length of 131040 tokens.",
        "prompt token count of 140000 exceeds the limit of 128000",
        "The decoder prompt (length 5000) is longer than the maximum model length of 4096.",
        "Input validation error: `inputs` must have less than 4096 tokens. Given: 5000",
    ],
)
def test_the_words_for_an_overflow_of_other_servers_are_known(words: str) -> None:
    """They are listed in https://github.com/earendil-works/pi, in its issues 4943 and 5930 too."""
    refusal = BadRequestError(words, status_code=400)
    model = ScriptedModel([refusal, "summary", "fine"])
    history = [user(LONG), answer(LONG)] * 3
    config = RunConfig(compaction=small(window=100_000))
    result = Runner.run_sync(Agent("A", model=model), [*history, user("new")], run_config=config)
    assert result.final_output == "fine"


def test_a_status_says_that_a_request_is_too_large() -> None:
    model = ScriptedModel([BadRequestError("No.", status_code=413), "summary", "fine"])
    history = [user(LONG), answer(LONG)] * 3
    config = RunConfig(compaction=small(window=100_000))
    result = Runner.run_sync(Agent("A", model=model), [*history, user("new")], run_config=config)
    assert result.final_output == "fine"


def test_an_overflow_that_remains_is_raised() -> None:
    too_large = status(400, {"message": "Too large", "code": "context_length_exceeded"})
    with ResponsesServer([too_large, "summary", too_large]) as server:
        agent = on_server(server)
        history = [user(LONG), answer(LONG)] * 3
        with pytest.raises(BadRequestError, match="Too large"):
            Runner.run_sync(
                agent, [*history, user("new")], run_config=RunConfig(compaction=Compaction())
            )
        assert len(server.requests) == 3


def test_other_refusals_are_raised_at_once() -> None:
    model = ScriptedModel([BadRequestError("No such model", status_code=400)])
    with pytest.raises(BadRequestError):
        Runner.run_sync(
            Agent(name="A", model=model),
            [user(LONG), answer(LONG), user("new")],
            run_config=RunConfig(compaction=Compaction()),
        )


def on_server(server: ResponsesServer, **settings: Any) -> Agent[Any]:
    from agents_lite import OpenAIResponsesModel, ResponsesClient

    client = ResponsesClient(base_url=server.base_url, api_key="any")
    model = OpenAIResponsesModel("gpt-4o", client)
    return Agent(name="A", model=model, model_settings=ModelSettings(**settings))


def test_the_server_may_compact_and_its_items_are_sent_back() -> None:
    opaque = {"type": "compaction", "id": "cmp_1", "encrypted_content": "sealed"}
    wanted = [{"type": "compaction", "compact_threshold": 100_000}]
    with ResponsesServer([[opaque, text("one")], "two"]) as server:
        agent = on_server(server, context_management=wanted)
        result = Runner.run_sync(agent, "a")
        Runner.run_sync(agent, [*result.to_input_list(), user("b")])
        first, second = server.requests
    assert first.body["context_management"] == wanted
    assert opaque in second.body["input"]
    assert [item.type for item in result.new_items] == ["compaction_item", "message_output_item"]


@pytest.mark.parametrize("turns", range(1, 9))
def test_a_pause_changes_nothing_of_what_the_model_is_sent(turns: int) -> None:
    def script() -> Any:
        count = 0

        def reply(request: Any) -> Any:
            nonlocal count
            if is_summary_of(request):
                return uncounted(f"summary of {len(request.input[0]['content'])}")
            results = [item for item in request.input if item.get("name") == "read"]
            count += 1
            called = {**call("read", call_id=f"c{len(results)}-{count}", page=1), "id": f"i{count}"}
            return uncounted(called if count < 10 else "done")

        return reply

    def agent() -> Agent[Any]:
        return Agent(name="A", model=ScriptedModel(script()), tools=[read])

    config = RunConfig(compaction=small())
    whole = agent()
    expected = Runner.run_sync(whole, "go", run_config=config, max_turns=20)
    cut = agent()
    streamed = Runner.run_streamed(cut, "go", run_config=config, max_turns=20)
    for _ in streamed.stream_events():
        if streamed.current_turn == turns:
            streamed.cancel("after_turn")
    state = RunState.from_string(cut, streamed.to_state().to_string())
    result = Runner.run_sync(cut, state, run_config=config, max_turns=20)
    inputs: Any = [[r.input for r in each.model.requests] for each in (whole, cut)]  # type: ignore[union-attr]
    assert inputs[0] == inputs[1]
    assert result.usage == expected.usage
    assert result.to_input_list()[:-1] == expected.to_input_list()[:-1]


def test_no_compaction_where_the_server_keeps_the_conversation() -> None:
    with ResponsesServer(["one", "two"]) as server:
        agent = on_server(server)
        config = RunConfig(compaction=small())
        first = Runner.run_sync(agent, LONG)
        Runner.run_sync(
            agent, LONG, previous_response_id=first.last_response_id, run_config=config
        )
        assert len(server.requests) == 2


def test_a_handoff_filter_still_sees_everything() -> None:
    seen: list[Any] = []

    def keep(data: Any) -> Any:
        seen.append(data.input_history)
        return data

    def reply(request: Any) -> Any:
        if is_summary_of(request):
            return "summary"
        return handoff_to("B") if request.handoffs else "done"

    model = ScriptedModel(reply)
    target = handoff(Agent(name="B", model=model), input_filter=keep)
    agent = Agent(name="A", model=model, handoffs=[target])
    history = [user(LONG), answer(LONG)] * 4
    Runner.run_sync(agent, [*history, user("x")], run_config=RunConfig(compaction=small()))
    assert len(seen[0]) == 9


def test_a_span_tells_of_it() -> None:
    model = ScriptedModel(lambda request: "x")
    history = [user(LONG), answer(LONG)] * 4
    config = RunConfig(compaction=small())
    with recorded_spans() as recorder:
        Runner.run_sync(Agent(name="A", model=model), [*history, user("x")], run_config=config)
    told = recorder.spans[recorder.names.index("custom compaction")].span_data.export()
    assert told["data"]["after"] < told["data"]["estimated_tokens_before"]


def test_a_summary_of_a_model_that_traces_itself_has_its_span_alone() -> None:
    class Traced(Model):
        async def get_response(self, *asked: Any, **later: Any) -> ModelResponse:
            with generation_span(model="its own"):
                return ModelResponse([text("x")], Usage(requests=1))

    history = [user(LONG), answer(LONG)] * 4
    config = RunConfig(compaction=small())
    with recorded_spans() as recorder:
        Runner.run_sync(Agent(name="A", model=Traced()), [*history, user("x")], run_config=config)
    generations = [span.span_data for span in recorder.spans if span.span_data.type == "generation"]
    assert len(generations) > 1
    assert {each.model for each in generations} == {"its own"}


class TestSessions:
    def fill(self, session: Any, turns: int) -> None:
        session.add_items([e for n in range(turns) for e in (user(f"{n} {LONG}"), answer("ok"))])

    def test_the_store_keeps_everything_and_the_view_is_stable(self) -> None:
        store = SQLiteSession("x")
        session = CompactionSession(store, small())
        self.fill(session, 6)
        model = ScriptedModel(lambda request: "x")
        Runner.run_sync(Agent(name="A", model=model), "new", session=session)
        assert len(store.get_items()) == 14
        shown = session.get_items()
        assert shown == session.get_items() and len(shown) < 14
        assert shown[-2:] == store.get_items()[-2:]
        assert session.get_items(2) == shown[-2:]
        before = len(model.requests)
        Runner.run_sync(Agent(name="A", model=model), "newer", session=session)
        assert len(model.requests) == before + 1
        assert model.requests[-1].input[: len(shown)] == shown

    def test_cleared_results_stay_cleared_in_the_next_run(self) -> None:
        session = CompactionSession(SQLiteSession("x"), small(target=0.5))

        def reply(request: Any) -> Any:
            return uncounted("ok" if request.input[-1].get("output") else call("read", page=1))

        model = ScriptedModel(reply)
        agent = Agent(name="A", model=model, tools=[read])
        for _ in range(4):
            Runner.run_sync(agent, "Read", session=session)
        assert not any(map(is_summary_of, model.requests))
        outputs = [item["output"] for item in session.get_items() if "output" in item]
        assert outputs[0] == CLEARED and outputs[-1].startswith("page 1")

    def test_what_is_said_after_pops_behind_the_summary_is_shown(self) -> None:
        session = CompactionSession(SQLiteSession("x"), small())
        self.fill(session, 6)
        model = ScriptedModel(lambda request: "S")
        Runner.run_sync(Agent(name="A", model=model), "new", session=session)
        assert str(session.get_items()[0]["content"]).startswith("Summary")
        while len(session.underlying_session.get_items()) > 4:
            assert session.pop_item() is not None
        new = [user("other"), answer("yes")]
        session.add_items(new)
        assert session.get_items() == session.underlying_session.get_items()
        assert session.get_items()[-2:] == new

    def test_what_another_has_made_of_the_input_is_not_noted(self) -> None:
        session = CompactionSession(SQLiteSession("x"), small())
        self.fill(session, 6)
        model = ScriptedModel(lambda request: "x")
        config = RunConfig(session_input_callback=lambda old, new: [*old[2:], *new])
        Runner.run_sync(Agent(name="A", model=model), "new", session=session, run_config=config)
        assert len(session.get_items()) == 14

    def test_stores_that_are_awaited_are_awaited(self, tmp_path: Any) -> None:
        store = AsyncSQLiteSession("x", tmp_path / "x.db")
        notes = AsyncSQLiteSession("x/notes", tmp_path / "x.db")
        session = CompactionSession(store, small(), notes=notes)
        history = [e for n in range(6) for e in (user(f"{n} {LONG}"), answer("ok"))]
        model = ScriptedModel(lambda request: "x")
        import asyncio

        async def talk() -> Any:
            await session.add_items(history)
            await Runner.run(Agent(name="A", model=model), "new", session=session)
            return await session.get_items()

        assert len(asyncio.run(talk())) < 14

    def test_clearing_forgets_the_notes_too(self) -> None:
        session = CompactionSession(SQLiteSession("x"), small())
        self.fill(session, 6)
        model = ScriptedModel(lambda request: "x")
        Runner.run_sync(Agent(name="A", model=model), "new", session=session)
        session.clear_session()
        session.add_items([user("a"), answer("b")])
        assert session.get_items() == [user("a"), answer("b")]
        assert session.pop_item() == answer("b")

    def test_a_store_of_another_kind_needs_a_place_for_notes(self, tmp_path: Any) -> None:
        with pytest.raises(UserError, match="needs notes="):
            CompactionSession(AsyncSQLiteSession("x", tmp_path / "x.db"))


@pytest.mark.parametrize(
    "options",
    [{"window": 0}, {"target": 0.9}, {"threshold": 1.5}, {"keep_turns": 0}, {"summarize": "x"}],
)
def test_numbers_out_of_range_are_refused(options: Any) -> None:
    with pytest.raises(UserError):
        Compaction(**options)


def test_runs_without_it_do_not_load_it() -> None:
    import subprocess
    import sys

    program = """
import sys
from agents_lite import Agent, Runner, SQLiteSession
from agents_lite.testing import ScriptedModel
Runner.run_sync(Agent(name="A", model=ScriptedModel(["hi"])), "hi", session=SQLiteSession("x"))
rooms = ("agents_lite.compaction", "agents_lite.running.turn.compacting")
print([name for name in sys.modules if name.startswith(rooms)])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_a_run_from_a_journal_pays_no_summary_twice(tmp_path: Any) -> None:
    def agent_that(answers: Any) -> Agent[Any]:
        def reply(request: Any) -> Any:
            return uncounted("summary") if is_summary_of(request) else answers()

        return Agent(name="A", model=ScriptedModel(reply))

    config = RunConfig(
        journal=SQLiteJournal(tmp_path / "runs.db"), run_id="r", compaction=small()
    )
    history = [*[user(LONG), answer(LONG)] * 4, user("new")]
    lost = agent_that(lambda: APIConnectionError("lost"))
    with pytest.raises(APIConnectionError):
        Runner.run_sync(lost, history, run_config=config)
    back = agent_that(lambda: uncounted("done"))
    result = Runner.run_sync(back, history, run_config=config)
    sent = [model.requests for model in (lost.model, back.model)]  # type: ignore[union-attr]
    assert not any(map(is_summary_of, sent[1]))
    assert sent[1][0].input == sent[0][-1].input
    assert result.usage.requests == len(sent[0]) - 1 + len(sent[1])


def test_a_summary_that_saves_nothing_is_counted_and_not_shown() -> None:
    model = ScriptedModel(lambda request: turn("w" * 9000, usage=token_usage(0, 0)))
    agent = Agent(name="A", model=model)
    history = [user("a" * 4000), answer("b" * 3000), user("c" * 200)]
    config = RunConfig(compaction=small(summary_words=5000))
    result = Runner.run_sync(agent, history, run_config=config)
    assert model.requests[-1].input == history
    assert result.usage.requests == len(model.requests) > 1
