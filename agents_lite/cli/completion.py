"""Print a script by which a shell completes this command line."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterable, Iterator

_HELP = """\
bash: agents-lite completion bash > ~/.local/share/bash-completion/completions/agents-lite
zsh:  agents-lite completion zsh >> ~/.zshrc
fish: agents-lite completion fish > ~/.config/fish/completions/agents-lite.fish"""

_BASH = """\
_agents_lite() {{
    local offered= before=${{COMP_WORDS[COMP_CWORD-1]}}
    case "${{COMP_WORDS[*]:1:$((COMP_CWORD - 1))}}" in
{cases}
    esac
    COMPREPLY=( $(compgen -W "$offered" -- "${{COMP_WORDS[COMP_CWORD]}}") )
}}
complete -o default -F _agents_lite agents-lite
"""
_ZSH = "autoload -U +X compinit bashcompinit\ncompinit\nbashcompinit\n"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _HELP
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell")


def execute(options: argparse.Namespace) -> None:
    """Print it."""
    from .main import command_parsers

    parsers = command_parsers()
    if options.shell == "fish":
        print("\n".join(_fish_lines(parsers)))
    else:
        print((_ZSH if options.shell == "zsh" else "") + _bash(parsers), end="")


Parsers = dict[str, argparse.ArgumentParser]


def _first_words(parsers: Parsers) -> dict[str, dict[str, str]]:
    """What may come behind the words so far, "" or a command, each with its description."""
    found: dict[str, dict[str, str]] = {"": {}}
    for name, parser in parsers.items():
        before, _, word = name.rpartition(" ")
        found[""].setdefault(before or word, "" if before else parser.description or "")
        if before:
            found.setdefault(before, {})[word] = parser.description or ""
    return found


def _bash(parsers: Parsers) -> str:
    """The function and its declaration; zsh understands it too."""
    cases = [
        f"        {_quoted([words])}) offered={_quoted(offered)} ;;"
        for words, offered in _first_words(parsers).items()
    ]
    for name, parser in parsers.items():
        taken = {
            option: list(map(str, action.choices))
            for action in parser._actions
            for option in action.option_strings
            if action.choices
        }
        inner = [f"{option}) offered={_quoted(choices)} ;;" for option, choices in taken.items()]
        inner.append(f"*) offered={_quoted(_words(parser))} ;;")
        cases.append(f"        '{name}'|'{name} '*) case $before in {' '.join(inner)} esac ;;")
    return _BASH.format(cases="\n".join(cases))


def _words(parser: argparse.ArgumentParser) -> Iterator[str]:
    """What may stand behind a command: its options, and the names that it takes."""
    for action in parser._actions:
        yield from action.option_strings or map(str, action.choices or ())


def _fish_lines(parsers: Parsers) -> Iterator[str]:
    for before, offered in _first_words(parsers).items():
        where = f"__fish_seen_subcommand_from {before}" if before else "__fish_use_subcommand"
        if before:
            where += f"; and not __fish_seen_subcommand_from {' '.join(offered)}"
        for word, about in offered.items():
            about = f" -d {shlex.quote(about)}" if about else ""
            yield f"complete -c agents-lite -n '{where}' -f -a {word}{about}"
    for name, parser in parsers.items():
        where = "; and ".join(f"__fish_seen_subcommand_from {word}" for word in name.split())
        for action in parser._actions:
            choices = " ".join(map(str, action.choices or ()))
            taken = f" -f -a {shlex.quote(choices)}" if choices else ""
            flags = [
                f" -l {option[2:]}" if option.startswith("--") else f" -s {option[1:]}"
                for option in action.option_strings
            ]
            needs = " -r" if action.option_strings and action.nargs != 0 else ""
            about = shlex.quote((action.help or "") % {**vars(action), "prog": parser.prog})
            if flags or taken:
                words = f"{''.join(flags)}{needs}{taken} -d {about}"
                yield f"complete -c agents-lite -n '{where}'{words}"


def _quoted(words: Iterable[str]) -> str:
    return shlex.quote(" ".join(words))
