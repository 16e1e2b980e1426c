"""The page of one call as people use it who listen to calls all day, in a real headless Chromium."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import numpy as np
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from callscribe.config.settings import Settings
from callscribe.console.wording import COOKIE
from callscribe.domain.audio import AudioChunk
from callscribe.domain.pause import Pause
from callscribe.domain.redaction import Redaction
from callscribe.domain.transcript import Final, Word, utterance_id
from storage.finals import write_final
from storage.recordings import RecordingWriter, recording_path
from storage.records import RecordingFile
from storage.search_index import SearchIndex
from tests.console.browser import Browser
from tests.console.conftest import Console, serving
from tests.console.guarding import PASSWORD, guarded_console, signed_in
from tests.console.switchboard import RATE, FakeCall, Switchboard, samples
from tests.console.test_scoring import work_off

pytestmark = [pytest.mark.integration, pytest.mark.browser]

LINES = (
    (0, 1000, "Good morning, you are speaking with Anna Weber."),
    (1, 5000, "Hello, I would like a refund for the boiler."),
    (0, 9000, "A refund takes five days, is that all right?"),
    (1, 20_000, "Yes, that is fine with me, thank you very much."),
    (0, 21_000, "You are welcome, and have a good day."),
    (1, 26_000, "Goodbye."),
)
LENGTH_MS = 30_000
PLACE = "return document.querySelector('audio').currentTime"
WRITTEN = "return document.querySelector('[role=slider]').getAttribute('aria-valuetext')"
INK = """
const [canvas, ms, length] = [document.querySelectorAll(arguments[0])[arguments[1]], arguments[2], arguments[3]];
const copy = Object.assign(document.createElement("canvas"), { width: 1, height: canvas.height });
const paper = copy.getContext("2d", { willReadFrequently: true });
paper.drawImage(canvas, Math.floor(canvas.width * ms / length), 0, 1, canvas.height, 0, 0, 1, canvas.height);
const column = paper.getImageData(0, 0, 1, canvas.height).data;
let inked = 0;
for (let at = 3; at < column.length; at += 4) inked += column[at] > 60;
return inked / canvas.height;
"""
"""How much of a canvas's height is painted at a moment."""


def spoken(call: FakeCall) -> list[UUID]:
    """Says LINES, each word with its time."""
    names = []
    for channel, start, text in LINES:
        words = text.split()
        ends = [start + 250 * number for number in range(len(words) + 1)]
        timed = tuple(Word(word, samples(ends[n]), samples(ends[n + 1]), 0.9) for n, word in enumerate(words))
        names.append(call.say(Final(channel, samples(start), samples(ends[-1]), text, 0.9, "moonshine", words=timed)))
    return names


def recorded(switchboard: Switchboard, call: FakeCall) -> RecordingFile:
    """A WAV that is loud where LINES are spoken, and silent elsewhere."""
    writer = RecordingWriter(switchboard.recordings / recording_path(call.call), RATE, 2)
    for channel in (0, 1):
        audio = np.zeros(samples(LENGTH_MS), np.int16)
        for said in (said.final for said in call.said.values() if said.final.channel == channel):
            audio[said.start : said.end] = (np.sin(np.arange(said.end - said.start) / 3) * 9000).astype(np.int16)
        writer.write(AudioChunk(channel, 0, audio.astype("<i2").tobytes()))
    return writer.close().relative_to(switchboard.recordings)


def kept(switchboard: Switchboard) -> tuple[FakeCall, list[UUID]]:
    """A call that is over, with its recording."""
    call = switchboard.start(started_at=datetime.now(UTC) - timedelta(days=3))
    names = spoken(call)
    call.end(at=LENGTH_MS, recording=recorded(switchboard, call), second_pass=True)
    return call, names


def opened(browser: Browser, console: Console, call: FakeCall, query: str = "") -> None:
    browser.open(f"{console.url}/calls/{call.id}{query}")
    ready(browser)


def ready(browser: Browser) -> None:
    done = "return document.querySelector('#transcript')?.ariaBusy"
    browser.until(lambda: browser.run(done) == "false", "the transcript")
    browser.until(lambda: browser.run("return document.querySelector('audio')?.readyState ?? 4") >= 1, "the recording")


def ink(browser: Browser, lane: int, ms: int, which: str = ".wave-rest") -> float:
    return float(browser.run(INK, which, lane, ms, LENGTH_MS))


