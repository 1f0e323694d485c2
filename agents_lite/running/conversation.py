"""The conversation of a run: what was said, and who is still to hear of it."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..exceptions import ModelBehaviorError
from ..history import ids_of, mend_history, without_lost_reasoning
from ..items import ItemHelpers, RunItem
from .facts import Compacted, Started

if TYPE_CHECKING:
    from ..handoff_data import HandoffInputData
    from ..items import TResponseInputItem
    from ..run_context import RunContextWrapper
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
        self.added_items: tuple[RunItem, ...] = ()
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
        self._ids: set[str] = set()  # that items were sent with, some of them maybe no more
        self._owed: Sequence[TResponseInputItem] = ()  # to be saved with the turn at hand
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
        self._owed = started.owed
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
        self.added_items += tuple(items)
        self.new_items += items
        self.shown_items += items
        self.next_input = [*self.next_input, *inputs]
        self._owed = [*self._owed, *inputs]
        self._turn_start = len(self.new_items)

    def end_turn(self) -> None:
        """Put the turn's items before the next model call, and up for saving."""
        items = self.turn_items
        self.added_items = ()
        inputs = mend_history([item.to_input_item() for item in items])
        self.unsaved += [*self._owed, *inputs]
        self._owed = ()
        self.shown_items += items
        self.server_keeps_history |= self.previous_response_id == ""
        if self.server_keeps_history and not self._server_lacks_turn:
            self.next_input = [
                sent for sent in inputs if str(sent.get("type")).endswith(("_output", "_response"))
            ]
            if self.previous_response_id is not None:
                self.previous_response_id = self._response_id
        else:
            self._add_to_input(inputs)
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
            said = _as_inputs(self.prepared, self.new_items[: self._turn_start])
            self.next_input = list(mend_history(said))
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
        self.shown_items = [*filtered.pre_handoff_items, *filtered.sent_items]
        said = _as_inputs(self.prepared, self.new_items)
        self._send(without_lost_reasoning(said, _as_inputs(self.history, self.shown_items)))

    def handoff_data(self, context: RunContextWrapper[Any]) -> HandoffInputData:
        """The conversation as a handoff's input filter sees it, during the turn of the handoff."""
        from ..handoff_data import HandoffInputData  # only those who have a filter pay for it

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
        whole = _as_inputs(self.given, self.new_items)
        if as_sent and self._is_filtered:
            whole = _as_inputs(self.history, [*self.shown_items, *self.turn_items])
        return whole if self.server_keeps_history else list(mend_history(whole))

    def _add_to_input(self, inputs: list[TResponseInputItem]) -> None:
        """Send a turn's items too, each id once: some servers give an id again in another turn."""
        ids = ids_of(inputs)
        if self._ids.isdisjoint(ids):
            self.next_input += inputs
        else:
            self.next_input = list(mend_history([*self.next_input, *inputs]))
        self._ids.update(ids)

    def _send(self, items: list[TResponseInputItem]) -> None:
        self._ids.update(ids_of(items))
        self.next_input = list(items if self.server_keeps_history else mend_history(items))


def _as_inputs(
    before: str | Sequence[TResponseInputItem], items: list[RunItem]
) -> list[TResponseInputItem]:
    """An input and the items behind it, as one list of input items."""
    said = before if isinstance(before, str) else list(before)
    return [*ItemHelpers.input_to_new_input_list(said), *(item.to_input_item() for item in items)]
