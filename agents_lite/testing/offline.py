"""Working without a model: a stand-in server in the place of the real one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from .responses_server import ResponsesServer

NOTICE = "(no language model: an offline stand-in on this machine answers, by simple rules)"


def has_model_server() -> bool:
    """Whether the environment says where the model is: OPENAI_API_KEY or OPENAI_BASE_URL is set."""
    return bool(os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_BASE_URL"))


@contextmanager
def offline() -> Iterator[ResponsesServer]:
    """For a `with` block, have a stand-in answer where no other client is given.

    OPENAI_BASE_URL names it for so long, also to processes that are started in the block.
    """
    exempt = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    with ResponsesServer() as server:
        changes = {
            "OPENAI_BASE_URL": server.base_url,
            "no_proxy": ",".join(filter(None, [exempt, "127.0.0.1"])),
        }
        before = {name: os.environ.get(name) for name in changes}
        os.environ.update(changes)
        try:
            yield server
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value


@contextmanager
def offline_unless_configured() -> Iterator[None]:
    """`offline()`, and a notice on standard error, unless `has_model_server()`."""
    if has_model_server():
        yield
        return
    print(NOTICE, file=sys.stderr)
    with offline():
        yield
