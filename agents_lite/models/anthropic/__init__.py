"""Models behind Anthropic's Messages API, by way of the messages and chunks of the chat room."""

from .model import AnthropicModel

__all__ = ["AnthropicModel"]
