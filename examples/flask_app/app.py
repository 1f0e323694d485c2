"""A chat page on Flask: each answer streams to the browser straight from the agents' loop.

    pip install flask gunicorn
    gunicorn --threads 16 app:app        # in this directory; or: python app.py

With OPENAI_API_KEY set a model answers, without it an offline stand-in. SECRET_KEY signs the
visitors' cookies; without it they last until the server ends. CHAT_DATABASE names another file.
"""

from __future__ import annotations

import os
import secrets
import sys
import uuid
from collections.abc import Iterator

import flask
import waiting
from shop import front_desk, model_config
from werkzeug.exceptions import HTTPException

from agents_lite import Runner, RunResultStreaming, RunState, SQLiteSession, UserError
from agents_lite.chat_page import (
    ChatPage,
    answer_frames,
    decide_call,
    kept_state,
    sse,
    waiting_calls,
)
from agents_lite.testing.offline import NOTICE, has_model_server

HINTS = [
    "What are your opening hours on Saturday?",
    "Is my repair R-1042 ready?",
    "Please refund 20 euros for repair 'R-1042'",
]

app = flask.Flask(__name__)
app.secret_key = os.environ.get("SECRET_KEY") or secrets.token_bytes()
app.config["SESSION_COOKIE_SAMESITE"] = "Lax"  # other sites cannot post for a visitor

running: dict[str, RunResultStreaming] = {}
"""What is being answered, by visitor. It is why this app runs as one process with threads."""


@app.get("/")
def page() -> str:
    visitor()
    notice = "" if has_model_server() else NOTICE
    return ChatPage(front_desk.name, title="The Spoke", hints=HINTS, notice=notice).html()


@app.get("/history")
def history() -> flask.Response:
    with SQLiteSession(visitor(), waiting.DATABASE) as session:
        items = session.get_items()
    state = kept_state(front_desk, waiting.find(visitor()))
    if state is None:
        return flask.jsonify(items=items, waiting=[])
    items += state.get_unsaved_items()
    return flask.jsonify(items=items, waiting=waiting_calls(state.get_interruptions()))


@app.post("/ask")
def ask() -> flask.Response:
    message = flask.request.form.get("message", "").strip()
    if not message:
        flask.abort(400, "The message is empty.")
    text = waiting.find(visitor())
    state = kept_state(front_desk, text)
    if state is None:
        return streamed(answer(visitor(), message))
    if state.get_interruptions() or not waiting.take(visitor(), text):
        flask.abort(409, "A call waits for a decision.")
    if "again" not in flask.request.form:
        state.add_input(message)  # to an answer that was cut short behind a call
    return streamed(answer(visitor(), state))


@app.post("/decide")
def decide() -> flask.Response:
    """Decide about a call that waits, and go on; only the visitor whose run it is can name it."""
    form = flask.request.form
    text = waiting.find(visitor())
    state = kept_state(front_desk, text)
    try:
        is_decided = state is not None and decide_call(state, form)
    except UserError as error:  # a form of an MCP server, not filled in as it should be
        flask.abort(400, str(error))
    if not is_decided or not waiting.take(visitor(), text):  # a second click
        return streamed(iter([sse("decided", None)]))
    return streamed(answer(visitor(), state))


@app.post("/stop")
def stop() -> tuple[str, int]:
    if run := running.get(visitor()):
        run.cancel()
    return "", 204


@app.post("/clear")
def clear() -> tuple[str, int]:
    waiting.forget(visitor())
    with SQLiteSession(visitor(), waiting.DATABASE) as session:
        session.clear_session()
    return "", 204


@app.errorhandler(HTTPException)
def refused(error: HTTPException) -> tuple[dict[str, str | None], int]:
    return {"error": error.description}, error.code or 500  # the page shows the words


def visitor() -> str:
    """Who is asking: an id in a signed cookie."""
    return flask.session.setdefault("visitor", uuid.uuid4().hex)


def streamed(frames: Iterator[str]) -> flask.Response:
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # nor may proxies hold it
    return flask.Response(frames, headers=headers, mimetype="text/event-stream")


def answer(visitor: str, start: str | RunState) -> Iterator[str]:
    """The run as server-sent events, up to its end or to a call that waits for the visitor."""
    with SQLiteSession(visitor, waiting.DATABASE) as session:
        run = Runner.run_streamed(front_desk, start, session=session, run_config=model_config())
        running[visitor] = run

        def end(state: str | None) -> None:
            if running.get(visitor) is run:
                del running[visitor]
            if state is not None:
                waiting.keep(visitor, state)

        yield from answer_frames(run, start, end)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(__doc__)
    app.run(threaded=True)
