"""What the fields of a fact are, as JSON: a fact of another shape was not written by a run."""

from __future__ import annotations

from typing import Any

_TEXT, _NUMBER, _LIST = (str,), (int,), (list, tuple)  # a tuple where no text was between
_MAYBE_TEXT, _MAYBE_NUMBER = (str, type(None)), (int, type(None))
_MAYBE_LIST, _MAYBE_OBJECT = (*_LIST, type(None)), (dict, type(None))

_FIELDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("run_id", "agent_name", "call_id", "guardrail", "question"), _TEXT),
    **dict.fromkeys(("item", "target", "error"), _TEXT),
    **dict.fromkeys(("trace_id", "previous_response_id", "conversation_id"), _MAYBE_TEXT),
    **dict.fromkeys(("response_id", "request_id", "message", "words", "summary"), _MAYBE_TEXT),
    **dict.fromkeys(("index", "turn", "cleared", "covered"), _NUMBER),
    **dict.fromkeys(("max_turns", "session_size"), _MAYBE_NUMBER),
    **dict.fromkeys(("owed", "triggered", "always", "is_retry", "is_typed"), (bool,)),
    "discards_answer": (bool,),
    **dict.fromkeys(("items", "said", "pre_handoff_items", "new_items"), _LIST),
    **dict.fromkeys(("place", "server_ids"), _MAYBE_LIST),
    **dict.fromkeys(("questions", "targets"), _MAYBE_OBJECT),
    **dict.fromkeys(("given", "input_history"), (str, *_LIST)),
    "prepared": (str, list, type(None)),
    "usage": (dict,),
    "raw": (dict,),
}
_CHOICES = {
    "on": ("input", "output"),
    "reasoning_item_id_policy": ("preserve", "omit"),
    "reason": ("approval", "unknown_end", "input"),
    "verdict": ("approve", "reject", "output", "input"),
    "what": ("agent_started", "agent_ended", "handed_off"),
    "behavior": ("allow", "reject_content", "raise_exception"),
}
_NAMES_OF_ITEMS = ("type", "id", "call_id")


def check_shape(told: Any) -> None:
    """See that a fact's fields are what they are to be.

    Raises:
        TypeError: One is not.
    """
    for name, value in told.items():
        kinds = _FIELDS.get(name)
        if kinds is not None and not isinstance(value, kinds):
            raise TypeError(f"{name} is {value!r:.80}")
        if name in _CHOICES and value not in _CHOICES[name]:
            raise TypeError(f"{name} is {value!r:.80}")
    if told["type"] == "started":
        for said in (told["given"], told["prepared"]):
            check_items(said if isinstance(said, list) else ())
    elif told["type"] == "answered":
        check_items(told["output"])
    elif told["type"] == "added":
        check_items(told["items"])


def check_items(items: Any) -> None:
    """See that these are input or output items.

    Raises:
        TypeError: One is none.
    """
    for item in items:
        if not isinstance(item, dict):
            raise TypeError(f"an item is {item!r:.80}")
        for name in _NAMES_OF_ITEMS:
            if isinstance(item.get(name), list | dict):
                raise TypeError(f"the {name} of an item is {item[name]!r:.80}")
