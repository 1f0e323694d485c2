"""A page with everything in it, which the browser keeps from loading or running anything else."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from importlib.resources import files
from string import Template
from typing import Any


def whole_page(
    package: str, page: str, style: str, scripts: Sequence[str], source: Any, **rules: str
) -> str:
    """An HTML page with its style and its script.

    Args:
        package: Whose folder `static` holds the files.
        page: The page's file, with `$policy`, `$style`, `$script` and `$source` in it.
        style: The style's file.
        scripts: The scripts' files, in their order.
        source: A JSON value that the script finds in the element `source`.
        rules: What else the page may do, by directive: `connect_src="'self'"`.
    """
    css = _read(package, style)
    script = "\n".join(_read(package, name) for name in scripts)
    policy = [
        "default-src 'none'",
        f"style-src {_hash(css)}",
        f"script-src {_hash(script)}",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        *(f"{name.replace('_', '-')} {value}" for name, value in rules.items()),
    ]
    # Inside a script element only "<" could end the element early.
    embedded = json.dumps(source).replace("<", r"\u003c")
    return Template(_read(package, page)).substitute(
        policy="; ".join(policy), style=css, script=script, source=embedded
    )


def _read(package: str, name: str) -> str:
    return files(package).joinpath("static", name).read_text("utf-8")


def _hash(text: str) -> str:
    """The source expression that allows an inline element of exactly this text.

    Source: Content Security Policy Level 3, section 2.3.1.
    """
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
