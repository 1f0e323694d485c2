"""A recorded run as a test: a scripted model and stand-ins for tools say what was said."""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Iterator
from itertools import count
from typing import Any

from ..exceptions import UserError
from ..tool import fit_for_tool
from ..tracing.sqlite_store import StoredTrace
from .recorded import RecordedCall, RecordedRun, RecordedTurn
from .traces import runs_of_trace

Json = dict[str, Any]

_HEAD = '''\
# {title}
# The agents and tools are stand-ins: import your own in their places.

import pytest

from agents_lite import Agent, AgentsException, FunctionTool, Runner, handoff
from agents_lite.testing import ScriptedModel, call


def recorded(name, parameters, outputs, waiting=()):
    """A tool that returns what it returned then, by its arguments, but for calls that wait."""
    return FunctionTool(
        name=name,
        description=name,
        params_json_schema=parameters,
        on_invoke_tool=lambda context, arguments: outputs[arguments].pop(0),
        strict_json_schema=False,
        needs_approval=bool(waiting) and (lambda context, arguments, call_id: call_id in waiting),
    )
'''
_ANY_OBJECT: Json = {"type": "object", "properties": {}}
_USED = {"pytest", "model", "result", "recorded", "handoff", "call"}


def test_of_trace(trace: StoredTrace) -> str:
    """A Python file with a test for each run of a trace.

    Raises:
        UserError: The trace holds no run, nothing of what was said, or calls that have no stand-in.
    """
    runs = runs_of_trace(trace)
    title = f"{trace.workflow_name!r}, as {trace.trace_id!r} has recorded it."
    tests = [
        "\n".join(_lines(run, f"test_run_{number}" if len(runs) > 1 else "test_run"))
        for number, run in enumerate(runs, 1)
    ]
    return "\n\n".join([_HEAD.format(title=_printable(title)), *tests]) + "\n"


def _lines(run: RecordedRun, name: str) -> Iterator[str]:
    turns = list(run.turns.values())
    if not turns:
        raise UserError("The run had no answer of a model")
    names = _variables(turns)
    waiting = _waiting(run)
    has_failed = run.failure is not None and run.unanswered is not None
    is_open = has_failed or bool(turns[-1].calls) and not waiting
    yield f"def {name}():"
    yield "    model = ScriptedModel("
    yield "        ["
    for turn in turns:
        yield f"            [{', '.join(map(_item, turn.output))}],"
    if is_open:
        yield f"            AgentsException({_literal(run.failure or 'It ends here.')}),"
    yield "        ]"
    yield "    )"
    for agent, variable in names.items():
        yield f"    {variable} = Agent({_literal(agent)}, model=model)"
    for agent, variable in names.items():
        own = [turn for turn in turns if turn.agent == agent]
        yield from _tools(own, variable, waiting)
        yield from _handoffs(turns, agent, names)
    yield "    with model:"
    started = f"Runner.run_sync({names[turns[0].agent]}, {_literal(_input(run))}, max_turns=None)"
    if is_open:
        yield "        with pytest.raises(AgentsException):"
        yield f"            {started}"
    else:
        yield f"        result = {started}"
    if waiting:
        yield f"    assert [each.call_id for each in result.interruptions] == {_literal(waiting)}"
    elif not is_open:
        yield f"    assert result.final_output == {_literal(run.final_output)}"
        yield f"    assert result.last_agent is {names[turns[-1].agent]}"


def _waiting(run: RecordedRun) -> list[str]:
    """The ids of the calls that the run waits for, or of those in which it does."""
    calls = list(run.turns.values())[-1].calls.values()
    open_calls = [each.call_id for each in calls if each.item is None and not each.hands_over]
    return open_calls if run.waiting else []


def _tools(turns: list[RecordedTurn], variable: str, waiting: list[str]) -> Iterator[str]:
    outputs: dict[str, dict[str, list[Any]]] = {}
    schemas: dict[str, Any] = {}
    held: dict[str, list[str]] = {}
    for turn in turns:
        offered = turn.settings.get("tools") or []
        schemas.update({tool["name"]: tool.get("parameters") for tool in offered if "name" in tool})
        for each in turn.calls.values():
            if not each.hands_over:
                _check_has_stand_in(each)
                found = outputs.setdefault(each.name, {}).setdefault(each.arguments, [])
                found.append("" if each.output is None else each.output)
                if each.call_id in waiting:
                    held.setdefault(each.name, []).append(each.call_id)
    if outputs:
        yield f"    {variable}.tools = ["
        for name, told in outputs.items():
            parameters = schemas.get(name) or _ANY_OBJECT
            arguments = ", ".join(map(_literal, (name, parameters, told)))
            arguments += f", waiting={_literal(held[name])}" if name in held else ""
            yield f"        recorded({arguments}),"
        yield "    ]"


def _handoffs(turns: list[RecordedTurn], agent: str, names: dict[str, str]) -> Iterator[str]:
    offers: dict[str, str] = {}
    for turn, following in zip(turns, turns[1:], strict=False):
        taken = [each for each in turn.calls.values() if each.hands_over]
        if turn.agent == agent and taken and following.agent != agent:
            offers[taken[0].name] = following.agent
    if offers:
        each = [_offer(name, target, names) for name, target in offers.items()]
        yield f"    {names[agent]}.handoffs = [{', '.join(each)}]"


def _offer(name: str, target: str, names: dict[str, str]) -> str:
    if name == f"transfer_to_{fit_for_tool(target)}":
        return names[target]
    return f"handoff({names[target]}, tool_name_override={_literal(name)})"


def _check_has_stand_in(each: RecordedCall) -> None:
    if each.kind != "function_call":
        raise UserError(f"The run has a {each.kind}, for which a test has no stand-in")


def _variables(turns: list[RecordedTurn]) -> dict[str, str]:
    """Names for the agents in the test."""
    names: dict[str, str] = {}
    for turn in turns:
        if turn.agent in names:
            continue
        name = re.sub(r"\W+", "_", turn.agent.lower(), flags=re.ASCII).strip("_")
        is_free = name.isidentifier() and not keyword.iskeyword(name)
        if not is_free or name in _USED or name in names.values():
            numbered = (f"agent_{number}" for number in count(len(names) + 1))
            name = next(each for each in numbered if each not in names.values())
        names[turn.agent] = name
    return names


def _input(run: RecordedRun) -> Any:
    given = run.started.given
    if isinstance(given, list) and len(given) == 1 and set(given[0]) <= {"role", "content", "type"}:
        [item] = given
        if item.get("role") == "user" and isinstance(item.get("content"), str):
            return item["content"]
    return given


def _item(item: Json) -> str:
    """An item of an answer, as a script takes it."""
    if item.get("type") == "function_call":
        words = map(_literal, (item["name"], item["arguments"]))
        return f"call({', '.join(words)}, call_id={_literal(item['call_id'])})"
    parts = item.get("content")
    if item.get("type") == "message" and isinstance(parts, list) and len(parts) == 1:
        [part] = parts
        if part.get("type") == "output_text" and not part.get("annotations"):
            return _literal(part["text"])
    return _literal(item)


def _literal(value: Any) -> str:
    """Python for a JSON value."""
    return _printable(repr(json.loads(json.dumps(value))))


def _printable(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode()
