"""The errors that agents_lite raises on purpose; `RunCancelled` alone is none of them."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .shown import escaped

if TYPE_CHECKING:
    from .guardrail import InputGuardrailResult, OutputGuardrailResult
    from .result import RunErrorDetails as RunErrorDetails
    from .tool_guardrails import (
        ToolGuardrailFunctionOutput,
        ToolInputGuardrail,
        ToolOutputGuardrail,
    )

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIResponseError",
    "APIStatusError",
    "APITimeoutError",
    "AgentsException",
    "AuthenticationError",
    "BadRequestError",
    "CassetteLeftover",
    "CassetteMiss",
    "InputGuardrailTripwireTriggered",
    "InternalServerError",
    "InvalidFinalOutputError",
    "JournalError",
    "JournalMismatch",
    "MCPServerError",
    "MCPTimeoutError",
    "MaxTurnsExceeded",
    "ModelBehaviorError",
    "ModelRefusalError",
    "NestingTooDeep",
    "NotFoundError",
    "OutputGuardrailTripwireTriggered",
    "PermissionDeniedError",
    "RateLimitError",
    "ReplayMiss",
    "ResponseFailedError",
    "RunBusy",
    "RunTimeout",
    "SessionError",
    "ToolInputGuardrailTripwireTriggered",
    "ToolOutputGuardrailTripwireTriggered",
    "ToolTimeoutError",
    "UnknownEndError",
    "UsageLimitExceeded",
    "UserError",
]

_ROOT = os.path.dirname(__file__)


if not TYPE_CHECKING:  # or a misspelt name passes

    def __getattr__(name: str) -> Any:
        if name == "RunErrorDetails":  # of a module that needs this one
            from .result import RunErrorDetails

            return RunErrorDetails
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def explain_lost_import(error: OSError | ImportError) -> None:
    """Raise UserError for a module that could not be loaded: too many files are open."""
    name = getattr(error, "filename", None) or getattr(error, "path", None)
    is_source = isinstance(name, str) and (
        name.endswith((".py", ".pyc", ".so", ".pyd")) or name in sys.path or _ROOT in name
    )
    if is_source and os.strerror(errno.EMFILE) in str(error):
        raise UserError(
            f"Too many files are open: a part of Python that is needed, {name}, could not be "
            "loaded. Close files, or allow the process more (ulimit -n)."
        ) from error


class AgentsException(Exception):
    """Root of all errors of this package.

    Attributes:
        run_data: What the run had done, or None when the error did not come out of a run.
    """

    run_data: RunErrorDetails | None = None

    def __str__(self) -> str:
        """Its words, with an escape for what a terminal would act on: models and servers wrote
        some of them."""
        return escaped(super().__str__())

    @property
    def message(self) -> str:
        """What `str()` says."""
        return str(self)

    def __reduce__(self) -> tuple[Any, ...]:  # pickle would call the class with `args` alone
        return _rebuild, (type(self), self.args, vars(self))


def _rebuild(kind: type[AgentsException], args: tuple[Any, ...], facts: dict[str, Any]) -> Any:
    error = kind.__new__(kind, *args)
    vars(error).update(facts)
    return error


def words_of(error: BaseException) -> str:
    """What an exception says, or its class where it says nothing or cannot say it.

    A group says what each exception in it says, too.
    """
    try:
        said = str(error) or type(error).__name__
    except Exception:
        said = f"{type(error).__name__}, whose text cannot be had"
    if isinstance(error, BaseExceptionGroup):
        said += ": " + "; ".join(f"{type(e).__name__}: {words_of(e)}" for e in error.exceptions)
    return said


class UserError(AgentsException):
    """The SDK was used wrongly; the message says what to change."""


class MaxTurnsExceeded(AgentsException):
    """The run needed more turns (model calls) than `max_turns` allows."""


class RunTimeout(AgentsException, TimeoutError):
    """The run did not end within its `timeout` (seconds)."""


class NestingTooDeep(AgentsException):
    """Agents call each other as tools, one inside the other, without an end."""


class UsageLimitExceeded(AgentsException):
    """The next call would pass one of the run's `UsageLimits`."""


