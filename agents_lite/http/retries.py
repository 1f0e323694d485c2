"""Whether a failed try may be repeated, and after how long."""

from __future__ import annotations

import logging
import random
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import requests

from ..exceptions import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    ResponseFailedError,
)
from ..response_types import as_json
from .errors import words_of_refusal

logger = logging.getLogger("agents_lite")

LONGEST_BACK_OFF = 8.0
"""Seconds between two tries at most, when the server does not name another time."""
PASSING_CODES = frozenset(
    "408 409 429 server_error internal_server_error internal_error api_error overloaded "
    "overloaded_error server_overloaded service_unavailable unavailable slow_down "
    "rate_limit_exceeded rate_limit_error timeout timeout_error server_is_overloaded "
    "abort network_error insufficient_system_resource".split()
)
"""Error codes, or types, in an answer of status 200 that another try may not meet; 5xx, too."""
MISSAID_CODES = frozenset(
    "tool_use_failed json_validate_failed malformed_function_call unexpected_tool_call "
    "tool_calls".split()
)
"""Error codes for what the model said and its server could not read, of Groq and Gemini, and of an
answer that ends with calls and holds none: another try says something else."""
_MISREAD = r"while expecting start token|tokens remaining in message header"
"""vLLM's words for the same, of what gpt-oss said."""
_WITHOUT_EFFECTS = tuple(
    "message reasoning function custom web_search file_search tool_search computer local_shell "
    "shell_call apply_patch bash_2 text_editor_2 memory_2".split()  # Anthropic's, with their dates
)
"""How types of items and tools begin by which a server does nothing itself, or only searches."""
HOPELESS_CAUSES = (
    "CERTIFICATE_VERIFY_FAILED",
    "[X509",  # a file of certificates that holds none
    "Tunnel connection failed: 407",  # a directory locks accounts that fail again and again
    "authentication failed",  # of a SOCKS proxy
    "got more than ",  # headers than Python reads, or bytes in a line of them
)
"""What the causes of connections say that no other try will make."""
_SPAN = r"(\d+(?:\.\d+)?) ?(ms|milli|[hms])"
_WAIT = rf"(?:retryDelay\W{{1,6}}|(?:retry|try again) (?:in|after) )((?:{_SPAN})+)"
_USED_UP = (
    r"insufficient[\w ]{0,12}(?:quota|balance|credit|funds)|billing_hard_limit_reached"
    r"|billing_not_active|access_terminated|exceeded_current_quota|余额不足|欠费"
    r"|(?:code|type)\W{1,6}1113\b|(?:available|out of) credits|credit balance is too low"
    r"|spending limit|usage_limit_reached|usage_not_included|api usage limits"
    r"|quotaId\W{1,6}\w*PerDay|free-models-per-day|too many tokens per day|per day limit exceeded"
)
"""Codes and words for what no waiting will cure, or none before the next day, whatever wait is
named beside: of OpenAI, Moonshot, GLM, xAI, DeepSeek, Anthropic, Gemini, OpenRouter, Bedrock and
Cerebras.
"""
_SECONDS = {"ms": 0.001, "milli": 0.001, "s": 1, "m": 60, "h": 3600}


class RetryNote(NamedTuple):
    """A try that failed and is about to be repeated."""

    attempt: int
    """Which try failed, from 1."""
    delay: float
    """Seconds until the next one."""
    reason: str
    """Why it failed."""


class RetryPolicy(NamedTuple):
    """How often a request is tried again, and for how long."""

    max_retries: int
    """Tries after the first one."""
    max_wait: float
    """Seconds that the waits between the tries of one request may take together."""
    base_delay: float
    """Seconds before the second try."""
    factor: float = 2.0
    """What each further wait is multiplied by."""
    longest: float = LONGEST_BACK_OFF
    """Seconds between two tries at most, when the server does not name another time."""
    jitter: bool = True
    """Whether waits are shortened by chance, up to a half."""
    decide: Callable[[APIError, int], tuple[bool, float | None]] | None = None
    """Whether a try that failed, with its number from 1, is followed by another, and after how many
    seconds; None: whether `is_transient`, and as the other fields say."""


class Retries:
    """The tries of one request."""

    def __init__(
        self, policy: RetryPolicy, deadline: float, on_retry: Callable[[RetryNote], None] | None
    ) -> None:
        """`deadline` (of `time.monotonic()`) is when the whole request has to be done."""
        self._policy = policy
        self._deadline = deadline
        self._on_retry = on_retry
        self._attempt = 0
        self._pauses = 0
        self._waited = 0.0

    def patience(self, named: float | None) -> float:
        """Seconds to let the server go on with its work: as it named, else more each time."""
        self._attempt = 0  # it has answered well
        self._pauses += 1
        if named is not None:
            return named
        return min(self._policy.base_delay * 1.5 ** (self._pauses - 1), LONGEST_BACK_OFF)

    def restart(self) -> None:
        """Count from the first try again: the request has got somewhere."""
        self._attempt = 0

    def delay_after(self, error: APIError) -> float | None:
        """Seconds to wait before the next try, or None when `error` is to be raised."""
        if self._attempt >= self._policy.max_retries:
            return None
        decide = self._policy.decide
        if decide is None:
            is_wanted, delay = is_transient(error), None
        else:
            is_wanted, delay = decide(error, self._attempt + 1)
        if not is_wanted:
            return None
        if delay is None:
            delay = self._delay(error)
        if (
            self._waited + delay > self._policy.max_wait
            or time.monotonic() + delay >= self._deadline
        ):
            return None
        self._attempt += 1
        self._waited += delay
        note = RetryNote(self._attempt, delay, str(error))
        logger.info("Try %d failed, the next in %.3g s: %s", note.attempt, delay, note.reason)
        if self._on_retry is not None:
            self._on_retry(note)
        return delay

    def _delay(self, error: APIError) -> float:
        named = named_wait(error)
        if named is not None:
            return named
        policy = self._policy
        back_off = min(policy.base_delay * policy.factor**self._attempt, policy.longest)
        return back_off * random.uniform(0.5, 1.0) if policy.jitter else back_off


