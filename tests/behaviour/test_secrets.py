"""Keys, ids and headers show up nowhere; inputs and outputs only where they may."""

from __future__ import annotations

import ast
import json
import logging
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

import agents_lite
from agents_lite import (
    Agent,
    AgentsException,
    GuardrailFunctionOutput,
    ModelRequest,
    ModelSettings,
    OpenAIResponsesModel,
    RunConfig,
    Runner,
    SQLiteSession,
    UserError,
    custom_span,
    function_tool,
    handoff,
    input_guardrail,
    output_guardrail,
    set_default_openai_client,
    set_default_openai_key,
)
from agents_lite.http.client import ResponsesClient
from agents_lite.models import OpenAIProvider
from agents_lite.running.start import new_run
from agents_lite.testing import (
    ResponsesServer,
    ScriptedModel,
    call,
    handoff_to,
    reasoning,
    refusal,
    text,
    turn,
)
from agents_lite.tracing import (
    BackendSpanExporter,
    BatchTraceProcessor,
    ConsoleSpanExporter,
    SQLiteTraceProcessor,
    get_trace_provider,
    set_trace_processors,
)
from tests.support.drivers import every_driver, every_driver_here
from tests.support.loopback import LoopbackServer, Peer, http_answer, stream_answer
from tests.support.spans import Recorder, recorded_spans

KEY = "sk-verysecretkey123"
TRACING_KEY = "sk-tracingsecret456"
ORGANIZATION, PROJECT = "org-secret", "proj-secret"
OF_ALL, OF_AGENT, OF_RUN = "header-of-all-requests", "header-of-the-agent", "header-of-the-run"
SECRETS = [KEY, TRACING_KEY, ORGANIZATION, PROJECT, OF_ALL, OF_AGENT, OF_RUN]


def secrets_in(shown: str) -> list[str]:
    return [secret for secret in SECRETS if secret in shown]


# Where things show: errors, reprs, logs, traces


def everything_of(error: BaseException) -> str:
    """All that a careless program might print of an error and of those behind it."""
    texts = traceback.format_exception(error)
    chain: list[BaseException | None] = [error]
    while chain:
        one = chain.pop()
        if one is not None:
            texts += [str(one), repr(one), repr(one.args), repr(vars(one))]
            chain += [one.__cause__, one.__context__]
    return "".join(texts)


class Traces:
    """Everything that traces are turned into."""

    def __init__(self, recorder: Recorder, collector: LoopbackServer, store: Path, capsys: Any):
        self._recorder, self._collector, self._store = recorder, collector, store
        self._capsys = capsys

    def text(self) -> str:
        """Objects, exported JSON, what was sent, printed and stored."""
        get_trace_provider().force_flush()
        found = [*self._recorder.traces, *self._recorder.spans]
        printed = self._capsys.readouterr()
        stored = [file.read_bytes() for file in sorted(self._store.parent.glob("traces.db*"))]
        sent = [request.content for request in self._collector.requests]
        assert found and sent and stored and '"trace.span"' in printed.out
        exports = [repr((one, one.export(), getattr(one, "span_data", None))) for one in found]
        return repr([exports, printed, stored, sent])


@pytest.fixture
def traces(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Traces]:
    store = tmp_path / "traces.db"
    with recorded_spans() as recorder, LoopbackServer(always=http_answer(200)) as collector:
        exporter = BackendSpanExporter(
            TRACING_KEY, ORGANIZATION, PROJECT, f"{collector.origin}/ingest"
        )
        others = [BatchTraceProcessor(exporter), BatchTraceProcessor(ConsoleSpanExporter())]
        set_trace_processors([recorder, SQLiteTraceProcessor(store), *others])
        yield Traces(recorder, collector, store, capsys)
        get_trace_provider().shutdown()


def client_of(server: Any, **options: Any) -> ResponsesClient:
    settings = {"api_key": KEY, "max_retries": 1, "retry_delay": 0.001, "read_timeout": 10.0}
    return ResponsesClient(
        base_url=server.base_url,
        organization=ORGANIZATION,
        project=PROJECT,
        default_headers={"X-All": OF_ALL},
        **{**settings, **options},
    )


def agent_of(server: Any, **options: Any) -> Agent[Any]:
    model = OpenAIResponsesModel("m", client_of(server, **options))
    return Agent(
        name="A", model=model, model_settings=ModelSettings(extra_headers={"X-Agent": OF_AGENT})
    )


# Secrets


