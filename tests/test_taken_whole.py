"""Objects of this package as fields of a user's pydantic models."""

from __future__ import annotations

import typing
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, create_model

import agents_lite
from agents_lite import Agent, ModelSettings, RunContextWrapper, Runner, RunResultStreaming
from agents_lite.testing import ScriptedModel

ANY_CLASS = ConfigDict(arbitrary_types_allowed=True)


def test_every_public_type_may_be_that_of_a_field() -> None:
    for name in set(agents_lite.__all__) - {"RunOptions"}:  # keyword arguments, no field's type
        kind = getattr(agents_lite, name)
        if isinstance(kind, type) or typing.get_origin(kind) is not None:
            create_model(name, __config__=ANY_CLASS, it=(kind | None, None))()


def test_a_field_takes_an_object_as_it_is_and_no_other() -> None:
    class Desk(BaseModel):
        model_config = ANY_CLASS
        agent: Agent[str]
        context: RunContextWrapper[str] | None = None
        stream: RunResultStreaming | None = None

    agent = Agent[str]("A", model=ScriptedModel(["Hello!"]))
    stream = Runner.run_streamed(agent, "Hi", context="c")
    desk = Desk(agent=agent, context=stream.context_wrapper, stream=stream)
    assert desk.agent is agent
    assert desk.context is stream.context_wrapper
    assert desk.stream is stream
    with pytest.raises(ValidationError, match="instance of Agent"):
        Desk.model_validate({"agent": {"name": "A"}})


def test_settings_may_come_as_a_dict_and_go_as_json() -> None:
    adapter: Any = TypeAdapter(ModelSettings)
    settings = adapter.validate_python({"temperature": 0, "retry": {"max_retries": 1}})
    assert settings == ModelSettings(temperature=0, retry=settings.retry)
    plain = ModelSettings(temperature=0.5, extra_args={"a": 1})
    assert adapter.validate_json(adapter.dump_json(plain)) == plain
    for wrong in ({"temprature": 0}, {"retry": 3}, 3):
        with pytest.raises(ValidationError, match="temprature|retry|dict"):
            adapter.validate_python(wrong)
