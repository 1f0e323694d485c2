"""Runs made up by chance, the same for the same number, which can be cut after any fact."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from agents_lite import (
    Agent,
    GuardrailFunctionOutput,
    HandoffInputData,
    Model,
    ModelRequest,
    RunConfig,
    RunHooks,
    RunState,
    SQLiteSession,
    ToolContext,
    function_tool,
    handoff,
    input_guardrail,
    output_guardrail,
)
from agents_lite.concurrency.generators import drain
from agents_lite.extensions.handoff_filters import remove_all_tools
from agents_lite.response_types import as_stream_event
from agents_lite.running.facts import Fact, TakenUp
from agents_lite.running.record import Record
from agents_lite.running.start import new_run
from agents_lite.testing import call, reasoning, text, token_usage, turn
from agents_lite.testing.wire import build_response, stream_events, terminal_event

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.support.preloaded"])


class Sum(BaseModel):
    total: int


class Notes:
    """What tools and hooks were told, kept in a file over processes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, line: str) -> None:
        with self.path.open("a") as file:
            file.write(line + "\n")

    def lines(self) -> list[str]:
        return self.path.read_text().splitlines() if self.path.exists() else []


class StatelessModel(Model):
    """Answers by what it is sent alone: the turn is one more than calls and messages tell of."""

    def __init__(self, label: str, turns: list[list[dict[str, Any]]]) -> None:
        self.label = label
        self.turns = turns

    def stream(self, request: ModelRequest) -> Iterator[Any]:
        mine = f"{self.label}."
        ids = [str(item.get("call_id")) for item in request.input]
        turns = {each.split(".")[1] for each in ids if each.startswith(mine)}
        said = [str(item.get("id")) for item in request.input if item.get("role") == "assistant"]
        turns |= {each.split("_")[2] for each in said if each.startswith(f"item_{self.label}_")}
        number = len(turns)
        answer = turn(*self.turns[number], usage=token_usage(number + 1, 2))
        response = build_response(answer, {"model": self.label})
        response["id"] = f"resp_{self.label}_{number}"
        for place, item in enumerate(response["output"]):
            item["id"] = f"item_{self.label}_{number}_{place}"
        for event in stream_events(response) if request.stream else [terminal_event(response)]:
            yield as_stream_event(event)


class NotingHooks(RunHooks[Any]):
    def __init__(self, notes: Notes) -> None:
        self.notes = notes

    def on_agent_start(self, context: Any, agent: Any, input_data: Any) -> None:
        self.notes.add(f"hook agent_start {agent.name}")

    def on_agent_end(self, context: Any, agent: Any, output: Any) -> None:
        self.notes.add(f"hook agent_end {agent.name} {output}")

    def on_handoff(self, context: Any, from_agent: Any, to_agent: Any) -> None:
        self.notes.add(f"hook handoff {from_agent.name} {to_agent.name}")

    def on_tool_end(self, context: Any, agent: Any, tool: Any, result: Any) -> None:
        self.notes.add(f"hook tool_end {tool.name} {result}")


def keep_the_last(data: HandoffInputData) -> HandoffInputData:
    return data.clone(
        pre_handoff_items=data.pre_handoff_items[-1:],
        input_history=({"role": "user", "content": "In short."},),
    )