def place(browser: Browser) -> float:
    return float(browser.run(PLACE))


def stands(browser: Browser, seconds: float, what: str = "") -> None:
    browser.until(lambda: abs(place(browser) - seconds) < 0.05, what or f"{seconds} s")


def plays(browser: Browser, seconds: float) -> None:
    """It plays from there on, not from far behind."""
    browser.until(lambda: seconds < place(browser) < seconds + 5, f"playing from {seconds} s")


def reads(browser: Browser, told: str) -> None:
    """The slider says where it stands."""
    browser.until(lambda: browser.run(WRITTEN) == told, told)


def leave(browser: Browser) -> None:
    browser.run("document.activeElement.blur()")


@pytest.fixture(autouse=True)
def quiet_console(browser: Browser) -> Iterator[None]:
    """No page may complain while a test looks at it."""
    browser.complaints()
    browser.size(1360, 860)
    yield
    assert browser.complaints() == []
    browser.run("localStorage.clear()")
    browser.open("about:blank")


def test_each_party_has_a_lane_that_is_loud_where_they_speak(
    browser: Browser, console: Console, switchboard: Switchboard
) -> None:
    call, names = kept(switchboard)
    call.card(9500, names[2], title="Offer a voucher")
    opened(browser, console, call)
    browser.until(lambda: ink(browser, 0, 1500) > 0.3, "the waveform")
    assert [ink(browser, 0, ms) > 0.3 for ms in (1500, 5500, 9500, 15_000)] == [True, False, True, False]
    assert [ink(browser, 1, ms) > 0.3 for ms in (1500, 5500, 9500, 20_500)] == [False, True, False, True]
    assert browser.texts(".lane-name") == ["Anna Weber", "Tom Hall"]
    # Nobody speaks from 0:11 to 0:20; both do from 0:21 on.
    assert browser.texts(".wave-key") == ["Silence", "Both speak", "Assist card"]
    strip = ".wave-bands"
    assert [ink(browser, 0, ms, strip) > 0.9 for ms in (15_000, 21_500)] == [False, True]
    assert 0 < ink(browser, 0, 15_000, strip) < 0.5
    assert browser.one(".wave-mark[data-kind=card]").get_attribute("title") == "0:09 Assist card: Offer a voucher"

    light = browser.run("return getComputedStyle(document.querySelector('.wave-rest')).color")
    browser.run("window.before = document.querySelector('.wave-rest').toDataURL()")
    browser.scheme("dark")
    again = "return document.querySelector('.wave-rest').toDataURL() !== window.before"
    browser.until(lambda: browser.run(again), "the waveform in dark")
    assert browser.run("return getComputedStyle(document.querySelector('.wave-rest')).color") != light
    browser.scheme("light")
    browser.size(900, 860)
    fits = "const c = document.querySelector('.wave-rest'); return c.width === c.clientWidth * devicePixelRatio"
    browser.until(lambda: browser.run(fits) and ink(browser, 0, 1500) > 0.3, "the narrower waveform")
    assert browser.widest() == 0


def test_the_waveform_is_a_slider_for_hand_and_keys(
    browser: Browser, console: Console, switchboard: Switchboard
) -> None:
    call, _ = kept(switchboard)
    opened(browser, console, call)
    slider = browser.one("[role=slider]")
    assert slider.get_attribute("aria-label") == "Place in the call"
    assert browser.run(WRITTEN) == "0:00 of 0:30"
    width = slider.rect["width"]
    ActionChains(browser.driver).move_to_element_with_offset(slider, 0, 0).click().perform()
    browser.until(lambda: abs(place(browser) - 15) < 0.2, "the middle")
    assert "Silence" in browser.texts(".wave-readout")[0]
    ActionChains(browser.driver).click_and_hold(slider).move_by_offset(round(width / 4), 0).release().perform()
    browser.until(lambda: abs(place(browser) - 22.5) < 0.3, "where it was dragged to")
    for key, told in ((Keys.HOME, "0:00"), (Keys.ARROW_RIGHT, "0:05"), (Keys.END, "0:30"), (Keys.ARROW_LEFT, "0:25")):
        slider.send_keys(key)
        reads(browser, f"{told} of 0:30")
    assert [line.text for line in browser.all(".utterance.playing .who")] == []
    slider.send_keys(Keys.HOME, Keys.ARROW_RIGHT)
    browser.until_texts(".word.playing", ["Hello,"])


