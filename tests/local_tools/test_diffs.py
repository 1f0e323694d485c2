"""Changing texts by diffs, as the model writes them and as `git` does."""

from __future__ import annotations

import random
import re
import subprocess
from pathlib import Path

import pytest

from agents_lite import apply_diff
from agents_lite.local_tools.diffs import DiffError

WORDS = [
    "a",
    "b",
    "",
    "  c",
    "}",
    "\td",
    "x = 1",
    "-- y",
    "++ z",
    "@@ q",
    "\\ t",
    "*** End of File",
]
PAIRS = 3000
PROGRAM = """\
class Cat:
    def name(self):
        pass

class Dog:
    def name(self):
        pass
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    return folder


def changed(lines: list[str], chance: random.Random, words: list[str]) -> list[str]:
    lines = list(lines)
    for _ in range(chance.randint(1, 4)):
        place = chance.randint(0, len(lines))
        if chance.random() < 0.4:
            lines[place:place] = chance.choices(words, k=chance.randint(1, 3))
        else:
            del lines[place : place + chance.randint(1, 3)]
    return lines


def as_text(lines: list[str], chance: random.Random) -> str:
    return "\n".join(lines) + ("\n" if lines and chance.random() < 0.7 else "")


def diff_of(folder: Path, before: str, after: str, context: int) -> str:
    """The sections of the diff that git makes."""
    (folder / "before").write_bytes(before.encode())
    (folder / "after").write_bytes(after.encode())
    command = ["git", "diff", "--no-index", "--text", f"-U{context}", "before", "after"]
    made = subprocess.run(command, cwd=folder, capture_output=True, check=False).stdout.decode()
    return made[made.index("@@ -") :]


def diffs_of(folder: Path, pairs: dict[str, tuple[str, str]], context: int) -> dict[str, str]:
    """The sections of the diffs that git makes of many files at once, by their names."""
    for side, place in (("old", 0), ("new", 1)):
        (folder / f"{side}{context}").mkdir()
        for name, texts in pairs.items():
            (folder / f"{side}{context}" / name).write_bytes(texts[place].encode())
    command = ["git", "diff", "--no-index", "--text", f"-U{context}"]
    command += [f"old{context}", f"new{context}"]
    made = subprocess.run(command, cwd=folder, capture_output=True, check=False).stdout.decode()
    _, *diffs = re.split("^diff --git a/", made, flags=re.MULTILINE)
    return {Path(diff.partition(" ")[0]).name: diff[diff.index("@@ -") :] for diff in diffs}


@pytest.mark.parametrize("context", [1, 3])
def test_unified_diffs_do_what_git_made_them_for(folder: Path, context: int) -> None:
    chance = random.Random(context)
    pairs = {}
    for number in range(PAIRS):
        lines = chance.choices(WORDS, k=chance.randint(0, 30))
        before = as_text(lines, chance)
        pairs[str(number)] = before, as_text(changed(lines, chance, WORDS), chance)
    diffs = diffs_of(folder, pairs, context)
    assert len(diffs) == sum(before != after for before, after in pairs.values()) > 0.9 * PAIRS
    for number, diff in diffs.items():
        before, after = pairs[number]
        assert apply_diff(before, diff) == after, (before, diff)


def test_without_line_numbers_the_lines_are_found(folder: Path) -> None:
    chance = random.Random(8)
    words = [f"line {number}" for number in range(1000)]
    for _ in range(200):
        lines = chance.sample(words, chance.randint(1, 40))
        before = "\n".join([*lines, ""])
        after = "\n".join([*changed(lines, chance, ["new", "newer", ""]), ""])
        if before == after or after == "\n":
            continue
        diff = diff_of(folder, before, after, 3).splitlines(keepends=True)
        sections = "".join("@@\n" if line.startswith("@@ -") else line for line in diff)
        assert apply_diff(before, sections) == after, (before, sections)


def test_what_git_refuses_is_refused(folder: Path) -> None:
    chance = random.Random(9)
    refused = 0
    for _ in range(100):
        words = [f"line {number}" for number in range(100)]
        lines = chance.sample(words, 20)
        edits = lines, changed(lines, chance, ["new"]), changed(lines, chance, ["other"])
        before, after, other = ("\n".join([*each, ""]) for each in edits)
        if before == after:
            continue
        diff = diff_of(folder, before, after, 3)
        (folder / "file").write_text(other)
        patch = f"--- a/file\n+++ b/file\n{diff}"
        command = ["git", "apply", "--unsafe-paths", "-"]
        done = subprocess.run(command, cwd=folder, input=patch.encode(), capture_output=True)
        if done.returncode == 0:
            assert apply_diff(other, patch) == (folder / "file").read_text()
        elif "patch does not apply" in done.stderr.decode():
            try:
                apply_diff(other, diff)  # it may be laxer at the ends of a file
            except DiffError:
                refused += 1
    assert refused > 10


def test_anchors_say_where_to_look() -> None:
    diff = "@@ class Dog:\n@@     def name(self):\n-        pass\n+        return 'Rex'\n"
    assert apply_diff(PROGRAM, diff) == PROGRAM[: -len("pass\n")] + "return 'Rex'\n"


def test_an_anchor_that_was_passed_may_be_named_again() -> None:
    text = "class A\none\ntwo\n"
    assert apply_diff(text, "@@ class A\n-one\n+1\n@@ class A\n-two\n+2") == "class A\n1\n2\n"


def test_an_anchor_is_not_taken_from_before_the_one_that_it_stands_under() -> None:
    text = "class A\ndef f\nold\nclass B\ndef g\nold\n"
    assert apply_diff(text, "@@ class A\n@@ def f\n-old\n+new") == text.replace("old", "new", 1)
    with pytest.raises(DiffError, match="This line is not in the file: def f"):
        apply_diff(text, "@@ class B\n@@ def f\n-old\n+new")


def test_a_blank_line_behind_a_section_is_no_part_of_it() -> None:
    assert apply_diff("a\nb\nc\n", "@@\n-a\n+1\n\n@@\n-c\n+3\n \n") == "1\nb\n3\n"
    assert apply_diff("a\n\nc\n", "@@\n-a\n+1\n\n@@\n-c\n+3\n") == "1\n\n3\n"


def test_blanks_at_the_ends_of_lines_may_differ_and_the_file_keeps_its_own() -> None:
    assert apply_diff("a  \n\tb\nc\n", "@@\n a\n b\n-c\n+d\n") == "a  \n\tb\nd\n"


def test_the_end_of_the_file_is_looked_at_first_where_it_is_meant() -> None:
    assert apply_diff("a\nb\na\n", "@@\n-a\n+c\n*** End of File\n") == "a\nb\nc\n"


def test_line_breaks_stay_as_they_are() -> None:
    assert apply_diff("a\r\nb\r\n", "@@\n a\n-b\n+c") == "a\r\nc\r\n"
    assert apply_diff("a\nb", "@@\n-b\n+c") == "a\nc"
    assert apply_diff("", "@@\n+a\n+b") == "a\nb\n"
    assert apply_diff("a\r\nb\nc\n", "@@\n-c\n+d\n+e") == "a\r\nb\nd\ne\n"
    assert apply_diff("a\nb\r\nc", "@@\n b\n+x\n c\n+d\n") == "a\nb\r\nx\r\nc\r\nd"


def test_a_new_text_is_all_additions() -> None:
    assert apply_diff("", "+a\n+\n+b\n+", mode="create") == "a\n\nb\n"
    assert apply_diff("", "", mode="create") == ""
    with pytest.raises(DiffError, match="begins with \\+, not so 'b'"):
        apply_diff("", "+a\nb", mode="create")


@pytest.mark.parametrize(
    ("diff", "words"),
    [
        ("@@\n-z\n+y", "not in the file behind line 0:\nz"),
        ("@@ nowhere\n-a\n+y", "This line is not in the file: nowhere"),
        ("@@\n-b\n+c\n@@\n-a\n+y", "not in the file behind line 2"),
        ("@@\n*a", "not so '\\*a'"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(diff: str, words: str) -> None:
    with pytest.raises(DiffError, match=words):
        apply_diff("a\nb\n", diff)
    with pytest.raises(ValueError, match=words):
        apply_diff("a\nb\n", diff)
