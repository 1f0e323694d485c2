"""Facts as JSON, and back: what a run has done, for other processes and other days."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json, to_json

from ..agent import Agent
from ..exceptions import ModelBehaviorError, UserError
from ..guardrail import (
    GuardrailFunctionOutput,
    InputGuardrail,
    InputGuardrailResult,
    OutputGuardrail,
    OutputGuardrailResult,
)
from ..handoff_data import HandoffInputData
from ..handoffs import agent_behind
from ..items import (
    HandoffOutputItem,
    InputItem,
    ItemHelpers,
    MCPApprovalResponseItem,
    ModelResponse,
    RunItem,
    ToolCallOutputItem,
)
from ..response_types import ResponsesObject, as_json, as_object, as_python
from ..told_output import output_for_model
from ..tool_guardrails import (
    ToolGuardrailFunctionOutput,
    ToolInputGuardrail,
    ToolInputGuardrailResult,
    ToolOutputGuardrail,
    ToolOutputGuardrailResult,
)
from ..usage import Usage, known_counts
from .fact_shapes import check_items, check_shape
from .facts import (
    Added,
    Answered,
    Asked,
    Awaited,
    Begun,
    Called,
    Checked,
    Compacted,
    Decided,
    Fact,
    Failed,
    Filtered,
    Finished,
    HandedOver,
    Place,
    Saved,
    Started,
    TakenUp,
    Told,
    ToolChecked,
    TurnEnded,
)
from .turn.plan import found_at, item_class

if TYPE_CHECKING:
    from .record import Record

JSON = dict[str, Any]

_PLAIN: dict[str, Callable[..., Fact]] = {
    "awaited": Awaited,
    "begun": Begun,
    "asked": Asked,
    "decided": Decided,
    "turn_ended": TurnEnded,
    "saved": Saved,
    "added": Added,
    "failed": Failed,
    "taken_up": TakenUp,
    "told": Told,
}
"""Facts whose fields are JSON as they are."""
_NAMES: dict[type, str] = {kind: name for name, kind in _PLAIN.items()}  # type: ignore[misc]


def fact_to_json(fact: Fact, record: Record) -> JSON:
    """A fact of a record as a JSON object with a `type`."""
    match fact:
        case Started():
            fields = _fields(fact)
            is_merged = fact.prepared is not fact.given
            fields |= {"prepared": fact.prepared if is_merged else None, "owed": bool(fact.owed)}
            return {"type": "started", **fields}
        case Answered():
            response = fact.response
            return {
                "type": "answered",
                "turn": fact.turn,
                "output": [as_json(item) for item in response.output],
                "usage": known_counts(response.usage),
                "response_id": response.response_id,
                "request_id": response.request_id,
                "targets": fact.targets,
            }
        case Called():
            words = {} if fact.words is None else {"words": fact.words}
            return {"type": "called", "call_id": fact.call_id, **words, **item_to_json(fact.item)}
        case HandedOver():
            return {
                "type": "handed_over",
                "target": fact.target.name,
                "place": place_of(fact.target, record.starting_agent),
                "items": [item_to_json(item) for item in fact.items],
            }
        case Filtered():
            return {"type": "filtered", **_conversation_to_json(fact.conversation, record)}
        case Checked():
            result, output = fact.result, fact.result.output
            told = {"on": "input"}
            if isinstance(result, OutputGuardrailResult):
                told = {"on": "output", **_value("output", result.agent_output)}
            return {
                "type": "checked",
                "index": fact.position,
                "guardrail": result.guardrail.get_name(),
                **told,
                "triggered": output.tripwire_triggered,
                **_value("info", output.output_info),
            }
        case ToolChecked():
            verdict = fact.result.output
            is_input = isinstance(fact.result, ToolInputGuardrailResult)
            return {
                "type": "tool_checked",
                "call_id": fact.call_id,
                "on": "input" if is_input else "output",
                "guardrail": fact.result.guardrail.get_name(),
                "behavior": verdict.behavior["type"],
                "message": verdict.behavior.get("message"),
                **_value("info", verdict.output_info),
            }
        case Compacted():
            fields = {name: getattr(fact, name) for name in ("cleared", "covered", "summary")}
            usage = known_counts(fact.usage)
            return {"type": "compacted", **fields, "usage": usage}
        case Finished():
            value = {} if fact.is_typed else _output(fact.output)
            said = [item_to_json(item) for item in fact.said]
            return {"type": "finished", "is_typed": fact.is_typed, "said": said, **value}
        case _:
            fields = _fields(fact)
            if isinstance(fact, Decided):
                fields = {**fields, **_output(fact.output)}
            return {"type": _NAMES[type(fact)], **fields}


def _fields(fact: Fact) -> JSON:
    """Its fields; a policy that was left open is left out."""
    policy = "reasoning_item_id_policy"
    return {k: v for k, v in fact._asdict().items() if k != policy or v is not None}


def fact_from_json(told: JSON, record: Record) -> Fact:
    """A fact as it was, to be added to the record of all facts before it.

    Raises:
        UserError: It is no fact, or tells of an agent that is not there.
    """
    try:
        return _read(dict(told), record)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"This is no fact of a run: {told!r:.200}: {error!r}") from error


def _read(told: JSON, record: Record) -> Fact:
    check_shape(told)
    kind = told.pop("type")
    match kind:
        case "started":
            given, is_owed = told["given"], told.pop("owed")
            prepared = told.pop("prepared")
            return Started(
                **told,
                prepared=given if prepared is None else prepared,
                owed=ItemHelpers.input_to_new_input_list(given) if is_owed else [],
            )
        case "answered":
            turn, targets = told["turn"], told["targets"]
            response = ModelResponse(
                output=as_object(told["output"]),
                usage=Usage.model_validate(told["usage"]),
                response_id=told["response_id"],
                request_id=told["request_id"],
            )
            places = None if targets is None else {k: tuple(v) for k, v in targets.items()}
            return Answered(turn, response, places)
        case "called":
            item = item_from_json(told, record.agent)
            return Called(told["call_id"], item, told.get("words"))
        case "handed_over":
            target = _agent_at(told["place"], told["target"], record.starting_agent)
            items = [item_from_json(item, record.agent, target) for item in told["items"]]
            return HandedOver(target, items)
        case "filtered":
            return Filtered(_conversation_from_json(told, record))
        case "checked":
            return Checked(told["index"], _check_from_json(told, record))
        case "tool_checked":
            return ToolChecked(told["call_id"], _tool_check_from_json(told, record))
        case "compacted":
            return Compacted(**{**told, "usage": Usage.model_validate(told["usage"])})
        case "finished":
            is_typed = told["is_typed"]
            output = _typed_output(record) if is_typed else told.get("output")
            said = [item_from_json(item, record.agent) for item in told["said"]]
            return Finished(output, is_typed, said)
        case "asked" if told.get("questions"):
            from ..mcp.objects import MCPElicitation

            for question in told["questions"].values():
                MCPElicitation(**question)  # it is read when it is asked for
            return Asked(**told)
        case _:
            return _PLAIN[kind](**told)


def _output(value: Any) -> JSON:
    """An output as a field; what JSON cannot take, in the words that a model would be told."""
    return _value("output", value) or {"output": output_for_model(value)}


def _value(name: str, value: Any) -> JSON:
    """A value of the user's as a field, left out where JSON cannot take it."""
    try:
        return {name: from_json(to_json(value, fallback=as_python))}
    except (ValueError, TypeError, RecursionError):
        pass
    try:  # half a character, which the standard library writes
        return {name: json.loads(json.dumps(value))}
    except (ValueError, TypeError, RecursionError):
        return {}


