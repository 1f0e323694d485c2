"""The conversation of a run: what was said, and who is still to hear of it."""

from __future__ import annotations

from bisect import bisect
from typing import TYPE_CHECKING, Any

from ..exceptions import ModelBehaviorError
from ..handoffs import Handoff, HandoffInputData
from ..history import mend_history, without_lost_reasoning
from ..items import ItemHelpers, RunItem, as_input_items
from ..run_config import DEFAULT_MAX_TURNS
from ..tracing import custom_span, get_current_trace
from .facts import Compacted, Saved, Started, TakenUp

if TYPE_CHECKING:
    from ..agent import Agent
    from ..items import TResponseInputItem
    from ..run_context import RunContextWrapper
    from .live_run import LiveRun
    from .record import Record
    from .start import RunOptions

ServerIds = tuple[str | None, str | None]  # of a response, and of a conversation


class Conversation:
    """What was said before the run, what is new, what the model is sent next, what is unsaved.

    Where a message came from shows in where it is kept: history and the caller's input are in
    `prepared`, what the model, its tools and the caller said since then are `new_items`, and what
    an input filter made of it all is in `history` and `shown_items`.
    """

    def __init__(self) -> None:
        self.given: str | list[TResponseInputItem] = ""
        """The input as the caller passed it."""
        self.prepared: str | list[TResponseInputItem] = ""
        """The input after a session's history was put before it."""
        self.new_items: list[RunItem] = []
        """All items of the run."""
        self.added_items: list[RunItem] = []
        """What the caller, or the run itself, has said since the last turn."""
        self.history: str | tuple[TResponseInputItem, ...] = ""
        """The prepared input, as the agent at work is sent it."""
        self.shown_items: list[RunItem] = []
        """Items of earlier turns, as the agent at work is sent them."""
        self.next_input: list[TResponseInputItem] = []
        """What the next model call is sent; only ever extended or replaced."""
        self.unsaved: list[TResponseInputItem] = []
        """What the session is to get now: whole turns, with the caller's input before them."""
        self.may_be_saved = False
        """Whether the session may hold that already: the run's process has ended over it."""
        self.session_size: int | None = None
        """Items that the session has without those; None: that is not known."""
        self.previous_response_id: str | None = None
        """The server's latest response, where the server keeps the conversation so; "": there is
        none yet."""
        self.conversation_id: str | None = None
        """The server's conversation, where it keeps one."""
        self.server_keeps_history = False
        """Whether only what is new is sent, since the server has the rest."""
        self._chosen_ids: ServerIds = (None, None)  # by the caller, as the latest
        self._response_id: str | None = None  # of the latest answer
        self._server_lacks_turn = False
        self._is_filtered = False
        self._owed: list[TResponseInputItem] = []  # to be saved with the turn at hand
        self._turn_start = 0
        self._outputs_start = 0
        self._output_ranks: list[int] = []

    @property
    def turn_items(self) -> list[RunItem]:
        """Items of the turn at hand."""
        return self.new_items[self._turn_start :]

    @property
    def unsaved_items(self) -> list[TResponseInputItem]:
        """What a session does not have yet, the turn at hand included."""
        turn = [item.to_input_item() for item in self.turn_items]
        return [*self.unsaved, *self._owed, *turn]

    @property
    def answer_items(self) -> list[RunItem]:
        """What the model said in the turn at hand."""
        return self.new_items[self._turn_start : self._outputs_start]

    @property
    def output_items(self) -> list[RunItem]:
        """Outputs of the calls of the turn at hand, in the order of the calls."""
        start = self._outputs_start
        return self.new_items[start : start + len(self._output_ranks)]

    def open(self, started: Started) -> None:
        """Begin with the input."""
        self.given, self.prepared = started.given, started.prepared
        self.previous_response_id = started.previous_response_id
        self.conversation_id = started.conversation_id
        self.session_size = started.session_size
        self.server_keeps_history = bool(self.previous_response_id or self.conversation_id)
        self._chosen_ids = self.previous_response_id, self.conversation_id
        self._owed = list(started.owed)
        prepared = self.prepared
        self.history = prepared if isinstance(prepared, str) else tuple(prepared)
        self._send(ItemHelpers.input_to_new_input_list(prepared))

    def take_answer(self, items: list[RunItem], response_id: str | None) -> None:
        """Take what the model said; outputs of its calls follow."""
        self._response_id = response_id
        self.new_items += items
        self._outputs_start = len(self.new_items)
        self._output_ranks = []

    def take_output(self, item: RunItem, rank: int) -> None:
        """Take the output of a call; outputs stand in the order of their ranks."""
        place = bisect(self._output_ranks, rank)
        self._output_ranks.insert(place, rank)
        self.new_items.insert(self._outputs_start + place, item)

    def drop_turn(self) -> None:
        """Forget the turn at hand: the model is asked again."""
        self._response_id = None
        del self.new_items[self._turn_start :]

    def take_added(self, items: list[RunItem]) -> None:
        """Take what the caller added between two turns."""
        inputs = [item.to_input_item() for item in items]
        self.added_items = [*self.added_items, *items]
        self.new_items += items
        self.shown_items += items
        self.next_input = [*self.next_input, *inputs]
        self._owed += inputs
        self._turn_start = len(self.new_items)

    def end_turn(self) -> None:
        """Put the turn's items before the next model call, and up for saving."""
        items = self.turn_items
        self.added_items = []
        inputs = mend_history([item.to_input_item() for item in items])
        self.unsaved += [*self._owed, *inputs]
        self._owed = []
        self.shown_items += items
        self.server_keeps_history |= self.previous_response_id == ""
        if self.server_keeps_history and not self._server_lacks_turn:
            self.next_input = [
                sent for sent in inputs if str(sent.get("type")).endswith(("_output", "_response"))
            ]
            if self.previous_response_id is not None:
                self.previous_response_id = self._response_id
        else:
            self.next_input += inputs
        self._server_lacks_turn = False
        self._turn_start = len(self.new_items)

    def take_saved(self) -> None:
        """The session was given what it was to get."""
        if self.session_size is not None:
            self.session_size += len(self.unsaved)
        self.unsaved = []
        self.may_be_saved = False

    def other_ids(self, options: RunOptions[Any]) -> ServerIds | None:
        """The server's response and conversation that options name anew; None: they name none."""
        known = self.previous_response_id, self.conversation_id
        named = (
            options.get("previous_response_id", known[0]),
            options.get("conversation_id", known[1]),
        )
        return None if named in (known, self._chosen_ids) else named

    def follow(
        self, previous_response_id: str | None, conversation_id: str | None, *, is_in_turn: bool
    ) -> None:
        """Go on from another response or conversation of the server, or, with None, from none.

        There the server has nothing of this run yet, unless the response is its latest answer.
        """
        has_all = previous_response_id is not None and previous_response_id == self._response_id
        if has_all and not is_in_turn:
            since = self.new_items[self._outputs_start :]
            self.next_input = [item.to_input_item() for item in since]
        elif not has_all and self.server_keeps_history:
            before = [item.to_input_item() for item in self.new_items[: self._turn_start]]
            self.next_input = [*ItemHelpers.input_to_new_input_list(self.prepared), *before]
        self.previous_response_id, self.conversation_id = previous_response_id, conversation_id
        self.server_keeps_history = bool(previous_response_id or conversation_id)
        self._chosen_ids = previous_response_id, conversation_id
        self._server_lacks_turn = is_in_turn and not has_all

    def compact(self, fact: Compacted) -> None:
        """Send less of what was said."""
        from ..compaction.view import compacted  # only those who need it pay for it

        shown = compacted(self.next_input, fact.cleared, fact.covered, fact.summary)
        self.next_input = list(mend_history(shown))

    def show_instead(self, filtered: HandoffInputData) -> None:
        """Send the next model call this, as an input filter made it."""
        history = filtered.input_history
        self._is_filtered = True
        self.history = history if isinstance(history, str) else tuple(history)
        self.shown_items = [*filtered.pre_handoff_items, *filtered.new_items]
        said = ItemHelpers.input_to_new_input_list(
            history if isinstance(history, str) else list(history)
        )
        shown = [*said, *(item.to_input_item() for item in self.shown_items)]
        self._send(without_lost_reasoning(self._all_said(), shown))

    def handoff_data(self, context: RunContextWrapper[Any]) -> HandoffInputData:
        """The conversation as a handoff's input filter sees it, during the turn of the handoff."""
        return HandoffInputData(
            input_history=self.history,
            pre_handoff_items=tuple(self.shown_items),
            new_items=tuple(self.turn_items),
            run_context=context,
        )

    def check_continuation(self, agent_name: str) -> None:
        """See that there is a way to go on with a conversation that the server keeps.

        Raises:
            ModelBehaviorError: There is none.
        """
        if not self.server_keeps_history:
            return
        if self.conversation_id is None and self.previous_response_id is None:
            raise ModelBehaviorError(
                "The server gave its response no id, so the next one cannot continue from it; do "
                "without previous_response_id"
            )
        if not self.next_input:
            raise ModelBehaviorError(
                f"The model gave agent {agent_name} neither a final output nor anything to do"
            )

    def to_input_list(self, as_sent: bool = False) -> list[TResponseInputItem]:
        """Input and new items as one list of input items, without what the API would refuse.

        Args:
            as_sent: Begin as the agent at work was sent it, where an input filter has decided
                about that.
        """
        before, new = self.given, self.new_items
        if as_sent and self._is_filtered:
            before = self.history if isinstance(self.history, str) else list(self.history)
            new = [*self.shown_items, *self.turn_items]
        new_items = [item.to_input_item() for item in new]
        whole = [*ItemHelpers.input_to_new_input_list(before), *new_items]
        return whole if self.server_keeps_history else list(mend_history(whole))

    def _all_said(self) -> list[TResponseInputItem]:
        new_items = [item.to_input_item() for item in self.new_items]
        return [*ItemHelpers.input_to_new_input_list(self.prepared), *new_items]

    def _send(self, items: list[TResponseInputItem]) -> None:
        self.next_input = list(items if self.server_keeps_history else mend_history(items))