class ModelBehaviorError(AgentsException):
    """The model did what it must not: malformed JSON, an unknown tool, an impossible answer."""


class InvalidFinalOutputError(ModelBehaviorError):
    """The model's final output does not fit the agent's output type."""


class ModelRefusalError(ModelBehaviorError):
    """The model declined to answer.

    Attributes:
        refusal: The model's own words.
    """

    def __init__(self, refusal: str, agent_name: str) -> None:
        super().__init__(f"The model refused to answer as agent {agent_name}: {refusal}")
        self.refusal = refusal


class ToolTimeoutError(AgentsException):
    """A tool ran longer than its `timeout`; it ends the run where the tool wants that raised.

    Attributes:
        tool_name: The tool.
        timeout_seconds: Its limit, in seconds.
    """

    def __init__(self, tool_name: str, timeout_seconds: float) -> None:
        super().__init__(f"Tool '{tool_name}' timed out after {timeout_seconds:g} seconds.")
        self.tool_name = tool_name
        self.timeout_seconds = timeout_seconds


class UnknownEndError(AgentsException):
    """A tool's call was begun before, and nobody knows how it ended; the tool wants that raised.

    Attributes:
        tool_name: The tool.
        call_id: The call.
        arguments: Its arguments: JSON text.
    """

    def __init__(self, tool_name: str, call_id: str, arguments: str) -> None:
        super().__init__(
            f"Tool {tool_name} was begun with {arguments} (call {call_id}), and it is not known "
            "how that ended; see what it has done before the run goes on"
        )
        self.tool_name = tool_name
        self.call_id = call_id
        self.arguments = arguments


class InputGuardrailTripwireTriggered(AgentsException):
    """An input guardrail tripped; no tool has run and the session holds nothing of the run.

    Attributes:
        guardrail_result: The verdict; `guardrail_result.output.output_info` says why.
    """

    def __init__(self, guardrail_result: InputGuardrailResult) -> None:
        super().__init__(_tripwire_message(guardrail_result.guardrail))
        self.guardrail_result = guardrail_result


class OutputGuardrailTripwireTriggered(AgentsException):
    """An output guardrail tripped on the final output.

    Attributes:
        guardrail_result: The verdict; it also holds the output that was blocked.
    """

    def __init__(self, guardrail_result: OutputGuardrailResult) -> None:
        super().__init__(_tripwire_message(guardrail_result.guardrail))
        self.guardrail_result = guardrail_result


class ToolInputGuardrailTripwireTriggered(AgentsException):
    """A guardrail on a tool's input chose to stop the run.

    Attributes:
        guardrail: The guardrail.
        output: What it returned.
    """

    def __init__(self, guardrail: ToolInputGuardrail, output: ToolGuardrailFunctionOutput) -> None:
        super().__init__(_tripwire_message(guardrail))
        self.guardrail = guardrail
        self.output = output


class ToolOutputGuardrailTripwireTriggered(AgentsException):
    """A guardrail on a tool's output chose to stop the run.

    Attributes:
        guardrail: The guardrail.
        output: What it returned.
    """

    def __init__(self, guardrail: ToolOutputGuardrail, output: ToolGuardrailFunctionOutput) -> None:
        super().__init__(_tripwire_message(guardrail))
        self.guardrail = guardrail
        self.output = output


def _tripwire_message(guardrail: object) -> str:
    return f"Guardrail {type(guardrail).__name__} triggered tripwire"


class SessionError(AgentsException):
    """A session's store failed: unreachable, locked, full, damaged; it holds whole turns only."""


class JournalError(AgentsException):
    """A journal failed: unreachable, locked, full, damaged, or written by a newer version.

    Attributes:
        may_pass: Whether it may go well soon: a connection was lost, for example.
    """

    def __init__(self, message: str, *, may_pass: bool = False) -> None:
        super().__init__(message)
        self.may_pass = may_pass


class JournalMismatch(AgentsException):
    """A run of that id was begun with another input or other agents, or has gone another way.

    Attributes:
        run_id: The run.
        difference: The first difference, in words.
    """

    def __init__(self, run_id: str, difference: str) -> None:
        super().__init__(
            f"Run {run_id!r} does not fit what its journal holds: {difference}. Give what was "
            "given then, or another run_id"
        )
        self.run_id = run_id
        self.difference = difference


