"""Peculiar answers, whole and streamed, written by ourselves after what was reported.

`source` says who told of one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from agents_lite import (
    APIStatusError,
    ModelRequest,
    OpenAIChatCompletionsModel,
    ResponseFailedError,
    ResponsesClient,
)
from tests.support.loopback import LoopbackServer, http_answer, stream_answer

Json = dict[str, Any]
A = '{"a": 1}'
CALL = ("call", "add", A)


def function(name: str | None, arguments: Any) -> Json:
    return {"name": name, "arguments": arguments}


def called(arguments: Any = A, **fields: Any) -> Json:
    return {"index": 0, "id": "c1", "type": "function", **fields, "function": function(
        "add", arguments
    )}


@dataclass
class Dialect:
    name: str
    source: str
    message: Json
    """The message of a whole answer."""
    deltas: list[Any]
    """Those of a stream; a choice, where it has a `delta` of its own, or a chunk with `choices`."""
    output: list[tuple[str, ...]]
    """("reasoning", text), ("message", text) or ("call", name, arguments)."""
    reason: str | None = "stop"
    usage: Json = field(default_factory=dict)
    tokens: tuple[int, int, int] = (0, 0, 0)
    """Input, output, reasoning."""
    facts: Json = field(default_factory=dict)
    """Further fields of the answer, which are kept."""


DIALECTS = [
    Dialect(
        "xAI: thinking counted in the total alone",
        "https://github.com/vercel/ai/pull/12425",
        {"role": "assistant", "content": "Hi", "reasoning_content": "Hm.", "refusal": None},
        [{"role": "assistant", "reasoning_content": "Hm."}, {"content": "Hi"}],
        [("reasoning", "Hm."), ("message", "Hi")],
        usage={
            "prompt_tokens": 12,
            "completion_tokens": 1,
            "total_tokens": 399,
            "completion_tokens_details": {"reasoning_tokens": 386},
        },
        tokens=(12, 387, 386),
    ),
    Dialect(
        "Mistral: what was heard counted apart",
        "https://docs.mistral.ai/capabilities/audio/",
        {"role": "assistant", "content": "A bell."},
        [{"role": "assistant", "content": "A bell."}],
        [("message", "A bell.")],
        usage={
            "prompt_tokens": 9,
            "completion_tokens": 3,
            "total_tokens": 387,
            "prompt_tokens_details": {"audio_tokens": 375, "cached_tokens": 0},
        },
        tokens=(384, 3, 0),
    ),
    Dialect(
        "Snowflake: blanks for what there is not",
        "https://docs.snowflake.com/en/user-guide/snowflake-cortex/open_ai_sdk",
        {
            "content": "",
            "refusal": "",
            "function_call": {"name": "", "arguments": ""},
            "tool_calls": [called(custom={"name": "", "input": ""})],
        },
        [
            {
                "function_call": {"name": "", "arguments": ""},
                "tool_calls": [called(custom={"name": "", "input": ""})],
            }
        ],
        [CALL],
        reason="",
    ),
    Dialect(
        "MiniMax: the whole message once more at the end, roles that are empty",
        "https://github.com/GCWing/OpenBitFun/pull/792",
        {"role": "assistant", "content": "Hi"},
        [
            {"role": "", "content": "H"},
            {"role": "", "content": "i"},
            {"object": "chat.completion", "choices": [{"message": {"content": "Hi"}}]},
        ],
        [("message", "Hi")],
        usage={"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6},
        tokens=(5, 1, 0),
    ),
    Dialect(
        "OpenAI's models that speak: what they say in writing",
        "https://github.com/assistant-ui/assistant-ui/issues/5500",
        {"content": None, "audio": {"id": "a_1", "data": "UklG", "transcript": "A bell."}},
        [
            {"audio": {"id": "a_1", "transcript": "A "}},
            {"audio": {"transcript": "bell."}},
            {"audio": {"data": "UklG"}},
        ],
        [("message", "A bell.")],
    ),
    Dialect(
        "the same, where it is the content, too",
        "https://github.com/assistant-ui/assistant-ui/issues/5500",
        {"content": "A bell.", "audio": {"id": "a_1", "transcript": "A bell."}},
        [{"content": "A bell.", "audio": {"id": "a_1", "transcript": "A bell."}}],
        [("message", "A bell.")],
    ),
    Dialect(
        "Bedrock's gateways: an empty object before the arguments",
        "https://github.com/openai/openai-agents-js/pull/712",
        {"content": None, "tool_calls": [called()]},
        [
            {"tool_calls": [called("{}")]},
            {"tool_calls": [{"index": 0, "function": {"arguments": '{"a"'}}]},
            {"tool_calls": [{"index": 0, "function": {"arguments": ": 1}"}}]},
        ],
        [CALL],
        reason="tool_calls",
    ),
    Dialect(
        "the same with no arguments at all",
        "https://github.com/openai/openai-agents-js/pull/712",
        {"content": None, "tool_calls": [called("{}")]},
        [{"tool_calls": [called("{}")]}, {"tool_calls": [{"index": 0, "function": {}}]}],
        [("call", "add", "{}")],
    ),
    Dialect(
        "Qwen: arguments that are JSON in JSON",
        "https://github.com/sgl-project/sglang/pull/7863",
        {"content": "", "tool_calls": [called(json.dumps(json.dumps(A)))]},
        [{"tool_calls": [called(json.dumps(A))]}],
        [CALL],
    ),
    Dialect(
        "usage in a chunk whose choices are null",
        "https://github.com/pydantic/pydantic-ai/issues/5165",
        {"content": "Hi"},
        [{"content": "Hi"}, {"choices": None}],
        [("message", "Hi")],
        usage={"prompt_tokens": 3, "completion_tokens": 2},
        tokens=(3, 2, 0),
    ),
    Dialect(
        "DeepInfra: usage in a chunk without choices",
        "https://github.com/earendil-works/pi/pull/1671",
        {"content": "Hi"},
        [{"content": "Hi"}, {"object": "chat.completion.chunk"}],
        [("message", "Hi")],
        usage={"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
        tokens=(3, 2, 0),
    ),
    Dialect(
        "Azure: a choice whose delta is null",
        "https://github.com/bagofwords1/bagofwords/pull/742",
        {"content": "Hi"},
        [{"choices": [{"delta": None, "content_filter_results": {}}]}, {"content": "Hi"}],
        [("message", "Hi")],
    ),
    Dialect(
        "calls without a wrapper, their arguments an object",
        "https://github.com/zxcloli666/AI-Worker-Proxy/pull/10",
        {"tool_calls": [{"name": "add", "arguments": {"a": 1}}]},
        [{"tool_calls": [{"name": "add", "arguments": {"a": 1}}]}],
        [("call", "add", '{"a":1}')],
    ),
    Dialect(
        "ids of calls that are numbers",
        "https://github.com/ollama/ollama/issues/15457",
        {"tool_calls": [called(id=0), called("{}", id=1, index=1)]},
        [{"tool_calls": [called(id=0)]}, {"tool_calls": [called("{}", id=1, index=1)]}],
        [CALL, ("call", "add", "{}")],
    ),
    Dialect(
        "Cohere: thinking as a text in parts, and texts without any part",
        "https://docs.cohere.com/reference/chat",
        {"content": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Hi"}]},
        [{"content": [{"type": "thinking", "thinking": "Hm."}]}, {"content": ["Hi"]}],
        [("reasoning", "Hm."), ("message", "Hi")],
        reason="COMPLETE",
    ),
    Dialect(
        "Perplexity: citations beside the choices",
        "https://docs.perplexity.ai/api-reference/chat-completions-post",
        {"role": "assistant", "content": "Hi [1]"},
        [{"role": "assistant", "content": "Hi "}, {"content": "[1]"}],
        [("message", "Hi [1]")],
        usage={
            "prompt_tokens": 3,
            "completion_tokens": 2,
            "total_tokens": 5,
            "search_context_size": "low",
            "citation_tokens": 7,
            "num_search_queries": 1,
        },
        tokens=(3, 2, 0),
        facts={"citations": ["https://example.org"], "search_results": [{"title": "T"}]},
    ),
    Dialect(
        "Together: no tools but an empty list, a seed, a reason of its own",
        "https://docs.together.ai/docs/openai-api-compatibility",
        {"role": "assistant", "content": "Hi", "tool_calls": []},
        [
            {"choices": [{"index": 0, "text": "Hi", "seed": None, "delta": {
                "token_id": 13, "role": "assistant", "content": "Hi", "tool_calls": None
            }}]},
        ],
        [("message", "Hi")],
        reason="eos",
    ),
    Dialect(
        "Fireworks: a name whose arguments come only later",
        "https://github.com/openai/openai-python/pull/3246",
        {"content": None, "tool_calls": [called()]},
        [
            {"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "add"}}]},
            {"tool_calls": [{"index": 0, "id": None, "function": {"name": None, "arguments": A}}]},
        ],
        [CALL],
        reason="tool_calls",
    ),
    Dialect(
        "DashScope: the name and the id emptied in further pieces",
        "https://github.com/JetBrains/koog/pull/2096",
        {"content": "", "tool_calls": [called()]},
        [
            {"content": None, "tool_calls": [called("")]},
            {"tool_calls": [{"index": 0, "id": "", "function": function("", '{"a"')}]},
            {"tool_calls": [{"index": 0, "id": "", "function": function("", ": 1}")}]},
        ],
        [CALL],
        reason="tool_calls",
    ),
    Dialect(
        "Kimi: ids made of the function's name",
        "https://platform.moonshot.ai/docs/api/chat",
        {"reasoning_content": "I add.", "tool_calls": [called(id="functions.add:0")]},
        [
            {"role": "assistant", "reasoning_content": "I add."},
            {"tool_calls": [called("", id="functions.add:0")]},
            {"tool_calls": [{"index": 0, "function": {"arguments": A}}]},
        ],
        [("reasoning", "I add."), CALL],
        reason="tool_calls",
    ),
    Dialect(
        "GLM: thinking and a whole call in one chunk with the reason",
        "https://docs.z.ai/api-reference/llm/chat-completion",
        {"content": None, "reasoning_content": "I add.", "tool_calls": [called()]},
        [{"role": "assistant", "reasoning_content": "I add.", "tool_calls": [called()]}],
        [("reasoning", "I add."), CALL],
        reason="tool_calls",
    ),
    Dialect(
        "Cerebras: reasoning, and calls whole",
        "https://inference-docs.cerebras.ai/resources/openai",
        {"role": "assistant", "reasoning": "I add.", "tool_calls": [called()]},
        [{"role": "assistant"}, {"reasoning": "I add."}, {"tool_calls": [called()]}],
        [("reasoning", "I add."), CALL],
        usage={"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
        tokens=(3, 2, 0),
        facts={"time_info": {"queue_time": 0.1}, "system_fingerprint": "fp"},
    ),
    Dialect(
        "LM Studio: calls with the reason in a chunk of its own, and no usage",
        "https://lmstudio.ai/docs/developer/openai-compat/tools",
        {"role": "assistant", "tool_calls": [called()]},
        [
            {"role": "assistant", "tool_calls": [called("")]},
            {"tool_calls": [{"index": 0, "function": {"arguments": A}}]},
            {},
        ],
        [CALL],
        reason="tool_calls",
        facts={"stats": {"tokens_per_second": 9}},
    ),
    Dialect(
        "vLLM: empty thinking, two calls in one chunk",
        "https://docs.vllm.ai/en/latest/features/tool_calling.html",
        {"content": None, "reasoning": None, "tool_calls": [called(), called("{}", id="c2")]},
        [
            {"role": "assistant", "content": "", "reasoning": ""},
            {"tool_calls": [called(), called("{}", id="c2", index=1)]},
        ],
        [CALL, ("call", "add", "{}")],
        reason="stop",
    ),
    Dialect(
        "Ollama: several whole calls of one index, without ids",
        "https://github.com/ollama/ollama/issues/15457",
        {"content": "", "tool_calls": [called(id=None), called('{"a": 2}', id=None)]},
        [{"tool_calls": [called(id="")]}, {"tool_calls": [called('{"a": 2}', id="")]}],
        [CALL, ("call", "add", '{"a": 2}')],
    ),
    Dialect(
        "Groq: what was found beside the answer",
        "https://console.groq.com/docs/api-reference",
        {"role": "assistant", "content": "Hi", "executed_tools": []},
        [{"role": "assistant", "content": ""}, {"content": "Hi"}],
        [("message", "Hi")],
        usage={
            "queue_time": 0.1,
            "prompt_tokens": 3,
            "completion_tokens": 2,
            "total_tokens": 5,
            "total_time": 0.2,
        },
        tokens=(3, 2, 0),
        facts={"service_tier": "on_demand"},
    ),
    Dialect(
        "a gateway that counts with null",
        "https://github.com/plastic-labs/honcho/pull/776",
        {"content": "Hi", "function_call": None, "audio": None, "annotations": None},
        [{"content": "Hi"}],
        [("message", "Hi")],
        usage={"prompt_tokens": None, "completion_tokens": None, "prompt_tokens_details": None},
    ),
    Dialect(
        "signs of life in the middle",
        "https://github.com/NousResearch/hermes-agent/pull/80822",
        {"content": "Hi"},
        [{"content": "H"}, None, {"content": "i"}],
        [("message", "Hi")],
    ),
    Dialect(
        "Gemini: a name in pieces",
        "https://github.com/continuedev/continue/pull/5849",
        {"content": "", "tool_calls": [called()]},
        [
            {"tool_calls": [{"index": 0, "id": "c1", "function": function("a", "")}]},
            {"tool_calls": [{"index": 0, "id": "c1", "function": function("d", None)}]},
            {"tool_calls": [{"index": 0, "function": function("d", "")}]},
            {"tool_calls": [{"index": 0, "function": function(None, A)}]},
        ],
        [CALL],
        reason="tool_calls",
    ),
    Dialect(
        "signs of life in words",
        "none: what a gateway may well send",
        {"content": "Hi"},
        [{"content": "H"}, {"object": "ping", "message": "still thinking"}, {"content": "i"}],
        [("message", "Hi")],
    ),
]


def whole(dialect: Dialect) -> Any:
    choice = {"index": 0, "message": dialect.message, "finish_reason": dialect.reason}
    answer = {"id": "a", "choices": [choice], "usage": dialect.usage or None, **dialect.facts}
    return http_answer(content=answer)


def streamed(dialect: Dialect) -> Any:
    chunks: list[Any] = []
    for delta in dialect.deltas:
        is_chunk = delta is None or "choices" in delta or "object" in delta
        chunks.append(delta if is_chunk else {"id": "a", "choices": [{"delta": delta}]})
    ends = [chunk for chunk in chunks if chunk and chunk.get("choices")]
    ends[-1]["choices"][0]["finish_reason"] = dialect.reason
    chunks[-1] |= {"usage": dialect.usage or None, **dialect.facts}
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    return stream_answer("".join([*lines, "data: [DONE]"]).encode())


REQUEST = ModelRequest(input=[{"role": "user", "content": "Hi"}], stream=True)


def model_at(server: LoopbackServer) -> OpenAIChatCompletionsModel:
    client = ResponsesClient(base_url=server.base_url, api_key="k", max_retries=0)
    return OpenAIChatCompletionsModel("m", client)


def asked(answer: Any) -> Any:
    with LoopbackServer(answer) as server:
        return model_at(server).respond(REQUEST)


def told(item: Any) -> tuple[str, ...]:
    if item.type == "function_call":
        assert isinstance(item.call_id, str) and item.call_id
        return ("call", item.name, item.arguments)
    return (item.type, "".join(part.text for part in item.content))


@pytest.mark.parametrize("play", [whole, streamed])
@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_a_dialect_is_understood(dialect: Dialect, play: Any) -> None:
    response = asked(play(dialect))
    assert [told(item) for item in response.output] == dialect.output
    calls = [item.call_id for item in response.output if item.type == "function_call"]
    assert len(calls) == len(set(calls))
    usage = response.usage
    counted = usage.input_tokens, usage.output_tokens, usage.output_tokens_details.reasoning_tokens
    assert counted == dialect.tokens


@pytest.mark.parametrize("play", [whole, streamed])
def test_what_a_server_says_besides_is_kept(play: Any) -> None:
    for dialect in DIALECTS:
        with LoopbackServer(play(dialect)) as server:
            *_, last = model_at(server).stream(REQUEST)
        kept = last.model_dump()["response"]
        assert {name: kept[name] for name in dialect.facts} == dialect.facts


@pytest.mark.parametrize("play", [whole, streamed])
@pytest.mark.parametrize(
    ("reason", "why"),
    [
        pytest.param("content_filter: PROHIBITED_CONTENT", "content_filter", id="Gemini's layer"),
        pytest.param("SAFETY", "content_filter", id="Gemini, passed on"),
        pytest.param("function_call_filter: MALFORMED_FUNCTION_CALL", "MALFORMED", id="a bad call"),
        pytest.param("sensitive", "content_filter", id="GLM: filtered"),
        pytest.param("network_error", "network_error", id="GLM: lost"),
        pytest.param("model_context_window_exceeded", "max_output_tokens", id="GLM: too long"),
        pytest.param("guardrail_intervened", "content_filter", id="Bedrock"),
        pytest.param("MAX_TOKENS", "max_output_tokens", id="Cohere"),
    ],
)
def test_reasons_of_other_servers_end_an_answer_in_the_same_way(
    play: Any, reason: str, why: str
) -> None:
    """Told in https://github.com/HKUDS/Vibe-Trading/pull/308, and in the servers' references."""
    message = {"content": "Hal"}
    with pytest.raises(ResponseFailedError, match=why):
        asked(play(Dialect("", "", message, [message], [], reason)))


