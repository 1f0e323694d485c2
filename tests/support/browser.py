"""A real browser: Chromium, without a window, driven over a pipe by its DevTools protocol.

Debian package: `chromium-headless-shell`; or `chromium`, which takes more of the processor.
Source: https://chromedevtools.github.io/devtools-protocol/tot/
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import IO, Any, TypeVar

import pytest

from tests.support.waiting import PATIENCE

T = TypeVar("T")

_PROGRAMS = ["chromium-headless-shell", "chromium"]
_SWITCHES = [
    "headless",
    "no-sandbox",
    "disable-gpu",
    "disable-dev-shm-usage",
    "disable-quic",
    "no-first-run",
    "no-startup-window",
    "no-proxy-server",
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
    "window-size=900,1000",
    "remote-debugging-pipe",
]
_KEYS = {
    "\n": {"key": "Enter", "text": "\r", "windowsVirtualKeyCode": 13},
    "←": {"key": "ArrowLeft", "windowsVirtualKeyCode": 37},
    "→": {"key": "ArrowRight", "windowsVirtualKeyCode": 39},
    "↓": {"key": "ArrowDown", "windowsVirtualKeyCode": 40},
}
_LOADED = """
    return document.readyState === "complete"
        || new Promise((done) => window.addEventListener("load", () => done(true)))
"""
_TEXTS = """
    return [...document.querySelectorAll(arguments[0])]
        .filter((each) => each.checkVisibility()).map((each) => each.innerText)
"""
_PLACE = """
    const element = document.querySelector(arguments[0]);
    if (element.disabled || !element.checkVisibility()) return null;
    element.scrollIntoView({block: "nearest", behavior: "instant"});
    const box = element.getClientRects()[0];
    const x = box.x + box.width / 2, y = box.y + box.height / 2;
    return element.contains(document.elementFromPoint(x, y)) ? {x, y} : null;
"""
_FOCUS = """
    const element = document.querySelector(arguments[0]), before = document.activeElement;
    if (element === before) return;
    before?.blur();
    element.focus();
    if (element !== document.activeElement) throw new Error("It cannot be typed into.");
"""


@pytest.fixture(scope="session")
def browser_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The browser, one for all tests."""
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        pytest.skip("Chromium is not installed (Debian package chromium-headless-shell)")
    folder = tmp_path_factory.mktemp("browser")
    switches = [f"--{switch}" for switch in [*_SWITCHES, f"user-data-dir={folder}"]]
    # It reads commands from descriptor 3 and answers on 4.
    command = ["sh", "-c", 'exec "$0" "$@" 3<&0 4>&1 </dev/null >&2', program, *switches]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        ) as process,
    ):
        assert process.stdin and process.stdout
        browser = Browser(process.stdin, process.stdout)
        yield browser
        browser.command("Browser.close")


@pytest.fixture
def browser(browser_process: Browser) -> Iterator[Browser]:
    """The browser with an empty page and no cookies; a test in which a script fails is failed."""
    yield browser_process
    browser_process.leave()
    browser_process.command("Network.clearBrowserCookies")
    errors = browser_process.take_errors()
    assert not errors, errors


