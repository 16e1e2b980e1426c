"""Assist rules on running calls: what rules there are, and what becomes of the cards that they give."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import structlog

from callscribe.domain.assist import AssistCard
from callscribe.domain.call import Call
from callscribe.domain.errors import StorageError
from callscribe.domain.transcript import Final, Partial
from callscribe.events.assist import CardGiven
from callscribe.events.schema import Event
from callscribe.live.journal import CardSaved, Entry
from callscribe.live.trunks import TrunkBook
from callscribe.text.assist import CallAssist
from callscribe.text.assist_rules import NamedRule
from callscribe.text.rule_set import RuleSet

log = structlog.get_logger()

REFRESH_S = 1.0
"""As that of hotword lists (callscribe.live.hotwords)."""
STALLED_S = 2.0
"""A channel of which nothing has come for so long is held, or gone: nobody waits for what is said there."""


class RuleStore(Protocol):
    """Where rules are kept. Both raise StorageError."""

    def newest(self) -> Mapping[str, int]:
        """The version of each rule, removed ones too."""

    def all(self) -> tuple[NamedRule, ...]:
        """Those that there are."""


class RuleBook:
    """The rules of all calls, as they stand now."""

    def __init__(self, store: RuleStore, trunks: TrunkBook) -> None:
        self._store = store
        self._trunks = trunks
        self._known: Mapping[str, int] = {}
        self.rules = RuleSet.of(())
        self.failures = 0
        """Times that they could not be held against what was said."""

    def language_of(self, call: Call) -> str:
        """BCP 47 tag, or UNKNOWN."""
        return self._trunks.language_of(call)

    async def refresh(self) -> None:
        """Read the rules again where one has changed. While the database is away, what was known stands."""
        try:
            newest = await asyncio.to_thread(self._store.newest)
            if newest != self._known:
                self.rules = await asyncio.to_thread(lambda: RuleSet.of(self._store.all()))
                self._known = newest
        except (StorageError, ValueError) as error:
            log.warning("assist_rules_not_read", reason=type(error).__name__)

    async def keep_fresh(self) -> None:
        """Refresh until cancelled."""
        while True:
            await asyncio.sleep(REFRESH_S)
            await self.refresh()


class AssistPorts(Protocol):
    """What cards need of the node."""

    @property
    def rules(self) -> RuleBook: ...

    def publish(self, event: Event) -> None: ...
    def append(self, entry: Entry) -> asyncio.Future[None]: ...
    def now(self) -> datetime: ...
    def clock(self) -> float: ...


class Assistant:
    """Gives the cards of one call: to subscribers at once, to the journal beside that."""

    def __init__(self, call: Call, ports: AssistPorts) -> None:
        self._ports = ports
        self._assist = CallAssist(call, ports.rules.language_of(call))
        self._heard: dict[int, int] = {}
        """By channel: sample up to which audio has come."""
        self._understood: dict[int, int] = {}
        """By channel: sample up to which all was told that was said."""
        self._broken = False
        """Whether rules broke on this call, which is logged once."""

    def describe(self, call: Call) -> None:
        """What is known of the call now."""
        self._assist.call = call

    def partial(self, partial: Partial, began: float) -> None:
        """As it was published. `began`: the clock when it came from the recogniser."""
        self._hold(lambda: self._assist.partial(partial, self._ports.rules.rules), began)

    def final(self, final: Final, began: float) -> None:
        """As it was published; `began` as above."""
        self._hold(lambda: self._assist.final(final, self._ports.rules.rules), began)

    def audio(self, channel: int, end: int) -> None:
        """Audio has come up to this sample."""
        self._heard[channel] = max(end, self._heard.get(channel, 0))

    def understood(self, channel: int, offset: int) -> None:
        """All is told that was said on the channel before this sample."""
        self._understood[channel] = max(offset, self._understood.get(channel, 0))
        newest = max(self._heard.values(), default=0)
        stalled = newest - int(STALLED_S * self._assist.call.sample_rate)
        offsets = [
            self._understood.get(each, 0) if heard > stalled else max(stalled, self._understood.get(each, 0))
            for each, heard in self._heard.items()
        ]
        least = min(offsets, default=0)
        self._hold(lambda: self._assist.understood(least, self._ports.rules.rules), self._ports.clock())

    def _hold(self, rules: Callable[[], Sequence[AssistCard]], began: float) -> None:
        """What was said stands beside what rules make of it: should they break, only their cards are missed."""
        try:
            cards = rules()
        except Exception as error:
            if not self._broken:
                log.error(
                    "assist_failed", call_id=str(self._assist.call.id), error=type(error).__name__, exc_info=error
                )
            self._broken = True
            self._ports.rules.failures += 1
            return
        self._give(cards, began)

    def _give(self, cards: Sequence[AssistCard], began: float) -> None:
        call = self._assist.call
        for card in cards:
            self._ports.publish(CardGiven.of(call, card, self._ports.now()))
            self._ports.append(CardSaved(call.id, card))
            delay_ms = round((self._ports.clock() - began) * 1000, 1)
            log.info("assist_card", call_id=str(call.id), rule=card.rule, version=card.version, delay_ms=delay_ms)
