"""Which calls of a server's tools wait for a person's consent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ..checks import check_takes
from ..exceptions import UserError
from ..shown import repr_of
from ..tool_context import ToolContext
from .objects import MCPTool

if TYPE_CHECKING:
    from typing import TypeGuard

    from ..agent import Agent

Rule: TypeAlias = Literal["always", "never", "auto"] | bool
ApprovalFunction: TypeAlias = Callable[
    [ToolContext[Any], "Agent[Any] | None", MCPTool], bool | Awaitable[bool]
]
RequireApproval: TypeAlias = Rule | ApprovalFunction | Mapping[str, Any] | None
"""A rule for all tools: "auto" asks for those that may destroy something, by their annotations; a
function of the call's context, the agent and the tool (`def` or `async def`); rules by the tool's
name; or {"always": {"tool_names": [...]}, "never": {"tool_names": [...]}}, where a tool in neither
list waits if there is a list of "never" alone. None: never."""

_BY_LIST = {"always", "never"}


def check_approval(policy: Any) -> None:
    """Raise UserError for what says nothing about approvals."""
    if policy is None or _is_rule(policy):
        return
    if callable(policy):
        return check_takes(policy, "require_approval", "the context", "the agent", "a tool")
    if isinstance(policy, Mapping):
        if _is_by_list(policy) or all(map(_is_rule, policy.values())):
            return
    raise UserError(
        "require_approval must be 'always', 'never', 'auto', a function of context, agent and "
        f"tool, or such a rule for each tool's name, got {repr_of(policy)}"
    )


def approval_for(tool: MCPTool, policy: RequireApproval) -> bool | Callable[..., Any]:
    """Whether calls of a tool wait, as `FunctionTool.needs_approval` says it."""
    if callable(policy):
        decide: Any = policy
        return lambda context, _arguments, _call_id: decide(context, context.agent, tool)
    if isinstance(policy, Mapping):
        policy = _rule_for(tool.name, policy)
    if policy == "auto":
        return tool.is_destructive
    return policy is True or policy == "always"


def _rule_for(name: str, policy: Mapping[str, Any]) -> Rule:
    if not _is_by_list(policy):
        rule: Rule = policy.get(name, "never")
        return rule
    asked, spared = policy.get("always"), policy.get("never")
    if asked is None and spared is not None:
        return "never" if name in _names(spared) else "always"
    return "always" if name in _names(asked) else "never"


def _is_rule(value: Any) -> TypeGuard[Rule]:
    return isinstance(value, bool) or value in ("always", "never", "auto")


def _is_by_list(policy: Mapping[str, Any]) -> bool:
    return set(policy) <= _BY_LIST and all(_names(part) is not None for part in policy.values())


def _names(part: Any) -> Any:
    """The tool names of one half of {"always": {"tool_names": [...]}, ...}, or None."""
    if part is None:
        return ()
    names = part.get("tool_names") if isinstance(part, Mapping) else None
    return names if isinstance(names, list) else None
