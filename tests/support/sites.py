"""The chat apps of `examples/`, served as their users serve them.

Python packages: `flask`, `django`, `gunicorn` and `uvicorn`.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests

from agents_lite.testing import ResponsesServer
from tests.support.waiting import wait_until
from tests.support.warm import run_warm

EXAMPLES = Path(__file__).parents[2] / "examples"
_GUNICORN = ["gunicorn", "--no-control-socket", "--threads", "8", "--bind", "fd://{fd}"]
_COMMANDS = {
    "flask-gunicorn": [*_GUNICORN, "app:app"],
    "django-gunicorn": [*_GUNICORN, "project.wsgi"],
    "django-uvicorn": ["uvicorn", "--fd", "{fd}", "project.asgi:application"],
}
KINDS = list(_COMMANDS)
OF_DJANGO = (
    *("django.core.management.commands.migrate", "django.core.checks.messages"),
    *("django.db.backends.sqlite3.base", "django.db.models"),
    *("django.contrib.sessions.middleware", "django.middleware.csrf", "django.test.runner"),
)
"""What commands of Django load."""


@dataclass
class Site:
    """A running chat app."""

    kind: str
    url: str
    model: ResponsesServer
    """The model server that the app talks to."""
    turns: deque[Any] = field(default_factory=deque)
    """What the model is going to answer."""

    def visitor(self) -> Visitor:
        """Somebody new."""
        return Visitor(self.url)

    def wait_for_request(self) -> None:
        """Wait until the model has been asked."""
        wait_until(lambda: self.model.requests)


class Visitor:
    """A visitor without a browser: cookies, and server-sent events as plain text."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False
        self.page = self.session.get(url, timeout=60).text

    def ask(self, message: str) -> requests.Response:
        """Ask; the answer's body is still to be read."""
        response = self.post("ask", message=message)
        response.encoding = "utf-8"
        return response

    def post(self, address: str, **fields: str) -> requests.Response:
        """Post what the page's form holds, to one of its addresses."""
        fields["csrfmiddlewaretoken"] = self.session.cookies.get("csrftoken", "")
        return self.session.post(self.url + address, fields, stream=True, timeout=60)

    def history(self) -> Any:
        """The items of the conversation."""
        return self._history()["items"]

    def waiting(self) -> Any:
        """The calls that wait for a decision."""
        return self._history()["waiting"]

    def decide(self, call_id: str, verdict: str, reason: str = "") -> requests.Response:
        """Decide about a call; the body of what follows is still to be read."""
        response = self.post("decide", call=call_id, verdict=verdict, reason=reason)
        response.encoding = "utf-8"
        return response

    def _history(self) -> Any:
        return self.session.get(self.url + "history", timeout=60).json()


@contextmanager
def serve_site(kind: str, directory: Path, **settings: str) -> Iterator[str]:
    """Serve a chat app; gives its URL.

    Args:
        kind: One of `KINDS`.
        directory: Where its database goes.
        settings: Environment variables, such as OPENAI_BASE_URL.
    """
    is_flask = kind.startswith("flask")
    place = EXAMPLES / ("flask_app" if is_flask else "django_app")
    environment = (site_environment if is_flask else django_environment)(directory, **settings)
    # The socket listens from the start: whoever connects early waits until the server is ready.
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        (directory / "server.log").open("wb") as log,
    ):
        command = [part.format(fd=listener.fileno()) for part in _COMMANDS[kind]]
        server = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=place,
            env=environment,
            pass_fds=[listener.fileno()],
            stdout=log,
            stderr=log,
        )
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            server.terminate()
            server.wait(300)


def manage(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the Django app's manage.py to its end."""
    place = EXAMPLES / "django_app"
    return run_warm(["manage.py", *arguments], cwd=place, env=environment, loaded=OF_DJANGO)


def django_environment(directory: Path, **settings: str) -> dict[str, str]:
    """The same for the Django app, its migrations done."""
    environment = site_environment(directory, **settings)
    Path(environment["CHAT_DATABASE"]).write_bytes(_migrated())
    return environment


@cache
def _migrated() -> bytes:
    with TemporaryDirectory() as directory:
        environment = site_environment(Path(directory))
        manage("migrate", "-v0", environment=environment).check_returncode()
        return Path(environment["CHAT_DATABASE"]).read_bytes()


def site_environment(directory: Path, **settings: str) -> dict[str, str]:
    """The environment of this process, without settings for a model, and with a new database."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("OPENAI_") and not name.lower().endswith("_proxy")
    }
    return {**inherited, "CHAT_DATABASE": str(directory / "chat.db"), **settings}
