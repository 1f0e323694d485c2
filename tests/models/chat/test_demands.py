"""What single servers refuse, and are then asked for otherwise. `source` says who told of it."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Annotated, Any

import pytest
from pydantic import Field

from agents_lite import (
    Agent,
    AnthropicModel,
    BadRequestError,
    ModelRequest,
    ModelSettings,
    OpenAIChatCompletionsModel,
    ResponsesClient,
    Runner,
    function_tool,
)
from agents_lite.models.chat.demands import DEMANDS
from agents_lite.testing import HTTPRequest, ResponsesServer, call, reasoning, status
from tests.support.loopback import LoopbackServer, http_answer

Json = dict[str, Any]

CALL = {"type": "function_call", "call_id": "functions.add:0", "name": "add", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "functions.add:0", "output": "3"}
HISTORY: list[Json] = [
    {"role": "user", "content": "Add"},
    CALL,
    OUTPUT,
    {"role": "user", "content": "And?"},
    {"role": "developer", "content": "Be brief."},
]
BLANK: list[Json] = [
    {**CALL, "call_id": "functions.add:1"},
    {**OUTPUT, "call_id": "functions.add:1", "output": ""},
    {"role": "user", "content": [{"type": "input_text", "text": " "}]},
    {"role": "assistant", "content": " "},
    {"role": "user", "content": "Go on"},
]


@function_tool
def add() -> int:
    """Add."""
    return 3


@function_tool(strict_mode=False)
def note(found: dict[str, int], more: list[dict[str, Any]]) -> str:
    """Note.

    Args:
        found: What.
    """
    return f"{found} {more}"


IMAGE: Json = {
    "role": "user",
    "content": [
        {"type": "input_text", "text": "Look:"},
        {"type": "input_image", "image_url": "https://example.com/a.png"},
    ],
}
OTHER = function_tool(lambda: "no", name_override="other")


@function_tool(name_override="add")
def rich(
    url: Annotated[str, Field(pattern="x", description="Where.")],
    pattern: Annotated[int | None, Field(gt=0)] = None,
) -> str:
    """Add."""
    return "3"


NAMED_SO = function_tool(lambda additionalProperties: "3", name_override="add")


@dataclass
class Picky:
    name: str
    source: str
    message: str
    code: int
    is_fine: Callable[[Json], bool]
    """Whether the server takes a body."""
    changes: Json = field(default_factory=dict)
    """What is asked otherwise than by the others."""


def calls(body: Json) -> list[Json]:
    return [call for message in body["messages"] for call in message.get("tool_calls") or ()]


def ids(body: Json) -> set[str]:
    answered = {m["tool_call_id"] for m in body["messages"] if m["role"] == "tool"}
    return {call["id"] for call in calls(body)} | answered


def of_model(body: Json) -> list[Json]:
    return [message for message in body["messages"] if message["role"] == "assistant"]


def properties(body: Json) -> Any:
    return body["tools"][0]["function"]["parameters"]["properties"]


def properties_of(body: Json) -> Json:
    return body["tools"][0]["function"]["parameters"]["properties"]


def roles(body: Json) -> list[str]:
    return [message["role"] for message in body["messages"]]


PICKY = [
    Picky(
        "Mistral: ids of nine characters",
        "https://github.com/langchain-ai/langchain/pull/24668",
        "Tool call id was functions.add:0 but must be a-z, A-Z, 0-9, with a length of 9.",
        400,
        lambda body: len(ids(body)) == 1 and bool(re.fullmatch("[a-zA-Z0-9]{9}", *ids(body))),
    ),
    Picky(
        "OpenAI: ids of a gateway that are too long",
        "https://github.com/BerriAI/litellm/pull/16895",
        "Invalid 'messages[1].tool_calls[0].id': string too long. Expected maximum length 40.",
        400,
        lambda body: all(len(each) < 10 for each in ids(body)),
    ),
    Picky(
        "DeepSeek: the thoughts of every message with calls",
        "https://github.com/NousResearch/hermes-agent/issues/16388",
        "The `reasoning_content` in the thinking mode must be passed back to the API.",
        400,
        lambda body: all(message.get("reasoning_content") for message in of_model(body)),
    ),
    Picky(
        "Kimi: the same",
        "https://github.com/charmbracelet/crush/issues/2696",
        "thinking is enabled but reasoning_content is missing in assistant tool call message",
        400,
        lambda body: all(message.get("reasoning_content") for message in of_model(body)),
    ),
    Picky(
        "Gemini: signatures of calls that others made",
        "https://github.com/jeremychone/rust-genai/pull/115",
        "Function call is missing a thought_signature in functionCall parts.",
        400,
        lambda body: all("google" in call.get("extra_content", {}) for call in calls(body)),
    ),
    Picky(
        "Mistral: no question right behind an output",
        "https://github.com/onyx-dot-app/onyx/issues/6458",
        "Unexpected role 'user' after role 'tool'",
        400,
        lambda body: roles(body)[roles(body).index("tool") + 1] == "assistant",
    ),
    Picky(
        "Bedrock behind a gateway: the same",
        "https://github.com/BerriAI/litellm/issues/6053",
        "Conversation blocks and tool result blocks cannot be provided in the same turn.",
        400,
        lambda body: roles(body)[roles(body).index("tool") + 1] == "assistant",
    ),
    Picky(
        "templates of Gemma and others: roles in turn",
        "https://github.com/charmbracelet/crush/issues/279",
        "Conversation roles must alternate user/assistant/user/assistant/...",
        500,
        lambda body: roles(body) == ["user", "assistant", "tool", "user"],
    ),
    Picky(
        "Perplexity: the same in other words",
        "https://github.com/perplexityai/api-discussion/issues/265",
        "After the (optional) system message(s), user and assistant roles should be alternating.",
        400,
        lambda body: roles(body) == ["user", "assistant", "tool", "user"],
    ),
    Picky(
        "Qwen's template: a system message only at first",
        "https://github.com/ggml-org/llama.cpp/issues/20733",
        "System message must be at the beginning.",
        500,
        lambda body: "system" not in roles(body)[1:],
    ),
    *[
        Picky(
            f"{server}: the user first, also of a history that was cut",
            source,
            message,
            400,
            lambda body: roles(body)[:3] == ["user", "assistant", "tool"],
            {"input": HISTORY[1:]},
        )
        for server, source, message in [
            (
                "Bedrock",
                "https://github.com/strands-agents/harness-sdk/issues/2085",
                "A conversation must start with a user message. Try again with another one.",
            ),
            (
                "Gemini",
                "https://github.com/diegosouzapw/OmniRoute/pull/13573",
                "Please ensure that function call turn comes immediately after a user turn or after"
                " a function response turn.",
            ),
            (
                "templates",
                "https://github.com/charmbracelet/crush/issues/279",
                "After the optional system message, conversation roles must alternate",
            ),
        ]
    ],
    *[
        Picky(
            f"{server}: no images that were shown to another model",
            source,
            message,
            code,
            lambda body: (
                "example.com" not in str(body)
                and body["messages"][0]["content"][0]["text"] == "Look:"
                and "cannot see" in body["messages"][0]["content"][1]["text"]
            ),
            {"input": [IMAGE, *HISTORY]},
        )
        for server, source, message, code in [
            (
                "DeepSeek of old",
                "https://github.com/browser-use/web-ui/issues/314",
                "Failed to deserialize the JSON body into the target type: messages[1]: data did "
                "not match any variant of untagged enum ChatCompletionRequestContent at line 1",
                400,
            ),
            (
                "DeepSeek",
                "https://github.com/jin-bo/agentao/pull/59",
                "messages[0]: unknown variant `image_url`, expected `text` at line 1 column 9",
                400,
            ),
            (
                "Bedrock behind a gateway",
                "https://github.com/earendil-works/pi/issues/8643",
                "This model doesn't support the image field for user messages.",
                400,
            ),
            (
                "OpenRouter",
                "https://github.com/HartsyAI/SwarmUI-MagicPromptExtension/issues/50",
                "No endpoints found that support image input",
                404,
            ),
        ]
    ],
    Picky(
        "MiniMax: no system messages",
        "https://github.com/temm1e-labs/temm1e/issues/59",
        "invalid params, chat content has invalid message role: system (2013)",
        400,
        lambda body: "system" not in roles(body),
    ),
    Picky(
        "Bedrock behind a gateway: the tools of earlier calls",
        "https://github.com/langgenius/dify/issues/17545",
        "The toolConfig field must be defined when using toolUse and toolResult content blocks.",
        400,
        lambda body: [tool["function"]["name"] for tool in body.get("tools", ())] == ["add"],
        {"tools": []},
    ),
    Picky(
        "Anthropic behind a gateway: the same",
        "https://github.com/camel-ai/owl/issues/532",
        "Anthropic doesn't support tool calling without `tools=` param specified.",
        400,
        lambda body: bool(body.get("tools")),
        {"tools": []},
    ),
    Picky(
        "Mistral: no text beside calls",
        "https://github.com/langchain-ai/langchain/issues/21196",
        "Assistant message must have either content or tool_calls, but not both.",
        400,
        lambda body: not any(m["content"] for m in of_model(body) if m.get("tool_calls")),
        {"input": [HISTORY[0], {"role": "assistant", "content": "I add."}, *HISTORY[1:]]},
    ),
    Picky(
        "Bedrock behind a gateway: calls without a text",
        "https://github.com/quarkiverse/quarkus-langchain4j/issues/1983",
        "Conversation blocks and tool use blocks cannot be provided in the same turn.",
        400,
        lambda body: not any(m["content"] for m in of_model(body) if m.get("tool_calls")),
        {"input": [HISTORY[0], {"role": "assistant", "content": "I add."}, *HISTORY[1:]]},
    ),
    Picky(
        "Gemini: open schemas",
        "https://github.com/musistudio/claude-code-router/issues/187",
        'Invalid JSON payload received. Unknown name "additionalProperties" at tools[0].',
        400,
        lambda body: "additionalProperties" not in str(body["tools"]),
    ),
    Picky(
        "the same, where an argument is called so",
        "https://github.com/musistudio/claude-code-router/issues/187",
        'Invalid JSON payload received. Unknown name "additionalProperties" at tools[0].',
        400,
        lambda body: (
            '"additionalProperties": false' not in json.dumps(body["tools"])
            and '"additionalProperties": {' in json.dumps(body["tools"])
        ),
        {"tools": [NAMED_SO]},
    ),
    *[
        Picky(
            f"{server}: plain schemas",
            source,
            message,
            400,
            lambda body: properties(body)
            == {
                "url": {"type": "string", "title": "Url", "description": "Where. (pattern: x)"},
                "pattern": {
                    "anyOf": [
                        {"type": "integer", "description": "(exclusiveMinimum: 0)"},
                        {"type": "null"},
                    ]
                },
            },
            {"tools": [rich]},
        )
        for server, source, message in [
            (
                "Gemini",
                "https://github.com/ahmadrosid/nakama/issues/292",
                'Unknown name "exclusiveMinimum" at \'tools[0].function_declarations[0].parameters.'
                "properties[1].value.any_of[0]': Cannot find field.",
            ),
            (
                "Gemini, of a format",
                "https://github.com/hideya/langchain-mcp-tools-ts/issues/36",
                "GenerateContentRequest.tools[0].function_declarations[0].parameters.properties[u]."
                "format: only 'enum' and 'date-time' are supported for STRING type",
            ),
            (
                "Gemini, of a list of types",
                "https://github.com/n8n-io/n8n/issues/15553",
                "Unknown name \"type\" at 'tools[0].function_declarations[0].parameters.properties"
                "[0].value': Proto field is not repeating, cannot start list.",
            ),
            (
                "llama.cpp",
                "https://github.com/openclaw/openclaw/issues/113562",
                "JSON schema conversion failed:\nPattern must start with '^' and end with '$'",
            ),
            (
                "Cerebras",
                "https://github.com/musistudio/claude-code-router/issues/338",
                "Unsupported JSON schema fields: {'minItems'}",
            ),
            (
                "LM Studio",
                "https://github.com/NousResearch/hermes-agent/pull/67349",
                "Failed to initialize samplers: failed to parse grammar",
            ),
        ]
    ],
    Picky(
        "Gemini: no parameters where there are none",
        "https://github.com/nanbingxyz/5ire/issues/42",
        "tools[0].function_declarations[0].parameters.properties: should be non-empty for OBJECT",
        400,
        lambda body: "parameters" not in body["tools"][0]["function"],
    ),
    Picky(
        "Bedrock behind a gateway: no output without a word",
        "https://github.com/continuedev/continue/issues/11497",
        "The text field in the ContentBlock object at messages.3.content.0 is blank. Add text.",
        400,
        lambda body: all(m["content"] is None or m["content"].strip() for m in body["messages"]),
        {"input": [*HISTORY, *BLANK]},
    ),
    *[
        Picky(
            f"{name}: no empty outputs",
            source,
            message,
            400,
            lambda body: all(m["content"] is None or m["content"] for m in body["messages"]),
            {"input": [*HISTORY, *BLANK]},
        )
        for name, source, message in [
            (
                "Bedrock's own words",
                "https://github.com/anomalyco/opencode/issues/15371",
                "The content field in the Message object at messages.4 is empty. Add a ContentBlock"
                " object to the content field and try again.",
            ),
            (
                "LM Studio",
                "https://github.com/if-ai/ComfyUI-IF_AI_tools/issues/89",
                "'messages' array must only contain objects with a 'content' field that is not "
                "empty",
            ),
        ]
    ],
    *[
        Picky(
            f"{name}: no content null beside calls",
            source,
            message,
            400,
            lambda body: all(type(message["content"]) is str for message in of_model(body)),
        )
        for name, source, message in [
            (
                "xAI",
                "https://github.com/langchain-ai/langchain/issues/34140",
                "Invalid request content: Each message must have at least one content element.",
            ),
            (
                "TGI",
                "https://github.com/huggingface/text-generation-inference/pull/3036",
                "Failed to deserialize the JSON body: messages[1]: missing field `content`",
            ),
            (
                "a gateway in Rust",
                "https://github.com/socrates8300/openrouter_api/pull/67",
                "data did not match any variant of untagged enum MessageContent",
            ),
        ]
    ],
    Picky(
        "Gemini: the names of functions with their outputs",
        "https://github.com/ollama/ollama/issues/14214",
        "GenerateContentRequest.contents[2].parts[0].function_response.name: Name cannot be empty.",
        400,
        lambda body: all(m.get("name") == "add" for m in body["messages"] if m["role"] == "tool"),
    ),
    Picky(
        "LM Studio: no tool_choice but words",
        "https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/670",
        "Invalid tool_choice type: 'object'. Supported string values: none, auto, required",
        400,
        lambda body: body["tool_choice"] == "required" and len(body["tools"]) == 1,
        {"tools": [OTHER, add], "model_settings": ModelSettings(tool_choice="add")},
    ),
    Picky(
        "an older server: the older name for the limit",
        "https://github.com/voideditor/void/issues/128",
        "'loc': ('body', 'max_completion_tokens'), 'msg': 'Extra inputs are not permitted'",
        422,
        lambda body: body.get("max_tokens") == 9 and "max_completion_tokens" not in body,
        {"model_settings": ModelSettings(extra_args={"max_completion_tokens": 9})},
    ),
    Picky(
        "templates without a system",
        "https://github.com/sgl-project/sglang/issues/892",
        "System role not supported",
        400,
        lambda body: "system" not in roles(body),
    ),
    Picky(
        "Gemma at Gemini: no system messages",
        "https://github.com/0xPlaygrounds/rig/issues/788",
        "Developer instruction is not enabled for models/gemma-3-27b-it",
        400,
        lambda body: "system" not in roles(body),
    ),
    Picky(
        "Mistral: system messages at first",
        "https://github.com/swarmauri/swarmauri-sdk/issues/162",
        "Unexpected role 'system' after role 'assistant'",
        400,
        lambda body: "system" not in roles(body)[1:],
    ),
    Picky(
        "Gemini: no objects of any fields",
        "https://github.com/MarkusPfundstein/mcp-obsidian/issues/21",
        "tools[0].function_declarations[0].parameters.properties[found].properties: should be "
        "non-empty for OBJECT type",
        400,
        lambda body: "'object'" not in str(properties_of(body)),
        {"tools": [note]},
    ),
    Picky(
        "LM Studio: no content null beside calls",
        "https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/261",
        "Invalid 'content': 'content' field must be a string or an array of objects.",
        400,
        lambda body: all(type(message["content"]) is str for message in of_model(body)),
    ),
    Picky(
        "reasoning models behind a gateway: another name for the limit",
        "https://github.com/router-for-me/CLIProxyAPI/issues/2101",
        "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
        400,
        lambda body: "max_tokens" not in body and body["max_completion_tokens"] == 9,
    ),
    Picky(
        "Qwen: thinking in streams alone",
        "https://github.com/browser-use/web-ui/issues/659",
        "parameter.enable_thinking must be set to false for non-streaming calls",
        400,
        lambda body: body["stream"] and body["stream_options"]["include_usage"],
        {"stream": False},
    ),
    Picky(
        "QwQ: streams alone",
        "https://github.com/infiniflow/ragflow/issues/5912",
        "This model only support stream mode, please enable the stream parameter.",
        400,
        lambda body: bool(body["stream"]),
        {"stream": False},
    ),
    Picky(
        "Bedrock behind a gateway: no streams beside tools",
        "https://github.com/earendil-works/pi/issues/3739",
        "This model doesn't support tool use in streaming mode.",
        400,
        lambda body: not body["stream"] and "stream_options" not in body,
    ),
    Picky(
        "OpenAI: no streams for organizations that are not verified",
        "https://github.com/charmbracelet/crush/issues/1216",
        "Your organization must be verified to stream this model.",
        400,
        lambda body: not body["stream"] and "stream_options" not in body,
    ),
    Picky(
        "no usage in streams",
        "https://github.com/NVIDIA/garak/issues/748",
        "body -> stream_options\n  Extra inputs are not permitted (type=extra_forbidden)",
        422,
        lambda body: "stream_options" not in body,
    ),
    Picky(
        "tools that are not held to their schema",
        "https://github.com/NVIDIA/garak/issues/748",
        "body -> tools -> 0 -> function -> strict\n  Extra inputs are not permitted",
        422,
        lambda body: "strict" not in body["tools"][0]["function"],
    ),
]


def named(words: str) -> Picky:
    [picky] = [each for each in PICKY if words in each.name]
    return picky


def request(**changes: Any) -> ModelRequest:
    settings = ModelSettings(max_tokens=9)
    asked: Json = {"tools": [add], "model_settings": settings, "stream": True, **changes}
    return ModelRequest(**{"input": HISTORY, **asked})


def client_of(server: Any) -> ResponsesClient:
    return ResponsesClient(base_url=server.base_url, api_key="k", max_retries=0)


@pytest.mark.parametrize("picky", PICKY, ids=lambda picky: picky.name)
def test_a_demand_is_learned_from_a_refusal_and_met_from_then_on(
    picky: Picky, caplog: pytest.LogCaptureFixture
) -> None:
    taken: list[Json] = []

    def answer(asked: HTTPRequest) -> Any:
        if not picky.is_fine(asked.body):
            return status(picky.code, {"message": picky.message})
        taken.append(asked.body)
        return "Fine."

    with ResponsesServer(answer) as server, caplog.at_level(logging.WARNING, "agents_lite"):
        model = OpenAIChatCompletionsModel("m", client_of(server))
        for _ in range(2):
            answered = model.respond(request(**picky.changes))
            assert answered.output[0].content[0].text == "Fine."
        assert len(server.requests) == 3  # refused but once
    assert len([each for each in caplog.records if "demands" in each.message]) == 1
    said = str(taken[0])
    assert "'3'" in said and "Be brief." in said and "And?" in said


def test_tools_of_the_server_in_an_extra_body_are_left_alone_by_all_demands() -> None:
    own = {"type": "web_search", "web_search": {"enable": True}}
    bare = {"type": "function", "function": {"name": "now"}}
    choice = {"type": "function", "function": {"name": "add"}}
    client = ResponsesClient(base_url="http://127.0.0.1", api_key="k")
    plain = OpenAIChatCompletionsModel("m", client).request_body(request())
    for demand in DEMANDS:
        body = deepcopy({**plain, "tools": [own, bare, *plain["tools"]]})
        body["tool_choice"] = choice
        demand.meet(body)
        assert (own in body["tools"]) == (body["tool_choice"] != "required")
        assert (bare in body["tools"]) == (own in body["tools"])


@pytest.mark.parametrize("is_of_tools", [True, False])
def test_a_grammar_that_is_refused_is_first_taken_for_that_of_tools(is_of_tools: bool) -> None:
    """A refusal of llama.cpp's does not say whose schema it means."""
    picky = named("llama.cpp: plain schemas")

    def answer(asked: HTTPRequest) -> Any:
        form = asked.body.get("response_format", {}).get("type")
        formats.append(form)
        if picky.is_fine(asked.body) if is_of_tools else form != "json_schema":
            return '{"response": 3}'
        return status(400, {"message": picky.message})

    formats: list[Any] = []
    with ResponsesServer(answer) as server:
        model = OpenAIChatCompletionsModel("m", client_of(server))
        agent = Agent("A", model=model, tools=[rich], output_type=int)
        assert Runner.run_sync(agent, "Hi").final_output == 3
    assert formats == ["json_schema"] * 2 + ["json_object"] * (not is_of_tools)