class Browser:
    """What a user does and sees, in one page."""

    def __init__(self, commands: IO[bytes], answers: IO[bytes]) -> None:
        self._commands, self._answers = commands, answers
        self._count = 0
        self._session: dict[str, str] = {}
        self._received = bytearray()
        self._errors: list[str] = []
        self._frame = "window"
        page = self.command("Target.createTarget", url="about:blank")
        self._session = self.command("Target.attachToTarget", **page, flatten=True)
        for domain in ("Page", "Log", "Runtime", "Network"):
            self.command(f"{domain}.enable")

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Give the browser a command of the protocol; gives its result."""
        return self._results([(method, parameters)])[0]

    def open(self, url: str) -> None:
        """Go to a page."""
        self.command("Page.navigate", url=url)
        self.run(_LOADED)

    def leave(self) -> None:
        """Leave the page, before its server ends: to ask that one for more would be an error."""
        self.open("about:blank")

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a function's body in the page, with these arguments; gives what it returns."""
        call = f"(function () {{{script}}}).apply(null, {json.dumps(arguments)})"
        given = self.command(
            "Runtime.evaluate",
            expression=f"((window, document) => {call})({self._frame}, {self._frame}.document)",
            awaitPromise=True,
            returnByValue=True,
        )
        assert "exceptionDetails" not in given, (script, given["exceptionDetails"])
        return given["result"].get("value")

    def see_frame(self, selector: str | None) -> None:
        """From now on, look into the page that a frame shows; with None, into the page itself."""
        self._frame = f"document.querySelector({json.dumps(selector)}).contentWindow"
        if selector is None:
            self._frame = "window"

    def texts(self, selector: str) -> list[str]:
        """The texts of the visible elements that a CSS selector finds, as they are shown."""
        return list(self.run(_TEXTS, selector))

    def wait_for(self, selector: str, text: str = "") -> str:
        """Wait until the last such element shows that text; give all that it shows."""
        return str(self._wait(lambda: self._shown(selector, text), f"{text!r} in {selector}"))

    def wait_until_gone(self, selector: str) -> None:
        """Wait until no such element is visible."""
        self._wait(lambda: not self.texts(selector), f"the end of {selector}")

    def wait_for_news(self, selector: str) -> None:
        """Wait until such elements do not show any more what they show now."""
        shown = self.texts(selector)
        self._wait(lambda: self.texts(selector) != shown, f"news in {selector}")

    def click(self, selector: str) -> None:
        """Click on the first such element, once that does something and nothing covers it."""
        place = self._wait(lambda: self.run(_PLACE, selector), f"a click on {selector}")
        self.drag(place)

    def drag(self, begin: dict[str, float], end: dict[str, float] | None = None) -> None:
        """Press the mouse's button at one place, {"x": pixels, "y": pixels}, let go at another."""
        button = {"button": "left", "clickCount": 1}
        end = end or begin
        steps = [
            {"type": "mouseMoved", **begin},
            {"type": "mousePressed", **begin, **button},
            {"type": "mouseMoved", **end, "buttons": 1, "button": "left"},
            {"type": "mouseReleased", **end, **button},
        ]
        if end is begin:
            del steps[2]
        self._results([("Input.dispatchMouseEvent", step) for step in steps])

    def type(self, selector: str, text: str) -> None:
        """Type into the first such element; a line break is the Enter key, an arrow that key."""
        self.run(_FOCUS, selector)
        keys = [_KEYS.get(each, {"key": each, "text": each}) for each in text]
        self._results(
            [
                ("Input.dispatchKeyEvent", {"type": type_, **key})
                for key in keys
                for type_ in ("keyDown", "keyUp")
            ]
        )

    def set_size(self, width: int, height: int) -> None:
        """Have the page in a window of that many pixels."""
        self.command(
            "Emulation.setDeviceMetricsOverride",
            **{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )

    def processor_seconds(self) -> float:
        """What the page has cost so far, in seconds of one processor."""
        self.command("Performance.enable", timeDomain="threadTicks")
        metrics = self.command("Performance.getMetrics")["metrics"]
        return float(next(each["value"] for each in metrics if each["name"] == "TaskDuration"))

    def take_errors(self) -> list[str]:
        """What has failed in the page since this was last asked: scripts, and requests."""
        errors, self._errors = self._errors, []
        return errors

    def _shown(self, selector: str, text: str) -> str | None:
        found = self.texts(selector)
        return found[-1] or " " if found and text in found[-1] else None

    def _wait(self, condition: Callable[[], T], what: str) -> T:
        deadline = time.monotonic() + PATIENCE
        while not (found := condition()):
            assert time.monotonic() < deadline, f"waited for {what}"
            time.sleep(0.02)
        return found

    def _results(self, commands: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
        """Give some commands at once; gives their results."""
        results: dict[int, dict[str, Any]] = {}
        for method, parameters in commands:
            self._count += 1
            results[self._count] = {}
            command = {"id": self._count, "method": method, "params": parameters, **self._session}
            self._commands.write(json.dumps(command).encode() + b"\0")
        self._commands.flush()
        missing = set(results)
        while missing:
            message = self._receive()
            if "id" not in message:
                self._note(message["method"], message["params"])
                continue
            assert "error" not in message, (commands, message["error"])
            results[message["id"]] = message["result"]
            missing.discard(message["id"])
        return list(results.values())

    def _receive(self) -> Any:
        while b"\0" not in self._received:
            piece = os.read(self._answers.fileno(), 1 << 16)
            assert piece, "the browser has ended"
            self._received += piece
        message, _, self._received = self._received.partition(b"\0")
        return json.loads(message)

    def _note(self, event: str, facts: dict[str, Any]) -> None:
        if event == "Runtime.exceptionThrown":
            self._errors.append(json.dumps(facts["exceptionDetails"]))
        elif event == "Log.entryAdded" and facts["entry"]["level"] == "error":
            self._errors.append(f"{facts['entry']['text']} {facts['entry'].get('url')}")
        elif event == "Runtime.consoleAPICalled" and facts["type"] in ("error", "assert"):
            self._errors.append(json.dumps(facts["args"]))
