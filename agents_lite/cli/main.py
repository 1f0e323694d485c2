"""From the words on the command line to one of its commands, and from errors to one line each."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from io import TextIOWrapper
from types import ModuleType

from .. import __version__
from . import batch, chat, completion, demo, replay, run_command, runs, serve, traces
from .actions import Action
from .approval import CallsWait
from .environment import read_environment
from .errors import describe_error, is_of_output
from .find_agent import WrongUsage
from .terminal import paint, tell
from .warnings import add_log_options, hear_log

_COMMANDS: dict[str, ModuleType] = {
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
"""Modules with `add_arguments(parser)` and `execute(options)`, or with `ACTIONS` by their names;
their docstrings are the help."""

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
    _open_what_is_closed()
    abouts = {name: command.__doc__ for name, command in _COMMANDS.items()}
    main_parser = _choosing_parser("agents-lite", "Agents on the command line.", abouts, "COMMAND")
    main_parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    name, words = _chosen(main_parser, arguments)
    command = _COMMANDS[name]
    if actions := getattr(command, "ACTIONS", None):
        abouts = {word: action.about for word, action in actions.items()}
        parser = _choosing_parser(f"agents-lite {name}", command.__doc__, abouts, "ACTION")
        word, words = _chosen(parser, words)
        name = f"{name} {word}"
    action = _all_actions()[name]
    parser = _parser_of(name, action)
    options = parser.parse_intermixed_args(words, argparse.Namespace(command=name))
    if isinstance(sys.stdout, TextIOWrapper):  # and not what a program put in its place
        sys.stdout.reconfigure(errors="backslashreplace")  # any terminal
    hear_log(options.verbose)
    try:
        if options.env_file is not None:
            read_environment(options.env_file)
        action.execute(options)
        sys.stdout.flush()
        return 0
    except WrongUsage as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # nobody reads on, as after `| head`
        _drop_output()
        return 1
    except Exception as error:
        if options.verbose > 1:
            traceback.print_exc()
        if is_of_output(error):
            _drop_output()
        tell(paint(f"agents-lite: {describe_error(error)}", "red", sys.stderr))
        return next((code for kind, code in _CODES if isinstance(error, kind)), 1)


def command_parsers() -> dict[str, argparse.ArgumentParser]:
    """The parsers by the words that they are for: "run", "traces list"."""
    return {name: _parser_of(name, action) for name, action in _all_actions().items()}


def _open_what_is_closed() -> None:
    """Let standard input and outputs that are closed lead nowhere.

    Else a file that is opened takes their place, a database maybe, and what is printed goes there.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))


def _drop_output() -> None:
    """Let what is still to be written go nowhere, so that the interpreter's exit is quiet."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _all_actions() -> dict[str, Action]:
    found = {}
    for name, command in _COMMANDS.items():
        if actions := getattr(command, "ACTIONS", None):
            found.update({f"{name} {word}": action for word, action in actions.items()})
        else:
            found[name] = Action(command.__doc__ or "", command.add_arguments, command.execute)
    return found


def _choosing_parser(
    prog: str, about: str | None, abouts: Mapping[str, str | None], what: str
) -> argparse.ArgumentParser:
    """A parser for one of some words, and what stands behind it."""
    width = max(map(len, abouts))
    lines = [f"  {word:<{width}}  {each}" for word, each in abouts.items()]
    parser = argparse.ArgumentParser(
        prog=prog,
        description=about,
        epilog="\n".join([f"{what.lower()}s:", *lines, "", f"{prog} {what} --help tells more."]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("word", nargs="?", choices=abouts, metavar=what, help="one of those below")
    # The word's own parser takes these: options may then stand between its other arguments, which
    # the sub-parsers of argparse do not allow.
    parser.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def _chosen(
    parser: argparse.ArgumentParser, words: Sequence[str] | None
) -> tuple[str, Sequence[str]]:
    """The first word and those behind it.

    Raises:
        SystemExit: There is none, or none of those it may be.
    """
    chosen = parser.parse_args(words)
    if chosen.word is None:
        parser.print_help()
        raise SystemExit(2)
    return chosen.word, chosen.rest


def _parser_of(name: str, action: Action) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"agents-lite {name}", description=action.about)
    action.add_arguments(parser)
    add_log_options(parser)
    parser.add_argument(
        "--env-file", metavar="FILE", help="set the variables in this file, unless they are set"
    )
    return parser
