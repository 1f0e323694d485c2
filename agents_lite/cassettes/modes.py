"""When a cassette records."""

from __future__ import annotations

from typing import Literal

RecordMode = Literal["once", "new", "all", "none"]
MODES: tuple[RecordMode, ...] = ("once", "new", "all", "none")

chosen_for_all: RecordMode | None = None
"""What all cassettes of this process do, whatever they say themselves; None: as they say."""
