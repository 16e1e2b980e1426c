"""Signing in within a frame of another site, in a browser that keeps no cookies of third parties."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from selenium.webdriver.common.keys import Keys

from callscribe.config.settings import Settings
from tests.console.browser import Browser, chromium, require_chromium
from tests.console.door import doors
from tests.console.guarding import PASSWORD, guarded_console
from tests.console.switchboard import Switchboard
from tests.console.test_embedding import PAGE, crm

pytestmark = [pytest.mark.integration, pytest.mark.browser]

SWITCHES = (
    "--host-resolver-rules=MAP *.test 127.0.0.1", "--ignore-certificate-errors", "--test-third-party-cookie-phaseout",
)  # fmt: skip
ELEMENT = '<callscribe-desk style="height: 640px"></callscribe-desk>'


@pytest.fixture
def strict_browser(tmp_path: Path) -> Iterator[Browser]:
    require_chromium()
    with chromium(tmp_path / "profile", *SWITCHES) as opened:
        yield opened


def test_people_sign_in_within_a_frame_of_another_site(
    strict_browser: Browser, settings: Settings, switchboard: Switchboard, tmp_path: Path
) -> None:
    browser, pages = strict_browser, dict[str, str]()
    with doors(tmp_path, 2) as (front, other), crm(pages) as site:
        server, around = f"https://callscribe.test:{front.port}", f"https://crm.test:{other.port}"
        web = replace(settings.web, public_url=server, embed_origins=(around,))
        with guarded_console(replace(settings, web=web)) as console:
            front.leads_to, other.leads_to = (urlsplit(url).port or 0 for url in (console.url, site))
            pages["/"] = PAGE.replace("{body}", ELEMENT).replace("{server}", server)
            browser.open(around)
            browser.driver.switch_to.frame(browser.one("iframe"))
            browser.until(lambda: browser.texts("#login-heading") == ["Sign in"], "the form")
            assert kept(browser, "plain=1; SameSite=None; Secure") == "", "this browser keeps cookies of third parties"
            browser.one("input[name=name]").send_keys("agent")
            browser.one("input[name=password]").send_keys(PASSWORD, Keys.ENTER)
            browser.until(lambda: browser.texts("#connection") == ["Live"], "the desk")
            call = switchboard.start(customer="Tom Hall")
            browser.until(lambda: "Tom Hall" in browser.texts(".desk-party"), "the agent's call")
            browser.driver.switch_to.default_content()
            browser.until(lambda: browser.run("return told.map(([name]) => name)") == ["call-started"], "the event")
            call.end(second_pass=False)
            browser.driver.refresh()
            browser.driver.switch_to.frame(browser.one("iframe"))
            browser.until(lambda: browser.texts("#connection") == ["Live"], "the desk after a reload")
            # Elsewhere nobody has signed in.
            browser.open(f"{server}/desk")
            browser.until(lambda: browser.texts("#login-heading") == ["Sign in"], "the form in a window of its own")


def kept(browser: Browser, cookie: str) -> str:
    """What is there of a cookie that the page gives itself."""
    return str(browser.run("document.cookie = arguments[0]; return document.cookie", cookie))
