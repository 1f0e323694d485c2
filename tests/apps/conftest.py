"""The chat apps, each with a model server that says what the test wants."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import pytest

from agents_lite.testing import ResponsesServer
from tests.support.sites import KINDS, Site, serve_site


@pytest.fixture(scope="session", params=KINDS)
def running_site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    for package in request.param.split("-"):
        pytest.importorskip(package)
    turns: deque[Any] = deque()
    with ResponsesServer(lambda _request: turns.popleft()) as model:
        directory = tmp_path_factory.mktemp(request.param)
        with serve_site(request.param, directory, OPENAI_BASE_URL=model.base_url) as url:
            yield Site(request.param, url, model, turns)


@pytest.fixture
def site(running_site: Site) -> Iterator[Site]:
    """One of the apps; the test fails when the model was not asked for all its turns."""
    running_site.turns.clear()
    running_site.model.requests.clear()
    yield running_site
    assert not running_site.turns
