"""A model's server that costs next to nothing: canned answers, in a process of its own.

Run as `python stub_server.py`: it prints its port, and ends when its standard input is closed.

The path chooses the answer, `/TURNS/DELAY_MS/DELTAS[/GAP_MS]/responses`: a function call until the
request holds TURNS outputs, then a text; DELAY_MS of waiting before each; DELTAS is the number of
text deltas that a streamed answer is cut into. With GAP_MS they come one by one, so far apart, and
the text of each is the time it was sent at, in seconds of `time.monotonic()`. The same answers come
by the other API with `chat/completions` in place of `responses`. With `as-sent` in the path they
hold all that OpenAI's servers put into them, such as the request's own settings in a response. What
is posted to `/traces` is taken and forgotten.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from functools import cache
from typing import Any

TEXT = "word "
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nx-request-id: req_1\r\n%s\r\n"
CHUNK_SIZE = 16_384

SETTINGS = {
    "background": False,
    "billing": {"payer": "developer"},
    "error": None,
    "incomplete_details": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
"""What stands in each response besides the answer, in recorded traffic."""
MORE_COUNTS = {
    "prompt_tokens_details": {"audio_tokens": 0},
    "completion_tokens_details": {
        "audio_tokens": 0,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
}
"""Counts in the usage of each chat completion.

Source: https://platform.openai.com/docs/api-reference/chat/object
"""


def response(output: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "model": "stub",
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": 10,
            "output_tokens": 5,
            "total_tokens": 15,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 0},
        },
    }


def call(number: int) -> dict[str, Any]:
    return {
        "type": "function_call",
        "id": f"fc_{number}",
        "call_id": f"call_{number}",
        "name": "add",
        "arguments": '{"a":1,"b":2}',
        "status": "completed",
    }


def message(text: str) -> dict[str, Any]:
    return {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": text, "annotations": []}],
    }


def delta(kind: str, item_id: str, number: int, text: str) -> dict[str, Any]:
    return {
        "type": f"response.{kind}.delta",
        "sequence_number": number,
        "item_id": item_id,
        "output_index": 0,
        "content_index": 0,
        "delta": text,
        "logprobs": [],
    }


def events(item: dict[str, Any], deltas: int) -> list[dict[str, Any]]:
    is_text = item["type"] == "message"
    kind, name = ("output_text", "text") if is_text else ("function_call_arguments", "arguments")
    place = {"item_id": item["id"], "output_index": 0}
    begun = {**item, "status": "in_progress", "content" if is_text else name: [] if is_text else ""}
    stream: list[dict[str, Any]] = [
        {"type": "response.created", "response": response([])},
        {"type": "response.output_item.added", "output_index": 0, "item": begun},
        *(delta(kind, item["id"], 0, TEXT) for _ in range(deltas)),
        {"type": f"response.{kind}.done", **place, "content_index": 0, name: "", "logprobs": []},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": response([item])},
    ]
    return [{**event, "sequence_number": number} for number, event in enumerate(stream)]


def completion(item: dict[str, Any]) -> dict[str, Any]:
    """The answer with one item as a chat completion."""
    said: dict[str, Any] = {"role": "assistant", "content": None}
    if item["type"] == "message":
        said["content"] = item["content"][0]["text"]
    else:
        function = {"name": item["name"], "arguments": item["arguments"]}
        said["tool_calls"] = [{"id": item["call_id"], "type": "function", "function": function}]
    reason = "tool_calls" if "tool_calls" in said else "stop"
    choice = {"index": 0, "message": said, "logprobs": None, "finish_reason": reason}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "stub",
        "choices": [choice],
        "usage": {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "total_tokens": 15,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
    }


def completion_chunks(item: dict[str, Any], deltas: int) -> list[dict[str, Any]]:
    whole = completion(item)
    choice = whole["choices"][0]
    calls = choice["message"].get("tool_calls")
    if calls:
        begun = {**calls[0]["function"], "arguments": ""}
        pieces = [
            {"role": "assistant", "tool_calls": [{"index": 0, **calls[0], "function": begun}]},
            {"tool_calls": [{"index": 0, "function": {"arguments": item["arguments"]}}]},
        ]
    else:
        pieces = [{"role": "assistant", "content": ""}, *[{"content": TEXT}] * deltas]
    facts = {**whole, "object": "chat.completion.chunk", "usage": None}
    reasons = [None] * len(pieces) + [choice["finish_reason"]]
    chunks = [
        {**facts, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
        for delta, reason in zip([*pieces, {}], reasons, strict=True)
    ]
    return [*chunks, {**facts, "choices": [], "usage": whole["usage"]}]


def settings_in(body: bytes) -> str:
    """What a response says again of its request, as JSON."""
    asked = json.loads(body)
    return json.dumps({name: asked.get(name) for name in ("instructions", "tools")})


def as_sent(told: dict[str, Any], by_chat: bool, asked: str) -> dict[str, Any]:
    """An answer or an event of one, with all that OpenAI's servers put into it."""
    if not by_chat:
        inner = told.get("response", told)
        full = {**inner, **SETTINGS, **json.loads(asked)} if "output" in inner else inner
        return {**told, "response": full} if "response" in told else full
    usage = told["usage"] and {
        name: {**count, **MORE_COUNTS[name]} if name in MORE_COUNTS else count
        for name, count in told["usage"].items()
    }
    choices = [
        {**choice, "message": {**choice["message"], "refusal": None, "annotations": []}}
        if "message" in choice
        else {**choice, "logprobs": None}
        for choice in told["choices"]
    ]
    more = {"service_tier": "default", "system_fingerprint": "fp_44709d6fcb"}
    return {**told, **more, "usage": usage, "choices": choices}


