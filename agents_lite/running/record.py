"""The record of a run: a list of facts, and what follows from them."""

from __future__ import annotations

from bisect import bisect
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from ..concurrency.forks import new_lock
from ..items import HandoffCallItem, InputItem, ModelResponse, RunItem, ToolCallItem
from ..usage import Usage
from .conversation import Conversation
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
from .turn.plan import items_of, ranks_of

if TYPE_CHECKING:
    from ..agent import Agent
    from ..guardrail import InputGuardrailResult, OutputGuardrailResult
    from ..items import TResponseInputItem
    from ..tool_guardrails import ToolInputGuardrailResult, ToolOutputGuardrailResult


@dataclass(slots=True, eq=False, repr=False)
class CallRecord:
    """What is known of a call of the turn at hand."""

    is_begun: bool = False
    """Whether it was begun; without an output its end is unknown."""
    asked: Asked | None = None
    """The question that a person has not answered yet, or None."""
    decision: Decided | None = None
    """The answer to it, or None."""
    output: RunItem | None = None
    """Its output, or None."""
    input: Asked | None = None
    """What it has asked at last in its middle, or None."""
    answers: dict[str, Any] | None = None
    """The answers to that, by the names of the questions."""
    checks: list[Any] = field(default_factory=list)
    """Verdicts of the tool's guardrails since it was begun."""

    @property
    def open_questions(self) -> list[str]:
        """Names of the questions of the call that nobody has answered."""
        if self.input is None or self.asked is not self.input or self.decision is not None:
            return []
        return [name for name in self.input.questions or () if name not in (self.answers or ())]


_NONE: frozenset[Any] = frozenset()
"""One for all records that have none of something, as most have."""
_UNKNOWN = CallRecord()
"""What is known of all calls that were not begun; not to be changed."""


class FactWriter(Protocol):
    """Writes facts down as they come, those of runs inside included."""

    one_call_at_a_time: bool
    """Whether calls are to be made one after the other, on the thread that drives the run."""

    def note(self, fact: Fact, record: Record) -> None:
        """Take a new fact of a record; of each record they come in order."""

    def settle(self, fact: Fact, record: Record) -> None:
        """Return once all is written that has to be before the run goes on from this fact."""

    def take_back(self) -> None:
        """Undo what the call that is being made has written to where the facts are written."""


