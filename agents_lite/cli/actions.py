"""What a command does, or one of the things that it does."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NamedTuple


class Action(NamedTuple):
    """Something that can be done, with options and a help page of its own."""

    about: str
    """A line of help."""
    add_arguments: Callable[[argparse.ArgumentParser], None]
    """Describes its arguments."""
    execute: Callable[[argparse.Namespace], None]
    """Does it."""
