"""Runs as their traces tell them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from ..exceptions import UserError
from ..guardrail import GuardrailFunctionOutput
from ..items import ItemHelpers
from ..response_types import as_object
from ..running.facts import Decided, Started
from ..shown import in_few_words
from ..tracing.sqlite_store import StoredSpan, StoredTrace
from ..usage import Usage, usage_of_request
from .recorded import (
    JSON,
    RecordedCall,
    RecordedCheck,
    RecordedRun,
    RecordedTurn,
    asked_model,
    call_id_in,
    calls_of,
    same_words,
)

_KINDS: dict[str, Any] = {
    "type": str,
    "role": str,
    "id": str,
    "call_id": str,
    "name": str,
    "arguments": str,
    "content": str | list,
    "summary": list,
}
"""Of the fields of an answer's items, where they are not None."""


def runs_of_trace(trace: StoredTrace) -> list[RecordedRun]:
    """The runs of a trace, in their order; runs inside tools and guardrails are parts of others.

    Raises:
        UserError: There are none, or the trace tells nothing of what was said, or in another form.
    """
    try:
        tree = _Tree(trace.spans)
        runs = [tree.run(parts) for parts in _split(tree, tree.agents_below(None))]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"The trace holds what is no span of a run: {error!r}") from error
    if not runs:
        raise UserError(f"Trace {trace.trace_id} has no model call, and so no run to be replayed")
    for run in runs:
        run.started = run.started._replace(trace_id=trace.trace_id)
    return runs


def trace_of_json(told: Any) -> StoredTrace:
    """A trace out of JSON: what the viewer's page is given, or the objects of an export.

    Raises:
        UserError: It is neither.
    """
    try:
        if isinstance(told, dict) and "spans" in told:
            return _of_page(told)
        objects = told["data"] if isinstance(told, dict) else told
        (trace,) = [each for each in objects if each["object"] == "trace"]
        spans = [_of_export(each) for each in objects if each["object"] == "trace.span"]
        spans.sort(key=lambda span: span.started_ns)
        began = spans[0].started_ns if spans else 0
        return _trace(trace["id"], trace.get("workflow_name", ""), began, spans)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UserError(f"This JSON is no trace: {error!r}") from error


def _of_page(told: JSON) -> StoredTrace:
    spans = [
        StoredSpan(
            each["span_id"],
            each.get("parent_id"),
            int(float(each.get("started_ns", each.get("start", 0)))),
            None,
            each.get("span_data") or each["data"],
            each.get("error"),
        )
        for each in told["spans"]
    ]
    return _trace(told["trace_id"], told.get("workflow_name", ""), 0, spans)


def _of_export(told: JSON) -> StoredSpan:
    moment = datetime.fromisoformat(told["started_at"])
    began = int(moment.timestamp() * 10**6) * 1000
    return StoredSpan(
        told["id"], told.get("parent_id"), began, None, told["span_data"], told.get("error")
    )


def _trace(trace_id: str, name: str, began: int, spans: list[StoredSpan]) -> StoredTrace:
    errors = sum(span.error is not None for span in spans)
    return StoredTrace(trace_id, name, None, None, began, None, len(spans), errors, spans)


class _Tree:
    """The spans of a trace, by what is around them."""

    def __init__(self, spans: list[StoredSpan]) -> None:
        known = {span.span_id for span in spans}
        self.inside: dict[str | None, list[StoredSpan]] = defaultdict(list)
        for span in spans:
            self.inside[span.parent_id if span.parent_id in known else None].append(span)

    def agents_below(self, span_id: str | None) -> list[StoredSpan]:
        """The nearest spans of agents inside a span, in the order of their beginnings."""
        found: list[StoredSpan] = []
        waiting = list(self.inside[span_id])
        while waiting:
            span = waiting.pop(0)
            if _kind(span) == "agent":
                found.append(span)
            else:
                waiting = [*self.inside[span.span_id], *waiting]
        return found

    def answers(self, agent: StoredSpan) -> list[StoredSpan]:
        """The model calls of an agent's span."""
        return [each for each in self.inside[agent.span_id] if _kind(each) == "generation"]

    def run(self, parts: list[StoredSpan]) -> RecordedRun:
        """The run whose agents these spans are of."""
        reader = _Reader(self, str(parts[0].span_data.get("name")))
        for part in parts:
            reader.read(part)
        return reader.told()


def _split(tree: _Tree, agents: list[StoredSpan]) -> Iterator[list[StoredSpan]]:
    """Spans of agents, those of a run together."""
    run: list[StoredSpan] = []
    for span in agents:
        if not run and not tree.answers(span):
            continue  # nothing was asked
        if run and not _goes_on(tree, run, span):
            yield run
            run = []
        run.append(span)
    if run:
        yield run


