"""The first word of a command that does several things."""

from __future__ import annotations

import argparse
from collections.abc import Mapping


def add_actions(parser: argparse.ArgumentParser, actions: Mapping[str, str]) -> None:
    """Describe the actions, each with what it does; the options have the chosen one as `action`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    lines = [f"  {name:<8}{summary}" for name, summary in actions.items()]
    parser.epilog = "\n".join(["actions:", *lines])
    parser.add_argument("action", choices=actions, metavar="ACTION", help="one of those below")