def echo(status: int, **headers: str) -> Callable[[Peer], None]:
    """Tells in every place of an error what was received."""

    def answer(peer: Peer) -> None:
        assert peer.request is not None
        told = json.dumps(peer.request.headers)
        error = {"message": told, "code": KEY, "param": told}
        names = {"x-echo": told, "Set-Cookie": KEY, **headers}
        peer.send(http_answer(status, {"error": error}, headers=names))

    return answer


def echo_in_stream(kind: str) -> Callable[[Peer], None]:
    def answer(peer: Peer) -> None:
        assert peer.request is not None
        told = json.dumps(peer.request.headers)
        error = {"message": told, "code": KEY}
        response = {"id": "r", "status": "failed", "output": [], "error": error}
        created = {"type": "response.created", "response": {"id": "r", "output": []}}
        peer.send(stream_answer([created, {"type": kind, "response": response, "error": error}]))

    return answer


def break_off(peer: Peer) -> None:
    peer.send(stream_answer([{"type": "response.created", "response": {"id": "r"}}])[:-5])
    peer.close()


FAULTS = {
    **{f"status {status}": echo(status) for status in (200, 302, 400, 401, 403, 404, 429, 500)},
    "redirect to elsewhere": echo(307, Location=f"http://127.0.0.1:1/?key={KEY}"),
    "error event": echo_in_stream("error"),
    "failed": echo_in_stream("response.failed"),
    "reset": Peer.reset,
    "silence": Peer.hang,
    "broken off": break_off,
    "page": http_answer(200, f"<p>{KEY}{OF_RUN}</p>"),
    "status line": f"{KEY}\r\n\r\n".encode(),
    "bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + KEY.encode() + b"\r\n",
}


