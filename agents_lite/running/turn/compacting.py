"""Making room for the next request: see `compaction.Compaction`."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...compaction.session import CompactionSession
from ...compaction.view import (
    as_transcript,
    compacted,
    estimate_tokens,
    heads,
    is_from_user,
    is_summary,
    summary_in,
)
from ...concurrency.cancellation import Cancellation
from ...exceptions import (
    AgentsException,
    APIError,
    ModelBehaviorError,
    RateLimitError,
    words_of,
)
from ...handoffs import Handoff
from ...history import turn_starts
from ...items import ItemHelpers, ModelResponse
from ...models.answer import ModelEvents, read_response
from ...models.interface import Model, ModelRequest
from ...models.openai_provider import choose_model
from ...models.tool_json import handoff_to_request, tool_to_request
from ...run_config import RunConfig
from ...shown import repr_of
from ...tracing import custom_span
from ...usage import Usage
from ..facts import Compacted
from ..limits import check_price, check_usage
from .model_call import describe_request, describe_response, in_step, span_of_call

if TYPE_CHECKING:
    from ...compaction import Compaction
    from ...compaction.view import Items
    from ..live_run import LiveRun

_LEFT_OUT = "(What was said before that could not be summarised, and is left out.)"
_TOO_LARGE = ("context_length_exceeded", "exceed_context_size_error", "string_above_max_length")
_TOO_LARGE_WORDS = re.compile(
    r"context.{0,20}(?:length|window|size|limit)|(?:prompt|input) (?:is )?too long|too many tokens"
    r"|(?:prompt|input).(?:tokens?|length)\b.{0,40}(?:exceed|longer than)|(?:prompt|input) exceeds"
    r"|exceeds? the model limit|exceeded model token limit|reduce the length|maximum prompt length"
    r"|range of input length|maximum model length|`inputs`.{0,60}(?:less than|must be <=)",
    re.IGNORECASE,
)
"""Of OpenAI's, Anthropic's, Gemini's, Kimi's, xAI's, Qwen's, GLM's and Groq's servers, and of those
that people run, such as vLLM's."""
_CHARACTERS_OF_WORD = 12  # more than any language has on average

_logger = logging.getLogger("agents_lite")


def compact_if_full(
    run: LiveRun, cancellation: Cancellation, instructions: str | None, offers: list[Any]
) -> None:
    """Compact the conversation if the next request would pass the share of the window it may have.

    Where a recorded run is played, the steps are those of the record.

    Args:
        run: The run.
        cancellation: Cuts the calls short that write a summary.
        instructions: What is sent beside the conversation, or None.
        offers: The tools and handoffs that are sent, too.
    """
    stand_in = run.stand_in
    known = None if stand_in is None else stand_in.known_compactions(run)
    for step in known or ():
        run.record.add(step)
    if known is not None or run.compaction is None:
        return
    settings = _settings(run)
    told = [handoff_to_request(o) if isinstance(o, Handoff) else tool_to_request(o) for o in offers]
    fixed = estimate_tokens([instructions, told])
    run.estimate = fixed + estimate_tokens(run.record.conversation.next_input)
    if run.estimate * run.tokens_per_estimated > settings.window * settings.threshold:
        room = settings.window * settings.target - fixed * run.tokens_per_estimated
        _compact(run, cancellation, room)
        run.estimate = fixed + estimate_tokens(run.record.conversation.next_input)


def make_room(error: APIError, run: LiveRun, cancellation: Cancellation) -> bool:
    """Compact if a server has refused a request for its size; return whether that helped."""
    is_told = getattr(error, "status_code", None) == 413 or error.code in _TOO_LARGE
    is_too_large = is_told or _TOO_LARGE_WORDS.search(str(error))
    if not is_too_large or isinstance(error, RateLimitError):
        return False
    settings = _settings(run)
    size = _tokens(run, run.record.conversation.next_input)
    return _compact(run, cancellation, min(size / 2, settings.window * settings.target))


def _settings(run: LiveRun) -> Compaction:
    assert run.compaction is not None
    return run.compaction


def _compact(run: LiveRun, cancellation: Cancellation, room: float) -> bool:
    """Leave so many tokens of the conversation, or as few as there can be. False: nothing to do."""
    settings, items = _settings(run), run.record.conversation.next_input
    starts = turn_starts(items)
    if len(starts) < 2:
        return False
    newest = _newest_turns(run, items, starts)
    cleared = newest if settings.clear_tool_results else 0
    covered, summary, usage = 0, None, Usage()
    shorter = compacted(items, cleared, 0, None)
    before = estimate_tokens(items)
    with custom_span("compaction") as span:
        if _tokens(run, shorter) > room:
            place = _place_to_cut(run, shorter, starts, newest, room)
            if _can_be_said_shorter(items[:place]):
                summary = _summary(run, cancellation, usage, items[:place])
                covered = place
        after = estimate_tokens(compacted(items, cleared, covered, summary))
        span.span_data.data = {"estimated_tokens_before": before, "after": after}
    if after < before:
        step = Compacted(cleared, covered, summary, usage)
        _note(run, items, step)
        run.record.add(step)
        run.cached_prompt = None  # it is meant to begin otherwise from now on
    elif usage.requests:
        run.record.add(Compacted(0, 0, None, usage))  # it has cost something all the same
    if usage.requests:
        check_usage(run)
    return after < before


