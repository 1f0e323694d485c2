# Made by tests/support/run_stub.py, not by hand; what runs is run.py.
# ruff: noqa
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
from collections.abc import Mapping
from .lifecycle import RunHooks
from .memory import Session
from .run_error_handlers import RunErrorHandler
import os
from .agent import Agent
from .journal import Journal
from .replay.playing import Replay
from .run_functions import *
from .running.many import RunOutcome
from .running.run_state import RunState
from .stream_events import StreamEvent
from .tracing.sqlite_store import StoredTrace
__all__ = ['RunOptions', 'Runner']
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
    def stream(
        starting_agent: Agent[TContext],
        input: str | Sequence[Mapping[str, Any]] | RunState,
        *,
        context: TContext | None = ...,
        max_turns: int | None = ...,
        hooks: RunHooks[TContext] | None = ...,
        run_config: RunConfig | None = ...,
        session: Session | None = ...,
        previous_response_id: str | None = ...,
        auto_previous_response_id: bool = ...,
        conversation_id: str | None = ...,
        timeout: float | None = ...,
        on_timeout: Literal['raise', 'pause'] = ...,
        error_handlers: Mapping[str, RunErrorHandler] | None = ...,
    ) -> Generator[StreamEvent, None, RunResult]:
        """The run as a generator of its events; it returns the `RunResult`.

        The run goes on as the events are read, and closing the generator ends it. Another
        generator passes everything on with `result = yield from Runner.stream(...)`.

        Args:
            starting_agent: The agent that begins.
            input: Text, a list of input items, or a `RunState`: a run that goes on.
            context: Any object; every tool, hook, guardrail and instruction function of the run is
                given it. It is not sent to the model.
            max_turns: Most turns, each a model call with what follows from it; None: no limit; left
                out: 10.
            hooks: Called at each step.
            run_config: Options for the whole run.
            session: Remembers the conversation: its history goes before the input, what is new is
                added.
            previous_response_id: Continue from this response, where the server keeps responses.
            auto_previous_response_id: Whether each turn continues from the response before it, from
                the second one on, so that only what is new is sent.
            conversation_id: Continue this conversation of the server.
            timeout: Seconds for the whole run; None: no limit. A `def` tool at work is waited for:
                give it a `timeout` of its own where that is too long.
            on_timeout: What happens when the time is over: a `RunTimeout`; or the run is paused,
                where nothing is left half done, and can be taken up again.
            error_handlers: As in `RunConfig`; those given here come first.
        """
    @staticmethod
    def run_sync(
        starting_agent: Agent[TContext],
        input: str | Sequence[Mapping[str, Any]] | RunState,
        *,
        context: TContext | None = ...,
        max_turns: int | None = ...,
        hooks: RunHooks[TContext] | None = ...,
        run_config: RunConfig | None = ...,
        session: Session | None = ...,
        previous_response_id: str | None = ...,
        auto_previous_response_id: bool = ...,
        conversation_id: str | None = ...,
        timeout: float | None = ...,
        on_timeout: Literal['raise', 'pause'] = ...,
        error_handlers: Mapping[str, RunErrorHandler] | None = ...,
    ) -> RunResult:
        """Run to the end, on this thread; also inside a running event loop.

        Args:
            starting_agent: The agent that begins.
            input: Text, a list of input items, or a `RunState`: a run that goes on.
            context: Any object; every tool, hook, guardrail and instruction function of the run is
                given it. It is not sent to the model.
            max_turns: Most turns, each a model call with what follows from it; None: no limit; left
                out: 10.
            hooks: Called at each step.
            run_config: Options for the whole run.
            session: Remembers the conversation: its history goes before the input, what is new is
                added.
            previous_response_id: Continue from this response, where the server keeps responses.
            auto_previous_response_id: Whether each turn continues from the response before it, from
                the second one on, so that only what is new is sent.
            conversation_id: Continue this conversation of the server.
            timeout: Seconds for the whole run; None: no limit. A `def` tool at work is waited for:
                give it a `timeout` of its own where that is too long.
            on_timeout: What happens when the time is over: a `RunTimeout`; or the run is paused,
                where nothing is left half done, and can be taken up again.
            error_handlers: As in `RunConfig`; those given here come first.
        """
    @staticmethod
    async def run(
        starting_agent: Agent[TContext],
        input: str | Sequence[Mapping[str, Any]] | RunState,
        *,
        context: TContext | None = ...,
        max_turns: int | None = ...,
        hooks: RunHooks[TContext] | None = ...,
        run_config: RunConfig | None = ...,
        session: Session | None = ...,
        previous_response_id: str | None = ...,
        auto_previous_response_id: bool = ...,
        conversation_id: str | None = ...,
        timeout: float | None = ...,
        on_timeout: Literal['raise', 'pause'] = ...,
        error_handlers: Mapping[str, RunErrorHandler] | None = ...,
    ) -> RunResult:
        """Run to the end without blocking the event loop; cancelling the task stops the run.

        Args:
            starting_agent: The agent that begins.
            input: Text, a list of input items, or a `RunState`: a run that goes on.
            context: Any object; every tool, hook, guardrail and instruction function of the run is
                given it. It is not sent to the model.
            max_turns: Most turns, each a model call with what follows from it; None: no limit; left
                out: 10.
            hooks: Called at each step.
            run_config: Options for the whole run.
            session: Remembers the conversation: its history goes before the input, what is new is
                added.
            previous_response_id: Continue from this response, where the server keeps responses.
            auto_previous_response_id: Whether each turn continues from the response before it, from
                the second one on, so that only what is new is sent.
            conversation_id: Continue this conversation of the server.
            timeout: Seconds for the whole run; None: no limit. A `def` tool at work is waited for:
                give it a `timeout` of its own where that is too long.
            on_timeout: What happens when the time is over: a `RunTimeout`; or the run is paused,
                where nothing is left half done, and can be taken up again.
            error_handlers: As in `RunConfig`; those given here come first.
        """
    @staticmethod
    def run_streamed(
        starting_agent: Agent[TContext],
        input: str | Sequence[Mapping[str, Any]] | RunState,
        *,
        context: TContext | None = ...,
        max_turns: int | None = ...,
        hooks: RunHooks[TContext] | None = ...,
        run_config: RunConfig | None = ...,
        session: Session | None = ...,
        previous_response_id: str | None = ...,
        auto_previous_response_id: bool = ...,
        conversation_id: str | None = ...,
        timeout: float | None = ...,
        on_timeout: Literal['raise', 'pause'] = ...,
        error_handlers: Mapping[str, RunErrorHandler] | None = ...,
    ) -> RunResultStreaming:
        """A run whose events are read from the returned object, by `for` or `async for`.

        Args:
            starting_agent: The agent that begins.
            input: Text, a list of input items, or a `RunState`: a run that goes on.
            context: Any object; every tool, hook, guardrail and instruction function of the run is
                given it. It is not sent to the model.
            max_turns: Most turns, each a model call with what follows from it; None: no limit; left
                out: 10.
            hooks: Called at each step.
            run_config: Options for the whole run.
            session: Remembers the conversation: its history goes before the input, what is new is
                added.
            previous_response_id: Continue from this response, where the server keeps responses.
            auto_previous_response_id: Whether each turn continues from the response before it, from
                the second one on, so that only what is new is sent.
            conversation_id: Continue this conversation of the server.
            timeout: Seconds for the whole run; None: no limit. A `def` tool at work is waited for:
                give it a `timeout` of its own where that is too long.
            on_timeout: What happens when the time is over: a `RunTimeout`; or the run is paused,
                where nothing is left half done, and can be taken up again.
            error_handlers: As in `RunConfig`; those given here come first.
        """
    @staticmethod
    def run_many(
        starting_agent: Agent[TContext],
        inputs: Iterable[str | Sequence[Mapping[str, Any]] | RunState],
        *,
        max_workers: int = 8,
        executor: Executor | None = None,
        on_result: Callable[[RunOutcome], object] | None = None,
        context: TContext | None = ...,
        max_turns: int | None = ...,
        hooks: RunHooks[TContext] | None = ...,
        run_config: RunConfig | None = ...,
        session: Session | None = ...,
        previous_response_id: str | None = ...,
        auto_previous_response_id: bool = ...,
        conversation_id: str | None = ...,
        timeout: float | None = ...,
        on_timeout: Literal['raise', 'pause'] = ...,
        error_handlers: Mapping[str, RunErrorHandler] | None = ...,
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
            context: Any object; every tool, hook, guardrail and instruction function of the run is
                given it. It is not sent to the model.
            max_turns: Most turns, each a model call with what follows from it; None: no limit; left
                out: 10.
            hooks: Called at each step.
            run_config: Options for the whole run.
            session: Remembers the conversation: its history goes before the input, what is new is
                added.
            previous_response_id: Continue from this response, where the server keeps responses.
            auto_previous_response_id: Whether each turn continues from the response before it, from
                the second one on, so that only what is new is sent.
            conversation_id: Continue this conversation of the server.
            timeout: Seconds for the whole run; None: no limit. A `def` tool at work is waited for:
                give it a `timeout` of its own where that is too long.
            on_timeout: What happens when the time is over: a `RunTimeout`; or the run is paused,
                where nothing is left half done, and can be taken up again.
            error_handlers: As in `RunConfig`; those given here come first.

        Raises:
            UserError: An argument is of the wrong kind, or two do not go together.
        """
    @staticmethod
    def replay(
        starting_agent: Agent[TContext],
        recorded: RunState | StoredTrace | Journal | str | os.PathLike[str] | dict[str, Any],
        *,
        run_id: str | None = None,
        model: Literal['recorded', 'live'] = 'recorded',
        tools: Literal['recorded', 'live'] = 'recorded',
        on_missing: Literal['raise', 'live', 'ask'] = 'raise',
        context: TContext | None = ...,
        max_turns: int | None = ...,
        hooks: RunHooks[TContext] | None = ...,
        run_config: RunConfig | None = ...,
        session: Session | None = ...,
        previous_response_id: str | None = ...,
        auto_previous_response_id: bool = ...,
        conversation_id: str | None = ...,
        timeout: float | None = ...,
        on_timeout: Literal['raise', 'pause'] = ...,
        error_handlers: Mapping[str, RunErrorHandler] | None = ...,
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
            context: Any object; every tool, hook, guardrail and instruction function of the run is
                given it. It is not sent to the model.
            max_turns: Most turns, each a model call with what follows from it; None: no limit; left
                out: 10.
            hooks: Called at each step.
            run_config: Options for the whole run.
            session: Remembers the conversation: its history goes before the input, what is new is
                added.
            previous_response_id: Continue from this response, where the server keeps responses.
            auto_previous_response_id: Whether each turn continues from the response before it, from
                the second one on, so that only what is new is sent.
            conversation_id: Continue this conversation of the server.
            timeout: Seconds for the whole run; None: no limit. A `def` tool at work is waited for:
                give it a `timeout` of its own where that is too long.
            on_timeout: What happens when the time is over: a `RunTimeout`; or the run is paused,
                where nothing is left half done, and can be taken up again.
            error_handlers: As in `RunConfig`; those given here come first.

        Raises:
            ReplayMiss: Something is asked that the record does not hold.
            UserError: There is no such run, or it was begun by an agent of another name.
        """
