from __future__ import annotations

import threading
import time

from agents_lite.concurrency.timers import Watchdog, call_at
from tests.support.waiting import wait_until

LEADS = (0.05, 0.5, 5)
"""Seconds until the first call is due; the longer ones for a machine too busy for the shorter."""


def after(seconds: float) -> float:
    return time.monotonic() + seconds


def test_calls_are_made_when_they_are_due_whatever_the_order_they_were_made_in():
    for lead in LEADS:
        made: list[str] = []
        done = threading.Event()
        due = after(lead)
        call_at(due + 0.02, done.set)
        call_at(due + 0.01, lambda made=made: made.append("second"))
        call_at(due, lambda made=made: made.append("first"))
        in_time = time.monotonic() < due
        assert done.wait(60)
        if in_time:
            break

    assert in_time
    assert made == ["first", "second"]


def test_what_was_due_while_the_thread_was_busy_is_called_in_its_order():
    made: list[int] = []
    is_busy, done = threading.Event(), threading.Event()
    call_at(after(-1), lambda: is_busy.wait(60))
    now = time.monotonic()
    call_at(now - 1, done.set)
    for number in (3, 1, 2):
        call_at(now - 5 + number, lambda number=number: made.append(number))
    is_busy.set()

    assert done.wait(60)
    assert made == [1, 2, 3]


def test_what_is_overdue_is_called_at_once():
    done = threading.Event()
    call_at(after(-5), done.set)

    assert done.wait(60)


def test_a_cancelled_call_is_not_made():
    for lead in LEADS:
        made: list[int] = []
        done = threading.Event()
        due = after(lead)
        call_at(due, lambda made=made: made.append(1)).cancel()
        in_time = time.monotonic() < due
        call_at(due + 0.01, done.set)
        assert done.wait(60)
        if in_time:
            break

    assert in_time
    assert made == []


def test_the_thread_ends_soon_after_there_is_nothing_to_watch():
    dog = Watchdog()
    watches = [dog.call_at(after(600), lambda: None) for _ in range(100)]
    thread = dog._thread
    assert thread is not None
    for watch in watches:
        watch.cancel()

    wait_until(lambda: not thread.is_alive())


def test_a_call_that_fails_is_logged_and_the_next_ones_are_made(caplog):
    done = threading.Event()
    due = after(0.05)
    call_at(due, lambda: 1 // 0)
    call_at(due, done.set)

    assert done.wait(60)
    assert "ZeroDivisionError" in caplog.text
