"""Run with `python manage.py test`: what this app promises, against a scripted model server."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from typing import Any
from unittest import mock

from asgiref.sync import sync_to_async
from django.core.management import CommandError, call_command
from django.db import connections, transaction
from django.test import Client, TestCase, TransactionTestCase

from agents_lite import (
    Agent,
    BadRequestError,
    JournalError,
    RunConfig,
    Runner,
    SessionError,
    UserError,
    function_tool,
)
from agents_lite.chat_page import visitor_words
from agents_lite.testing import ResponsesServer, ScriptedModel, call, handoff_to, status

from .agents import model_config, workshop
from .journal import DjangoJournal
from .models import Item, Repair
from .sessions import DjangoSession

VISIT = call("book_visit", problem="flat tyre", customer="Ada")
OTHER_VISIT = call("book_visit", problem="new bell", customer="Grace")
BROKEN = status(400, {"message": "No more of this"})


class ModelTestCase(TransactionTestCase):
    """Transactions are real here: no test is wrapped in one."""

    def script(self, *turns: Any) -> ResponsesServer:
        """Let the model answer with these turns."""
        model = ResponsesServer(list(turns)).start()
        self.addCleanup(model.close)
        self.addCleanup(model.assert_finished)
        names = {"OPENAI_BASE_URL": model.base_url, "no_proxy": "127.0.0.1"}
        environment = mock.patch.dict(os.environ, names)
        environment.start()
        self.addCleanup(environment.stop)
        return model

    def kinds(self) -> list[str]:
        """The stored items, oldest first: the role of a message, the type of anything else."""
        items = [json.loads(item.text) for item in reversed(Item.objects.all())]
        return [item.get("role") or item["type"] for item in items]


class AsyncTests(TestCase):
    async def test_a_run_on_django_s_thread_is_in_the_transaction(self) -> None:
        ada = await Repair.objects.acreate(customer="Ada", problem="flat tyre")
        model = ScriptedModel([call("find_repair", number=ada.pk), "Not yet."])
        await sync_to_async(Runner.run_sync)(
            workshop, "Is it ready?", session=DjangoSession("a"), run_config=RunConfig(model=model)
        )
        self.assertIn("flat tyre", model.requests[1].input[-1]["output"])
        self.assertEqual(await Item.objects.acount(), 4)


class AnswerTests(ModelTestCase):
    """One request, one transaction."""

    def test_bookings_and_conversation_are_kept_together(self) -> None:
        self.script([handoff_to("Workshop")], [VISIT, OTHER_VISIT], "Both are booked.")
        response = self.client.post("/answer", {"message": "Book two visits"})
        self.assertEqual(response.json(), {"answer": "Both are booked.", "waiting": []})
        self.assertEqual([repair.customer for repair in Repair.objects.all()], ["Ada", "Grace"])
        calls = ["function_call"] * 2 + ["function_call_output"] * 2
        handoff = ["function_call", "function_call_output"]
        self.assertEqual(self.kinds(), ["user", *handoff, *calls, "assistant"])

    def test_a_request_that_is_rolled_back_leaves_nothing(self) -> None:
        model = self.script([handoff_to("Workshop")], [VISIT, OTHER_VISIT], BROKEN)
        with self.assertLogs("chat.views") as logged:
            response = self.client.post("/answer", {"message": "Book two visits"})
        self.assertEqual(response.status_code, 502)
        self.assertIn("No more of this", logged.output[0])
        self.assertEqual(response.json()["error"], visitor_words(Exception()))
        outputs = [item.get("output", "") for item in model.requests[-1].body["input"]]
        self.assertIn("is booked for Grace", outputs[-1])  # the tools have run
        self.assertFalse(Repair.objects.exists())
        self.assertFalse(Item.objects.exists())

    def test_tools_see_what_the_transaction_has_written(self) -> None:
        self.script([call("find_repair", number=7)], "It is ready.")
        with transaction.atomic():
            Repair.objects.create(pk=7, customer="Ada", problem="flat tyre", is_ready=True)
            run = Runner.run_sync(workshop, "Is repair 7 ready?", run_config=model_config())
            transaction.set_rollback(True)
        self.assertEqual(run.new_items[1].output, "Repair 7 (flat tyre) is ready.")
        self.assertFalse(Repair.objects.exists())


class StreamTests(ModelTestCase):
    """The same, streamed; each turn is a transaction."""

    def ask(self, message: str) -> Iterator[tuple[str, Any]]:
        """The server-sent events, as they come."""
        for part in self.client.post("/ask", {"message": message}):
            name, content = part.decode().strip().split("\n")
            yield name.removeprefix("event: "), json.loads(content.removeprefix("data: "))

    def test_deltas_and_items_are_streamed_and_kept_for_the_next_message(self) -> None:
        model = self.script([handoff_to("Workshop")], [VISIT], "It is booked.", "You are welcome.")
        events = list(self.ask("Book a visit"))
        texts = [content for name, content in events if name == "delta"]
        self.assertEqual("".join(texts), "It is booked.")
        self.assertEqual(events[-1], ("done", "It is booked."))
        items = [content for name, content in events if name == "item"]
        self.assertEqual(self.client.get("/history").json()["items"][1:], items)
        list(self.ask("Thank you"))
        self.assertEqual(len(model.requests[-1].body["input"]), 1 + len(items) + 1)

    def test_a_run_that_fails_says_so_and_keeps_its_whole_turns(self) -> None:
        self.script([handoff_to("Workshop")], [VISIT], BROKEN)
        with self.assertLogs("agents_lite") as logged:
            *_, (name, content) = self.ask("Book a visit")
        self.assertEqual(name, "error")
        self.assertIn("No more of this", logged.output[0])
        self.assertEqual(content["message"], visitor_words(Exception()))
        self.assertEqual(Repair.objects.count(), 1)
        self.assertEqual(self.kinds()[-1], "function_call_output")

    def test_visitors_do_not_see_each_other(self) -> None:
        self.script("Hello Ada.")
        list(self.ask("I am Ada."))
        self.assertEqual(Client().get("/history").json()["items"], [])
        self.assertEqual(len(self.client.get("/history").json()["items"]), 2)

    def test_the_visitor_can_begin_anew(self) -> None:
        self.script("Hello.")
        list(self.ask("Hi"))
        self.assertEqual(self.client.post("/clear").status_code, 204)
        self.assertEqual(self.client.get("/history").json()["items"], [])

    def test_posts_need_the_token_of_the_page(self) -> None:
        client = Client(enforce_csrf_checks=True)
        page = client.get("/")
        for address in ("/ask", "/decide", "/stop", "/clear", "/answer"):
            self.assertEqual(client.post(address, {"message": ""}).status_code, 403)
        token = {"csrfmiddlewaretoken": page.cookies["csrftoken"].value}
        self.assertEqual(client.post("/stop", token).status_code, 204)

    def test_an_empty_message_is_refused(self) -> None:
        self.assertEqual(self.client.post("/ask", {"message": "  "}).status_code, 400)


class SessionTests(ModelTestCase):
    """The store, apart from any view."""

    def test_a_rolled_back_turn_has_never_been(self) -> None:
        session = DjangoSession("ada")
        session.add_items([{"role": "user", "content": "one"}])
        with transaction.atomic():
            session.add_items([{"role": "user", "content": "two"}])
            transaction.set_rollback(True)
        self.assertEqual(session.get_items(), [{"role": "user", "content": "one"}])

    def test_a_database_that_fails_is_a_session_error(self) -> None:
        failing = connections["default"].execute_wrapper(fail)
        with failing, self.assertRaises(SessionError) as raised:
            DjangoSession("ada").add_items([{"role": "user", "content": "one"}])
        self.assertIn("migrations", str(raised.exception))
        self.assertEqual(DjangoSession("ada").get_items(), [])


def fail(execute: Any, sql: str, *arguments: Any) -> Any:
    """Ask for a table that does not exist wherever an item is inserted."""
    return execute(sql.replace('INSERT INTO "chat_item"', 'INSERT INTO "nowhere"'), *arguments)


class CommandTests(ModelTestCase):
    """The command for cron."""

    def test_the_answer_is_all_it_prints(self) -> None:
        self.script("At nine.", "At six.")
        for question, answer in (("When do you open?", "At nine."), ("And close?", "At six.")):
            output = StringIO()
            call_command("ask", question, session="cron", stdout=output)
            self.assertEqual(output.getvalue(), answer + "\n")
        self.assertEqual(self.kinds(), ["user", "assistant"] * 2)

    def test_a_failure_is_an_error_and_can_be_repeated(self) -> None:
        self.script(BROKEN, "At nine.")
        with self.assertRaisesMessage(CommandError, "No more of this"):
            call_command("ask", "When do you open?", session="cron")
        call_command("ask", "When do you open?", session="cron", stdout=StringIO())
        self.assertEqual(self.kinds(), ["user", "assistant"])


class JournalTests(ModelTestCase):
    """The journal: what a tool writes and the fact of its call are one transaction."""

    def config(self) -> RunConfig:
        return replace(model_config(), journal=DjangoJournal(), run_id="r")

    def test_a_finished_run_is_not_run_again(self) -> None:
        self.script(handoff_to("Workshop"), VISIT, "It is booked.")
        for _ in range(2):
            output = StringIO()
            call_command("ask", "Book a visit", run_id="visit-7", stdout=output)
            self.assertEqual(output.getvalue(), "It is booked.\n")
        self.assertEqual(Repair.objects.count(), 1)
        (run,) = DjangoJournal().runs()
        self.assertEqual((run.run_id, run.status), ("visit-7", "finished"))
        self.assertEqual(DjangoJournal().forget(), 1)

    def test_a_failed_run_goes_on_and_books_nothing_twice(self) -> None:
        self.script([VISIT, OTHER_VISIT], BROKEN, "Both are booked.")
        with self.assertRaises(BadRequestError):
            Runner.run_sync(workshop, "Book two", run_config=self.config())
        run = Runner.run_sync(workshop, "Book two", run_config=self.config())
        self.assertEqual(run.final_output, "Both are booked.")
        self.assertEqual([repair.customer for repair in Repair.objects.all()], ["Ada", "Grace"])

    def test_what_a_tool_wrote_before_it_failed_is_undone(self) -> None:
        @function_tool
        def book() -> str:
            """Books, and fails."""
            Repair.objects.create(customer="Ada", problem="flat tyre")
            raise ValueError("no")

        self.script(call("book"), "It failed.")
        Runner.run_sync(Agent("A", tools=[book]), "Book", run_config=self.config())
        self.assertFalse(Repair.objects.exists())

    def test_a_call_whose_commit_is_refused_was_not_made(self) -> None:
        @function_tool
        def book_visit(problem: str, customer: str) -> str:
            """Books, and what belongs to it is not there when that is committed."""
            Repair.objects.create(customer=customer, problem=problem)
            Item.objects.create(conversation_id=7, text="{}")
            return "booked"

        self.script(VISIT)
        with self.assertRaisesMessage(JournalError, "FOREIGN KEY"):
            agent = Agent("A", tools=[book_visit])
            Runner.run_sync(agent, "Book", run_config=self.config())
        kinds = [fact["type"] for fact in DjangoJournal().facts("r")]
        self.assertEqual(kinds, ["started", "answered", "failed"])
        self.assertEqual(Repair.objects.count(), 0)

    def test_a_run_inside_a_transaction_is_refused(self) -> None:
        self.script()
        with transaction.atomic(), self.assertRaisesMessage(UserError, "run it outside of"):
            Runner.run_sync(workshop, "Book", run_config=self.config())
