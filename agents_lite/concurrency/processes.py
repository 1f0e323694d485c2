"""What processes of ours are given."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

_INHERITED = (
    ["APPDATA", "HOMEDRIVE", "HOMEPATH", "LOCALAPPDATA", "PATH", "PATHEXT", "SYSTEMDRIVE"]
    + ["SYSTEMROOT", "TEMP", "USERNAME", "USERPROFILE"]
    if sys.platform == "win32"
    else ["HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR"]
    + ["TZ", "USER"]
)


def small_environment(added: Mapping[str, str]) -> dict[str, str]:
    """Variables that every program needs, and what is added; all others may hold secrets."""
    return {**{key: os.environ[key] for key in _INHERITED if key in os.environ}, **added}