def test_several_demands_are_met_together() -> None:
    def answer(asked: HTTPRequest) -> Any:
        for picky in PICKY[0], PICKY[5], named("another name for the limit"):
            if not picky.is_fine(asked.body):
                return status(picky.code, {"message": picky.message})
        return "Fine."

    with ResponsesServer(answer) as server:
        model = OpenAIChatCompletionsModel("m", client_of(server))
        assert model.respond(request(stream=False)).output[0].content[0].text == "Fine."
        assert len(server.requests) == 4


@pytest.mark.parametrize("picky", PICKY, ids=lambda picky: picky.name)
def test_a_refusal_that_stays_is_raised(picky: Picky) -> None:
    with ResponsesServer(lambda asked: status(400, {"message": picky.message})) as server:
        model = OpenAIChatCompletionsModel("m", client_of(server))
        with pytest.raises(BadRequestError, match=re.escape(picky.message[:20])):
            model.respond(request(**picky.changes))
        assert len(server.requests) == 2


def test_thoughts_that_a_server_gives_and_does_not_take_back_stay_here() -> None:
    def answer(asked: HTTPRequest) -> Any:
        if not of_model(asked.body):
            return [reasoning("Hm."), call("add")]
        if any("reasoning" in name for message in of_model(asked.body) for name in message):
            return status(400, {"message": "property 'reasoning_content' is unsupported"})
        return "Fine."

    with ResponsesServer(answer) as server:
        agent = Agent("A", tools=[add], model=OpenAIChatCompletionsModel("m", client_of(server)))
        assert Runner.run_sync(agent, "Hi").final_output == "Fine."
        assert len(server.requests) == 3


