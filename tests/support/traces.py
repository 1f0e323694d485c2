"""A trace provider of its own for each test, a processor that remembers, a real collector."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from agents_lite.tracing import (
    TraceProvider,
    TracingProcessor,
    get_trace_provider,
    set_trace_provider,
)
from tests.support import servers


class RememberingProcessor(TracingProcessor):
    """Keeps what it hears, in order, as (event, trace or span)."""

    def __init__(self):
        self.heard = []

    def on_trace_start(self, trace):
        self.heard.append(("trace_start", trace))

    def on_trace_end(self, trace):
        self.heard.append(("trace_end", trace))

    def on_span_start(self, span):
        self.heard.append(("span_start", span))

    def on_span_end(self, span):
        self.heard.append(("span_end", span))

    def shutdown(self):
        self.heard.append(("shutdown", None))

    def force_flush(self):
        self.heard.append(("force_flush", None))

    @property
    def events(self):
        return [event for event, _ in self.heard]

    @property
    def spans(self):
        """Finished spans by the name, or else the type, of their data."""
        ended = [item for event, item in self.heard if event == "span_end"]
        return {getattr(span.span_data, "name", span.span_data.type): span for span in ended}


class Collector:
    """A server on loopback that records what is posted and answers with queued statuses."""

    def __init__(self):
        self.requests = []
        self.statuses = []
        self.headers = {}
        self.answers = {}  # bodies by path
        self.body_limit = None
        self.arrived = threading.Semaphore(0)
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.requests.append((self.path, self.headers, body))
                self.send_response(collector.next_status(body))
                for name, value in collector.headers.items():
                    self.send_header(name, value)
                answer = collector.answers.get(self.path, b"")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
                collector.arrived.release()

            do_GET = do_POST

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def next_status(self, body):
        if self.body_limit is not None and len(body) > self.body_limit:
            return 413
        return self.statuses.pop(0) if self.statuses else 200

    @property
    def batches(self):
        """The "data" list of each request, in order of arrival."""
        return [json.loads(body)["data"] for _, _, body in self.requests]

    @property
    def items(self):
        return [item for batch in self.batches for item in batch]

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def collector():
    server = Collector()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def provider(monkeypatch):
    """A provider with its default processors, no key, and no other setting of the environment."""
    for name in (
        "OPENAI_API_KEY",
        "OPENAI_ORG_ID",
        "OPENAI_PROJECT_ID",
        "OPENAI_AGENTS_DISABLE_TRACING",
        "OPENAI_AGENTS_TRACE_INCLUDE_SENSITIVE_DATA",
        "AGENTS_LITE_TRACE_DB",
    ):
        monkeypatch.delenv(name, raising=False)
    earlier = get_trace_provider()
    fresh = TraceProvider()
    set_trace_provider(fresh)
    yield fresh
    fresh.openai_processor.exit_timeout = 0
    fresh.shutdown()
    set_trace_provider(earlier)


@pytest.fixture
def remembered(provider):
    """The only processor of the test's provider."""
    processor = RememberingProcessor()
    provider.set_processors([processor])
    return processor


@pytest.fixture
def silent_port():
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def free_port():
    """A port that refuses connections."""
    return servers.free_port()