class GeneratedRun:
    """Agents, options and an input; all of it follows from a number.

    With `asks` some calls ask a person in their middle, as those of MCP servers do.
    """

    def __init__(self, number: int, notes: Notes, asks: bool = False) -> None:
        self.asks = asks
        self.chance = random.Random(number)
        self.notes = notes
        self.streamed = self.chance.random() < 0.5
        self.is_async = self.chance.random() < 0.3
        self.has_session = self.chance.random() < 0.6
        self.input: Any = "Go on."
        if self.chance.random() < 0.3:
            self.input = [{"role": "user", "content": "Go."}, {"role": "user", "content": "On."}]
        self.agent = self.front("F", depth=2)

    def options(self) -> dict[str, Any]:
        options: dict[str, Any] = {
            "context": {"name": "Ada"},
            "hooks": NotingHooks(self.notes),
            "run_config": RunConfig(
                tracing_disabled=True,
                parallel_tools=self.chance.choice([None, None, True]),
            ),
        }
        if self.has_session:
            store = self.notes.path.with_suffix(".db")
            options["session"] = SQLiteSession("s", store)
        return options

    def front(self, label: str, depth: int) -> Agent[Any]:
        chance = self.chance
        tools = [self.tool("plain"), self.tool("also"), self.tool("coroutine", is_async=True)]
        tools.append(self.tool("beside", parallel=True))
        tools.append(self.tool("paid", needs_approval=True))
        if self.asks and not depth:
            tools.append(function_tool(self.asking))
        names = [each.name for each in tools]
        if depth:
            inner = self.front(f"{label}i", depth - 1)
            tools.append(inner.as_tool("ask", "Ask.", needs_approval=chance.random() < 0.3))
            names.append("ask")
        turns = [self.turn(label, number, names) for number in range(chance.randint(1, 3))]
        handoffs: list[Any] = []
        options: dict[str, Any] = {}
        if depth and chance.random() < 0.6:
            back = self.back(f"{label}b")
            chosen = chance.choice([None, None, remove_all_tools, keep_the_last])
            handoffs = [Agent(name="Decoy"), handoff(back, input_filter=chosen)]
            last = [call("transfer_to_back", call_id=f"{label}.{len(turns)}.0")]
            turns.append([*last, *self.turn(label, len(turns), names[:2], first=1)])
        else:
            turns.append([text(f"Said by {label}")])
            options["output_guardrails"] = [self.output_check(f"{label}o")]
        if chance.random() < 0.7:
            options["input_guardrails"] = [
                self.input_check("beside", True),
                self.input_check("before", False),
            ]
        return Agent(
            name="Agent" if depth < 2 else "Front",  # nested ones bear one name
            model=StatelessModel(label, turns),
            tools=tools,
            handoffs=handoffs,
            **options,
        )

    def back(self, label: str) -> Agent[Any]:
        turns = [self.turn(label, 0, ["plain", "paid"])]
        is_typed = self.chance.random() < 0.5
        turns.append([reasoning("Hm."), text('{"total": 3}' if is_typed else "Back.")])
        return Agent(
            name="Back",
            model=StatelessModel(label, turns),
            tools=[self.tool("plain"), self.tool("paid", needs_approval=True)],
            output_type=Sum if is_typed else None,
            output_guardrails=[self.output_check("all")],
        )

    def turn(
        self, label: str, number: int, names: list[str], first: int = 0
    ) -> list[dict[str, Any]]:
        count = self.chance.randint(1, 3)
        calls = []
        for place in range(first, first + count):
            name = self.chance.choice(names)
            arguments = {"input": f"{label}{number}"} if name == "ask" else {"number": place}
            calls.append(call(name, call_id=f"{label}.{number}.{place}", **arguments))
        return [reasoning("Hm."), *calls] if self.chance.random() < 0.3 else calls

    def tool(self, name: str, is_async: bool = False, **options: Any) -> Any:
        def made(context: ToolContext[Any], number: int) -> dict[str, Any]:
            assert context.context == {"name": "Ada"}
            self.notes.add(f"call {name} {context.tool_call_id}")
            return {"number": number}

        async def made_async(context: ToolContext[Any], number: int) -> dict[str, Any]:
            await asyncio.sleep(0)
            return made(context, number)

        return function_tool(made_async if is_async else made, name_override=name, **options)

    def asking(self, context: ToolContext[Any], number: int) -> Any:
        """Ask a person."""
        run: Any = context.run
        _, answers, state = run.answered_in_call(context.tool_call_id)
        if state is None:
            question = {"server_name": "s", "message": f"{number}?"}
            raise run.ask_in_call(context.tool_call_id, {"a": question, "b": question}, {"n": 1})
        self.notes.add(f"call asking {context.tool_call_id}")
        return [number, answers, state]

    def input_check(self, name: str, run_in_parallel: bool) -> Any:
        @input_guardrail(name=name, run_in_parallel=run_in_parallel)
        def check(context: Any, agent: Any, given: Any) -> GuardrailFunctionOutput:
            return GuardrailFunctionOutput({"seen": True}, False)

        return check

    def output_check(self, name: str) -> Any:
        @output_guardrail(name=name)
        def check(context: Any, agent: Any, output: Any) -> GuardrailFunctionOutput:
            return GuardrailFunctionOutput(name, False)

        return check


class Cut(BaseException):
    """The run is cut here."""


