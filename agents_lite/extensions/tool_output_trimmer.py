"""Showing the model long tool outputs of earlier turns by their beginnings alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..checks import check_count
from ..exceptions import UserError
from ..items import TResponseInputItem
from ..run_functions import CallModelData, ModelInputData


@dataclass
class ToolOutputTrimmer:
    """A `call_model_input_filter`: long tool outputs of earlier turns are shortened.

    What the run and its session keep stays whole. Each output is shortened once, when it has become
    old, and stays so: the beginning that a server has cached stays the same for long.
    """

    recent_turns: int = 2
    """How many of the last user messages, with all that follows them, stay as they are."""
    max_output_chars: int = 500
    """Outputs of more characters are shortened, where that makes them shorter; of those in parts,
    the text counts, and images and files stay."""
    preview_chars: int = 200
    """How many characters of an output are left."""
    trimmable_tools: str | Iterable[str] | None = None
    """Names of the tools whose outputs may be shortened; None: of all."""

    def __post_init__(self) -> None:
        """Check what was given.

        Raises:
            UserError: A number is none from 0 on, or previews are longer than what is shortened.
        """
        named = self.trimmable_tools
        if isinstance(named, str):
            self.trimmable_tools = [named]
        elif named is not None:
            self.trimmable_tools = frozenset(named)  # it may come from a generator
        for name in ("recent_turns", "max_output_chars", "preview_chars"):
            check_count(getattr(self, name), f"ToolOutputTrimmer: {name}")
        if self.preview_chars > self.max_output_chars:
            raise UserError(
                "ToolOutputTrimmer: preview_chars is more than max_output_chars, so previews would "
                "be longer than what they stand for"
            )

    def __call__(self, data: CallModelData) -> ModelInputData:
        """What the model is sent."""
        items = data.model_data.input
        said = [place for place, item in enumerate(items) if item.get("role") == "user"]
        recent = said[-self.recent_turns :] if self.recent_turns else [len(items)]
        first_recent = recent[0] if recent else 0
        names = {item.get("call_id"): item.get("name") for item in items if "name" in item}
        shown = [
            self._shortened(item, names) if place < first_recent else item
            for place, item in enumerate(items)
        ]
        return ModelInputData(shown, data.model_data.instructions)

    def _shortened(
        self, item: TResponseInputItem, names: dict[Any, str | None]
    ) -> TResponseInputItem:
        if item.get("type") not in ("function_call_output", "custom_tool_call_output"):
            return item
        name = str(names.get(item.get("call_id")))
        if self.trimmable_tools is not None and name not in self.trimmable_tools:
            return item
        output = item.get("output")
        text = _text_of(output)
        preview = f"{text[: self.preview_chars]}... [{len(text)} characters, shortened]"
        if len(text) <= max(self.max_output_chars, len(preview)):
            return item
        parts = output if isinstance(output, list) else []
        others = [part for part in parts if not _text_of([part])]
        whole = [{"type": "input_text", "text": preview}, *others] if others else preview
        return {**item, "output": whole}


def _text_of(output: Any) -> str:
    if isinstance(output, str):
        return output
    parts = output if isinstance(output, list) else []
    return "".join(str(part.get("text") or "") for part in parts if isinstance(part, dict))
