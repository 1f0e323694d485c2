"""Objects of the Responses API beside the classes of the `openai` package."""

from __future__ import annotations

import copy
import pickle
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel

from agents_lite import response_types
from agents_lite.response_types import ResponsesObject, as_object, as_stream_event


class Delta(BaseModel):
    type: Literal["response.output_text.delta"]


class Done(BaseModel):
    type: Literal["response.completed"]


class Message(BaseModel):
    type: Literal["message"]


class Reasoning(BaseModel):
    type: Literal["reasoning"]


class Text(BaseModel):
    type: Literal["output_text"]


class Whole(BaseModel):
    object: Literal["response"]


@pytest.fixture
def openai(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A module in the shape of `openai.types.responses`."""
    types: Any = ModuleType("openai.types.responses")
    types.ResponseStreamEvent = Annotated[Delta | Done, "discriminated by type"]
    types.ResponseOutputItem = Annotated[Message | Reasoning, "discriminated by type"]
    types.ResponseOutputText, types.ResponseOutputRefusal, types.Response = Text, Text, Whole
    monkeypatch.setitem(sys.modules, "openai.types.responses", types)
    monkeypatch.setattr(response_types, "_classes_in_openai", {})
    yield types


EVENT = as_stream_event({"type": "response.output_text.delta", "delta": "x"})


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (EVENT, Delta),
        (as_stream_event({"type": "response.completed"}), Done),
        (as_object({"type": "message"}), Message),
        (as_object({"type": "output_text"}), Text),
        (as_object({"object": "response"}), Whole),
    ],
)
def test_objects_are_of_the_classes_that_openai_has_for_them(
    openai: Any, value: Any, kind: type
) -> None:
    assert isinstance(value, kind)
    assert isinstance(value, ResponsesObject)
    assert not isinstance(value, Reasoning)


@pytest.mark.parametrize("fields", [{}, {"type": "new"}, {"type": ["string"]}])
def test_what_openai_has_no_class_for_stays_what_it_is(openai: Any, fields: Any) -> None:
    value = ResponsesObject(fields)
    assert value.__class__ is ResponsesObject
    assert not isinstance(value, BaseModel)


def test_copies_are_of_the_classes_of_this_package(openai: Any) -> None:
    for again in (copy.deepcopy(EVENT), pickle.loads(pickle.dumps(EVENT))):
        assert type(again) is type(EVENT)
        assert again == EVENT


def test_an_openai_that_is_still_being_imported_is_asked_again(openai: Any) -> None:
    delta = openai.ResponseStreamEvent
    del openai.ResponseStreamEvent
    assert not isinstance(EVENT, Delta)
    openai.ResponseStreamEvent = delta
    assert isinstance(EVENT, Delta)


def test_without_openai_an_object_has_its_own_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "openai.types.responses", raising=False)
    assert EVENT.__class__ is type(EVENT)


def test_an_object_becomes_a_dict_as_a_pydantic_model_does() -> None:
    """FastAPI, which returns such objects to its clients, asks for no more."""
    fields = {"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}
    item = as_object(fields)
    assert [name for name, _ in item] == list(fields)
    assert dict(item) == fields
    assert dict(item)["content"][0].text == "Hi"
