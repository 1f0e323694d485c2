"""A client of a loopback server, and what such a server answers."""

from __future__ import annotations

from typing import Any

from agents_lite.http.client import ResponsesClient
from tests.support.loopback import LoopbackServer, http_answer, stream_answer

ITEM = {"type": "message", "id": "msg_1", "content": [{"type": "output_text", "text": "Hello"}]}
RESPONSE = {"id": "resp_1", "status": "completed", "output": [ITEM]}
DELTA = {"type": "response.output_text.delta", "delta": "Hel"}
COMPLETED = {"type": "response.completed", "response": RESPONSE}
GOOD = http_answer(200, RESPONSE)
GOOD_STREAM = stream_answer([DELTA, COMPLETED])


def client_of(server: LoopbackServer, **options: Any) -> ResponsesClient:
    settings = {"api_key": "sk-test-key", "retry_delay": 0.001, "timeout": 60.0, **options}
    return ResponsesClient(base_url=server.base_url, **settings)
