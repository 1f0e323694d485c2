from __future__ import annotations

import time

import pytest
import requests

from agents_lite.exceptions import (
    APIConnectionError,
    APIResponseError,
    APIStatusError,
    APITimeoutError,
    ResponseFailedError,
)
from agents_lite.http.assembly import error_details
from agents_lite.http.retries import (
    Retries,
    RetryPolicy,
    is_transient,
    is_used_up,
    parse_retry_after,
)

NOW = 1_767_225_600.0  # Thu, 01 Jan 2026 00:00:00 GMT


def status_error(status: int, code: str | None = None, **headers: str) -> APIStatusError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return APIStatusError("no", status_code=status, code=code, headers=named)


def retries(max_retries: int = 5, max_wait: float = 60, base: float = 0.5, left: float = 600):
    notes = []
    policy = RetryPolicy(max_retries, max_wait, base)
    return Retries(policy, time.monotonic() + left, notes.append), notes


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": "Thu, 01 Jan 2026 00:00:07 GMT"}, 7.0),
        ({"retry-after": "Wed, 31 Dec 2025 00:00:00 GMT"}, 0.0),
        (
            {
                "retry-after": "Thu, 01 Jan 2026 01:00:07 GMT",
                "date": "Thu, 01 Jan 2026 01:00:00 GMT",
            },
            7.0,
        ),
        ({"retry-after": "Thu, 01 Jan 2026 00:00:07 GMT", "date": "yesterday"}, 7.0),
        ({"retry-after-ms": "150", "retry-after": "9"}, 0.15),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "Thu, 99 Jan 2026 00:00:00 GMT"}, None),
        ({}, None),
    ],
)
def test_the_server_may_name_the_wait(headers, seconds):
    assert parse_retry_after(headers, NOW) == (
        None if seconds is None else pytest.approx(seconds)
    )


DETAILS = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "45.837906927s"}


@pytest.mark.parametrize(
    ("message", "body", "seconds"),
    [
        # https://github.com/googleapis/python-genai/issues/1875
        ("Resource exhausted", {"error": {"code": 429, "details": [DETAILS]}}, 45.837906927),
        ("Please retry in 53.016342224s.", None, 53.016342224),
        ("Rate limit reached. Please try again in 350ms. Visit", None, 0.35),
        ("Rate limit reached. Please try again in 1m2.5s.", None, 62.5),
        ("Please try again in 6h0m0s.", None, 21_600),
        ("Rate limit is exceeded. Try again in 17 seconds.", None, 17),
        ("Please retry after 250 milliseconds.", None, 0.25),
    ],
)
def test_a_refusal_may_name_the_wait_in_words(message, body, seconds):
    named = {"headers": {}, "code": None, "body": body}
    refusal = APIStatusError(message, status_code=429, **named)
    schedule, _ = retries(max_wait=1e6, left=1e6)
    assert schedule.delay_after(refusal) == pytest.approx(seconds)
    if seconds > 60:
        schedule, _ = retries()
        assert schedule.delay_after(refusal) is None  # it would be in vain
    elsewhere = APIStatusError(message, status_code=500, **named)
    schedule, _ = retries(max_wait=1e6, left=1e6)
    assert schedule.delay_after(elsewhere) <= 0.5
    streamed = ResponseFailedError(message, code="rate_limit_exceeded", body=body)
    schedule, _ = retries(max_wait=1e6, left=1e6)
    assert schedule.delay_after(streamed) == pytest.approx(seconds)
    said = APIStatusError(message, status_code=429, **{**named, "headers": {"retry-after": "2"}})
    assert schedule.delay_after(said) == 2


def test_a_time_without_a_zone_is_not_local(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert parse_retry_after({"retry-after": "Thu Jan  1 00:00:07 2026"}, NOW) == 7.0
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
def test_these_statuses_are_tried_again(status):
    assert is_transient(status_error(status))


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 413, 422])
def test_these_statuses_are_not(status):
    assert not is_transient(status_error(status))


