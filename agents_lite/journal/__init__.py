"""Journals: runs written down step by step, so that they outlive the processes that drive them."""

from .journal import Journal
from .sqlite_journal import SQLiteJournal
from .stored_run import RunRow, StoredRun, WaitingCall

__all__ = ["Journal", "RunRow", "SQLiteJournal", "StoredRun", "WaitingCall"]
