"""The conversations that a stand-in keeps, and what it answers about them."""

from __future__ import annotations

from typing import Any

from ..local_server.messages import HTTPReply, HTTPRequest, json_reply
from .validation import RequestRejected
from .wire import new_id

Json = dict[str, Any]

PATH = "/v1/conversations"


class Conversations:
    """Items by conversation.

    Source: https://platform.openai.com/docs/api-reference/conversations
    """

    def __init__(self) -> None:
        self._items: dict[str, list[Json]] = {}

    def items(self, conversation: str) -> list[Json]:
        """What was said so far, oldest first."""
        return list(self._items.get(conversation, ()))

    def add(self, conversation: str, items: list[Json]) -> list[Json]:
        """Append items; one without an id is given one. Returns them as they are kept."""
        kept = [{"type": "message", "id": new_id("item"), **item} for item in items]
        self._items.setdefault(conversation, []).extend(kept)
        return kept

    def answer(self, request: HTTPRequest) -> HTTPReply:
        """Answer a request about conversations.

        Raises:
            RequestRejected: There is no such conversation, item or path.
        """
        names = request.path.removeprefix(PATH).strip("/").split("/")
        match request.method, names:
            case "POST", [""]:
                return self._create(request.body or {})
            case _, [conversation, *_] if conversation not in self._items:
                text = f"Conversation with id '{conversation}' not found."
                raise RequestRejected(text, status=404)
            case "GET", [conversation]:
                return _conversation(conversation)
            case "DELETE", [conversation]:
                del self._items[conversation]
                return json_reply({**_named(conversation, "conversation.deleted"), "deleted": True})
            case "POST", [conversation, "items"]:
                return _list(self.add(conversation, request.body["items"]), has_more=False)
            case "GET", [conversation, "items"]:
                return self._page(conversation, request.query)
            case "DELETE", [conversation, "items", item_id]:
                items = self._items[conversation]
                items[:] = [item for item in items if item["id"] != item_id]
                return _conversation(conversation)
        raise RequestRejected(
            f"Invalid URL ({request.method} {request.path})", None, "unknown_url", 404
        )

    def _create(self, body: Json) -> HTTPReply:
        conversation = new_id("conv")
        self._items[conversation] = []
        self.add(conversation, body.get("items") or [])
        return _conversation(conversation)

    def _page(self, conversation: str, query: dict[str, str]) -> HTTPReply:
        items = self.items(conversation)
        if query.get("order", "desc") == "desc":
            items.reverse()
        after = query.get("after")
        if after is not None:
            items = items[[item["id"] for item in items].index(after) + 1 :]
        limit = int(query.get("limit", 20))
        return _list(items[:limit], has_more=len(items) > limit)


def _named(conversation: str, kind: str) -> Json:
    return {"id": conversation, "object": kind}


def _conversation(conversation: str) -> HTTPReply:
    fields = {"created_at": 0, "metadata": {}}
    return json_reply({**_named(conversation, "conversation"), **fields})


def _list(items: list[Json], has_more: bool) -> HTTPReply:
    ends = {"first_id": items[0]["id"], "last_id": items[-1]["id"]} if items else {}
    return json_reply({"object": "list", "data": items, "has_more": has_more, **ends})
