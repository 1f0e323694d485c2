# What editors and type checkers are shown: the names that `__init__.py` imports when first used.
# mypy: disable-error-code="assignment"
# mypy's own names, such as <callable subtype of object>, come along with a star, and clash.

from .agent import *
from .cassettes.recording import *
from .compaction import *
from .computer import *
from .exceptions import *
from .extensions.handoff_filters import *
from .guardrail import *
from .handoff_data import *
from .handoffs import *
from .hosted_tools import *
from .http.client import *
from .input_parts import *
from .items import *
from .journal import *
from .lifecycle import *
from .local_tools import *
from .logs import *
from .mcp import *
from .memory import *
from .model_settings import *
from .models import *
from .models.anthropic import *
from .models.chat import *
from .models.default_client import *
from .models.multi_provider import *
from .output_schema import *
from .prices import *
from .prompts import *
from .replay.comparison import *
from .replay.moments import *
from .replay.playing import *
from .replay.walk import *
from .response_types import *
from .result import *
from .retry import *
from .run import *
from .run_config import *
from .run_context import *
from .run_error_handlers import *
from .run_functions import *
from .running.many import *
from .running.run_state import *
from .stream_events import *
from .tool import *
from .tool_context import *
from .tool_guardrails import *
from .tool_output import *
from .tool_use import *
from .tracing import *
from .usage import *

__version__: str

_MODULE_OF: dict[str, str]

def _load(module: str) -> object: ...
def _names_of(module: str, *homes: str) -> object: ...
