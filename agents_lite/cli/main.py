"""From the words on the command line to one of its commands, and from errors to one line each."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from io import TextIOWrapper

from .. import __version__
from ..exceptions import AgentsException, words_of
from ..viewer.text import plain
from . import batch, chat, completion, demo, replay, run_command, runs, serve, traces
from .approval import CallsWait
from .environment import read_environment
from .find_agent import WrongUsage
from .terminal import paint, tell
from .warnings import add_log_options, hear_log

_COMMANDS = {
    "demo": demo,
    "run": run_command,
    "chat": chat,
    "serve": serve,
    "batch": batch,
    "runs": runs,
    "replay": replay,
    "traces": traces,
    "completion": completion,
}
"""Modules with `add_arguments(parser)` and `execute(options)`; their docstrings are the help."""


_CODES = ((CallsWait, 3), (batch.LinesWait, 4))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: The words after the program's name; None takes those of this process.

    Returns:
        0 when all went well, 1 after an error (one line on standard error tells of it), 3 when a
        call waits for an approval and there is nobody to ask, 4 when lines of a batch wait for
        the Batch API, 130 when Ctrl-C ended it. Wrong usage raises SystemExit(2), as `argparse`
        does.
    """
    parser = _main_parser()
    chosen = parser.parse_args(arguments)
    if chosen.command is None:
        parser.print_help()
        return 2
    command = _COMMANDS[chosen.command]
    command_parser = _command_parser(chosen.command)
    options = command_parser.parse_intermixed_args(chosen.arguments, chosen)
    if isinstance(sys.stdout, TextIOWrapper):  # and not what a program put in its place
        sys.stdout.reconfigure(errors="backslashreplace")  # any terminal
    hear_log(options.verbose)
    try:
        if options.env_file is not None:
            read_environment(options.env_file)
        command.execute(options)
        sys.stdout.flush()
        return 0
    except WrongUsage as error:
        command_parser.error(str(error))
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # nobody reads on, as after `| head`
        _drop_output()
        return 1
    except Exception as error:
        if options.verbose > 1:
            traceback.print_exc()
        if _is_of_output(error):
            _drop_output()
        tell(paint(f"{parser.prog}: {describe_error(error)}", "red", sys.stderr))
        return next((code for kind, code in _CODES if isinstance(error, kind)), 1)


def command_parsers() -> dict[str, argparse.ArgumentParser]:
    """The parser of each command, by its name."""
    return {name: _command_parser(name) for name in _COMMANDS}


def describe_error(error: Exception) -> str:
    """The error in one line; for those of the user's own code, with the place they came from."""
    message = plain(words_of(error))
    if isinstance(error, AgentsException):
        return message
    if _is_of_output(error):
        return f"The output cannot be written: {message}"
    place = "" if _is_ours(error) else " ({0.filename}, line {0.lineno})".format(_origin(error))
    return f"{type(error).__name__}: {message}{place}"


def _origin(error: Exception) -> traceback.FrameSummary:
    return traceback.extract_tb(error.__traceback__)[-1]


def _is_ours(error: Exception) -> bool:
    """Whether it was raised in this package, and not by the user's own code."""
    return _origin(error).filename.startswith(os.path.dirname(os.path.dirname(__file__)))


def _is_of_output(error: Exception) -> bool:
    """Whether standard output could not be written: no other error of files lacks a name."""
    return isinstance(error, OSError) and error.filename is None and _is_ours(error)


def _drop_output() -> None:
    """Let what is still to be written go nowhere, so that the interpreter's exit is quiet."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _main_parser() -> argparse.ArgumentParser:
    summaries = [f"  {name:<11}{command.__doc__}" for name, command in _COMMANDS.items()]
    parser = argparse.ArgumentParser(
        prog="agents-lite",
        description="Agents on the command line.",
        epilog="\n".join(["commands:", *summaries, "", "agents-lite COMMAND --help tells more."]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument(
        "command", nargs="?", choices=_COMMANDS, metavar="COMMAND", help="one of those below"
    )
    # The command parses these itself: options may then stand between its other arguments, which
    # the sub-parsers of argparse do not allow.
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def _command_parser(name: str) -> argparse.ArgumentParser:
    command = _COMMANDS[name]
    parser = argparse.ArgumentParser(prog=f"agents-lite {name}", description=command.__doc__)
    command.add_arguments(parser)
    add_log_options(parser)
    parser.add_argument(
        "--env-file", metavar="FILE", help="set the variables in this file, unless they are set"
    )
    return parser