def open_conversation(run: LiveRun) -> None:
    """Begin: read the session and put its history before the input. Or go on, all saved first.

    Raises:
        UserError: The session or its callback returned no list.
    """
    record, given, options = run.record, run.given, run.options
    if record.is_started:
        if record.writer is not None:
            _tell_trace(record)
        other_ids = record.conversation.other_ids(options)
        record.add(TakenUp(options.get("max_turns", record.max_turns), other_ids))
        save_turn(run)
        return
    prepared, session_size = given, None
    owed = ItemHelpers.input_to_new_input_list(given)
    if run.session is not None:
        prepared, owed, session_size = _with_history(run, run.session, owed)
    trace = get_current_trace()
    record.add(
        Started(
            run_id=run.run_id,
            trace_id=None if trace is None else trace.trace_id,
            agent_name=run.agent.name,
            given=given,
            prepared=prepared,
            owed=owed,
            max_turns=options.get("max_turns", DEFAULT_MAX_TURNS),
            previous_response_id=options.get("previous_response_id")
            or ("" if options.get("auto_previous_response_id") else None),
            conversation_id=options.get("conversation_id"),
            session_size=session_size,
        )
    )


def _tell_trace(record: Record) -> None:
    """Have the trace tell what is not done in this part of the run."""
    counts = {"answers": len(record.raw_responses), "tool_calls": record.tool_calls}
    with custom_span("Taken up from the journal", {"run_id": record.run_id, **counts}):
        pass


