"""The Batch API: requests go out in files, and answers come back in files, within a day.

Source: https://platform.openai.com/docs/guides/batch
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from ..exceptions import APIStatusError, BadRequestError, UserError
from ..http.client import ResponsesClient
from ..http.listed import id_of, listed
from ..http.plain import Upload
from ..response_types import read_json
from .line_file import LineFile

Json = dict[str, Any]

_ENDPOINT = "/v1/responses"
_AT_WORK = ("validating", "in_progress", "finalizing", "cancelling")
_MOST_REQUESTS = 50_000
_MOST_BYTES = 190 << 20  # the server takes 200 MB
_NOT_TRIED = ("batch_expired", "batch_cancelled")


class Batches:
    """What of a batch's requests is at the server, on record in a file.

    A batch is announced in the file before it is submitted, under a name that it bears at the
    server too: a process that is killed in between finds it there.

    Attributes:
        waiting: The names of requests whose answers are not there yet.
        answers: What has come, by the names of requests: a line of a file with answers.
    """

    def __init__(self, record: LineFile, client: ResponsesClient) -> None:
        self.waiting: set[str] = set()
        self.answers: dict[str, Json] = {}
        self._record = record
        self._client = client
        self._open: list[Json] = []  # collected, but not noted to be

    def collect(self) -> None:
        """Ask the server for what it has.

        Raises:
            APIError: The server could not be reached, or refused.
            UserError: It has refused a batch.
        """
        batches: dict[str, Json] = {}
        for entry in self._record.entries():
            batches.setdefault(entry["name"], {}).update(entry)
        for batch in batches.values():
            if not batch.get("is_over") and self._find(batch):
                self._look_at(batch)

    def note_collected(self) -> None:
        """Note that all answers are in use, and need not be asked for again."""
        for batch in self._open:
            self._record.append({"name": batch["name"], "is_over": True})
        self._open = []

    def submit(self, requests: dict[str, Json]) -> None:
        """Send requests, by their names, each with the body of a request for a response.

        Raises:
            APIError: The server could not be reached, or refused.
        """
        for lines in _in_files(requests):
            name = f"agents-lite-{os.urandom(8).hex()}"
            content = "".join(text for _, text in lines).encode()
            upload = Upload("requests.jsonl", content, {"purpose": "batch"})
            file_id = self._client.ask("POST", "/files", upload, has=("id", str))["id"]
            names = [custom_id for custom_id, _ in lines]
            self._record.append({"name": name, "requests": names})
            body = {
                "input_file_id": file_id,
                "endpoint": _ENDPOINT,
                "completion_window": "24h",
                "metadata": {"name": name},
            }
            batch = self._client.ask(
                "POST", "/batches", body, may_be_repeated=False, has=("id", str)
            )
            self._record.append({"name": name, "id": batch["id"]})
            self.waiting.update(names)

    def _find(self, batch: Json) -> bool:
        """Whether a batch is at the server; one whose id is not on record is looked for there."""
        if "id" not in batch:
            name = batch["name"]
            batches = listed(partial(self._client.ask, "GET", "/batches"), {"limit": 100})
            named = (id_of(each) for each in batches if _name_of(each) == name)
            batch["id"] = next(named, None)
            if batch["id"] is None:
                self._record.append({"name": name, "is_over": True})
                return False
        return True

    def _look_at(self, batch: Json) -> None:
        told = self._client.ask("GET", f"/batches/{batch['id']}", has=("status", str))
        if told["status"] in _AT_WORK:
            self.waiting.update(batch["requests"])
            return
        if told["status"] == "failed":
            self._record.append({"name": batch["name"], "is_over": True})
            raise UserError(f"The Batch API refused {batch['id']}: {_errors(told)}")
        self._open.append(batch)
        files = [told.get(name) for name in ("output_file_id", "error_file_id")]
        for file_id in filter(None, files):
            content = self._client.download(f"/files/{file_id}/content")
            for line in map(_answer_line, content.splitlines()):
                if _fields(line.get("error")).get("code") not in _NOT_TRIED:
                    self.answers[line["custom_id"]] = line


def _answer_line(text: bytes) -> Json:
    """A line of a file of answers.

    Raises:
        UserError: It is damaged.
    """
    try:
        line = read_json(text)
        if isinstance(line, dict) and isinstance(line["custom_id"], str):
            return line
        raise ValueError("it is no answer")
    except (ValueError, LookupError) as error:
        raise UserError(f"A line of the Batch API's answers is damaged: {error}") from None


def answer_in(line: Json) -> Json:
    """The response in a line of answers.

    Raises:
        APIStatusError: The line tells of an error.
    """
    response = _fields(line.get("response"))
    status, body = response.get("status_code"), response.get("body")
    status = status if isinstance(status, int) else 0
    if 200 <= status < 300 and isinstance(body, dict):
        return {**body, "service_tier": "batch"}
    told = _fields(body).get("error") or line.get("error") or body
    error = _fields(told) or {"message": told}
    kind = BadRequestError if status == 400 else APIStatusError
    raise kind(
        f"The Batch API answered {status}: {error.get('message')}",
        status_code=status,
        request_id=response.get("request_id"),
        code=error.get("code"),
        body=body,
    )


def _fields(told: Any) -> Json:
    """What an object holds; nothing where there is none."""
    return told if isinstance(told, dict) else {}


def _in_files(requests: dict[str, Json]) -> Iterator[list[tuple[str, str]]]:
    """The lines of each file, with the names of their requests."""
    lines: list[tuple[str, str]] = []
    size = 0
    for name, body in requests.items():
        told = {"custom_id": name, "method": "POST", "url": _ENDPOINT, "body": body}
        text = json.dumps(told) + "\n"
        if lines and (len(lines) == _MOST_REQUESTS or size + len(text) > _MOST_BYTES):
            yield lines
            lines, size = [], 0
        lines.append((name, text))
        size += len(text)
    if lines:
        yield lines


def _name_of(batch: Json) -> Any:
    return _fields(batch.get("metadata")).get("name")


def _errors(told: Json) -> str:
    problems: Iterable[Json] = (told.get("errors") or {}).get("data") or ()
    return "; ".join(str(each.get("message")) for each in problems) or "it gave no reason"
