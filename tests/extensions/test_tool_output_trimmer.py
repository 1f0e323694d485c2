from __future__ import annotations

from typing import Any

import pytest

from agents_lite import Agent, RunConfig, Runner, UserError, function_tool
from agents_lite.extensions import ToolOutputTrimmer
from agents_lite.testing import ScriptedModel, call


@function_tool
def search(text: str) -> str:
    """Search."""
    return text * 1000


def outputs(requests: list[Any]) -> list[list[int]]:
    """How long the outputs are that each request holds."""
    return [
        [len(item["output"]) for item in request.input if item.get("output") is not None]
        for request in requests
    ]


def talk(trimmer: ToolOutputTrimmer, times: int = 4) -> list[Any]:
    model = ScriptedModel([turn for _ in range(times) for turn in (call("search", text="a"), "ok")])
    agent = Agent(name="A", model=model, tools=[search])
    said: list[Any] = []
    for _ in range(times):
        said = [*said, {"role": "user", "content": "Go on."}]
        result = Runner.run_sync(agent, said, run_config=RunConfig(call_model_input_filter=trimmer))
        said = result.to_input_list()
        assert all(len(item.get("output", "a" * 1000)) == 1000 for item in said)
    return model.requests


def test_old_outputs_are_shortened_and_stay_so() -> None:
    short = 200 + len("... [1000 characters, shortened]")
    assert outputs(talk(ToolOutputTrimmer()))[1::2] == [
        [1000],
        [1000, 1000],
        [short, 1000, 1000],
        [short, short, 1000, 1000],
    ]


def test_only_those_of_named_tools_are() -> None:
    assert outputs(talk(ToolOutputTrimmer(trimmable_tools="other")))[-1] == [1000] * 4
    trimmer = ToolOutputTrimmer(recent_turns=1, trimmable_tools=["search"], preview_chars=0)
    assert max(outputs(talk(trimmer))[-1][:-1]) < 100


def test_short_ones_and_pictures_stay() -> None:
    assert outputs(talk(ToolOutputTrimmer(max_output_chars=1000)))[-1] == [1000] * 4
    trimmer = ToolOutputTrimmer(max_output_chars=990, preview_chars=980)  # no shorter for its mark
    assert outputs(talk(trimmer))[-1] == [1000] * 4


@pytest.mark.parametrize(
    "options", [{"recent_turns": -1}, {"max_output_chars": 10}, {"preview_chars": "5"}]
)
def test_what_cannot_be_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        ToolOutputTrimmer(**options)


def test_names_may_come_from_a_generator() -> None:
    names = (name for name in ["other", "search"])
    trimmer = ToolOutputTrimmer(recent_turns=1, trimmable_tools=names, preview_chars=0)
    assert [length < 100 for length in outputs(talk(trimmer))[-1]] == [True, True, True, False]


def test_images_beside_a_long_text_stay() -> None:
    image = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}
    parts = [{"type": "input_text", "text": "a" * 1000}, image]
    items: list[Any] = [
        {"type": "function_call", "call_id": "1", "name": "search", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "1", "output": parts},
        {"role": "user", "content": "Well?"},
    ]
    model = ScriptedModel(["ok"])
    config = RunConfig(call_model_input_filter=ToolOutputTrimmer(recent_turns=1))
    Runner.run_sync(Agent(name="A", model=model), items, run_config=config)
    text, kept = model.requests[0].input[1]["output"]
    assert text["text"].endswith("a... [1000 characters, shortened]") and kept == image
