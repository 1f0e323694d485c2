"""Answers as servers of many kinds send them, written by ourselves after what was reported.

Each is streamed byte for byte, and read through the client. `source` says who told of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from agents_lite import (
    ModelRequest,
    OpenAIChatCompletionsModel,
    ResponseFailedError,
    ResponsesClient,
)
from tests.support.loopback import LoopbackServer, stream_answer

Told = tuple[str, ...]


@dataclass
class Dialect:
    name: str
    source: str
    stream: str
    output: list[Told]
    """("reasoning", text), ("message", text) or ("call", name, arguments)."""
    tokens: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Input, cached input, output, reasoning."""


def lines(*chunks: str) -> str:
    return "".join(f"data: {chunk}\n\n" for chunk in chunks)


DIALECTS = [
    Dialect(
        "OpenAI: an empty first delta, null usage on every chunk, the usage without choices",
        "https://platform.openai.com/docs/api-reference/chat-streaming",
        lines(
            '{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4o",'
            '"service_tier":"default","choices":[{"index":0,"delta":{"role":"assistant",'
            '"content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null}',
            '{"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":"Hi"},"logprobs":null,'
            '"finish_reason":null}],"usage":null,"obfuscation":"x7f"}',
            '{"id":"chatcmpl-1","choices":[{"index":0,"delta":{},"logprobs":null,'
            '"finish_reason":"stop"}],"usage":null}',
            '{"id":"chatcmpl-1","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,'
            '"total_tokens":13,"prompt_tokens_details":{"cached_tokens":3,"audio_tokens":0},'
            '"completion_tokens_details":{"reasoning_tokens":2}}}',
            "[DONE]",
        ),
        [("message", "Hi")],
        (9, 3, 4, 2),
    ),
    Dialect(
        "Azure: a first chunk with no choice but the filter's verdict, chunks without a delta",
        "https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-streaming",
        lines(
            '{"id":"","object":"","created":0,"model":"","choices":[],"prompt_filter_results":'
            '[{"prompt_index":0,"content_filter_results":{}}]}',
            '{"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":"Hi"},'
            '"finish_reason":null}]}',
            '{"id":"","choices":[{"index":0,"finish_reason":null,"content_filter_results":{},'
            '"content_filter_offsets":{"check_offset":0,"start_offset":0,"end_offset":2}}]}',
            '{"id":"chatcmpl-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}',
            "[DONE]",
        ),
        [("message", "Hi")],
    ),
    Dialect(
        "DeepSeek: keepalives, thinking with content null, cache hits under a name of its own",
        "https://api-docs.deepseek.com/guides/thinking_mode",
        ": keep-alive\n\n: keep-alive\n\n"
        + lines(
            '{"id":"a","choices":[{"index":0,"delta":{"role":"assistant","content":null,'
            '"reasoning_content":"I "},"finish_reason":null}]}',
            '{"id":"a","choices":[{"index":0,"delta":{"content":null,"reasoning_content":"add."},'
            '"finish_reason":null}]}',
            '{"id":"a","choices":[{"index":0,"delta":{"content":null,"reasoning_content":null,'
            '"tool_calls":[{"index":0,"id":"call_00_x","type":"function","function":{"name":"add",'
            '"arguments":""}}]},"finish_reason":null}]}',
            '{"id":"a","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":'
            '{"arguments":"{\\"a\\": 1}"}}]},"finish_reason":null}]}',
            '{"id":"a","choices":[{"index":0,"delta":{"content":"","reasoning_content":null},'
            '"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":20,"completion_tokens":7,'
            '"total_tokens":27,"prompt_cache_hit_tokens":16,"prompt_cache_miss_tokens":4,'
            '"completion_tokens_details":{"reasoning_tokens":5}}}',
            "[DONE]",
        ),
        [("reasoning", "I add."), ("call", "add", '{"a": 1}')],
        (20, 16, 7, 5),
    ),
    Dialect(
        "Mistral: content in parts, calls whole in one chunk, `model_length` unused",
        "https://docs.mistral.ai/capabilities/reasoning",
        lines(
            '{"id":"a","choices":[{"index":0,"delta":{"role":"assistant","content":[{"type":'
            '"thinking","thinking":[{"type":"text","text":"Hm."}]}]},"finish_reason":null}]}',
            '{"id":"a","choices":[{"index":0,"delta":{"content":[{"type":"text","text":"Hi"}]},'
            '"finish_reason":null}]}',
            '{"id":"a","choices":[{"index":0,"delta":{"content":"","tool_calls":[{"id":"D681PevKs",'
            '"function":{"name":"add","arguments":"{\\"a\\": 1}"},"index":0}]},'
            '"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":5,"total_tokens":9,'
            '"completion_tokens":4}}',
            "[DONE]",
        ),
        [("reasoning", "Hm."), ("message", "Hi"), ("call", "add", '{"a": 1}')],
        (5, 0, 4, 0),
    ),
    Dialect(
        "Gemini's layer: calls without index, the finish reason beside them, no role",
        "https://github.com/openai/openai-python/pull/3246",
        lines(
            '{"choices":[{"delta":{"role":"assistant","tool_calls":[{"extra_content":{"google":'
            '{"thought_signature":"AY89"}},"function":{"arguments":"{\\"a\\":1}","name":"add"},'
            '"id":"function-call-1","type":"function"},{"function":{"arguments":"{}","name":"sub"},'
            '"id":"function-call-2","type":"function"}]},"finish_reason":"tool_calls","index":0}],'
            '"created":1,"id":"g","model":"gemini-3","object":"chat.completion.chunk",'
            '"usage":{"completion_tokens":4,"prompt_tokens":5,"total_tokens":30}}',
            "[DONE]",
        ),
        [("reasoning", ""), ("call", "add", '{"a":1}'), ("call", "sub", "{}")],
        (5, 0, 25, 21),
    ),
    Dialect(
        "Ollama: the index 0 for each of several calls, reasoning by its other name",
        "https://github.com/ollama/ollama/issues/15457",
        lines(
            '{"id":"o","choices":[{"index":0,"delta":{"role":"assistant","content":"",'
            '"reasoning":"Both."},"finish_reason":null}]}',
            '{"id":"o","choices":[{"index":0,"delta":{"role":"assistant","content":"","tool_calls":'
            '[{"id":"call_a","index":0,"type":"function","function":{"name":"add","arguments":'
            '"{\\"a\\":1}"}}]},"finish_reason":null}]}',
            '{"id":"o","choices":[{"index":0,"delta":{"role":"assistant","content":"","tool_calls":'
            '[{"id":"call_b","index":0,"type":"function","function":{"name":"add","arguments":'
            '"{\\"a\\":2}"}}]},"finish_reason":null}]}',
            '{"id":"o","choices":[{"index":0,"delta":{"role":"assistant","content":""},'
            '"finish_reason":"tool_calls"}]}',
            "[DONE]",
        ),
        [("reasoning", "Both."), ("call", "add", '{"a":1}'), ("call", "add", '{"a":2}')],
    ),
    Dialect(
        "Ollama: a call with an index and no id",
        "https://github.com/continuedev/continue/pull/13235",
        lines(
            '{"id":"o","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"name":'
            '"add","arguments":"{\\"a\\""}}]}}]}',
            '{"id":"o","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":'
            '{"arguments":":1}"}}]},"finish_reason":"tool_calls"}]}',
            "[DONE]",
        ),
        [("call", "add", '{"a":1}')],
    ),
    Dialect(
        "SGLang: arguments before the name, neither with an index",
        "https://github.com/vercel/ai/pull/15879",
        lines(
            '{"id":"s","choices":[{"index":0,"delta":{"tool_calls":[{"id":"call_1","function":'
            '{"arguments":"{\\"a\\":"}}]}}]}',
            '{"id":"s","choices":[{"index":0,"delta":{"tool_calls":[{"id":"call_1","function":'
            '{"name":"add","arguments":"1}"}}]},"finish_reason":"tool_calls"}]}',
            "[DONE]",
        ),
        [("call", "add", '{"a":1}')],
    ),
    Dialect(
        "an MLX server: a new id with every piece",
        "https://github.com/cubist38/mlx-openai-server/pull/216",
        lines(
            '{"id":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1",'
            '"function":{"name":"add","arguments":""}}]}}]}',
            '{"id":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_2",'
            '"function":{"arguments":"{\\"a\\":1}"}}]},"finish_reason":"tool_calls"}]}',
            "[DONE]",
        ),
        [("call", "add", '{"a":1}')],
    ),
    Dialect(
        "vLLM: content null beside a call without arguments",
        "https://docs.vllm.ai/en/latest/features/tool_calling.html",
        lines(
            '{"id":"v","choices":[{"index":0,"delta":{"role":"assistant","content":"",'
            '"reasoning_content":null}}]}',
            '{"id":"v","choices":[{"index":0,"delta":{"content":null,"tool_calls":[{"index":0,"id":'
            '"chatcmpl-tool-1","type":"function","function":{"name":"now","arguments":""}}]},'
            '"finish_reason":"tool_calls","stop_reason":null}]}',
            '{"id":"v","choices":[],"usage":{"prompt_tokens":3,"total_tokens":5,'
            '"completion_tokens":2,"prompt_tokens_details":null}}',
            "[DONE]",
        ),
        [("call", "now", "")],
        (3, 0, 2, 0),
    ),
    Dialect(
        "OpenRouter: comments, reasoning told twice, its signature in pieces",
        "https://openrouter.ai/docs/use-cases/reasoning-tokens",
        ": OPENROUTER PROCESSING\n\n"
        + lines(
            '{"id":"gen-1","provider":"P","choices":[{"index":0,"delta":{"role":"assistant",'
            '"content":"","reasoning":"Hm.","reasoning_details":[{"type":"reasoning.text","text":'
            '"Hm.","format":"f","index":0}]},"finish_reason":null,"native_finish_reason":null}]}',
            '{"id":"gen-1","choices":[{"index":0,"delta":{"content":"","reasoning":null,'
            '"reasoning_details":[{"type":"reasoning.text","signature":"sig","index":0}]}}]}',
            '{"id":"gen-1","choices":[{"index":0,"delta":{"content":"Hi"}}]}',
            '{"id":"gen-1","choices":[{"index":0,"delta":{"content":""},"finish_reason":"stop"}]}',
            '{"id":"gen-1","choices":[{"index":0,"delta":{"content":""},"finish_reason":null}],'
            '"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,"cost":0.001}}',
            "[DONE]",
        ),
        [("reasoning", "Hm."), ("message", "Hi")],
        (3, 0, 2, 0),
    ),
    Dialect(
        "Groq: usage only in a field of its own at the end",
        "https://console.groq.com/docs/api-reference",
        lines(
            '{"id":"q","choices":[{"index":0,"delta":{"role":"assistant","content":"Hi"}}],'
            '"x_groq":{"id":"req_1"}}',
            '{"id":"q","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"x_groq":{"id":'
            '"req_1","usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}}',
            "[DONE]",
        ),
        [("message", "Hi")],
        (3, 0, 2, 0),
    ),
    Dialect(
        "Moonshot: the usage inside the choice",
        "https://platform.moonshot.ai/docs/api/chat",
        lines(
            '{"id":"k","choices":[{"index":0,"delta":{"role":"assistant","content":"Hi"}}]}',
            '{"id":"k","choices":[{"index":0,"delta":{},"finish_reason":"stop","usage":'
            '{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,"cached_tokens":1}}]}',
            "[DONE]",
        ),
        [("message", "Hi")],
        (3, 1, 2, 0),
    ),
    Dialect(
        "a stream without [DONE], and without the empty line behind its last event",
        "https://html.spec.whatwg.org/multipage/server-sent-events.html",
        'data:{"id":"x","choices":[{"delta":{"content":"Hi"}}]}\r\n\r\n'
        'data:{"id":"x","choices":[{"delta":{"content":null},"finish_reason":"stop"}]}',
        [("message", "Hi")],
    ),
    Dialect(
        "LiteLLM before Anthropic: thinking with its signature at its end",
        "https://docs.litellm.ai/docs/reasoning_content",
        lines(
            '{"id":"l","choices":[{"index":0,"delta":{"role":"assistant","content":"",'
            '"reasoning_content":"Hm.","thinking_blocks":[{"type":"thinking","thinking":"Hm.",'
            '"signature":null}],"provider_specific_fields":{}}}]}',
            '{"id":"l","choices":[{"index":0,"delta":{"content":"","reasoning_content":"",'
            '"thinking_blocks":[{"type":"thinking","thinking":"","signature":"sig"}]}}]}',
            '{"id":"l","choices":[{"index":0,"delta":{"content":"Hi"}}]}',
            '{"id":"l","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}',
            "[DONE]",
        ),
        [("reasoning", "Hm."), ("message", "Hi")],
    ),
]


