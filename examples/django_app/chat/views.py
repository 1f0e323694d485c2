"""The chat page, its stream of events, and an answer in one piece."""

from __future__ import annotations

import logging
import uuid
from collections.abc import AsyncIterator, Callable, Iterator

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.db import transaction
from django.http import (
    HttpRequest,
    HttpResponse,
    JsonResponse,
    StreamingHttpResponse,
)
from django.middleware.csrf import get_token
from django.views.decorators.http import require_GET, require_POST

from agents_lite import AgentsException, Runner, RunResultStreaming, RunState, UserError
from agents_lite.chat_page import (
    ChatPage,
    answer_frames,
    decide_call,
    kept_state,
    sse,
    visitor_words,
    waiting_calls,
)
from agents_lite.testing.offline import NOTICE, has_model_server

from .agents import front_desk, model_config
from .models import WaitingRun
from .sessions import DjangoSession

HINTS = [
    "What are your opening hours on Saturday?",
    "Please book a visit for Ada: 'flat tyre'",
    "Please refund 20 euros for repair '1'",
]

logger = logging.getLogger(__name__)

running: dict[str, RunResultStreaming] = {}
"""What is being answered, by visitor. It is why this app runs as one process."""


@require_GET
def page(request: HttpRequest) -> HttpResponse:
    visitor(request)
    page = ChatPage(
        front_desk.name,
        title="The Spoke",
        hints=HINTS,
        notice="" if has_model_server() else NOTICE,
        fields={"csrfmiddlewaretoken": get_token(request)},
    )
    return HttpResponse(page.html())


@require_GET
def history(request: HttpRequest) -> HttpResponse:
    items = DjangoSession(visitor(request)).get_items()
    state = state_of(kept_run(request))
    if state is None:
        return JsonResponse({"items": items, "waiting": []})
    items += state.get_unsaved_items()
    waiting = waiting_calls(state.get_interruptions())
    return JsonResponse({"items": items, "waiting": waiting})


@require_POST
def ask(request: HttpRequest) -> HttpResponse:
    """Stream the answer. Each turn is a transaction: one around a whole answer would keep the
    database waiting for the model, and for the visitor's connection.
    """
    message = request.POST.get("message", "").strip()
    if not message:
        return refused("The message is empty.")
    kept = kept_run(request)
    state = state_of(kept)
    if state is None:
        return answered_here(request, message)
    if state.get_interruptions() or not take(kept):
        return refused("A call waits for a decision.", 409)
    if "again" not in request.POST:
        state.add_input(message)  # to an answer that was cut short behind a call
    return answered_here(request, state)


@require_POST
def decide(request: HttpRequest) -> HttpResponse:
    """Decide about a call that waits, and go on; only the visitor whose run it is can name it."""
    kept = kept_run(request)
    state = state_of(kept)
    try:
        if state is None or not decide_call(state, request.POST):
            return decided_before()
    except UserError as error:  # a form of an MCP server, not filled in as it should be
        return refused(str(error))
    with transaction.atomic():  # a worker that cannot be reached leaves the run where it is
        if not take(kept):  # a second click
            return decided_before()
        if settings.HAS_WORKER:
            return answered_by_worker(request, state)
    return answered_here(request, state)


@require_POST
def stop(request: HttpRequest) -> HttpResponse:
    if run := running.get(visitor(request)):
        run.cancel()
    return HttpResponse(status=204)


@require_POST
def clear(request: HttpRequest) -> HttpResponse:
    WaitingRun.objects.filter(visitor=visitor(request)).delete()
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
            if run.interruptions:
                keep(session.session_id, run.to_state().to_string())
    except AgentsException as error:
        logger.exception("The run failed")
        return JsonResponse({"error": visitor_words(error)}, status=502)
    waiting = waiting_calls(run.interruptions)
    return JsonResponse({"answer": run.final_output, "waiting": waiting})


def refused(words: str, status: int = 400) -> JsonResponse:
    return JsonResponse({"error": words}, status=status)  # the page shows the words


def decided_before() -> HttpResponse:
    return HttpResponse(sse("decided", None), content_type="text/event-stream")


def visitor(request: HttpRequest) -> str:
    """Who is asking: an id in a signed cookie."""
    return request.session.setdefault("visitor", uuid.uuid4().hex)


def kept_run(request: HttpRequest) -> WaitingRun | None:
    return WaitingRun.objects.filter(visitor=visitor(request)).first()


def state_of(kept: WaitingRun | None) -> RunState | None:
    return kept_state(front_desk, None if kept is None else kept.state)


def keep(visitor: str, state: str) -> None:
    """Put a visitor's run aside."""
    WaitingRun.objects.update_or_create(visitor=visitor, defaults={"state": state})


def take(kept: WaitingRun) -> bool:
    """Take the run, to go on with it; False: somebody else has it by now."""
    deleted, _ = WaitingRun.objects.filter(pk=kept.pk, state=kept.state).delete()
    return deleted == 1


def run_of(visitor: str, start: str | RunState) -> RunResultStreaming:
    session = DjangoSession(visitor)
    return Runner.run_streamed(front_desk, start, session=session, run_config=model_config())


def answered_here(request: HttpRequest, start: str | RunState) -> StreamingHttpResponse:
    run = run_of(visitor(request), start)
    return streamed(request, run_frames(run, visitor(request), start), run.cancel)


def answered_by_worker(request: HttpRequest, state: RunState) -> StreamingHttpResponse:
    """A Celery worker goes on, whether or not the visitor stays to watch."""
    from .worker import frames_of, go_on

    channel = f"chat:{uuid.uuid4().hex}"
    go_on.delay(visitor(request), state.to_string(), channel)
    return streamed(request, frames_of(channel, beat=sse("worker", None)), lambda: None)


def streamed(
    request: HttpRequest, frames: Iterator[str], wake: Callable[[], None]
) -> StreamingHttpResponse:
    is_asgi = isinstance(request, ASGIRequest)
    return StreamingHttpResponse(
        on_request_thread(frames, wake) if is_asgi else frames,
        content_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},  # nor may proxies hold it
    )


def run_frames(run: RunResultStreaming, visitor: str, start: str | RunState) -> Iterator[str]:
    """The run as server-sent events, up to its end or to a call that waits for the visitor."""
    running[visitor] = run

    def end(state: str | None) -> None:
        if running.get(visitor) is run:
            del running[visitor]
        if state is not None:
            keep(visitor, state)

    return answer_frames(run, start, end)


async def on_request_thread(frames: Iterator[str], wake: Callable[[], None]) -> AsyncIterator[str]:
    """The same for ASGI: stepped on the thread that Django keeps for this request, with its
    database connection.
    """
    step = sync_to_async(next)
    try:
        while frame := await step(frames, None):
            yield frame
    finally:
        wake()  # the thread, should it wait for the model
        await sync_to_async(frames.close)()
