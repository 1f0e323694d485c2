"""Real database servers for tests, each on a free port and in a directory of its own.

Debian packages: `postgresql`, `pgbouncer`, `mariadb-server` and `redis-server`.
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
from contextlib import contextmanager, suppress
from pathlib import Path
from random import SystemRandom
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import pytest

_START_SECONDS = 300


class ServerMissing(Exception):
    """The server's program is not installed."""


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a PostgreSQL server, one for all tests."""
    pytest.importorskip("psycopg")
    try:
        with postgres_server() as (url, _server):
            yield url
    except ServerMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def pgbouncer_url(postgres_url: str) -> Iterator[str]:
    """The URL of a PgBouncer before the PostgreSQL server, which pools by transactions."""
    try:
        with pgbouncer(postgres_url) as url:
            yield url
    except ServerMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def mariadb_url() -> Iterator[str]:
    """The URL of a MariaDB server, one for all tests."""
    pytest.importorskip("pymysql")
    try:
        with mariadb_server() as url:
            yield url
    except ServerMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The URL of a Redis server, one for all tests."""
    pytest.importorskip("redis")
    try:
        with redis_server() as (url, _server):
            yield url
    except ServerMissing as missing:
        pytest.skip(str(missing))


@contextmanager
def postgres_server() -> Iterator[tuple[str, Server]]:
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

        with _running(command, _postgres_is_ready, cwd=directory, **account) as server:
            yield f"postgresql+psycopg://tester@127.0.0.1:{server.port}/postgres", server
            server.process.send_signal(signal.SIGINT)  # disconnect the clients and end
            server.process.wait(_START_SECONDS)


@contextmanager
def pgbouncer(postgres_url: str) -> Iterator[str]:
    """A PgBouncer that gives each transaction any of three connections; gives the URL."""
    program = _find_program("pgbouncer", "pgbouncer")
    server = urlsplit(postgres_url)
    account = _unprivileged_account()
    with TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)

        def command(port: int) -> list[str]:
            settings = Path(directory, f"{port}.ini")
            settings.write_text(
                f"[databases]\npostgres = host={server.hostname} port={server.port} "
                f"user={server.username}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
                f"listen_port = {port}\nunix_socket_dir =\nauth_type = any\n"
                "pool_mode = transaction\ndefault_pool_size = 3\nserver_round_robin = 1\n"
            )
            return [program, str(settings)]

        with _running(command, _postgres_is_ready, cwd=directory, **account) as pool:
            yield f"postgresql+psycopg://{server.username}@127.0.0.1:{pool.port}/postgres"


@contextmanager
def mariadb_server() -> Iterator[str]:
    """A MariaDB server; gives the SQLAlchemy URL (driver pymysql) of an empty database.

    Its texts are in latin-1, unless a column says otherwise. Clients load no certificates, as they
    would for each connection.
    """
    install = _find_program("mariadb-install-db", "mariadb-server")
    program = _find_program("mariadbd", "mariadb-server")
    account = _unprivileged_account("mysql")
    with TemporaryDirectory() as directory:
        if account:
            shutil.chown(directory, account["user"], account["group"])
        data = f"--datadir={directory}/data"
        subprocess.run(
            [install, "--no-defaults", data, "--auth-root-authentication-method=normal"],
            check=True,
            cwd=directory,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **account,
        )

        def command(port: int) -> list[str]:
            place = ["--bind-address=127.0.0.1", f"--port={port}", f"--socket={directory}/socket"]
            settings = ["--character-set-server=latin1", "--performance-schema=OFF"]
            # Nobody waits for the disk: what it holds need not outlive this machine.
            settings += ["--innodb-flush-log-at-trx-commit=0", "--skip-innodb-doublewrite"]
            return [program, "--no-defaults", data, *place, *settings]

        with _running(command, _mariadb_greets, cwd=directory, **account) as server:
            yield f"mysql+pymysql://root@127.0.0.1:{server.port}/test?ssl_disabled=true"


@contextmanager
def redis_server(*options: str) -> Iterator[tuple[str, Server]]:
    """An empty Redis server that keeps nothing on disk, unless told to; gives its URL."""
    program = _find_program("redis-server", "redis-server")

    def command(port: int) -> list[str]:
        return [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", *options]

    with TemporaryDirectory() as directory:
        with _running(command, _answers_ping, cwd=directory) as server:
            yield f"redis://127.0.0.1:{server.port}/0", server


@contextmanager
def proxy_that_loses_the_answer(port: int, command: bytes) -> Iterator[int]:
    """A TCP proxy to the local `port`; it hands `command` on, then drops that connection.

    Gives the proxy's port.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, port, command), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxy_that_hangs(port: int) -> Iterator[tuple[int, threading.Event]]:
    """A TCP proxy to the local `port`; gives its port, and an event: nothing passes while unset."""
    flows = threading.Event()
    flows.set()

    def pass_on(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError), source, target:
            while block := source.recv(65536):
                flows.wait()
                target.sendall(block)

    def accept() -> None:
        with suppress(OSError):  # the proxy has ended
            while True:
                client = listener.accept()[0]
                server = socket.create_connection(("127.0.0.1", port))
                for way in ((client, server), (server, client)):
                    threading.Thread(target=pass_on, args=way, daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1], flows
        flows.set()
        listener.shutdown(socket.SHUT_RDWR)


def free_port() -> int:
    """A port on which nothing listens, and that nobody is given who does not name it: a server may
    take a minute to begin there, while other tests open thousands of connections.
    """
    while True:
        port = SystemRandom().randrange(20_000, 32_768)  # below those that systems choose
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


class Server:
    """A server's process, on a port of its own."""

    process: subprocess.Popen[bytes]

    def __init__(
        self, command: list[str], port: int, is_ready: Callable[[int], bool], **options: Any
    ) -> None:
        self.port = port
        self._command, self._is_ready, self._options = command, is_ready, options

    def start(self) -> bool:
        """Start it; gives whether it serves."""
        silent: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(self._command, **silent, **self._options)
        deadline = time.monotonic() + _START_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            if self._is_ready(self.port):
                return True
            time.sleep(0.02)
        return False

    def stop(self, by: int = signal.SIGKILL) -> None:
        """End it by a signal."""
        self.process.send_signal(by)
        self.process.wait()


@contextmanager
def _running(
    command: Callable[[int], list[str]], is_ready: Callable[[int], bool], **options: Any
) -> Iterator[Server]:
    """Start a server on a free port, and on another one should that be taken meanwhile."""
    for _attempt in range(3):
        port = free_port()
        server = Server(command(port), port, is_ready, **options)
        try:
            if server.start():
                yield server
                return
        finally:
            server.stop()
    raise RuntimeError(f"{command(0)[0]} does not start")


def _postgres_is_ready(port: int) -> bool:
    ask = [_postgres_programs() / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
    return subprocess.run(ask, check=False).returncode == 0


def _mariadb_greets(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            return len(connection.recv(5)) == 5
    except OSError:
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


def _find_program(name: str, package: str) -> str:
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        raise ServerMissing(f"{name} is not installed (Debian package {package})")
    return found


def _unprivileged_account(name: str = "postgres") -> dict[str, Any]:
    """Options for subprocess: database servers refuse to run as root."""
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam(name)
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
