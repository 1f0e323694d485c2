"""A server as users have it: connected when it is needed, its tools, prompts and resources."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakSet

from ..checks import (
    check_choice,
    check_count,
    check_guardrails,
    check_number,
    check_seconds,
    check_takes,
)
from ..concurrency.calling import Done
from ..concurrency.forks import in_child, new_lock
from ..concurrency.workers import run_in_thread, run_in_thread_or_here
from ..exceptions import MCPServerError, UserError
from ..response_types import as_json
from ..run_context import RunContextWrapper
from ..shown import SHORTEST_SECRET
from ..tool import ToolErrorFunction, default_tool_error_function
from .approval import RequireApproval, check_approval
from .filters import ToolFilter, ToolFilterContext, check_filter, passes
from .objects import (
    MCPCallResult,
    MCPElicitation,
    MCPObject,
    MCPPromptResult,
    MCPTool,
    MCPTools,
)
from .protocol import METHOD_NOT_FOUND, parameter_headers
from .session import Alone, Caller, DiedOfProbe, Session
from .transport import ConnectionLost, Transport

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from concurrent.futures import Future
    from typing import Self

    from ..agent import Agent
    from ..tool_guardrails import ToolInputGuardrail, ToolOutputGuardrail
    from .agent_tools import MCPToolMetaContext
    from .servers import MCPServerStdio as MCPServerStdio
    from .servers import MCPServerStreamableHttp as MCPServerStreamableHttp

logger = logging.getLogger("agents_lite")


if not TYPE_CHECKING:  # or a misspelt name passes

    def __getattr__(name: str) -> Any:
        if name in ("MCPServerStdio", "MCPServerStreamableHttp"):  # of a module that needs this one
            from . import servers

            return getattr(servers, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


WAITING = 0.1
"""Seconds after which a thread that waits for another's connecting looks whether to go on."""

_servers: WeakSet[MCPServer] = WeakSet()


@dataclass
class _Listing:
    """The tools of a server as they were listed."""

    tools: list[MCPTool]
    session: Session


