"""Answers questions from the text files of a folder, and says where it stands.

    python ask_files.py ~/handbook "How long are lamps taken back?"
    python ask_files.py ~/handbook             # asks for questions until Ctrl-D

No index: the model asks for words, looks at the lines found, and reads on where it looks right.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from agents_lite import (
    Agent,
    AgentsException,
    RunContextWrapper,
    Runner,
    SQLiteSession,
    function_tool,
)
from agents_lite.testing import offline_unless_configured

ENDINGS = {".md", ".rst", ".txt"}
MOST_HITS, PAGE = 30, 200  # lines


@dataclass
class Folder:
    root: Path

    def files(self) -> list[Path]:
        found = self.root.rglob("*")
        return sorted(path for path in found if path.suffix in ENDINGS and path.is_file())

    def lines(self, path: Path) -> list[str]:
        return path.read_text("utf-8", errors="replace").splitlines()


@function_tool
def search_files(ctx: RunContextWrapper[Folder], words: list[str]) -> str:
    """Search all files for lines with any of these words.

    Args:
        words: A few words, with their synonyms. Capitals do not matter.
    """
    pattern = re.compile("|".join(map(re.escape, words)), re.IGNORECASE)
    found = []
    for path in ctx.context.files():
        for number, line in enumerate(ctx.context.lines(path), 1):
            if hits := len(set(map(str.lower, pattern.findall(line)))):
                name = path.relative_to(ctx.context.root)
                found.append((-hits, f"{name}:{number}: {line.strip()}"))
    best = [line for _, line in sorted(found)[:MOST_HITS]]
    return "\n".join(best) or "Nothing was found; try other words."


@function_tool
def read_file(ctx: RunContextWrapper[Folder], name: str, first_line: int = 1) -> str:
    """Read 200 lines of a file.

    Args:
        name: As the search shows it.
        first_line: Where to begin.
    """
    path = (ctx.context.root / name).resolve()
    if path not in ctx.context.files():  # the model chooses the name: it may lead out of the folder
        raise ValueError(f"There is no file {name!r}")
    return "\n".join(ctx.context.lines(path)[first_line - 1 : first_line - 1 + PAGE])


agent = Agent[Folder](
    name="Librarian",
    instructions=(
        "Answer from the files alone. Search with several words, read what looks right, and name "
        "file and line for all that you say. If the files do not say it, say so."
    ),
    tools=[search_files, read_file],
)


def questions(given: str | None) -> Iterator[str]:
    """The one that was given, or those that are typed until Ctrl-D."""
    if given is not None:
        yield given
        return
    with suppress(EOFError):
        while True:
            yield input("? ")


def main(folder: str, given: str | None = None) -> int:
    context = Folder(Path(folder).expanduser().resolve())
    session = SQLiteSession("questions")  # so that a question can go back to the one before
    failed = False
    with offline_unless_configured():
        for question in questions(given):
            try:
                result = Runner.run_sync(agent, question, context=context, session=session)
                print(result.final_output)
            except AgentsException as error:
                print(error, file=sys.stderr)
                failed = True
    return int(failed)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
