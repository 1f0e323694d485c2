"""A Responses API server that costs next to nothing: canned answers, in a process of its own.

Run as `python stub_server.py`: it prints its port, and ends when its standard input is closed.

The path chooses the answer, `/TURNS/DELAY_MS/DELTAS/responses`: a function call until the request holds
TURNS outputs, then a text; DELAY_MS of waiting before each; DELTAS is the number of text deltas
that a streamed answer is cut into.
"""

from __future__ import annotations

import asyncio
import json
import sys

TEXT = "word "
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nx-request-id: req_1\r\n%s\r\n"


def response(output: list[dict]) -> dict:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "model": "stub",
        "output": output,
        "usage": {
            "input_tokens": 10,
            "output_tokens": 5,
            "total_tokens": 15,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 0},
        },
    }


def call(number: int) -> dict:
    return {
        "type": "function_call",
        "id": f"fc_{number}",
        "call_id": f"call_{number}",
        "name": "add",
        "arguments": '{"a":1,"b":2}',
        "status": "completed",
    }


def message(text: str) -> dict:
    return {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": text, "annotations": []}],
    }


def events(item: dict, deltas: int) -> list[dict]:
    head = [{"type": "response.created", "response": response([])}]
    head.append({"type": "response.output_item.added", "output_index": 0, "item": item})
    kind, name = ("output_text", "text") if item["type"] == "message" else ("function_call_arguments", "arguments")
    for _ in range(deltas):
        head.append(
            {
                "type": f"response.{kind}.delta",
                "item_id": item["id"],
                "output_index": 0,
                "content_index": 0,
                "delta": TEXT,
            }
        )
    head.append({"type": f"response.{kind}.done", "item_id": item["id"], "output_index": 0, name: ""})
    head.append({"type": "response.output_item.done", "output_index": 0, "item": item})
    head.append({"type": "response.completed", "response": response([item])})
    return [{**event, "sequence_number": number} for number, event in enumerate(head)]


def sse(item: dict, deltas: int) -> bytes:
    return b"".join(
        b"event: %s\ndata: %s\n\n" % (event["type"].encode(), json.dumps(event).encode())
        for event in events(item, deltas)
    )


_streams: dict[tuple[str, int], bytes] = {}


def stream_of(item: dict, deltas: int) -> bytes:
    key = (item["id"], deltas)
    if key not in _streams:
        _streams[key] = sse(item, deltas)
    return _streams[key]


def chunks(payload: bytes, size: int = 16_384) -> bytes:
    parts = [payload[start : start + size] for start in range(0, len(payload), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


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
            await answer(path, body, writer)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def answer(path: str, body: bytes, writer: asyncio.StreamWriter) -> None:
    turns, delay, deltas, *_ = (int(part) for part in path.strip("/").split("/")[:3])
    if delay:
        await asyncio.sleep(delay / 1000)
    done = body.count(b"function_call_output")
    item = call(done) if done < turns else message(TEXT * deltas)
    if b'"stream":true' in body or b'"stream": true' in body:
        count = deltas if item["type"] == "message" else 2
        writer.write(HEAD % (b"text/event-stream", b"Transfer-Encoding: chunked\r\n"))
        writer.write(chunks(stream_of(item, count)))
    else:
        payload = json.dumps(response([item])).encode()
        writer.write(HEAD % (b"application/json", b"Content-Length: %d\r\n" % len(payload)) + payload)
    await writer.drain()


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=2048, limit=2**24)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