def asked(stream: str) -> Any:
    """The response that a model gives whose server answers so."""
    with LoopbackServer(stream_answer(stream.encode())) as server:
        client = ResponsesClient(base_url=server.base_url, api_key="k", max_retries=0)
        model = OpenAIChatCompletionsModel("m", client)
        return model.respond(ModelRequest(input=[{"role": "user", "content": "Hi"}], stream=True))


def told(item: Any) -> Told:
    if item.type == "function_call":
        return ("call", item.name, item.arguments)
    return (item.type, "".join(part.text for part in item.content))


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_a_dialect_is_understood(dialect: Dialect) -> None:
    response = asked(dialect.stream)
    assert [told(item) for item in response.output] == dialect.output
    usage = response.usage
    assert (
        usage.input_tokens,
        usage.input_tokens_details.cached_tokens,
        usage.output_tokens,
        usage.output_tokens_details.reasoning_tokens,
    ) == dialect.tokens


def replayed(name: str) -> Any:
    """What is sent back to the server of the first dialect of that name."""
    stream = next(dialect.stream for dialect in DIALECTS if dialect.name.startswith(name))
    return asked(stream).to_input_items()[0]["replayed"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("DeepSeek", {"reasoning_content": "I add."}),
        ("Ollama", {"reasoning": "Both."}),
        (
            "OpenRouter",
            {
                "reasoning": "Hm.",
                "reasoning_details": [
                    {
                        "type": "reasoning.text",
                        "text": "Hm.",
                        "format": "f",
                        "index": 0,
                        "signature": "sig",
                    }
                ],
            },
        ),
        (
            "LiteLLM",
            {
                "reasoning_content": "Hm.",
                "thinking_blocks": [{"type": "thinking", "thinking": "Hm.", "signature": "sig"}],
            },
        ),
    ],
)
def test_reasoning_is_kept_as_its_server_wants_it_back(name: str, message: Any) -> None:
    assert replayed(name)["message"] == message


