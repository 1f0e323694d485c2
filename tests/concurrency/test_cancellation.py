from __future__ import annotations

import gc
import threading
import weakref

import pytest

from agents_lite.concurrency.cancellation import Cancellation, RunCancelled
from agents_lite.concurrency.timers import call_at
from tests.support.waiting import LIMIT, time_is_up_once

LONG = 600


class Late(Exception):
    pass


def test_work_may_go_on_until_it_is_told_to_stop():
    cancellation = Cancellation()
    cancellation.check()

    cancellation.cancel(Late("now"))

    with pytest.raises(Late, match="now"):
        cancellation.check()


def test_the_first_reason_stays():
    cancellation = Cancellation()
    cancellation.cancel(Late("first"))
    cancellation.cancel(Late("second"))

    assert str(cancellation.reason) == "first"


def test_a_scope_stops_with_its_parent_for_the_same_reason():
    parent = Cancellation()
    with Cancellation(parent) as scope:
        parent.cancel(Late())

        assert scope.reason is parent.reason


def test_a_scope_of_a_parent_that_was_stopped_before_is_stopped():
    parent = Cancellation()
    parent.cancel(Late())
    with Cancellation(parent) as scope, pytest.raises(Late):
        scope.check()


def test_a_parent_goes_on_when_its_scope_is_stopped():
    parent = Cancellation()
    with Cancellation(parent) as scope:
        scope.cancel(Late())

    assert parent.reason is None


def test_a_scope_that_is_over_is_not_stopped_with_its_parent():
    parent = Cancellation()
    with Cancellation(parent) as scope:
        pass
    parent.cancel(Late())

    assert scope.reason is None


def test_a_parent_keeps_no_scope_alive_that_is_over():
    parent = Cancellation()
    with pytest.raises(Late), Cancellation(parent) as scope:
        raise Late
    over = weakref.ref(scope)
    del scope
    gc.collect()

    assert over() is None


def test_a_scope_stops_when_its_time_is_up():
    with Cancellation(seconds=0.02, late=lambda: Late("too long")) as scope:
        with pytest.raises(Late, match="too long"):
            scope.wait(LONG)


def test_time_that_is_up_has_a_reason_of_its_own_where_none_is_given():
    with Cancellation(seconds=0) as scope, pytest.raises(RunCancelled, match="0 seconds"):
        scope.wait(LONG)


def test_the_time_is_counted_from_the_beginning_of_the_block():
    scope = Cancellation(seconds=0, late=Late)
    passed = threading.Event()
    call_at(0, passed.set)
    assert passed.wait(LONG)

    assert scope.reason is None
    with scope, pytest.raises(Late):
        scope.wait(LONG)


def test_a_scope_that_is_over_is_not_stopped_by_the_clock():
    with Cancellation(seconds=LIMIT, late=Late) as scope:
        pass
    passed = threading.Event()
    with Cancellation(seconds=LIMIT) as later, later.interrupting(passed.set):
        with time_is_up_once(lambda: True):
            assert passed.wait(LONG)

    assert scope.reason is None


def test_an_inner_scope_stops_with_the_time_of_the_outer_one():
    with (
        Cancellation(seconds=0.02, late=lambda: Late("outer")) as outer,
        Cancellation(outer, seconds=LONG) as inner,
        pytest.raises(Late, match="outer"),
    ):
        inner.wait(LONG)


def test_what_waits_is_told_at_once_and_only_inside_its_block():
    told: list[str] = []
    cancellation = Cancellation()
    with cancellation.interrupting(lambda: told.append("before")):
        pass
    with cancellation.interrupting(lambda: told.append("inside")):
        cancellation.cancel(Late())
    with cancellation.interrupting(lambda: told.append("after")):
        pass

    assert told == ["inside", "after"]


def test_one_that_cannot_be_told_keeps_no_other_from_being_told(caplog):
    told: list[str] = []
    cancellation = Cancellation()
    with (
        cancellation.interrupting(lambda: 1 // 0),
        cancellation.interrupting(lambda: told.append("told")),
    ):
        cancellation.cancel(Late())

    assert told == ["told"]
    assert "ZeroDivisionError" in caplog.text


def test_a_wait_ends_when_another_thread_stops_it():
    cancellation = Cancellation()
    waiting = threading.Event()

    def stop() -> None:
        waiting.wait(LONG)
        cancellation.cancel(Late())

    thread = threading.Thread(target=stop)
    thread.start()
    with cancellation.interrupting(lambda: None), pytest.raises(Late):
        waiting.set()
        cancellation.wait(LONG)
    thread.join()


def test_a_wait_that_is_not_stopped_ends_in_time():
    Cancellation().wait(0.01)


def test_a_wait_whose_time_is_up_already_ends_at_once():
    Cancellation().wait(-0.001)
