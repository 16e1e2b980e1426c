"""The pages in a real headless Chromium, fed by real events."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise

import pytest
from selenium.webdriver.common.keys import Keys

from callscribe.config.settings import Settings
from callscribe.domain.pause import Pause
from callscribe.domain.speaker import SpeakerTurn
from callscribe.domain.transcript import Correction, Final, Word
from callscribe.events.publisher import EventPublisher
from callscribe.events.schema import Event
from tests.console.browser import Browser
from tests.console.conftest import Console, serving
from tests.console.switchboard import FakeCall, Switchboard, samples

pytestmark = [pytest.mark.integration, pytest.mark.browser]

PLACE = "return document.querySelector('audio').currentTime"
CONVERSATION = (
    (0, 600, "Good morning, Weber's heating service, you are speaking with Anna."),
    (1, 4800, "Hello, this is Tom Hall. Our boiler stopped last night and the house is getting cold."),
    (0, 11_000, "I am sorry to hear that. Could you tell me the customer number, please?"),
    (1, 15_200, "Yes, one moment. It is four four seven, one two nine."),
    (0, 20_500, "Thank you. I can see the boiler was last serviced in March. Is there a code on the display?"),
    (1, 26_400, "It shows E one one nine, and the small lamp is blinking."),
)


@pytest.fixture
def publish(settings: Settings) -> Iterator[Callable[[Event], None]]:
    """The publisher of a node, on an event loop of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    publisher = EventPublisher(settings.events.url, settings.events.stream_length)
    asyncio.run_coroutine_threadsafe(publisher.start(), loop).result(10)
    yield lambda event: asyncio.run_coroutine_threadsafe(_publish(publisher, event), loop).result(10)
    asyncio.run_coroutine_threadsafe(publisher.stop(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


async def _publish(publisher: EventPublisher, event: Event) -> None:
    publisher.publish(event)


@pytest.fixture(autouse=True)
def quiet_console(browser: Browser) -> Iterator[None]:
    """No page may complain while a test looks at it."""
    browser.complaints()
    yield
    assert browser.complaints() == []
    browser.open("about:blank")


def held(switchboard: Switchboard, call: FakeCall, *, upto: int = len(CONVERSATION)) -> None:
    for channel, start, text in CONVERSATION[:upto]:
        call.final(channel, start, text)


def contrast(browser: Browser, selector: str) -> float:
    """WCAG 2.2 contrast of an element's text with what is behind it."""
    return float(
        browser.run(
            """
            const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
            const linear = (c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
            const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
            const element = document.querySelector(arguments[0]);
            let behind = element;
            while ((rgb(getComputedStyle(behind).backgroundColor)[3] ?? 1) === 0) behind = behind.parentElement;
            const colors = [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor];
            const pair = colors.map((color) => light(rgb(color)));
            return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
            """,
            selector,
        )
    )


def test_one_call_is_followed_while_it_goes_on(browser: Browser, console: Console, switchboard: Switchboard) -> None:
    call = switchboard.start()
    held(switchboard, call, upto=3)
    browser.open(f"{console.url}/calls/{call.id}")
    browser.until_texts(".said", [text for _, _, text in CONVERSATION[:3]])
    assert browser.one("h1").text == "Tom Hall to Anna Weber"
    assert "Going on now" in browser.one("#badges").text
    call.partial(1, 15_200, "Yes, one", "moment it is")
    browser.until(lambda: browser.texts(".tentative")[-1:] == ["moment it is"], "the partial")
    browser.shoot("call-live")
    call.final(1, 15_200, CONVERSATION[3][2])
    browser.until_texts(".said", [text for _, _, text in CONVERSATION[:4]])
    announced = browser.texts("#announcer p")
    assert announced[-1] == f"Tom Hall: {CONVERSATION[3][2]}"
    assert browser.one("#announcer").get_attribute("aria-live") == "polite"
    call.rename_customer("Thomas Hall")
    browser.until(lambda: browser.one("h1").text == "Thomas Hall to Anna Weber", "the new name")
    name = next(iter(call.said))
    call.end(recording=call.record(31))
    browser.until(lambda: "Going on now" not in browser.one("#badges").text, "the end")
    assert browser.one("#connection").text in ("Being worked on", "Live")
    call.second_pass([(name, "Good morning, Weber's Heating, this is Anna.")])
    browser.until(lambda: browser.one("#connection").text == "Call has ended", "the end of the events")
    assert browser.texts(".said")[0] == "Good morning, Weber's Heating, this is Anna."
    browser.one(".original summary").click()
    assert browser.one(".original p").text == CONVERSATION[0][2]


def test_a_pause_is_seen_while_it_goes_on_and_where_it_was(
    browser: Browser, console: Console, switchboard: Switchboard
) -> None:
    call = switchboard.start()
    call.final(0, 1_000, "One moment, please.")
    browser.open(f"{console.url}/calls/{call.id}")
    browser.until_texts(".said", ["One moment, please."])
    both = [Pause(channel, samples(5_000), None, "api", "card payment") for channel in (0, 1)]
    call.pause(*both)
    browser.until(lambda: "Paused: nothing is recorded" in browser.texts(".badge"), "the badge")
    assert browser.texts(".pause") == ["Not recorded, as wanted: from 0:05, Anna Weber, Tom Hall (card payment)"]
    call.pause(*(replace(pause, end=samples(9_000)) for pause in both))
    browser.until(lambda: "Paused: nothing is recorded" not in browser.texts(".badge"), "the end of the pause")
    call.final(0, 10_000, "Thank you.")
    browser.until_texts(".said", ["One moment, please.", "Thank you."])
    (middle,) = browser.all(".utterance + .pause:has(+ .utterance)")
    assert middle.text == "Not recorded, as wanted: 0:05 to 0:09, Anna Weber, Tom Hall (card payment)"
    call.end(second_pass=False)


def test_a_word_written_otherwise_than_heard_says_what_was_heard(
    browser: Browser, console: Console, switchboard: Switchboard
) -> None:
    heard = "Hello acne, that is twenty five dollars."
    words = tuple(
        Word(word, samples(at * 800), samples(at * 800 + 700), 0.4 if at == 1 else 0.9)
        for at, word in enumerate(heard.split())
    )
    call = switchboard.start()
    final = Final(0, 0, samples(6000), "Hello Acme, that is $25.", 0.9, "moonshine", words=words, spoken=heard)
    call.say(replace(final, corrections=(Correction("acne", "Acme", 0.9),)))
    browser.open(f"{console.url}/calls/{call.id}")
    browser.until_texts(".said", ["Hello Acme, that is $25."])
    said = {word.text: word for word in browser.all(".word")}
    assert list(said) == ["Hello", "Acme,", "that", "is", "$25."]
    assert said["Acme,"].get_attribute("title") == "Heard as “acne”"
    assert said["$25."].get_attribute("title") == "Said: “twenty five dollars.”"
    assert said["$25."].get_attribute("data-ms") == "3200"
    assert [word.text for word in browser.all(".corrected")] == ["Acme,"]
    assert [word.text for word in browser.all(".unsure")] == ["Acme,"]
    browser.shoot("call-corrected")


def test_who_shares_a_channel_is_shown_with_what_each_says(
    browser: Browser, console: Console, switchboard: Switchboard
) -> None:
    said = "Can I help? Yes please."
    words = tuple(Word(word, samples(at * 800), samples(at * 800 + 700), 0.9) for at, word in enumerate(said.split()))
    call = switchboard.start()
    name = call.say(Final(0, 0, samples(4000), said, 0.9, "moonshine", words=words))
    browser.open(f"{console.url}/calls/{call.id}")
    browser.until_texts(".said", [said])
    call.tell_apart(name, SpeakerTurn(1, 0, samples(2350)), SpeakerTurn(2, samples(2350), samples(4000), True))
    for _ in range(2):
        browser.until_texts(".turn-who", ["Anna Weber, speaker 1", "Anna Weber, speaker 2"])
        assert browser.texts(".who") == ["Anna Weber, speaker 1, Anna Weber, speaker 2"]
        assert [word.get_attribute("data-ms") for word in browser.all(".turn:last-child .word")] == ["2400", "3200"]
        assert [part.get_attribute("title") for part in browser.all(".turn")] == [
            "",
            "Somebody else speaks at the same time",
        ]
        # The page when it is opened later tells the same.
        browser.open(f"{console.url}/calls/{call.id}")


def test_a_call_that_several_engines_heard_says_who_heard_what(
    browser: Browser, console: Console, switchboard: Switchboard
) -> None:
    call = switchboard.start()
    call.say(Final(0, 0, samples(2000), "Hello, this is Anna.", 0.9, "moonshine", language="en"))
    browser.open(f"{console.url}/calls/{call.id}")
    browser.until_texts(".said", ["Hello, this is Anna."])
    assert not browser.one(".engine").is_displayed()
    call.say(Final(1, samples(2500), samples(4000), "你好，我要退款。", 0.9, "funasr", language="zh"))
    browser.until_texts(".said", ["Hello, this is Anna.", "你好，我要退款。"])
    call.end()
    for _ in range(2):
        assert browser.texts(".engine") == ["moonshine, en", "funasr, zh"]
        assert all(shown.is_displayed() for shown in browser.all(".engine"))
        assert [said.get_attribute("lang") for said in browser.all(".said")] == ["en", "zh"]
        browser.open(f"{console.url}/calls/{call.id}")
        browser.until_texts(".said", ["Hello, this is Anna.", "你好，我要退款。"])


def test_nothing_is_lost_or_doubled_when_the_server_is_restarted(
    browser: Browser, settings: Settings, switchboard: Switchboard
) -> None:
    call = switchboard.start()
    held(switchboard, call, upto=2)
    with serving(settings) as first:
        port = int(first.url.rsplit(":", 1)[1])
        browser.open(f"{first.url}/calls/{call.id}")
        browser.until(lambda: len(browser.texts(".said")) == 2, "what was said")
    browser.until(lambda: browser.one("#connection").text in ("Reconnecting", "Not connected"), "the loss")
    held(switchboard, call, upto=4)
    again = replace_port(settings, port)
    with serving(again):
        browser.until_texts(".said", [text for _, _, text in CONVERSATION[:4]])
        browser.until(lambda: browser.one("#connection").text == "Live", "Live again")
        call.final(0, 20_500, CONVERSATION[4][2])
        browser.until_texts(".said", [text for _, _, text in CONVERSATION[:5]])
        browser.open("about:blank")
    refused = [line for line in browser.complaints() if "ERR_CONNECTION" not in line and "ERR_INCOMPLETE" not in line]
    assert refused == []


def test_a_page_that_was_put_away_catches_up_when_it_is_seen_again(
    browser: Browser, console: Console, switchboard: Switchboard
) -> None:
    call = switchboard.start()
    held(switchboard, call, upto=2)
    browser.open(f"{console.url}/calls/{call.id}")
    browser.until(lambda: len(browser.texts(".said")) == 2, "what was said")
    browser.until(lambda: browser.one("#connection").text == "Live", "Live")
    browser.run("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    held(switchboard, call, upto=5)
    time.sleep(0.5)
    assert len(browser.texts(".said")) == 2
    browser.run("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    browser.until_texts(".said", [text for _, _, text in CONVERSATION[:5]])
    call.end(second_pass=False)


def test_a_stored_call_is_read_played_and_downloaded(
    browser: Browser, console: Console, switchboard: Switchboard
) -> None:
    call = switchboard.start(started_at=datetime(2026, 11, 20, 9, 14, 2, tzinfo=UTC))
    held(switchboard, call)
    call.end(at=34_000, recording=call.record(34))
    names = list(call.said)
    call.second_pass(
        [
            (names[1], "Hello, this is Tom Hall. Our boiler stopped last night, and the house is getting cold."),
            (names[5], "It shows E119, and the small lamp is blinking."),
        ]
    )
    browser.open(f"{console.url}/calls/{call.id}")
    browser.until(lambda: len(browser.texts(".said")) == 6, "the transcript")
    assert browser.texts(".said")[5] == "It shows E119, and the small lamp is blinking."
    assert browser.texts(".when") == ["0:00", "0:04", "0:11", "0:15", "0:20", "0:26"]
    assert browser.texts(".downloads a") == ["Text", "SRT", "WebVTT", "CSV", "JSON", "vCon", "Audio (WAV)"]
    assert browser.texts(".job-state") == ["Done"]
    browser.shoot("call")
    word = next(word for word in browser.all(".word") if word.text == "boiler")
    word.click()
    browser.until(
        lambda: browser.run("return document.querySelector('audio').currentTime") > 4.8, "playing from a word"
    )
    browser.until(lambda: browser.texts(".word.playing"), "the word that is played")
    assert browser.one(".play").get_attribute("aria-label") == "Pause"
    browser.one(".play").click()
    browser.until(lambda: browser.run("return document.querySelector('audio').paused"), "the pause")
    assert browser.texts(".toggle") == ["Anna Weber", "Tom Hall"]
    browser.one(".toggle input").click()
    assert browser.run("return document.querySelector('.toggle input').checked") is False
    browser.size(390, 844, mobile=True)
    assert browser.widest() == 0
    browser.size(1360, 860)


def test_a_call_is_reached_and_played_by_keyboard_alone(
    browser: Browser, console: Console, switchboard: Switchboard
) -> None:
    call = switchboard.start(started_at=datetime.now(UTC) + timedelta(minutes=1))
    held(switchboard, call)
    call.end(at=34_000, second_pass=False, recording=call.record(34))
    browser.open(console.url)
    browser.until(lambda: browser.all(f".recent-row[href='/calls/{call.id}']"), "the ended call")
    browser.run("document.body.focus()")
    seen = []
    for _ in range(80):
        browser.press(Keys.TAB)
        seen.append(browser.run("return document.activeElement.getAttribute('href') || document.activeElement.id"))
        if seen[-1] == f"/calls/{call.id}":
            break
    assert seen[:2] == ["#main", "/"]
    assert seen[-1] == f"/calls/{call.id}"
    browser.press(Keys.ENTER)
    browser.until(lambda: len(browser.texts(".said")) == 6, "the transcript")
    for _ in range(20):
        browser.press(Keys.TAB)
        if browser.focused() == "Play from 0:00":
            break
    browser.press(Keys.ARROW_DOWN)
    browser.press(Keys.ARROW_DOWN)
    assert browser.focused() == "Play from 0:11"
    outline = browser.run("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    browser.press(Keys.ENTER)
    browser.until(lambda: browser.run(PLACE) > 11, "playing from 0:11")
    browser.press(Keys.END)
    assert browser.focused() == "Play from 0:26"


def test_an_erased_call_leaves_its_page(browser: Browser, console: Console, switchboard: Switchboard) -> None:
    call = switchboard.start(started_at=datetime.now(UTC) - timedelta(days=99))
    held(switchboard, call, upto=2)
    browser.open(f"{console.url}/calls/{call.id}")
    browser.until_texts(".said", [text for _, _, text in CONVERSATION[:2]])
    call.end()
    asked = {"by": "Ann Baker", "reason": "case 17"}
    assert console.client.delete(f"/api/v1/calls/{call.id}", params=asked).status_code == 200
    browser.until(lambda: browser.texts("main h1") == ["Not Found"], "that there is no such call")
    assert not browser.all(".said")
    browser.complaints()  # Of what was asked before, and of the page itself: all stand there before the page does.


def test_a_failed_job_is_seen_and_tried_again(browser: Browser, console: Console, switchboard: Switchboard) -> None:
    call = switchboard.start()
    held(switchboard, call, upto=2)
    call.end()
    call.fail_second_pass("The model folder is empty; set second_pass.model.")
    browser.open(f"{console.url}/calls/{call.id}")
    browser.until(lambda: browser.texts(".job-state") == ["Failed"], "the failed job")
    assert "The model folder is empty" in browser.one("#jobs").text
    browser.shoot("call-failed")
    browser.one("#jobs button").click()
    browser.until(lambda: browser.texts(".job-state") == ["Waiting"], "the job in the queue")
    call.second_pass([(next(iter(call.said)), "Good morning.")])
    browser.until(lambda: browser.texts(".job-state") == ["Done"], "the job done")
    assert browser.texts(".said")[0] == "Good morning."


def holds(browser: Browser, selector: str, text: str) -> bool:
    return any(text in found for found in browser.texts(selector))


def test_what_was_said_is_never_markup(browser: Browser, console: Console, switchboard: Switchboard) -> None:
    evil = '<img src=x onerror="window.hurt = 1"><script>window.hurt = 1</script>'
    call = switchboard.start()
    call.rename_customer(evil)
    call.final(0, 600, evil)
    call.partial(1, 900, evil, evil)
    for page, place in (
        (f"/?call={call.id}", ".line-words"),
        (f"/?call={call.id}", ".said"),
        (f"/calls/{call.id}", ".said"),
    ):
        browser.open(console.url + page)
        holds_evil = partial(holds, browser, place, evil)
        browser.until(holds_evil, "the text as text")
        time.sleep(0.2)
        assert browser.run(
            "return [window.hurt ?? null, document.querySelectorAll('main img, main script').length]"
        ) == [None, 0]
    call.end(second_pass=False)


def test_many_lines_keep_the_reader_where_they_are(
    browser: Browser, console: Console, switchboard: Switchboard
) -> None:
    call = switchboard.start()
    for number in range(40):
        call.final(number % 2, number * 3000, f"This is line number {number} of a long conversation.")
    browser.open(f"{console.url}/calls/{call.id}")
    browser.until(lambda: len(browser.texts(".said")) == 40, "the lines")
    beyond = (
        "return document.querySelector('#transcript').lastElementChild.getBoundingClientRect().bottom - innerHeight"
    )
    browser.until(lambda: -60 < browser.run(beyond) < 0, "the newest line in sight")
    browser.run("document.scrollingElement.scrollTop = 100")
    browser.until(lambda: browser.one("#follow").is_displayed(), "the way back to the newest")
    call.final(0, 130_000, "A new line while the reader is elsewhere.")
    browser.until(lambda: len(browser.texts(".said")) == 41, "the new line")
    assert browser.run("return document.scrollingElement.scrollTop") == 100
    browser.one("#follow").click()
    browser.until(lambda: -60 < browser.run(beyond) < 0, "the newest line again")
    tops = browser.run("return [...document.querySelectorAll('.utterance')].map((each) => Number(each.dataset.start))")
    assert all(before < after for before, after in pairwise(tops))
    call.end(second_pass=False)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_as_wcag_aa_asks(
    browser: Browser, console: Console, switchboard: Switchboard, scheme: str
) -> None:
    call = switchboard.start()
    held(switchboard, call, upto=2)
    call.partial(0, 11_000, "I am", "sorry to hear")
    call.partial(1, 12_000, "Yes", "please")
    browser.scheme(scheme)
    browser.open(f"{console.url}/calls/{call.id}")
    browser.until(lambda: "please" in browser.texts(".tentative"), "the partials")
    texts = [
        ".committed", "[data-side=near][data-kind=partial] .tentative", "[data-side=far][data-kind=partial] .tentative",
        "[data-side=near] .who", "[data-side=far] .who", ".when", ".facts span", ".badge", ".crumb a", ".connection",
        ".party-note", ".side h2", ".ids dt", ".ids dd", ".downloads a", ".foot a", ".foot span",
    ]  # fmt: skip
    found = {selector: contrast(browser, selector) for selector in texts}
    assert {selector: round(ratio, 2) for selector, ratio in found.items() if ratio < 4.5} == {}
    browser.scheme("light")
    call.end(second_pass=False)


def replace_port(settings: Settings, port: int) -> Settings:

    return replace(settings, web=replace(settings.web, port=port))
