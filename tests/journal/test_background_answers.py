"""Background answers: their ids are written down before they are waited for, then collected."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agents_lite import (
    Agent,
    ModelSettings,
    OpenAIResponsesModel,
    ResponseFailedError,
    ResponsesClient,
    RunConfig,
    Runner,
    RunTimeout,
    SQLiteJournal,
    function_tool,
)
from agents_lite.testing import ResponsesServer, call, turn
from tests.support.waiting import LIMIT, time_is_up_once, wait_until
from tests.support.warm import Warm, run_warm

CHECKOUT = Path(__file__).parents[2]
LONG = 600.0  # seconds: the answer is not done before it is told to be

@function_tool
def look(what: str) -> str:
    """Looks at something."""
    return f"saw {what}"


def make_agent(server: ResponsesServer, **options: Any) -> Agent[Any]:
    client = ResponsesClient(base_url=server.base_url, api_key="none", retry_delay=0.01)
    settings = ModelSettings(extra_body={"background": True})
    model = OpenAIResponsesModel("any", client)
    return Agent("A", model=model, model_settings=settings, **options)


def posts(server: ResponsesServer) -> list[str]:
    """Paths of what was posted."""
    return [request.path for request in server.requests if request.method == "POST"]


def leave_waiting(server: ResponsesServer, agent: Agent[Any], what: Any, **options: Any) -> Any:
    """Run until the time is up, which is when the server is asked for a late answer again."""
    before = len(server.requests)

    def is_asked_again() -> bool:
        asked = {each.path for each in server.requests[before:] if each.method == "GET"}
        late = [id for id, each in server._responses.items() if each.ready_at > time.monotonic()]
        return any(f"/v1/responses/{response_id}" in asked for response_id in late)

    with time_is_up_once(is_asked_again):
        return Runner.run_sync(agent, what, timeout=LIMIT, **options)


def let_go_on(server: ResponsesServer) -> None:
    """Have all answers done."""
    for stored in server._responses.values():
        stored.ready_at = 0.0


@pytest.fixture
def journal(tmp_path: Path) -> SQLiteJournal:
    return SQLiteJournal(tmp_path / "runs.db")


def config(journal: SQLiteJournal | None) -> RunConfig:
    return RunConfig(journal=journal, run_id="r", tracing_disabled=True)


@pytest.fixture
def server() -> Iterator[ResponsesServer]:
    with ResponsesServer([turn("done", delay=LONG), "asked anew"]) as server:
        yield server


def test_a_run_that_is_paused_in_the_wait_collects_the_answer_later(
    server: ResponsesServer, journal: SQLiteJournal
) -> None:
    agent = make_agent(server)
    left = leave_waiting(server, agent, "Go", run_config=config(journal), on_timeout="pause")
    assert (left.is_paused, left.pause_reason) == (True, "timeout")
    (response_id,) = server._responses
    assert journal.facts("r")[-1] == {"type": "awaited", "response_id": response_id}
    let_go_on(server)
    result = Runner.run_sync(agent, "Go", run_config=config(journal))
    assert (result.final_output, result.last_response_id) == ("done", response_id)
    assert posts(server) == ["/v1/responses"]


def test_a_state_collects_the_answer_without_a_journal(server: ResponsesServer) -> None:
    agent = make_agent(server)
    left = leave_waiting(server, agent, "Go", run_config=config(None), on_timeout="pause")
    again = leave_waiting(server, agent, left.to_state(), on_timeout="pause")
    assert again.is_paused
    let_go_on(server)
    text = again.to_state().to_string()
    state = type(again.to_state()).from_string(agent, text)
    assert Runner.run_sync(agent, state).final_output == "done"
    assert posts(server) == ["/v1/responses"]
    fork = again.to_state().fork(turn=0)
    assert Runner.run_sync(agent, fork).final_output == "asked anew"


def test_what_is_added_while_an_answer_is_awaited_comes_behind_it() -> None:
    script = [turn("done", delay=LONG), "and more"]
    with ResponsesServer(script) as server:
        agent = make_agent(server)
        left = leave_waiting(server, agent, "Go", on_timeout="pause")
        state = left.to_state()
        state.add_input("More")
        state = type(state).from_string(agent, state.to_string())
        let_go_on(server)
        result = Runner.run_sync(agent, state)
    assert result.final_output == "and more"
    said = [item.get("role") for item in result.to_input_list()]
    assert said == ["user", "assistant", "user", "assistant"]
    played = Runner.replay(agent, result.to_state().to_string())
    assert played.comparison.is_same, str(played.comparison)
    assert played.result.to_input_list() == result.to_input_list()


def test_a_run_whose_time_is_up_collects_the_answer_later(
    server: ResponsesServer, journal: SQLiteJournal
) -> None:
    agent = make_agent(server)
    with pytest.raises(RunTimeout):
        leave_waiting(server, agent, "Go", run_config=config(journal))
    let_go_on(server)
    assert Runner.run_sync(agent, "Go", run_config=config(journal)).final_output == "done"
    assert posts(server) == ["/v1/responses"]


def test_without_a_way_to_go_on_the_server_is_told_to_stop(server: ResponsesServer) -> None:
    with pytest.raises(RunTimeout):
        leave_waiting(server, make_agent(server), "Go", run_config=config(None))
    (response_id,) = server._responses
    assert posts(server) == ["/v1/responses", f"/v1/responses/{response_id}/cancel"]


@pytest.mark.parametrize("fate", ["cancelled", "forgotten"])
def test_an_answer_that_is_lost_is_asked_for_anew(
    server: ResponsesServer, journal: SQLiteJournal, fate: str
) -> None:
    agent = make_agent(server)
    options: Any = {"run_config": config(journal)}
    leave_waiting(server, agent, "Go", on_timeout="pause", **options)
    (stored,) = server._responses.values()
    if fate == "forgotten":
        server._responses.clear()
    else:
        stored.response, stored.ready_at = stored.so_far("cancelled"), 0.0
        with pytest.raises(ResponseFailedError, match="cancelled"):
            Runner.run_sync(agent, "Go", **options)
    assert Runner.run_sync(agent, "Go", **options).final_output == "asked anew"
    assert posts(server) == ["/v1/responses"] * 2


def test_a_nested_run_collects_its_answer(journal: SQLiteJournal) -> None:
    script = [call("inner", input="Help"), turn("helped", delay=LONG), "done"]
    with ResponsesServer(script) as server:
        inner = make_agent(server).clone(name="Inner")
        outer = make_agent(server, tools=[inner.as_tool("inner")])
        options: Any = {"run_config": config(journal)}
        left = leave_waiting(server, outer, "Go", on_timeout="pause", **options)
        assert left.is_paused
        let_go_on(server)
        result = Runner.run_sync(outer, "Go", **options)
        assert result.new_items[1].output == "helped"
        assert (result.final_output, len(posts(server))) == ("done", 3)


DRIVER = """
import sys
from agents_lite import *
from tests.journal.test_background_answers import config, look, make_agent

