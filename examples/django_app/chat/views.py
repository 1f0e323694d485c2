"""The chat page, its stream of events, and an answer in one piece."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db import transaction
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    JsonResponse,
    StreamingHttpResponse,
)
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from agents_lite import AgentsException, Runner, RunResultStreaming, StreamEvent
from agents_lite.testing.offline import has_model_server

from .agents import front_desk, model_config
from .sessions import DjangoSession

HINTS = [
    "What are your opening hours on Saturday?",
    "Please book a visit for Ada: 'flat tyre'",
    "Is repair 1 ready?",
]

logger = logging.getLogger(__name__)

running: dict[str, RunResultStreaming] = {}
"""What is being answered, by visitor. It is why this app runs as one process."""


@require_GET
def page(request: HttpRequest) -> HttpResponse:
    visitor(request)
    names = {
        "title": "The Spoke",
        "agent": front_desk.name,
        "hints": HINTS,
        "stand_in": not has_model_server(),
    }
    return render(request, "chat.html", names)


@require_GET
def history(request: HttpRequest) -> HttpResponse:
    return JsonResponse(DjangoSession(visitor(request)).get_items(), safe=False)


@require_POST
def ask(request: HttpRequest) -> HttpResponse:
    """Stream the answer. Each turn is a transaction: one around a whole answer would keep the
    database waiting for the model, and for the visitor's connection.
    """
    message = request.POST.get("message", "").strip()
    if not message:
        return HttpResponseBadRequest("The message is empty.")
    session = DjangoSession(visitor(request))
    run = Runner.run_streamed(front_desk, message, session=session, run_config=model_config())
    frames = event_frames(run, session.session_id)
    return StreamingHttpResponse(
        on_request_thread(frames, run) if isinstance(request, ASGIRequest) else frames,
        content_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},  # nor may proxies hold it
    )


@require_POST
def stop(request: HttpRequest) -> HttpResponse:
    if run := running.get(visitor(request)):
        run.cancel()
    return HttpResponse(status=204)


@require_POST
def clear(request: HttpRequest) -> HttpResponse:
    DjangoSession(visitor(request)).clear_session()
    return HttpResponse(status=204)


@require_POST
def answer(request: HttpRequest) -> HttpResponse:
    """The answer in one piece. What the tools and the session write is part of one transaction:
    when the run fails, nothing of it is left.
    """
    session = DjangoSession(visitor(request))
    message = request.POST.get("message", "")
    try:
        with transaction.atomic():
            run = Runner.run_sync(front_desk, message, session=session, run_config=model_config())
    except AgentsException as error:
        logger.exception("The run failed")
        return JsonResponse({"error": str(error)}, status=502)
    return JsonResponse({"answer": run.final_output})


def visitor(request: HttpRequest) -> str:
    """Who is asking: an id in a signed cookie."""
    return request.session.setdefault("visitor", uuid.uuid4().hex)


def event_frames(run: RunResultStreaming, visitor: str) -> Iterator[str]:
    """The run as server-sent events. Closing this generator, as the server does when the browser
    has gone, ends the run.
    """
    running[visitor] = run
    try:
        yield from filter(None, map(frame, run.stream_events()))
        yield sse("done", run.final_output)  # None: it was stopped
    except AgentsException as error:
        logger.exception("The run failed")
        yield sse("error", str(error))
    finally:
        run.cancel()
        if running.get(visitor) is run:
            del running[visitor]


async def on_request_thread(frames: Iterator[str], run: RunResultStreaming) -> AsyncIterator[str]:
    """The same for ASGI: stepped on the thread that Django keeps for this request, with its
    database connection.
    """
    step = sync_to_async(next)
    try:
        while frame := await step(frames, None):
            yield frame
    finally:
        run.cancel()  # wakes the thread, should it wait for the model
        await sync_to_async(frames.close)()


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