# --- items --------------------------------------------------------------------------------------


def item_to_json(item: RunItem) -> JSON:
    """An item as JSON, with the output of the user's where JSON can hold it."""
    raw = as_json(item.raw_item)
    told = {"item": item.type, "raw": raw}
    if isinstance(item, ToolCallOutputItem) and item.output is not raw.get("output"):
        told |= _value("output", item.output)
    return told


def item_from_json(told: JSON, agent: Agent[Any], target: Agent[Any] | None = None) -> RunItem:
    """The item that `item_to_json` told of."""
    check_items([told["raw"]])
    kind, raw = told["item"], ResponsesObject(told["raw"])
    if kind == ToolCallOutputItem.type:
        return ToolCallOutputItem(agent, raw, told.get("output", told["raw"].get("output")))
    if kind == HandoffOutputItem.type and target is not None:
        return HandoffOutputItem(agent, raw, agent, target)
    if kind == MCPApprovalResponseItem.type:
        return MCPApprovalResponseItem(agent, raw)
    if kind == InputItem.type:
        return InputItem(agent, told["raw"])
    return item_class(str(raw.get("type", "message")))(agent, as_object(told["raw"]))


def _conversation_to_json(filtered: HandoffInputData, record: Record) -> JSON:
    """What an input filter left; items of the run are named by their numbers.

    They are told by their raw items, which a copy of the record shares.
    """
    new_items = record.conversation.new_items
    numbers = {id(item.raw_item): number for number, item in enumerate(new_items)}

    def told(items: tuple[RunItem, ...]) -> list[Any]:
        return [
            numbers[id(i.raw_item)] if id(i.raw_item) in numbers else item_to_json(i)
            for i in items
        ]

    return {
        "input_history": filtered.input_history,
        "pre_handoff_items": told(filtered.pre_handoff_items),
        "new_items": told(filtered.sent_items),
    }


