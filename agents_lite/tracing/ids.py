"""Ids of traces and spans, and the form in which the traces endpoint takes them."""

from __future__ import annotations

import hashlib
import os
import re
from functools import lru_cache

_TRACE_ID = re.compile(r"trace_[A-Za-z0-9]{32}")
_SPAN_ID = re.compile(r"span_[A-Za-z0-9]{24}")


def gen_trace_id() -> str:
    """A new trace id, `trace_<32 hex digits>`."""
    return "trace_" + os.urandom(16).hex()  # urandom: unique after a fork and under random.seed()


def gen_span_id() -> str:
    """A new span id, `span_<24 hex digits>`."""
    return "span_" + os.urandom(12).hex()


def is_valid_trace_id(trace_id: str) -> bool:
    """Whether the traces endpoint takes the id as it is."""
    return _TRACE_ID.fullmatch(trace_id) is not None


@lru_cache(maxsize=64)  # asked for with each span
def exported_trace_id(trace_id: str) -> str:
    """The id as exported: itself where valid, else always the same valid id derived from it."""
    return trace_id if is_valid_trace_id(trace_id) else "trace_" + _digest(trace_id)[:32]


def exported_span_id(span_id: str) -> str:
    """The id as exported: itself where valid, else always the same valid id derived from it."""
    return span_id if _SPAN_ID.fullmatch(span_id) else "span_" + _digest(span_id)[:24]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
