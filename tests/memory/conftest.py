"""The stores that the session tests run on."""

from __future__ import annotations

import pytest

from tests.support.session_stores import Store

SHARED_STORES = [
    "sqlite-file",
    "branches-file",
    "sqlalchemy-file",
    "sqlalchemy-postgres",
    "sqlalchemy-pgbouncer",
    "sqlalchemy-mariadb",
    "redis",
]


@pytest.fixture(params=SHARED_STORES)
def shared_store(request: pytest.FixtureRequest) -> Store:
    """A store that processes can share."""
    return make_store(request)


@pytest.fixture(params=["sqlite-memory", "sqlalchemy-memory", *SHARED_STORES])
def store(request: pytest.FixtureRequest) -> Store:
    """Any store."""
    return make_store(request)


def make_store(request: pytest.FixtureRequest) -> Store:
    """The store that the fixture's parameter names."""
    kind, _dash, place = request.param.partition("-")
    if kind == "redis":
        return Store(kind, request.getfixturevalue("redis_url"))
    if kind == "sqlalchemy":
        pytest.importorskip("sqlalchemy")
    if place in ("postgres", "pgbouncer", "mariadb"):
        return Store(kind, request.getfixturevalue(f"{place}_url"))
    if place == "memory":
        return Store(kind, {"sqlite": ":memory:", "sqlalchemy": "sqlite://"}[kind])
    path = request.getfixturevalue("tmp_path") / "sessions.db"
    return Store(kind, f"sqlite:///{path}" if kind == "sqlalchemy" else str(path))