class MCPServer:
    """A server; use MCPServerStdio or MCPServerStreamableHttp.

    Runs call `list_tools(run_context, agent)` and `call_tool(tool_name, arguments)` of a class that
    has its own, `def` or `async def`; with `meta` behind them where there is any.

    A context manager, for `with` and `async with`, that is connected inside its block. Without
    one, a run connects it when it first needs it and closes it at its end; a method that is called
    outside of a run connects it until `close`. One object may be shared by any number of threads
    and runs. After a fork it connects anew.

    Args:
        name: Names the server in errors, traces and prefixes of tool names; None: what its class
            calls itself.
        cache_tools_list: Whether tools are listed once, until the server says that they have
            changed.
        tool_filter: Which tools an agent gets to see: `create_static_tool_filter(...)`, or a
            function of a ToolFilterContext and a tool.
        require_approval: Which calls wait for consent: "always", "never", "auto" (those that
            may destroy something, by the tool's annotations), a function of context, tool and
            arguments, or rules by the tool's name.
        client_session_timeout_seconds: How long each request may take, the handshake included;
            None: as long as it likes.
        max_retry_attempts: How often listing, and a call that may be repeated by its tool's
            annotations, is tried again when the server fails.
        retry_backoff_seconds_base: Seconds before the second try, doubled for each further one.
        retry_backoff_seconds_max: Seconds between two tries at most; None: no limit.
        max_list_pages: Pages of a list, after which a server is taken for one that never ends it;
            None: no limit.
        max_message_bytes: Longest message that is read; compressed ones count unpacked.
        use_structured_content: Whether a tool's `structuredContent` is its output, where there
            is any, in place of its content.
        failure_error_function: Turns a failed call into what the model is told; None lets the
            error leave the run.
        tool_meta_resolver: Called for each call of a run with an `MCPToolMetaContext`; gives what
            the server is told beside the arguments (`_meta`), or None. `def` or `async def`.
        tool_input_guardrails: Guardrails of all its tools, as those of a function tool.
        tool_output_guardrails: The same, for what they give.
        on_elicitation: Answers what the server asks the user in the middle of a call: given an
            MCPElicitation, it returns the form's fields, or None to decline. None: the run pauses
            until its state was given the answer; outside of a run the server may not ask.
        on_failure: What becomes of a run when the server cannot be used: "raise", or "skip" to
            go on without its tools.

    Raises:
        UserError: An option is of the wrong kind.
    """

    _has_headers = False
    """Whether calls may have headers."""

    def __init__(
        self,
        name: str | None = None,
        *,
        cache_tools_list: bool = False,
        tool_filter: ToolFilter = None,
        require_approval: RequireApproval = None,
        client_session_timeout_seconds: float | None = 60.0,
        max_retry_attempts: int = 0,
        retry_backoff_seconds_base: float = 1.0,
        retry_backoff_seconds_max: float | None = 8.0,
        max_list_pages: int | None = 1000,
        max_message_bytes: int = 64 << 20,
        use_structured_content: bool = False,
        failure_error_function: ToolErrorFunction | None = default_tool_error_function,
        tool_meta_resolver: Callable[[MCPToolMetaContext], Any] | None = None,
        tool_input_guardrails: Sequence[ToolInputGuardrail] | None = None,
        tool_output_guardrails: Sequence[ToolOutputGuardrail] | None = None,
        on_elicitation: Callable[[MCPElicitation], Any] | None = None,
        on_failure: Literal["raise", "skip"] = "raise",
    ) -> None:
        check_filter(tool_filter)
        check_approval(require_approval)
        check_choice(on_failure, "on_failure", "raise", "skip")
        if client_session_timeout_seconds is not None:
            check_seconds(client_session_timeout_seconds, "client_session_timeout_seconds")
        check_count(max_retry_attempts, "max_retry_attempts")
        check_number(retry_backoff_seconds_base, "retry_backoff_seconds_base")
        if retry_backoff_seconds_max is not None:
            check_number(retry_backoff_seconds_max, "retry_backoff_seconds_max")
        if max_list_pages is not None:
            check_count(max_list_pages, "max_list_pages", 1)
        check_number(max_message_bytes, "max_message_bytes", 1)
        if failure_error_function is not None:
            check_takes(failure_error_function, "failure_error_function", "context", "error")
        if tool_meta_resolver is not None:
            check_takes(tool_meta_resolver, "tool_meta_resolver", "an MCPToolMetaContext")
        if on_elicitation is not None:
            check_takes(on_elicitation, "on_elicitation", "an MCPElicitation")
        if name is not None or not hasattr(type(self), "name"):  # which may be a property
            self.name = name or type(self).__name__
        self.cache_tools_list = cache_tools_list
        self.tool_filter = tool_filter
        self.require_approval = require_approval
        self.use_structured_content = use_structured_content
        self.failure_error_function = failure_error_function
        self.tool_meta_resolver = tool_meta_resolver
        self.tool_input_guardrails: list[ToolInputGuardrail] = check_guardrails(
            tool_input_guardrails, "tool_input_guardrail"
        )
        self.tool_output_guardrails: list[ToolOutputGuardrail] = check_guardrails(
            tool_output_guardrails, "tool_output_guardrail"
        )
        self.on_failure = on_failure
        self._seconds = client_session_timeout_seconds
        self._max_retries = max_retry_attempts
        self._back_off = retry_backoff_seconds_base
        self._longest_back_off = retry_backoff_seconds_max
        self._most_pages = max_list_pages
        self._longest = max_message_bytes
        self._on_elicitation = on_elicitation
        self._secrets: list[str] = []
        self._session: Session | None = None
        self._listing: _Listing | None = None
        self._known: dict[str, MCPTool] = {}  # all that were ever listed, by name
        self._holders: set[object] = set()
        self._entered: list[object] = []  # holders: `with` blocks
        self._is_kept = False
        self._lock = new_lock()
        self._connecting = new_lock()
        _servers.add(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def _open(self) -> Transport:
        """A new way to the server, which is yet to begin."""
        raise UserError(
            f"{type(self).__name__} has no server to connect to: what is asked of it needs a "
            "method of its own, such as list_tools and call_tool"
        )

    def __enter__(self) -> Self:
        """Connect."""
        block = object()
        try:
            self._entered.append(block)
            with Alone() as caller:
                self.hold(block)
                self._connected(caller)
        except BaseException:
            self._leave(block)
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        """Close, unless somebody else still uses it."""
        self._leave(self._entered[-1])

    async def __aenter__(self) -> Self:
        """Connect, on another thread."""
        from asyncio import wrap_future

        entering = run_in_thread(self.__enter__)
        try:
            return await wrap_future(entering)
        except BaseException:  # a thread is not cancelled: what it comes to is closed
            entering.add_done_callback(self._leave_again)
            raise

    async def __aexit__(self, *_exception: object) -> None:
        """Close, on another thread."""
        from asyncio import wrap_future

        await wrap_future(run_in_thread(self.__exit__))

    def hold(self, holder: object) -> None:
        """Keep it connected, once it is, for this one until it calls `release`."""
        with self._lock:  # not between the look of who releases it, and its closing
            self._holders.add(holder)

    def release(self, holder: object) -> None:
        """Undo a `hold`; the last one closes the connection."""
        with self._lock:
            self._holders.discard(holder)
        self._end_session(even_if_held=False)

    def hold_until(self, closing: ExitStack) -> None:
        """Keep it connected, once it is, until this is closed."""
        if closing not in self._holders:
            closing.callback(self.release, closing)  # first: an interrupt may come in between
            self.hold(closing)

    def close(self) -> None:
        """Close the connection, if there is one; the next use makes a new one."""
        self._is_kept = False
        self._end_session(even_if_held=True)

    def connect(self) -> Done:
        """Connect, if it is not connected, until `close`.

        Raises:
            MCPServerError: It cannot be reached, or speaks nothing that is known here.
        """
        with self.direct_use() as caller:
            self._connected(caller)
        return Done()

    def cleanup(self) -> Done:
        """The same as `close`, which a program that awaits it may await."""
        self.close()
        return Done()

    def list_tools(
        self, run_context: RunContextWrapper[Any] | None = None, agent: Agent[Any] | None = None
    ) -> MCPTools:
        """The tools that pass the filter.

        Args:
            run_context: For a filter function.
            agent: For a filter function.

        Raises:
            MCPServerError: The server failed.
        """
        with self.direct_use() as caller:
            context = ToolFilterContext(run_context, agent, self.name)
            return MCPTools(self.tools_for(context, caller))

    def call_tool(
        self,
        tool_name: str,
        arguments: Mapping[str, Any] | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> MCPCallResult:
        """Call a tool, whatever filters and approvals say.

        Args:
            tool_name: The tool.
            arguments: What it is given.
            meta: What the server is told beside them (`_meta`).

        Raises:
            MCPServerError: The server failed or refused; a tool that fails gives a result whose
                `is_error` is true.
        """
        with self.direct_use() as caller:
            return self.call(tool_name, arguments or {}, caller, meta)

    def list_prompts(self) -> MCPObject:
        """The prompts, as the field `prompts`: `name`, `description`, `arguments`."""
        return self._list_directly("prompts")

    def get_prompt(
        self, name: str, arguments: Mapping[str, str] | None = None
    ) -> MCPPromptResult:
        """A prompt, filled in; its `text` can serve as the instructions of an agent.

        Args:
            name: The prompt.
            arguments: What is filled in.
        """
        params = {"name": name, "arguments": dict(arguments or {})}
        with self.direct_use() as caller:
            return MCPPromptResult(self._request("prompts/get", params, caller))

    def list_resources(self, cursor: str | None = None) -> MCPObject:
        """The resources, as the field `resources`: `uri`, `name`, `mimeType`.

        Args:
            cursor: The page to begin with; None: the first. All that follow are there, too.
        """
        return self._list_directly("resources", cursor)

    def list_resource_templates(self, cursor: str | None = None) -> MCPObject:
        """The templates of resources, as the field `resourceTemplates`: `uriTemplate`, `name`.

        Args:
            cursor: As for `list_resources`.
        """
        return self._list_directly("resources/templates", cursor)

    def read_resource(self, uri: str) -> MCPObject:
        """A resource, as the field `contents`: `uri` and `text`, or `blob` in base64."""
        with self.direct_use() as caller:
            return MCPObject(self._request("resources/read", {"uri": str(uri)}, caller))

    def invalidate_tools_cache(self) -> None:
        """List the tools anew when they are next needed."""
        self._listing = None

    @property
    def server_instructions(self) -> str | None:
        """What the server says of its use; None where it says nothing, or is not connected."""
        session = self._session
        return None if session is None else session.instructions

    def tools_for(self, context: ToolFilterContext, caller: Caller) -> list[MCPTool]:
        """The tools that pass the filter, listed on somebody's behalf."""
        tools = self._cached_tools()
        if tools is None:
            tools = self._list_tools(caller)
        return [tool for tool in tools if passes(tool, self.tool_filter, context, caller.call)]

    def known_tool(self, name: str) -> MCPTool:
        """A tool as it was last listed; one that never was, has no more than a name."""
        return self._known.get(name) or MCPTool({"name": name})

    def know(self, tools: Iterable[MCPTool]) -> None:
        """Take tools as they were listed."""
        self._known = {**self._known, **{tool.name: tool for tool in tools}}

    def call(
        self,
        tool_name: str,
        arguments: Mapping[str, Any],
        caller: Caller,
        meta: Mapping[str, Any] | None = None,
    ) -> MCPCallResult:
        """Call a tool on somebody's behalf."""
        told = {"_meta": dict(meta)} if meta else {}
        tool = self.known_tool(tool_name)
        schema = as_json(tool).get("inputSchema") if self._has_headers else None
        return MCPCallResult(
            self._request(
                "tools/call",
                {"name": tool_name, "arguments": dict(arguments), **told},
                caller,
                called=tool,
                headers=parameter_headers(schema, arguments),
            )
        )

    def _leave_again(self, entered: Future[Self]) -> None:
        if entered.exception() is None:
            run_in_thread_or_here(self.__exit__)

    def _leave(self, block: object) -> None:
        with suppress(ValueError):  # it was not entered
            self._entered.remove(block)
        self.release(block)

    def direct_use(self, loop: AbstractEventLoop | None = None) -> Alone:
        """Outside of a `with` block and of a run, the connection is kept until `close`."""
        with self._lock:
            self._is_kept = self._is_kept or not self._holders
        return Alone(loop)

    def _cached_tools(self) -> list[MCPTool] | None:
        listing = self._listing
        if not self.cache_tools_list or listing is None:
            return None
        session = listing.session
        is_followed = session is self._session and session.hears_of_new_tools
        if session.has_new_tools or (session.can_tell_of_new_tools and not is_followed):
            return None
        return listing.tools

    def _list_tools(self, caller: Caller) -> list[MCPTool]:
        session = self._connected(caller)
        session.has_new_tools = False
        try:
            listed = self._all("tools", caller)
        except MCPServerError as error:
            if error.code != METHOD_NOT_FOUND or "tools" in session.capabilities:
                raise
            listed = []  # it has prompts or resources only
        tools = [MCPTool(tool) for tool in listed if isinstance(tool.get("name"), str)]
        if len(tools) < len(listed):
            logger.warning("Tools of MCP server %s that have no name are left out", self.name)
        self.know(tools)
        self._listing = _Listing(tools, session)
        return tools

    def _list_directly(self, kind: str, cursor: str | None = None) -> MCPObject:
        with self.direct_use() as caller:
            return MCPObject({_LISTED[kind]: self._all(kind, caller, cursor), "nextCursor": None})

    def _all(self, kind: str, caller: Caller, cursor: Any = None) -> list[dict[str, Any]]:
        """What a server lists, page after page."""
        found: list[dict[str, Any]] = []
        seen: set[Any] = set()
        while True:
            params: dict[str, Any] = {} if cursor is None else {"cursor": cursor}
            page = self._request(f"{kind}/list", params, caller)
            entries = page.get(_LISTED[kind])
            if entries is None and _LISTED[kind] in page:
                entries = []  # so say servers written in Go
            if not isinstance(entries, list):
                raise MCPServerError(f"the list of its {kind} is none: {entries!r}", self.name)
            found += [entry for entry in entries if isinstance(entry, dict)]
            cursor = page.get("nextCursor")
            if not cursor:
                return found
            if not isinstance(cursor, str) or cursor in seen:
                what = f"listing its {kind} goes round in circles: a cursor came twice, or is none"
                raise MCPServerError(what, self.name)
            seen.add(cursor)
            if len(seen) == self._most_pages:
                pages = f"{self._most_pages} pages (max_list_pages)"
                what = f"the list of its {kind} does not end after {pages}"
                raise MCPServerError(what, self.name)

    def _request(
        self,
        method: str,
        params: Mapping[str, Any],
        caller: Caller,
        *,
        called: MCPTool | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """A request, repeated where that does no harm and may help.

        Args:
            method: What is wanted.
            params: The details.
            caller: On whose behalf.
            called: The tool that is called, or None: what is wanted can be repeated.
            headers: Sent with it.
        """
        tries_left, was_renewed = self._max_retries, False
        delay = self._back_off
        while True:
            session = self._connected(caller)
            try:
                return session.request(
                    method, params, caller, seconds=self._seconds, headers=headers
                )
            except MCPServerError as error:
                if not was_renewed and isinstance(error, ConnectionLost) and error.is_unsent:
                    was_renewed = True
                    continue
                may_repeat = called is None or called.is_repeatable
                if tries_left == 0 or error.code is not None or not may_repeat:
                    raise
            tries_left -= 1
            longest = self._longest_back_off
            caller.cancellation.wait(delay if longest is None else min(delay, longest))
            delay *= 2

    def _connected(self, caller: Caller) -> Session:
        session = self._session
        if session is not None and session.transport.is_alive:
            return session
        try:
            while not self._connecting.acquire(timeout=WAITING):
                caller.cancellation.check()
            session = self._session
            if session is not None and session.transport.is_alive:
                return session
            if session is not None:
                session.transport.close()
            self._session = None
            self._session = session = self._new_session(caller)
            return session
        finally:
            try:  # as `new_lock` says
                self._connecting.release()
            except RuntimeError:
                pass

    def _end_session(self, even_if_held: bool) -> None:
        session = None
        try:
            with self._lock:
                if even_if_held or not (self._holders or self._is_kept):
                    session, self._session = self._session, None
            if session is not None:
                session.transport.close()
        except BaseException:  # nobody else knows it any more
            if session is not None:
                session.transport.close(at_once=True)
            raise

    def _new_session(self, caller: Caller) -> Session:
        try:
            return self._begun(caller, probes=True)
        except DiedOfProbe:
            return self._begun(caller, probes=False)

    def _begun(self, caller: Caller, probes: bool) -> Session:
        transport = self._open()
        try:
            transport.begin()
            session = Session(
                transport, self.name, self._seconds, self._on_elicitation, self._mask
            )
            session.connect(caller, probes)
            if self.cache_tools_list and session.can_tell_of_new_tools or (
                self._on_elicitation is not None and not session.is_modern
            ):
                session.listen()
            return session
        except BaseException:
            transport.close(at_once=True)
            raise

    def _mask(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def _keep_secret(self, *texts: str) -> None:
        """Let no error or log line show these."""
        long_enough = {text for text in texts if len(text) >= SHORTEST_SECRET}
        self._secrets = sorted({*self._secrets, *long_enough}, key=len, reverse=True)

    def _forget(self) -> None:
        """Begin anew in a forked process."""
        session, self._session = self._session, None
        self._holders = set()
        if session is not None:
            session.transport.forget()


_LISTED = {
    "tools": "tools",
    "prompts": "prompts",
    "resources": "resources",
    "resources/templates": "resourceTemplates",
}
"""The field of a page that holds what is listed."""


@in_child
def _forget_connections() -> None:
    for server in list(_servers):
        server._forget()