class Server:
    base_url = sys.argv[1]

agent = make_agent(Server, tools=[look])
options = {"run_config": config(SQLiteJournal(sys.argv[2]))}
if sys.argv[3] == "streamed":
    result = Runner.run_streamed(agent, "Go", **options)
    for _ in result.stream_events():
        pass
else:
    result = Runner.run_sync(agent, "Go", **options)
print(result.final_output)
"""


@pytest.mark.parametrize("way", ["plain", "streamed"])
def test_the_answers_of_a_killed_process_are_collected(
    journal: SQLiteJournal, tmp_path: Path, way: str
) -> None:
    slow: Any = {"pause": LONG} if way == "streamed" else {"delay": LONG}
    script = [turn(call("look", what="a"), **slow), turn("done", **slow)]
    with ResponsesServer(script) as server:
        command = ["-c", DRIVER, server.base_url, str(tmp_path / "runs.db"), way]
        for number in (1, 2):
            driver = Warm(command, cwd=CHECKOUT)

            def is_awaited(number: int = number) -> bool:
                facts = journal.facts("r") if journal.runs() else []
                return [fact["type"] for fact in facts].count("awaited") == number

            wait_until(is_awaited)
            driver.kill()
            driver.wait()
            let_go_on(server)
        assert run_warm(command, cwd=CHECKOUT).stdout == "done\n"
        assert posts(server) == ["/v1/responses"] * 2
