"""Variables from a file such as `.env`, read only when the command line names it."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

from ..exceptions import UserError

_LINE = re.compile(r"(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*)")


def read_environment(path: str) -> None:
    """Set the variables of a file: lines of NAME=VALUE, as a shell would read them.

    Those that are set already, and not to nothing, stay.

    Raises:
        UserError: The file cannot be read, or a line of it.
    """
    try:
        lines = Path(path).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--env-file {path} cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _LINE.fullmatch(line.strip())
        try:
            if found is None:
                raise ValueError
            value = "".join(shlex.split(found[2], comments=True))
        except ValueError:  # the line is not told: it may hold a key
            raise UserError(f"Line {number} of --env-file {path} is not NAME=VALUE") from None
        if not os.environ.get(found[1]):
            os.environ[found[1]] = value
