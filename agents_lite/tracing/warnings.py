"""Saying what went wrong with tracing once, not once for each span."""

from __future__ import annotations

import logging

logger = logging.getLogger("agents_lite")


class WarnOnce:
    """Logs the first warning it is given and keeps silent about the following ones."""

    def __init__(self) -> None:
        self._warned = False

    def __call__(self, message: str, *args: object, exc_info: bool = False) -> None:
        """Log a warning, unless this object has logged one before."""
        if not self._warned:
            self._warned = True
            logger.warning(message, *args, exc_info=exc_info)
