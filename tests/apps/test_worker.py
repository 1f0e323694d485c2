"""A Celery worker goes on with the Django app's runs after a click, over a real Redis."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from typing import Any

import pytest

from agents_lite.testing import ResponsesServer, call, turn
from tests.apps.test_approvals import NOTHING, REFUND, ask, outputs
from tests.apps.test_chat import events, parsed
from tests.apps.test_chat_in_a_browser import ANSWER, send
from tests.support.browser import Browser
from tests.support.sites import EXAMPLES, Site, serve_site, site_environment
from tests.support.waiting import PATIENCE, wait_until


@pytest.fixture(scope="module", params=["django-gunicorn", "django-uvicorn"])
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, redis_url: str
) -> Iterator[Site]:
    """The app, and its worker."""
    for package in (*request.param.split("-"), "celery", "redis"):
        pytest.importorskip(package)
    turns: deque[Any] = deque()
    directory = tmp_path_factory.mktemp(request.param)
    with ResponsesServer(lambda _request: turns.popleft()) as model:
        settings = {"OPENAI_BASE_URL": model.base_url, "CHAT_REDIS_URL": redis_url}
        settings["DJANGO_SETTINGS_MODULE"] = "project.settings"
        with serve_site(request.param, directory, **settings) as url:
            worker = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "chat.worker", "worker", "--pool=solo"],
                cwd=EXAMPLES / "django_app",
                env=site_environment(directory, **settings),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                yield Site(request.param, url, model, turns)
            finally:
                worker.kill()
                worker.wait()


def test_the_page_shows_what_the_worker_does(browser: Browser, site: Site) -> None:
    site.turns.extend([[REFUND], turn("It is on its way.", pause=0.02)])
    browser.open(site.url)
    send(browser, "My money back, please.")
    browser.wait_for(".decision")
    browser.click(".approve")
    browser.wait_for(ANSWER, "It is on its way.")
    browser.wait_for("#send")
    assert "20.00 euros for repair 7" in browser.texts(".output")[0]
    shown = browser.texts("#log > *")
    browser.open(site.url)
    browser.wait_for(ANSWER, "It is on its way.")
    assert browser.texts("#log > *") == shown


def test_the_worker_goes_on_when_the_visitor_has_left(site: Site) -> None:
    go_on = threading.Event()

    def slowly(_request: Any) -> str:
        go_on.wait(PATIENCE)
        return "It is on its way."

    visitor = ask(site, [REFUND], slowly, "You are welcome.")
    asked = len(site.model.requests)
    answer = visitor.decide("c1", "approve")
    wait_until(lambda: len(site.model.requests) > asked)
    answer.close()
    visitor.post("stop")
    assert parsed(visitor.decide("c1", "approve")) == NOTHING
    go_on.set()
    wait_until(lambda: len(visitor.history()) == 4)
    assert len(outputs(visitor)) == 1
    assert events(visitor, "Thank you")[-1] == ("done", "You are welcome.")


def test_the_worker_pauses_at_the_next_call(site: Site) -> None:
    again = call("refund", call_id="c2", repair="8", euros=1)
    visitor = ask(site, [REFUND], [again], "I see.")
    assert parsed(visitor.decide("c1", "approve"))[-1][0] == "waiting"
    answer = parsed(visitor.decide("c2", "reject", "Enough."))
    assert answer[-1] == ("done", "I see.")
    assert outputs(visitor)[1] == "Enough."
