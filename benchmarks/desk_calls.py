"""Calls that speak for the benchmark of the pages: partials, finals and cards at real rates, into Valkey."""

import asyncio
import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Event as Flag
from uuid import uuid4

from callscribe.domain.assist import AssistCard, Severity
from callscribe.domain.call import Call, Channel, Dialect, OutsideIds, Party, Role
from callscribe.domain.transcript import Final, Partial, Word
from callscribe.events.publisher import EventPublisher
from callscribe.events.schema import CallStarted, CardGiven, UtteranceFinal, UtterancePartial
from callscribe.events.settings import EventSettings

RATE = 8000
SPEECH_SHARE = 0.45
"""Of each direction."""
UTTERANCE_S = 3.2
"""On average."""
PARTIAL_S = 0.5
WORDS_PER_S = 2.5
CARDS_PER_S = 1 / 60
"""Of one call."""
TURN_S = 0.05
WORDS = (
    "hello", "yes", "no", "thank", "you", "boiler", "contract", "refund", "card", "number", "street", "please", "now",
    "invoice", "payment", "Monday", "repair", "customer", "service", "window", "heating", "letter", "account", "cancel",
)  # fmt: skip
SEVERITIES = (Severity.INFO, Severity.INFO, Severity.INFO, Severity.WARNING, Severity.WARNING, Severity.CRITICAL)


def stamp() -> str:
    """A word that says when it was published, for whoever reads it: milliseconds since 1970."""
    return f"t{time.time_ns() // 1_000_000}"


def make_calls(count: int) -> list[Call]:
    """Calls that have gone on for a while, of five trunks."""
    agent = Party("sip:1042@pbx.example.com", "Anna Weber")
    calls = []
    for number in range(count):
        caller = Party(f"sip:+4930{number:07}@carrier.example.com", f"Customer {number:04}")
        channels = (Channel(0, "1", Role.AGENT, agent, "PCMU"), Channel(1, "2", Role.CUSTOMER, caller, "PCMU"))
        calls.append(
            Call(
                id=uuid4(),
                trunk=f"trunk-{number % 5}",
                dialect=Dialect.SIPREC,
                started_at=datetime.now(UTC) - timedelta(seconds=number % 600),
                sample_rate=RATE,
                channels=channels,
                caller=caller,
                callee=agent,
                outside_ids=OutsideIds(f"{uuid4()}@sbc", "", "", ()),
                quirks=(),
            )
        )
    return calls


@dataclass(slots=True)
class Direction:
    """One party of a call: speaks, is silent, speaks. Times are those of a monotonic clock, in seconds."""

    call: Call
    channel: int
    dice: random.Random
    speaking: bool = False
    since: float = 0.0
    until: float = 0.0
    partial_at: float = 0.0
    revision: int = 0
    words: list[str] = field(default_factory=list)

    def begin(self, now: float) -> None:
        """Silent for a moment of its own."""
        self.until = now + self.dice.random() * 2 * UTTERANCE_S / SPEECH_SHARE

    def turn(self, now: float) -> UtterancePartial | UtteranceFinal | None:
        """What is told now, if anything."""
        if now >= self.until:
            if self.speaking:
                told = self._final()
                self.speaking = False
                self.until = now + self.dice.expovariate(1 / (UTTERANCE_S * (1 / SPEECH_SHARE - 1)))
                return told
            self.speaking, self.since, self.words = True, now, []
            self.until = now + max(0.6, self.dice.expovariate(1 / UTTERANCE_S))
            self.partial_at = now + self.dice.uniform(0.25, PARTIAL_S)
        if self.speaking and now >= self.partial_at:
            self.partial_at += PARTIAL_S
            return self._partial(now)
        return None

    def _start(self) -> int:
        """Samples from the start of the call."""
        began = (time.time() - (time.monotonic() - self.since)) - self.call.started_at.timestamp()
        return int(began * 10) * (RATE // 10)

    def _partial(self, now: float) -> UtterancePartial:
        while len(self.words) < (now - self.since) * WORDS_PER_S:
            self.words.append(self.dice.choice(WORDS))
        self.revision += 1
        start = self._start()
        end = start + int((now - self.since) * RATE)
        committed, tentative = " ".join(self.words[:-2]), " ".join([*self.words[-2:], stamp()])
        said = Partial(self.channel, start, end, committed, tentative, self.revision)
        return UtterancePartial.of(self.call, said, datetime.now(UTC))

    def _final(self) -> UtteranceFinal:
        start, texts = self._start(), [*self.words, stamp()]
        step = RATE * 2 // 5
        words = tuple(
            Word(text, start + place * step, start + place * step + step // 2, 0.9) for place, text in enumerate(texts)
        )
        end = start + max(int((self.until - self.since) * RATE), len(texts) * step)
        final = Final(self.channel, start, end, " ".join(texts), 0.9, "moonshine", words=words)
        return UtteranceFinal.of(self.call, final, datetime.now(UTC))


def speak(events: EventSettings, calls: list[Call], begun: Flag, stop: Flag) -> None:
    """Let the calls speak, tell that they have begun, and end when told to; for a process of its own."""
    asyncio.run(_speak(events, calls, begun, stop))


async def _speak(events: EventSettings, calls: list[Call], begun: Flag, stop: Flag) -> None:
    publisher, dice = EventPublisher(events.url, events.stream_length), random.Random(7)
    await publisher.start()
    for call in calls:
        publisher.publish(CallStarted.of(call, call.started_at))
        await asyncio.sleep(0.002)
    begun.set()
    directions = [Direction(call, channel, dice) for call in calls for channel in (0, 1)]
    turns = int(1 / TURN_S)
    # A part of the calls at a time, so that their events are spread as those of real calls are.
    portions = [directions[first::turns] for first in range(turns)]
    now = time.monotonic()
    for direction in directions:
        direction.begin(now)
    while not stop.is_set():
        for portion in portions:
            for direction in portion:
                told = direction.turn(time.monotonic())
                while told is not None:
                    publisher.publish(told)
                    told = direction.turn(time.monotonic())
                if dice.random() < CARDS_PER_S * TURN_S / 2:
                    publisher.publish(_card(direction.call, dice))
            now += TURN_S / turns
            await asyncio.sleep(max(0.0, now - time.monotonic()))
    await publisher.stop()


def _card(call: Call, dice: random.Random) -> CardGiven:
    heard = int((time.time() - call.started_at.timestamp()) * RATE)
    card = AssistCard(
        id=uuid4(), rule="made", version=1, title="Offer the loyalty price", text="", link="",
        severity=dice.choice(SEVERITIES), start=heard, heard=heard,
    )  # fmt: skip
    return CardGiven.of(call, card, datetime.now(UTC))
