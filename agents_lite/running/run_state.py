"""A run as a value: kept as text, decided about, and taken up again."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from types import NoneType
from typing import TYPE_CHECKING, Any, Generic

from pydantic_core import to_jsonable_python

from ..checks import check_kind, check_takes, forgetful
from ..concurrency.calling import Callbacks, Ready
from ..concurrency.cancellation import Cancellation
from ..exceptions import UserError
from ..handoffs import TAgent
from ..items import ItemHelpers, ToolApprovalItem, as_input_items
from ..response_types import json_text, read_json
from ..run_context import TContext
from ..shown import in_few_words, repr_of
from .fact_json import fact_from_json, fact_to_json
from .facts import (
    Added,
    Answered,
    Awaited,
    Decided,
    Fact,
    Failed,
    HandedOver,
    Place,
    Saved,
    Started,
    TurnEnded,
)
from .record import Record
from .turn.approval import decision_of, interruptions
from .turn.plan import found_at, make_plan

if TYPE_CHECKING:
    from ..agent import Agent
    from ..items import TResponseInputItem
    from .live_run import LiveRun
    from .start import RunOptions

__all__ = ["RunState"]

FORMAT = 1
"""Version of the JSON form."""
_SIGNED = "hmac-sha256:"  # of one line, as HTML forms write the ends of lines anew
_NOT_GIVEN: Any = object()
_FINISHED = (
    "This run is finished. Its result is there; to go on talking, begin a run with "
    "result.to_input_list() and what is new, or take state.fork(turn=...)"
)


class RunState(Ready, Generic[TContext, TAgent]):
    """What a run has done: all that it takes to go on with it, here or elsewhere.

    It is given to `Runner.run_sync` and its like where they take an input. Running a state does not
    change it; deciding about its calls does.
    """

    def __init__(self, record: Record, context: Any, options: RunOptions[Any]) -> None:
        """Take a record that is this state's own, and what the run was given in this process."""
        self._record = record
        self._options = options
        self.context = context
        """The user's context object, or None."""

    @classmethod
    def of(cls, run: LiveRun) -> RunState[TContext, TAgent]:
        """The state of a run, as it is now."""
        return cls(_copy(run.record), run.context.context, run.options)

    def __getstate__(self) -> dict[str, Any]:
        """All but the run's options, which are objects of this process."""
        return {**vars(self), "_options": {"context": self.context}}

    def __repr__(self) -> str:
        record = self._record
        return (
            f"<RunState of {record.agent.name}: turn {record.turn}, "
            f"waiting calls: {len(self.get_interruptions())}, finished: {record.is_finished}>"
        )

    # --- deciding --------------------------------------------------------------------------------

    def get_interruptions(self) -> list[ToolApprovalItem]:
        """The calls that wait for a person, those of agents as tools included."""
        return list(interruptions(self._record))

    def get_unsaved_items(self) -> list[TResponseInputItem]:
        """What the run's session does not have yet, to be shown behind what it has.

        The turn at hand, with the calls that wait, and before its first turn the caller's input.
        """
        return self._record.conversation.unsaved_items

    def approve(self, approval_item: ToolApprovalItem, always_approve: bool = False) -> None:
        """Let a call be made, once the state is run.

        Args:
            approval_item: The call.
            always_approve: All calls of this tool, for the rest of the run.

        Raises:
            UserError: There is no such call, or it was decided about already.
        """
        _check_item(approval_item)
        check_kind(always_approve, bool, "always_approve", "True or False")
        self._decide(approval_item, Decided(approval_item.call_id, "approve", always_approve))

    def reject(
        self,
        approval_item: ToolApprovalItem,
        always_reject: bool = False,
        *,
        rejection_message: str | None = None,
    ) -> None:
        """Have the model told that a call was not approved, or decline to answer a server.

        Args:
            approval_item: The call.
            always_reject: All calls of this tool, for the rest of the run.
            rejection_message: What the model is told; None: what `RunConfig.tool_error_formatter`
                says, or the usual words.

        Raises:
            UserError: There is no such call, or it was decided about already.
        """
        _check_item(approval_item)
        wanted = "True or False (rejection_message= says why)"
        check_kind(always_reject, bool, "always_reject", wanted)
        check_kind(rejection_message, (str, NoneType), "rejection_message", "a text or None")
        call_id = approval_item.call_id
        decided = Decided(call_id, "reject", always_reject, rejection_message)
        if approval_item.reason == "input":
            declined = {"action": "decline"}
            name = approval_item.question_name
            decided = Decided(call_id, "input", output=declined, question=name)
        self._decide(approval_item, decided)

    def provide_output(self, approval_item: ToolApprovalItem, output: Any) -> None:
        """Take a call as made elsewhere, with this output.

        Raises:
            UserError: There is no such call, it was decided about already, or a server makes it.
        """
        _check_item(approval_item)
        if approval_item.raw_item.type == "mcp_approval_request":
            raise UserError("The MCP server makes this call itself: approve or reject it")
        self._decide(approval_item, Decided(approval_item.call_id, "output", output=output))

    def provide_input(
        self, approval_item: ToolApprovalItem, content: Mapping[str, Any] | None = None
    ) -> None:
        """Answer what an MCP server asks in the middle of a call; `reject` declines to.

        Args:
            approval_item: The call; its `question` says what is asked.
            content: The fields of the form; None where a page was visited.

        Raises:
            UserError: There is no such question, it was answered already, or the answer does not
                fit it.
        """
        _check_item(approval_item)
        if approval_item.question is None:
            raise UserError(f"The call {approval_item.call_id} asks for no input")
        from ..mcp.forms import accepted

        answer = accepted(approval_item.question, content)
        name = approval_item.question_name
        decided = Decided(approval_item.call_id, "input", output=answer, question=name)
        self._decide(approval_item, decided)

    def add_input(self, input: str | list[TResponseInputItem]) -> None:
        """Say something more, behind all that was said, outputs still to come included.

        The model answers it: what it has said before that is not the final output.

        Raises:
            UserError: The run is finished.
        """
        if not isinstance(input, str | list):
            raise UserError(
                f"The input must be a string or a list of input items, got {repr_of(input)}"
            )
        if self._record.is_finished:
            raise UserError(_FINISHED)
        self._record.add(Added(ItemHelpers.input_to_new_input_list(input)))

    def fork(self, turn: int) -> RunState[TContext, TAgent]:
        """An earlier moment of the same run, as a state of its own.

        Args:
            turn: The turn that has just ended there; 0: before the first model call.

        Raises:
            UserError: The run has not come so far.
        """
        facts = _up_to_turn(self._record.facts, turn)
        if facts is None:
            raise UserError(f"The run has not ended turn {turn}; it is in turn {self._record.turn}")
        if any(isinstance(fact, Saved) for fact in self._record.facts):
            facts = [f._replace(owed=[]) if isinstance(f, Started) else f for f in facts]
        record = Record(self._record.starting_agent, facts)
        for place, inner in self._record.inside.items():
            if place[0] <= turn:
                record.inside[place] = _copy(inner, record)
        return RunState(record, self.context, self._options)

    # --- as text ---------------------------------------------------------------------------------

    def to_json(self, *, context_serializer: Callable[[Any], Any] | None = None) -> dict[str, Any]:
        """The state as JSON. It holds what was said, and no keys or headers.

        Args:
            context_serializer: Gives the context as JSON, to be a part of it; None: it is to be
                given again.
        """
        told: dict[str, Any] = {"format": FORMAT, **_record_to_json(self._record)}
        if context_serializer is not None:
            told["context"] = _context_to_json(self.context, context_serializer)
        told["has_context"] = self.context is not None
        return told

    def to_string(
        self,
        *,
        key: bytes | None = None,
        context_serializer: Callable[[Any], Any] | None = None,
    ) -> str:
        """The state as text.

        Args:
            key: Signs it (HMAC-SHA256), so that `from_string` notices a change; None: not signed.
                A state that others can write to, a browser for example, has to be signed.
            context_serializer: As for `to_json`.
        """
        try:
            _check_key(key)
            text = json_text(self.to_json(context_serializer=context_serializer))
            return text if key is None else f"{_SIGNED}{_signature(text, key)} {text}"
        finally:
            del key  # or an error tracker records it

    @classmethod
    def from_json(
        cls,
        agent: Agent[Any],
        state_json: dict[str, Any],
        *,
        context: Any = _NOT_GIVEN,
        context_deserializer: Callable[[Any], Any] | None = None,
    ) -> RunState[TContext, TAgent]:
        """The state that `to_json` gave.

        Args:
            agent: The agent that began; all others are found from it.
            state_json: The JSON.
            context: The user's context object.
            context_deserializer: Makes the context of what `context_serializer` gave.

        Raises:
            UserError: It is no state, one of another version or of other agents, or its run had a
                context, and none is given.
        """
        if not isinstance(getattr(agent, "name", None), str):
            shown = in_few_words(agent)
            raise UserError(f"The first argument must be the agent that began, got {shown}")
        if not isinstance(state_json, dict) or "format" not in state_json:
            raise UserError("This is not the state of a run")
        if state_json["format"] != FORMAT:
            raise UserError(
                f"This state has the format {state_json['format']!r}; this version reads {FORMAT}"
            )
        if context is _NOT_GIVEN:
            context = _context_from_json(state_json, context_deserializer)
        try:
            record = _record_from_json(agent, state_json)
        except (TypeError, ValueError, LookupError, AttributeError, RecursionError) as error:
            raise UserError(f"This is not the state of a run: {error!r}") from error
        return cls(record, context, {"context": context})

    @classmethod
    def from_string(
        cls,
        agent: Agent[Any],
        state_string: str,
        *,
        key: bytes | None = None,
        context: Any = _NOT_GIVEN,
        context_deserializer: Callable[[Any], Any] | None = None,
    ) -> RunState[TContext, TAgent]:
        """The state that `to_string` gave; see `from_json`.

        Args:
            agent: The agent that began.
            state_string: The text.
            key: The key it was signed with; None: it was not signed.
            context: The user's context object.
            context_deserializer: Makes the context of what `context_serializer` gave.

        Raises:
            UserError: As for `from_json`; or the text was changed, was signed with another key, or
                a key is missing on one side.
        """
        try:
            told = read_json(_verified(state_string, key))
        except ValueError as error:
            raise UserError(f"This text is not the state of a run: {error}") from error
        finally:
            del key  # or an error tracker records it
        return cls.from_json(
            agent, told, context=context, context_deserializer=context_deserializer
        )

    # --- for those who run it --------------------------------------------------------------------

    def take_up(self, agent: Agent[Any]) -> tuple[Record, RunOptions[Any]]:
        """A record to go on with, and the options that the run had in this process.

        Raises:
            UserError: The run is over, or the agent is another one.
        """
        record = self._record
        if record.is_over and not isinstance(record.facts[-1], Failed):  # as its session may have
            raise UserError(_FINISHED)
        conversation = record.conversation
        options: RunOptions[Any] = {
            "previous_response_id": conversation.previous_response_id,
            "conversation_id": conversation.conversation_id,
            **self._options,
            "context": self.context,
        }
        return self.record_for(agent), options

    @property
    def options(self) -> RunOptions[Any]:
        """The options that the run had in this process."""
        return {**self._options, "context": self.context}

    def record_for(self, agent: Agent[Any]) -> Record:
        """A copy of the record, with that agent's tools and handoffs.

        Raises:
            UserError: The agent is another one.
        """
        if agent is self._record.starting_agent:
            return _copy(self._record)
        return _record_from_json(agent, _record_to_json(self._record))

    def _decide(self, item: ToolApprovalItem, decided: Decided) -> None:
        record = self._record
        for place in item.inside:
            if place not in record.inside:
                raise UserError(f"The run has no call {item.call_id} of {item.tool_name}")
            record = record.inside[place]
        named = item.inside, item.call_id, item.question_name
        waiting = interruptions(record, item.inside, with_ruled=True)
        call = next((i for i in waiting if (i.inside, i.call_id, i.question_name) == named), None)
        if call is None:
            is_decided = decision_of(record, item.call_id) is not None
            is_decided |= item.question_name in (record.call(item.call_id).answers or ())
            raise UserError(
                f"The call {item.call_id} of {item.tool_name} "
                + ("was decided about already" if is_decided else "does not wait for a decision")
            )
        if (call.tool_name, call.arguments) != (item.tool_name, item.arguments):
            raise UserError(
                f"The call {item.call_id} that waits is {call.tool_name}({call.arguments}), not "
                f"{item.tool_name}({item.arguments})"
            )
        if call.reason == "input" and decided.verdict not in ("input", "output"):
            raise UserError(
                f"The call {item.call_id} of {item.tool_name} asks for input: provide_input "
                "answers, reject declines, provide_output takes it as made elsewhere"
            )
        record.add(decided)


