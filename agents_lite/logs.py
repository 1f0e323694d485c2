"""The package's log, `logging.getLogger("agents_lite")`, on standard output."""

from __future__ import annotations

import logging
import sys

from .shown import escaped

__all__ = ["enable_verbose_stdout_logging"]


def enable_verbose_stdout_logging() -> None:
    """Print all that the package logs, DEBUG too, on standard output; for looking for a mistake.

    No key and nothing that models say is logged; what a tool raised is. Calling it twice does no
    harm.
    """
    logger = logging.getLogger("agents_lite")
    logger.setLevel(logging.DEBUG)
    if not any(isinstance(handler, _ToStdout) for handler in logger.handlers):
        logger.addHandler(_ToStdout())


class _Lines(logging.Formatter):
    """Lines with nothing in them that a terminal would act on."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as it is written."""
        return escaped(super().format(record))


class _ToStdout(logging.StreamHandler):  # type: ignore[type-arg]  # generic for type checkers only
    """Writes to what is standard output at the moment."""

    def __init__(self) -> None:
        super().__init__(sys.stdout)
        self.setFormatter(_Lines("%(asctime)s %(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        self.stream = sys.stdout
        super().emit(record)
