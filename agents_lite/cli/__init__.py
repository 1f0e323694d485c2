"""The command line, `agents-lite`."""

from .main import main

__all__ = ["main"]
