"""A recorded run as a cassette, for tests of the agents that it was a run of."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from ..cassettes.entries import JSON, Entry
from ..cassettes.file import Content, cassette_text
from ..cassettes.questions import without_secrets
from ..exceptions import UserError
from ..running.turn.function_call import read_arguments
from ..tracing.sqlite_store import StoredTrace
from .recorded import RecordedCall, RecordedRun, RecordedTurn
from .stand_in import response_of
from .traces import runs_of_trace

_APART = ("tools", "output")
"""What a span tells among the settings, and a cassette beside them."""


def cassette_of_trace(trace: StoredTrace) -> str:
    """The text of a cassette with all that the models and tools of a trace were asked.

    What traces do not hold is not in it: deltas, settings that are sent as they are (`extra_body`),
    and of tools that a server runs more than which they are.

    Raises:
        UserError: The trace holds no run, or nothing of what was said.
    """
    content = Content()
    for turn in chain.from_iterable(map(_turns, runs_of_trace(trace))):
        content.models.append(Entry(_question(turn), {"response": response_of(turn)}, turn.agent))
        content.tools += [
            Entry(
                {"agent": turn.agent, "tool": call.name, "arguments": _arguments(call)},
                {"output": call.output},
            )
            for call in turn.calls.values()
            if call.output is not None and call.inside is None and not call.hands_over
        ]
    if not content.models:
        raise UserError("The run had no answer of a model")
    return cassette_text(content)


def _turns(run: RecordedRun) -> Iterator[RecordedTurn]:
    """The turns of a run, and those of runs that its functions have begun."""
    seen: set[int] = set()
    for turn in [*run.all_turns(), *run.others]:
        if id(turn) not in seen:
            seen.add(id(turn))
            yield turn


def _question(turn: RecordedTurn) -> JSON:
    """What a model was asked, as a cassette tells it."""
    settings = dict(turn.settings)
    asked = {
        "model": turn.model,
        "instructions": turn.instructions,
        "settings": without_secrets({k: v for k, v in settings.items() if k not in _APART}),
        **{name: settings.get(name) for name in _APART},
    }
    told = {name: value for name, value in asked.items() if value not in (None, {}, [])}
    return {**told, "input": turn.sent}


def _arguments(call: RecordedCall) -> object:
    read = read_arguments(call.arguments)
    return call.arguments if read is None else read
