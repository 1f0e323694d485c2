"""What the package logs, on standard error, for those who called a command."""

from __future__ import annotations

import argparse
import logging
import sys

from ..shown import escaped

_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


def add_log_options(parser: argparse.ArgumentParser) -> None:
    """Describe the options that all commands have."""
    parser.add_argument(
        "-v",
        "--verbose",
        action="count",
        default=0,
        help="say more on standard error: what goes on, and tracebacks of what is warned of; -vv: "
        "everything, also the traceback of an error that ends the command",
    )
    parser.add_argument(
        "--debug", action="store_const", dest="verbose", const=2, help="the same as -vv"
    )


def hear_log(verbosity: int) -> None:
    """Write warnings on standard error, a line each; with more verbosity, more of everything."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines(in_full=verbosity > 0))
    logger = logging.getLogger("agents_lite")
    logger.setLevel(_LEVELS[min(verbosity, len(_LEVELS) - 1)])
    logger.addHandler(handler)


class _Lines(logging.Formatter):
    """A line for each record; in full, with its traceback behind it."""

    def __init__(self, in_full: bool) -> None:
        super().__init__()
        self._in_full = in_full

    def format(self, record: logging.LogRecord) -> str:
        """The record as it is written."""
        line = f"agents-lite: {record.levelname.lower()}: {' '.join(record.getMessage().split())}"
        if self._in_full and record.exc_info:
            line = f"{line}\n{self.formatException(record.exc_info)}"
        return escaped(line)
