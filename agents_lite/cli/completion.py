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
    local before=${{COMP_WORDS[COMP_CWORD-1]}} words
    if (( COMP_CWORD == 1 )); then
        words={commands}
    else
        case ${{COMP_WORDS[1]}} in
{cases}
        esac
        case ${{COMP_WORDS[1]}}:$before in
{choices}
        esac
    fi
    COMPREPLY=( $(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}") )
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


def _bash(parsers: dict[str, argparse.ArgumentParser]) -> str:
    """The function and its declaration; zsh understands it too."""
    cases = [f"        {name}) words={_quoted(_words(each))} ;;" for name, each in parsers.items()]
    choices = [
        f"        {name}:{option}) words={_quoted(map(str, action.choices))} ;;"
        for name, parser in parsers.items()
        for action in parser._actions
        for option in action.option_strings
        if action.choices
    ]
    return _BASH.format(
        commands=_quoted(parsers), cases="\n".join(cases), choices="\n".join(choices)
    )


def _words(parser: argparse.ArgumentParser) -> Iterator[str]:
    """What may stand behind a command: its options, and the actions or names that it takes."""
    for action in parser._actions:
        yield from action.option_strings or map(str, action.choices or ())


def _fish_lines(parsers: dict[str, argparse.ArgumentParser]) -> Iterator[str]:
    for name, parser in parsers.items():
        about = shlex.quote(parser.description or "")
        yield f"complete -c agents-lite -n __fish_use_subcommand -f -a {name} -d {about}"
        behind = f"complete -c agents-lite -n '__fish_seen_subcommand_from {name}'"
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
                yield f"{behind}{''.join(flags)}{needs}{taken} -d {about}"


def _quoted(words: Iterable[str]) -> str:
    return shlex.quote(" ".join(words))
