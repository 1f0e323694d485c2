"""Variables from a file such as `.env`, read only when the command line names it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ..exceptions import UserError

_LINE = re.compile(
    r"""(?:export\s+)?([A-Za-z_]\w*)\s*=
        (?:\s*'(?P<verbatim>[^']*)' | \s*"(?P<escaped>(?:[^"\\]|\\.)*)" | (?P<plain>(?!\s*['"]).*?))
        (?:\s+\#.*)?""",
    re.VERBOSE,
)


def read_environment(path: str) -> None:
    """Set the variables of a file: lines of NAME=VALUE, as in a `.env`.

    A value goes to the end of its line, or to a # behind a space; in quotation marks it may hold
    that, too. In "..." a backslash stands before a " or another backslash, and \\n is a line break.
    Those that are set already, and not to nothing, stay.

    Raises:
        UserError: The file cannot be read, or a line of it.
    """
    try:
        lines = Path(path).read_text("utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--env-file {path} cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _LINE.fullmatch(line.strip())
        if found is None:  # the line is not told: it may hold a key
            raise UserError(f"Line {number} of --env-file {path} is not NAME=VALUE")
        if not os.environ.get(found[1]):
            os.environ[found[1]] = _value(found)


def _value(found: re.Match[str]) -> str:
    if found["plain"] is not None:
        return found["plain"].strip()
    if found["verbatim"] is not None:
        return found["verbatim"]
    return re.sub(r'\\(["\\n])', lambda each: each[1].replace("n", "\n"), found["escaped"])
