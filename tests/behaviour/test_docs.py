"""Every Python program in README and docs runs, and prints what the page says it prints.

The blocks of a page are one program, run from top to bottom with a stand-in for the model. A
`text` block right after a Python block is what that block prints. Programs that need more than
this are marked `<!-- not run here: why -->` on the line before. A `py` block with a file as its
title is an excerpt of that file; docs/show_source.py fills in blocks of `# source:`.
"""

from __future__ import annotations

import os
import re
import runpy
from dataclasses import dataclass, fields
from pathlib import Path

import pytest

import agents_lite
from agents_lite import ModelSettings, RunConfig
from agents_lite.testing import ResponsesServer
from tests.support.warm import run_warm
from tests.test_lifecycle import ORDER

ROOT = Path(__file__).parents[2]
PAGES = [path for path in [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))] if path.exists()]
BLOCK = re.compile(
    r"(?P<marker><!-- not run here: .+ -->\n\s*)?"
    r"^```python\n(?!# source: )(?P<code>(?:.*\n)*?)^```$"
    r"(?:\n+```text\n(?P<printed>(?:.*\n)*?)```$)?",
    re.MULTILINE,
)
PLATFORMS = re.compile(
    r"^(?:import|from) (?:opentelemetry|logfire|braintrust|agentops|keywordsai_tracing)\b",
    re.MULTILINE,
)
"""Programs for platforms are run, with their packages, by tests/tracing/test_platforms.py."""
EXCERPT = re.compile(r'^```py title="(.+)"\n((?:.*\n)*?)^```$', re.MULTILINE)
SOURCE = re.compile(r"^```python\n(# source: .*)\n```$", re.MULTILINE)
MARK = "== block at line {} =="


@dataclass
class Block:
    """A Python block of a page."""

    line: int
    """Of its first line of code, from 1."""
    code: str
    printed: str | None
    """What the page says it prints, or None when it says nothing."""


def blocks(page: Path) -> list[Block]:
    """The blocks that are to be run."""
    text = page.read_text()
    return [
        Block(text.count("\n", 0, found.start("code")) + 1, found["code"], found["printed"])
        for found in BLOCK.finditer(text)
        if not (found["marker"] or PLATFORMS.search(found["code"]))
    ]


def run(page: Path, directory: Path) -> dict[int, str]:
    """Run a page's blocks as one program, whose line numbers are the page's.

    Returns:
        What each block printed, by its line.
    """
    lines = [""] * (page.read_text().count("\n") + 2)
    for block in blocks(page):
        lines[block.line - 2] = f"print({MARK.format(block.line)!r})"  # in place of the fence
        code = block.code.splitlines()
        lines[block.line - 1 : block.line - 1 + len(code)] = code
    program = directory / "program.py"
    program.write_text("\n".join(lines))
    with ResponsesServer() as server:
        environment = {**os.environ, "OPENAI_BASE_URL": server.base_url}
        ran = run_warm([program.name], cwd=directory, env=environment)
    assert ran.returncode == 0, ran.stderr
    _, *parts = re.split(r"^== block at line (\d+) ==\n", ran.stdout, flags=re.MULTILINE)
    return {int(line): text for line, text in zip(parts[::2], parts[1::2], strict=True)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_programs_of_a_page_run(page: Path, tmp_path: Path) -> None:
    printed = run(page, tmp_path)
    for block in blocks(page):
        if block.printed is not None:
            assert printed[block.line] == block.printed, f"{page.name}, line {block.line}"


def test_pages_have_programs() -> None:
    assert sum(len(blocks(page)) for page in PAGES) > 50


EXCERPTS = [found for page in PAGES for found in EXCERPT.findall(page.read_text())]


@pytest.mark.parametrize(("file", "code"), EXCERPTS)
def test_excerpts_are_what_the_files_hold(file: str, code: str) -> None:
    assert code in (ROOT / file).read_text()


def test_the_code_that_pages_show_exists() -> None:
    fill_in = runpy.run_path(str(ROOT / "docs" / "show_source.py"))["on_page_markdown"]
    page = (ROOT / "docs" / "the-loop.md").read_text()
    assert len(SOURCE.findall(page)) > 10
    assert "def run_loop(run: LiveRun)" in fill_in(page)
    assert not SOURCE.search(fill_in(page))


MESSAGES = re.findall(
    r"^\| `(.+?)` \|", (ROOT / "docs" / "troubleshooting.md").read_text(), re.MULTILINE
)


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_that_is_explained_is_one_of_the_package(message: str) -> None:
    """Each piece between what differs stands in the text of one and the same module."""
    pieces = [piece.strip() for piece in message.split("...")]
    modules = [path.read_text("utf-8") for path in (ROOT / "agents_lite").rglob("*.py")]
    assert any(all(piece in text for piece in pieces) for text in modules)


def test_the_order_of_hooks_is_as_the_page_says() -> None:
    page = (ROOT / "docs" / "hooks.md").read_text()
    assert re.findall(r"`((?:run|A|B)\.\w+)`", page) == ORDER


@pytest.mark.parametrize(
    ("title", "kind"), [("Model settings", ModelSettings), ("RunConfig", RunConfig)]
)
def test_the_page_on_configuration_names_every_field(title: str, kind: type) -> None:
    page = (ROOT / "docs/configuration.md").read_text()
    section = page.split(f"\n## {title}\n")[1].split("\n## ")[0]
    assert [each.name for each in fields(kind) if f"`{each.name}`" not in section] == []


def test_all_that_is_public_is_in_the_reference() -> None:
    pages = "".join(path.read_text() for path in (ROOT / "docs" / "reference").glob("*.md"))
    described = set(re.findall(r"^::: agents_lite(?:\.tracing)?\.(\w+)$", pages, re.MULTILINE))
    assert set(agents_lite.__all__) - described == set()
