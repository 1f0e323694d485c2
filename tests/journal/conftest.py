"""The stores that the journal tests run on."""

from __future__ import annotations

import pytest

from tests.support.journal_stores import JournalStore, in_folder
from tests.support.servers import postgres_url as postgres_url
from tests.support.servers import redis_url as redis_url


def make_store(name: str, request: pytest.FixtureRequest) -> JournalStore:
    """The store of that name."""
    if name == "postgresql":
        pytest.importorskip("sqlalchemy")
        return JournalStore("sqlalchemy", request.getfixturevalue("postgres_url"))
    if name == "redis":
        return JournalStore("redis", request.getfixturevalue("redis_url"))
    return in_folder(str(request.getfixturevalue("tmp_path")))


@pytest.fixture(params=["sqlite", "postgresql", "redis"])
def store(request: pytest.FixtureRequest) -> JournalStore:
    """Any store."""
    return make_store(request.param, request)