class CutRecord(Record):
    """A record that takes so many more facts, those of runs inside included, and no other."""

    def __init__(self, agent: Agent[Any], left: list[int | None], **options: Any) -> None:
        self.left = left
        super().__init__(agent, **options)

    def add(self, fact: Fact) -> None:
        if self.left[0] is not None and not isinstance(fact, TakenUp):
            if self.left[0] == 0:
                raise Cut
            self.left[0] -= 1
        super().add(fact)

    def inner(self, call_id: str, agent: Agent[Any]) -> Record:
        key = (self.turn, call_id)
        if key not in self.inside:
            self.inside[key] = CutRecord(agent, self.left, around=self)
        return self.inside[key]


def _with_limit(record: Record, left: list[int | None], around: Record | None = None) -> CutRecord:
    limited = CutRecord(record.starting_agent, [None], around=around)
    for fact in record.facts:
        limited.add(fact)
    for place, inner in record.inside.items():
        limited.inside[place] = _with_limit(inner, left, limited)
    limited.left = left
    return limited


def go_on(number: int, folder: Path, state: str | None, most_facts: int | None) -> dict[str, Any]:
    """Begin or take up a generated run, for so many facts at the most, in this process.

    Calls that wait are approved at the next start. Returns the state as text, and once the run is
    over what came of it.
    """
    generated = GeneratedRun(number, Notes(folder / "notes"), asks=True)
    left: list[int | None] = [most_facts]
    options = generated.options()
    if state is None:
        record = CutRecord(generated.agent, left)
    else:
        value = RunState.from_string(generated.agent, state, key=b"k", context=options["context"])
        for item in value.get_interruptions():
            if item.reason == "input":
                value.provide_input(item, {"name": item.question_name})
            else:
                value.approve(item)
        record = _with_limit(value.take_up(generated.agent)[0], left)
    run = new_run(
        generated.agent,
        generated.input,
        options,  # type: ignore[arg-type]
        streamed=generated.streamed,
        record=record,
    )
    try:
        if generated.is_async:
            asyncio.run(_drained(run))
        else:
            drain(run.events)
    except Cut:
        pass
    told: dict[str, Any] = {"state": run.to_state().to_string(key=b"k"), "is_over": record.is_over}
    told["facts"] = len(record.facts)
    told["parallel_tools"] = options["run_config"].parallel_tools
    if record.is_over:
        told["outcome"] = outcome(run)
    return told


def taken_further(agent: Agent[Any], state: str | None, left: list[int | None]) -> Any:
    """A run of that agent and its record, so many facts further."""
    record = CutRecord(agent, left)
    if state is not None:
        record = _with_limit(RunState.from_string(agent, state).take_up(agent)[0], left)
    run = new_run(agent, "Go on.", {}, streamed=False, record=record)
    with suppress(Cut):
        drain(run.events)
    return run, record


async def _drained(run: Any) -> None:
    from agents_lite.concurrency.aio import run_on_thread

    await run_on_thread(run)


def outcome(run: Any) -> dict[str, Any]:
    """All that is to be the same however often a run was cut."""
    record = run.record
    conversation = record.conversation
    session = run.session
    output = record.final_output
    return {
        "output": output.model_dump() if isinstance(output, BaseModel) else output,
        "type": type(output).__name__,
        "items": [[i.type, i.agent.name, i.to_input_item()] for i in conversation.new_items],
        "input_list": conversation.to_input_list(),
        "session": None if session is None else session.get_items(),
        "usage": [record.usage.requests, record.usage.input_tokens, record.usage.output_tokens],
        "by_agent": {name: use.total_tokens for name, use in sorted(record.usage_by_agent.items())},
        "tool_calls": record.tool_calls,
        "input_checks": [each.guardrail.get_name() for each in record.input_guardrail_results],
        "output_checks": [each.guardrail.get_name() for each in record.output_guardrail_results],
        "last_agent": record.agent.name,
        "last_response": record.raw_responses[-1].response_id,
    }


def in_a_new_process(
    number: int, folder: Path, state: str | None = None, most_facts: int | None = None
) -> dict[str, Any]:
    """The same, in a process that has known nothing of it."""
    folder.mkdir(exist_ok=True)
    answer = folder / "answer"
    process = PROCESSES.Process(target=_write, args=(answer, number, folder, state, most_facts))
    process.start()
    process.join(300)
    assert process.exitcode == 0, f"run {number} ended with {process.exitcode}: {state}"
    told: dict[str, Any] = json.loads(answer.read_text())
    return told


def _write(
    answer: Path, number: int, folder: Path, state: str | None, most_facts: int | None
) -> None:
    answer.write_text(json.dumps(go_on(number, folder, state, most_facts)))
