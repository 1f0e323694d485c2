"""The stand-in in the place of the default server."""

from __future__ import annotations

import os

import pytest

from agents_lite import Agent, Runner
from agents_lite.testing import ResponsesServer
from agents_lite.testing.offline import has_model_server, offline, offline_unless_configured

AGENT = Agent("Greeter", "Reply with 'Hello!'")


def test_stand_in_answers_for_as_long_as_the_block_lasts() -> None:
    before = dict(os.environ)
    with offline() as server:
        assert Runner.run_sync(AGENT, "Hi").final_output == "Hello!"
        assert has_model_server()
    assert len(server.requests) == 1
    assert dict(os.environ) == before


def test_variables_that_were_set_come_back_even_after_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://example.com")
    monkeypatch.setenv("no_proxy", "example.com")
    with pytest.raises(KeyError), offline():
        assert os.environ["no_proxy"] == "example.com,127.0.0.1"
        raise KeyError
    assert os.environ["OPENAI_BASE_URL"] == "http://example.com"
    assert os.environ["no_proxy"] == "example.com"


def test_variables_that_were_set_come_back_even_after_the_block_removed_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://example.com")
    with offline():
        del os.environ["OPENAI_BASE_URL"], os.environ["no_proxy"]
    assert os.environ["OPENAI_BASE_URL"] == "http://example.com"


def test_notice_is_given_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with offline_unless_configured():
        assert Runner.run_sync(AGENT, "Hi").final_output == "Hello!"
    printed = capsys.readouterr()
    assert "offline stand-in" in printed.err
    assert printed.out == ""


def test_configured_server_is_left_in_place(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with ResponsesServer(["From the real one."]) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        with offline_unless_configured():
            assert Runner.run_sync(AGENT, "Hi").final_output == "From the real one."
    assert capsys.readouterr().err == ""


def test_api_key_alone_means_a_real_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    with offline_unless_configured():
        assert "OPENAI_BASE_URL" not in os.environ