def _check_item(item: Any) -> None:
    check_kind(item, ToolApprovalItem, "What is decided about", "one of the state's interruptions")


def _copy(record: Record, around: Record | None = None) -> Record:
    copied = Record(record.starting_agent, record.facts, around)
    copied.conversation.given = record.conversation.given  # also before the first fact
    for place, inner in list(record.inside.items()):  # another thread may be at work on it
        copied.inside[place] = _copy(inner, copied)
    return copied


def _up_to_turn(facts: list[Fact], turn: int) -> list[Fact] | None:
    """The facts up to the end of a turn, and that it was saved; None: it has not ended."""
    ended = 0
    for number, fact in enumerate(facts):
        if turn == 0 and isinstance(fact, Awaited | Answered):
            return facts[:number]
        ended += isinstance(fact, TurnEnded)
        if ended == turn and isinstance(fact, TurnEnded):
            is_saved = isinstance(next(iter(facts[number + 1 :]), None), Saved)
            return facts[: number + 1 + is_saved]
    return facts if turn == 0 and facts else None


def _record_to_json(record: Record) -> dict[str, Any]:
    told: dict[str, Any] = {
        "agent": record.starting_agent.name,
        "facts": [fact_to_json(fact, record) for fact in record.facts],
    }
    if not record.is_started:
        told["input"] = record.conversation.given
    if record.inside:
        told["inside"] = [
            {"turn": turn, "call_id": call_id, **_record_to_json(inner)}
            for (turn, call_id), inner in record.inside.items()
        ]
    return told


