"""What a line with a slash does in a chat."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..exceptions import AgentsException, UserError, words_of
from ..items import ItemHelpers
from ..response_types import as_object
from ..shown import escaped
from ..viewer.text import plain
from .find_agent import find_agent
from .usage import usage_line

if TYPE_CHECKING:
    from .chat import Chat

HELP = """\
/help          this list
/new           forget the conversation, and begin anew
/undo          take the last message and its answer back
/usage         tokens and cost so far
/save FILE     write the conversation, as Markdown; as JSON into a FILE.json
/agent         who answers; /agent MODULE:AGENT: have another one answer
/exit          leave, as Ctrl-D does
Alt-Enter begins a new line, and pasted lines are one message, where prompt_toolkit is installed.
A message that is to begin with a slash begins with a space."""


class Leave(Exception):
    """The chat is over."""


def obey(chat: Chat, line: str) -> None:
    """Do what a line says that begins with a slash.

    Raises:
        Leave: It says to leave.
    """
    word, _, rest = line.strip().partition(" ")
    try:
        print(escaped(_obeyed(chat, word, rest.strip())))
    except Leave:
        raise
    except AgentsException as error:
        print(plain(f"error: {error}"))
    except Exception as error:  # of a file, or of a module of the user's
        print(plain(f"error: {type(error).__name__}: {words_of(error)}"))


def _obeyed(chat: Chat, word: str, rest: str) -> str:
    """What is to be said about it."""
    match word:
        case "/help":
            return HELP
        case "/exit":
            raise Leave
        case "/new":
            chat.session.clear_session()
            chat.agent = chat.first_agent
            return f"(a new conversation with {chat.agent.name})"
        case "/undo":
            return _undo(chat)
        case "/usage":
            return usage_line(chat.usage)
        case "/save":
            return _save(chat, rest)
        case "/agent":
            if rest:
                chat.agent = chat.first_agent = find_agent(rest)
            return f"{chat.agent.name} answers"
    return f"There is no {word}; /help lists what there is"


def _undo(chat: Chat) -> str:
    """Take items out of the session up to the newest message of the user's, if there is one."""
    if any(item.get("role") == "user" for item in chat.session.get_items()):
        while (item := chat.session.pop_item()) is not None:
            if item.get("role") == "user":
                return f"(taken back: {plain(_words(dict(item)))})"
    return "There is nothing to take back"


def _save(chat: Chat, file: str) -> str:
    if not file:
        raise UserError("Into which file? /save FILE")
    items: list[dict[str, Any]] = [dict(item) for item in chat.session.get_items()]
    if file.endswith(".json"):
        text = json.dumps(items, ensure_ascii=False, indent=2) + "\n"
    else:
        said = [(item.get("role"), _words(item)) for item in items]
        names = {"user": "You", "assistant": "Agent"}
        text = "\n\n".join(f"**{names[role]}:** {words}" for role, words in said if role in names)
        text += "\n"
    Path(file).write_text(text, "utf-8", errors="backslashreplace")
    return f"(written to {file})"


def _words(item: dict[str, Any]) -> str:
    """What a message says."""
    content = item.get("content")
    return content if isinstance(content, str) else ItemHelpers.extract_text(as_object(item)) or ""
