"""A real browser: Debian's Chromium, without a window, driven by Selenium.

Python package: `selenium`. Debian packages: `chromium-driver`, and `chromium-headless-shell` or
`chromium`, which takes more of the processor.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

_SWITCHES = [
    "headless",
    "no-sandbox",
    "disable-gpu",
    "disable-dev-shm-usage",
    "disable-quic",
    "no-first-run",
    "no-proxy-server",
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
    "window-size=900,1000",
]
WAIT_SECONDS = 300
"""How long a page may take to become what a test waits for."""


@pytest.fixture(scope="session")
def browser_process() -> Iterator[Any]:
    """The browser, one for all tests."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    # Itself, not the script in the path, which chromedriver would end in its place.
    shell = shutil.which("chromium-headless-shell", path="/usr/lib/chromium")
    program = shell or shutil.which("chromium")
    chromedriver = shutil.which("chromedriver")
    if program is None or chromedriver is None:
        pytest.skip("no browser (Debian packages chromium-headless-shell and chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for switch in _SWITCHES:
        options.add_argument(f"--{switch}")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("no_proxy", "localhost,127.0.0.1")  # Selenium talks to chromedriver
        driver = webdriver.Chrome(options, webdriver.ChromeService(chromedriver))
    yield driver
    driver.quit()


@pytest.fixture
def browser(browser_process: Any) -> Iterator[Browser]:
    """The browser with an empty page and no cookies; a test in which a script fails is failed."""
    browser = Browser(browser_process)
    yield browser
    browser.leave()
    errors = [entry for entry in browser_process.get_log("browser") if entry["level"] == "SEVERE"]
    browser_process.execute_cdp_cmd("Network.clearBrowserCookies", {})
    assert not errors, errors


class Browser:
    """What a user does and sees; `driver` is Selenium's own object for all else."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, url: str) -> None:
        """Go to a page."""
        self.driver.get(url)

    def leave(self) -> None:
        """Leave the page, before its server ends: to ask that one for more would be an error."""
        self.open("about:blank")

    def texts(self, selector: str) -> list[str]:
        """The texts of the visible elements that a CSS selector finds, as they are shown."""
        script = (
            "return [...document.querySelectorAll(arguments[0])]"
            ".filter((each) => each.checkVisibility()).map((each) => each.innerText)"
        )
        return list(self.driver.execute_script(script, selector))

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
        """Click on the first such element, once that does something."""
        element = self.driver.find_element("css selector", selector)
        self._wait(element.is_enabled, f"a click on {selector}")
        element.click()

    def type(self, selector: str, text: str) -> None:
        """Type into the first such element; a line break is the Enter key."""
        self.driver.find_element("css selector", selector).send_keys(text)

    def processor_seconds(self) -> float:
        """What the page has cost so far, in seconds of one processor."""
        self.driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
        metrics = self.driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
        return float(next(each["value"] for each in metrics if each["name"] == "TaskDuration"))

    def _shown(self, selector: str, text: str) -> str | None:
        found = self.texts(selector)
        return found[-1] or " " if found and text in found[-1] else None

    def _wait(self, condition: Any, what: str) -> Any:
        from selenium.webdriver.support.ui import WebDriverWait

        wait = WebDriverWait(self.driver, WAIT_SECONDS, poll_frequency=0.02)
        return wait.until(lambda _: condition(), f"waited for {what}")