def _record_from_json(
    agent: Agent[Any], told: dict[str, Any], around: Record | None = None
) -> Record:
    """The record that was written.

    Raises:
        UserError: It cannot be read, or its agents or tools are not there.
    """
    name, facts, inside = told.get("agent"), told.get("facts"), told.get("inside", [])
    if not isinstance(facts, list) or not isinstance(inside, list):
        raise UserError("This is not the state of a run: it has no list of facts")
    if name != agent.name:
        raise UserError(f"This is the state of a run of agent {name!r}, not of {agent.name!r}")
    record = Record(agent, around=around)
    if "input" in told:  # it was not begun
        given = told["input"]
        given = given if isinstance(given, str) else as_input_items(given, "The input of a state")
        record.conversation.given = given
    inner_runs = {(each["turn"], each["call_id"]): each for each in inside}
    for fact in facts:
        record.add(fact_from_json(fact, record))
        if fact["type"] == "begun":
            place = record.turn, fact["call_id"]
            if place in inner_runs:
                agent_inside = inner_agent(record, record.turn, fact["call_id"])
                inner = _record_from_json(agent_inside, inner_runs[place], record)
                record.inside[place] = inner
    make_plan(record)  # whoever is to go on with the turn at hand must be there
    return record


def inner_agent(record: Record, turn: int, call_id: str) -> Agent[Any]:
    """The agent that a call runs; its turn may have ended, where the call was left behind.

    Raises:
        UserError: None stands where the tool of the call stood.
    """
    caller = target = record.starting_agent
    answered, targets = 0, dict[str, Place]()
    for fact in record.facts:
        if isinstance(fact, Answered):
            answered, targets, target = fact.turn, fact.targets or {}, caller
        elif isinstance(fact, HandedOver):
            target = fact.target
        elif isinstance(fact, TurnEnded):
            if answered == turn:
                break
            caller = target
    tool = found_at(targets[call_id], caller) if call_id in targets else None
    agent: Agent[Any] | None = getattr(tool, "agent", None)
    if agent is None:
        raise UserError(
            f"The call {call_id} ran an agent, and at that place agent {caller.name} has none"
        )
    return agent