def _summary(run: LiveRun, cancellation: Cancellation, usage: Usage, items: Items) -> str:
    try:
        return _Summary(run, cancellation, usage).of(items)
    except BaseException:  # the run may be paused or stopped, too
        if usage.requests:
            run.record.add(Compacted(0, 0, None, usage))  # what its pieces have cost so far
        raise


def _tokens(run: LiveRun, value: object) -> float:
    return estimate_tokens(value) * run.tokens_per_estimated


def _newest_turns(run: LiveRun, items: Items, starts: list[int]) -> int:
    """Where the turns begin that stay whole; the last one alone where there is no room for more."""
    settings = _settings(run)
    newest = starts[-min(settings.keep_turns, len(starts) - 1)]
    size = _tokens(run, items[newest:])
    return newest if size <= settings.window * settings.threshold else starts[-1]


def _can_be_said_shorter(items: Items) -> bool:
    """Whether there is more among them than a summary, and what has to stay."""
    return len(items) > len(heads(items)) + sum(map(is_summary, items))


def _place_to_cut(
    run: LiveRun, items: Items, starts: list[int], newest: int, room: float
) -> int:
    """Where the part begins that stays: as much as there is room for, and the newest turns."""
    left = room - _settings(run).summary_words * 2
    places = [place for place in starts if 0 < place <= newest]
    fitting = [p for p in places if _tokens(run, items[p:]) <= left]
    of_user = [place for place in fitting if is_from_user(items[place])]
    return next(iter(of_user or fitting), newest)


def _note(run: LiveRun, shown: Items, step: Compacted) -> None:
    session = run.session
    if isinstance(session, CompactionSession):
        run.call(session.note, shown, step.cleared, step.covered, step.summary)


class _Summary:
    """Writes a summary piece by piece, each together with the summary so far."""

    def __init__(self, run: LiveRun, cancellation: Cancellation, usage: Usage) -> None:
        self._run = run
        self._settings = _settings(run)
        self._cancellation = cancellation
        self._usage = usage  # to be added to

    def of(self, items: Items) -> str:
        """The summary of items, which takes over the one among them.

        Where it cannot be written, the one so far is all there is, and that is logged.
        """
        summary = summary_in(items)
        stay = [id(item) for item in heads(items)]
        said = [item for item in items if id(item) not in stay and not is_summary(item)]
        model = None if self._settings.summarize is not None else self._model()
        for piece in self._pieces(said):
            try:
                text = self._ask(summary, piece, model)
                if not text.strip():
                    raise ModelBehaviorError("The summary is empty")
            except (APIError, ModelBehaviorError, _UsersFault) as error:
                self._cancellation.check()
                _logger.warning("Old turns are left out, as no summary was written: %s", error)
                return f"{summary}\n\n{_LEFT_OUT}" if summary else _LEFT_OUT
            summary = text[: self._settings.summary_words * _CHARACTERS_OF_WORD]
        return summary or _LEFT_OUT

    def _pieces(self, items: Items) -> Iterator[Items]:
        """The items in pieces, each of which the model can take with room to spare."""
        settings = self._settings
        most = settings.window * settings.threshold / 2
        piece: Items = []
        size = 0.0
        for item in items:
            tokens = _tokens(self._run, item)
            if piece and size + tokens > most:
                yield piece
                piece, size = [], 0.0
            piece.append(item)
            size += tokens
        if piece:
            yield piece

    def _ask(self, summary: str | None, piece: Items, model: Model | None) -> str:
        settings = self._settings
        if settings.summarize is not None:
            return self._by_function(settings.summarize, summary, piece)
        most = int(settings.window * settings.threshold * 2)  # characters: half of the window
        said = "\n\n".join(map(as_transcript, piece))[:most]
        so_far = f"Summary so far:\n{summary}\n\n" if summary else ""
        request = ModelRequest(
            [{"role": "user", "content": f"{so_far}What was said then:\n{said}"}],
            settings.instructions.replace("{words}", str(settings.summary_words)),
            agent_name=self._run.agent.name,
            cancellation=self._cancellation,
        )
        assert model is not None
        check_usage(self._run, self._usage)
        response = self._answer(model, request)
        self._usage.add(response.usage)
        texts = [ItemHelpers.extract_text(item) for item in response.output]
        return "\n".join(text for text in texts if text)

    def _by_function(self, function: Any, summary: str | None, piece: Items) -> str:
        try:
            text = self._run.call(function, summary, piece)
        except AgentsException:
            raise
        except Exception as error:
            raise _UsersFault(f"{type(error).__name__}: {words_of(error)}") from error
        if not isinstance(text, str):
            raise _UsersFault(f"Compaction.summarize must return text, got {repr_of(text)}")
        return text

    def _model(self) -> Model:
        run, chosen = self._run, self._settings.model
        stand_in = run.stand_in
        if stand_in is not None:
            model = stand_in.model_for(run)
        elif chosen is None:
            model = choose_model(run.agent, run.config)
        else:
            provider = run.config.model_provider
            model = choose_model(run.agent, RunConfig(model=chosen, model_provider=provider))
        check_price(model, run)
        return model

    def _answer(self, model: Model, request: ModelRequest) -> ModelResponse:
        run = self._run
        span, block = span_of_call(model)
        with block:
            describe_request(span, request, model, run.records_content)
            with ModelEvents(model, request, run.callbacks) as events:
                step = run.config.step
                *_, last = (None, *(events if step is None else in_step(events, run)))
            response = read_response(last, model)
            describe_response(span, response, run.records_content)
        return response


class _UsersFault(Exception):
    """A function of the user's gave no summary."""
