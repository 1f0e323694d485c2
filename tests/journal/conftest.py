"""The stores that the journal tests run on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.journal_stores import JournalStore, in_folder
from tests.support.servers import mariadb_url as mariadb_url
from tests.support.servers import postgres_url as postgres_url
from tests.support.servers import redis_url as redis_url
from tests.support.sites import django_environment, manage


def make_store(name: str, request: pytest.FixtureRequest) -> JournalStore:
    """The store of that name."""
    if name == "django":
        return JournalStore("django", request.getfixturevalue("django_file"))
    if name == "django-postgresql":
        return JournalStore("django", request.getfixturevalue("django_url"))
    if name == "postgresql":
        pytest.importorskip("sqlalchemy")
        return JournalStore("sqlalchemy", request.getfixturevalue("postgres_url"))
    if name == "mariadb":
        pytest.importorskip("sqlalchemy")
        return JournalStore("sqlalchemy", request.getfixturevalue("mariadb_url"))
    if name == "redis":
        return JournalStore("redis", request.getfixturevalue("redis_url"))
    return in_folder(str(request.getfixturevalue("tmp_path")))


@pytest.fixture
def django_file(tmp_path: Path) -> str:
    """The database of the Django example."""
    pytest.importorskip("django")
    return django_environment(tmp_path)["CHAT_DATABASE"]


@pytest.fixture(scope="session")
def django_url(postgres_url: str) -> str:
    """The same on the PostgreSQL server."""
    pytest.importorskip("django")
    sa = pytest.importorskip("sqlalchemy")
    engine = sa.create_engine(postgres_url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.execute(sa.text("CREATE DATABASE shop"))
    place = sa.make_url(postgres_url).set(database="shop").render_as_string(False)
    settings = "tests.support.django_settings"
    environment = {**os.environ, "CHAT_DATABASE": place, "DJANGO_SETTINGS_MODULE": settings}
    manage("migrate", environment=environment).check_returncode()
    return place


@pytest.fixture(params=["sqlite", "postgresql", "mariadb", "redis"])
def store(request: pytest.FixtureRequest) -> JournalStore:
    """Any store."""
    return make_store(request.param, request)