def _context_to_json(context: Any, serialize: Callable[[Any], Any]) -> Any:
    check_takes(serialize, "context_serializer", "the context")
    told = Callbacks().call(Cancellation(), serialize, context)
    try:
        return to_jsonable_python(told)
    except ValueError as error:
        raise UserError(f"What context_serializer gave is no JSON: {error}") from error


def _context_from_json(told: dict[str, Any], deserialize: Callable[[Any], Any] | None) -> Any:
    if "context" in told and deserialize is not None:
        check_takes(deserialize, "context_deserializer", "what context_serializer gave")
        return Callbacks().call(Cancellation(), deserialize, told["context"])
    if told.get("has_context"):
        raise UserError(
            "The run had a context object: pass context=, or a context_deserializer for what "
            "context_serializer wrote"
        )
    return None


@forgetful
def _check_key(key: Any) -> None:
    check_kind(key, (bytes, NoneType), "The key of a state", "bytes, such as key=b'...'")


def _signature(text: str, key: bytes) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


@forgetful
def _verified(text: Any, key: bytes | None) -> str:
    _check_key(key)
    if not isinstance(text, str):
        raise UserError(f"The state of a run is a text, not a {type(text).__name__}")
    if not text.startswith(_SIGNED):
        if key is not None:
            raise UserError("This state is not signed, and a key was given to check it with")
        return text
    if key is None:
        raise UserError("This state is signed: give the key that it was signed with")
    signature, _, body = text.removeprefix(_SIGNED).partition(" ")
    if not hmac.compare_digest(signature.encode(), _signature(body, key).encode()):
        raise UserError("This state was changed, or signed with another key")
    return body
