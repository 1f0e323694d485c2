"""LLM agents inside ordinary Python: a loop that the caller drives, over plain HTTP.

A name is imported when it is first used, so that `import agents_lite` costs next to nothing.
`__init__.pyi` beside this file shows the same names to editors and type checkers.
"""

import logging as _logging
from collections.abc import Callable as _Callable
from importlib import import_module as _import_module
from sys import modules as _modules
from types import ModuleType as _ModuleType

__version__ = "0.1.0"

_HOMES = {  # module: the names it is home to
    "agent": "Agent AgentBase",
    "cassettes.recording": "cassette Cassette",
    "computer": "AsyncComputer Button Computer Environment",
    "exceptions": (
        "AgentsException APIConnectionError APIError APIResponseError APIStatusError "
        "APITimeoutError AuthenticationError BadRequestError CassetteLeftover CassetteMiss "
        "InputGuardrailTripwireTriggered "
        "InternalServerError InvalidFinalOutputError JournalError JournalMismatch "
        "MaxTurnsExceeded MCPServerError MCPTimeoutError ModelBehaviorError ModelRefusalError "
        "NestingTooDeep NotFoundError "
        "OutputGuardrailTripwireTriggered PermissionDeniedError RateLimitError "
        "ReplayMiss ResponseFailedError RunBusy RunTimeout SessionError "
        "ToolInputGuardrailTripwireTriggered ToolOutputGuardrailTripwireTriggered "
        "ToolTimeoutError UnknownEndError UsageLimitExceeded UserError"
    ),
    "guardrail": (
        "GuardrailFunctionOutput input_guardrail InputGuardrail InputGuardrailResult "
        "output_guardrail OutputGuardrail OutputGuardrailResult"
    ),
    "extensions.handoff_filters": "nest_handoff_history remove_all_tools",
    "handoff_data": "HandoffInputData HandoffInputFilter",
    "handoffs": "Handoff handoff",
    "hosted_tools": (
        "CodeInterpreterTool FileSearchTool HostedMCPTool ImageGenerationTool "
        "ImageGenerationToolConfig "
        "MCPToolApprovalFunction MCPToolApprovalRequest WebSearchTool"
    ),
    "items": (
        "CompactionItem HandoffCallItem HandoffOutputItem InputItem ItemHelpers "
        "MCPApprovalRequestItem MCPApprovalResponseItem MCPListToolsItem MessageOutputItem "
        "ModelResponse ReasoningItem RunItem RunItemBase ToolApprovalItem ToolCallItem "
        "ToolCallOutputItem TResponseInputItem UnknownItem"
    ),
    "journal": "Journal RunRow SQLiteJournal StoredRun WaitingCall",
    "lifecycle": "AgentHooks RunHooks",
    "logs": "enable_verbose_stdout_logging",
    "running.many": "RunOutcome",
    "mcp": (
        "create_static_tool_filter MCPCallResult MCPElicitation MCPObject MCPPromptResult "
        "MCPServer MCPServerStdio MCPServerStdioParams MCPServerStreamableHttp "
        "MCPServerStreamableHttpParams MCPTool MCPToolMetaContext MCPUtil ToolFilter "
        "ToolFilterContext ToolFilterStatic"
    ),
    "memory": (
        "OpenAIConversationsSession OpenAIResponsesCompactionSession Session SessionABC "
        "SessionSettings SQLiteSession StoredSession"
    ),
    "local_tools": (
        "apply_diff ApplyPatchEditor ApplyPatchOperation ApplyPatchResult ApplyPatchTool "
        "ComputerTool ComputerToolSafetyCheckData "
        "CustomTool FolderEditor LocalShell LocalShellCommandRequest LocalShellExecutor "
        "LocalShellTool ShellActionRequest ShellCallData ShellCallOutcome ShellCommandOutput "
        "ShellCommandRequest ShellExecutor ShellResult ShellTool "
        "ShellToolContainerAutoEnvironment ShellToolContainerNetworkPolicy "
        "ShellToolContainerNetworkPolicyAllowlist ShellToolContainerNetworkPolicyDisabled "
        "ShellToolContainerNetworkPolicyDomainSecret ShellToolContainerReferenceEnvironment "
        "ShellToolContainerSkill ShellToolEnvironment ShellToolHostedEnvironment "
        "ShellToolInlineSkill ShellToolInlineSkillSource ShellToolLocalEnvironment "
        "ShellToolLocalSkill ShellToolSkillReference"
    ),
    "input_parts": "input_audio input_file input_image",
    "model_settings": "MCPToolChoice ModelSettings",
    "models": (
        "get_default_model is_gpt_5_default Model ModelProvider ModelRequest ModelTracing "
        "OpenAIProvider OpenAIResponsesModel"
    ),
    "models.anthropic": "AnthropicModel",
    "models.chat": "OpenAIChatCompletionsModel",
    "models.default_client": (
        "set_default_openai_api set_default_openai_client set_default_openai_key"
    ),
    "models.multi_provider": "MultiProvider",
    "output_schema": "AgentOutputSchema AgentOutputSchemaBase",
    "prompts": "DynamicPromptFunction GenerateDynamicPromptData Prompt",
    "replay.comparison": "Comparison Difference",
    "replay.moments": "Moment",
    "replay.playing": "Replay",
    "replay.walk": "Walk walk_through",
    "response_types": "ResponsesObject ResponseStreamEvent",
    "result": "RunErrorData RunErrorDetails RunResult RunResultBase RunResultStreaming",
    "retry": (
        "ModelRetryBackoffSettings ModelRetryNormalizedError ModelRetrySettings retry_policies "
        "RetryDecision RetryPolicy RetryPolicyContext"
    ),
    "run": "RunOptions Runner",
    "run_config": (
        "ReasoningItemIdPolicy RunConfig ToolExecutionConfig ToolNameCollisionPolicy "
        "ToolNotFoundBehavior UsageLimits"
    ),
    "run_context": "AgentHookContext RunContextWrapper TContext",
    "run_error_handlers": (
        "RunErrorHandler RunErrorHandlerInput RunErrorHandlerResult RunErrorHandlers"
    ),
    "run_functions": "CallModelData ModelInputData ToolErrorFormatter ToolErrorFormatterArgs",
    "stream_events": (
        "AgentUpdatedStreamEvent RawResponsesStreamEvent RunItemStreamEvent StreamEvent"
    ),
    "tool": (
        "default_tool_error_function function_tool FunctionTool HostedTool LocalTool "
        "MCPToolApprovalFunctionResult Tool"
    ),
    "tool_guardrails": (
        "tool_input_guardrail tool_output_guardrail ToolGuardrailFunctionOutput "
        "ToolInputGuardrail ToolInputGuardrailData ToolInputGuardrailResult "
        "ToolOutputGuardrail ToolOutputGuardrailData ToolOutputGuardrailResult"
    ),
    "tool_context": "ToolContext",
    "tool_use": (
        "AgentToolStreamEvent FunctionToolResult StopAtTools ToolsToFinalOutputFunction "
        "ToolsToFinalOutputResult"
    ),
    "tool_output": (
        "ToolOutputFileContent ToolOutputFileContentDict ToolOutputImage ToolOutputImageDict "
        "ToolOutputText ToolOutputTextDict"
    ),
    "tracing": (
        "add_trace_processor agent_span AgentSpanData BackendSpanExporter "
        "BatchTraceProcessor ConsoleSpanExporter custom_span CustomSpanData flush_traces "
        "function_span FunctionSpanData gen_span_id gen_trace_id generation_span "
        "GenerationSpanData get_current_span get_current_trace get_trace_provider "
        "guardrail_span GuardrailSpanData handoff_span HandoffSpanData "
        "mcp_tools_span MCPListToolsSpanData response_span "
        "ResponseSpanData sensitive_data_by_default set_trace_processors set_trace_provider "
        "set_tracing_disabled set_tracing_export_api_key Span SpanData SpanError "
        "SQLiteTraceProcessor StoredSpan StoredTrace Trace trace TraceProvider TraceStore "
        "TracingExporter TracingProcessor"
    ),
    "http.client": "ResponsesClient",
    "running.run_state": "RunState",
    "compaction": "Compaction CompactionSession",
    "prices": "Price set_prices",
    "usage": "InputTokensDetails OutputTokensDetails RequestUsage Usage",
}

