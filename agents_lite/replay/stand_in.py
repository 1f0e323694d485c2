"""What stands for models and tools while a recorded run is played again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ..cassettes.model import recorded_events
from ..cassettes.questions import plain, question_of, without_secrets
from ..concurrency.forks import new_lock
from ..exceptions import ReplayMiss, UserError
from ..guardrail import GuardrailFunctionOutput, InputGuardrail
from ..items import ToolCallOutputItem
from ..models.answer import ModelEvents
from ..models.interface import Model, ModelRequest
from ..models.openai_provider import choose_model
from ..response_types import ResponsesObject, ResponseStreamEvent, as_stream_event
from ..running.facts import Added, Asked, Awaited, Compacted, Decided, ToolChecked
from ..running.live_run import RunPaused
from ..running.stand_ins import StandIn
from .recorded import (
    JSON,
    UNKNOWN,
    RecordedCall,
    RecordedCheck,
    RecordedRun,
    RecordedTurn,
    When,
    asked_model,
    same_words,
)

if TYPE_CHECKING:
    from ..agent import Agent
    from ..items import ToolApprovalItem
    from ..running.live_run import LiveRun
    from ..running.run_state import RunState
    from ..running.turn.tool_call import ToolCall
    from ..tool import FunctionTool

Side = Literal["recorded", "live"]
OnMissing = Literal["raise", "live", "ask"]
Address = tuple[tuple[int, str], ...]

REQUEST = "replay.request"
"""Type of the event that tells of a request before it is sent, where that is asked for."""


@dataclass
class Sides:
    """Where answers come from."""

    model: Side = "recorded"
    tools: Side = "recorded"
    on_missing: OnMissing = "raise"
    tells_requests: bool = False
    """Whether each request is told of, by an event of the type `REQUEST`, before it is sent."""


class Replayer(StandIn):
    """Stands in for the models, tools and guardrails of a run, and of the runs inside it.

    Attributes:
        asked: What models were asked: {(address of the run, turn): request}.
        miss: The first thing asked for that the record does not hold, or None.
    """

    def __init__(self, recorded: RecordedRun, sides: Sides) -> None:
        self.asked: dict[tuple[Address, int], Asking] = {}
        self.miss: ReplayMiss | None = None
        self._recorded = recorded
        self._sides = sides
        self._runs: dict[Address, RecordedRun] = {(): recorded}
        self._main: LiveRun | None = None
        self._others = list(_others_of(recorded))
        self._checks_left = list(_checks_of(recorded))
        self._used: set[int] = set()
        self._lock = new_lock()

    def lead(self, run: LiveRun) -> None:
        """Take a run as the one that is played; others are runs that its functions begin."""
        self._main = run

    # --- models --------------------------------------------------------------------------------

    def model_for(self, run: LiveRun) -> Model:
        """The recorded model of the next call, or the real one."""
        recorded = self._turn_of(run) if self._sides.model == "recorded" else None
        is_main = run is self._main
        if is_main and any(each[:2] == (run.turn, "behind") for each in self._recorded.added):
            run.pause("after_turn")
        if recorded is None and self._sides.model == "recorded":
            self._miss_answer(run, is_main)
        return ReplayModel(run, recorded, self)

    def noted(self, run: LiveRun, asking: Asking) -> None:
        """Note what a model is asked."""
        if self._is_ours(run):
            self.asked[run.record.address, run.turn] = asking

    @property
    def tells_requests(self) -> bool:
        """Whether requests are told of before they are sent."""
        return self._sides.tells_requests

    def _turn_of(self, run: LiveRun) -> RecordedTurn | None:
        if self._is_ours(run):
            known = self._runs.get(run.record.address)
            return None if known is None else known.turns.get(run.turn)
        with self._lock:  # a run that some function has begun by itself
            sent = run.record.conversation.next_input
            fitting = [turn for turn in self._others if turn.agent == run.agent.name]
            fitting.sort(key=lambda turn: not _is_same(turn.sent, sent))
            if fitting:
                self._others.remove(fitting[0])
            return fitting[0] if fitting else None

    def _miss_answer(self, run: LiveRun, is_main: bool) -> None:
        known = self._runs.get(run.record.address) if self._is_ours(run) else None
        is_next = known is not None and run.turn == len(known.turns) + 1
        what = f"an answer of agent {run.agent.name} in turn {run.turn}"
        if known is not None and known.failure is not None and is_next:
            what = f"{what}, where the recorded run failed: {known.failure}"
        if self._missing(what) and is_main:
            raise RunPaused("after_turn")
        if self._sides.on_missing == "ask":
            _outermost(run).pause("timeout")  # the call that this is inside of is not finished
            raise RunPaused("timeout")

    def known_compactions(self, run: LiveRun) -> list[Compacted] | None:
        """The recorded steps that this run has not made yet; None: the model is not a recorded one.
        """
        if self._sides.model == "live":
            return None
        known = self._runs.get(run.record.address) if self._is_ours(run) else None
        made = sum(isinstance(fact, Compacted) for fact in run.record.facts)
        steps = [] if known is None else known.compacted
        return [step for turn, step in steps if turn <= run.turn][made:]

    # --- tools ---------------------------------------------------------------------------------

    def server_tools(
        self, agent: Agent[Any], listed: Callable[[], list[FunctionTool]]
    ) -> list[FunctionTool]:
        """The tools of an agent's MCP servers: those that were called; or all, from the servers."""
        if self._sides.tools == "live" or (
            self._sides.model == "live" and self._sides.on_missing == "live"
        ):
            return listed()
        if self._sides.model == "live":
            self._missing(f"what agent {agent.name}'s MCP servers offer")
        from ..mcp.agent_tools import as_function_tool

        tools: list[FunctionTool] = []
        for run in _all_runs(self._recorded):
            for _, index, own_name, name in sorted(run.places.get(agent.name, ()), key=str):
                names = [server.name for server in agent.mcp_servers]
                at = names.index(index) if index in names else index
                if not isinstance(at, int) or at >= len(names):
                    raise UserError(f"Agent {agent.name} has no MCP server {index!r} any more")
                server = agent.mcp_servers[at]
                tool = as_function_tool(server.known_tool(str(own_name)), server, str(name))
                tool.place = ("mcp_servers", at, own_name, name)
                if all(each.name != tool.name for each in tools):
                    tools.append(tool)
        return tools

    def known_output(self, call: ToolCall) -> ToolCallOutputItem | None:
        """The recorded output of a call; None: it is to be made.

        Raises:
            ReplayMiss: There is none, and it must not be made.
            UserError: The recorded call ended its run.
        """
        known = self._call_of(call)
        is_agent = call.tool.agent is not None
        if is_agent and known is not None and known.inside is not None:
            self._runs[(*call.run.record.address, (call.run.turn, call.raw.call_id))] = known.inside
        if self._sides.tools == "live" or (is_agent and (known is None or known.inside)):
            return None
        if known is not None and known.raised is not None:
            raise UserError(known.raised)
        if known is None or known.item is None:
            if self._missing(f"the output of {call.tool.name}({call.context.tool_arguments})"):
                call.run.record.add(Asked(call.raw.call_id, "unknown_end"))
                raise RunPaused("approval")
            return None
        for check in known.checks:
            call.run.record.add(ToolChecked(call.raw.call_id, check))
        item = {**known.item, "call_id": call.raw.call_id}
        value = known.output if known.value is UNKNOWN else known.value
        return ToolCallOutputItem(call.run.agent, ResponsesObject(item), value)

    def decide(self, state: RunState) -> bool:
        """Decide as a person did then. Returns whether the run can go on."""
        decided = False
        for item in state.get_interruptions():
            known = self._decision_on(item)
            if known is not None:
                decided = True
                _apply(known, item, state)
        return decided

    def add_input(self, state: RunState, turn: int, in_turn: bool) -> bool:
        """Say what the caller said then, behind a turn or in it. Returns whether that was any."""
        said = self._take_added(turn, "within" if in_turn else "behind")
        for items in said:
            state.add_input(items)
        return bool(said)

    def add_awaited(self, run: LiveRun, response_id: str) -> None:
        """Say what the caller said then while the answer that comes now was awaited."""
        for items in self._take_added(run.turn, "awaited") if run is self._main else ():
            run.record.add(Awaited(response_id))
            run.record.add(Added(items))

    def _take_added(self, turn: int, when: When) -> list[list[JSON]]:
        fitting = [each for each in self._recorded.added if each[:2] == (turn, when)]
        self._recorded.added = [each for each in self._recorded.added if each not in fitting]
        return [items for _, _, items in fitting]

    def _decision_on(self, item: ToolApprovalItem) -> Decided | None:
        known = self._runs.get(tuple(item.inside))
        if known is None or item.reason != "approval":
            return None
        for turn in known.turns.values():
            call = turn.calls.get(item.call_id) or _alike(
                turn, _name_of(item.raw_item), item.arguments
            )
            if call is not None and call.decided is not None:
                return call.decided
        return None

    def _call_of(self, call: ToolCall) -> RecordedCall | None:
        run, name = call.run, _name_of(call.raw)
        arguments = call.context.tool_arguments
        is_ours = self._is_ours(run)
        known = self._runs.get(run.record.address) if is_ours else None
        if self._sides.model == "recorded" and is_ours:
            turn = None if known is None else known.turns.get(run.turn)
            return None if turn is None else turn.calls.get(call.raw.call_id)
        turns = list(known.turns.values()) if known is not None else []
        if not is_ours:
            turns = list(_others_of(self._recorded))
        with self._lock:
            for turn in turns:
                found = _alike(turn, name, arguments, self._used)
                if found is not None:
                    self._used.add(id(found))
                    return found
        return None

    # --- guardrails ----------------------------------------------------------------------------

    def verdict(
        self,
        run: LiveRun,
        guardrail: Any,
        checked: Any,
        ask: Callable[[], GuardrailFunctionOutput],
    ) -> GuardrailFunctionOutput:
        """The recorded verdict where tools are recorded, and the same is looked at; or a new one.

        Guardrails ask models and services of their own, as tools do.
        """
        known = self._runs.get(run.record.address) if self._is_ours(run) else None
        if known is None or self._sides.tools == "live":
            return ask()
        is_input = isinstance(guardrail, InputGuardrail)
        with self._lock:
            for check in self._checks_left:
                is_same = check.guardrail == guardrail.get_name() and (
                    check.is_input in (is_input, None) and check in known.checks
                )
                if is_same and (is_input or self._is_same_output(check.output, checked)):
                    self._checks_left.remove(check)
                    return check.verdict
        return ask()

    def _is_same_output(self, recorded: Any, now: Any) -> bool:
        if recorded is UNKNOWN:
            return self._sides.model == "recorded"
        return _is_same(recorded, plain(now))

    # -------------------------------------------------------------------------------------------

    def _is_ours(self, run: LiveRun) -> bool:
        return _outermost(run) is self._main

    def _missing(self, what: str) -> bool:
        """Whether to stop and ask, for want of something; else it is to be had live.

        Raises:
            ReplayMiss: It must not be.
        """
        if self._sides.on_missing != "raise":
            return self._sides.on_missing == "ask"
        miss = ReplayMiss(f"The recorded run does not hold {what}")
        with self._lock:
            self.miss = self.miss or miss
        raise miss