def save_turn(run: LiveRun) -> None:
    """Save what the session lacks, the user's message and whole turns, in one go."""
    session, conversation = run.session, run.record.conversation
    unsaved = conversation.unsaved
    if session is None or not unsaved:
        return
    with run.at_work("Saving the session"):
        lacking = unsaved
        if conversation.may_be_saved:
            held = run.call(session.get_items)
            lacking = _lacking(unsaved, held, conversation.session_size)
        if lacking:
            run.call(session.add_items, lacking)
    run.record.add(Saved())


def _lacking(
    unsaved: list[TResponseInputItem], held: list[TResponseInputItem], size_before: int | None
) -> list[TResponseInputItem]:
    """What a session lacks of these items: all, none, or those behind the first few.

    It may hold those of other runs behind them. They may look different there: where secrets are
    masked, their ids tell; where a server keeps items under ids of its own, what they say does.
    """
    count, size = len(unsaved), len(held)
    ids, said = list(map(_id_of, unsaved)), list(map(_said_by, unsaved))
    kept_ids, kept_said = list(map(_id_of, held)), list(map(_said_by, held))
    last = max(size - count, 0)  # a session may have shrunk since then
    for start in range(last if size_before is None else min(size_before, last), size):
        end = min(start + count, size)
        there = end - start
        if there < count and (size_before is None or start < size_before):
            continue
        is_same = any(ids[:there]) and kept_ids[start:end] == ids[:there]
        if is_same or kept_said[start:end] == said[:there]:
            return unsaved[there:]
    return unsaved