def test_a_call_is_listened_to_with_single_keys(browser: Browser, console: Console, switchboard: Switchboard) -> None:
    call, _ = kept(switchboard)
    opened(browser, console, call)
    for keys, seconds in (
        (["l"], 5), (["l"], 10), (["j"], 5), ([Keys.ARROW_RIGHT], 10), ([Keys.ARROW_LEFT], 5),
        ([Keys.SHIFT, Keys.ARROW_RIGHT, Keys.NULL], 9), ([Keys.SHIFT, Keys.ARROW_RIGHT, Keys.NULL], 20),
        ([Keys.SHIFT, Keys.ARROW_LEFT, Keys.NULL], 9),
    ):  # fmt: skip
        browser.press(*keys)
        stands(browser, seconds, f"{keys} to {seconds}")
    browser.press("g")
    browser.press("0:21.5", Keys.ENTER)
    stands(browser, 21.5)
    browser.press(">")
    browser.press("+")
    assert browser.run("const a = document.querySelector('audio'); return [a.playbackRate, a.preservesPitch]") == [
        1.5,
        True,
    ]
    assert browser.texts("#told") == ["Speed 1.5"]
    browser.press("<")
    browser.press("-")
    assert browser.run("return document.querySelector('audio').playbackRate") == 1
    browser.press("k")
    browser.until(lambda: place(browser) > 21.8, "playing")
    assert browser.one(".play").get_attribute("aria-label") == "Pause"
    browser.press(" ")
    browser.until(lambda: browser.run("return document.querySelector('audio').paused"), "the pause")


def test_keys_do_nothing_while_somebody_types_and_can_be_switched_off(
    browser: Browser, console: Console, switchboard: Switchboard
) -> None:
    call, _ = kept(switchboard)
    opened(browser, console, call)
    browser.press("/")
    browser.press("jkl? cn")
    assert browser.one("#find input").get_attribute("value") == "jkl? cn"
    assert (place(browser), browser.all("dialog"), browser.all(".comment-form")) == (0, [], [])
    browser.press(Keys.ESCAPE)
    assert browser.run("return document.activeElement === document.body")
    browser.press("?")
    assert "5 seconds back" in browser.texts(".keys dd")
    assert browser.focused() == "Close"
    browser.press("l")
    browser.one(".keys-switch input").click()
    browser.press(Keys.ESCAPE)
    browser.until(lambda: browser.focused() != "" and not browser.all("dialog[open]"), "the list to close")
    browser.press("l")
    time.sleep(0.3)
    assert place(browser) == 0
    browser.press("?")
    browser.one(".keys-switch input").click()
    browser.press(Keys.ESCAPE)
    browser.until(lambda: browser.focused() != "" and not browser.all("dialog[open]"), "the list to close")
    # A browser's own keys stay its own.
    browser.press(Keys.CONTROL, "l", Keys.NULL)
    browser.press("l")
    browser.until(lambda: place(browser) == 5, "that keys work again")
    browser.press("?")
    browser.shoot("call-keys")


def test_the_transcript_goes_along_until_the_reader_goes_elsewhere(
    browser: Browser, console: Console, switchboard: Switchboard
) -> None:
    call = switchboard.start(started_at=datetime.now(UTC) - timedelta(days=3))
    for number in range(30):
        call.final(number % 2, 1000 * number, f"This is line {number}.")
    call.end(at=LENGTH_MS, recording=recorded(switchboard, call), second_pass=False)
    opened(browser, console, call)
    top = "return document.querySelector('.utterance.playing')?.getBoundingClientRect().top ?? -1"
    browser.press("g")
    browser.press("0:12", Keys.ENTER)
    browser.until(lambda: 150 < browser.run(top) < 860, "the line below the player")
    browser.press("k")
    browser.until(lambda: place(browser) > 14, "two lines further")
    browser.until(lambda: 150 < browser.run(top) < 860, "the line that is played")
    assert not browser.one("#follow").is_displayed()
    browser.run("scrollTo(0, 0)")
    browser.until(lambda: browser.one("#follow").is_displayed(), "the way back")
    assert browser.one("#follow").text.startswith("To what is played")
    browser.until(lambda: place(browser) > 18, "some lines further")
    assert browser.run("return scrollY") == 0
    browser.one("#follow").click()
    browser.until(lambda: 150 < browser.run(top) < 860 and browser.run("return scrollY") > 0, "the line again")
    browser.press("k")


