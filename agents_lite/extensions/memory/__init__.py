"""Sessions in other stores, each loaded when it is first named, and `trim_items`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .trim import trim_items

if TYPE_CHECKING:
    from .redis_session import RedisSession
    from .sqlalchemy_session import SQLAlchemySession

__all__ = ["RedisSession", "SQLAlchemySession", "trim_items"]


def __getattr__(name: str) -> Any:
    if name == "RedisSession":
        from .redis_session import RedisSession

        return RedisSession
    if name == "SQLAlchemySession":
        from .sqlalchemy_session import SQLAlchemySession

        return SQLAlchemySession
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