def is_transient(error: APIError) -> bool:
    """Whether the same request may succeed when it is sent again."""
    if error.may_have_acted:
        return False
    if isinstance(error, APIStatusError):
        return _is_transient_status(error)
    if isinstance(error, ResponseFailedError):
        return _is_passing(error) and not _had_effects(error)
    if isinstance(error, APITimeoutError):  # the server may still be at work, unless unreached
        return isinstance(error.__cause__, requests.exceptions.ConnectTimeout)
    if isinstance(error, APIConnectionError):
        return not any(words in str(error.__cause__) for words in HOPELESS_CAUSES)
    return False


def is_used_up(error: APIError) -> bool:
    """Whether a quota or an account is used up, for longer than is worth waiting."""
    quotes_request = isinstance(error, APIStatusError) and error.status_code in (400, 422)
    words = f"{error.code} {error}" if quotes_request else words_of_refusal(error)
    return re.search(_USED_UP, words, re.IGNORECASE) is not None


def _is_passing(error: ResponseFailedError) -> bool:
    event: Any = error.body if isinstance(error.body, dict) else {}
    told = event.get("error") if isinstance(event.get("error"), dict) else event
    words = {str(error.code).lower(), str(told.get("type")).lower()}
    if is_used_up(error):
        return False
    is_known = not words.isdisjoint(PASSING_CODES | MISSAID_CODES)
    return is_known or any(re.fullmatch("5[0-9][0-9]", word) for word in words)


def _had_effects(error: ResponseFailedError) -> bool:
    """Whether the server may have done something itself for a response that failed."""
    response = as_json(error.response) or {}
    return has_effects(response.get("output")) or has_effects(response.get("tools"))


def has_effects(listed: Any) -> bool:
    """Whether a server does something itself by one of some tools, or has done so by its items."""
    return isinstance(listed, list) and any(map(_has_effects, listed))


def _has_effects(told: Any) -> bool:
    if not isinstance(told, dict):
        return True
    if told.get("type") == "shell" and isinstance(told.get("environment"), dict):
        return bool(told["environment"].get("type") != "local")
    return not str(told.get("type", "function")).startswith(_WITHOUT_EFFECTS)


def _is_transient_status(error: APIStatusError) -> bool:
    if is_used_up(error):
        return False
    if error.headers.get("x-should-retry") == "false":
        return False
    if error.code == "conversation_locked":  # by another response, for some seconds; a 400
        return True
    if error.code in MISSAID_CODES or re.search(_MISREAD, str(error)):
        return True
    return error.status_code in (408, 409, 429) or error.status_code >= 500


def parse_retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait, or None when the server names none.

    A date counts from the server's own `Date`, since clocks differ.

    Source: RFC 9110, section 10.2.3 (a number of seconds or an HTTP date); OpenAI's
    `retry-after-ms` (milliseconds) counts first.

    Args:
        headers: With names in lower case.
        now: Epoch seconds, in case that the server does not tell its time.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after", "")
    seconds = _number(text)
    if seconds is not None:
        return seconds
    moment, sent = _epoch_seconds(text), _epoch_seconds(headers.get("date", ""))
    return None if moment is None else max(0.0, moment - (now if sent is None else sent))


def named_wait(error: APIError) -> float | None:
    """Seconds to wait as the server names them in a header, or, where so many requests are too
    many, in its words; None: it does not.

    Source: https://github.com/googleapis/python-genai/issues/1875 for refusals, and for the errors
    of a stream, which have no headers, https://github.com/openai/codex/issues/303 and 3764.
    """
    if isinstance(error, APIStatusError):
        named = parse_retry_after(error.headers, time.time())
        if named is not None or error.status_code != 429:
            return named
    found = re.search(_WAIT, words_of_refusal(error), re.IGNORECASE)
    if found is None or is_used_up(error):
        return None
    spans = re.findall(_SPAN, found[1].lower())
    return sum(float(number) * _SECONDS[unit] for number, unit in spans)


def _epoch_seconds(date: str) -> float | None:
    """When an HTTP date is; None: it is none."""
    try:
        moment = parsedate_to_datetime(date)
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)  # asctime's form has none
        return zoned.timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def parse_poll_after(headers: Mapping[str, str]) -> float | None:
    """Seconds until a background response is to be asked for again, as OpenAI's server names them.

    Args:
        headers: With names in any case.
    """
    milliseconds = _number(headers.get("openai-poll-after-ms"))
    return None if milliseconds is None else milliseconds / 1000


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if number >= 0 else None