def test_a_used_up_quota_is_not_waited_for():
    assert not is_transient(status_error(429, code="insufficient_quota"))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (  # https://github.com/MoonshotAI/kimi-code/pull/1857
            429,
            {"message": "Your account is suspended.", "type": "exceeded_current_quota_error"},
        ),
        # https://github.com/zai-org/GLM-5/issues/148 and https://github.com/langgenius/dify/issues/5850
        (429, {"code": "1113", "message": "Please recharge."}),
        (429, {"code": "1", "message": "余额不足或无可用资源包,请充值。"}),
        (429, {"type": "1113", "message": "Insufficient balance or no resource package."}),
        (  # https://github.com/continuedev/continue/issues/10373
            429,
            "Your team has either used all available credits or reached its spending limit.",
        ),
        (403, "You have run out of credits or need a Grok subscription."),
        (  # https://github.com/Gitlawb/openclaude/issues/1549
            429,
            {"message": "Rate limit exceeded: free-models-per-day-high-balance.", "code": 429},
        ),
        (  # https://github.com/router-for-me/CLIProxyAPI/issues/1666
            429,
            {"type": "usage_limit_reached", "message": "No more.", "resets_in_seconds": 9},
        ),
        (402, {"message": "Insufficient Balance", "code": "invalid_request_error"}),
        (400, {"message": "Your credit balance is too low to access the Anthropic API."}),
        (429, {"message": "You exceeded your quota.", "type": "insufficient_quota", "code": None}),
        (429, {"message": "Too many tokens per day, please wait before trying again."}),
        (429, {"message": "Tokens per day limit exceeded - too many tokens processed."}),
    ],
)
def test_what_is_used_up_is_known_by_its_words(status, error):
    body = {"error": error}
    code, message = error_details(body)
    refusal = APIStatusError(message, status_code=status, headers={}, code=code, body=body)
    streamed = ResponseFailedError(message, code="429", body=body)
    for told in (refusal, streamed):
        assert is_used_up(told) and not is_transient(told)


def test_what_a_refused_request_says_is_not_taken_for_a_quota():
    body = {"message": "invalid", "input": "What if I am out of credits?"}
    assert not is_used_up(APIStatusError("invalid", status_code=422, headers={}, body=body))


@pytest.mark.parametrize(
    "message",
    [
        "You exceeded your current quota, please check your plan.",  # Gemini's of the minute, too
        "Rate limit reached on tokens per day (TPD). Please try again in 350ms.",
        "Rate limit exceeded: free-models-per-min.",
        "Requests per minute limit exceeded - too many requests sent.",
        "insufficient_system_resource",
    ],
)
def test_a_limit_of_a_moment_is_waited_for(message):
    assert is_transient(APIStatusError(message, status_code=429, headers={}, body=message))


@pytest.mark.parametrize("is_list", [True, False])
def test_a_quota_of_the_day_is_not_waited_for(is_list):
    # https://github.com/google-gemini/gemini-cli/issues/8437
    def refusal(quota):
        violation = {"quotaId": f"GenerateRequests{quota}PerProjectPerModel-FreeTier"}
        quotas = {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}
        body = {"error": {"code": 429, "details": [quotas, DETAILS]}}
        body = [body] if is_list else body
        return APIStatusError("used up", status_code=429, headers={}, code=None, body=body)

    assert is_transient(refusal("PerMinute"))
    assert not is_transient(refusal("PerDay"))


def test_a_conversation_that_another_response_holds_is_waited_for():
    # https://github.com/paulgmiller/careme/issues/379
    assert is_transient(status_error(400, code="conversation_locked"))


def test_the_server_may_forbid_a_retry_but_not_ask_for_one():
    assert not is_transient(status_error(400, x_should_retry="true"))
    assert not is_transient(status_error(500, x_should_retry="false"))


def test_of_the_timeouts_only_that_of_connecting_is_tried_again():
    connecting = APITimeoutError("slow")
    connecting.__cause__ = requests.ConnectTimeout()

    assert is_transient(connecting)
    assert not is_transient(APITimeoutError("silent"))


def test_what_the_server_said_on_purpose_is_final():
    assert is_transient(APIConnectionError("reset"))
    assert not is_transient(APIResponseError("no JSON"))
    assert not is_transient(ResponseFailedError("failed"))


def test_waits_double_up_to_eight_seconds_with_jitter():
    schedule, notes = retries(max_retries=7, max_wait=100)

    delays = [schedule.delay_after(APIConnectionError("reset")) for _ in range(8)]

    assert delays[-1] is None
    for delay, most in zip(delays, [0.5, 1, 2, 4, 8, 8, 8], strict=False):
        assert most / 2 <= delay <= most
    assert [note.attempt for note in notes] == [1, 2, 3, 4, 5, 6, 7]
    assert [note.delay for note in notes] == delays[:-1]
    assert notes[0].reason == "reset"


def test_a_wait_beyond_what_may_be_waited_in_all_is_not_begun():
    schedule, notes = retries(max_wait=10)

    assert schedule.delay_after(status_error(429, retry_after="6")) == 6
    assert schedule.delay_after(status_error(429, retry_after="6")) is None
    assert len(notes) == 1


def test_a_wait_beyond_the_deadline_of_the_request_is_not_begun():
    schedule, _ = retries(left=2)

    assert schedule.delay_after(status_error(429, retry_after="3")) is None


def test_each_retry_is_logged(caplog):
    schedule, _ = retries()

    with caplog.at_level("INFO", logger="agents_lite"):
        schedule.delay_after(APIConnectionError("the line went dead"))

    assert "the line went dead" in caplog.text
