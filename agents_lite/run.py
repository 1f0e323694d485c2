"""The ways to run an agent.

Editors and type checkers read `run.pyi` in its place, which names every option. That file is made
of this one, by `python -m tests.support.run_stub`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, Literal

from . import _names_of
from .concurrency.generators import drain
from .result import RunResult, RunResultStreaming
from .run_config import DEFAULT_MAX_TURNS as DEFAULT_MAX_TURNS
from .run_config import RunConfig as RunConfig
from .run_context import TContext
from .running.signatures import shows_options
from .running.start import RunOptions, new_run

if TYPE_CHECKING:
    import os

    from typing_extensions import Unpack

    from .agent import Agent
    from .journal import Journal
    from .replay.playing import Replay
    from .run_functions import *  # noqa: F403
    from .running.many import RunOutcome
    from .running.run_state import RunState
    from .stream_events import StreamEvent
    from .tracing.sqlite_store import StoredTrace

__all__ = ["RunOptions", "Runner"]

if not TYPE_CHECKING:  # or a misspelt name passes
    __getattr__ = _names_of(__name__, "run_functions")


class Runner:
    """Runs agents. Every method drives the one loop of `agents_lite.running.loop`.

    They take the agent that begins; the input, text or a list of Responses API input items (each
    {"role": ..., "content": ...} or an item that an earlier run gave), or a `RunState`: a run that
    goes on; and the keyword arguments that `RunOptions` describes.

    Raises:
        MaxTurnsExceeded: There was no final output within `max_turns`.
        RunTimeout: Nor within `timeout`.
        ModelBehaviorError: The model did what it must not.
        InputGuardrailTripwireTriggered: A guardrail stopped the input.
        OutputGuardrailTripwireTriggered: A guardrail stopped the final output.
        UsageLimitExceeded: The run needs more than it may use.
        APIError: The model's server could not be reached, refused or failed.
        UserError: The SDK was used wrongly; said before anything is sent where that is possible.
    """

    @staticmethod
    @shows_options
    def stream(
        starting_agent: Agent[TContext],
        input: str | Sequence[Mapping[str, Any]] | RunState,
        **options: Unpack[RunOptions[TContext]],
    ) -> Generator[StreamEvent, None, RunResult]:
        """The run as a generator of its events; it returns the `RunResult`.

        The run goes on as the events are read, and closing the generator ends it. Another
        generator passes everything on with `result = yield from Runner.stream(...)`.
        """
        run = new_run(starting_agent, input, options, streamed=True)
        events = run.events
        del run.events  # they hold the run: who leaves them by `break` is to close them thereby
        return events

    @staticmethod
    @shows_options
    def run_sync(
        starting_agent: Agent[TContext],
        input: str | Sequence[Mapping[str, Any]] | RunState,
        **options: Unpack[RunOptions[TContext]],
    ) -> RunResult:
        """Run to the end, on this thread; also inside a running event loop."""
        return drain(new_run(starting_agent, input, options, streamed=False).events)

    @staticmethod
    @shows_options
    async def run(
        starting_agent: Agent[TContext],
        input: str | Sequence[Mapping[str, Any]] | RunState,
        **options: Unpack[RunOptions[TContext]],
    ) -> RunResult:
        """Run to the end without blocking the event loop; cancelling the task stops the run."""
        from .concurrency.aio import run_on_thread

        return await run_on_thread(new_run(starting_agent, input, options, streamed=False))

    @staticmethod
    @shows_options
    def run_streamed(
        starting_agent: Agent[TContext],
        input: str | Sequence[Mapping[str, Any]] | RunState,
        **options: Unpack[RunOptions[TContext]],
    ) -> RunResultStreaming:
        """A run whose events are read from the returned object, by `for` or `async for`."""
        return RunResultStreaming(new_run(starting_agent, input, options, streamed=True))

    @staticmethod
    @shows_options
    def run_many(
        starting_agent: Agent[TContext],
        inputs: Iterable[str | Sequence[Mapping[str, Any]] | RunState],
        *,
        max_workers: int = 8,
        executor: Executor | None = None,
        on_result: Callable[[RunOutcome], object] | None = None,
        **options: Unpack[RunOptions[TContext]],
    ) -> Iterator[RunOutcome]:
        """Run once for each input, several at a time; yields the outcomes as the runs end.

        Inputs are drawn as there is room for them, so they may be endless. A run that fails does
        not touch the others: its outcome holds the exception. Leaving the loop stops what runs, or,
        with an executor of other processes, what has not begun. The options are the same for all.

        Args:
            starting_agent: The agent that begins each run.
            inputs: An input for each run.
            max_workers: How many runs go on at a time.
            executor: Where to run, such as a `ProcessPoolExecutor` or that of a Dask client; None:
                threads. For other processes agents and tools are looked up by name, so they must
                stand in a module that can be imported there.
            on_result: Called with each outcome, on this thread.
            options: Those of a run.

        Raises:
            UserError: An argument is of the wrong kind, or two do not go together.
        """
        from .running.many import run_many

        return run_many(starting_agent, inputs, max_workers, executor, on_result, options)

    @staticmethod
    @shows_options
    def replay(
        starting_agent: Agent[TContext],
        recorded: RunState | StoredTrace | Journal | str | os.PathLike[str] | dict[str, Any],
        *,
        run_id: str | None = None,
        model: Literal["recorded", "live"] = "recorded",
        tools: Literal["recorded", "live"] = "recorded",
        on_missing: Literal["raise", "live", "ask"] = "raise",
        **options: Unpack[RunOptions[TContext]],
    ) -> Replay:
        """Play a recorded run again, with this agent, and compare the two.

        Nothing is asked, and no tool called, that is to come from the record. Recorded answers are
        taken turn by turn, whatever is asked now. Agents as tools are run in any case, with
        recorded or live answers; guardrails give their recorded verdicts where tools are recorded
        and what they look at is the same. Instructions, handoffs and hooks are code, and run. No
        session or journal is written to, and there is no trace unless `run_config` is given. Tools
        that use a `context` need it here, too.

        Args:
            starting_agent: The agent that begins, maybe changed since then.
            recorded: A `RunState`, its text or its JSON; a trace; a journal; or the path of a file
                that holds one of them.
            run_id: Which run of a journal, or which trace of a file, maybe with `#2` behind it for
                the second run of a trace; None: the only one.
            model: Whether models answer as they did then, or are asked.
            tools: Whether tools return what they did then, or are called.
            on_missing: What becomes of a question that the record has no answer to: an error; it is
                asked live; or the replay pauses, and its state can be gone on with.
            options: Those of a run.

        Raises:
            ReplayMiss: Something is asked that the record does not hold.
            UserError: There is no such run, or it was begun by an agent of another name.
        """
        from .replay.playing import replay
        from .replay.stand_in import Sides

        return replay(starting_agent, recorded, run_id, Sides(model, tools, on_missing), options)
