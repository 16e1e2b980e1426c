"""Takes the pictures of docs/desk.md from made-up calls: `make screenshots`."""

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from callscribe.domain.audio import AudioChunk
from callscribe.domain.call import Party
from callscribe.events.publisher import publish_now
from callscribe.events.schema import CallStarted
from storage.database import Database
from storage.recordings import RecordingWriter, recording_path
from storage.records import RecordingFile
from storage.search_index import SearchIndex
from tests.console.browser import Browser, chromium
from tests.console.conftest import Console, installation
from tests.console.guarding import guarded_console, signed_in, token_for
from tests.console.switchboard import RATE, FakeCall, Switchboard, samples
from tests.console.test_scoring import work_off

IMAGES = Path(__file__).parents[2] / "docs" / "images"
WIDTH, HEIGHT = 1280, 800
WAIT_S = 2.0
"""After a page has all it asked for: streams and fonts."""

BOILER = (
    (0, 600, "Good morning, Weber's heating service, you are speaking with Anna."),
    (1, 5200, "Hello, this is Tom Hall. Our boiler stopped last night and the house is getting cold."),
    (0, 11_800, "I am sorry to hear that. Could you tell me the customer number, please?"),
    (1, 16_600, "Yes, one moment. It is four four seven, one two nine."),
    (0, 21_500, "Thank you. The boiler was last serviced in March. Is there a code on the display?"),
    (1, 27_400, "It shows E119, and the small lamp is blinking."),
    (0, 31_600, "That is the water pressure. I can send somebody today between two and four."),
    (1, 37_000, "Two is fine. And what about the invoice? I would like my money back for the last visit."),
    (0, 43_400, "I understand. I will pass the refund on to our accounts, you will hear from them tomorrow."),
    (1, 49_800, "All right. Thank you for your help."),
)
OTHERS = (
    ("Maria Lopez", "David Kim", "1043", "support", "Could I change the delivery to Friday?"),
    ("Chen Wei", "Sofia Rossi", "1044", "support", "The second payment was taken twice."),
    ("Priya Nair", "Jonas Berg", "1045", "sales", "Is there a discount for a yearly contract?"),
    ("Olga Petrova", "Emma Clark", "1046", "sales", "I would rather speak to a manager, please."),
    ("Sam Turner", "Lukas Maier", "1047", "support", "It has been like that since the update."),
)
REFUND = {
    "title": "Refund wanted",
    "text": "Refunds within 30 days: confirm the invoice number,\nthen pass it on to accounts.",
    "link": "https://wiki.example.com/refunds",
    "severity": "warning",
}
FAULT = {"title": "Boiler code E119", "text": "Water pressure below 0.8 bar. Ask to top up; a visit takes two hours."}


@dataclass(frozen=True, slots=True)
class Studio:
    """What pictures are taken of, and with what."""

    browser: Browser
    console: Console
    board: Switchboard

    def sign_in(self, name: str) -> None:
        """From now on pages are this user's."""
        with signed_in(self.console, name) as client:
            cookie, value = next(iter(client.cookies.items()))
        self.browser.open(f"{self.console.url}/static/icon.svg")
        self.browser.driver.delete_all_cookies()
        self.browser.driver.add_cookie({"name": cookie, "value": value, "path": "/"})

    def take(self, name: str, path: str, prepare: Callable[[Browser], None] = lambda _: None) -> None:
        """Save the page as docs/images/<name>.png."""
        self.browser.open(f"{self.console.url}{path}")
        time.sleep(WAIT_S)
        prepare(self.browser)
        time.sleep(WAIT_S)
        self.browser.driver.save_screenshot(str(IMAGES / f"{name}.png"))


def call(board: Switchboard, customer: str, agent: Party, trunk: str, ago: timedelta) -> FakeCall:
    """A call of this agent that began so long ago."""
    made = board.start(
        customer=customer, trunk=trunk, started_at=datetime.now(UTC) - ago, stored=False, published=False
    )
    first = replace(made.call.channels[0], party=agent)
    made.call = replace(made.call, callee=agent, channels=(first, made.call.channels[1]))
    board.calls.save_call(made.call, board.node)
    board.publish(CallStarted.of(made.call, datetime.now(UTC)))
    return made


