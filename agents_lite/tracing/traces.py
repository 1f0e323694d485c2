"""Traces: one operation from end to end, made of spans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..exceptions import UserError
from ..shown import repr_of
from .current import Activity, get_current_activity
from .ids import exported_trace_id, gen_trace_id, is_valid_trace_id
from .provider import TraceProvider, get_trace_provider
from .spans import custom_span
from .warnings import logger

if TYPE_CHECKING:
    from .default import HeldItems


class Trace(Activity):
    """One operation from end to end; made by `trace`."""

    is_trace = True
    _on_start, _on_end = "on_trace_start", "on_trace_end"
    span_id = None  # so that the spans right below have no parent span

    def __init__(
        self,
        name: str,
        trace_id: str,
        group_id: str | None,
        metadata: dict[str, Any] | None,
        disabled: bool,
        provider: TraceProvider,
    ) -> None:
        self.disabled = disabled
        self.name = name
        self.trace_id = trace_id
        self.group_id = group_id
        self.metadata = metadata
        self.provider = provider
        self.session_id: str | None = None
        """The session of its run, or of the first of its runs that has one."""
        self.talks_to_openai = False
        """Whether a model call of this trace went to OpenAI's own server."""
        self.held: HeldItems | None = None
        """What the default processor holds back until it is known where the models are."""

    @property
    def trace(self) -> Trace:
        """Itself, as a span has its trace."""
        return self

    def start(self, mark_as_current: bool = True) -> None:
        """Start it and, unless told otherwise, make it current; a second start does nothing."""
        super().start(mark_as_current)

    def finish(self, reset_current: bool = True) -> None:
        """Finish it; a second finish does nothing.

        Args:
            reset_current: Whether what surrounded it becomes current again.
        """
        super().finish(reset_current)

    @property
    def workflow_name(self) -> str:
        """What the operation is called; the same as `name`."""
        return self.name

    def add_event(self, name: str, data: dict[str, Any] | None = None) -> None:
        """Record something that happened just now, as a custom span of no length."""
        activity = get_current_activity()
        inside = activity is not None and activity.trace is self
        event = custom_span(name, data, parent=activity if inside else self)
        event.start()
        event._finish_at(event.started_ns or 0)

    def note_model_host(self, host: str) -> None:
        """Take note of a server that a model of this trace is asked at, such as "api.openai.com".

        Traces go to OpenAI by themselves only when their models are there.
        """
        if host == "api.openai.com":
            self.talks_to_openai = True

    def export(self) -> dict[str, Any] | None:
        """The JSON object that the traces endpoint takes, or None when nothing is recorded."""
        if self.disabled:
            return None
        metadata = self.metadata
        if not is_valid_trace_id(self.trace_id) and isinstance(metadata, dict | None):
            metadata = {**(metadata or {}), "original_trace_id": self.trace_id}
        return {
            "object": "trace",
            "id": exported_trace_id(self.trace_id),
            "workflow_name": self.name,
            "group_id": self.group_id,
            "metadata": metadata,
        }

    def __repr__(self) -> str:
        return f"<Trace {self.name!r} {self.trace_id}>"


def trace(
    workflow_name: str,
    trace_id: str | None = None,
    group_id: str | None = None,
    metadata: dict[str, Any] | None = None,
    disabled: bool = False,
) -> Trace:
    """A new trace: use it in a `with` block, or call `start` and `finish`.

    Args:
        workflow_name: What the operation is called, such as "Customer service".
        trace_id: An id of the form `trace_<32 letters or digits>`, or None for a new one. Another
            form is kept as given, with a warning, and exported as a valid id derived from it.
        group_id: Links traces of one conversation, or None.
        metadata: What else to keep with the trace, {name: value}, or None.
        disabled: Record nothing, neither the trace nor the spans inside.

    Raises:
        UserError: The id is no text.
    """
    provider = get_trace_provider()
    if trace_id is None:
        trace_id = gen_trace_id()
    elif not isinstance(trace_id, str):
        raise UserError(f"A trace id is a str, not {repr_of(trace_id)}; leave it out for a new one")
    elif not is_valid_trace_id(trace_id):
        logger.warning(
            "Trace id %r is not of the form trace_<32 letters or digits>; it is exported as %s.",
            trace_id,
            exported_trace_id(trace_id),
        )
    disabled = disabled or provider.disabled
    if not disabled:
        provider.prepare()
    return Trace(workflow_name, trace_id, group_id, metadata, disabled, provider)