@pytest.mark.parametrize(
    ("body", "what"),
    [
        pytest.param(
            [{"error": {"code": 400, "message": "Bad signature", "status": "INVALID_ARGUMENT"}}],
            "Bad signature",
            id="Gemini: in a list, https://github.com/Gitlawb/openclaude/issues/67",
        ),
        pytest.param(
            {"error": {
                "message": "Provider returned error",
                "code": 400,
                "metadata": {"raw": '{"error": "one image at most"}', "provider_name": "P"},
            }},
            "Provider returned error: .*one image at most",
            id="OpenRouter: quoted, https://github.com/diegosouzapw/OmniRoute/issues/3044",
        ),
        pytest.param(
            {"error": {"message": "Failed to call a function.", "code": "tool_use_failed",
                       "failed_generation": "<function=add>"}},
            "Failed to call a function",
            id="Groq: https://github.com/groq/groq-typescript/issues/28",
        ),
        pytest.param(
            {"object": "error", "message": "too long", "type": "invalid_request_error"},
            "too long",
            id="Mistral: without a wrapper",
        ),
    ],
)
def test_refusals_are_told_in_the_server_s_words(body: Any, what: str) -> None:
    with pytest.raises(APIStatusError, match=what) as caught:
        asked(http_answer(400, json.dumps(body)))
    assert caught.value.body == body
