from __future__ import annotations

import threading
import time

from agents_lite.concurrency.timers import call_at


def after(seconds: float) -> float:
    return time.monotonic() + seconds


def test_calls_are_made_when_they_are_due_whatever_the_order_they_were_made_in():
    made: list[str] = []
    done = threading.Event()
    call_at(after(0.15), done.set)
    call_at(after(0.1), lambda: made.append("second"))
    call_at(after(0.05), lambda: made.append("first"))

    assert done.wait(2)
    assert made == ["first", "second"]


def test_what_is_overdue_is_called_at_once():
    done = threading.Event()
    call_at(after(-5), done.set)

    assert done.wait(1)


def test_a_cancelled_call_is_not_made():
    made: list[int] = []
    done = threading.Event()
    call_at(after(0.05), lambda: made.append(1)).cancel()
    call_at(after(0.1), done.set)

    assert done.wait(2)
    assert made == []


def test_the_thread_ends_soon_after_there_is_nothing_to_watch():
    watches = [call_at(after(600), lambda: None) for _ in range(100)]
    for watch in watches:
        watch.cancel()

    deadline = after(5)
    while "agents_lite watchdog" in [thread.name for thread in threading.enumerate()]:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_call_that_fails_is_logged_and_the_next_ones_are_made(caplog):
    done = threading.Event()
    due = after(0.05)
    call_at(due, lambda: 1 // 0)
    call_at(due, done.set)

    assert done.wait(2)
    assert "ZeroDivisionError" in caplog.text
