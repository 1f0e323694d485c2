__version__: str

from .agent import (
    Agent as Agent,
)
from .agent import (
    AgentToolStreamEvent as AgentToolStreamEvent,
)
from .agent import (
    FunctionToolResult as FunctionToolResult,
)
from .agent import (
    StopAtTools as StopAtTools,
)
from .agent import (
    ToolsToFinalOutputFunction as ToolsToFinalOutputFunction,
)
from .agent import (
    ToolsToFinalOutputResult as ToolsToFinalOutputResult,
)
from .computer import (
    AsyncComputer as AsyncComputer,
)
from .computer import (
    Computer as Computer,
)
from .exceptions import (
    AgentsException as AgentsException,
)
from .exceptions import (
    APIConnectionError as APIConnectionError,
)
from .exceptions import (
    APIError as APIError,
)
from .exceptions import (
    APIResponseError as APIResponseError,
)
from .exceptions import (
    APIStatusError as APIStatusError,
)
from .exceptions import (
    APITimeoutError as APITimeoutError,
)
from .exceptions import (
    AuthenticationError as AuthenticationError,
)
from .exceptions import (
    BadRequestError as BadRequestError,
)
from .exceptions import (
    InputGuardrailTripwireTriggered as InputGuardrailTripwireTriggered,
)
from .exceptions import (
    InternalServerError as InternalServerError,
)
from .exceptions import (
    MaxTurnsExceeded as MaxTurnsExceeded,
)
from .exceptions import (
    MCPServerError as MCPServerError,
)
from .exceptions import (
    MCPTimeoutError as MCPTimeoutError,
)
from .exceptions import (
    ModelBehaviorError as ModelBehaviorError,
)
from .exceptions import (
    ModelRefusalError as ModelRefusalError,
)
from .exceptions import (
    NotFoundError as NotFoundError,
)
from .exceptions import (
    OutputGuardrailTripwireTriggered as OutputGuardrailTripwireTriggered,
)
from .exceptions import (
    PermissionDeniedError as PermissionDeniedError,
)
from .exceptions import (
    RateLimitError as RateLimitError,
)
from .exceptions import (
    ResponseFailedError as ResponseFailedError,
)
from .exceptions import (
    RunTimeout as RunTimeout,
)
from .exceptions import (
    SessionError as SessionError,
)
from .exceptions import (
    ToolInputGuardrailTripwireTriggered as ToolInputGuardrailTripwireTriggered,
)
from .exceptions import (
    ToolOutputGuardrailTripwireTriggered as ToolOutputGuardrailTripwireTriggered,
)
from .exceptions import (
    ToolTimeoutError as ToolTimeoutError,
)
from .exceptions import (
    UnknownEndError as UnknownEndError,
)
from .exceptions import (
    UsageLimitExceeded as UsageLimitExceeded,
)
from .exceptions import (
    UserError as UserError,
)
from .guardrail import (
    GuardrailFunctionOutput as GuardrailFunctionOutput,
)
from .guardrail import (
    InputGuardrail as InputGuardrail,
)
from .guardrail import (
    InputGuardrailResult as InputGuardrailResult,
)
from .guardrail import (
    OutputGuardrail as OutputGuardrail,
)
from .guardrail import (
    OutputGuardrailResult as OutputGuardrailResult,
)
from .guardrail import (
    input_guardrail as input_guardrail,
)
from .guardrail import (
    output_guardrail as output_guardrail,
)
from .handoffs import (
    Handoff as Handoff,
)
from .handoffs import (
    HandoffInputData as HandoffInputData,
)
from .handoffs import (
    HandoffInputFilter as HandoffInputFilter,
)
from .handoffs import (
    handoff as handoff,
)
from .http.client import ResponsesClient as ResponsesClient
from .items import (
    CompactionItem as CompactionItem,
)
from .items import (
    HandoffCallItem as HandoffCallItem,
)
from .items import (
    HandoffOutputItem as HandoffOutputItem,
)
from .items import (
    InputItem as InputItem,
)
from .items import (
    ItemHelpers as ItemHelpers,
)
from .items import (
    MCPApprovalRequestItem as MCPApprovalRequestItem,
)
from .items import (
    MCPApprovalResponseItem as MCPApprovalResponseItem,
)
from .items import (
    MCPListToolsItem as MCPListToolsItem,
)
from .items import (
    MessageOutputItem as MessageOutputItem,
)
from .items import (
    ModelResponse as ModelResponse,
)
from .items import (
    ReasoningItem as ReasoningItem,
)
from .items import (
    RunItem as RunItem,
)
from .items import (
    ToolApprovalItem as ToolApprovalItem,
)
from .items import (
    ToolCallItem as ToolCallItem,
)
from .items import (
    ToolCallOutputItem as ToolCallOutputItem,
)
from .items import (
    TResponseInputItem as TResponseInputItem,
)
from .items import (
    UnknownItem as UnknownItem,
)
from .lifecycle import (
    AgentHooks as AgentHooks,
)
from .lifecycle import (
    RunHooks as RunHooks,
)
from .mcp import (
    MCPCallResult as MCPCallResult,
)
from .mcp import (
    MCPElicitation as MCPElicitation,
)
from .mcp import (
    MCPObject as MCPObject,
)
from .mcp import (
    MCPPromptResult as MCPPromptResult,
)
from .mcp import (
    MCPServer as MCPServer,
)
from .mcp import (
    MCPServerStdio as MCPServerStdio,
)
from .mcp import (
    MCPServerStreamableHttp as MCPServerStreamableHttp,
)
from .mcp import (
    MCPTool as MCPTool,
)
from .mcp import (
    ToolFilter as ToolFilter,
)
from .mcp import (
    ToolFilterContext as ToolFilterContext,
)
from .mcp import (
    ToolFilterStatic as ToolFilterStatic,
)
from .mcp import (
    create_static_tool_filter as create_static_tool_filter,
)
from .memory import (
    Session as Session,
)
from .memory import (
    SessionABC as SessionABC,
)
from .memory import (
    SQLiteSession as SQLiteSession,
)
from .model_settings import ModelSettings as ModelSettings
from .models import (
    Model as Model,
)
from .models import (
    ModelProvider as ModelProvider,
)
from .models import (
    ModelRequest as ModelRequest,
)
from .models import (
    OpenAIProvider as OpenAIProvider,
)
from .models import (
    OpenAIResponsesModel as OpenAIResponsesModel,
)
from .models.chat import (
    OpenAIChatCompletionsModel as OpenAIChatCompletionsModel,
)
from .models.default_client import (
    set_default_openai_api as set_default_openai_api,
)
from .models.default_client import (
    set_default_openai_client as set_default_openai_client,
)
from .models.default_client import (
    set_default_openai_key as set_default_openai_key,
)
from .models.multi_provider import (
    MultiProvider as MultiProvider,
)
from .output_schema import (
    AgentOutputSchema as AgentOutputSchema,
)
from .output_schema import (
    AgentOutputSchemaBase as AgentOutputSchemaBase,
)
from .response_types import (
    ResponsesObject as ResponsesObject,
)
from .response_types import (
    ResponseStreamEvent as ResponseStreamEvent,
)
from .result import (
    RunErrorDetails as RunErrorDetails,
)
from .result import (
    RunResult as RunResult,
)
from .result import (
    RunResultBase as RunResultBase,
)
from .result import (
    RunResultStreaming as RunResultStreaming,
)
from .run import Runner as Runner
from .run_config import (
    CallModelData as CallModelData,
)
from .run_config import (
    ModelInputData as ModelInputData,
)
from .run_config import (
    RunConfig as RunConfig,
)
from .run_config import (
    ToolErrorFormatterArgs as ToolErrorFormatterArgs,
)
from .run_config import (
    UsageLimits as UsageLimits,
)
from .run_context import (
    RunContextWrapper as RunContextWrapper,
)
from .run_context import (
    TContext as TContext,
)
from .run_context import (
    ToolContext as ToolContext,
)
from .running.many import RunOutcome as RunOutcome
from .running.run_state import (
    RunState as RunState,
)
from .running.turn.request import GenerateDynamicPromptData as GenerateDynamicPromptData
from .stream_events import (
    AgentUpdatedStreamEvent as AgentUpdatedStreamEvent,
)
from .stream_events import (
    RawResponsesStreamEvent as RawResponsesStreamEvent,
)
from .stream_events import (
    RunItemStreamEvent as RunItemStreamEvent,
)
from .stream_events import (
    StreamEvent as StreamEvent,
)
from .tool import (
    CodeInterpreterTool as CodeInterpreterTool,
)
from .tool import (
    ComputerTool as ComputerTool,
)
from .tool import (
    ComputerToolSafetyCheckData as ComputerToolSafetyCheckData,
)
from .tool import (
    FileSearchTool as FileSearchTool,
)
from .tool import (
    FunctionTool as FunctionTool,
)
from .tool import (
    HostedMCPTool as HostedMCPTool,
)
from .tool import (
    ImageGenerationTool as ImageGenerationTool,
)
from .tool import (
    MCPToolApprovalFunctionResult as MCPToolApprovalFunctionResult,
)
from .tool import (
    MCPToolApprovalRequest as MCPToolApprovalRequest,
)
from .tool import (
    Tool as Tool,
)
from .tool import (
    WebSearchTool as WebSearchTool,
)
from .tool import (
    default_tool_error_function as default_tool_error_function,
)
from .tool import (
    function_tool as function_tool,
)
from .tool_guardrails import (
    ToolGuardrailFunctionOutput as ToolGuardrailFunctionOutput,
)
from .tool_guardrails import (
    ToolInputGuardrail as ToolInputGuardrail,
)
from .tool_guardrails import (
    ToolInputGuardrailData as ToolInputGuardrailData,
)
from .tool_guardrails import (
    ToolInputGuardrailResult as ToolInputGuardrailResult,
)
from .tool_guardrails import (
    ToolOutputGuardrail as ToolOutputGuardrail,
)
from .tool_guardrails import (
    ToolOutputGuardrailData as ToolOutputGuardrailData,
)
from .tool_guardrails import (
    ToolOutputGuardrailResult as ToolOutputGuardrailResult,
)
from .tool_guardrails import (
    tool_input_guardrail as tool_input_guardrail,
)
from .tool_guardrails import (
    tool_output_guardrail as tool_output_guardrail,
)
from .tool_output import (
    ToolOutputFileContent as ToolOutputFileContent,
)
from .tool_output import (
    ToolOutputImage as ToolOutputImage,
)
from .tool_output import (
    ToolOutputText as ToolOutputText,
)
from .tracing import (
    AgentSpanData as AgentSpanData,
)
from .tracing import (
    BackendSpanExporter as BackendSpanExporter,
)
from .tracing import (
    BatchTraceProcessor as BatchTraceProcessor,
)
from .tracing import (
    ConsoleSpanExporter as ConsoleSpanExporter,
)
from .tracing import (
    CustomSpanData as CustomSpanData,
)
from .tracing import (
    FunctionSpanData as FunctionSpanData,
)
from .tracing import (
    GenerationSpanData as GenerationSpanData,
)
from .tracing import (
    GuardrailSpanData as GuardrailSpanData,
)
from .tracing import (
    HandoffSpanData as HandoffSpanData,
)
from .tracing import (
    MCPListToolsSpanData as MCPListToolsSpanData,
)
from .tracing import (
    ResponseSpanData as ResponseSpanData,
)
from .tracing import (
    Span as Span,
)
from .tracing import (
    SpanData as SpanData,
)
from .tracing import (
    SQLiteTraceProcessor as SQLiteTraceProcessor,
)
from .tracing import (
    StoredSpan as StoredSpan,
)
from .tracing import (
    StoredTrace as StoredTrace,
)
from .tracing import (
    Trace as Trace,
)
from .tracing import (
    TraceProvider as TraceProvider,
)
from .tracing import (
    TraceStore as TraceStore,
)
from .tracing import (
    TracingExporter as TracingExporter,
)
from .tracing import (
    TracingProcessor as TracingProcessor,
)
from .tracing import (
    add_trace_processor as add_trace_processor,
)
from .tracing import (
    agent_span as agent_span,
)
from .tracing import (
    custom_span as custom_span,
)
from .tracing import (
    flush_traces as flush_traces,
)
from .tracing import (
    function_span as function_span,
)
from .tracing import (
    gen_span_id as gen_span_id,
)
from .tracing import (
    gen_trace_id as gen_trace_id,
)
from .tracing import (
    generation_span as generation_span,
)
from .tracing import (
    get_current_span as get_current_span,
)
from .tracing import (
    get_current_trace as get_current_trace,
)
from .tracing import (
    get_trace_provider as get_trace_provider,
)
from .tracing import (
    guardrail_span as guardrail_span,
)
from .tracing import (
    handoff_span as handoff_span,
)
from .tracing import (
    mcp_tools_span as mcp_tools_span,
)
from .tracing import (
    response_span as response_span,
)
from .tracing import (
    sensitive_data_by_default as sensitive_data_by_default,
)
from .tracing import (
    set_trace_processors as set_trace_processors,
)
from .tracing import (
    set_trace_provider as set_trace_provider,
)
from .tracing import (
    set_tracing_disabled as set_tracing_disabled,
)
from .tracing import (
    set_tracing_export_api_key as set_tracing_export_api_key,
)
from .tracing import (
    trace as trace,
)
from .usage import (
    InputTokensDetails as InputTokensDetails,
)
from .usage import (
    OutputTokensDetails as OutputTokensDetails,
)
from .usage import (
    RequestUsage as RequestUsage,
)
from .usage import (
    Usage as Usage,
)
