"""Takes pictures of the viewer, the chat page and the terminal, in the browser that is there.

`<!-- picture: NAME WORDS -->` becomes a picture, light or dark as the page is; without Chromium the
words alone, and the build says so.
"""

from __future__ import annotations

import logging
import os
import pty
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mkdocs.structure.files import File, Files

from agents_lite import RunConfig, Runner
from agents_lite.chat_page.conversations import Conversations
from agents_lite.chat_page.server import AgentChat, serve_chat
from agents_lite.cli.demo import QUESTION, front_desk
from agents_lite.testing.offline import offline
from agents_lite.tracing import (
    SQLiteTraceProcessor,
    TraceStore,
    flush_traces,
    gen_trace_id,
    set_trace_processors,
)
from agents_lite.viewer.page import trace_page

SCHEMES = ("light", "dark")
_MARK = re.compile(r"<!-- picture: (?P<name>\S+) (?P<words>.*) -->")
_STYLES = {
    "1": "font-weight: bold",
    "2": "opacity: .65",
    "32": "color: #2a9d4a",
    "36": "color: #1a9ab0",
}
_TERMINAL = """<!doctype html><meta charset="utf-8"><style>
:root {{ color-scheme: light dark }} body {{ margin: 1rem; background: light-dark(#fff, #16181b) }}
pre {{ font: 13px/1.4 "DejaVu Sans Mono", monospace; white-space: pre-wrap }}
</style><pre>{text}</pre>"""
log = logging.getLogger("mkdocs")
made: set[str] = set()


def on_files(files: Files, config: Any, **_: Any) -> None:
    """Make the pictures; mkdocs calls this before it looks at the pages."""
    made.clear()
    programs = ("chromium-headless-shell", "chromium", "google-chrome")
    browser = next(filter(None, map(shutil.which, programs)), None)
    if browser is None:
        log.info("Chromium is not installed: the pages are without pictures")
        return
    with TemporaryDirectory() as folder:
        for path in _pictures(browser, Path(folder)):
            files.append(File.generated(config, f"pictures/{path.name}", content=path.read_bytes()))
            made.add(path.stem)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in a page; mkdocs calls this."""
    return _MARK.sub(_picture, markdown)


def _picture(mark: re.Match[str]) -> str:
    name, words = mark["name"], mark["words"]
    if f"{name}-light" not in made:
        return f"*{words}*"
    return "\n".join(
        f"![{words}](pictures/{name}-{scheme}.png#only-{scheme})" for scheme in SCHEMES
    )


def _pictures(browser: str, folder: Path) -> list[Path]:
    """The files of all pictures."""
    trace, shown = _demo(folder)
    (folder / "trace.html").write_text(trace_page(trace), "utf-8")
    (folder / "terminal.html").write_text(_TERMINAL.format(text=shown), "utf-8")
    tool = next(span for span in trace.spans if span.span_data["type"] == "function")
    viewer = f"{(folder / 'trace.html').as_uri()}#/{tool.span_id}"
    with closing(_chat(folder)) as server, ThreadPoolExecutor(3) as threads:
        pages = {
            "viewer": (viewer, "1280,620"),
            "chat": (server.url, "1280,760"),
            "terminal": ((folder / "terminal.html").as_uri(), "1000,900"),
        }
        shots = [
            threads.submit(partial(_take, browser, url, size, folder / f"{name}-{scheme}.png"))
            for name, (url, size) in pages.items()
            for scheme in SCHEMES
        ]
        return [shot.result() for shot in shots]


def _demo(folder: Path) -> tuple[Any, str]:
    """What `agents-lite demo` leaves behind: its trace, and its terminal as HTML."""
    database = folder / "demo.db"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("OPENAI_", "NO_COLOR"))}
    environment |= {"AGENTS_LITE_TRACE_DB": str(database), "TERM": "xterm"}
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "agents_lite", "demo"]
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    text = b""
    with suppress(OSError):  # the other side is closed
        while part := os.read(ours, 1 << 16):
            text += part
    os.close(ours)
    process.wait()
    store = TraceStore(database)
    trace = store.load_trace(store.list_traces(1)[0].trace_id)
    return trace, _as_html(text.decode().replace("\r", ""))


def _as_html(text: str) -> str:
    """A terminal's text, with its styles."""
    html = re.sub(
        r"\x1b\[(\d+)m",
        lambda code: f'<span style="{_STYLES.get(code[1], "")}">' if code[1] != "0" else "</span>",
        escape(text, quote=False),
    )
    return re.sub(r"\x1b\[[\d;]*\w", "", html)


def _chat(folder: Path) -> Any:
    """The chat page, with the demo's question answered."""
    path = folder / "chat.db"
    conversations = Conversations(path)
    set_trace_processors([SQLiteTraceProcessor(path)])
    trace_id = gen_trace_id()
    with offline(), closing(conversations.session("demo")) as session:
        config = RunConfig(trace_id=trace_id, workflow_name=front_desk.name)
        Runner.run_sync(front_desk, QUESTION, session=session, run_config=config)
    conversations.note_run("demo", trace_id)
    flush_traces()
    set_trace_processors([])
    return serve_chat(AgentChat(front_desk, conversations, TraceStore(path), first="demo"))


def _take(browser: str, url: str, size: str, path: Path) -> Path:
    """A picture of a page; 3000 ms of its own time pass before it is taken."""
    scheme = int("light" in path.stem)
    command = [
        browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
        "--no-first-run", "--no-proxy-server", f"--user-data-dir={path}.profile",
        f"--blink-settings=preferredColorScheme={scheme}", f"--window-size={size}",
        "--virtual-time-budget=3000", f"--screenshot={path}", url,
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    return path
