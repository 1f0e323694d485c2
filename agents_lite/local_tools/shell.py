"""Tools with which the model runs commands on this machine.

Source: https://platform.openai.com/docs/guides/tools-shell, and tools-local-shell beside it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from ..checks import check_kind, check_takes
from ..exceptions import ModelBehaviorError, UserError, words_of
from ..response_types import as_json, json_text
from ..shown import repr_of
from ..taken_whole import TakenWhole
from ..tool import LocalTool, NeedsApproval, OnApproval

if TYPE_CHECKING:
    from ..run_context import RunContextWrapper
    from ..running.turn.tool_call import ToolCall


@dataclass
class ShellCallOutcome:
    """How a command ended."""

    type: Literal["exit", "timeout"]
    """By itself, or because its time was over."""
    exit_code: int | None = None
    """Its exit code, or None where there is none."""


@dataclass
class ShellCommandOutput:
    """What a command wrote, and how it ended."""

    stdout: str = ""
    stderr: str = ""
    outcome: ShellCallOutcome = field(default_factory=lambda: ShellCallOutcome("exit", 0))
    command: str | None = None
    """The command, for those who read results; the model knows it."""
    provider_data: dict[str, Any] | None = None
    """More for those who read results."""

    @property
    def exit_code(self) -> int | None:
        """The exit code, or None where there is none."""
        return self.outcome.exit_code

    @property
    def status(self) -> Literal["completed", "timeout"]:
        """Whether it came to its end."""
        return "timeout" if self.outcome.type == "timeout" else "completed"


@dataclass
class ShellResult:
    """What an executor returns."""

    output: list[ShellCommandOutput]
    """One for each command that was run, in their order."""
    max_output_length: int | None = None
    """How many characters of output the model wanted at most; None takes its own word for it."""
    provider_data: dict[str, Any] | None = None
    """More for those who read results."""


@dataclass
class ShellActionRequest:
    """What the model wants run."""

    commands: list[str]
    """Commands for a shell, to be run one after the other."""
    timeout_ms: int | None = None
    """Milliseconds that they may take; None and 0 leave it to the executor."""
    max_output_length: int | None = None
    """Characters of output that the model wants at most; None leaves it to the executor."""


@dataclass
class ShellCallData:
    """A call of the shell."""

    call_id: str
    """The call's id."""
    action: ShellActionRequest
    """What is to be run."""
    status: str | None = None
    """The call's status as the model's server told it, or None."""
    raw: Any = None
    """The Responses API `shell_call`."""


@dataclass
class ShellCommandRequest(TakenWhole):
    """What an executor is given."""

    ctx_wrapper: RunContextWrapper[Any]
    """The call's context, a ToolContext; its `cancellation` says when to stop."""
    data: ShellCallData
    """The call."""


ShellExecutor: TypeAlias = Callable[
    [ShellCommandRequest], str | ShellResult | Awaitable[str | ShellResult]
]
"""Runs commands; text counts as what one command wrote."""


@dataclass
class ShellTool(LocalTool):
    """The model runs commands in a shell: here, by an executor such as `LocalShell`.

    With `environment={"type": "container_auto"}` the model's server runs them, and there is no
    executor.
    """

    call_type: ClassVar[str] = "shell_call"
    executor: ShellExecutor | None = None
    """Runs the commands, `def` or `async def`."""
    name: str = "shell"
    needs_approval: NeedsApproval = False
    """Whether a call waits for consent, or a function of context, ShellActionRequest, call id."""
    on_approval: OnApproval | None = None
    """Decides about a call that needs an approval; None asks a person: the run pauses."""
    environment: Mapping[str, Any] | None = None
    """Where the commands run, a `ShellToolEnvironment`, with skills for example; None: here."""

    def __post_init__(self) -> None:
        """Check that somebody runs the commands.

        Raises:
            UserError: Nobody does, or two would; or a function cannot be called.
        """
        if self.environment is not None:
            check_kind(self.environment, Mapping, "ShellTool: environment", "a dict")
        is_here = (self.environment or {}).get("type", "local") == "local"
        if is_here and not callable(self.executor):
            raise UserError(
                "ShellTool needs an executor, such as LocalShell('.'), or the environment of a "
                "container"
            )
        if not is_here and (self.executor or self.needs_approval or self.on_approval):
            raise UserError(
                "A shell in a container is run by the model's server: it takes no executor, and "
                "no approvals"
            )
        if is_here:
            check_takes(self.executor, "ShellTool: executor", "a ShellCommandRequest")
        self.check_approvals()

    def to_request(self) -> dict[str, Any]:
        """The tool as an element of `tools` in a request to the Responses API."""
        return {"type": "shell", "environment": {"type": "local", **(self.environment or {})}}

    def is_meant(self, raw: Any) -> bool:
        """Whether the commands are to be run here."""
        return self.executor is not None

    def asked_of(self, raw: Any) -> Any:
        """The action."""
        return as_json(raw).get("action")

    def request_of(self, call: ToolCall) -> ShellActionRequest | None:
        """The action, or None where there are no commands."""
        action = call.asked_for
        commands = action.get("commands") if isinstance(action, dict) else None
        if not isinstance(commands, list) or not all(isinstance(each, str) for each in commands):
            return None
        return ShellActionRequest(
            commands, _number(action.get("timeout_ms")), _number(action.get("max_output_length"))
        )

    def carry_out(self, call: ToolCall) -> tuple[dict[str, Any], Any]:
        """Run the commands.

        Raises:
            ModelBehaviorError: There are none.
            UserError: The executor returns something else than it may.
        """
        wanted = self.request_of(call)
        if wanted is None:
            raise ModelBehaviorError(
                f"The model called the shell with no commands: {call.asked_for!r}"
            )
        data = ShellCallData(call.raw.call_id, wanted, call.raw.get("status"), call.raw)
        executor: Any = self.executor  # there is one, or the call would not be ours
        result = call.ask(executor, ShellCommandRequest(call.context, data))
        if isinstance(result, str):
            result = ShellResult([ShellCommandOutput(result)])
        if not isinstance(result, ShellResult):
            raise UserError(
                f"The executor of {self.name} must return a text or a ShellResult, got "
                f"{repr_of(result)}"
            )
        return _fields(result, wanted.max_output_length), result

    def stand_in(self, call: ToolCall, shown: Any, is_refusal: bool) -> tuple[dict[str, Any], Any]:
        """The words, as a command would have written them."""
        text = _text_of(shown)
        if is_refusal:
            return self._failed(text)
        return _fields(ShellResult([ShellCommandOutput(text)]), None), shown

    def explain(self, call: ToolCall, error: Exception) -> tuple[dict[str, Any], Any]:
        """The executor's failure, as a command tells of its own; a UserError is raised."""
        return self._failed(_told(error))

    def _failed(self, words: str) -> tuple[dict[str, Any], Any]:
        said = ShellCommandOutput(stderr=words, outcome=ShellCallOutcome("exit", 1))
        return _fields(ShellResult([said]), None), words