def test_hits_are_found_here_and_by_the_search_that_led_here(
    browser: Browser, console: Console, switchboard: Switchboard
) -> None:
    call, _ = kept(switchboard)
    while SearchIndex(switchboard.database).catch_up():
        pass
    opened(browser, console, call)
    browser.press("/")
    browser.press("REFUND")
    browser.until_texts(".call-find-count", ["2"])
    browser.until(lambda: len(browser.all(".wave-mark[data-kind=hit]")) == 2, "the marks")
    browser.press(Keys.ENTER)
    browser.until_texts(".call-find-count", ["1 / 2"])
    # The sixth word of what begins at 0:05.
    stands(browser, 6.25, "the first hit")
    leave(browser)
    browser.press("n")
    stands(browser, 9.25, "the second hit")
    browser.press("n")
    stands(browser, 6.25, "the first hit again")
    browser.press("p")
    browser.until_texts("#told", ["2 of 2, 0:09"])
    assert browser.run("return [...CSS.highlights.get('hit-now')].map(String)") == ["refund"]

    browser.open(f"{console.url}/search?q=takes+refund&id={call.call.outside_ids.sip_call_id}")
    browser.until(lambda: browser.all(".hit-link"), "the hit")
    browser.one(f".found-title a[href*='{call.id}']").click()
    ready(browser)
    browser.until_texts(".call-find-count", ["2"])
    assert browser.run("return [...CSS.highlights.get('hit')].map(String)") == ["refund", "takes"]
    assert browser.one("#find input").get_attribute("value") == "takes refund"
    leave(browser)
    browser.press("n")
    browser.press("n")
    stands(browser, 9.5, "the second word of the search")


def test_a_comment_at_a_time_is_written_seen_by_others_changed_and_removed(
    browser: Browser, console: Console, switchboard: Switchboard
) -> None:
    call, names = kept(switchboard)
    notes = f"/api/v1/calls/{call.id}/notes"
    opened(browser, console, call)
    browser.press("g")
    browser.press("0:06", Keys.ENTER)
    browser.press("c")
    assert browser.focused() == "Comment at 0:06"
    browser.press("Asks for the refund early.")
    browser.shoot("call-commenting")
    browser.press(Keys.ENTER)
    browser.until_texts(".comment-text", ["Asks for the refund early."])
    (stored,) = console.client.get(notes).json()["notes"]
    assert (stored["at_ms"], stored["utterance_id"], stored["text"]) == (
        6000,
        str(names[1]),
        "Asks for the refund early.",
    )
    assert browser.focused() == "0:06"
    line, comment = (browser.one(f"[data-utterance='{names[1]}'] {part}").rect for part in (".said", ".comment"))
    assert comment["x"] + comment["width"] <= line["x"]
    mark = browser.one(".wave-mark[data-kind=note]")
    assert mark.get_attribute("title") == "0:06 Comment: Asks for the refund early."

    told = {"text": "Too slow.", "at_ms": 9500, "by": "Bob"}
    other = console.client.post(notes, json=told).json()
    browser.until_texts(".comment-text", ["Asks for the refund early.", "Too slow."])
    assert browser.one(f"[data-utterance='{names[2]}'] .comment strong").text == "Bob"
    assert len(browser.all(".wave-mark[data-kind=note]")) == 2
    browser.shoot("call-comments")
    console.client.delete(f"{notes}/{other['id']}")
    browser.until_texts(".comment-text", ["Asks for the refund early."])

    edit, remove = browser.all(".comment .line-action")
    edit.click()
    browser.press(Keys.END, " Good.")
    browser.press(Keys.ENTER)
    browser.until_texts(".comment-text", ["Asks for the refund early. Good."])
    assert console.client.get(notes).json()["notes"][0]["text"] == "Asks for the refund early. Good."
    remove = browser.all(".comment .line-action")[1]
    remove.click()
    assert console.client.get(notes).json()["notes"]
    assert remove.text == "Really remove?"
    remove.click()
    browser.until(lambda: not browser.all(".comment"), "that it is gone")
    assert console.client.get(notes).json()["notes"] == []
    assert browser.all(".commented") == []


@pytest.fixture(scope="module")
def guarded(settings: Settings) -> Iterator[Console]:
    with guarded_console(settings) as served:
        yield served


