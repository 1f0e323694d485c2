"""What holds for every test: no connection leaves this machine, no settings come from outside."""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

from agents_lite.testing import ScriptedModel
from tests.support.browser import browser as browser
from tests.support.browser import browser_process as browser_process
from tests.support.servers import mariadb_url as mariadb_url
from tests.support.servers import pgbouncer_url as pgbouncer_url
from tests.support.servers import postgres_url as postgres_url
from tests.support.servers import redis_url as redis_url
from tests.support.stored_traces import sample as sample
from tests.support.stored_traces import sample_db as sample_db

# Hundreds of processes start in these tests: what one has compiled the others need not, whatever
# the environment says.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# The machine may be busy; and what passes once passes again.
settings.register_profile(
    "here", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("here")
# Made-up values would be those of the code that other tests have loaded before, too.
providers.is_local_module_file = lambda path: False

# Nothing that is loaded until then is garbage.
gc.disable()

_LOOPBACK = ("127.", "localhost", "::1", "0.0.0.0")


def keep_files_in_memory(folder: str = "/dev/shm") -> None:
    """Have files of tests where nobody waits for a disk, if such a place is there."""
    if "TMPDIR" in os.environ or not os.access(folder, os.W_OK | os.X_OK):
        return
    place = os.statvfs(folder)
    if place.f_bavail * place.f_frsize > 2 << 30 and not place.f_flag & os.ST_NOEXEC:
        os.environ["TMPDIR"] = tempfile.tempdir = folder


keep_files_in_memory()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Two more than there are processors, since tests wait a good part of their time."""
    return (os.cpu_count() or 1) + 2


def pytest_sessionstart(session: pytest.Session) -> None:
    """Have each process that shares the tests load others first: what one compiles is there."""
    worker = getattr(session.config, "workerinput", None)
    if worker is None:
        return
    folder, root = session.config.invocation_params.dir, session.config.rootpath
    places = [folder / place.partition("::")[0] for place in session.config.args]
    files = [file for place in places for file in sorted(place.rglob("test_*.py")) or [place]]
    first = int(worker["workerid"][2:]) * len(files) // worker["workercount"]
    for file in [*files[first:], *files[:first]]:
        with suppress(Exception, pytest.skip.Exception):  # it is told of when they are collected
            import_module(".".join(file.relative_to(root).with_suffix("").parts))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse names that are others in each process; those that share the tests must agree."""
    changing = [item.nodeid for item in items if " at 0x" in item.nodeid]
    if changing:
        raise pytest.UsageError(f"These tests need ids of their own: {changing}")


def pytest_collection_finish() -> None:
    """Look for garbage from now on, but not among the tests themselves."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="module", autouse=True)
def garbage_is_of_this_file() -> None:
    """Nor look for garbage among what the tests of other files have left: most of it is kept."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def processes_start_alike() -> None:
    """Whatever the tests were started from, and whatever else is installed."""
    # What runs in the background of a script ignores Ctrl-C, and so would its children.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Those of tracing platforms double the time that a process needs to begin.
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"


@pytest.fixture(autouse=True)
def refuse_outside_connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Refuse every connection to another machine, and fail the test that tried one."""
    refused: list[Any] = []

    def guard(method: Callable[[socket.socket, Any], Any]) -> Callable[[socket.socket, Any], Any]:
        def connect(self: socket.socket, address: Any) -> Any:
            if isinstance(address, tuple) and not str(address[0]).startswith(_LOOPBACK):
                refused.append(address)
                raise ConnectionRefusedError(f"tests may not connect to {address}")
            return method(self, address)

        return connect

    def resolve(host: Any, *arguments: Any, **options: Any) -> Any:
        if host and not str(host).startswith(_LOOPBACK):
            refused.append(host)
            raise socket.gaierror(f"tests may not look up {host}")
        return getaddrinfo(host, *arguments, **options)

    getaddrinfo = socket.getaddrinfo
    monkeypatch.setattr(socket.socket, "connect", guard(socket.socket.connect))
    monkeypatch.setattr(socket.socket, "connect_ex", guard(socket.socket.connect_ex))
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    yield
    assert not refused, f"the test tried to reach {refused}"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the settings of whoever runs the tests: API keys, base URLs, proxies."""
    for name in list(os.environ):
        if name.startswith("OPENAI_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def scripted() -> Iterator[Callable[..., ScriptedModel]]:
    """Makes scripted models; at the end the test fails if one has turns left."""
    models: list[ScriptedModel] = []

    def make(turns: list[Any], **options: Any) -> ScriptedModel:
        models.append(ScriptedModel(turns, **options))
        return models[-1]

    yield make
    for model in models:
        model.assert_finished()