def _fields(result: ShellResult, wanted: int | None) -> dict[str, Any]:
    most = wanted if result.max_output_length is None else result.max_output_length
    output = []
    for each in result.output:
        outcome: dict[str, Any] = {"type": each.outcome.type}
        if each.outcome.type == "exit":
            outcome["exit_code"] = each.outcome.exit_code or 0
        output.append({"stdout": each.stdout, "stderr": each.stderr, "outcome": outcome})
    return {"output": output, **({} if most is None else {"max_output_length": most})}


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and value > 0 else None


@dataclass
class LocalShellCommandRequest(TakenWhole):
    """What the executor of a LocalShellTool is given."""

    ctx_wrapper: RunContextWrapper[Any]
    """The call's context, a ToolContext; its `cancellation` says when to stop."""
    data: Any
    """The Responses API `local_shell_call`; its `action` has `command`, a list of a program and its
    arguments, and maybe `env`, `timeout_ms`, `working_directory`."""


LocalShellExecutor: TypeAlias = Callable[[LocalShellCommandRequest], str | Awaitable[str]]
"""Runs a command and returns what it wrote."""


@dataclass
class LocalShellTool(LocalTool):
    """The model runs a program here; for models that know this older tool, and no `ShellTool`."""

    call_type: ClassVar[str] = "local_shell_call"
    name: ClassVar[str] = "local_shell"  # type: ignore[misc]  # one name for all
    executor: LocalShellExecutor
    """Runs the program, `def` or `async def`."""
    needs_approval: NeedsApproval = False
    """Whether a call waits for consent, or a function of context, action and call id."""
    on_approval: OnApproval | None = None
    """Decides about a call that needs an approval; None asks a person: the run pauses."""

    def __post_init__(self) -> None:
        """Check that somebody runs the program.

        Raises:
            UserError: Nobody does, or a function cannot be called.
        """
        if not callable(self.executor):
            raise UserError("LocalShellTool needs an executor, such as LocalShell('.')")
        check_takes(self.executor, "LocalShellTool: executor", "a LocalShellCommandRequest")
        self.check_approvals()

    def to_request(self) -> dict[str, Any]:
        """The tool as an element of `tools` in a request to the Responses API."""
        return {"type": "local_shell"}

    def asked_of(self, raw: Any) -> Any:
        """The action."""
        return as_json(raw).get("action")

    def carry_out(self, call: ToolCall) -> tuple[dict[str, Any], Any]:
        """Run the program."""
        output = call.ask(self.executor, LocalShellCommandRequest(call.context, call.raw))
        return {"output": str(output)}, output

    def stand_in(self, call: ToolCall, shown: Any, is_refusal: bool) -> tuple[dict[str, Any], Any]:
        """The words, as the program would have written them."""
        return {"output": _text_of(shown)}, shown

    def explain(self, call: ToolCall, error: Exception) -> tuple[dict[str, Any], Any]:
        """The executor's failure, in words; a UserError is raised."""
        words = _told(error)
        return {"output": words}, words


def _text_of(shown: Any) -> str:
    return shown if isinstance(shown, str) else json_text(shown)


def _told(error: Exception) -> str:
    if isinstance(error, UserError):
        raise error
    return f"An error occurred while running the tool. Error: {words_of(error)}"
