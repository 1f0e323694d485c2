"""Ask the shop's agents from a shell or from cron."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from agents_lite import AgentsException, Runner
from agents_lite.testing.offline import NOTICE, has_model_server

from ...agents import front_desk, model_config
from ...journal import DjangoJournal
from ...sessions import DjangoSession


class Command(BaseCommand):
    help = "Ask the agents. Exit code: 0 answered, 1 failed (standard error tells why), 2 misused."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("message")
        parser.add_argument("--session", help="go on with this conversation, and keep it")
        parser.add_argument("--run-id", help="write it down by this name: killed, it goes on there")
        parser.add_argument("--timeout", type=float, default=300, help="seconds for all of it")

    def handle(
        self, *, message: str, session: str | None, run_id: str | None, timeout: float, **_: Any
    ) -> None:
        if not has_model_server():
            self.stderr.write(NOTICE)
        try:
            run = Runner.run_sync(
                front_desk,
                message,
                session=None if session is None else DjangoSession(session),
                run_config=replace(
                    model_config(), run_id=run_id, journal=DjangoJournal() if run_id else None
                ),
                timeout=timeout,
            )
        except AgentsException as error:
            raise CommandError(str(error)) from error
        if run.interruptions:
            raise CommandError(f"A person must decide about: {run.interruptions[0].tool_name}")
        self.stdout.write(run.final_output)
