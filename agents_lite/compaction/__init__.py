"""Long conversations kept within a model's window: old results cleared, old turns summarised."""

from .session import CompactionSession
from .settings import Compaction

__all__ = ["Compaction", "CompactionSession"]