def record(board: Switchboard, made: FakeCall, said: Sequence[tuple[int, int, str]], length_ms: int) -> RecordingFile:
    """A recording that is loud where somebody speaks."""
    draw = np.random.default_rng(7)
    writer = RecordingWriter(board.recordings / recording_path(made.call), RATE, 2)
    for channel in (0, 1):
        track = np.zeros(samples(length_ms))
        for speaker, start, text in said:
            if speaker == channel:
                begin, count = samples(start), samples(55 * len(text))
                shape = np.repeat(draw.uniform(0.1, 1.0, count // 800 + 1), 800)[:count]
                track[begin : begin + count] += (shape * draw.normal(0, 2600, count))[: len(track) - begin]
        writer.write(AudioChunk(channel, 0, track.clip(-32_000, 32_000).astype("<i2").tobytes()))
    return writer.close().relative_to(board.recordings)


def past_call(studio: Studio, anna: Party) -> FakeCall:
    """A call for those who listen: heard, revised, scored and commented."""
    board, made = studio.board, call(studio.board, "Tom Hall", anna, "support", timedelta(hours=2))
    names = [made.final(channel, start, text) for channel, start, text in BOILER]
    made.card(27_000, names[5], published=True, **FAULT)
    made.card(38_000, names[7], published=True, **REFUND)
    made.end(at=55_000, recording=record(board, made, BOILER, 55_000))
    made.second_pass([(names[3], "Yes, one moment. It is 447 129.")])
    root, lead = token_for(studio.console, "root"), token_for(studio.console, "qa")
    client, path = studio.console.client, f"/api/v1/calls/{made.id}"
    rules = [
        {"name": "greeting", "kind": "said", "phrases": ["good morning"], "within_s": 10, "weight": 3},
        {"name": "says goodbye", "kind": "said", "phrases": ["have a nice day"], "weight": 1},
    ]
    card = {"by": "root", "trunks": ["support"], "rules": rules}
    client.put("/api/v1/scorecards/service", json=card, headers=root).raise_for_status()
    client.post(f"{path}/evaluate", headers=root).raise_for_status()
    work_off(studio.console, made.id)
    note = {"text": "Well asked: this saves a second visit.", "at_ms": 21_500, "utterance_id": str(names[4])}
    client.post(f"{path}/notes", json=note, headers=lead).raise_for_status()
    return made


def live_calls(studio: Studio, anna: Party) -> FakeCall:
    """What goes on now; Anna's own."""
    for number, (customer, name, extension, trunk, words) in enumerate(OTHERS):
        other = call(
            studio.board,
            customer,
            Party(f"sip:{extension}@pbx.example.com", name),
            trunk,
            timedelta(seconds=95 * number + 40),
        )
        other.final(0, 900, f"Good morning, {name} speaking, how can I help you?")
        other.final(1, 5000, words)
        other.partial(0, 9000, "Of course, let me", "have a look")
    own = call(studio.board, "Tom Hall", anna, "support", timedelta(seconds=44))
    names = [own.final(channel, start, text) for channel, start, text in BOILER[:8]]
    own.card(27_800, names[5], published=True, **FAULT)
    own.card(38_000, names[7], published=True, **REFUND)
    own.partial(0, 43_400, "I understand. I will pass the", "refund on to")
    token = token_for(studio.console, "agent")
    for note in (
        {"utterance_id": str(names[3]), "text": ""},
        {"text": "Visit agreed: today, 2 to 4 pm", "at_ms": 36_000},
    ):
        studio.console.client.post(f"/api/v1/calls/{own.id}/notes", json=note, headers=token).raise_for_status()
    return own


def rules(studio: Studio) -> None:
    """Assist rules as a person wrote them."""
    root = token_for(studio.console, "root")
    for card, phrases in ((REFUND, ["money back", "refund"]), (FAULT, ["E119", "one one nine"])):
        rule = {**card, "trunks": ["support"], "when": {"kind": "phrase", "phrases": phrases}, "by": "root"}
        studio.console.client.put(f"/api/v1/rules/{card['title']}", json=rule, headers=root).raise_for_status()


def main() -> None:
    """Write docs/images."""
    IMAGES.mkdir(exist_ok=True)
    with ExitStack() as stack:
        settings = stack.enter_context(installation())
        console = stack.enter_context(guarded_console(settings))
        profile = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        browser = stack.enter_context(chromium(profile))
        database, events = Database(settings.database.url), settings.events
        stack.callback(database.close)
        board = Switchboard(
            database,
            settings.recordings_folder,
            lambda event: publish_now(events.url, [event], events.stream_length),
        )
        studio, anna = Studio(browser, console, board), Party("sip:1042@pbx.example.com", "Anna Weber")
        browser.size(WIDTH, HEIGHT)
        past = past_call(studio, anna)
        failed = call(
            board, "Sam Turner", Party("sip:1047@pbx.example.com", "Lukas Maier"), "support", timedelta(hours=3)
        )
        failed.final(0, 600, "Good morning.")
        failed.end()
        failed.fail_second_pass("The model whisper-small is not there; run `callscribe doctor`.")
        while SearchIndex(database).catch_up():
            pass
        live_calls(studio, anna)
        rules(studio)
        take_all(studio, past)


def try_the_rule(browser: Browser) -> None:
    """On the newest call that has ended."""
    browser.one("#trial-form select option:nth-child(2)").click()
    browser.one("#trial-form button").click()
    time.sleep(WAIT_S)
    browser.run("scrollTo(0, document.getElementById('trial').offsetTop - 72)")


def take_all(studio: Studio, past: FakeCall) -> None:
    studio.sign_in("agent")
    studio.take("desk", "/desk")
    studio.sign_in("lead")
    studio.take("floor", "/")
    studio.sign_in("qa")
    studio.take("call", f"/calls/{past.id}")
    studio.take("search", "/search?q=refund+OR+%22money+back%22")
    studio.sign_in("root")
    studio.take("rules", "/admin/rules#Refund%20wanted", try_the_rule)
    studio.take("jobs", "/admin/jobs")


if __name__ == "__main__":
    main()