def test_people_who_signed_in_change_their_own_comments_only(
    browser: Browser, guarded: Console, switchboard: Switchboard
) -> None:
    call, names = kept(switchboard)
    notes = f"/api/v1/calls/{call.id}/notes"
    with signed_in(guarded, "qa") as qa:
        assert qa.post(notes, json={"text": "By QA.", "utterance_id": str(names[0])}).status_code == 201
    browser.open(f"{guarded.url}/login?next=/calls/{call.id}")
    browser.press("agent", Keys.TAB)
    browser.press(PASSWORD, Keys.ENTER)
    ready(browser)
    browser.until_texts(".comment-text", ["By QA."])
    assert browser.all(".comment .line-action") == []
    assert browser.all("button.correct") == []
    browser.press("c")
    browser.press("By the agent.")
    assert not browser.one(".comment-form input").is_displayed()
    browser.press(Keys.ENTER)
    # In the order of what they are about: the agent's is at the beginning.
    browser.until_texts(".comment-text", ["By the agent.", "By QA."])
    assert [each.text for each in browser.all(".comment strong")] == ["agent", "qa"]
    assert [each.text for each in browser.all(".comment .line-action")] == ["Edit", "Remove"]
    browser.driver.delete_all_cookies()


def test_versions_of_a_line_are_compared_word_by_word(
    browser: Browser, console: Console, switchboard: Switchboard
) -> None:
    call, names = kept(switchboard)
    call.second_pass([(names[1], "Hello, I would like a full refund for the toiler.")])
    path = f"/api/v1/calls/{call.id}/utterances/{names[1]}/corrections"
    order = {"text": "Hello, I would like a full refund for the boiler.", "by": "Ann Baker"}
    assert console.client.post(path, json=order).status_code == 201
    opened(browser, console, call)
    browser.run("document.querySelector(arguments[0]).focus()", f"[data-utterance='{names[1]}'] .when")
    browser.press("v")
    browser.until_texts(".version-head strong", ["First pass", "Second pass", "Written by a person"])
    heads = browser.texts(".version-head")
    assert "moonshine" in heads[0]
    assert "90 % sure" in heads[0]
    assert "whisper" in heads[1]
    assert "95 % sure" in heads[1]
    assert "by Ann Baker" in heads[2]
    assert str(datetime.now(UTC).year) in heads[2]
    texts = browser.texts(".version p")
    assert texts[0] == LINES[1][2]
    assert browser.texts(".version:nth-child(2) ins") == ["added: full", "added: toiler."]
    assert browser.texts(".version:nth-child(2) del") == ["removed: boiler."]
    assert browser.texts(".version:nth-child(3) ins") == ["added: boiler."]
    assert browser.texts(".version:nth-child(3) del") == ["removed: toiler."]
    browser.run("document.querySelector('.versions').scrollIntoView({ block: 'center' })")
    browser.shoot("call-versions")
    # By mouse, too.
    browser.one(".original summary").click()
    browser.until(lambda: not browser.one(".versions").is_displayed(), "versions put away")
    browser.one(".original summary").click()
    browser.until(lambda: browser.one(".versions").is_displayed(), "versions")


def test_evidence_of_a_score_is_played_each_time_that_it_is_pressed(
    browser: Browser, console: Console, switchboard: Switchboard
) -> None:
    trunk = f"scored-{uuid4().hex[:8]}"
    rules = [
        {"name": "greeting", "kind": "said", "phrases": ["good morning"], "within_s": 10, "weight": 3},
        {"name": "no silence", "kind": "measure", "measure": "longest-silence-s", "at_most": 5},
    ]
    order = {"by": "ann", "trunks": [trunk], "rules": rules}
    assert console.client.put(f"/api/v1/scorecards/{trunk}", json=order).status_code == 200
    call = switchboard.start(trunk=trunk, started_at=datetime.now(UTC) - timedelta(days=3))
    spoken(call)
    call.end(at=LENGTH_MS, recording=recorded(switchboard, call), second_pass=False)
    assert console.client.post(f"/api/v1/calls/{call.id}/evaluate").status_code == 202
    work_off(console, call.id)
    opened(browser, console, call)
    browser.until_texts("#scores .job-state", ["Failed", "Passed"])
    silence, greeting = browser.all("#scores a")
    assert greeting.text == "0:01 “Good morning”"
    for link, seconds in ((silence, 11), (greeting, 1), (greeting, 1)):
        link.click()
        plays(browser, seconds)
        browser.press("k")
        browser.until(lambda: browser.run("return document.querySelector('audio').paused"), "the pause")