def _conversation_from_json(told: JSON, record: Record) -> HandoffInputData:
    known, agent = record.conversation.new_items, record.agent

    def items(each: list[Any]) -> tuple[RunItem, ...]:
        return tuple(
            known[item] if isinstance(item, int) else item_from_json(item, agent) for item in each
        )

    history = told["input_history"]
    return HandoffInputData(
        history if isinstance(history, str) else tuple(history),
        items(told["pre_handoff_items"]),
        items(told["new_items"]),
    )


# --- guardrails ---------------------------------------------------------------------------------


def _check_from_json(told: JSON, record: Record) -> InputGuardrailResult | OutputGuardrailResult:
    name = told["guardrail"]
    output = GuardrailFunctionOutput(told.get("info"), told["triggered"])
    if told["on"] == "input":
        declared = _named(record.starting_agent.input_guardrails, name)
        guardrail = declared or InputGuardrail(_not_here, name)
        return InputGuardrailResult(guardrail, output)
    declared = _named(record.agent.output_guardrails, name)
    guardrail = declared or OutputGuardrail(_not_here, name)
    return OutputGuardrailResult(guardrail, told.get("output"), record.agent, output)


def _tool_check_from_json(
    told: JSON, record: Record
) -> ToolInputGuardrailResult | ToolOutputGuardrailResult:
    name = told["guardrail"]
    place = record.target_of(told["call_id"])
    tool = None if place is None else found_at(place, record.agent)
    behavior: Any = {"type": told["behavior"]}
    if told["message"] is not None:
        behavior["message"] = told["message"]
    verdict = ToolGuardrailFunctionOutput(told.get("info"), behavior)
    if told["on"] == "input":
        declared = _named(getattr(tool, "tool_input_guardrails", None), name)
        return ToolInputGuardrailResult(declared or ToolInputGuardrail(_not_here, name), verdict)
    declared = _named(getattr(tool, "tool_output_guardrails", None), name)
    return ToolOutputGuardrailResult(declared or ToolOutputGuardrail(_not_here, name), verdict)


def _named(guardrails: Any, name: str) -> Any:
    return next((each for each in guardrails or () if each.get_name() == name), None)


def _not_here(*_: Any) -> Any:
    raise UserError("This guardrail stands in a record; it was declared in another process")


def _typed_output(record: Record) -> Any:
    """The final output, parsed again by the agent's output type.

    Raises:
        UserError: It is of another type.
    """
    messages = (i.raw_item for i in reversed(record.conversation.answer_items))
    message = next((raw for raw in messages if raw.get("type") == "message"), None)
    schema = record.agent.output_schema()
    text = ItemHelpers.extract_text(message) or ""
    try:
        return text if schema is None else schema.validate_json(text)
    except ModelBehaviorError as error:
        raise UserError(
            f"Agent {record.agent.name} has another output type than when the run ended: {error}"
        ) from error


# --- agents -------------------------------------------------------------------------------------


def place_of(agent: Agent[Any], start: Agent[Any]) -> Place | None:
    """Where an agent stands among handoffs, read from another one on; None: nowhere."""
    return next((place for each, place in _reachable(start) if each is agent), None)


def _agent_at(place: list[str | int] | None, name: str, start: Agent[Any]) -> Agent[Any]:
    """The agent at a place; of no place, the only one of its name.

    Raises:
        UserError: Another one stands there, or none.
    """
    if place is None:
        named = [each for each, _ in _reachable(start) if each.name == name]
        if len(named) != 1:
            raise UserError(f"Agent {name!r} is not found from agent {start.name!r} on")
        return named[0]
    agent: Any = start
    for what, index in zip(place[::2], place[1::2], strict=True):
        offers = getattr(agent, str(what), ())
        offer = offers[index] if isinstance(index, int) and index < len(offers) else None
        agent = None if offer is None else agent_behind(offer)
        if agent is None:
            break
    if agent is None or agent.name != name:
        path = "".join(f".{part}" if isinstance(part, str) else f"[{part}]" for part in place)
        found = "nothing" if agent is None else f"agent {agent.name!r}"
        raise UserError(
            f"The run handed over to agent {name!r} at {start.name}{path}, where {found} stands"
        )
    return agent  # type: ignore[no-any-return]


def _reachable(start: Agent[Any]) -> Iterator[tuple[Agent[Any], Place]]:
    """Agents that handoffs lead to, the nearest first, each with its place."""
    seen = {id(start)}
    waiting: list[tuple[Agent[Any], Place]] = [(start, ())]
    for agent, place in waiting:
        yield agent, place
        for index, offer in enumerate(agent.handoffs):
            target = agent_behind(offer)
            if target is not None and id(target) not in seen:
                seen.add(id(target))
                waiting.append((target, (*place, "handoffs", index)))
