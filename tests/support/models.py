"""Models that behave in ways of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from agents_lite import ModelRequest
from agents_lite.testing import ScriptedModel


class BluntModel(ScriptedModel):
    """Never streams deltas, so it may say things that have none."""

    def stream(self, request: ModelRequest) -> Iterator[Any]:
        return super().stream(replace(request, stream=False))
