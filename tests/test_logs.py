from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from agents_lite import Agent, Runner, enable_verbose_stdout_logging, function_tool
from agents_lite.testing import ScriptedModel, call


@pytest.fixture(autouse=True)
def log_as_it_was() -> Iterator[None]:
    logger = logging.getLogger("agents_lite")
    level, handlers = logger.level, list(logger.handlers)
    yield
    logger.setLevel(level)
    logger.handlers[:] = handlers


def test_all_that_is_logged_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    @function_tool
    def fail() -> str:
        """Fail."""
        raise ValueError("no luck")

    enable_verbose_stdout_logging()
    enable_verbose_stdout_logging()
    logging.getLogger("agents_lite").debug("a detail")
    Runner.run_sync(Agent(name="A", model=ScriptedModel([call("fail"), "ok"]), tools=[fail]), "Hi")
    printed = capsys.readouterr().out
    assert printed.count("DEBUG agents_lite: a detail") == 1
    assert printed.count("WARNING agents_lite: Tool fail of agent A failed") == 1