def _goes_on(tree: _Tree, run: list[StoredSpan], span: StoredSpan) -> bool:
    """Whether an agent's span belongs to the run so far: after a handoff or a pause."""
    last, name = run[-1], span.span_data.get("name")
    handoffs = [each for each in tree.inside[last.span_id] if _kind(each) == "handoff"]
    if handoffs and handoffs[-1].span_data.get("to_agent") == name:
        return True
    answers = [answer for part in run for answer in tree.answers(part)]
    if last.span_data.get("name") != name or not answers:
        return False
    calls = calls_of(_items(answers[-1].span_data.get("output")))
    following = tree.answers(span)
    if not following:
        return bool(calls)
    sent = _items(following[0].span_data.get("input"))
    return any(call_id_in(item) in calls for item in sent if _is_output(item))


class _Reader:
    """Puts a run together out of the spans of its agents."""

    def __init__(self, tree: _Tree, agent: str) -> None:
        self._tree = tree
        self._run = RecordedRun(agent, Started("", None, agent, [], [], [], None, None, None))
        self._turn: RecordedTurn | None = None
        self._functions: defaultdict[str, list[StoredSpan]] = defaultdict(list)

    def read(self, part: StoredSpan) -> None:
        """Take what an agent did."""
        agent = str(part.span_data.get("name"))
        if part.error is not None:
            self._run.failure = _words(part.error)
        for span in self._tree.inside[part.span_id]:
            match _kind(span):
                case "generation":
                    self._take_answer(span, agent)
                case "function":
                    self._take_call(span)
                case "guardrail":
                    self._take_check(span)
                    self._take_others(span)
                case "handoff":
                    self._take_handoff()
                case _:
                    self._take_others(span)

    def told(self) -> RecordedRun:
        """The run."""
        run = self._run
        turns = list(run.turns.values())
        for turn in turns:
            for call in turn.calls.values():
                self._finish(call, self._functions[call.call_id])
        if turns and not run.failure:
            run.waiting = list(_waiting(turns[-1]))
            if not turns[-1].calls:
                run.final_output = _last_text(turns[-1].output)
        return run

    def _finish(self, call: RecordedCall, spans: list[StoredSpan]) -> None:
        """Put together what the spans of a call tell: there are several if it paused."""
        for span in spans:
            if call.item is None and span.span_data.get("output") is not None:
                call.item = _output_item(call, span.span_data["output"])
            if span.error is not None and span.span_data.get("output") is None:
                call.raised = _words(span.error)
        if spans or call.item is not None:
            call.decided = _decision(call, bool(spans))
        inner = [agent for span in spans for agent in self._tree.agents_below(span.span_id)]
        runs = list(self._inner_runs(inner))
        if runs:
            call.inside = runs[0]
            for each in runs:
                self._run.others += each.all_turns()

    def _take_answer(self, span: StoredSpan, agent: str) -> None:
        facts = span.span_data
        sent, output = _items(facts.get("input")), facts.get("output")
        if facts.get("input") is None and output is None and span.error is None:
            raise UserError(
                "The trace does not tell what was said: it was made with "
                "trace_include_sensitive_data=False"
            )
        instructions = None
        if sent and sent[0].get("role") == "system":
            instructions, *sent = sent[0].get("content"), *sent[1:]
        if not self._run.turns:
            self._run.started = self._run.started._replace(given=sent, prepared=sent)
        self._note_outputs(sent)
        number = len(self._run.turns) + 1
        items, usage = list(map(_checked, _items(output))), _usage(facts.get("usage"))
        turn = RecordedTurn(
            number,
            agent,
            sent,
            items,
            usage,
            response_id=facts.get("response_id"),
            model=asked_model(usage) or facts.get("model"),
            instructions=instructions,
            settings=_checked_settings(facts.get("model_config") or {}),
            calls=calls_of(items),
        )
        self._run.unanswered = None if output is not None else turn
        if output is not None:  # else it failed; the turn was done again, or it was the last
            self._turn = self._run.turns[number] = turn

    def _note_outputs(self, sent: list[JSON]) -> None:
        """Take the outputs of calls as the next request tells them."""
        calls = {} if self._turn is None else self._turn.calls
        for item in sent:
            call_id = call_id_in(item)
            if _is_output(item) and call_id in calls and calls[call_id].item is None:
                calls[call_id].item = item

    def _take_call(self, span: StoredSpan) -> None:
        facts = span.span_data
        call = self._call_of(span)
        if call is None or self._turn is None:
            self._take_others(span)
            return
        self._functions[call.call_id].append(span)
        server = (facts.get("mcp_data") or {}).get("server")
        if server is not None:
            place = ("mcp_servers", str(server), call.name, call.name)
            self._run.places.setdefault(self._turn.agent, set()).add(place)

    def _call_of(self, span: StoredSpan) -> RecordedCall | None:
        """The call that a tool's span is of: the first that fits and is not over."""
        calls = [] if self._turn is None else list(self._turn.calls.values())
        fitting = [call for call in calls if _fits(call, span)]
        fitting.sort(key=lambda call: bool(self._functions[call.call_id]))
        for call in fitting:
            spans = self._functions[call.call_id]
            if not spans or (spans[-1].span_data.get("output") is None and not spans[-1].error):
                return call
        return None

    def _take_handoff(self) -> None:
        """Note which calls were handoffs: those that no tool's span tells of."""
        for call in [] if self._turn is None else self._turn.calls.values():
            call.hands_over = call.hands_over or not self._functions[call.call_id]

    def _inner_runs(self, agents: list[StoredSpan]) -> Iterator[RecordedRun]:
        for parts in _split(self._tree, agents):
            yield self._tree.run(parts)

    def _take_check(self, span: StoredSpan) -> None:
        name, triggered = str(span.span_data.get("name")), bool(span.span_data.get("triggered"))
        if span.error is None:
            verdict = GuardrailFunctionOutput(None, triggered)
            self._run.checks.append(RecordedCheck(name, None, verdict))

    def _take_others(self, span: StoredSpan) -> None:
        """Note the turns of runs that a function has begun by itself."""
        for run in self._inner_runs(self._tree.agents_below(span.span_id)):
            self._run.others += run.all_turns()