@every_driver
@pytest.mark.parametrize("answer", FAULTS.values(), ids=list(FAULTS))
def test_no_failure_shows_a_secret(
    run: Any, answer: Any, traces: Traces, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    config = RunConfig(model_settings=ModelSettings(extra_headers={"X-Run": OF_RUN}))
    patience = {"read_timeout": 0.5} if answer is Peer.hang else {}
    with LoopbackServer(always=answer) as server, pytest.raises(AgentsException) as caught:
        run(agent_of(server, **patience), "Hi", run_config=config)
    sent = str(server.requests[0].headers)
    assert {KEY, ORGANIZATION, PROJECT, OF_ALL, OF_RUN} <= set(secrets_in(sent))
    assert {"agents_lite", "urllib3.connectionpool"} & {record.name for record in caplog.records}
    assert secrets_in(everything_of(caught.value) + caplog.text + traces.text()) == []


@every_driver
def test_no_success_shows_a_secret(
    run: Any, traces: Traces, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with ResponsesServer(["Hello!"]) as server:
        result = run(agent_of(server), "Hi")
    assert OF_AGENT in str(server.requests[0].headers)
    shown = repr([result, vars(result), result.raw_responses, result.new_items])
    assert secrets_in(shown + caplog.text + traces.text()) == []


def test_no_repr_shows_a_secret() -> None:
    with ResponsesServer(["Hello!"]) as server:
        agent = agent_of(server)
        config = RunConfig(model_settings=ModelSettings(extra_headers={"X-Run": OF_RUN}))
        extras = {each: {"k": OF_RUN} for each in ("extra_query", "extra_body", "extra_args")}
        settings = agent.model_settings.resolve(config.model_settings)
        live_run = new_run(agent, "Hi", {"run_config": config}, streamed=True)
        client: Any = agent.model._client  # type: ignore[union-attr]
        before = [*live_run.events, live_run, live_run.record, live_run.to_state()]
        shown = [
            client, agent, agent.model, OpenAIProvider(client), agent.model_settings, config,
            settings, ModelRequest(input=[], model_settings=settings), before,
            BackendSpanExporter(TRACING_KEY, ORGANIZATION, PROJECT),
            client._endpoint, agent.as_tool(), handoff(agent), vars(agent),
            ModelSettings(**extras),
        ]  # fmt: skip
    assert secrets_in(repr(shown)) == []
    assert "ModelSettings(" in repr(config)


@pytest.mark.parametrize("key", [KEY + "\n", " " + KEY, KEY + "é", KEY + "\u2028"])
def test_no_key_that_cannot_be_sent_is_shown(
    key: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with LoopbackServer(always=http_answer(200)) as server, recorded_spans():
        exporter = BackendSpanExporter(key, endpoint=server.origin, max_retries=1)
        set_trace_processors([BatchTraceProcessor(exporter)])
        model = OpenAIResponsesModel("m", client_of(server, api_key=key))
        with pytest.raises(UserError) as caught:
            Runner.run_sync(Agent(name="A", model=model), "Hi")
        get_trace_provider().shutdown()
    assert KEY not in everything_of(caught.value) + caplog.text


def test_no_default_key_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    from agents_lite.models import default_client

    monkeypatch.setattr(default_client, "_default_key", None)
    monkeypatch.setattr(default_client, "_default_client", None)
    with LoopbackServer(always=echo(401)) as server, recorded_spans():
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        set_default_openai_key(KEY)
        with pytest.raises(AgentsException) as caught:
            Runner.run_sync(Agent(name="A"), "Hi")
        assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
        client = client_of(server)
        set_default_openai_client(client)
        with pytest.raises(AgentsException) as caught_too:
            Runner.run_sync(Agent(name="A"), "Hi")
    shown = everything_of(caught.value) + everything_of(caught_too.value)
    assert secrets_in(shown + repr(get_trace_provider())) == []


# Inputs and outputs

CONTENT = "CONTENT"
"""Stands in everything that a user, a model or a tool says."""


class Note(BaseModel):
    text: str


@contextmanager
def failing_server() -> Iterator[ResponsesServer]:
    """Fails once, quoting the input, then answers."""
    answers = [RuntimeError(f"cannot read {CONTENT}"), text(f"{CONTENT} answer")]
    with ResponsesServer(answers) as server:
        yield server


def indiscreet(*turns: Any, **options: Any) -> Agent[Any]:
    @function_tool(strict_mode=False)
    def say(words: str, how_often: int = 1) -> str:
        with custom_span("saying"):
            return f"{words} {CONTENT} said"

    @function_tool
    async def fail(words: str) -> str:
        with custom_span("failing"):
            raise ValueError(f"{words} {CONTENT} failed")

    @function_tool(failure_error_function=None)
    def crash(words: str) -> str:
        raise LookupError(words)

    nested = Agent(
        name="N",
        instructions=f"{CONTENT} system",
        tools=[fail],
        model=ScriptedModel([[call("fail", words=CONTENT)], f"{CONTENT} nested"]),
    )
    settings = {
        "instructions": f"{CONTENT} system",
        "tools": [
            say, fail, crash,
            nested.as_tool("ask"),
            nested.as_tool("ask_other", run_config=RunConfig(workflow_name="Other")),
            function_tool(
                lambda words: Runner.run_sync(nested, words).final_output,
                name_override="ask_by_hand",
                strict_mode=False,
            ),
        ],
    }  # fmt: skip
    return Agent(name="A", model=ScriptedModel(list(turns)), **{**settings, **options})


def tripping(*arguments: Any) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(f"{CONTENT} info", True)


def raising(*arguments: Any) -> GuardrailFunctionOutput:
    raise ValueError(f"{CONTENT} is bad")


def to_note() -> Any:
    taker = indiscreet([reasoning(CONTENT), text(f"{CONTENT} of B")]).clone(name="B")
    return handoff(taker, input_type=Note, on_handoff=lambda context, note: None)


SAY = call("say", words=CONTENT)
SCENES: dict[str, Callable[[], Agent[Any]]] = {
    "answer": lambda: indiscreet(f"{CONTENT} answer"),
    "tool": lambda: indiscreet([SAY], "ok"),
    "tools": lambda: indiscreet([SAY, call("fail", words=CONTENT)], "ok"),
    "failing tool": lambda: indiscreet([call("fail", words=CONTENT)], "ok"),
    "crashing tool": lambda: indiscreet([call("crash", words=CONTENT)]),
    "bad arguments": lambda: indiscreet([call("say", f"{CONTENT} are no JSON")], "ok"),
    "unknown tool": lambda: indiscreet([SAY, call("nope", words=CONTENT)]),
    "odd item": lambda: indiscreet([{"type": "function_call", "arguments": CONTENT}]),
    "nested": lambda: indiscreet([call("ask", input=CONTENT)], "ok"),
    "nested, own config": lambda: indiscreet([call("ask_other", input=CONTENT)], "ok"),
    "nested by hand": lambda: indiscreet([call("ask_by_hand", words=CONTENT)], "ok"),
    "nested side by side": lambda: indiscreet([call("ask_other", input=CONTENT), SAY], "ok"),
    "handoff": lambda: indiscreet([handoff_to("B", text=CONTENT)], handoffs=[to_note()]),
    "bad handoff": lambda: indiscreet(
        [call("transfer_to_b", f"{CONTENT} is no JSON")], handoffs=[to_note()]
    ),
    "two handoffs": lambda: indiscreet(
        [handoff_to("B", text=CONTENT), handoff_to("B", text=CONTENT)], handoffs=[to_note()]
    ),
    "input guardrail": lambda: indiscreet("ok", input_guardrails=[input_guardrail(tripping)]),
    "broken input guardrail": lambda: indiscreet("ok", input_guardrails=[input_guardrail(raising)]),
    "output guardrail": lambda: indiscreet("ok", output_guardrails=[output_guardrail(tripping)]),
    "broken output guardrails": lambda: indiscreet(
        "ok", output_guardrails=[output_guardrail(raising), output_guardrail(raising)]
    ),
    "refusal": lambda: indiscreet(refusal(f"{CONTENT} is too much")),
    "bad output": lambda: indiscreet(f"{CONTENT} is no JSON", output_type=Note),
    "good output": lambda: indiscreet(f'{{"text": "{CONTENT}"}}', output_type=Note),
    "cut short": lambda: indiscreet(turn(CONTENT, status="incomplete")),
    "failing model": lambda: indiscreet(ValueError(f"{CONTENT} is unheard of")),
}


@every_driver_here
@pytest.mark.parametrize("is_included", [False, True])
@pytest.mark.parametrize("scene", SCENES.values(), ids=list(SCENES))
def test_traces_hold_content_only_if_they_may(
    run: Any, scene: Any, is_included: bool, traces: Traces
) -> None:
    config = RunConfig(trace_include_sensitive_data=is_included)
    try:
        run(scene(), f"{CONTENT} question", run_config=config, session=SQLiteSession("s"))
    except (AgentsException, ValueError):
        pass
    assert (CONTENT in traces.text()) == is_included


@every_driver
def test_the_environment_keeps_content_out_of_nested_runs_too(
    run: Any, traces: Traces, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_AGENTS_TRACE_INCLUDE_SENSITIVE_DATA", "0")
    run(SCENES["nested, own config"](), f"{CONTENT} question")
    assert CONTENT not in traces.text()


@pytest.mark.parametrize("is_included", [False, True])
def test_what_a_retry_tells_may_quote_the_input(is_included: bool, traces: Traces) -> None:
    with failing_server() as server:
        config = RunConfig(trace_include_sensitive_data=is_included)
        Runner.run_sync(agent_of(server), f"{CONTENT} question", run_config=config)
    shown = traces.text()
    assert "'retries': [{" in shown
    assert (CONTENT in shown) == is_included


def logged(caplog: pytest.LogCaptureFixture, scenes: Iterable[str], is_included: bool) -> str:
    """What runs of those scenes log above DEBUG."""
    caplog.set_level(logging.INFO)
    config = RunConfig(trace_include_sensitive_data=is_included)
    with recorded_spans():
        for name in scenes:
            try:
                Runner.run_sync(SCENES[name](), f"{CONTENT} question", run_config=config)
            except (AgentsException, ValueError):
                pass
    return caplog.text


def test_content_that_is_not_traced_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert CONTENT not in logged(caplog, SCENES, is_included=False)


def test_only_the_words_of_tools_that_fail_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    failing = [name for name in SCENES if name.startswith(("tools", "failing", "crash", "nested"))]
    others = [name for name in SCENES if name not in failing]
    assert CONTENT not in logged(caplog, others, is_included=True)
    assert CONTENT in logged(caplog, failing, is_included=True)


# Code


def test_nothing_is_evaluated_or_unpickled() -> None:
    package = Path(agents_lite.__file__).parent
    banned_calls = {"eval", "exec", "compile", "__import__", "breakpoint"}
    banned_modules = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "code", "codeop"}
    assert banned_modules - {"dill", "cloudpickle"} <= sys.stdlib_module_names
    for file in package.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            called = node.func if isinstance(node, ast.Call) else None
            assert not (isinstance(called, ast.Name) and called.id in banned_calls), file
            modules = {name.name for name in node.names} if isinstance(node, ast.Import) else set()
            if isinstance(node, ast.ImportFrom) and [name.name for name in node.names] != ["dumps"]:
                modules |= {node.module or ""}
            assert not {module.partition(".")[0] for module in modules} & banned_modules, file
