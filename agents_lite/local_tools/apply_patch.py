"""A tool with which the model changes files on this machine, by diffs.

Source: https://platform.openai.com/docs/guides/tools-apply-patch
"""

from __future__ import annotations

import os
from collections.abc import Awaitable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeAlias, runtime_checkable

from ..checks import check_kind
from ..exceptions import ModelBehaviorError, UserError, words_of
from ..response_types import as_json, json_text
from ..shown import repr_of
from ..taken_whole import TakenWhole
from ..tool import LocalTool, NeedsApproval, OnApproval
from .diffs import DiffError, apply_diff

if TYPE_CHECKING:
    from ..run_context import RunContextWrapper
    from ..running.turn.tool_call import ToolCall

_KINDS = ("create_file", "update_file", "delete_file")
_MARK = "\ufeff"
"""What files of Windows may begin with: a byte order mark."""


@dataclass
class ApplyPatchOperation(TakenWhole):
    """What is to be done with a file."""

    type: Literal["create_file", "update_file", "delete_file"]
    path: str
    """The file, as the model names it."""
    diff: str | None = None
    """The change, as `apply_diff` reads it; None for a file that is to be deleted."""
    ctx_wrapper: RunContextWrapper[Any] | None = None
    """The call's context, or None outside a run."""
    move_to: str | None = None
    """Where the file is to be moved, or None."""


@dataclass
class ApplyPatchResult:
    """What came of an operation."""

    status: Literal["completed", "failed"] | None = None
    """None counts as completed."""
    output: str | None = None
    """What the model is told, or None."""


_Told: TypeAlias = "ApplyPatchResult | str | None | Awaitable[ApplyPatchResult | str | None]"


@runtime_checkable
class ApplyPatchEditor(Protocol):
    """Changes files. What its methods raise is told to the model, unless it is a `UserError`."""

    def create_file(self, operation: ApplyPatchOperation) -> _Told:
        """Write a new file."""

    def update_file(self, operation: ApplyPatchOperation) -> _Told:
        """Change a file."""

    def delete_file(self, operation: ApplyPatchOperation) -> _Told:
        """Delete a file."""


@dataclass
class ApplyPatchTool(LocalTool):
    """The model changes files by diffs, through an editor such as `FolderEditor`."""

    call_type: ClassVar[str] = "apply_patch_call"
    editor: ApplyPatchEditor
    """Changes the files; its methods are `def` or `async def`."""
    name: str = "apply_patch"
    needs_approval: NeedsApproval = False
    """Whether a call waits for consent, or a function of context, ApplyPatchOperation, call id."""
    on_approval: OnApproval | None = None
    """Decides about a call that needs an approval; None asks a person: the run pauses."""

    def __post_init__(self) -> None:
        """Check the editor.

        Raises:
            UserError: It is none, or a function cannot be called.
        """
        if not all(callable(getattr(self.editor, kind, None)) for kind in _KINDS):
            raise UserError(
                "ApplyPatchTool needs an editor with create_file, update_file and delete_file, "
                f"such as FolderEditor('.'), not {repr_of(self.editor)}"
            )
        self.check_approvals()

    def to_request(self) -> dict[str, Any]:
        """The tool as an element of `tools` in a request to the Responses API."""
        return {"type": "apply_patch"}

    def asked_of(self, raw: Any) -> Any:
        """The operation."""
        return as_json(raw).get("operation")

    def request_of(self, call: ToolCall) -> ApplyPatchOperation | None:
        """The operation, or None where there is no such operation."""
        asked = call.asked_for if isinstance(call.asked_for, dict) else {}
        kind, path, diff = asked.get("type"), asked.get("path"), asked.get("diff")
        if kind not in _KINDS or not path or (diff is None) != (kind == "delete_file"):
            return None
        return ApplyPatchOperation(kind, path, diff, call.context, asked.get("move_to"))

    def carry_out(self, call: ToolCall) -> tuple[dict[str, Any], Any]:
        """Have the editor do it.

        Raises:
            ModelBehaviorError: There is no such operation.
        """
        operation = self.request_of(call)
        if operation is None:
            asked = call.asked_for
            raise ModelBehaviorError(f"The model asked for an impossible patch: {asked!r}")
        told = call.ask(getattr(self.editor, operation.type), operation)
        result = told if isinstance(told, ApplyPatchResult) else ApplyPatchResult(output=told)
        return _fields(result.status or "completed", result.output), result

    def stand_in(self, call: ToolCall, shown: Any, is_refusal: bool) -> tuple[dict[str, Any], Any]:
        """The words."""
        words = shown if isinstance(shown, str) else json_text(shown)
        return _fields("failed" if is_refusal else "completed", words), shown

    def explain(self, call: ToolCall, error: Exception) -> tuple[dict[str, Any], Any]:
        """The editor's failure, in words; a UserError is raised."""
        if isinstance(error, UserError):
            raise error
        words = words_of(error)
        return _fields("failed", words), ApplyPatchResult("failed", words)


