"""What visitors are told."""

from __future__ import annotations

import json

import pytest

from agents_lite import Agent, Runner, function_tool
from agents_lite.chat_page import ChatPage, error_event, kept_state, visitor_words
from agents_lite.exceptions import (
    AgentsException,
    APIConnectionError,
    MaxTurnsExceeded,
    RunTimeout,
    UserError,
)
from agents_lite.testing import ScriptedModel, call

ADDRESS = "http://10.0.0.7:8000 [Errno 111] Connection refused, key sk-123"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (APIConnectionError(ADDRESS), "No answer can be had at the moment."),
        (RunTimeout(ADDRESS), "This took too long."),
        (MaxTurnsExceeded(ADDRESS), "This led too far"),
        (UserError(ADDRESS), "Something went wrong on our side."),
        (AgentsException(ADDRESS), "Something went wrong on our side."),
        (ValueError(ADDRESS), "Something went wrong on our side."),
    ],
)
def test_visitors_are_told_in_words_of_their_own(error: Exception, words: str) -> None:
    assert visitor_words(error).startswith(words)
    assert "10.0.0.7" not in error_event(error) and "sk-123" not in error_event(error)
    assert json.loads(error_event(error, with_details=True).split("data: ")[1])["details"] == (
        f"{type(error).__name__}: {ADDRESS}"
    )


def test_an_error_that_cannot_be_told_is_named() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise LookupError("no words")

    assert '"Mute: Mute, whose text cannot be had"' in error_event(Mute(), with_details=True)


def test_the_page_holds_texts_as_data() -> None:
    evil = "</script><script>alert(1)</script>"
    page = ChatPage(evil, title=evil, hints=[evil], notice=evil, fields={"token": evil}).html()
    assert evil not in page
    assert page.lower().count("</script") == ChatPage("a").html().lower().count("</script")


def test_a_run_that_the_agent_cannot_go_on_with_is_left_behind(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @function_tool(needs_approval=True)
    def refund() -> str:
        return "refunded"

    agent = Agent("Desk", tools=[refund], model=ScriptedModel([call("refund")]))
    text = Runner.run_sync(agent, "Hi").to_state().to_string()
    kept = kept_state(agent, text)
    assert kept is not None and len(kept.get_interruptions()) == 1
    assert [kept_state(Agent("Other"), text), kept_state(agent, "{"), kept_state(agent, None)] == [
        None, None, None
    ]  # fmt: skip
    assert caplog.text.count("A run that waits is left behind") == 2
