"""Models behind the Chat Completions API: items to messages, and answers back to items."""

from .model import OpenAIChatCompletionsModel

__all__ = ["OpenAIChatCompletionsModel"]
