"""Servers of Chat Completions that are known by name: where they are, and who lets one in.

The sources stand in docs/models.md.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..exceptions import UserError
from ..http.client import ResponsesClient


@dataclass(frozen=True)
class KnownServer:
    """A server, as its users know it."""

    base_url: str
    """Where it is, for a local server unless OLLAMA_HOST or the like says otherwise."""
    key_variable: str | None = None
    """The environment variable with the key, or None where there is no such thing."""
    needs_key: bool = True
    """Whether there has to be a key."""

    def client(self) -> ResponsesClient:
        """A client for it, by the environment as it is now.

        Raises:
            UserError: There is no key, or the address cannot be one.
        """
        key = os.environ.get(self.key_variable or "", "")
        if self.needs_key and not key:
            raise UserError(f"There is no key for {self.base_url}: set {self.key_variable}")
        base_url = self.base_url
        if self.key_variable == "OLLAMA_API_KEY":
            base_url = ollama_url(os.environ.get("OLLAMA_HOST") or base_url)
        return ResponsesClient(api_key=key, base_url=base_url, organization="", project="")


def ollama_url(host: str) -> str:
    """The base URL that a value of `OLLAMA_HOST` means; scheme and port may be missing.

    Source: https://docs.ollama.com/faq

    Raises:
        UserError: It is no address.
    """
    try:
        parts = urlsplit(host if "://" in host else f"//{host}", scheme="")
        default_port = {"http": 80, "https": 443}.get(parts.scheme, 11434)
        port = parts.port or default_port
    except ValueError:
        raise UserError(f"OLLAMA_HOST is no address: {host!r}") from None
    name = parts.hostname or "127.0.0.1"
    name = {"0.0.0.0": "127.0.0.1"}.get(name, f"[{name}]" if ":" in name else name)
    return f"{parts.scheme or 'http'}://{name}:{port}/v1"


KNOWN_SERVERS = {
    "anthropic": KnownServer("https://api.anthropic.com/v1", "ANTHROPIC_API_KEY"),
    "cerebras": KnownServer("https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    "deepseek": KnownServer("https://api.deepseek.com", "DEEPSEEK_API_KEY"),
    "gemini": KnownServer(
        "https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY"
    ),
    "groq": KnownServer("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "huggingface": KnownServer("https://router.huggingface.co/v1", "HF_TOKEN"),
    "llama_cpp": KnownServer("http://127.0.0.1:8080/v1", needs_key=False),
    "lm_studio": KnownServer("http://127.0.0.1:1234/v1", needs_key=False),
    "mistral": KnownServer("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "moonshot": KnownServer("https://api.moonshot.ai/v1", "MOONSHOT_API_KEY"),
    "ollama": KnownServer("http://127.0.0.1:11434/v1", "OLLAMA_API_KEY", needs_key=False),
    "openrouter": KnownServer("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "together": KnownServer("https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    "vllm": KnownServer("http://127.0.0.1:8000/v1", "VLLM_API_KEY", needs_key=False),
    "xai": KnownServer("https://api.x.ai/v1", "XAI_API_KEY"),
}
"""By the prefix that a model's name has in front of its slash."""
