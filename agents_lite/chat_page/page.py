"""The page: one HTML file with everything in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from ..viewer.whole_page import whole_page


@dataclass(frozen=True)
class ChatPage:
    """What differs from one chat page to the next.

    The page asks the server it came from, at addresses beside its own: it gets `history`,
    {"items": input items, "waiting": calls that wait for a decision}, with the id of the latest
    run's trace as "trace" where `runs` are shown; and posts to `ask` (`message`, and `again` where
    it is one that had no answer), `decide` (what `decide_call` takes: `call`, "approve" or "reject"
    as its `verdict`, `reason`; and, where an MCP server asks, its `question` and the `fields` of
    its form as JSON), `stop` and `clear`. What `ask` and `decide` answer is a stream of server-sent
    events, or an error's status with {"error": words} for the visitor.
    """

    agent: str
    """Name of the agent that takes each message."""
    title: str = "Chat"
    hints: Sequence[str] = ()
    """Messages to begin with, at a click."""
    notice: str = ""
    """A line above the conversation."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """What is posted along each time, such as a token against forged posts."""
    begin: str = ""
    """Where a new conversation begins; "": here, once `clear` has forgotten this one."""
    conversations: str = ""
    """Where the list of conversations is, [{"address": ..., "title": ...}]; "": there is one."""
    runs: str = ""
    """Where the trace viewer is, to be shown beside the chat; "": nowhere."""

    def html(self) -> str:
        """The page; its script may ask nobody but the server it came from."""
        rules = {"connect_src": "'self'", "frame_src": "'self'" if self.runs else "'none'"}
        scripts = ["markdown.js", "chat.js"]
        return whole_page(
            "agents_lite.chat_page", "page.html", "chat.css", scripts, asdict(self), **rules
        )
