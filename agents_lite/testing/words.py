"""Comparing words as loosely as the stand-in's rules need it."""

from __future__ import annotations

import re
from collections.abc import Iterator

_IGNORED = set(
    "a about agent all an and any are as assistant at be been by can could current data do does "
    "fetch for from get give given handle handoff has have hello help her hi him his how i if in "
    "into is it its just let lookup make me my need no not of on one or our please request return "
    "returns run say s show so tell that the their them there these they this to tool transfer "
    "up us use user using want was we what when where which who why will with would you "
    "your".split()
)

_ALIASES = {
    "+": "add", "plus": "add", "sum": "add", "minus": "subtract", "*": "multiply",
    "times": "multiply", "divided": "divide", "/": "divide",
    "folder": "directory", "folders": "directory",
    **dict.fromkeys("hola cómo estás qué gracias dónde buenos español días".split(), "spanish"),
    **dict.fromkeys("bonjour merci êtes français salut où".split(), "french"),
    **dict.fromkeys("hallo guten wie danke ist deutsch bitte".split(), "german"),
    **dict.fromkeys("ciao grazie buongiorno italiano".split(), "italian"),
}  # fmt: skip
"""Words that mean another one: arithmetic, folders, greetings that give away their language."""


def stem(word: str) -> str:
    """The word without its ending: "cities" and "city", "billing" and "bill" become the same."""
    stemmed = re.sub(r"(?<=\w{3})(?:ions?|ings?|ers?|ies|ed|es|s|e|y)$", "", word.lower())
    return re.sub(r"([^aeiou])\1$", r"\1", stemmed)


def stems(text: str) -> set[str]:
    """Stems of the words in a text or a name (`get_weather`, `getWeather`) that mean something."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", text)
    return {stem(word) for word in _words(spaced.lower()) if word not in _IGNORED}


def _words(text: str) -> Iterator[str]:
    for word in re.findall(r"[^\W\d]+|(?<=\d)\s*[+*/](?=\s*\d)", text):
        yield _ALIASES.get(word.strip(), word)
