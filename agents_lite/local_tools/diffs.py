"""Changing a text by a diff.

Two notations are read: that of the model's `apply_patch` tool, whose sections begin with `@@` and
maybe lines to look for (https://platform.openai.com/docs/guides/tools-apply-patch), and the unified
one, whose sections say at which line they begin (POSIX, `diff -u`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from ..checks import check_choice
from ..exceptions import AgentsException

_UNIFIED = re.compile(r"@@ -(\d+)(,0)?(?:,\d+)? \+\d+(?:,\d+)? @@.*")
_NO_LINE_BREAK = "\\ No newline at end of file"
_AROUND = re.compile(r"\*\*\* (Begin Patch|End Patch|Update File: .*|Add File: .*)")
_LINE = re.compile(r"([^\n]*?)(\r?\n|\Z)")
"""A line and its break, "" behind the last one."""
_LIKENESS: tuple[Callable[[str], str], ...] = (str, str.rstrip, str.strip)
"""What of a line has to be the same: all, then all but its end, then all but blanks around it."""


class DiffError(AgentsException, ValueError):
    """A diff cannot be read, or does not fit the text."""


@dataclass
class _Section:
    """Lines that follow each other, and what becomes of them."""

    anchors: list[str] = field(default_factory=list)
    """Lines to be found before it, in this order."""
    line: int | None = None
    """Where it begins, counted from 0, as a unified diff says; or None."""
    lines: list[tuple[str, str]] = field(default_factory=list)
    """Sign and text of each: " " stays, "-" goes, "+" comes."""
    is_last: bool = False
    """Whether the text ends behind it."""
    is_bare: bool | None = None
    """Whether no line break follows its last line; None: the diff says nothing of that."""

    @property
    def before(self) -> list[str]:
        """The lines as they were."""
        return [text for sign, text in self.lines if sign != "+"]


def apply_diff(input: str, diff: str, mode: Literal["default", "create"] = "default") -> str:
    """The text that a diff makes of another.

    Each line keeps its line break; a new one has that of the line before it.

    Args:
        input: The text as it is.
        diff: What is to be changed.
        mode: "create" for a new text: each line of the diff begins with "+".

    Raises:
        DiffError: The diff cannot be read, or its lines are not found in the text.
        UserError: There is no such mode.
    """
    check_choice(mode, "mode", "default", "create")
    line_break = "\r\n" if "\r\n" in (input or diff) else "\n"
    diff_lines = diff.replace("\r\n", "\n").removesuffix("\n").split("\n")
    if mode == "create":
        if not diff:
            return ""
        return line_break.join(_added_line(line) for line in diff_lines)
    found = [line for line in _LINE.findall(input) if any(line)]
    lines = [text for text, _ in found]
    is_bare = bool(found) and not found[-1][1]
    changed: list[tuple[str, str]] = []
    at = 0
    for section in _sections(diff_lines):
        start = _find(section, lines, at)
        changed += found[at:start]
        at = start
        for sign, text in section.lines:
            if sign == " ":
                changed.append(found[at])
            elif sign == "+":
                changed.append((text, found[max(at - 1, 0)][1] if found else ""))
            at += sign != "+"
        if at == len(lines) and section.is_bare is not None:
            is_bare = section.is_bare
    changed += found[at:]
    whole = [text + (ending or line_break) for text, ending in changed]
    if is_bare and changed:
        whole[-1] = changed[-1][0]
    return "".join(whole)


def _added_line(line: str) -> str:
    if not line.startswith("+"):
        raise DiffError(f"Each line of a new file begins with +, not so {line!r}")
    return line[1:]


def _sections(diff_lines: list[str]) -> Iterable[_Section]:
    sections = [_Section()]
    for number, line in enumerate(diff_lines if any(diff_lines) else ()):
        section = sections[-1]
        if line.startswith("@@"):
            unified = _UNIFIED.fullmatch(line)
            if section.lines or unified:
                sections.append(section := _Section())
            if unified:  # without lines before, it names the line that it stands behind
                section.line = int(unified[1]) - (unified[2] is None)
            elif line[2:].strip():
                section.anchors.append(line[2:].removeprefix(" "))
        elif line == _NO_LINE_BREAK and section.lines:
            section.is_bare = section.lines[-1][0] != "-"
        elif line == "*** End of File":
            section.is_last = True
        elif line[:1] in (" ", "+", "-") and not _is_heading(diff_lines, number):
            if section.is_bare and line[0] == "+":  # behind the old last line stands the new one
                section.is_bare = False
            section.lines.append((line[0], line[1:]))
        elif not line:
            section.lines.append((" ", ""))
        elif not (_AROUND.fullmatch(line) or _is_heading(diff_lines, number)):
            raise DiffError(f"A line of a diff begins with a blank, + or -, not so {line!r}")
    return [each for each in sections if each.lines]


def _is_heading(diff_lines: list[str], number: int) -> bool:
    """Whether the line names a file, as the first two of a unified diff do."""
    return (
        number < 2
        and len(diff_lines) > 1
        and (diff_lines[0].startswith("--- ") and diff_lines[1].startswith("+++ "))
    )


def _find(section: _Section, lines: list[str], at: int) -> int:
    """Where a section begins in the text, at that line or behind it."""
    begin = at
    for anchor in section.anchors:
        at = _find_anchor(anchor, lines, at, at == begin)
    place = _place_of(section, lines, at)
    if place is None and section.lines[-1] == (" ", ""):  # it only ends the section
        del section.lines[-1]
        place = _place_of(section, lines, at)
    if place is None:
        shown = "\n".join(section.before)
        raise DiffError(f"These lines are not in the file behind line {at}:\n{shown}")
    return place


def _place_of(section: _Section, lines: list[str], at: int) -> int | None:
    before = section.before
    last = len(lines) - len(before)
    places: Iterable[int] = range(at, last + 1)
    if section.line is not None:
        expected = section.line
        if not before:
            return max(at, min(expected, len(lines)))
        places = sorted(places, key=lambda place: abs(place - expected))
    elif section.is_last:
        places = [last, *places]
    elif not before:
        return at
    for like in _LIKENESS:
        wanted = list(map(like, before))
        for place in places:
            if at <= place and list(map(like, lines[place : place + len(before)])) == wanted:
                return place
    return None


def _find_anchor(anchor: str, lines: list[str], at: int, is_first: bool) -> int:
    """The line behind an anchor. One that was passed already leaves the place as it is, unless
    another one of its section was found behind that.
    """
    for like in _LIKENESS:
        for place in range(at, len(lines)):
            if like(lines[place]) == like(anchor):
                return place + 1
    if is_first and any(line.strip() == anchor.strip() for line in lines[:at]):
        return at
    raise DiffError(f"This line is not in the file: {anchor}")
