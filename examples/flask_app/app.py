"""A chat page on Flask: each answer streams to the browser straight from the agents' loop.

    pip install flask gunicorn
    gunicorn --threads 16 app:app        # in this directory; or: python app.py

With OPENAI_API_KEY set a model answers, without it an offline stand-in. SECRET_KEY signs the
visitors' cookies; without it they last until the server ends. CHAT_DATABASE names another file.
"""

from __future__ import annotations

import json
import os
import secrets
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
from shop import front_desk, model_config

from agents_lite import AgentsException, Runner, RunResultStreaming, SQLiteSession, StreamEvent
from agents_lite.testing.offline import has_model_server

HERE = Path(__file__).parent
DATABASE = os.environ.get("CHAT_DATABASE") or HERE / "conversations.db"
HINTS = [
    "What are your opening hours on Saturday?",
    "Is my repair R-1042 ready?",
    "What is the price to fix the brakes?",
]

app = flask.Flask(__name__, template_folder=HERE.parent / "chat_page")
app.secret_key = os.environ.get("SECRET_KEY") or secrets.token_bytes()
app.config["SESSION_COOKIE_SAMESITE"] = "Lax"  # other sites cannot post for a visitor

running: dict[str, RunResultStreaming] = {}
"""What is being answered, by visitor. It is why this app runs as one process with threads."""


@app.get("/")
def page() -> str:
    visitor()
    return flask.render_template(
        "chat.html",
        title="The Spoke",
        agent=front_desk.name,
        hints=HINTS,
        stand_in=not has_model_server(),
    )


@app.get("/history")
def history() -> flask.Response:
    with SQLiteSession(visitor(), DATABASE) as session:
        return flask.jsonify(session.get_items())


@app.post("/ask")
def ask() -> flask.Response:
    message = flask.request.form.get("message", "").strip()
    if not message:
        flask.abort(400, "The message is empty.")
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # nor may proxies hold it
    return flask.Response(answer(visitor(), message), headers=headers, mimetype="text/event-stream")


@app.post("/stop")
def stop() -> tuple[str, int]:
    if run := running.get(visitor()):
        run.cancel()
    return "", 204


@app.post("/clear")
def clear() -> tuple[str, int]:
    with SQLiteSession(visitor(), DATABASE) as session:
        session.clear_session()
    return "", 204


def visitor() -> str:
    """Who is asking: an id in a signed cookie."""
    return flask.session.setdefault("visitor", uuid.uuid4().hex)


def answer(visitor: str, message: str) -> Iterator[str]:
    """The run as server-sent events. Closing this generator, as the server does when the browser
    has gone, ends the run.
    """
    with SQLiteSession(visitor, DATABASE) as session:
        run = Runner.run_streamed(front_desk, message, session=session, run_config=model_config())
        running[visitor] = run
        try:
            yield from filter(None, map(frame, run.stream_events()))
            yield sse("done", run.final_output)  # None: it was stopped
        except AgentsException as error:
            app.logger.exception("The run failed")
            yield sse("error", str(error))
        finally:
            run.cancel()
            if running.get(visitor) is run:
                del running[visitor]


def frame(event: StreamEvent) -> str | None:
    """What the page is told of an event: pieces of text, and whole items."""
    if event.type == "run_item_stream_event":
        return sse("item", event.item.to_input_item())
    if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
        return sse("delta", event.data.delta)
    return None


def sse(name: str, content: Any) -> str:
    """A server-sent event. Source: https://html.spec.whatwg.org/multipage/server-sent-events.html"""
    return f"event: {name}\ndata: {json.dumps(content)}\n\n"


if __name__ == "__main__":
    app.run(threaded=True)