def _id_of(item: dict[str, Any]) -> str | None:
    return item.get("call_id") or item.get("id")


def _said_by(item: dict[str, Any]) -> list[Any]:
    """What an item says, whatever form a server gives it."""
    names = ("name", "arguments", "input", "output", "summary", "content")
    kind = item.get("type", "message"), item.get("role"), item.get("call_id")
    return [*kind, *(_words(item.get(name)) for name in names)]


def _words(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return "".join(str(part.get("text", "")) for part in value if isinstance(part, dict))


def _with_history(
    run: LiveRun, session: Any, new: list[TResponseInputItem]
) -> tuple[list[TResponseInputItem], list[TResponseInputItem], int | None]:
    """The whole input, the part of it that the session does not hold yet, and the session's size.

    Whatever the model is sent, the session grows by what was said.
    """
    settings = run.config.session_settings or getattr(session, "session_settings", None)
    limit = None if settings is None else settings.limit
    history = run.call(session.get_items, *([] if limit is None else [limit]))
    history = as_input_items(history, f"What {session!r}.get_items() returns")
    size = len(history) if limit is None else None
    merge = run.config.session_input_callback
    if merge is not None:
        merged = run.call(merge, list(history), list(new))
        merged = as_input_items(merged, "What session_input_callback returns")
        return without_lost_reasoning([*history, *new], merged), list(new), size
    if _is_unanswered(history, new) and _always_answers(run.agent):
        return history, [], size
    return [*history, *new], list(new), size


def _is_unanswered(history: list[TResponseInputItem], new: list[TResponseInputItem]) -> bool:
    """Whether the history ends with this very input and turns that led to no answer yet.

    That is what a run leaves which failed, or was killed, after its first turn: run again, it goes
    on from there instead of asking twice.
    """
    for start in range(len(history) - 1, -1, -1):
        item = history[start]
        if item.get("role") == "user":
            first = start - len(new) + 1
            return first >= 0 and history[first : start + 1] == new
        if start == len(history) - 1 and not str(item.get("type")).endswith("_output"):
            return False  # a turn to be followed by another ends with outputs
        if item.get("type") == "message" or item.get("role") == "assistant":
            return False
    return False


def _always_answers(agent: Agent[Any]) -> bool:
    """Whether runs of an agent end with a message, never with a tool's output.

    Only then does a history that ends with outputs belong to a run which did not reach its end.
    """
    seen: dict[int, Any] = {}
    waiting: list[Any] = [agent]
    while waiting:
        each = waiting.pop()
        if each is None or each.tool_use_behavior != "run_llm_again":
            return False
        if id(each) not in seen:
            seen[id(each)] = each
            waiting += [
                offer.agent if isinstance(offer, Handoff) else offer for offer in each.handoffs
            ]
    return True
