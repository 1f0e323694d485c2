"""What tests of MCP servers share."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agents_lite import MCPServerStdio
from tests.support.waiting import PATIENCE

SCRIPT = Path(__file__).parents[1] / "support" / "mcp_script.py"


@pytest.fixture
def script() -> Iterator[Callable[..., MCPServerStdio]]:
    """Makes servers that play a plan; they are closed at the end."""
    servers: list[MCPServerStdio] = []

    def make(
        plan: dict[str, Any] | None = None, *, env: dict[str, str] | None = None, **options: Any
    ) -> MCPServerStdio:
        options = {"name": "script", "client_session_timeout_seconds": PATIENCE, **options}
        arguments = [str(SCRIPT), json.dumps(plan or {})]
        params: Any = {"command": sys.executable, "args": arguments, "env": env or {}}
        servers.append(MCPServerStdio(params, **options))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


@pytest.fixture
def heard(tmp_path: Path) -> Callable[[], list[dict[str, Any]]]:
    """What a server whose plan has the log `tmp_path / "log"` was sent so far."""

    def read() -> list[dict[str, Any]]:
        log = tmp_path / "log"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    return read
