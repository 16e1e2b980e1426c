"""Scores on a call's page, in a real headless Chromium."""

import pytest

from tests.console.browser import Browser
from tests.console.conftest import Console
from tests.console.switchboard import Switchboard
from tests.console.test_scoring import CALLS, CARDS, card, ended, work_off

pytestmark = [pytest.mark.integration, pytest.mark.browser]


DRAW_AGAIN = """
const [path, evaluated] = arguments;
return import("/static/scores.js?fresh").then(async ({ showScores }) => {
  const stored = await (await fetch(path)).json();
  const real = window.fetch;
  let asked = 0;
  const busy = () => new Response('{"detail": "busy"}', { status: 503 });
  window.fetch = (...wanted) => { asked += 1; return asked === 1 ? Promise.resolve(busy()) : real(...wanted); };
  const jobs = [{ kind: "evaluate", finished_at: evaluated }];
  const failed = await showScores(path, stored).then(() => false, () => true);
  const counts = [];
  for (const call of [stored, stored, { ...stored, jobs }]) {
    await showScores(path, call);
    counts.push(asked);
  }
  window.fetch = real;
  return [failed, counts];
});
"""


def test_a_call_shows_its_scores_with_links_to_the_evidence(
    browser: Browser, console: Console, switchboard: Switchboard
) -> None:
    console.client.put(f"{CARDS}/shown", json=card("scored-page", "thank you * calling"))
    call = ended(switchboard, "scored-page")
    console.client.post(f"{CALLS}/{call.id}/evaluate")
    work_off(console, call.id)
    browser.open(f"{console.url}/calls/{call.id}")
    browser.until_texts("#scores strong", ["shown: 75 of 100"])
    assert browser.texts("#scores .job-state") == ["Failed", "Passed"]
    assert browser.texts("#scores a")[-1] == "0:02 “Thank you for calling”"
    assert browser.all("#scores a")[-1].get_attribute("href") == f"{console.url}/calls/{call.id}#t=2"
    assert browser.one("#measures").text.startswith("Agent speaks")
    assert browser.complaints() == []


def test_scores_are_asked_for_again_after_a_failure_and_after_each_evaluation(
    browser: Browser, console: Console, switchboard: Switchboard
) -> None:
    console.client.put(f"{CARDS}/again", json=card("scored-again", "thank you * calling"))
    call = ended(switchboard, "scored-again")
    console.client.post(f"{CALLS}/{call.id}/evaluate")
    work_off(console, call.id)
    browser.open(f"{console.url}/calls/{call.id}")
    browser.until_texts("#scores strong", ["again: 75 of 100"])
    assert browser.run(DRAW_AGAIN, f"{CALLS}/{call.id}", "2026-11-21T10:00:00Z") == [True, [2, 2, 3]]