def _waiting(turn: RecordedTurn) -> Iterator[str]:
    """The calls that wait for a person: nothing was done about them, or one waits inside."""
    for call in turn.calls.values():
        if call.item is None and call.inside is not None:
            yield from call.inside.waiting
        elif call.item is None and call.decided is None and not call.hands_over:
            yield f"{call.name}({call.arguments})"


def _usage(told: Any) -> Usage:
    """Tokens as they were traced, and what their price depends on."""
    facts = told if isinstance(told, dict) else {}
    counts = {**facts, "cost": facts.get("reported_cost")}
    return usage_of_request(
        {**facts, "usage": counts}, facts.get("asked_model"), facts.get("hostname")
    )


def _kind(span: StoredSpan) -> str:
    return str(span.span_data.get("type"))


def _items(value: Any) -> list[JSON]:
    """Items as they were traced; the mark of what was cut off is none."""
    return [item for item in _list(value) if isinstance(item, dict) and "cut" not in item]


def _checked(item: JSON) -> JSON:
    """An item of an answer, whose fields are taken for what they should be from here on.

    Raises:
        ValueError: One is missing, or of another kind.
    """
    told = {name: value for name in _KINDS if (value := item.get(name)) is not None}
    wrong = [name for name, value in told.items() if not isinstance(value, _KINDS[name])]
    parts = [] if wrong else [*_list(told.get("content")), *_list(told.get("summary"))]
    if item.get("type") == "function_call":
        wrong += {"name", "arguments", "call_id"} - set(told)
    if wrong or not all(isinstance(part, dict) for part in parts):
        raise ValueError(f"{in_few_words(item)} is no item of an answer")
    return item


def _checked_settings(settings: Any) -> JSON:
    """What a model was called with.

    Raises:
        ValueError: It is no dict, or its tools are no list of them.
    """
    tools = settings.get("tools") or [] if isinstance(settings, dict) else None
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise ValueError(f"{in_few_words(settings)} are no settings of a model")
    known: JSON = settings
    return known


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_output(item: JSON) -> bool:
    return str(item.get("type")).endswith(("_output", "_response"))


def _fits(call: RecordedCall, span: StoredSpan) -> bool:
    """Whether a tool's span may be of that call; some calls do not name their tool."""
    name, arguments = span.span_data.get("name"), span.span_data.get("input")
    is_named = call.name != call.kind
    is_same = arguments is None or same_words(str(arguments), call.arguments)
    return is_same and (name == call.name or not is_named)


def _output_item(call: RecordedCall, output: Any) -> JSON:
    name_of_id = "id" if call.kind == "local_shell_call" else "call_id"
    return {"type": f"{call.kind}_output", name_of_id: call.call_id, "output": output}


def _decision(call: RecordedCall, was_made: bool) -> Decided:
    """What a person must have decided, if one was asked."""
    item = call.item or {}
    if was_made or item.get("approve"):
        return Decided(call.call_id, "approve")
    words = item.get("reason") or call.output
    return Decided(call.call_id, "reject", message=words if isinstance(words, str) else None)


def _words(error: JSON) -> str:
    facts = error.get("data")
    kind = facts.get("type") if isinstance(facts, dict) else None
    return f"{kind}: {error.get('message')}" if kind else str(error.get("message"))


def _last_text(output: Iterable[JSON]) -> str:
    messages = [item for item in output if item.get("type") == "message"]
    return (ItemHelpers.extract_text(as_object(messages[-1])) if messages else None) or ""
