"""Real database servers for tests, each on a free port and in a directory of its own.

Debian packages: `postgresql` and `redis-server`.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

_START_SECONDS = 300


class ServerMissing(Exception):
    """The server's program is not installed."""


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a PostgreSQL server, one for all tests."""
    pytest.importorskip("psycopg")
    try:
        with postgres_server() as url:
            yield url
    except ServerMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The URL of a Redis server, one for all tests."""
    pytest.importorskip("redis")
    try:
        with redis_server() as (url, _process):
            yield url
    except ServerMissing as missing:
        pytest.skip(str(missing))


@contextmanager
def postgres_server() -> Iterator[str]:
    """A PostgreSQL server; gives the SQLAlchemy URL (driver psycopg) of an empty database."""
    programs = _postgres_programs()
    account = _unprivileged_account()
    with TemporaryDirectory() as directory:
        if account:
            shutil.chown(directory, account["user"], account["group"])
        data = os.path.join(directory, "data")
        subprocess.run(
            [programs / "initdb", "-D", data, "--no-sync", "--auth=trust", "--username=tester"]
            + ["--encoding=UTF8", "--locale=C"],
            check=True,
            cwd=directory,
            stdout=subprocess.DEVNULL,
            **account,
        )

        def command(port: int) -> list[str]:
            settings = ["fsync=off", "listen_addresses=127.0.0.1", "unix_socket_directories="]
            return [str(programs / "postgres"), "-D", data, "-p", str(port)] + [
                word for setting in settings for word in ("-c", setting)
            ]

        def is_ready(port: int) -> bool:
            ask = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
            return subprocess.run(ask, check=False).returncode == 0

        with _running(command, is_ready, cwd=directory, **account) as (port, process):
            yield f"postgresql+psycopg://tester@127.0.0.1:{port}/postgres"
            process.send_signal(signal.SIGINT)  # disconnect the clients and end
            process.wait(_START_SECONDS)


@contextmanager
def redis_server() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """An empty Redis server that keeps nothing on disk; gives its URL and its process."""
    program = shutil.which("redis-server")
    if program is None:
        raise ServerMissing("redis-server is not installed (Debian package redis-server)")

    def command(port: int) -> list[str]:
        return [program, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]

    with TemporaryDirectory() as directory:
        with _running(command, _answers_ping, cwd=directory) as (port, process):
            yield f"redis://127.0.0.1:{port}/0", process


@contextmanager
def proxy_that_loses_the_answer(port: int, command: bytes) -> Iterator[int]:
    """A TCP proxy to the local `port`; it hands `command` on, then drops that connection.

    Gives the proxy's port.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, port, command), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def free_port() -> int:
    """A port on which nothing listens at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextmanager
def _running(
    command: Callable[[int], list[str]], is_ready: Callable[[int], bool], **options: Any
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Start a server on a free port, and on another one should that be taken meanwhile."""
    for _attempt in range(3):
        port = free_port()
        process = subprocess.Popen(
            command(port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options
        )
        try:
            if _becomes_ready(process, lambda port=port: is_ready(port)):
                yield port, process
                return
        finally:
            process.kill()
            process.wait()
    raise RuntimeError(f"{command(0)[0]} does not start")


def _becomes_ready(process: subprocess.Popen[bytes], is_ready: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if is_ready():
            return True
        time.sleep(0.02)
    return False


def _answers_ping(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(7) == b"+PONG\r\n"
    except OSError:
        return False


def _postgres_programs() -> Path:
    on_path = shutil.which("initdb")
    candidates = [Path(on_path).resolve().parent] if on_path else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for programs in candidates:
        if (programs / "initdb").exists() and (programs / "postgres").exists():
            return programs
    raise ServerMissing("PostgreSQL is not installed (Debian package postgresql)")


def _unprivileged_account() -> dict[str, Any]:
    """Options for subprocess: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam("postgres")
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _accept(listener: socket.socket, port: int, command: bytes) -> None:
    while True:
        try:
            client, _address = listener.accept()
        except OSError:  # the proxy has ended
            return
        threading.Thread(target=_relay, args=(client, port, command), daemon=True).start()


def _relay(client: socket.socket, port: int, command: bytes) -> None:
    with client, socket.create_connection(("127.0.0.1", port)) as server:
        while request := client.recv(65536):
            server.sendall(request)
            answer = server.recv(65536)
            if command in request:
                return
            client.sendall(answer)
