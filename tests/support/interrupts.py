"""For tests that interrupt this process at any instruction."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Iterator

import pytest

from agents_lite.concurrency.calling import Callbacks
from agents_lite.concurrency.cancellation import Cancellation


@pytest.fixture
def cut_off_silently(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What was cut off warns of itself in this test and to nobody.

    The hook of pytest that hears such warnings must not be interrupted either.
    """
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    yield
    Callbacks().call(Cancellation(), asyncio.sleep, 0)  # the loop is done with what came before
    gc.collect()
