"""The floor: the same work by hand, as a good engineer writes it over requests."""

from __future__ import annotations

import inspect
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import requests
from pydantic import create_model
from pydantic_core import from_json
from requests.models import ITER_CHUNK_SIZE

from .company_session import company_session
from .five_parameters import ARGUMENTS, declare
from .sdk import add, in_threads, median

TIMEOUT = 60.0


FUNCTIONS = {"add": add}
TOOLS = [
    {
        "type": "function",
        "name": "add",
        "description": "Add two numbers.",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "required": ["a", "b"],
            "additionalProperties": False,
        },
        "strict": True,
    }
]


class Workloads:
    """Each method makes what it needs and gives the work to be measured."""

    def __init__(self) -> None:
        self.url = os.environ["OPENAI_BASE_URL"] + "/responses"
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {os.environ['OPENAI_API_KEY']}"

    def turns(self, how: str) -> Callable[[], object]:
        return self.run

    def turns_by_session(self) -> Callable[[], object]:
        self.session = company_session()
        return self.run

    def deltas(self, how: str) -> Callable[[], object]:
        return lambda: self.read(self.stream())

    def tuned_deltas(self) -> Callable[[], object]:
        return lambda: self.read(self.stream(chunk_size=None))

    def first_delta(self) -> Callable[[], object]:
        def work() -> dict[str, float]:
            started = time.perf_counter()
            for event in self.stream():
                if event["type"] == "response.output_text.delta":
                    seconds = time.perf_counter() - started  # leaving is not part of it
                    break
            return {"first_delta": seconds}

        return work

    def lateness(self) -> Callable[[], object]:
        def work() -> dict[str, float]:
            late = [
                time.monotonic() - float(event["delta"])
                for event in self.stream()
                if event["type"] == "response.output_text.delta"
            ]
            return {"lateness": median(late)}

        return work

    def build(self, count: int) -> Callable[[], object]:
        def work() -> None:
            for _ in range(count):
                function = declare()
                fields: dict[str, Any] = {
                    name: (
                        parameter.annotation,
                        ... if parameter.default is parameter.empty else parameter.default,
                    )
                    for name, parameter in inspect.signature(function, eval_str=True)
                    .parameters.items()
                }
                create_model(function.__name__, **fields).model_json_schema()

        return work

    def declare(self, count: int) -> Callable[[], object]:
        return self.build(count)

    def call(self, count: int) -> Callable[[], object]:
        function = declare()

        def work() -> None:
            for _ in range(count):
                function(**from_json(ARGUMENTS))

        return work

    def at_once(self, count: int) -> Callable[[], object]:
        return self.in_threads(count, count)

    def in_threads(self, count: int, threads: int) -> Callable[[], object]:
        self.session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=threads))
        self.run()

        return lambda: in_threads(self.run, count, threads)

    def run(self) -> str:
        """The agent loop by hand."""
        items: list[dict[str, Any]] = [{"role": "user", "content": "hi"}]
        while True:
            output = self.ask(items)
            items += output
            calls = [item for item in output if item["type"] == "function_call"]
            if not calls:
                return "".join(
                    part["text"]
                    for item in output
                    if item["type"] == "message"
                    for part in item["content"]
                )
            for call in calls:
                result = FUNCTIONS[call["name"]](**from_json(call["arguments"]))
                items.append(
                    {
                        "type": "function_call_output",
                        "call_id": call["call_id"],
                        "output": str(result),
                    }
                )

    def ask(self, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        body = {"model": "m", "input": items, "tools": TOOLS}
        answer = self.session.post(self.url, json=body, timeout=TIMEOUT)
        answer.raise_for_status()
        output: list[dict[str, Any]] = from_json(answer.content)["output"]
        return output

    def stream(self, chunk_size: int | None = ITER_CHUNK_SIZE) -> Iterator[dict[str, Any]]:
        """The events of a stream.

        requests' own chunk size is what most people leave it at; None takes what has arrived,
        which halves the cost.
        """
        body = {"model": "m", "input": [{"role": "user", "content": "hi"}], "stream": True}
        with self.session.post(self.url, json=body, timeout=TIMEOUT, stream=True) as answer:
            answer.raise_for_status()
            for line in answer.iter_lines(chunk_size):
                if line.startswith(b"data: "):
                    yield from_json(line[6:])

    @staticmethod
    def read(events: Iterator[dict[str, Any]]) -> int:
        return sum(
            len(event["delta"])
            for event in events
            if event["type"] == "response.output_text.delta"
        )
