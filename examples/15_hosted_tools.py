"""Hosted tools run at the model's server: searching the web and files, running code, and more.

The stand-in has none of them, so offline this shows only what is sent.
Run it: python examples/15_hosted_tools.py
"""

from agents_lite import (
    Agent,
    CodeInterpreterTool,
    FileSearchTool,
    Runner,
    RunHooks,
    ToolCallItem,
    WebSearchTool,
)
from agents_lite.testing.offline import has_model_server, offline_unless_configured
