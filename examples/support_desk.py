"""Support over the web: customers send tickets, agents settle them, people approve refunds.

    pip install flask
    python support_desk.py                     # then open http://127.0.0.1:5000/
    curl -d text="Please refund 20 euros for order 'B-7'" http://127.0.0.1:5000/tickets

Each ticket is a run in a journal: it waits there for a person, and goes on after a restart. The
page is for the staff: put your login in front of it.
"""

from __future__ import annotations

import os
import secrets
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import flask

from agents_lite import Agent, AgentsException, RunConfig, Runner, SQLiteJournal, function_tool
from agents_lite.journal import StoredRun
from agents_lite.testing import offline_unless_configured

ORDERS = {"B-7": "a bell for 20.00 euros, delivered on Monday", "B-8": "a lamp, on its way"}
PAGE = """
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Support desk</title>
<style>
  :root {color-scheme: light dark}
  body {font: 1rem/1.5 system-ui; margin: 2rem auto; max-width: 46rem; padding: 0 1rem}
  article {border-top: 1px solid #8886; padding: .7rem 0}
  button {font: inherit; padding: .1rem .8rem}
  p {margin: .2rem 0}
</style>
<h1>Support desk</h1>
{% for each in tickets %}
<article>
  <p><b>{{ each.text }}</b> <small>{{ each.run.status }}</small></p>
  <p>{{ each.answer or each.run.error or "" }}</p>
  {% for call in each.run.waiting %}
  <p><code>{{ call.tool_name }}({{ call.arguments }})</code></p>
  <form method="post" action="{{ url_for('decide', number=each.run.run_id, call=call.call_id) }}">
    <input type="hidden" name="secret" value="{{ secret }}">
    <button name="verdict" value="approve">Approve</button>
    <button name="verdict" value="reject">Reject</button>
  </form>
  {% endfor %}
</article>
{% else %}
<p>No tickets yet.</p>
{% endfor %}
"""


@function_tool
def find_order(number: str) -> str:
    """Find an order by its number, such as B-7."""
    return f"Order {number} is {ORDERS[number]}." if number in ORDERS else "There is no such order."


@function_tool(needs_approval=True)
def refund(order: str, euros: float) -> str:
    """Refund money for an order."""
    return f"{euros:.2f} euros for order {order} are on their way."


billing = Agent(
    name="Billing",
    handoff_description="Refunds, and all else about money.",
    instructions="Look the order up first. Never refund more than it cost.",
    tools=[find_order, refund],
)
shipping = Agent(
    name="Shipping",
    handoff_description="Where an order is, and when it arrives.",
    instructions="Answer in two sentences. Look orders up; never guess.",
    tools=[find_order],
)
triage = Agent(
    name="Triage",
    instructions="Hand each ticket over to whoever can settle it; answer thanks yourself.",
    handoffs=[billing, shipping],
)

app = flask.Flask(__name__)
journal = SQLiteJournal(os.environ.get("TICKETS", "tickets.db"))
secret = secrets.token_urlsafe()  # pages of other sites do not know it


def settle(number: str, text: str) -> None:
    """Work on a ticket up to its answer, or to a call that waits for a person."""
    config = RunConfig(journal=journal, run_id=number, workflow_name="Support")
    try:
        Runner.run_sync(triage, text, run_config=config)
    except AgentsException:
        app.logger.exception("Ticket %s failed", number)  # the page tells so, too


def find_tickets(runs: list[StoredRun]) -> Iterator[dict[str, Any]]:
    """The tickets whose texts are kept: they are from the model's first answer on."""
    for run in runs:
        if facts := journal.facts(run.run_id):
            answer = next((fact["output"] for fact in facts if fact["type"] == "finished"), None)
            yield {"run": run, "text": facts[0]["given"], "answer": answer}


@app.get("/")
def page() -> str:
    tickets = list(find_tickets(journal.runs()))
    return flask.render_template_string(PAGE, tickets=tickets, secret=secret)


@app.post("/tickets")
def open_ticket() -> flask.Response:
    number = uuid.uuid4().hex
    settle(number, flask.request.form["text"])
    return flask.jsonify(number=number)


@app.post("/tickets/<number>/<call>")
def decide(number: str, call: str) -> Any:
    form = flask.request.form
    if not secrets.compare_digest(form["secret"].encode(), secret.encode()):
        flask.abort(403)
    if call in [each.call_id for each in journal.run(number).waiting]:  # else: a second click
        (journal.approve if form["verdict"] == "approve" else journal.reject)(number, call)
        settle(number, journal.facts(number)[0]["given"])
    return flask.redirect(flask.url_for("page"))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(__doc__)
    with offline_unless_configured():
        for each in find_tickets(journal.runs("unfinished")):
            settle(each["run"].run_id, each["text"])
        app.run(port=int(os.environ.get("PORT", "5000")))
