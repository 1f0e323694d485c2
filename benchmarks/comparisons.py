"""What is compared with what, and what was aimed at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .sides import Script, Side, Work

COLD = Path(__file__).parent / "cold"
PEER_NAMES = {
    "agents_lite.tracing import": "agents.tracing.processors import",
    "agents_lite": "agents",
}
MILLISECONDS = 1e3
MICROSECONDS = 1e6


@dataclass
class Figure:
    """A row of the table."""

    title: str
    unit: str
    scale: float
    """What a measured value is multiplied by, to be shown in that unit."""
    target: float | None = None
    """The multiple of the floor to stay within, or None."""
    key: str = "cpu"


@dataclass
class Comparison:
    """Sides that do the same work in turn."""

    name: str
    figures: list[Figure]
    sides: Mapping[str, Side]
    """"floor" and "lite"; "peer" too, where openai-agents takes part."""
    peer_rounds: int = 1
    """Rounds that openai-agents takes part in: it is slow."""


def scripts(floor: str, lite: str, is_traced: bool = False) -> dict[str, Side]:
    peer = lite
    for name, other in PEER_NAMES.items():
        peer = peer.replace(name, other)
    return {
        "floor": Script(floor),
        "lite": Script(lite, is_traced),
        "peer": Script(peer, is_traced),
    }


def ours(
    path: str, workload: str, *arguments: object, times: int = 1, is_fresh: bool = False
) -> dict[str, Side]:
    """Without openai-agents."""
    return {
        module: Work(module, path, workload, arguments, times, is_fresh)
        for module in ("floor", "lite")
    }


def works(
    path: str, workload: str, *arguments: object, times: int = 1, is_fresh: bool = False
) -> dict[str, Side]:
    """openai-agents, being slow, does once what the others do several times."""
    return {
        **ours(path, workload, *arguments, times=times, is_fresh=is_fresh),
        "peer": Work("peer", path, workload, arguments, 1, is_fresh, 1 / times),
    }


def long_works(path: str, workload: str, *arguments: object) -> dict[str, Side]:
    """Work that takes openai-agents so long that what is new to its process does not count."""
    peer = Work("peer", path, workload, arguments, is_fresh=True)
    return {**ours(path, workload, *arguments), "peer": peer}


def imports() -> list[Comparison]:
    floor = "import requests; from pydantic import BaseModel"
    core = "from agents_lite import Agent, Runner, function_tool"
    hand_written = (COLD / "floor.py").read_text()
    one_tool = (COLD / "one_tool.py").read_text()
    traced = (COLD / "one_tool_traced.py").read_text()
    return [
        Comparison(
            "import",
            [
                Figure("`import agents_lite`", "ms", MILLISECONDS, 1.2),
                Figure("`import agents_lite`, memory", "MB", 1 / 1024, 1.08, "rss"),
            ],
            scripts(floor, "import agents_lite"),
        ),
        Comparison(
            "import core",
            [
                Figure("`from agents_lite import Agent, Runner, function_tool`", "ms",
                       MILLISECONDS, 1.2),
                Figure("those three names, memory", "MB", 1 / 1024, 1.08, "rss"),
            ],
            scripts(floor, core),
        ),
        Comparison(
            "cold script",
            [Figure("cold script: one tool, two replies, exit", "ms", MILLISECONDS, 1.15)],
            scripts(hand_written, one_tool),
        ),
        Comparison(
            "cold script traced",
            [Figure("cold script, its trace exported", "ms", MILLISECONDS, 1.25)],
            scripts(hand_written, traced, is_traced=True),
        ),
    ]


def turns() -> list[Comparison]:
    return [
        *(
            Comparison(
                f"turn {how}",
                [Figure(f"a turn of a 20-tool run, {how}", "ms", MILLISECONDS / (10 * 21), 0.8)],
                works("/20/0/5", "turns", how, times=10),
            )
            for how in ("run_sync", "run_streamed", "await")
        ),
        Comparison(
            "turn of 200",
            [Figure("a turn of a 200-tool run, run_sync", "ms", MILLISECONDS / 201, 0.9)],
            long_works("/200/0/5", "turns", "run_sync"),
        ),
        Comparison(
            "turn session",
            [
                Figure(
                    "a turn of a 20-tool run, run_sync, through a `requests.Session` with a login",
                    "ms",
                    MILLISECONDS / (10 * 21),
                )
            ],
            ours("/20/0/5", "turns_by_session", times=10),
        ),
        *(
            Comparison(
                f"growth {module}",
                [
                    Figure(
                        f"a turn of 200 against one of 25, {name}", "ms", MILLISECONDS / 200
                    )
                ],
                {
                    "floor": Work(module, "/24/0/5", "turns", ("run_sync",), times=8),
                    "lite": Work(module, "/199/0/5", "turns", ("run_sync",)),
                },
            )
            for module, name in (("lite", "agents_lite"), ("floor", "the floor itself"))
        ),
    ]


def streams() -> list[Comparison]:
    path = "/0/0/20000"
    deltas = [
        Comparison(
            f"delta {how} {floor_name}",
            [
                Figure(
                    f"a delta of a stream of 20,000, `{how}`, floor: {title}",
                    "us",
                    MICROSECONDS / 20_000,
                    target,
                )
            ],
            {**sides(path, "deltas", how), "floor": floor},
        )
        for title, floor_name, floor, sides in (
            ("`iter_lines()`", "plain", Work("floor", path, "deltas", ("for",)), long_works),
            ("`iter_lines(None)`", "tuned", Work("floor", path, "tuned_deltas"), ours),
        )
        for how, target in (("for", 1.2), ("async for", 2.0))
    ]
    return [
        *deltas,
        Comparison(
            "first delta",
            [Figure("wall time to the first delta", "ms", MILLISECONDS, 1.3, "first_delta")],
            works(path, "first_delta"),
        ),
        Comparison(
            "lateness",
            [Figure("lateness of a slow delta", "ms", MILLISECONDS, 2.0, "lateness")],
            works("/0/0/50/10", "lateness"),
        ),
    ]


def tools() -> list[Comparison]:
    return [
        Comparison(
            "tool declared",
            [Figure("declare a five-parameter tool", "us", MICROSECONDS / 200, 0.35)],
            works("/0/0/5", "declare", 200),
        ),
        Comparison(
            "tool built",
            [Figure("declare one and read its schema", "us", MICROSECONDS / 200, 0.5)],
            works("/0/0/5", "build", 200),
        ),
        Comparison(
            "tool called",
            [Figure("call it with its JSON", "us", MICROSECONDS / 20_000, 1.5)],
            works("/0/0/5", "call", 20_000),
        ),
    ]


def many_at_once() -> list[Comparison]:
    return [
        *(
            Comparison(
                f"{count} at once",
                [
                    Figure(f"{count} runs at once, two replies of 250 ms: CPU of each", "ms",
                           MILLISECONDS / count, 0.9),
                    Figure(f"{count} at once, wall time, x the ideal 0.5 s", "", 2, 0.9, "wall"),
                    Figure(f"{count} at once, memory", "MB", 1 / 1024, memory, "rss"),
                ],
                works("/1/250/5", "at_once", count, is_fresh=True),
            )
            for count, memory in ((200, 1.1), (500, 1.15))
        ),
        Comparison(
            "threads",
            [
                Figure("100 `run_sync` on 50 threads: CPU of each", "ms", MILLISECONDS / 100, 0.9),
                Figure("50 threads, wall time, x the ideal 1 s", "", 1, 1.1, "wall"),
            ],
            works("/1/250/5", "in_threads", 100, 50, is_fresh=True),
        ),
    ]


def tracing() -> list[Comparison]:
    """The floor is agents_lite itself without tracing."""
    return [
        Comparison(
            f"tracing {how}",
            [Figure(f"a turn of a 20-tool run, {title}", "ms", MILLISECONDS / 210, target)],
            {
                "floor": Work("lite", "/20/0/5", "tracing", ("off",)),
                "lite": Work("lite", "/20/0/5", "tracing", (how,)),
            },
        )
        for how, title, target in (
            ("on", "traced, no processor, against untraced", 1.05),
            ("batches", "traces exported, against untraced", 1.15),
        )
    ]


def apis() -> list[Comparison]:
    """The floor is agents_lite itself by the Responses API."""
    what = "by Chat Completions, against the Responses API"
    full = f"{what}, with answers as OpenAI sends them"

    def sides(path: str, how: str, times: int) -> dict[str, Side]:
        apis = {"floor": "responses", "lite": "chat_completions"}
        return {
            side: Work("lite", path, "turns_by", (api, how), times) for side, api in apis.items()
        }

    return [
        *(
            Comparison(
                f"chat {how}",
                [Figure(f"a turn of a 20-tool run, `{how}`, {full}", "ms", MILLISECONDS / 210, 1)],
                sides("/20/0/5/as-sent", how, 10),
            )
            for how in ("run_sync", "run_streamed")
        ),
        Comparison(
            "chat delta",
            [Figure(f"a delta of a stream of 20,000, {what}", "us", MICROSECONDS / 20_000)],
            sides("/0/0/20000", "run_streamed", 1),
        ),
    ]


def rooms() -> list[Comparison]:
    """The floor is the bare way to the same end: the driver, a pipe, a JSON parser."""
    rows = (
        ("journal", "a journalled turn, wall time; floor: the turn with 3 commits in it",
         1 / 21, 1.3, "wall"),
        ("mcp_call", "an MCP call over a pipe, wall time; floor: a round trip with a time limit",
         1 / 100, None, "wall"),
        ("cassette_opened", "open a cassette of 100 turns; floor: its JSON parsed", 1, None, "cpu"),
        ("state_written", "`to_string` of 200 turns; floor: its JSON written", 1, None, "cpu"),
        ("state_read", "`from_string` of 200 turns; floor: its JSON parsed", 1, None, "cpu"),
    )  # fmt: skip
    return [
        Comparison(
            f"room {workload}",
            [Figure(title, "ms", MILLISECONDS * share, target, key)],
            {
                "floor": Work("rooms", "/99/0/5", workload, ("bare",)),
                "lite": Work("rooms", "/99/0/5", workload, ("ours",)),
            },
        )
        for workload, title, share, target, key in rows
    ]


COMPARISONS = [
    *imports(),
    *turns(),
    *streams(),
    *tools(),
    *many_at_once(),
    *tracing(),
    *apis(),
    *rooms(),
]