def test_a_signature_is_kept_with_its_call() -> None:
    extra = {"extra_content": {"google": {"thought_signature": "AY89"}}}
    assert replayed("Gemini")["calls"] == {"function-call-1": extra}


@pytest.mark.parametrize(
    ("stream", "what"),
    [
        pytest.param(
            lines(
                '{"id":"gen-1","choices":[{"index":0,"delta":{"content":"Hal"}}]}',
                '{"id":"gen-1","error":{"code":502,"message":"Provider gone"},"choices":'
                '[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}',
                "[DONE]",
            ),
            "Provider gone",
            id="OpenRouter: an error in the middle",
        ),
        pytest.param(
            lines('{"object":"error","message":"too long","type":"BadRequestError","code":400}'),
            "too long",
            id="vLLM of old: an error without a wrapper",
        ),
        pytest.param(
            lines(
                '{"id":"m","choices":null,"base_resp":{"status_code":1004,"status_msg":"no login"}}'
            ),
            "no login",
            id="MiniMax: an error beside no choices",
        ),
        pytest.param(
            "event: error\ndata: {\"error\": \"model crashed\"}\n\n", "crashed", id="error as text"
        ),
        pytest.param(
            lines('{"id":"x","choices":[{"index":0,"delta":{"content":"Hal"}}]}'),
            "broke off",
            id="neither a reason nor [DONE]",
        ),
        pytest.param(
            lines(
                '{"id":"d","choices":[{"delta":{"content":"Hal"},'
                '"finish_reason":"insufficient_system_resource"}]}',
                "[DONE]",
            ),
            "insufficient_system_resource",
            id="DeepSeek: overloaded in the middle",
        ),
    ],
)
def test_a_failure_inside_a_good_status_is_an_error(stream: str, what: str) -> None:
    with pytest.raises(ResponseFailedError, match=what):
        asked(stream)
