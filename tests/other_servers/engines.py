"""Runs under engines for durable work: DBOS, Prefect, Celery, Temporal's test environment.

Not collected with the other tests, since the engines want environments of their own, each with this
package's dependencies too. ENGINES is a directory that holds them: `dbos` (packages dbos and
psycopg), `prefect`, `temporalio`. Celery and its Redis are those of the other tests.

    ENGINES=path pytest tests/other_servers/engines.py
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.servers import free_port
from tests.support.servers import postgres_url as postgres_url
from tests.support.servers import redis_url as redis_url
from tests.support.waiting import wait_until

ENGINES = Path(os.environ.get("ENGINES", ".venv-engines")).resolve()
HERE = Path(__file__).parent
ONCE = ["answer", "answer", "charge 1", "charge 2"]


class Engine:
    """Starts processes of an engine."""

    def __init__(self, name: str, folder: Path, **environment: str) -> None:
        own = ENGINES / name / "bin" / "python"
        self.python = str(own) if name != "celery" else sys.executable
        self.script = f"engine_{name.removesuffix('io')}.py"
        self.folder = folder
        paths = os.pathsep.join([str(HERE.parents[1]), str(HERE)])
        self.options: Any = {
            "env": {**os.environ, "FOLDER": str(folder), "PYTHONPATH": paths, **environment},
            "cwd": folder,
        }

    def tell(self, word: str) -> None:
        """Have the second charge die or fail, once."""
        (self.folder / word).touch()

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The script, to its end."""
        return subprocess.run(
            [self.python, HERE / self.script, *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
            **self.options,
        )

    @contextmanager
    def serving(self, *words: str) -> Iterator[None]:
        """A module of the engine, at work beside."""
        log = (self.folder / "server.log").open("wb")
        command = [self.python, "-m", *words]
        server = subprocess.Popen(command, stdout=log, stderr=log, **self.options)
        try:
            yield
        finally:
            server.terminate()
            server.wait(300)
            log.close()

    @property
    def effects(self) -> list[str]:
        return sorted((self.folder / "effects").read_text().splitlines())


def settles(engine: Engine, *words: str) -> str:
    """What the engine prints when all is settled, with each effect once."""
    done = engine.run(*words)
    assert done.returncode == 0, done.stderr
    assert engine.effects == ONCE
    return done.stdout


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_dbos_recovers_a_killed_run_and_repeats_no_effect(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    place = f"sqlite:///{tmp_path}/dbos.db"
    if kind == "postgresql":
        url = request.getfixturevalue("postgres_url").replace("+psycopg", "")
        place = url.replace("/postgres", "/dbos")
    engine = Engine("dbos", tmp_path)
    engine.tell("die")
    assert engine.run(place).returncode == -signal.SIGKILL
    assert engine.effects == ["answer", "charge 1"]
    assert "settled" in settles(engine, place)


@pytest.fixture(scope="module")
def prefect_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Environment variables that name a server of Prefect on this machine."""
    folder, port = tmp_path_factory.mktemp("prefect"), free_port()
    settings = {
        "PREFECT_HOME": str(folder),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "NO_PROXY": "127.0.0.1",
    }
    place = ("--host", "127.0.0.1", "--port", str(port))
    with Engine("prefect", folder, **settings).serving("prefect", "server", "start", *place):
        wait_until(lambda: is_healthy(settings["PREFECT_API_URL"]))
        yield settings


@pytest.mark.parametrize("way", ["fail", "die"])
def test_a_task_of_prefect_that_is_retried_finds_its_journal(
    way: str, tmp_path: Path, prefect_settings: dict[str, str]
) -> None:
    engine = Engine("prefect", tmp_path, **prefect_settings)
    engine.tell(way)
    if way == "die":  # then somebody starts the flow again
        assert engine.run().returncode == -signal.SIGKILL
        assert engine.effects == ["answer", "charge 1"]
    assert "settled" in settles(engine)


def is_healthy(address: str) -> bool:
    session = requests.Session()
    session.trust_env = False
    try:
        return session.get(f"{address}/health", timeout=5).ok
    except requests.ConnectionError:
        return False


def test_a_task_of_celery_whose_worker_is_killed_finds_its_journal(
    tmp_path: Path, redis_url: str
) -> None:
    engine = Engine("celery", tmp_path, REDIS_URL=redis_url)
    engine.tell("die")
    with engine.serving("celery", "-A", "engine_celery", "worker", "--concurrency", "1"):
        assert "settled" in settles(engine)
    assert "SIGKILL" in (tmp_path / "server.log").read_text()


def test_an_activity_of_temporal_goes_on_at_its_next_attempt(tmp_path: Path) -> None:
    engine = Engine("temporalio", tmp_path)
    engine.tell("fail")
    said = settles(engine).splitlines()
    assert said[0].startswith("attempt 1: ") and "the bank is closed" in said[0]
    assert said[1:] == ["settled"]
