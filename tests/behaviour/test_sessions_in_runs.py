"""What runs read from a session and leave in it."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import Any

import pytest

from agents_lite import (
    Agent,
    AgentsException,
    GuardrailFunctionOutput,
    InputGuardrail,
    InputGuardrailTripwireTriggered,
    ItemHelpers,
    MaxTurnsExceeded,
    OutputGuardrail,
    OutputGuardrailTripwireTriggered,
    RunConfig,
    Runner,
    RunState,
    RunTimeout,
    SessionSettings,
    SQLiteSession,
    UserError,
    function_tool,
)
from agents_lite.exceptions import SessionError
from agents_lite.testing import ScriptedModel, call, handoff_to, reasoning, text, turn
from tests.support.agents import add, calculator_with
from tests.support.drivers import every_driver, kinds

TURN = ["function_call", "function_call_output"]


class ListSession:
    """The plainest session there is; it notes what it is asked."""

    def __init__(self, *items: Any) -> None:
        self.session_id = "list"
        self.items = list(items)
        self.reads = 0
        self.batches: list[list[str]] = []

    def get_items(self, limit: int | None = None) -> list[Any]:
        self.reads += 1
        return list(self.items)

    def add_items(self, items: list[Any]) -> None:
        self.batches.append(kinds(items))
        self.items.extend(items)

    def pop_item(self) -> Any:
        return self.items.pop() if self.items else None

    def clear_session(self) -> None:
        self.items.clear()


class AsyncListSession(ListSession):
    """The same, asynchronous."""

    async def get_items(self, limit: int | None = None) -> list[Any]:  # type: ignore[override]
        await asyncio.sleep(0)
        return super().get_items(limit)

    async def add_items(self, items: list[Any]) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        super().add_items(items)


ADD = call("add", a=1, b=2)


def sent_to(agent: Agent[Any], request: int = -1) -> list[str]:
    model: Any = agent.model
    return kinds(model.requests[request].input)


@every_driver
@pytest.mark.parametrize("session_class", [ListSession, AsyncListSession])
def test_a_turn_s_items_are_saved_together_when_it_is_complete(
    run: Any, session_class: Any
) -> None:
    session = session_class()
    agent = calculator_with([[reasoning("hm"), ADD, ADD], [text("so"), ADD], "done"])
    run(agent, "hi", session=session)
    assert session.batches == [
        ["user", "reasoning", "function_call", *TURN, "function_call_output"],
        ["assistant", *TURN],
        ["assistant"],
    ]
    assert session.reads == 1


def test_a_turn_is_saved_before_the_next_model_call() -> None:
    session = ListSession()
    saved = []

    def answer(request: Any) -> str:
        saved.extend(kinds(session.items))
        return "done"

    Runner.run_sync(calculator_with([ADD, answer]), "hi", session=session)
    assert saved == ["user", *TURN]


@every_driver
@pytest.mark.parametrize("session_class", [ListSession, AsyncListSession, SQLiteSession])
def test_a_session_remembers(run: Any, session_class: Any) -> None:
    session = session_class("s")
    if session_class is not SQLiteSession:
        session.items.clear()
    agent = calculator_with([ADD, "3", "I said 3."])
    run(agent, "1 + 2?", session=session)
    result = run(agent, [{"role": "user", "content": "What?"}], session=session)
    assert sent_to(agent) == ["user", *TURN, "assistant", "user"]
    assert result.input == [{"role": "user", "content": "What?"}]
    assert len(result.new_items) == 1


def test_a_handoff_s_turn_is_saved_like_any_other() -> None:
    session = ListSession()
    agent = calculator_with([handoff_to("B"), "ok"])
    agent.handoffs = [Agent(name="B", model=agent.model)]
    Runner.run_sync(agent, "hi", session=session)
    assert session.batches == [["user", *TURN], ["assistant"]]


def test_a_final_output_of_a_tool_is_saved() -> None:
    session = ListSession()
    agent = calculator_with([ADD], tool_use_behavior="stop_on_first_tool")
    Runner.run_sync(agent, "hi", session=session)
    assert session.batches == [["user", *TURN]]


def test_a_broken_history_is_mended_for_the_model_only() -> None:
    lost = {"type": "function_call", "call_id": "c", "name": "add", "arguments": "{}"}
    session = ListSession(lost)
    agent = calculator_with(["ok"])
    Runner.run_sync(agent, "hi", session=session)
    assert sent_to(agent) == ["user"]
    assert kinds(session.items) == ["function_call", "user", "assistant"]


@pytest.mark.parametrize("option", ["previous_response_id", "conversation_id"])
def test_history_is_kept_here_or_at_the_server(option: str) -> None:
    agent = calculator_with([])
    with pytest.raises(UserError, match="session"):
        Runner.run_sync(agent, "hi", session=ListSession(), **{option: "id_1"})  # type: ignore[arg-type]


# Failures


class Broken(Exception):
    pass


def break_down(*_: Any) -> Any:
    raise Broken


def trip(*_: Any) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(None, True)


def failing_tool() -> Any:
    return function_tool(break_down_with_no_arguments, failure_error_function=None)


def break_down_with_no_arguments() -> None:
    raise Broken


FAILURES: dict[str, Any] = {
    "model": ({"script": [ADD, Broken]}, {}, Broken),
    "tool": (
        {
            "script": [ADD, [reasoning("hm"), ADD, call("break_down_with_no_arguments")]],
            "tools": [add, failing_tool()],
        },
        {},
        UserError,
    ),
    "unknown tool": ({"script": [ADD, [ADD, call("nope")]]}, {}, AgentsException),
    "max_turns": ({"script": [ADD]}, {"max_turns": 1}, MaxTurnsExceeded),
    "output guardrail": (
        {"script": [ADD, "secret"], "output_guardrails": [OutputGuardrail(trip)]},
        {},
        OutputGuardrailTripwireTriggered,
    ),
}


@every_driver
@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_leaves_whole_turns_and_can_be_repeated(run: Any, failure: str) -> None:
    fields, options, error = FAILURES[failure]
    session = SQLiteSession("s")
    with pytest.raises(error):
        run(calculator_with(**fields), "hi", session=session, **options)
    check_that_it_can_be_repeated(run, session)


@every_driver
def test_a_time_limit_leaves_whole_turns_and_the_run_can_be_repeated(run: Any) -> None:
    asked_again = threading.Event()

    def answer_late(request: Any) -> Any:
        asked_again.set()
        return turn("late", delay=60)

    for seconds in (0.2, 2, 20):  # the longer ones for a machine too busy for the shorter
        session = SQLiteSession("s")
        with pytest.raises(RunTimeout):
            run(calculator_with([ADD, answer_late]), "hi", session=session, timeout=seconds)
        if asked_again.is_set():
            break
    check_that_it_can_be_repeated(run, session)


def check_that_it_can_be_repeated(run: Any, session: SQLiteSession) -> None:
    assert kinds(session.get_items()) == ["user", *TURN]
    again = calculator_with(["done"])
    assert run(again, "hi", session=session).final_output == "done"
    assert sent_to(again) == ["user", *TURN]
    assert kinds(session.get_items()) == ["user", *TURN, "assistant"]


@every_driver
@pytest.mark.parametrize("script", [[Broken], [[ADD, call("nope")]]])
def test_a_failure_in_the_first_turn_leaves_nothing(run: Any, script: Any) -> None:
    session = SQLiteSession("s")
    with pytest.raises((Broken, AgentsException)):
        run(calculator_with(script), "hi", session=session)
    assert session.get_items() == []


@every_driver
@pytest.mark.parametrize("in_parallel", [True, False])
def test_a_tripped_input_guardrail_leaves_nothing(run: Any, in_parallel: bool) -> None:
    session = SQLiteSession("s")
    guardrail: InputGuardrail[Any] = InputGuardrail(trip, run_in_parallel=in_parallel)
    with pytest.raises(InputGuardrailTripwireTriggered):
        run(calculator_with([ADD, "ok"], input_guardrails=[guardrail]), "hi", session=session)
    assert session.get_items() == []


def test_leaving_a_stream_leaves_whole_turns() -> None:
    session = SQLiteSession("s")
    events = Runner.stream(calculator_with([ADD, [text("so"), ADD], "done"]), "hi", session=session)
    for event in events:
        if event.type == "run_item_stream_event" and event.name == "message_output_created":
            break
    events.close()
    assert kinds(session.get_items()) == ["user", *TURN]


def test_cancelling_a_task_leaves_whole_turns() -> None:
    session = AsyncListSession()
    began = threading.Event()

    def hang(request: Any) -> Any:
        began.set()
        return turn("late", delay=60)

    async def main() -> None:
        task = asyncio.create_task(Runner.run(calculator_with([ADD, hang]), "hi", session=session))
        await asyncio.to_thread(began.wait, 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert session.batches == [["user", *TURN]]


@pytest.mark.parametrize(
    "given",
    ["hi", [{"role": "user", "content": "hi"}, {"role": "user", "content": "are you there?"}]],
)
def test_a_run_may_fail_many_times(given: Any) -> None:
    session = SQLiteSession("s")
    for _ in range(3):
        with pytest.raises(Broken):
            Runner.run_sync(calculator_with([ADD, Broken]), given, session=session)
    asked = ["user"] if isinstance(given, str) else ["user", "user"]
    assert kinds(session.get_items()) == [*asked, *TURN * 3]


def test_another_message_after_a_failure_is_added() -> None:
    session = SQLiteSession("s")
    with pytest.raises(Broken):
        Runner.run_sync(calculator_with([ADD, Broken]), "hi", session=session)
    agent = calculator_with(["done"])
    Runner.run_sync(agent, "forget it", session=session)
    assert sent_to(agent) == ["user", *TURN, "user"]


@pytest.mark.parametrize("offers", ["each to all", "each to the next"])
def test_a_run_is_taken_up_among_many_agents(offers: str) -> None:
    count = 20 if offers == "each to all" else 1200
    agents = [Agent(f"A{number}") for number in range(count)]
    for place, agent in enumerate(agents):
        others = agents if offers == "each to all" else agents[place : place + 2]
        agent.handoffs = [other for other in others if other is not agent]
    session = SQLiteSession("s")
    with pytest.raises(Broken):
        Runner.run_sync(calculator_with([ADD, Broken]), "1 + 2?", session=session)
    agents[0].model = ScriptedModel(["3"])
    Runner.run_sync(agents[0], "1 + 2?", session=session)
    assert kinds(session.get_items()) == ["user", *TURN, "assistant"]


def test_the_same_message_after_an_answer_is_asked_again() -> None:
    session = SQLiteSession("s")
    agent = calculator_with([ADD, "3", "3 again"])
    for _ in range(2):
        Runner.run_sync(agent, "1 + 2?", session=session)
    assert kinds(session.get_items()) == ["user", *TURN, "assistant", "user", "assistant"]


@pytest.mark.parametrize(("kind", "times"), [("web_search", 1), ("image_generation", 2)])
def test_a_message_to_which_the_server_only_used_its_tools_is_asked_once(
    kind: str, times: int
) -> None:
    session = ListSession()
    for script in ([[{"type": f"{kind}_call", "id": "id_1"}], ConnectionError("no")], ["Found."]):
        with suppress(ConnectionError):
            Runner.run_sync(Agent("A", model=ScriptedModel(script)), "x", session=session)
    assert kinds(session.items).count("user") == times  # a picture is an answer


def test_the_same_message_after_an_answer_by_a_tool_is_asked_again() -> None:
    session = SQLiteSession("s")
    agent = calculator_with([ADD, ADD], tool_use_behavior="stop_on_first_tool")
    for _ in range(2):
        Runner.run_sync(agent, "1 + 2?", session=session)
    assert kinds(session.get_items()) == ["user", *TURN, "user", *TURN]


@every_driver
@pytest.mark.parametrize("error", [SessionError("The disk is full"), OSError("The disk is full")])
@pytest.mark.parametrize("method", ["get_items", "add_items"])
def test_a_session_that_fails_fails_the_run(run: Any, method: str, error: Exception) -> None:
    class Failing(ListSession):
        pass

    def fail(self: Any, *_: Any) -> Any:
        raise error

    setattr(Failing, method, fail)
    with pytest.raises(type(error), match="The disk is full") as caught:
        run(calculator_with(["ok"]), "hi", session=Failing())
    done = caught.value.run_data  # type: ignore[attr-defined]
    assert done.input == "hi" and len(done.raw_responses) == (method == "add_items")


@pytest.mark.parametrize("is_text", [False, True])
@pytest.mark.parametrize("method", ["get_items", "add_items"])
def test_a_run_whose_session_failed_goes_on_from_its_error(method: str, is_text: bool) -> None:
    class FailingOnce(ListSession):
        pass

    def fail(self: Any, *given: Any) -> Any:
        delattr(FailingOnce, method)
        raise ConnectionError("The server was restarted")

    setattr(FailingOnce, method, fail)
    session = FailingOnce()
    agent = calculator_with([ADD, "2"])  # each is asked for once
    with pytest.raises(ConnectionError) as caught:
        Runner.run_sync(agent, "1 + 1?", session=session)
    state = caught.value.run_data.to_state()  # type: ignore[attr-defined]
    if is_text:
        state = RunState.from_string(agent, state.to_string())
    assert Runner.run_sync(agent, state, session=session).final_output == "2"
    assert kinds(session.get_items()) == ["user", *TURN, "assistant"]


def test_a_session_that_failed_at_the_end_of_a_run_is_given_what_it_lacks() -> None:
    session = ListSession()
    add_items, refused = session.add_items, iter([False, True])

    def add(items: Any) -> None:
        if next(refused, False):
            raise ConnectionError("The server was restarted")
        add_items(items)

    session.add_items = add  # type: ignore[method-assign]
    agent = calculator_with([ADD, "2"])
    with pytest.raises(ConnectionError) as caught:
        Runner.run_sync(agent, "1 + 1?", session=session)
    state = caught.value.run_data.to_state()  # type: ignore[attr-defined]
    result = Runner.run_sync(agent, state, session=session)
    assert result.final_output == "2"
    assert kinds(session.get_items()) == ["user", *TURN, "assistant"]
    with pytest.raises(UserError, match="finished"):
        Runner.run_sync(agent, result.to_state(), session=session)


# Merging


def newest_first(history: list[Any], new: list[Any]) -> list[Any]:
    return [*new, *history[-1:]]


async def newest_first_async(history: list[Any], new: list[Any]) -> list[Any]:
    return newest_first(history, new)


@every_driver
@pytest.mark.parametrize("merge", [newest_first, newest_first_async])
def test_a_callback_merges_history_and_input(run: Any, merge: Any) -> None:
    session = ListSession()
    agent = calculator_with(["one", "two"])
    config = RunConfig(session_input_callback=merge)
    run(agent, "first", session=session, run_config=config)
    run(agent, "second", session=session, run_config=config)
    assert sent_to(agent) == ["user", "assistant"]
    assert session.batches == [["user", "assistant"]] * 2
    assert [item["content"] for item in session.items if item["role"] == "user"] == [
        "first",
        "second",
    ]


def test_the_same_words_said_again_are_saved_again() -> None:
    session = SQLiteSession("s")
    config = RunConfig(session_input_callback=lambda history, new: history + new)
    agent = calculator_with(["Sure?", "Done."])
    for _ in range(2):
        Runner.run_sync(agent, "yes", session=session, run_config=config)
    assert kinds(session.get_items()) == ["user", "assistant"] * 2


def test_the_callback_changes_what_is_sent_and_the_session_keeps_what_was_said() -> None:
    session = ListSession({"role": "user", "content": "old"})

    def polite(history: list[Any], new: list[Any]) -> list[Any]:
        return history + [{**item, "content": item["content"] + ", please"} for item in new]

    agent = calculator_with(["ok"])
    config = RunConfig(session_input_callback=polite)
    Runner.run_sync(agent, "now", session=session, run_config=config)
    assert [item["content"] for item in session.items[:2]] == ["old", "now"]
    model: Any = agent.model
    assert model.requests[0].input[1]["content"] == "now, please"


NO_ITEMS: list[Any] = [None, "hi", [None], ["hi"], [{"type": 5}]]


@pytest.mark.parametrize("items", NO_ITEMS, ids=str)
def test_the_callback_must_return_input_items(items: Any) -> None:
    config = RunConfig(session_input_callback=lambda history, new: items)
    with pytest.raises(UserError, match="What session_input_callback returns"):
        Runner.run_sync(calculator_with([]), "hi", session=ListSession(), run_config=config)


@pytest.mark.parametrize("items", NO_ITEMS, ids=str)
def test_a_session_must_give_input_items(items: Any) -> None:
    class OddSession(ListSession):
        def get_items(self, limit: int | None = None) -> Any:
            return items

        def __repr__(self) -> str:
            raise ValueError("no words")

    with pytest.raises(UserError, match=r"What OddSession\.get_items\(\) returns"):
        Runner.run_sync(calculator_with([]), "hi", session=OddSession())
    items = []
    assert Runner.run_sync(calculator_with(["ok"]), "hi", session=OddSession()).final_output == "ok"


@every_driver
@pytest.mark.parametrize("takes_it", [True, False])
def test_a_session_that_takes_the_context_in_all_methods_is_given_it(
    run: Any, takes_it: bool
) -> None:
    told: list[Any] = []

    class TenantSession(ListSession):
        async def get_items(self, limit: int | None = None, *, wrapper: Any = None) -> Any:
            told.append(wrapper)
            return super().get_items(limit)

        async def add_items(self, items: list[Any], *, wrapper: Any = None) -> Any:
            told.append(wrapper)
            super().add_items(items)

        async def pop_item(self, *, wrapper: Any = None) -> Any:
            return super().pop_item()

        async def clear_session(self, *, wrapper: Any = None) -> Any:
            super().clear_session()

    class Partly(TenantSession):
        def clear_session(self) -> Any:  # type: ignore[override]
            super().clear_session()

    class Clear:
        __hash__ = None  # type: ignore[assignment]  # as that of a dataclass

        def __call__(self, *, wrapper: Any = None) -> None: ...

    session = TenantSession() if takes_it else Partly()
    if takes_it:
        session.clear_session = Clear()  # type: ignore[method-assign]
    run(calculator_with(["ok"]), "hi", session=session, context="tenant")
    assert [wrapper and wrapper.context for wrapper in told] == ["tenant" if takes_it else None] * 2


class MarkingSession(ListSession):
    """Writes into what it is given, as drivers of databases do."""

    def add_items(self, items: list[Any]) -> None:
        super().add_items(items)
        for item in items:
            item["_id"] = len(self.items)
            for part in item["content"] if isinstance(item.get("content"), list) else ():
                part["text"] = "***"


def test_what_a_session_writes_into_items_stays_there() -> None:
    session, given = MarkingSession(), [{"role": "user", "content": "hi"}]
    agent = calculator_with([[text("so"), ADD], "done"])
    result = Runner.run_sync(agent, given, session=session)
    said: Any = agent.model
    assert all("_id" in item for item in session.items)
    assert not any("_id" in item for item in [*said.requests[1].input, *result.to_input_list()])
    assert (given, result.final_output) == ([{"role": "user", "content": "hi"}], "done")
    assert ItemHelpers.text_message_outputs(result.new_items) == "sodone"


def test_the_callback_cannot_reach_into_the_session() -> None:
    session = ListSession({"role": "user", "content": "old"})

    def clear(history: list[Any], new: list[Any]) -> list[Any]:
        history.clear()
        return new

    agent = calculator_with(["ok"])
    config = RunConfig(session_input_callback=clear)
    Runner.run_sync(agent, "new", session=session, run_config=config)
    assert kinds(session.items) == ["user", "user", "assistant"]


@pytest.mark.parametrize("by_session", [True, False])
@pytest.mark.parametrize("settings", [SessionSettings(limit=2), {"limit": 2}])
def test_only_the_newest_of_a_history_may_be_read(by_session: bool, settings: Any) -> None:
    session = SQLiteSession("chat", session_settings=settings if by_session else None)
    session.add_items([{"role": "user", "content": str(number)} for number in range(5)])
    model = ScriptedModel(["Hi"])
    config = RunConfig(session_settings={} if by_session else settings)
    Runner.run_sync(Agent(name="A", model=model), "new", session=session, run_config=config)
    assert [item["content"] for item in model.requests[0].input] == ["3", "4", "new"]
    assert len(session.get_items()) == 7
