"""What a call of an MCP server costs beside a bare round trip to the same server.

`python -m benchmarks.mcp_calls --python PYTHON` measures against a server on the `mcp` package of
that interpreter (2.3 or newer), over both transports. The sides take turns; each figure is the
median of the ratios between neighbours in time.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import requests
from pydantic_core import from_json, to_json

from agents_lite import MCPServer, MCPServerStdio, MCPServerStreamableHttp
from agents_lite.concurrency.processes import small_environment

from .__main__ import median

CALLS = 200
ROUNDS = 15
MOST = 1.2
"""How many times the cost of the bare round trip a call may cost."""
PORT = 18765
SERVER = """
import sys
from mcp.server.mcpserver import MCPServer
server = MCPServer("bench")
@server.tool()
def add(a: int, b: int) -> int:
    return a + b
if len(sys.argv) > 1:
    server.run("streamable-http", port=int(sys.argv[1]), json_response=True)
else:
    server.run()
"""
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "bare", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
HEADERS = {
    "Accept": "application/json, text/event-stream",
    "Content-Type": "application/json",
    "MCP-Protocol-Version": "2026-07-28",
    "Mcp-Method": "tools/call",
    "Mcp-Name": "add",
}


def message(id: int, method: str = "tools/call") -> bytes:
    params: dict[str, Any] = {"_meta": META}
    if method == "tools/call":
        params |= {"name": "add", "arguments": {"a": 1, "b": 2}}
    return to_json({"jsonrpc": "2.0", "id": id, "method": method, "params": params})


class BarePipe:
    """A process that is written to and read from, and no more."""

    def __init__(self, python: str) -> None:
        command = [python, "-c", SERVER]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(  # in a session of its own: Linux shares by sessions
            command,
            stdin=pipe,
            stdout=pipe,
            stderr=subprocess.DEVNULL,
            env=small_environment({}),
            start_new_session=True,
        )
        self._send(message(0, "server/discover"))

    def call(self) -> None:
        self._send(message(1))

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    def _send(self, content: bytes) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(content + b"\n")
        self._process.stdin.flush()
        assert "result" in from_json(self._process.stdout.readline())


def post() -> None:
    answer = requests.post(URL, data=message(1), headers=HEADERS, timeout=30)
    assert "result" in from_json(answer.content)


URL = f"http://127.0.0.1:{PORT}/mcp"


def milliseconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    for _ in range(CALLS):
        call()
    return (time.perf_counter() - began) / CALLS * 1000


def compare(name: str, bare: Callable[[], object], server: MCPServer) -> bool:
    """Print a line; gives whether a call costs no more than it may."""

    def call() -> None:
        assert not server.call_tool("add", {"a": 1, "b": 2}).is_error

    milliseconds(bare), milliseconds(call)  # both are warm
    rounds = [(milliseconds(bare), milliseconds(call)) for _ in range(ROUNDS)]
    ratio = median([ours / theirs for theirs, ours in rounds])
    floor, ours = median([each[0] for each in rounds]), median([each[1] for each in rounds])
    print(f"| {name} | {floor:.2f} ms | {ours:.2f} ms | x {ratio:.2f} |")
    return ratio <= MOST


def wait_until_it_listens() -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            requests.get(URL, timeout=5)
            return
        except requests.ConnectionError:
            time.sleep(0.05)
    sys.exit("the server does not start")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", required=True, help="an interpreter that has the mcp package")
    python = parser.parse_args().python
    print("| a call | bare round trip | agents_lite | ratio |\n|---|---|---|---|")
    with (
        closing(BarePipe(python)) as pipe,
        MCPServerStdio({"command": python, "args": ["-c", SERVER]}) as server,
    ):
        is_cheap = compare("standard input and output", pipe.call, server)
    process = subprocess.Popen(
        [python, "-c", SERVER, str(PORT)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until_it_listens()
        with MCPServerStreamableHttp({"url": URL}) as server:
            is_cheap &= compare("HTTP, beside requests.post", post, server)
    finally:
        process.kill()
        process.wait()
    return 0 if is_cheap else 1


if __name__ == "__main__":
    sys.exit(main())
