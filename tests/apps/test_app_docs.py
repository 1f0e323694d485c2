"""The pages about the apps say what is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agents_lite.testing.offline import offline

CHECKOUT = Path(__file__).parents[2]
PAGES = {name: (CHECKOUT / "docs" / f"{name}.md").read_text() for name in ("flask", "django")}
EXCERPTS = [
    excerpt
    for page in PAGES.values()
    for excerpt in re.findall(r'```py title="(.+?)"\n(.*?)```', page, re.DOTALL)
]


@pytest.mark.parametrize(("path", "code"), EXCERPTS)
def test_an_excerpt_is_what_the_example_says(path: str, code: str) -> None:
    assert code in (CHECKOUT / path).read_text()


def test_the_smallest_flask_app_streams() -> None:
    pytest.importorskip("flask")
    code = re.search(r"```python\n(.*?)```", PAGES["flask"], re.DOTALL)
    assert code
    names: dict[str, object] = {"__name__": "smallest"}
    exec(code[1], names)
    with offline():
        client = names["app"].test_client()  # type: ignore[attr-defined]
        answer = client.post("/ask", data={"message": "Say: 'Good morning.'"}).text
    assert answer.startswith("data: ")
    assert answer.count("\n\n") > 1