@dataclass
class Asking:
    """What a model is asked."""

    model: str | None
    """Its name; None: the answer is recorded."""
    request: ModelRequest
    real: Model | None
    """The model that is asked; None: the answer is recorded."""

    def told(self, model: str | None) -> JSON:
        """The request as JSON, as it is sent if that is known; without keys."""
        body = getattr(self.real, "request_body", None)
        if body is None:
            return question_of(self.request, self.model or model or "")
        told: JSON = without_secrets(body(self.request))
        return told


class ReplayModel(Model):
    """Stands for the model of one call.

    Attributes:
        model: The model's name, or None where it is not known.
    """

    tries_again = True

    def __init__(self, run: LiveRun, recorded: RecordedTurn | None, replayer: Replayer) -> None:
        self._run = run
        self._recorded = recorded
        self._replayer = replayer
        self._real: Model | None = None
        self._hostname: str | None
        if recorded is None:
            self._real = choose_model(run.agent, run.config)
            self.model = getattr(self._real, "model", None)
            self._hostname = self._real.hostname
        else:
            self.model = asked_model(recorded.usage)
            entries = recorded.usage.request_usage_entries
            self._hostname = entries[0].hostname if entries else None

    @property
    def hostname(self) -> str | None:
        """The server that was, or is, asked; None: not known."""
        return self._hostname

    def stream(self, request: ModelRequest) -> Iterator[ResponseStreamEvent]:
        """The recorded answer, or that of the real model."""
        name = None if self._recorded else self.model
        self._replayer.noted(self._run, Asking(name, request, self._real))
        if self._replayer.tells_requests:
            yield as_stream_event({"type": REQUEST})
        if self._recorded is not None:
            response = response_of(self._recorded)
            self._replayer.add_awaited(self._run, response["id"])
            answer = {"response": response}
            yield from map(as_stream_event, recorded_events(answer, request.stream))
        if self._real is not None:
            with ModelEvents(self._real, request, self._run.callbacks) as events:
                yield from events


