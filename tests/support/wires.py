"""Scripted models behind a real server: what they are asked, and answer, goes over HTTP."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from agents_lite import (
    ModelRequest,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    ResponsesClient,
)
from agents_lite.testing import HTTPRequest, ResponsesServer, ScriptedModel, Turn

MODELS: dict[str, Any] = {
    "chat": OpenAIChatCompletionsModel,
    "responses": OpenAIResponsesModel,
}
"""The models that speak each API."""


@contextmanager
def wired(api: str) -> Iterator[None]:
    """For a `with` block, have the turns of scripted models come over an API.

    The stand-in checks what is asked. Errors of a script are raised as they are.
    """
    turns: dict[str, Turn] = {}
    numbers = itertools.count()

    def answer(request: HTTPRequest) -> Turn:
        return turns.pop(request.headers["x-turn"])

    def stream(self: ScriptedModel, request: ModelRequest) -> Iterator[Any]:
        number = str(next(numbers))
        turn = self._next_turn(request)
        turns[number] = replace(turn, delay=self._delay if turn.delay is None else turn.delay)
        settings = request.model_settings
        headers = {**(settings.extra_headers or {}), "X-Turn": number}
        settings = replace(settings, extra_headers=headers)
        yield from model.stream(replace(request, model_settings=settings))

    with ResponsesServer(answer) as server, pytest.MonkeyPatch.context() as patch:
        client = ResponsesClient(base_url=server.base_url, api_key="sk-wire", max_retries=0)
        model = MODELS[api]("scripted", client)
        patch.setattr(ScriptedModel, "stream", stream)
        yield
        client.close()


def over(api: str, driver: Callable[..., Any]) -> Callable[..., Any]:
    """A driver whose scripted models are behind a server."""

    def drive(*args: Any, **options: Any) -> Any:
        with wired(api):
            return driver(*args, **options)

    return drive
