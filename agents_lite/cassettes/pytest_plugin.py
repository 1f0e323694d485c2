"""Cassettes in pytest, which loads this by its entry point: a marker, a fixture, `--cassettes`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from . import modes

if TYPE_CHECKING:
    from .recording import Cassette

MARKER = (
    "cassette(path=None, record='once', tools='live', mask=None, match=None): answer the models of "
    "this test from a file; a path is relative to the test's module, None makes one of its name"
)
LONGEST_NAME = 100

_has_failed = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--cassettes`."""
    parser.getgroup("agents_lite").addoption(
        "--cassettes",
        choices=modes.MODES,
        default=None,
        help="when all cassettes of agents_lite record, whatever the tests say; for CI: none",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line("markers", MARKER)
    modes.chosen_for_all = config.getoption("--cassettes")


def pytest_unconfigure() -> None:
    """Let cassettes do as they say again."""
    modes.chosen_for_all = None


def pytest_itemcollected(item: pytest.Item) -> None:
    """Give the fixture to tests that have the marker."""
    if not isinstance(item, pytest.Function) or "cassette" in item.fixturenames:
        return
    if item.get_closest_marker("cassette"):  # a list of its own: others share the one it has
        item.fixturenames = ["cassette", *item.fixturenames]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note which tests failed: they leave answers over without a fault of the cassette."""
    if call.excinfo is not None:
        item.stash[_has_failed] = True
    return (yield)


@pytest.fixture
def cassette(request: pytest.FixtureRequest) -> Iterator[Cassette]:
    """The cassette of this test, in use for as long as the test lasts."""
    from .recording import cassette as open_cassette

    marker = request.node.get_closest_marker("cassette")
    options = {} if marker is None else dict(marker.kwargs)
    path = options.pop("path", None) if marker is None or not marker.args else marker.args[0]
    tape = open_cassette(_path(request.node, path), **options)
    tape.__enter__()
    yield tape
    tape.close(has_failed=request.node.stash.get(_has_failed, False))


def _path(item: pytest.Item, path: str | Path | None) -> Path:
    """The file for a test; each gets its own beside its module, unless it names one."""
    if path is not None:
        return item.path.parent / path
    _, _, name = item.nodeid.partition("::")
    fitting = re.sub(r"[^\w.\[\]-]+", "-", name.replace("::", "."))
    if len(fitting) > LONGEST_NAME or fitting != name.replace("::", "."):
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        fitting = f"{fitting[:LONGEST_NAME]}-{digest}"
    return item.path.parent / "cassettes" / item.path.stem / f"{fitting}.json"