def response_of(turn: RecordedTurn) -> JSON:
    """A recorded answer as its server gave it, as far as that is known."""
    counts = turn.usage.model_dump(exclude={"requests", "request_usage_entries"})
    known: JSON = {}
    for entry in turn.usage.request_usage_entries[:1]:
        known = {"model": entry.model, "service_tier": entry.service_tier}
        counts["cost"] = entry.reported_cost
    return {
        "id": turn.response_id or f"resp_recorded_{turn.number}",
        "status": "completed",
        "output": turn.output,
        "usage": counts,
        **known,
    }


def _apply(decided: Decided, item: ToolApprovalItem, state: RunState) -> None:
    place = item.inside, item.call_id
    if all((each.inside, each.call_id) != place for each in state.get_interruptions()):
        return  # a decision for all calls of the tool has reached it
    if decided.verdict == "approve":
        state.approve(item, decided.always)
    elif decided.verdict == "reject":
        state.reject(item, decided.always, rejection_message=decided.message)
    else:
        state.provide_output(item, decided.output)


def _alike(
    turn: RecordedTurn, name: str, arguments: str, but: set[int] | None = None
) -> RecordedCall | None:
    """A call of a turn with that name and those arguments, or None."""
    for call in turn.calls.values():
        if call.name == name and id(call) not in (but or ()):
            if same_words(call.arguments, arguments):
                return call
    return None


def _name_of(raw: Any) -> str:
    """What a call is known by in a record."""
    return str(raw.get("name") or raw.type)


def _is_same(one: Any, other: Any) -> bool:
    return json.dumps(one, default=str) == json.dumps(other, default=str)


def _outermost(run: LiveRun) -> LiveRun:
    while run.around is not None:
        run = run.around
    return run


def _all_runs(run: RecordedRun) -> Iterator[RecordedRun]:
    yield run
    for turn in run.turns.values():
        for call in turn.calls.values():
            if call.inside is not None:
                yield from _all_runs(call.inside)


def _others_of(run: RecordedRun) -> Iterator[RecordedTurn]:
    for each in _all_runs(run):
        yield from each.others


def _checks_of(run: RecordedRun) -> Iterator[RecordedCheck]:
    for each in _all_runs(run):
        yield from each.checks
