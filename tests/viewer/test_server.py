"""The server, without a browser."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from agents_lite import Agent, RunConfig, Runner, SQLiteJournal, function_tool
from agents_lite.exceptions import UserError
from agents_lite.testing import ScriptedModel, call
from agents_lite.tracing.sqlite_store import StoredTrace, TraceStore
from agents_lite.viewer.page import trace_json
from agents_lite.viewer.server import serve_store


@function_tool(needs_approval=True)
def refund(order: int) -> str:
    """Refund an order."""
    return f"refunded order {order}"


@pytest.fixture
def url(sample_db: Path) -> Iterator[str]:
    server = serve_store(TraceStore(sample_db))
    yield server.url
    server.close()


def test_runs_of_a_journal_are_listed(sample_db: Path, tmp_path: Path) -> None:
    journal = SQLiteJournal(tmp_path / "runs.db")
    model = ScriptedModel([call("refund", call_id="c", order=7)])
    agent = Agent("Cashier", model=model, tools=[refund])
    Runner.run_sync(agent, "Refund", run_config=RunConfig(journal=journal, run_id="r"))
    server = serve_store(TraceStore(sample_db), journal=journal)
    try:
        (run,) = get(f"{server.url}/runs").json()
        assert get(f"{server.url}/runs?limit=0").json() == []
    finally:
        server.close()
    assert (run["run_id"], run["status"], run["agent_name"]) == ("r", "paused", "Cashier")
    assert (run["waiting"][0]["tool_name"], run["waiting"][0]["arguments"]) == (
        "refund",
        '{"order":7}',
    )
    assert run["trace_id"].startswith("trace_")


def test_without_a_journal_there_are_no_runs(url: str) -> None:
    assert get(f"{url}/runs").json() is None


def test_a_journal_that_went_bad_is_told(sample_db: Path, tmp_path: Path) -> None:
    (tmp_path / "runs.db").write_bytes(b"no journal" * 1000)
    server = serve_store(TraceStore(sample_db), journal=SQLiteJournal(tmp_path / "runs.db"))
    try:
        refused = get(f"{server.url}/runs")
        assert (refused.status_code, "not a database" in refused.json()["error"]) == (500, True)
    finally:
        server.close()


def get(url: str, **headers: str) -> requests.Response:
    return requests.get(url, headers=headers, timeout=60)


def test_traces_are_listed_and_shown(url: str, sample: StoredTrace) -> None:
    listed = get(f"{url}/conversations").json()
    [conversation] = listed["conversations"]
    assert (conversation["name"], conversation["trace_count"]) == ("chat-17", 1)
    [found] = conversation["traces"]
    assert {**trace_json(sample), "spans": []}.items() <= {**found, "cost": None}.items()
    assert found["question"].startswith("Hello, my order A-1001")
    assert '"approved":true' in found["answer"].replace(" ", "")
    assert found["usage"] == {"input_tokens": 4968, "output_tokens": 322}
    assert listed["workflows"] == ["Customer support"]
    assert listed["agents"] == ["Front desk", "Refund agent", "Rules expert"]
    assert get(f"{url}/traces/{sample.trace_id}").json() == trace_json(sample)
    assert get(f"{url}/conversations?limit=0").json()["conversations"] == []


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("status=failed", True),
        ("status=ok", False),
        ("status=unfinished", False),
        ("workflow=Customer+support", True),
        ("workflow=Customer", False),
        ("agent=Rules+expert", True),
        ("agent=nobody", False),
        ("hours=1", True),
        ("words=BRASS+warehouse", True),
        ("words=brass+submarine", False),
        ("words=chat-17", True),
        ("status=failed&agent=Refund+agent&words=refund", True),
    ],
)
def test_conversations_are_filtered(url: str, query: str, is_found: bool) -> None:
    assert bool(get(f"{url}/conversations?{query}").json()["conversations"]) is is_found


@pytest.mark.parametrize("query", ["status=odd", "hours=x", "limit=-1", "limit=%D9%A3"])
def test_a_query_that_is_none_is_told(url: str, query: str) -> None:
    refused = get(f"{url}/conversations?{query}")
    assert (refused.status_code, list(refused.json())) == (400, ["error"])


def test_a_limit_of_runs_that_is_no_number_is_told(url: str) -> None:
    assert get(f"{url}/runs?limit=x").status_code == 400


@pytest.mark.parametrize("host", ["evil.example:80", "127.0.0.1.evil.example:1", ""])
def test_who_calls_it_by_another_name_learns_nothing(url: str, host: str) -> None:
    for path in ("/", "/conversations"):
        refused = get(url + path, Host=host)
        assert (refused.status_code, list(refused.json())) == (403, ["error"])


@pytest.mark.parametrize("host", ["localhost:9000", "localhost", "127.0.0.1", "[::1]"])
def test_names_of_this_machine_are_answered_at_any_port(url: str, host: str) -> None:
    assert get(f"{url}/conversations", Host=host).ok


def test_a_body_is_not_read(url: str) -> None:
    place = urlsplit(url)
    with socket.create_connection((place.hostname, place.port), timeout=60) as connection:
        connection.sendall(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000000\r\n\r\n"
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_nothing_but_get_is_answered(url: str, method: str) -> None:
    assert requests.request(method, f"{url}/traces", timeout=60).status_code == 405


@pytest.mark.parametrize("path", ["/traces/nope", "/nope", "/traces/..%2F..%2Fetc%2Fpasswd"])
def test_unknown_trace_is_404(url: str, path: str) -> None:
    assert get(url + path).status_code == 404


def test_a_trace_is_at_its_own_address_only(url: str, sample: StoredTrace) -> None:
    assert get(f"{url}/{sample.trace_id}").status_code == 404


def test_store_that_went_bad_is_told(tmp_path: Path) -> None:
    path = tmp_path / "traces.db"
    path.write_bytes(b"this is no database, and long enough to be looked at as one" * 20)
    server = serve_store(TraceStore(path))
    answer = get(f"{server.url}/conversations")
    server.close()
    assert answer.status_code == 500
    assert "no readable trace store" in answer.json()["error"]


def test_page_may_not_be_framed_kept_or_guessed_at(url: str) -> None:
    headers = get(url).headers
    assert headers["Content-Security-Policy"] == "frame-ancestors 'self'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"


def test_port_that_is_taken_is_a_user_error(sample_db: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"Port {port} cannot be used"):
            serve_store(TraceStore(sample_db), port)


def test_port_that_is_none_is_a_user_error(sample_db: Path) -> None:
    with pytest.raises(UserError, match="Port 70000 cannot be used"):
        serve_store(TraceStore(sample_db), 70000)


@pytest.mark.parametrize("digits", [20, 5000])
def test_any_limit_is_taken(url: str, digits: int) -> None:
    assert len(get(f"{url}/conversations?limit={'9' * digits}").json()["conversations"]) == 1