class RunBusy(AgentsException):
    """A run is at work elsewhere.

    Attributes:
        run_id: The run.
        holder: Who has it: host and process.
    """

    def __init__(self, run_id: str, holder: str) -> None:
        super().__init__(f"Run {run_id!r} is at work elsewhere ({holder})")
        self.run_id = run_id
        self.holder = holder


class MCPServerError(AgentsException):
    """An MCP server cannot be used: it does not start, died, did not answer, or refused a request.

    Attributes:
        server_name: The server.
        code: The JSON-RPC code of the server's own error, or None for any other failure.
        data: What else the server said of its error, or None.
    """

    def __init__(
        self, message: str, server_name: str, *, code: int | None = None, data: Any = None
    ) -> None:
        super().__init__(f"MCP server {server_name!r}: {message}")
        self.server_name = server_name
        self.code = code
        self.data = data


class MCPTimeoutError(MCPServerError, TimeoutError):
    """An MCP server did not answer in time."""


class CassetteMiss(AgentsException):
    """A cassette holds no answer to what was asked, and is not to ask elsewhere.

    Attributes:
        path: The cassette's file.
        diff: How what was asked differs from the nearest entry, or "" where nothing is near.
    """

    def __init__(self, message: str, *, path: str, diff: str = "") -> None:
        super().__init__(f"{message}\n{diff}" if diff else message)
        self.path = path
        self.diff = diff


class CassetteLeftover(AgentsException):
    """A cassette holds answers that nobody asked for.

    Attributes:
        path: The cassette's file.
    """

    def __init__(self, message: str, *, path: str) -> None:
        super().__init__(message)
        self.path = path


class ReplayMiss(AgentsException):
    """A recorded run does not hold what its replay asks for, and nobody else is to be asked."""


class APIError(AgentsException):
    """Talking to the model's server failed.

    Attributes:
        request_id: The server's id of the request (`x-request-id`), or None when it named none.
        code: The server's own error code, or None.
        body: The answer: parsed JSON, or text, or None.
        is_final: Whether a client has tried again as often as it may.
        may_have_acted: Whether the server, which had the request, was given tools of its own that
            have effects, such as those of MCP servers.
    """

    is_final = False
    may_have_acted = False

    def __init__(
        self,
        message: str,
        *,
        request_id: str | None = None,
        code: str | None = None,
        body: Any = None,
    ) -> None:
        super().__init__(message)
        self.request_id = request_id
        self.code = code
        self.body = body


class APIConnectionError(APIError):
    """No usable answer: the connection was refused, reset, cut, or what came was not HTTP."""


class APITimeoutError(APIConnectionError, TimeoutError):
    """The server did not answer, or stopped answering, within the request's timeouts."""


class APIResponseError(APIError):
    """The server answered with something that is not a Responses API answer."""


class ResponseFailedError(APIError):
    """A response ended `failed` or `incomplete`, or its stream broke off.

    Attributes:
        response: The response as far as it is known (a Responses API object), or None.
    """

    def __init__(self, message: str, *, response: Any = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.response = response


class APIStatusError(APIError):
    """The server answered with a status of 300 or more.

    Attributes:
        status_code: The HTTP status.
        headers: The answer's headers, cookies left out.
    """

    def __init__(
        self,
        message: str,
        *,
        status_code: int,
        headers: Mapping[str, str] | None = None,
        request_id: str | None = None,
        code: str | None = None,
        body: Any = None,
    ) -> None:
        super().__init__(message, request_id=request_id, code=code, body=body)
        self.status_code = status_code
        self.headers = dict(headers or {})


class BadRequestError(APIStatusError):
    """400, 422 and the like: the request was not acceptable."""


class AuthenticationError(APIStatusError):
    """401: the API key is missing or wrong."""


class PermissionDeniedError(APIStatusError):
    """403: the key may not do this."""


class NotFoundError(APIStatusError):
    """404: no such model, response or path."""


class RateLimitError(APIStatusError):
    """429: too many requests, or the quota is used up."""


class InternalServerError(APIStatusError):
    """500 and above: the server failed."""
