"""Objects of this package as fields of a user's pydantic models."""

from __future__ import annotations

from typing import Any


class TakenWhole:
    """Taken by pydantic as it is, and not by its fields, which may name what pydantic cannot find.

    So a model of the user's may hold it: `class Desk(BaseModel): agent: Agent`.
    """

    __slots__ = ()

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> Any:
        """Asks for an instance."""
        from pydantic_core import core_schema

        return core_schema.is_instance_schema(cls)

    def __class_getitem__(cls, types: Any) -> Any:
        """As of `Generic`; for dataclasses with types, pydantic does not ask the method above."""
        alias = super().__class_getitem__(types)  # type: ignore[misc]
        alias.__pydantic_core_schema__ = {"type": "is-instance", "cls": cls}
        return alias