def test_a_server_that_takes_it_neither_way_is_not_asked_for_ever() -> None:
    def answer(asked: HTTPRequest) -> Any:
        has_text = all(type(m["content"]) is str for m in of_model(asked.body))
        refused = named("no text beside calls" if has_text else "no content null beside calls")
        return status(400, {"message": refused.message})

    with ResponsesServer(answer) as server:
        model = OpenAIChatCompletionsModel("m", client_of(server))
        with pytest.raises(BadRequestError):
            model.respond(request())
        assert len(server.requests) <= 4


def test_what_would_change_nothing_is_not_tried() -> None:
    with ResponsesServer(lambda asked: status(400, {"message": PICKY[0].message})) as server:
        model = OpenAIChatCompletionsModel("m", client_of(server))
        with pytest.raises(BadRequestError):
            model.respond(ModelRequest(input=[{"role": "user", "content": "Hi"}]))
        assert len(server.requests) == 1


def test_an_image_that_was_just_shown_is_not_left_out() -> None:
    refusal = named("DeepSeek: no images")
    with ResponsesServer(lambda asked: status(400, {"message": refusal.message})) as server:
        model = OpenAIChatCompletionsModel("m", client_of(server))
        with pytest.raises(BadRequestError, match="unknown variant"):
            model.respond(request(input=[*HISTORY, IMAGE]))
        assert len(server.requests) == 1


