"""A client that was interrupted at any instruction, again and again, still works."""

from __future__ import annotations

import random
import signal
import time
from typing import Any

import pytest

from agents_lite.concurrency.cancellation import Cancellation
from agents_lite.http.client import ResponsesClient
from tests.support.interrupts import cut_off_silently as cut_off_silently
from tests.support.loopback import LoopbackServer, stream_answer

COMPLETED = {"type": "response.completed", "response": {"status": "completed", "output": []}}
INTERRUPTS = 500


class Interrupted(BaseException):
    pass


@pytest.mark.usefixtures("cut_off_silently")
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no such timer")
def test_requests_go_on_after_many_interrupts() -> None:
    def interrupt(*_: Any) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGALRM, interrupt)
    dice = random.Random(5)
    with LoopbackServer(always=stream_answer([COMPLETED])) as server:
        client = ResponsesClient(base_url=server.base_url, api_key="k", timeout=200)
        seen = 0
        try:
            for _ in range(INTERRUPTS):
                try:
                    signal.setitimer(signal.ITIMER_REAL, dice.uniform(0.00005, 0.003))
                    list(client.stream({"stream": True}, cancellation=Cancellation()))
                    signal.setitimer(signal.ITIMER_REAL, 0)
                    time.sleep(0)  # for an interrupt that is on its way
                except Interrupted:
                    seen += 1
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        for _ in range(20):
            assert list(client.stream({}, cancellation=Cancellation())) == [COMPLETED]

    assert seen > INTERRUPTS / 10