class Record:
    """All that a run has done: it changes by `add` alone, until it ends. It calls no code of users.

    Args:
        agent: The agent that begins.
        facts: What the run has done so far.
        around: The record of the run that this one is a part of: its usage counts there too.
    """

    # Without them it would have a dict of its own of 1.5 KB: more than 30 names share none.
    __slots__ = (
        "starting_agent", "agent", "facts", "inside", "around", "writer", "run_id", "trace_id",
        "max_turns", "omits_ids", "conversation", "turn", "awaited", "answer", "calls", "handover",
        "filtered", "told", "raw_responses", "usage", "usage_by_agent", "tool_calls",
        "input_guardrail_results", "output_guardrail_results", "tool_input_guardrail_results",
        "tool_output_guardrail_results", "output_retries", "final_output", "is_started",
        "is_finished", "agent_is_new", "agent_input", "_checked", "_tripped", "_verdict_ranks",
        "_ranks", "_tool_users", "_decided_for_all", "_added", "_failure", "_lock",
    )  # fmt: skip

    def __init__(
        self, agent: Agent[Any], facts: Iterable[Fact] = (), around: Record | None = None
    ) -> None:
        self.starting_agent = agent
        self.agent = agent
        """The agent at work."""
        self.facts: list[Fact] = []
        """What the run has done, in order."""
        self.inside: dict[tuple[int, str], Record] = {}
        """Runs inside this one, by the turn and the id of the call that they answer."""
        self.around = around
        """The record of the run around this one, or None."""
        self.writer: FactWriter | None = None if around is None else around.writer
        """Writes new facts down, or None."""
        self.run_id = ""
        self.trace_id: str | None = None
        self.max_turns: int | None = None
        """Most turns, or None for no limit."""
        self.omits_ids = False
        """Whether reasoning goes without its ids."""
        self.conversation = Conversation()
        """What was said."""
        self.turn = 0
        """The latest turn that has an answer, 0 before; a turn is a model call and what follows."""
        self.awaited: str | None = None
        """The response that the server goes on with by itself, to be collected; or None."""
        self.answer: Answered | None = None
        """The model's answer of the turn at hand, or None as long as there is none."""
        self.calls: dict[str, CallRecord] = {}
        """The calls of the turn at hand, by their ids."""
        self.handover: HandedOver | None = None
        """The handoff of the turn at hand, or None."""
        self.filtered: Filtered | None = None
        """What its input filter made of the conversation, or None."""
        self.told: frozenset[str] = _NONE
        """What the hooks were told of since the last turn ended."""
        self.raw_responses: list[ModelResponse] = []
        """All answers of the model."""
        self.usage = Usage()
        """Requests and tokens, those of runs inside included."""
        self.usage_by_agent: dict[str, Usage] = {}
        """The same, split by the agent's name."""
        self.tool_calls = 0
        """Local calls begun, those of runs inside included."""
        self.input_guardrail_results: list[InputGuardrailResult] = []
        self.output_guardrail_results: list[OutputGuardrailResult] = []
        self.tool_input_guardrail_results: list[ToolInputGuardrailResult] = []
        self.tool_output_guardrail_results: list[ToolOutputGuardrailResult] = []
        self.output_retries = 0
        """How often the model was asked for its final output again."""
        self.final_output: Any = None
        """The final output, once there is one."""
        self.is_started = False
        self.is_finished = False
        """Whether there is a final output."""
        self.agent_is_new = True
        """Whether the agent at work has not answered yet since it took over."""
        self.agent_input: list[TResponseInputItem] = []
        """What the agent at work was given when it took over, once it has answered."""
        self._checked: frozenset[tuple[str, int]] = _NONE
        self._tripped: frozenset[tuple[str, int]] = _NONE
        self._verdict_ranks: defaultdict[str, list[int]] = defaultdict(list)
        self._ranks: dict[str, int] | None = None  # made when there is something to be ranked
        self._tool_users: tuple[int, ...] = ()
        self._decided_for_all: dict[tuple[int, Place], Decided] = {}
        self._added: tuple[Added, ...] = ()
        self._failure: Failed | None = None
        self._lock = new_lock()
        for fact in facts:
            self.add(fact)

    def __getstate__(self) -> dict[str, Any]:
        """All but the lock and the writer, for another process."""
        kept = {name: getattr(self, name) for name in Record.__slots__ if name != "_lock"}
        return {**kept, "writer": None}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        for name, value in kept.items():
            setattr(self, name, value)
        self._lock = new_lock()

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to be done."""
        return self.is_finished and self.answer is None

    @property
    def has_more_input(self) -> bool:
        """Whether something was said that the model is told when the turn at hand has ended.

        An answer that is awaited is of the turn at hand, too: it was asked for before.
        """
        return bool(self._added)

    def add(self, fact: Fact) -> None:
        """Take a fact into the record; safe from any thread."""
        with self._lock:
            self.facts.append(fact)
            self._follow(fact)
            if self.writer is not None:
                self.writer.note(fact, self)
        if self.writer is not None:
            self.writer.settle(fact, self)

    def forget(self, facts: list[Fact]) -> None:
        """Leave facts that were undone as the run ended out of what others are told of it."""
        with self._lock:
            self.facts = [fact for fact in self.facts if all(fact is not each for each in facts)]

    @property
    def address(self) -> tuple[tuple[int, str], ...]:
        """Turn and call id of the calls that lead to this run, outermost first; () for none."""
        around = self.around
        if around is None:
            return ()
        inside = list(around.inside.items())
        return (*around.address, next(place for place, record in inside if record is self))

    def write_to(self, writer: FactWriter) -> None:
        """Have the facts to come written down, those of runs inside included."""
        self.writer = writer
        for inner in self.inside.values():
            inner.write_to(writer)

    def inner(self, call_id: str, agent: Agent[Any], turn: int | None = None) -> Record:
        """The record of the run inside that call of a turn; a new one at first. None: this turn."""
        key = (self.turn if turn is None else turn, call_id)
        record = self.inside.get(key)
        if record is None:
            record = self.inside[key] = Record(agent, around=self)
        return record

    def call(self, call_id: str) -> CallRecord:
        """What is known of a call of the turn at hand."""
        return self.calls.get(call_id, _UNKNOWN)

    def is_checked(self, decorator: str, position: int) -> bool:
        """Whether a guardrail that this decorator made, at that place, let the run pass."""
        return (decorator, position) in self._checked

    def has_inner(self, call_id: str) -> bool:
        """Whether there is a run inside that call of the turn at hand."""
        return (self.turn, call_id) in self.inside

    def call_key(self, call_id: str) -> str:
        """A name for a call of the turn at hand, the same whenever the run is taken up."""
        places = (*self.address, (self.turn, call_id))
        named = (f"{turn}/{each}" for turn, each in places)
        return "/".join([self._outermost().run_id, *named])

    def target_of(self, call_id: str) -> Place | None:
        """Where the tool or handoff stands that a call of the turn at hand means, or None."""
        targets = (self.answer and self.answer.targets) or {}
        return targets.get(call_id)

    def decision_for_all(self, call_id: str) -> Decided | None:
        """What was decided for all calls of the tool that this call means, or None."""
        place = self.target_of(call_id)
        decided = self._outermost()._decided_for_all
        return None if place is None else decided.get((id(self.agent), place))

    def has_used_tool(self, agent: Agent[Any]) -> bool:
        """Whether that agent has called a tool, or handed over, in an earlier turn."""
        return id(agent) in self._tool_users

    def _follow(self, fact: Fact) -> None:
        """Bring what follows from the facts up to date."""
        match fact:
            case Answered():
                self._take_answer(fact)
            case Begun():
                before = self.calls.get(fact.call_id)
                begun = self.calls[fact.call_id] = CallRecord(is_begun=True)  # decisions are used
                if before is None or not before.is_begun:
                    self._count_call()
                if before is not None:
                    self._begin_again(begun, before)
            case Called():
                self._take_output(fact)
            case TurnEnded():
                self._end_turn()
            case Checked():
                self._take_verdict(fact)
            case HandedOver():
                self.conversation.new_items += fact.items
                self.handover = fact
            case Filtered():
                self.filtered = fact
            case Finished():
                self.final_output = fact.output
                self.is_finished = True
                self.conversation.new_items += fact.said
            case Saved():
                self.conversation.take_saved()
            case ToolChecked():
                self._take_check(fact)
            case Told():
                self.told |= {fact.what}
            case Asked():
                known = self._known(fact.call_id)
                known.asked = fact
                if fact.reason == "input":
                    known.input, known.answers = fact, {}
            case Decided():
                self._take_decision(fact)
            case Added():
                self._added += (fact,)
                self.output_retries += fact.is_retry
                if self.is_started and self.answer is None and self.awaited is None:
                    self._take_added()
            case Compacted():
                self._count_usage(self.agent.name, fact.usage)
                self.conversation.compact(fact)
            case Failed():
                self._failure = fact
            case Awaited():
                self.awaited = fact.response_id
                if self.awaited is None and self.answer is None:
                    self._take_added()
            case TakenUp():
                self._take_up(fact)
            case Started():
                self.is_started = True
                self.run_id, self.trace_id = fact.run_id, fact.trace_id
                self.max_turns = fact.max_turns
                self.omits_ids = fact.reasoning_item_id_policy == "omit"
                self.conversation.open(fact)
                self._take_added()

    def _take_answer(self, fact: Answered) -> None:
        self.awaited = None
        self.raw_responses.append(fact.response)
        self._count_usage(self.agent.name, fact.response.usage)
        if fact.targets is None:
            self._take_added()
            return
        self.turn = fact.turn
        self.answer = fact
        if self.agent_is_new:
            self.agent_is_new = False
            self.agent_input = list(self.conversation.next_input)
        self.calls = {}
        self._ranks = None
        self.conversation.take_answer(items_of(fact, self.agent), fact.response.response_id)

    def _begin_again(self, call: CallRecord, before: CallRecord) -> None:
        """Take over what is known of a call that has asked something; any other is checked anew."""
        if before.input is not None:
            call.input, call.answers, call.checks = before.input, before.answers, before.checks
        elif before.checks:
            gone = set(map(id, before.checks))
            inputs, outputs = self.tool_input_guardrail_results, self.tool_output_guardrail_results
            self.tool_input_guardrail_results = [each for each in inputs if id(each) not in gone]
            self.tool_output_guardrail_results = [each for each in outputs if id(each) not in gone]

    def _take_check(self, fact: ToolChecked) -> None:
        from ..tool_guardrails import ToolInputGuardrailResult

        self._known(fact.call_id).checks.append(fact.result)
        if isinstance(fact.result, ToolInputGuardrailResult):
            self.tool_input_guardrail_results.append(fact.result)
        else:
            self.tool_output_guardrail_results.append(fact.result)

    def _take_output(self, fact: Called) -> None:
        self._known(fact.call_id).output = fact.item
        if self._ranks is None:
            self._ranks = {} if self.answer is None else ranks_of(self.answer)
        self.conversation.take_output(fact.item, self._ranks.get(fact.call_id, len(self._ranks)))
        if fact.words is not None:
            self._added += (Added([{"role": "user", "content": fact.words}]),)

    def _take_verdict(self, fact: Checked) -> None:
        result = fact.result
        kind = result.guardrail.decorator
        results: list[Any] = self.output_guardrail_results
        if kind == "input_guardrail":
            results = self.input_guardrail_results
        place = bisect(self._verdict_ranks[kind], fact.position)
        if (kind, fact.position) in self._tripped:  # by the same, before the run was taken up
            results[place - 1] = result
        else:
            self._verdict_ranks[kind].insert(place, fact.position)
            results.insert(place, result)
        if result.output.tripwire_triggered:
            self._tripped |= {(kind, fact.position)}
        else:
            self._checked |= {(kind, fact.position)}

    def _take_decision(self, fact: Decided) -> None:
        known = self._known(fact.call_id)
        if fact.verdict == "input" and known.answers is not None:
            known.answers[fact.question] = fact.output
            return
        known.decision = fact
        place = self.target_of(fact.call_id)
        if fact.always and place is not None:
            self._outermost()._decided_for_all[id(self.agent), place] = fact

    def _leave_answer(self) -> None:
        """Leave the answer of the turn at hand, its calls, and the verdicts on what it said."""
        self.answer = self.handover = self.filtered = None
        self.calls = {}
        inputs = (each for each in self._checked if each[0] == "input_guardrail")
        self._checked, self._tripped = frozenset(inputs) or _NONE, _NONE

    def _end_turn(self) -> None:
        conversation, handover, filtered = self.conversation, self.handover, self.filtered
        is_first = not self.has_used_tool(self.agent)
        calls = ToolCallItem | HandoffCallItem
        if is_first and any(isinstance(item, calls) for item in conversation.turn_items):
            self._tool_users += (id(self.agent),)
        conversation.end_turn()
        self._leave_answer()
        self.told = _NONE
        if handover is not None:
            self.agent = handover.target
            self.agent_is_new = True
            if filtered is not None:
                conversation.show_instead(filtered.conversation)
        self._take_added()

    def _take_added(self) -> None:
        for added in self._added:
            self.conversation.take_added([InputItem(self.agent, item) for item in added.items])
        self._added = ()

    def _take_up(self, fact: TakenUp) -> None:
        self.max_turns = fact.max_turns
        if fact.reasoning_item_id_policy is not None:
            self.omits_ids = fact.reasoning_item_id_policy == "omit"
        self.conversation.may_be_saved = True
        failure, self._failure = self._failure, None
        if failure is not None and failure.discards_answer and self.answer is not None:
            self.turn -= 1
            self._leave_answer()
            self.told &= {"agent_started"}
            self.conversation.drop_turn()
            self._take_added()
        if fact.server_ids is not None:
            is_in_turn = self.answer is not None or self.awaited is not None
            self.conversation.follow(*fact.server_ids, is_in_turn=is_in_turn)

    def _outermost(self) -> Record:
        record = self
        while record.around is not None:
            record = record.around
        return record

    def _known(self, call_id: str) -> CallRecord:
        known = self.calls.get(call_id)
        if known is None:
            known = self.calls[call_id] = CallRecord()
        return known

    def _count_usage(self, agent_name: str, usage: Usage) -> None:
        self.usage.add(usage)
        by_agent = self.usage_by_agent
        if agent_name not in by_agent:
            by_agent[agent_name] = Usage()
        by_agent[agent_name].add(usage)
        if self.around is not None:
            with self.around._lock:
                self.around._count_usage(agent_name, usage)

    def _count_call(self) -> None:
        self.tool_calls += 1
        if self.around is not None:
            with self.around._lock:
                self.around._count_call()