def test_earlier_images_stay_where_only_their_kind_is_refused() -> None:
    message = "This model does not support image formats other than PNG"
    with ResponsesServer(lambda asked: status(400, {"message": message})) as server:
        model = OpenAIChatCompletionsModel("m", client_of(server))
        with pytest.raises(BadRequestError, match="other than PNG"):
            model.respond(request(input=[IMAGE, *HISTORY]))
        assert len(server.requests) == 1


def test_a_limit_that_is_too_large_is_not_given_by_its_other_name() -> None:
    """In the words of vLLM."""
    message = "'max_tokens' or 'max_completion_tokens' is too large: 2000."
    with ResponsesServer(lambda asked: status(400, {"message": message})) as server:
        model = OpenAIChatCompletionsModel("m", client_of(server))
        with pytest.raises(BadRequestError, match="is too large"):
            model.respond(request(model_settings=ModelSettings(max_tokens=2000)))
        assert len(server.requests) == 1


def test_a_request_that_a_refusal_repeats_is_not_read_for_demands() -> None:
    repeated = "a tool call that is missing something unknown, " * 5_000
    message = f"No: {repeated}{PICKY[0].message}"
    with ResponsesServer(lambda asked: status(400, {"message": message})) as server:
        model = OpenAIChatCompletionsModel("m", client_of(server))
        with pytest.raises(BadRequestError):
            model.respond(request())
        assert len(server.requests) == 1


