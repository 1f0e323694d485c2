"""A client that was interrupted at any instruction, again and again, still works."""

from __future__ import annotations

import random
import signal

import pytest

from agents_lite.concurrency.cancellation import Cancellation
from agents_lite.http.client import ResponsesClient
from tests.support.interrupts import cut_off_silently as cut_off_silently
from tests.support.interrupts import times_interrupted
from tests.support.loopback import LoopbackServer, stream_answer

COMPLETED = {"type": "response.completed", "response": {"status": "completed", "output": []}}
INTERRUPTS = 500


@pytest.mark.usefixtures("cut_off_silently")
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no such timer")
def test_requests_go_on_after_many_interrupts() -> None:
    dice = random.Random(5)
    with LoopbackServer(always=stream_answer([COMPLETED])) as server:
        client = ResponsesClient(base_url=server.base_url, api_key="k", timeout=200)
        seen = times_interrupted(
            lambda: list(client.stream({"stream": True}, cancellation=Cancellation())),
            (dice.uniform(0.00005, 0.003) for _ in range(INTERRUPTS)),
        )
        for _ in range(20):
            assert list(client.stream({}, cancellation=Cancellation())) == [COMPLETED]

    assert seen > INTERRUPTS / 10
