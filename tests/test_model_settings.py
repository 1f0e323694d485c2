"""How a model is to be called: settings overlaid, and as they are sent."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from agents_lite import (
    Agent,
    MCPToolChoice,
    ModelRequest,
    ModelRetrySettings,
    ModelSettings,
    RunConfig,
    Runner,
    UserError,
    WebSearchTool,
    function_tool,
    retry_policies,
)
from agents_lite.models.openai_responses import request_body
from agents_lite.testing import ScriptedModel

COMPACT = [{"type": "compaction", "compact_threshold": 100_000}]
SENT: dict[str, tuple[Any, str, Any]] = {
    "temperature": (0.0, "temperature", 0.0),
    "top_p": (0.5, "top_p", 0.5),
    "parallel_tool_calls": (False, "parallel_tool_calls", False),
    "truncation": ("auto", "truncation", "auto"),
    "max_tokens": (9, "max_output_tokens", 9),
    "reasoning": ({"effort": "low"}, "reasoning", {"effort": "low"}),
    "verbosity": ("low", "text", {"verbosity": "low"}),
    "metadata": ({"a": "b"}, "metadata", {"a": "b"}),
    "store": (False, "store", False),
    "include": (["x"], "include", ["x"]),
    "response_include": (["x"], "include", ["x"]),
    "top_logprobs": (0, "top_logprobs", 0),
    "prompt_cache_key": ("chat-7", "prompt_cache_key", "chat-7"),
    "prompt_cache_retention": ("24h", "prompt_cache_retention", "24h"),
    "context_management": (COMPACT, "context_management", COMPACT),
    "background": (True, "background", True),
    "service_tier": ("flex", "service_tier", "flex"),
    "safety_identifier": ("u1", "safety_identifier", "u1"),
    "extra_body": ({"seed": 1}, "seed", 1),
    "extra_args": ({"user": "me"}, "user", "me"),
    "tool_choice": ("required", "tool_choice", "required"),
}
"""Each setting with a value, and the field of the request that it becomes."""
NOT_IN_THE_BODY = {
    "extra_headers",
    "extra_query",
    "timeout",
    "frequency_penalty",
    "presence_penalty",
    "include_usage",
    "retry",
}


def body_with(settings: ModelSettings, **fields: Any) -> dict[str, Any]:
    return request_body("m", ModelRequest(input=[], model_settings=settings, **fields))


def test_every_setting_is_listed_here() -> None:
    assert {field.name for field in fields(ModelSettings)} == set(SENT) | NOT_IN_THE_BODY


@pytest.mark.parametrize("name", SENT)
def test_a_setting_is_sent(name: str) -> None:
    value, field, sent = SENT[name]
    body = body_with(ModelSettings(**{name: value}))
    assert body[field] == sent
    assert field not in body_with(ModelSettings())


def test_nothing_is_sent_that_was_not_set() -> None:
    assert body_with(ModelSettings()) == {"model": "m", "input": [], "stream": False}


F = function_tool(lambda: 1, name_override="f")
WEB = function_tool(lambda: 1, name_override="web_search")


@pytest.mark.parametrize(
    ("choice", "tools", "sent"),
    [
        *[(word, [F], word) for word in ("auto", "required", "none")],
        ("f", [F], {"type": "function", "name": "f"}),
        ("web_search", [WebSearchTool()], {"type": "web_search"}),
        ("web_search", [WEB], {"type": "function", "name": "web_search"}),
        ("file_search", [], {"type": "file_search"}),
        ({"type": "mcp", "server_label": "s"}, [], {"type": "mcp", "server_label": "s"}),
    ],
)
def test_a_tool_choice_names_a_tool_in_the_api_s_form(choice: Any, tools: Any, sent: Any) -> None:
    assert body_with(ModelSettings(tool_choice=choice), tools=tools)["tool_choice"] == sent


def test_the_extra_body_wins() -> None:
    settings = ModelSettings(temperature=1, extra_body={"temperature": 0.5, "stream": None})
    body = body_with(settings)
    assert (body["temperature"], body["stream"]) == (0.5, None)


class Reasoning:
    """As the OpenAI client's types are: an object that dumps itself."""

    def model_dump(self, *, exclude_none: bool) -> dict[str, str]:
        assert exclude_none
        return {"effort": "high"}


def test_reasoning_may_be_an_object() -> None:
    assert body_with(ModelSettings(reasoning=Reasoning()))["reasoning"] == {"effort": "high"}


# Overlaying


def test_settings_are_overlaid_field_by_field() -> None:
    agent_s = ModelSettings(temperature=0.7, top_p=0.5, store=True, extra_args={"a": 1, "b": 1})
    run_s = ModelSettings(temperature=0.0, store=False, max_tokens=9, extra_args={"b": 2})
    merged = agent_s.resolve(run_s)
    assert merged == ModelSettings(
        temperature=0.0, top_p=0.5, store=False, max_tokens=9, extra_args={"a": 1, "b": 2}
    )
    assert agent_s.temperature == 0.7
    assert agent_s.resolve(None) == agent_s
    assert ModelSettings().resolve(run_s) == run_s
    assert agent_s.resolve({"store": False}).store is False  # type: ignore[arg-type]


def test_retries_are_overlaid_field_by_field() -> None:
    never = retry_policies.never()
    agent = ModelSettings(retry=ModelRetrySettings(2, {"initial_delay": 0.5, "jitter": True}))
    run = ModelSettings(retry=ModelRetrySettings(None, {"jitter": False}, never))
    both = ModelRetrySettings(2, {"initial_delay": 0.5, "jitter": False}, never)
    assert agent.resolve(run).retry == both
    assert ModelSettings().resolve(run).retry == run.retry


def test_the_run_s_settings_overlay_the_agent_s() -> None:
    model = ScriptedModel(["ok"])
    agent = Agent(name="A", model=model, model_settings=ModelSettings(temperature=0.7, top_p=0.5))
    config = RunConfig(model_settings=ModelSettings(temperature=0.0))
    Runner.run_sync(agent, "x", run_config=config)
    assert model.requests[0].model_settings == ModelSettings(temperature=0.0, top_p=0.5)


@pytest.mark.parametrize(
    "wrong",
    [
        {"extra_headers": "X-Key: secret"},
        {"extra_query": "key=secret"},
        {"extra_body": ["secret"]},
        {"extra_args": "secret"},
        {"timeout": 0},
        {"timeout": "5"},
    ],
    ids=str,
)
def test_settings_of_the_wrong_kind_are_refused_and_not_shown(wrong: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=f"^{next(iter(wrong))} must be") as refused:
        ModelSettings(**wrong)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("name", ["frequency_penalty", "presence_penalty"])
def test_what_the_api_does_not_know_is_refused_with_a_remedy(name: str) -> None:
    with pytest.raises(UserError, match=f"no {name}.*extra_body"):
        body_with(ModelSettings(**{name: 0.0}))


def test_settings_become_json() -> None:
    retry = ModelRetrySettings(2, policy=retry_policies.never())
    choice = MCPToolChoice("s", "t")
    written = ModelSettings(temperature=0.5, tool_choice=choice, retry=retry).to_json_dict()
    assert written["temperature"] == 0.5 and written["top_p"] is None
    assert written["tool_choice"] == {"server_label": "s", "name": "t"}
    assert written["retry"]["max_retries"] == 2 and written["retry"]["policy"] is None
    assert list(written) == [field.name for field in fields(ModelSettings)]
