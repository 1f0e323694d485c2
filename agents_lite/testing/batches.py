"""The files and batches that a stand-in keeps, and what it answers about them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from email import message_from_bytes
from typing import Any

from ..local_server.messages import HTTPReply, HTTPRequest, json_reply
from ..response_types import json_bytes
from .validation import RequestRejected
from .wire import new_id

Json = dict[str, Any]

FILES = "/v1/files"
BATCHES = "/v1/batches"


class Batches:
    """Batches are worked off when they are asked for.

    Source: https://platform.openai.com/docs/api-reference/batch

    Args:
        answer: Answers one of their requests.

    Attributes:
        are_held: Whether batches stay in progress.
    """

    def __init__(self, answer: Callable[[HTTPRequest], HTTPReply]) -> None:
        self.are_held = False
        self._answer = answer
        self._files: dict[str, bytes] = {}
        self._batches: dict[str, Json] = {}

    def answer(self, request: HTTPRequest) -> HTTPReply:
        """Answer a request about files or batches.

        Raises:
            RequestRejected: There is no such thing, or the request is not acceptable.
        """
        match request.method, request.path.removeprefix("/v1/").split("/"):
            case "POST", ["files"]:
                return self._take_file(request)
            case "GET", ["files", file_id, "content"] if file_id in self._files:
                return HTTPReply(200, self._files[file_id], {"Content-Type": "application/jsonl"})
            case "POST", ["batches"]:
                return json_reply(self._create(request.body))
            case "GET", ["batches"]:
                return json_reply(self._page(request.query))
            case "GET", ["batches", batch_id] if batch_id in self._batches:
                return json_reply(self._worked_off(self._batches[batch_id]))
        raise RequestRejected(f"No such object: {request.path}", status=404)

    def _page(self, query: Mapping[str, str]) -> Json:
        """The newest batches, or those that come after one in the list."""
        ids = list(reversed(self._batches))
        if "after" in query:
            ids = ids[ids.index(query["after"]) + 1 :]
        limit = int(query.get("limit", 20))
        data = [self._batches[batch_id] for batch_id in ids[:limit]]
        return {"object": "list", "data": data, "has_more": len(ids) > limit}

    def _take_file(self, request: HTTPRequest) -> HTTPReply:
        head = f"Content-Type: {request.headers.get('content-type')}\r\n\r\n".encode()
        message = message_from_bytes(head + (request.body or b""))
        parts: dict[Any, Any] = {
            part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
            for part in message.walk()
            if not part.is_multipart()
        }
        if parts.get("purpose") != b"batch" or "file" not in parts:
            raise RequestRejected("A file for a batch has the purpose 'batch'.", "purpose")
        return json_reply({"id": self._keep(parts["file"]), "object": "file", "purpose": "batch"})

    def _create(self, body: Json) -> Json:
        if body.get("input_file_id") not in self._files:
            raise RequestRejected("No such input file.", "input_file_id")
        if (body.get("endpoint"), body.get("completion_window")) != ("/v1/responses", "24h"):
            raise RequestRejected("Invalid endpoint or completion_window.", "endpoint")
        batch = {
            "id": new_id("batch"),
            "object": "batch",
            "status": "in_progress",
            "output_file_id": None,
            "error_file_id": None,
            "errors": None,
            "metadata": {},
            **body,
        }
        self._batches[batch["id"]] = batch
        return batch

    def _worked_off(self, batch: Json) -> Json:
        if self.are_held or batch["status"] != "in_progress":
            return batch
        lines = [json.loads(line) for line in self._files[batch["input_file_id"]].splitlines()]
        names = [line["custom_id"] for line in lines]
        if len(set(names)) < len(names):
            problem = {"code": "duplicate_custom_id", "message": "custom_id is not unique"}
            batch |= {"status": "failed", "errors": {"data": [problem]}}
            return batch
        done = [self._line(line) for line in lines]
        for name, is_good in (("output_file_id", True), ("error_file_id", False)):
            chosen = [line for line in done if (line["response"]["status_code"] < 300) == is_good]
            if chosen:
                batch[name] = self._keep(b"".join(json_bytes(line) + b"\n" for line in chosen))
        batch["status"] = "completed"
        return batch

    def _line(self, line: Json) -> Json:
        request = HTTPRequest(line["method"], line["url"], {}, {}, line["body"])
        try:
            reply = self._answer(request)
        except RequestRejected as rejected:
            reply = rejected.reply
        assert isinstance(reply.body, bytes)
        response = {"status_code": reply.status, "request_id": new_id("req")}
        return {
            "id": new_id("batch_req"),
            "custom_id": line["custom_id"],
            "response": {**response, "body": json.loads(reply.body)},
            "error": None,
        }

    def _keep(self, content: bytes) -> str:
        file_id = new_id("file")
        self._files[file_id] = content
        return file_id