def test_objects_of_any_fields_that_come_as_texts_are_taken_for_what_they_mean() -> None:
    refusal = status(400, {"message": "parameters.properties[a].properties: non-empty for OBJECT"})
    told = call("note", found='{"a": 1}', more=['{"b": 2}'])
    with ResponsesServer([refusal, told, "Fine."]) as server:
        model = OpenAIChatCompletionsModel("m", client_of(server))
        result = Runner.run_sync(Agent("A", model=model, tools=[note]), "Note it")
        described = server.requests[1].body["tools"][0]["function"]["parameters"]["properties"]

    assert described["more"]["items"]["type"] == described["found"]["type"] == "string"
    assert described["found"]["description"] == "What. JSON of an object, as text."
    assert result.new_items[1].output == "{'a': 1} [{'b': 2}]"


def test_the_messages_api_is_given_ids_that_it_takes() -> None:
    pattern = "messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"
    whole = {"type": "message", "content": [{"type": "text", "text": "Fine."}]}
    answers = http_answer(400, {"error": {"message": pattern}}), http_answer(content=whole)
    with LoopbackServer(*answers) as server:
        model = AnthropicModel("m", client_of(server))
        assert model.respond(request(stream=False)).output[0].content[0].text == "Fine."
        assert "functions.add:0" in str(server.requests[0].json)
        assert "functions.add:0" not in str(server.requests[1].json)