_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_MODULE_OF)

# Module that the OpenAI Agents SDK has: where its names are here. Type checkers read stubs of them.
_PLACES = {
    "agent_output": "output_schema",
    "apply_diff": "local_tools",
    "editor": "local_tools",
    "function_schema": "schema.function_schema",
    "models.openai_chatcompletions": "models.chat",
    "run_state": "running.run_state",
    "strict_schema": "schema.strict_schema",
    "tracing.create": "tracing",
    "tracing.setup": "tracing",
    "tracing.util": "tracing",
}


class _Place(_ModuleType):
    """A module that is no file: its names are those of another one, loaded when first asked."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        home = _PLACES[self.__name__.removeprefix(f"{__name__}.")]
        return getattr(_import_module(f".{_MODULE_OF.get(name, home)}", __name__), name)


_modules.update((name, _Place(name)) for name in (f"{__name__}.{place}" for place in _PLACES))


def _load(module: str) -> object:
    try:
        return _import_module(f".{module}", __name__)
    except (OSError, ImportError) as error:
        exceptions = _modules.get(f"{__name__}.exceptions")  # who catches ours has loaded it
        if exceptions is not None:
            exceptions.explain_lost_import(error)
        raise


def _names_of(module: str, *homes: str) -> _Callable[[str], object]:
    """A `__getattr__` for a module that has public names of others, too."""

    def named(name: str) -> object:
        home = _MODULE_OF.get(name)
        if home in homes:
            return getattr(_load(home), name)
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return named


def __getattr__(name: str) -> object:
    module = _MODULE_OF.get(name)
    if module is not None:
        value = getattr(_load(module), name)
    elif name.startswith("_"):
        raise AttributeError(name)
    else:  # a submodule, as in `import agents_lite; agents_lite.tracing`
        try:
            value = _load(name)
        except ModuleNotFoundError:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]


_logging.getLogger("agents_lite").addHandler(_logging.NullHandler())
