"""All calls that go on, as their events tell of them: what a supervisor sees of each in a line. Pure."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from callscribe.console.floor_models import AlertsAnswer, FloorCardAnswer, FloorRowAnswer, LineAnswer
from callscribe.console.models import LiveCallAnswer
from callscribe.console.spans import Spans
from callscribe.domain.access import CallScope
from callscribe.domain.assist import Severity
from callscribe.domain.call import Role
from callscribe.events.parts import EventPause
from callscribe.events.schema import (
    CallCorrected,
    CallEnded,
    CallErased,
    CallPaused,
    CallResumed,
    CallStarted,
    CallUpdated,
    CardGiven,
    Described,
    Event,
    UtteranceFinal,
    UtterancePartial,
)

LINE_CHARACTERS = 200
ENDED_KEPT = 10_000
"""Ended calls of which is remembered who took part: who saw them is told when they are erased."""


@dataclass(slots=True)
class Standing:
    """A call that goes on."""

    call: LiveCallAnswer
    addresses: set[str] = field(default_factory=set)
    """Of everyone who was ever named on it."""
    said: dict[int, Spans] = field(default_factory=dict)
    """By channel."""
    filled: Spans = field(default_factory=Spans)
    """Where anybody spoke, or nothing was kept."""
    open: dict[int, UtterancePartial] = field(default_factory=dict)
    line: UtteranceFinal | UtterancePartial | None = None
    pauses: dict[tuple[int, int], EventPause] = field(default_factory=dict)
    cards: dict[UUID, Severity] = field(default_factory=dict)
    newest_card: CardGiven | None = None

    def seen_in(self, scope: CallScope | None) -> bool:
        """Whether somebody of this scope sees the call; None sees all."""
        return scope is None or scope.sees(self.call.trunk, self.addresses)

    def speak(self, channel: int, start_ms: int, end_ms: int) -> None:
        """Somebody spoke on a channel."""
        self.said.setdefault(channel, Spans()).add(start_ms, end_ms)
        self.filled.add(start_ms, end_ms)

    def pause(self, pause: EventPause) -> None:
        """A pause has begun, or has an end now. Nobody could be heard in it: it is no silence."""
        self.pauses[pause.channel, pause.start_ms] = pause
        if pause.end_ms is not None:
            self.filled.add(pause.start_ms, pause.end_ms)

    def give(self, card: CardGiven) -> bool:
        """A card came; False for one that is there."""
        if card.card_id in self.cards:
            return False
        self.cards[card.card_id] = card.severity
        self.newest_card = card
        return True

    def row(self) -> FloorRowAnswer:
        """How the call stands."""
        near = sum(self.said[channel].length_ms for channel in self.said if self._is_near(channel))
        whole = sum(spans.length_ms for spans in self.said.values())
        return FloorRowAnswer(
            id=self.call.id,
            agent_ms=near,
            customer_ms=whole - near,
            silence_ms=self.filled.longest_gap_ms,
            until_ms=self.filled.until_ms,
            speaking=sorted(self.open),
            paused=any(pause.end_ms is None for pause in self.pauses.values()),
            alerts=self._alerts(),
            line=self._line(),
        )

    def _is_near(self, channel: int) -> bool:
        role = next((each.role for each in self.call.channels if each.index == channel), Role.UNKNOWN)
        return role is Role.AGENT or (role is Role.UNKNOWN and channel % 2 == 0)

    def _alerts(self) -> AlertsAnswer:
        counts, card = Counter(self.cards.values()), self.newest_card
        newest = None
        if card is not None:
            newest = FloorCardAnswer(id=card.card_id, severity=card.severity, title=card.title, start_ms=card.start_ms)
        return AlertsAnswer(**{severity.value: counts[severity] for severity in Severity}, newest=newest)

    def _line(self) -> LineAnswer | None:
        said = self.line
        if said is None:
            return None
        return LineAnswer(
            channel=said.channel,
            role=said.role,
            party=said.party,
            text=said.text[-LINE_CHARACTERS:],
            start_ms=said.start_ms,
            final=isinstance(said, UtteranceFinal),
        )


class FloorBoard:
    """The calls that go on, and which of them changed since it was asked."""

    def __init__(self) -> None:
        self._calls: dict[UUID, Standing] = {}
        self._ended: dict[UUID, Standing] = {}
        self.described: set[UUID] = set()
        """Calls that came, or of which something else is known."""
        self.changed: set[UUID] = set()
        """Calls whose rows are others."""
        self.gone: dict[UUID, tuple[Standing | None, bool]] = {}
        """Calls that ended, and with True those that were erased. None: nothing is known of who took part."""

    @property
    def calls(self) -> Mapping[UUID, Standing]:
        return self._calls

    def put(self, standing: Standing) -> None:
        """A call that goes on, as the database has it."""
        self._calls[standing.call.id] = standing
        self._mark(standing.call.id, described=True)

    def end(self, call_ids: Collection[UUID]) -> None:
        """These are over, whatever was told of them."""
        for call_id in call_ids:
            self._leave(call_id, erased=False)

    def take(self, event: Event) -> None:
        """Take the next event; one that came before changes nothing."""
        if isinstance(event, CallStarted | CallUpdated | CallCorrected):
            self._describe(event)
            return
        if isinstance(event, CallEnded | CallErased):
            self._leave(event.call_id, erased=isinstance(event, CallErased))
            return
        standing = self._calls.get(event.call_id)
        if standing is not None and _told(standing, event):
            self._mark(event.call_id)

    def forget_changes(self) -> None:
        """What changed was told."""
        self.described.clear()
        self.changed.clear()
        self.gone.clear()

    def _describe(self, event: Described) -> None:
        if event.call_id in self._ended:
            return
        call = LiveCallAnswer.of_event(event)
        standing = self._calls.setdefault(event.call_id, Standing(call))
        standing.call = call
        standing.addresses.update(_addresses(call))
        self._mark(event.call_id, described=True)

    def _leave(self, call_id: UUID, *, erased: bool) -> None:
        standing = self._calls.pop(call_id, None) or self._ended.get(call_id)
        if standing is not None and not erased:
            self._ended[call_id] = Standing(standing.call, standing.addresses)
            if len(self._ended) > ENDED_KEPT:
                del self._ended[next(iter(self._ended))]
        if erased:
            self._ended.pop(call_id, None)
        if standing is not None or erased:
            self.gone[call_id] = standing, erased
        self.changed.discard(call_id)
        self.described.discard(call_id)

    def _mark(self, call_id: UUID, *, described: bool = False) -> None:
        self.changed.add(call_id)
        if described:
            self.described.add(call_id)


def _addresses(call: LiveCallAnswer) -> Iterator[str]:
    yield call.caller.address
    yield call.callee.address
    yield from (channel.party.address for channel in call.channels if channel.party)


def _told(standing: Standing, event: Event) -> bool:
    """Take in what an event tells of the call; whether it tells anything that the floor shows."""
    match event:
        case UtterancePartial():
            standing.speak(event.channel, event.start_ms, event.end_ms)
            standing.open[event.channel] = standing.line = event
        case UtteranceFinal():
            standing.speak(event.channel, event.start_ms, event.end_ms)
            partial = standing.open.get(event.channel)
            if partial is not None and partial.start_ms <= event.start_ms:
                del standing.open[event.channel]
            if standing.line is None or event.start_ms >= standing.line.start_ms:
                standing.line = event
        case CallPaused() | CallResumed():
            for pause in event.pauses:
                standing.pause(pause)
        case CardGiven():
            return standing.give(event)
        case _:
            return False
    return True
