"""Modules under which programs for the OpenAI Agents SDK look for names."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from textwrap import dedent

import pytest

import agents_lite

NAMES = {
    "agent": ["Agent", "AgentToolStreamEvent", "StopAtTools", "ToolsToFinalOutputResult"],
    "agent_output": ["AgentOutputSchema", "AgentOutputSchemaBase"],
    "decorators": ["tool", "function_tool", "input_guardrail", "tool_output_guardrail"],
    "exceptions": ["RunErrorDetails", "MaxTurnsExceeded"],
    "handoffs": ["Handoff", "HandoffInputData", "HandoffInputFilter"],
    "function_schema": ["FuncSchema", "function_schema"],
    "mcp.server": ["MCPServer", "MCPServerStdio", "MCPServerStreamableHttp"],
    "mcp.util": ["create_static_tool_filter"],
    "models.openai_chatcompletions": ["OpenAIChatCompletionsModel"],
    "models.openai_provider": ["OpenAIProvider"],
    "memory.openai_conversations_session": ["OpenAIConversationsSession"],
    "memory.session_settings": ["SessionSettings"],
    "retry": ["ModelRetrySettings", "retry_policies"],
    "items": ["ModelResponse", "TResponseInputItem", "TResponseOutputItem", "TResponseStreamEvent"],
    "models.interface": ["Model", "ModelProvider", "ModelTracing"],
    "prompts": ["GenerateDynamicPromptData", "Prompt"],
    "run": ["DEFAULT_MAX_TURNS", "Runner", "CallModelData", "ModelInputData", "RunConfig"],
    "run_config": ["RunConfig", "CallModelData", "ModelInputData", "ToolErrorFormatterArgs"],
    "run_error_handlers": ["RunErrorHandlerInput", "RunErrorHandlerResult"],
    "run_state": ["RunState"],
    "strict_schema": [],
    "tool": ["FunctionTool", "FunctionToolResult", "ShellResult", "ShellTool", "ToolOutputText"],
    "tool_context": ["ToolContext"],
    "tool_guardrails": ["AllowBehavior", "RejectContentBehavior", "RaiseExceptionBehavior"],
    "tracing.create": ["agent_span", "get_current_span", "trace"],
    "tracing.setup": ["get_trace_provider", "set_trace_provider"],
    "tracing.util": ["gen_span_id", "gen_trace_id"],
    "tracing.processor_interface": ["TracingExporter", "TracingProcessor"],
    "tracing.processors": ["BackendSpanExporter", "BatchTraceProcessor", "ConsoleSpanExporter"],
}


@pytest.mark.parametrize("place", NAMES)
def test_a_place_has_its_names(place: str) -> None:
    module = import_module(f"agents_lite.{place}")
    for name in NAMES[place]:
        assert getattr(module, name) is not None
        exec(f"from agents_lite.{place} import {name}")
    assert not hasattr(module, "nonsense")


@pytest.mark.parametrize("place", agents_lite._PLACES)
def test_a_place_that_is_no_file_can_be_imported_first(place: str) -> None:
    program = f"import agents_lite.{place} as it; print(hasattr(it, 'nonsense'))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


@pytest.mark.parametrize("place", agents_lite._PLACES)
def test_type_checkers_are_shown_where_a_place_has_its_names_from(place: str) -> None:
    package = Path(agents_lite.__file__).parent
    home = agents_lite._PLACES[place].removeprefix(place.rpartition(".")[0]).removeprefix(".")
    stub = package.joinpath(*place.split(".")).with_suffix(".pyi")
    assert stub.read_text("utf-8") == f"from .{home} import *\n"


def test_a_name_that_there_is_not_loads_nothing() -> None:
    program = """
        import sys
        import agents_lite.exceptions, agents_lite.mcp.server, agents_lite.tool
        loaded = set(sys.modules)
        for place in (agents_lite.exceptions, agents_lite.mcp.server, agents_lite.tool):
            assert not hasattr(place, "function_tol") and not hasattr(place, "function_tool_")
        print(set(sys.modules) - loaded)
    """
    done = subprocess.run(
        [sys.executable, "-c", dedent(program)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


def test_a_name_is_the_same_thing_at_each_of_its_places() -> None:
    from agents_lite.agent_output import AgentOutputSchema
    from agents_lite.decorators import tool
    from agents_lite.exceptions import RunErrorDetails

    assert AgentOutputSchema is agents_lite.AgentOutputSchema
    assert tool is agents_lite.function_tool
    assert RunErrorDetails is agents_lite.RunErrorDetails
