"""What the console reads and writes, opened once for the life of the application."""

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from callscribe.config.settings import Settings
from callscribe.console.visitor import visitor_of
from callscribe.domain.access import CallScope
from callscribe.domain.errors import SettingsError
from callscribe.events.board import CounterBoard
from callscribe.events.faults import FaultBoard
from callscribe.events.refusals import RefusalBoard
from storage.assist_cards import AssistCardStore
from storage.assist_rules import AssistRuleStore
from storage.audit import AuditLog
from storage.corrections import CorrectionStore
from storage.database import Database
from storage.erasure import ErasureStore
from storage.holds import HoldStore
from storage.hotwords import HotwordStore
from storage.job_lists import JobLists
from storage.notes import NoteStore
from storage.party_erasures import PartyErasureStore
from storage.reader import CallReader
from storage.recording_keys import RecordingKeys, open_keys
from storage.saved_searches import SavedSearchStore
from storage.scorecards import ScorecardStore
from storage.search import SearchStore
from storage.search_index import SearchIndex
from storage.trunk_traffic import TrafficReader
from storage.webhooks import WebhookStore

POOL_SIZE = 8
"""Database connections kept; requests and live pages share them."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Stores and event streams. The stores are synchronous: call them in a thread."""

    database: Database
    reader: CallReader
    job_lists: JobLists
    """Also what queues failed ones again."""
    hotwords: HotwordStore
    scorecards: ScorecardStore
    rules: AssistRuleStore
    cards: AssistCardStore
    notes: NoteStore
    holds: HoldStore
    erasures: ErasureStore
    party_erasures: PartyErasureStore
    audit: AuditLog
    search: SearchStore
    search_index: SearchIndex
    searches: SavedSearchStore
    webhooks: WebhookStore
    board: CounterBoard
    refusals: RefusalBoard
    faults: FaultBoard
    corrections: CorrectionStore
    events_url: str
    stream_length: int
    """Entries kept in each event stream."""
    traffic: TrafficReader
    settings: Settings
    """Those in force."""
    public_url: str
    """The address that people use; "": none is known."""
    recordings: Path
    """Absolute path of the folder in which every recording lies."""
    recording_keys: RecordingKeys
    scope: CallScope | None = None
    """Whose calls `reader` and `search` find, and live pages show; None: all."""
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the server is going down: streams to browsers end."""

    @classmethod
    def open(cls, settings: Settings) -> "Sources":
        """Connects when first used. Raises SettingsError when the database or the event store is not named, or the
        recordings' keys cannot be read."""
        for name, url in (("database.url", settings.database.url), ("events.url", settings.events.url)):
            if not url:
                raise SettingsError(f"{name} is empty: set it, or run `callscribe serve`, which runs its own")
        database = Database(settings.database.url, POOL_SIZE)
        erasures = ErasureStore(database, settings.recordings_folder)
        return cls(
            database=database,
            reader=CallReader(database),
            job_lists=JobLists(database),
            hotwords=HotwordStore(database),
            scorecards=ScorecardStore(database),
            rules=AssistRuleStore(database),
            cards=AssistCardStore(database),
            notes=NoteStore(database),
            holds=HoldStore(database),
            erasures=erasures,
            party_erasures=PartyErasureStore(database, erasures),
            audit=AuditLog(database),
            search=SearchStore(database),
            search_index=SearchIndex(database),
            searches=SavedSearchStore(database),
            webhooks=WebhookStore(database),
            board=CounterBoard(settings.events.url),
            refusals=RefusalBoard(settings.events.url),
            faults=FaultBoard(settings.events.url),
            corrections=CorrectionStore(database),
            events_url=settings.events.url,
            stream_length=settings.events.stream_length,
            traffic=TrafficReader(database),
            settings=settings,
            public_url=settings.web.public_url,
            recordings=settings.recordings_folder,
            recording_keys=open_keys(settings.recordings),
        )

    def seen_by(self, scope: CallScope | None) -> "Sources":
        """The same for somebody who sees these calls only; None: all."""
        if scope is None:
            return self
        reader, search = CallReader(self.database, scope), SearchStore(self.database, scope)
        return replace(self, reader=reader, search=search, scope=scope)

    async def close(self) -> None:
        self.closing.set()
        await self.board.close()
        await self.refusals.close()
        await self.faults.close()
        self.database.close()


def _of(connection: HTTPConnection) -> Sources:
    sources = connection.app.state.sources
    assert isinstance(sources, Sources)
    visitor = visitor_of(connection)
    return sources if visitor is None else sources.seen_by(visitor.calls)


SourcesOf = Annotated[Sources, Depends(_of)]
