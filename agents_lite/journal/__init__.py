"""Journals: runs written down step by step, so that they outlive the processes that drive them."""

from .journal import Change, Journal
from .shared_transaction import SharedTransaction
from .sqlite_journal import SQLiteJournal
from .stored_run import RunRow, Status, StoredRun, WaitingCall

__all__ = [
    "Change",
    "Journal",
    "RunRow",
    "SQLiteJournal",
    "SharedTransaction",
    "Status",
    "StoredRun",
    "WaitingCall",
]
