"""A cassette's file.

{"version": 1,
 "agents": {name: what its requests have in common: model, instructions, tools, settings},
 "answers": [{"agent": ..., "as_before": N, "input": [...], "response": {...}, "events": [...]}],
 "tools": [{"agent": ..., "tool": ..., "arguments": {...}, "output": ...}],
 "servers": {agent: [{"server": its index, "name": as it was offered, "tool": MCP's object}]}}

`as_before` counts the items with which the input begins like that of the entry before, its answer
included; `input` holds those that follow. So each item is written once, however long the
conversation. `servers` is there if agents have MCP servers.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..exceptions import UserError
from ..response_types import read_json
from .entries import JSON, Entry
from .readable import readable

VERSION = 1


@dataclass
class Content:
    """What a file holds."""

    models: list[Entry] = field(default_factory=list)
    """What models were asked, and answered."""
    tools: list[Entry] = field(default_factory=list)
    """What tools were asked, and returned."""
    servers: dict[str, list[JSON]] = field(default_factory=dict)
    """The tools of MCP servers, by the agent that has them."""


def read_cassette(path: Path) -> Content:
    """What a file holds.

    Raises:
        UserError: The file is no cassette.
    """
    try:
        told = read_json(path.read_text("utf-8-sig"))
        if told["version"] != VERSION:
            raise ValueError(f"its version is {told['version']!r}")
        models: list[Entry] = []
        items: list[Any] = []
        for each in told["answers"]:
            _check(each["response"], each.get("events", []))
            items = items[: each.pop("as_before", 0)] + each.pop("input")
            name = each.pop("agent")
            models.append(Entry({**told["agents"][name], "input": items}, each, name, thread=None))
            items = _with_answer(models[-1])
        tools = [
            Entry({k: each.pop(k) for k in ("agent", "tool", "arguments")}, each, thread=None)
            for each in told["tools"]
        ]
        servers = dict(told.get("servers", {}))
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is no cassette: {error!r}") from error
    return Content(models, tools, servers)


def _check(response: Any, events: Any) -> None:
    if not isinstance(events, list) or not all(isinstance(e, dict) for e in (response, *events)):
        raise ValueError("an answer, or an event of one, is no object")
    if not isinstance(response.get("status", ""), str):
        raise ValueError(f"the status of an answer is {response['status']!r}")


def write_cassette(path: Path, content: Content) -> None:
    """Write the file anew, whole or not at all.

    Raises:
        UserError: It cannot be written: the disk is full, for one.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    text = cassette_text(content)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            unfinished.write_text(text, "utf-8", newline="\n")
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"The cassette {path} cannot be written: {error.strerror}") from error


def cassette_text(content: Content) -> str:
    """The file's text."""
    agents: dict[str, JSON] = {}
    answers: list[JSON] = []
    before: list[Any] = []
    for entry in content.models:
        common = {name: value for name, value in entry.asked.items() if name != "input"}
        items = entry.asked["input"]
        same = _same_beginning(before, items)
        place = {"as_before": same} if same else {}
        name = _name_for(common, entry.agent, agents)
        answers.append({"agent": name, **place, "input": items[same:], **entry.answer})
        before = _with_answer(entry)
    told: JSON = {
        "version": VERSION,
        "agents": agents,
        "answers": answers,
        "tools": [{**entry.asked, **entry.answer} for entry in content.tools],
    }
    if content.servers:
        told["servers"] = dict(sorted(content.servers.items()))
    return f"{readable(told)}\n"


def _with_answer(entry: Entry) -> list[Any]:
    """The conversation as it stands after an answer."""
    return [*entry.asked["input"], *entry.answer["response"].get("output", ())]


def _name_for(common: JSON, agent: str, agents: dict[str, JSON]) -> str:
    """The name under which `agents` holds what requests have in common: the agent's, or with a
    number where the agent asked in several ways."""
    name, number = agent, 1
    while agents.setdefault(name, common) != common:
        number += 1
        name = f"{agent} ({number})"
    return name


def _same_beginning(before: list[Any], items: list[Any]) -> int:
    same = 0
    for one, other in zip(before, items, strict=False):
        if json.dumps(one) != json.dumps(other):  # the order of fields counts, too
            break
        same += 1
    return same
