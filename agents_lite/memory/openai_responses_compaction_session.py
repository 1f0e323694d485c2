"""A session whose conversation the model's server compacts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal

from ..checks import check_choice
from ..concurrency.calling import Done, settled
from ..exceptions import APIResponseError
from ..history import without_lost_reasoning
from ..items import TResponseInputItem
from ..usage import usage_of_request
from .session import Session, SessionABC, is_later, then

if TYPE_CHECKING:
    from ..http.client import ResponsesClient

__all__ = ["OpenAIResponsesCompactionSession"]

Items = list[TResponseInputItem]

CANDIDATES = 10
"""Items that are not the user's, from which on a conversation is compacted by default."""


class OpenAIResponsesCompactionSession(SessionABC):
    """Has the Responses API compact what another session keeps, when a run has made it long.

    In a run its requests count as the run's; `wrapper` is the run's context. What the server makes
    of the conversation takes its place, in one step where the other session has `replace_items`,
    as all in this package have: what was said is gone. A `CompactionSession` keeps it.

    Source: https://platform.openai.com/docs/api-reference/responses/compact
    """

    def __init__(
        self,
        session_id: str,
        underlying_session: Session,
        *,
        client: ResponsesClient | Any | None = None,
        model: str = "gpt-4.1",
        compaction_mode: Literal["auto", "input"] = "auto",
        should_trigger_compaction: Callable[[dict[str, Any]], bool] | None = None,
    ) -> None:
        """Name the session below.

        Args:
            session_id: Names this one.
            underlying_session: Keeps the conversation.
            client: None takes the default client.
            model: The model that compacts.
            compaction_mode: Either way the conversation is sent.
            should_trigger_compaction: Whether it is time, given `session_items` and
                `compaction_candidate_items`, those that are not the user's; None: from 10 of these
                on.

        Raises:
            UserError: There is no such mode, or it is no client.
        """
        from ..models.default_client import as_client

        check_choice(compaction_mode, "compaction_mode", "auto", "input")
        self.session_id = session_id
        self.underlying_session = underlying_session
        self.session_settings = getattr(underlying_session, "session_settings", None)
        self.model = model
        self._client = None if client is None else as_client(client)
        decide = should_trigger_compaction
        self._is_time = _is_long if decide is None else decide

    def get_items(self, limit: int | None = None, *, wrapper: Any = None) -> Any:
        """The newest `limit` items (None: all)."""
        return self.underlying_session.get_items(limit)

    def add_items(self, items: Items, *, wrapper: Any = None) -> Any:
        """Append the items of a turn, and compact what is long, unless the run has to go on.

        Raises:
            APIError: The server could not be reached, or refused; the items are added then.
        """
        added = self.underlying_session.add_items(items)
        if not items or str(items[-1].get("type")).endswith("_output"):
            return added
        return then(added, lambda _: self.run_compaction(wrapper=wrapper))

    def pop_item(self, *, wrapper: Any = None) -> Any:
        """Remove the newest item and return it, or None."""
        return self.underlying_session.pop_item()

    def clear_session(self, *, wrapper: Any = None) -> Any:
        """Forget the conversation."""
        return self.underlying_session.clear_session()

    def run_compaction(self, args: dict[str, Any] | None = None, *, wrapper: Any = None) -> Any:
        """Compact the conversation, if it is time.

        What is added while the server is at work stays behind what it has made; of a conversation
        that is cleared or shortened meanwhile, nothing comes back.

        Args:
            args: {"force": True} does so whether or not it is time.
            wrapper: Whose usage the request is added to; None: nobody's.

        Raises:
            APIError: The server could not be reached, or refused, or made nothing of it.
        """
        from ..models.openai_responses import as_sent

        is_forced = bool((args or {}).get("force"))

        def compact(kept: Items) -> Any:
            candidates = [item for item in kept if _is_candidate(item)]
            facts = {"session_items": kept, "compaction_candidate_items": candidates}
            if not kept or not (is_forced or self._is_time(facts)):
                return Done()
            client = self._connected()
            asked = {"model": self.model, "input": as_sent(kept)}
            answer = client.ask("POST", "/responses/compact", asked, has=("output", list))
            if wrapper is not None:
                wrapper.usage.add(usage_of_request(answer, self.model, client.hostname))
            if not answer["output"]:
                raise APIResponseError(
                    "The server made nothing of the conversation; it stays as it was"
                )
            made = without_lost_reasoning(kept, answer["output"])
            again = self.underlying_session.get_items()
            return then(again, lambda now: self._put(made, kept, list(now)))

        return then(self.underlying_session.get_items(), lambda kept: compact(list(kept)))

    def _put(self, made: Items, kept: Items, now: Items) -> Any:
        """Put what was made of some items in their place, unless that was changed meanwhile."""
        if now[: len(kept)] != kept:
            return Done()
        replace = getattr(self.underlying_session, "replace_items", None)
        if replace is not None:
            return replace(made, len(kept))
        cleared = self.underlying_session.clear_session()
        return then(cleared, lambda _: self._add([*made, *now[len(kept) :]], or_else=now))

    def _add(self, items: Items, or_else: Items) -> Any:
        session = self.underlying_session

        async def awaited(added: Awaitable[Any]) -> None:
            try:
                await added
            except GeneratorExit:  # no event loop is left
                raise
            except BaseException:  # a run that is stopped cancels it
                await settled(session.add_items(or_else))
                raise

        try:
            added = session.add_items(items)
        except BaseException:
            session.add_items(or_else)
            raise
        return awaited(added) if is_later(added) else added

    def _connected(self) -> ResponsesClient:
        from ..models.default_client import default_client

        return self._client or default_client()


def _is_candidate(item: TResponseInputItem) -> bool:
    return item.get("role") != "user" and item.get("type") != "compaction"


def _is_long(facts: dict[str, Any]) -> bool:
    return len(facts["compaction_candidate_items"]) >= CANDIDATES
