"""The support desk among the examples."""

from __future__ import annotations

import importlib.util
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from agents_lite.testing import ResponsesServer, ScriptedModel, call, handoff_to, status

PATH = Path(__file__).parents[2] / "examples" / "support_desk.py"
REFUND = call("refund", call_id="c1", order="B-7", euros=20)


def load(folder: Path, model: ResponsesServer, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The program as a module, with its tickets in that folder."""
    monkeypatch.setenv("TICKETS", str(folder / "tickets.db"))
    monkeypatch.setenv("OPENAI_BASE_URL", model.base_url)
    spec = importlib.util.spec_from_file_location("support_desk", PATH)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_refund_waits_for_a_person_over_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("flask")
    script = ["Thank you too.", status(400), handoff_to("Billing"), REFUND, "It is on its way."]
    with ResponsesServer(script) as model:
        client = load(tmp_path, model, monkeypatch).app.test_client()
        assert "No tickets yet." in client.get("/").text
        for text in ("Thanks <b>", "Break", "Money back for B-7"):
            assert client.post("/tickets", data={"text": text}).status_code == 200
        client = load(tmp_path, model, monkeypatch).app.test_client()  # as after a restart
        page = unescape(client.get("/").text)
        assert 'refund({"order":"B-7","euros":20})' in page
        assert "Thank you too." in page
        assert "BadRequestError" in page
        assert "Thanks &lt;b&gt;" in client.get("/").text
        [action] = re.findall(r'action="(.*?)"', page)
        [secret] = re.findall(r'name="secret" value="(.*?)"', page)
        approved = {"secret": secret, "verdict": "approve"}
        assert client.post(action, data=approved | {"secret": "guess"}).status_code == 403
        for _ in range(2):  # a second click changes nothing
            assert client.post(action, data=approved).status_code == 302
        page = client.get("/").text
        assert "It is on its way." in page
        assert "<form" not in page
        assert len(model.requests) == 5


def test_the_page_is_there_while_a_first_answer_is_awaited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("flask")
    pages = []
    with ResponsesServer([]) as model:
        desk = load(tmp_path, model, monkeypatch)
        client = desk.app.test_client()

        def answer(*_: Any) -> str:
            pages.append(client.get("/").text)
            return "Hello."

        desk.triage.model = ScriptedModel(answer)
        client.post("/tickets", data={"text": "Hi"})
        pages.append(client.get("/").text)
    assert ["No tickets yet." in page for page in pages] == [True, False]
