"""Sending a model's request through a client, whatever API it is for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..tracing import GenerationSpanData, get_current_span, get_current_trace

if TYPE_CHECKING:
    from ..http.answer import Translate
    from ..http.assembly import SettledEvents
    from ..http.call import Reword
    from ..http.client import ResponsesClient
    from ..http.retries import RetryNote, RetryPolicy
    from .interface import ModelRequest


def send(
    client: ResponsesClient,
    body: dict[str, Any],
    request: ModelRequest,
    *,
    path: str = "/responses",
    translate: Translate | None = None,
    reword: Reword | None = None,
) -> SettledEvents:
    """Send a body with the headers and limits that a request asks for; gives the answer's events.

    Trace and span are told of the server and of tries that failed.
    """
    trace = get_current_trace()
    if trace is not None and not trace.disabled:
        trace.note_model_host(client.hostname)
    settings = request.model_settings
    return client.stream(
        body,
        path=path,
        translate=translate,
        reword=reword,
        headers=settings.extra_headers,
        query=settings.extra_query,
        timeout=settings.timeout,
        cancellation=request.cancellation,
        on_retry=note_retry,
        retry_policy=_retry_policy(client, request),
        background=request.background,
    )


def _retry_policy(client: ResponsesClient, request: ModelRequest) -> RetryPolicy | None:
    settings = request.model_settings.retry
    if settings is None:
        return None
    from .retrying import retry_policy  # only those who need it pay for it

    return retry_policy(settings, client.retry_policy, request.cancellation)


def note_retry(note: RetryNote) -> None:
    """Have the span of the model call tell of a retry."""
    span = get_current_span()
    if span is not None and isinstance(span.span_data, GenerationSpanData):
        config = span.span_data.model_config or {}
        told = note._asdict()
        if span.hides_content:
            del told["reason"]  # the server may have quoted the input
        retries = [*config.get("retries", ()), told]
        span.span_data.model_config = {**config, "retries": retries}