def _fields(status: str, output: str | None) -> dict[str, Any]:
    return {"status": status, **({} if output is None else {"output": str(output)})}


class FolderEditor:
    """Changes files in one folder, and none outside it.

    A file is written whole beside the old one, which it then replaces, keeping its mode.

    Args:
        folder: The folder; paths of the model are relative to it.

    Raises:
        UserError: It is no path.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        check_kind(folder, (str, os.PathLike), "FolderEditor: folder", "a path")
        self.folder = Path(folder).resolve()

    def create_file(self, operation: ApplyPatchOperation) -> str:
        """Write a new file, with the folders that lead to it.

        Raises:
            FileExistsError: There is one already.
        """
        path = self._inside(operation.path)
        if path.exists():
            raise FileExistsError(f"{operation.path} exists already; update it")
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, apply_diff("", operation.diff or "", mode="create"))
        return f"Created {operation.path}"

    def update_file(self, operation: ApplyPatchOperation) -> str:
        """Change a file, and move it if that is asked for. A byte order mark stays where it is.

        Raises:
            DiffError: The diff does not fit, or changes nothing.
            OSError: There is no such file, or it cannot be written.
        """
        path = self._inside(operation.path)
        text = path.read_bytes().decode("utf-8")
        diff = operation.diff or ""
        if text.startswith(_MARK):  # whether the model has read it or not
            changed = _MARK + apply_diff(text.removeprefix(_MARK), diff.replace(_MARK, ""))
        else:
            changed = apply_diff(text, diff)
        target = path if operation.move_to is None else self._inside(operation.move_to)
        if target != path and target.exists():
            raise FileExistsError(f"{operation.move_to} exists already")
        if target == path and changed == text:
            raise DiffError(f"The diff changes nothing in {operation.path}")
        target.parent.mkdir(parents=True, exist_ok=True)
        _write(target, changed, path)
        if target != path:
            self._named(operation.path).unlink()
            return f"Updated {operation.path}, which is {operation.move_to} now"
        return f"Updated {operation.path}"

    def delete_file(self, operation: ApplyPatchOperation) -> str:
        """Delete a file; of a link, the link alone.

        Raises:
            OSError: There is no such file.
        """
        self._named(operation.path).unlink()
        return f"Deleted {operation.path}"

    def _inside(self, name: str) -> Path:
        """The file of that name, links followed.

        Raises:
            PermissionError: It is not in the folder.
        """
        return self._fenced((self.folder / name).resolve(), name)

    def _named(self, name: str) -> Path:
        """The same, but not followed where the name itself is that of a link."""
        place = self.folder / name
        return self._fenced(place.parent.resolve() / place.name, name)

    def _fenced(self, path: Path, name: str) -> Path:
        if not path.is_relative_to(self.folder) or path == self.folder:
            raise PermissionError(f"{name} is not in the folder that may be changed")
        return path


def _write(path: Path, text: str, like: Path | None = None) -> None:
    mode = None if like is None else like.stat().st_mode
    beside = path.with_name(f".patch-{os.urandom(8).hex()}")
    opener = partial(os.open, mode=0o666 if mode is None else 0o600)  # less the umask
    try:
        with open(beside, "xb", opener=opener) as file:
            file.write(text.encode("utf-8"))
        if mode is not None:
            beside.chmod(mode)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