def sse(event: dict[str, Any]) -> bytes:
    name = b"event: %s\n" % event["type"].encode() if "type" in event else b""
    return b"%sdata: %s\n\n" % (name, json.dumps(event).encode())


def chunk(part: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(part), part)


def chunked(payload: bytes) -> bytes:
    starts = range(0, len(payload), CHUNK_SIZE)
    return b"".join(chunk(payload[start : start + CHUNK_SIZE]) for start in starts)


@cache
def streamed(done: int, turns: int, deltas: int, by_chat: bool, asked: str) -> bytes:
    item, count = (call(done), 2) if done < turns else (message(TEXT * deltas), deltas)
    told = completion_chunks(item, count) if by_chat else events(item, count)
    if asked:
        told = [as_sent(event, by_chat, asked) for event in told]
    payload = b"".join(map(sse, told)) + (b"data: [DONE]\n\n" if by_chat else b"")
    return chunked(payload) + chunk(b"")


@cache
def whole(done: int, turns: int, deltas: int, by_chat: bool, asked: str) -> bytes:
    item = call(done) if done < turns else message(TEXT * deltas)
    told = completion(item) if by_chat else response([item])
    payload = json.dumps(as_sent(told, by_chat, asked) if asked else told).encode()
    return HEAD % (b"application/json", b"Content-Length: %d\r\n" % len(payload)) + payload


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            path = head.split(b" ", 2)[1].decode()
            length = next(
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length")
            )
            body = await reader.readexactly(length)
            if path == "/traces":
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            else:
                await answer(path, body, writer)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def answer(path: str, body: bytes, writer: asyncio.StreamWriter) -> None:
    by_chat = path.endswith("/chat/completions")
    numbers = [int(part) for part in path.split("/") if part.isdigit()]
    turns, delay, deltas, gap = (*numbers, 0)[:4]
    if delay:
        await asyncio.sleep(delay / 1000)
    done = body.count(b'"role":"tool"' if by_chat else b'"function_call_output"')
    asked = settings_in(body) if "/as-sent/" in path else ""
    if b'"stream":true' not in body and b'"stream": true' not in body:
        writer.write(whole(done, turns, deltas, by_chat, asked))
        return
    writer.write(HEAD % (b"text/event-stream", b"Transfer-Encoding: chunked\r\n"))
    if gap:
        for number in range(deltas):
            await asyncio.sleep(gap / 1000)
            sent_at = repr(time.monotonic())
            writer.write(chunk(sse(delta("output_text", "msg_1", number, sent_at))))
    writer.write(streamed(done, turns, 0 if gap else deltas, by_chat, asked))


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=2048, limit=2**24)
    # Leaving at once, since ending all connections in order would only print complaints.
    asyncio.get_running_loop().add_reader(sys.stdin, os._exit, 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
