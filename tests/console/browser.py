"""A real headless Chromium, and what tests ask of it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.peers import require

CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
SWITCHES = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio",
    "--window-size=1360,860", "--force-color-profile=srgb", "--lang=en-GB",
)  # fmt: skip
SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
WAIT_S = 60.0


def require_chromium() -> None:
    """Skip where there is no Chromium; where CI=true, fail."""
    require("chromium")
    require("chromedriver")


class Browser:
    """One browser window."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def open(self, url: str) -> None:
        self.driver.get(url)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        """The texts of all matches in one moment, as they are in the document."""
        script = "return [...document.querySelectorAll(arguments[0])].map((each) => each.textContent)"
        return [str(text) for text in self.run(script, selector)]

    def run(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(script, *arguments)

    def until(self, holds: Callable[[], object], what: str = "") -> None:
        """Wait until the condition holds; it does not while the page is drawn anew under it."""

        def settled() -> object:
            try:
                return holds()
            except StaleElementReferenceException:
                return False

        end = time.monotonic() + WAIT_S
        while not settled():
            assert time.monotonic() < end, f"never came: {what}; the page shows: {self.one('main').text[:1500]}"
            time.sleep(0.05)

    def until_texts(self, selector: str, wanted: list[str]) -> None:
        self.until(lambda: self.texts(selector) == wanted, f"{selector} = {wanted}, is {self.texts(selector)}")

    def press(self, *keys: str) -> None:
        """Keys to whatever has the focus."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def focused(self) -> str:
        """The focused element's text or label."""
        return str(self.run("const at = document.activeElement; return at.ariaLabel || at.textContent.trim() || at.id"))

    def complaints(self) -> list[str]:
        """What the console holds of errors and warnings since the last call."""
        entries = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in entries if entry["level"] in ("SEVERE", "WARNING")]

    def scheme(self, name: str) -> None:
        """Prefer "light" or "dark"."""
        features = [{"name": "prefers-color-scheme", "value": name}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def size(self, width: int, height: int, *, mobile: bool = False) -> None:
        """Size of the page in CSS pixels."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def shoot(self, name: str) -> None:
        """Save what is seen in light, dark and on a phone, as build/screenshots/<name>-<kind>.png.

        Pictures are for people, and no test waits for them. What is seen afterwards is a wide window in light.
        """
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        for kind, scheme, width, height in (
            ("light", "light", 1360, 860),
            ("dark", "dark", 1360, 860),
            ("phone", "light", 390, 844),
        ):
            self.scheme(scheme)
            self.size(width, height, mobile=kind == "phone")
            time.sleep(0.2)
            self.driver.save_screenshot(str(SCREENSHOTS / f"{name}-{kind}.png"))
        self.size(1360, 860)
        self.scheme("light")

    def widest(self) -> int:
        """How far anything reaches to the right of the window, in CSS pixels."""
        script = "const page = document.documentElement; return Math.max(0, page.scrollWidth - page.clientWidth)"
        return int(self.run(script))


@contextmanager
def chromium(profile: Path, *switches: str) -> Iterator[Browser]:
    options = ChromeOptions()
    options.binary_location = CHROMIUM
    for switch in (*SWITCHES, *switches, f"--user-data-dir={profile}"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options, Service(DRIVER))
    try:
        yield Browser(driver)
    finally:
        driver.quit()