def test_links_to_a_moment_and_lines_are_copied(browser: Browser, console: Console, switchboard: Switchboard) -> None:
    grant = {"origin": console.url, "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    browser.driver.execute_cdp_cmd("Browser.grantPermissions", grant)
    call, names = kept(switchboard)
    opened(browser, console, call)
    read = "const done = arguments[0]; navigator.clipboard.readText().then(done, (e) => done(String(e)))"
    browser.press("g")
    browser.press("0:09.5", Keys.ENTER)
    browser.press("y")
    browser.until_texts("#told", ["The link to 0:09 is copied."])
    link = browser.driver.execute_async_script(read)
    assert link == f"{console.url}/calls/{call.id}#t=9.5"
    browser.run("document.querySelector(arguments[0]).focus()", f"[data-utterance='{names[1]}'] .when")
    button = next(each for each in browser.all(".line-action") if each.text == "Copy line")
    button.click()
    browser.until_texts("#told", ["The line is copied."])
    assert browser.driver.execute_async_script(read) == "[0:05] Tom Hall: Hello, I would like a refund for the boiler."
    browser.open("about:blank")
    browser.open(link)
    ready(browser)
    browser.until(lambda: place(browser) >= 9.5, "the moment of the link")
    browser.until(lambda: browser.texts(".utterance.playing .said") == [LINES[2][2]], "its line")


def test_a_call_that_goes_on_shows_its_waveform_so_far_and_its_pauses(
    browser: Browser, console: Console, switchboard: Switchboard
) -> None:
    call = switchboard.start(started_at=datetime.now(UTC) - timedelta(seconds=20))
    spoken(call)
    call.pause(Pause(1, samples(12_000), samples(15_000), "api", "card payment"))
    recorded(switchboard, call)
    opened(browser, console, call)
    assert "It can be played when the call has ended." in browser.one("#player").text
    assert not browser.all("audio")
    length = "return Number(document.querySelector('[role=slider]').getAttribute('aria-valuemax'))"

    def painted(ms: int) -> float:
        return float(browser.run(INK, ".wave-rest", 0, ms, browser.run(length)))

    browser.until(lambda: painted(1500) > 0.3, "the waveform so far")
    assert painted(4500) < 0.2
    assert "Not recorded" in browser.texts(".wave-key")
    before = browser.run(length)
    browser.until(lambda: browser.run(length) > before, "that it becomes longer")
    browser.one("[role=slider]").click()
    browser.until(lambda: browser.all(".utterance.playing") or browser.run(WRITTEN) != "0:00", "a place in it")
    call.end(at=LENGTH_MS, recording=RecordingFile(recording_path(call.call), RATE, 2, samples(LENGTH_MS), 960_044))
    browser.until(lambda: browser.all("audio"), "the player")
    browser.until(lambda: ink(browser, 1, 5500) > 0.3, "the whole waveform")


def test_what_is_bleeped_is_hatched_in_its_lane(browser: Browser, console: Console, switchboard: Switchboard) -> None:
    call = switchboard.start(started_at=datetime.now(UTC) - timedelta(days=3))
    masked = Final(
        1, samples(5000), samples(15_000), "My card is [card].", 0.9, "moonshine",
        redactions=(Redaction("card", samples(10_000), samples(14_000)),),
    )  # fmt: skip
    call.say(masked)
    call.end(at=LENGTH_MS, recording=recorded(switchboard, call), second_pass=False)
    opened(browser, console, call)
    browser.until_texts(".wave-key", ["Silence", "Bleeped"])
    browser.until(lambda: ink(browser, 1, 7000) > 0.3, "the waveform")
    # Lines with gaps between, where it would be loud throughout.
    hatched = [ink(browser, 1, ms) for ms in range(10_500, 13_500, 250)]
    assert all(0.1 < each < 0.95 for each in hatched)
    ActionChains(browser.driver).move_to_element_with_offset(
        browser.one("[role=slider]"), round(browser.one("[role=slider]").rect["width"] * (12 / 30 - 0.5)), 0
    ).perform()
    browser.until(lambda: "Bleeped" in browser.texts(".wave-readout")[0], "what is there")


def test_with_redaction_a_call_is_heard_and_drawn_once_all_is_bleeped(
    browser: Browser, console: Console, settings: Settings, switchboard: Switchboard
) -> None:
    masked = replace(settings.trunks[0], name="masked", redaction=("payment",))
    with serving(replace(settings, trunks=(*settings.trunks, masked))) as served:
        call = switchboard.start(trunk="masked", started_at=datetime.now(UTC) - timedelta(seconds=30))
        spoken(call)
        opened(browser, served, call)
        assert browser.texts(".transport-note") == ["It can be played once what is masked in its text is bleeped."]
        call.end(at=LENGTH_MS, recording=recorded(switchboard, call))
        browser.until(lambda: browser.all("#jobs li"), "the work after it")
        assert not browser.all("audio")
        assert not browser.one("#download-audio").is_displayed()
        browser.open(f"{served.url}/calls/{call.id}")
        ready(browser)
        assert browser.texts(".transport-note") == ["It can be played once what is masked in its text is bleeped."]
        call.second_pass([])
        browser.until(lambda: browser.all("audio"), "the player")
        browser.until(lambda: ink(browser, 1, 5500) > 0.3, "the waveform")
        assert browser.one("#download-audio").is_displayed()
        # A page that follows a server complains when that goes.
        browser.open(f"{console.url}/search")


def test_an_hour_of_speech_is_read_and_played_without_a_wait(
    browser: Browser, console: Console, switchboard: Switchboard
) -> None:
    call = switchboard.start(started_at=datetime.now(UTC) - timedelta(days=3))
    count, said = 1500, "the line to your house is slow since monday and we will send a technician"
    with switchboard.database.transaction() as session:
        for number in range(count):
            start, cut = number * 2400, said.split()[: 3 + number % 12]
            words = tuple(
                Word(word, samples(start + 150 * at), samples(start + 150 * at + 140), 0.9)
                for at, word in enumerate(cut)
            )
            final = Final(
                number % 2, samples(start), samples(start + 2100), " ".join(cut), 0.9, "moonshine", words=words
            )
            write_final(session, call.id, final)
    writer = RecordingWriter(switchboard.recordings / recording_path(call.call), RATE, 2)
    for second in range(count * 24 // 10):
        for channel in (0, 1):
            writer.write(AudioChunk(channel, second * RATE, bytes(2 * RATE)))
    call.end(at=count * 2400, recording=writer.close().relative_to(switchboard.recordings), second_pass=False)
    opened(browser, console, call)
    assert len(browser.all(".utterance")) == count
    # Words are made where they can be seen first, and then everywhere.
    made, whole = "return document.querySelectorAll('.word').length", sum(3 + number % 12 for number in range(count))
    assert 0 < int(browser.run(made)) <= whole
    browser.until(lambda: browser.run(made) == whole, "the words of the whole hour")
    browser.press("g")
    browser.press("50:00", Keys.ENTER)
    browser.until(lambda: browser.texts(".utterance.playing .when") == ["50:00"], "the fiftieth minute")
    browser.press("k")
    last = utterance_id(call.id, 0, samples(1250 * 2400))
    browser.until(lambda: browser.all(f"[data-utterance='{last}'] .word.playing"), "its words")
    browser.press("k")
    longest = browser.driver.execute_async_script("""
      const done = arguments[0], times = [];
      let last = performance.now();
      requestAnimationFrame(function frame(now) {
        times.push(now - last);
        last = now;
        scrollBy(0, 120);
        if (times.length < 90) requestAnimationFrame(frame);
        else done(times.sort((one, other) => one - other)[45]);
      });
    """)
    assert longest < 100


def test_the_page_speaks_chinese(browser: Browser, console: Console, switchboard: Switchboard) -> None:
    call, _ = kept(switchboard)
    browser.open(f"{console.url}/login")
    browser.driver.add_cookie({"name": COOKIE, "value": "zh"})
    browser.complaints()
    opened(browser, console, call)
    assert browser.one("#copy-moment").text == "复制此刻链接"
    assert browser.texts(".wave-key") == ["静默", "抢话"]
    assert browser.one("[role=slider]").get_attribute("aria-valuetext") == "0:00，共 0:30"
    browser.shoot("call-chinese")
    browser.driver.delete_all_cookies()


def test_without_a_recording_the_page_says_so(browser: Browser, console: Console, switchboard: Switchboard) -> None:
    call = switchboard.start()
    call.final(0, 1000, "Good morning.")
    call.end(second_pass=False)
    opened(browser, console, call)
    assert "There is no recording to play" in browser.one("#player").text
    assert browser.one("#find").is_displayed()