@pytest.mark.parametrize(
    ("message", "meant"),
    [
        (  # https://github.com/deepseek-ai/DeepSeek-V3/issues/1376
            "Thinking mode does not support this tool_choice",
            {"thinking": {"type": "disabled"}},
        ),
        (
            "Thinking may not be enabled when tool_choice forces tool use.",
            {"thinking": {"type": "disabled"}},
        ),
        (
            "tool_choice 'required' is incompatible with thinking enabled",
            {"thinking": {"type": "disabled"}},
        ),
        (  # https://github.com/cloudwego/eino/issues/994
            "The tool_choice parameter does not support being set to required or object in "
            "thinking mode",
            {"enable_thinking": False},
        ),
    ],
)
def test_a_tool_that_has_to_be_called_is_called_without_thinking(message: str, meant: Json) -> None:
    def play(peer: Any) -> None:
        body = peer.request.json
        if "tool_choice" in body and not meant.items() <= body.items():
            peer.send(http_answer(400, {"error": {"message": message}}))
            return
        told = {"content": None, "tool_calls": [{"id": "c", "function": {"name": "add"}}]}
        peer.send(http_answer(content={"choices": [{"message": told if forced(body) else fine}]}))

    def forced(body: Json) -> bool:
        return body.get("tool_choice") == "required"

    fine = {"content": "Fine."}
    with LoopbackServer(always=play) as server:
        model = OpenAIChatCompletionsModel("m", client_of(server))
        settings = ModelSettings(tool_choice="required")
        agent = Agent("A", model=model, tools=[add], model_settings=settings)
        assert Runner.run_sync(agent, "Hi").final_output == "Fine."
        refused, taken, next_one = [request.json for request in server.requests]
    assert not meant.keys() & (refused.keys() | next_one.keys())
    assert taken["tool_choice"] == "required"
