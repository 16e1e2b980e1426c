"""Made-up calls in a database, as many as a search benchmark asks for: words as frequent as in speech, over a year."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import psycopg
from psycopg import sql
from sqlalchemy import text

from storage.engine import open_engine
from storage.lexemes import days, fact, text_vector
from storage.models import SearchTextRow
from storage.search_index import is_kept

FREQUENT = (
    "i you the to a and it that is of in for my your have on we can me so this was not do yes okay be with just are"
    " what no if at one thank know but will there get right they as about please would our like from all go up how"
    " now an or number need see account name call good well time help let here order could address today card out"
    " day date payment change email phone sorry moment check great when been then make still back has question"
    " problem bill customer refund delivery ticket hold service month week address send price cancel line"
)
"""The most frequent words of telephone calls, about in their order."""
VOCABULARY = 60_000
OFFSET = 2.7
"""Of the Zipf-Mandelbrot law: the word of rank r is said in proportion to 1 / (r + OFFSET)."""
WORDS = (2.1, 0.7)
"""Mean and deviation of the logarithm of an utterance's words: 10 on average, 2 to 40."""
UTTERANCES = (20, 60)
"""Of a call, fewest and most."""
TRUNKS = {"main": 0.5, "sales": 0.2, "support": 0.2, "claims": 0.09, "test-lab": 0.01}
LANGUAGES = {"en": 0.9, "es": 0.07, "de": 0.03}
REVISED = 0.2
"""Share of utterances with a second text, of which one word is another."""
AGENTS = 200
NEWEST = datetime(2026, 11, 1, tzinfo=UTC)
SPAN = timedelta(days=365)
RATE = 8000
CALLS_AT_ONCE = 500
ONSETS = "b c d f g h k l m n p r s t v w br cl st tr"
VOWELS = "a e i o u ea oo"

TABLES = {
    "calls": "id trunk dialect node state started_at ended_at end_reason sample_rate samples hotwords pauses",
    "parties": "id call_id address name participant_id is_caller is_callee",
    "channels": "call_id index role party_id",
    "call_measures": "call_id longest_silence_start_ms longest_silence_ms overtalk_ms agent_speech_ms"
    " customer_speech_ms interruptions channels score",
    "utterances": "id call_id channel start end text confidence engine language words",
    "revisions": "utterance_id number text confidence engine reason words by",
    "search_texts": "utterance_id number newest call_id channel said_at lexemes",
}
Rows = dict[str, list[tuple[object, ...]]]


def vocabulary() -> list[str]:
    """Real words, then made-up ones of two to four syllables; the most frequent first."""
    dice = random.Random(7)
    syllables = [onset + vowel for onset in ONSETS.split() for vowel in VOWELS.split()]
    words = dict.fromkeys(FREQUENT.split())
    while len(words) < VOCABULARY:
        words["".join(dice.choices(syllables, k=dice.choice((2, 3, 3, 4)))) + dice.choice(("", "n", "r", "s"))] = None
    return list(words)


@dataclass(frozen=True, slots=True)
class Speech:
    """Says words, each as often as its rank has it."""

    words: Sequence[str]
    many: np.random.Generator
    dice: random.Random

    def utterances(self, count: int) -> Iterator[list[str]]:
        lengths = np.clip(self.many.lognormal(*WORDS, size=count).astype(int), 2, 40)
        shares = 1 / (np.arange(len(self.words)) + OFFSET)
        bounds = np.cumsum(shares / shares.sum())
        ranks = np.minimum(np.searchsorted(bounds, self.many.random(lengths.sum())), len(self.words) - 1)
        for part in np.split(ranks, np.cumsum(lengths)[:-1]):
            yield [self.words[rank] for rank in part]


def fill(url: str, utterances: int, progress: Callable[[int], None]) -> None:
    """Put at least so many utterances into the empty database, and what a search looks at of them.

    `progress` is told how many there are.
    """
    engine = open_engine(url, pool_size=1)
    # Indexes are made of what is there: so is a restored database.
    indexes = SearchTextRow.metadata.tables["search_texts"].indexes
    for index in indexes:
        index.drop(engine)
    words = vocabulary()
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        _copy(connection, {"search_words": [(word,) for word in words if is_kept(word)]}, {"search_words": "word"})
        made = 0
        speech = Speech(words, np.random.default_rng(7), random.Random(7))
        while made < utterances:
            rows: Rows = {table: [] for table in TABLES}
            begun = NEWEST - SPAN * (1 - made / utterances)
            for number in range(CALLS_AT_ONCE):
                _add_call(rows, speech, begun + timedelta(seconds=number))
            _copy(connection, rows, TABLES)
            made += len(rows["utterances"])
            progress(made)
    with engine.begin() as server:
        server.execute(text("SET maintenance_work_mem = '512MB'"))
        for index in indexes:
            index.create(server)
    engine.dispose()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def _add_call(rows: Rows, speech: Speech, started_at: datetime) -> None:
    dice = speech.dice
    call, agent, customer = (UUID(int=dice.getrandbits(128)) for _ in range(3))
    texts = list(speech.utterances(dice.randint(*UTTERANCES)))
    trunk, language = (dice.choices(list(shares), list(shares.values()))[0] for shares in (TRUNKS, LANGUAGES))
    starts = np.cumsum(speech.many.integers(2 * RATE, 12 * RATE, len(texts))).tolist()
    samples = starts[-1] + 10 * RATE
    ended_at = started_at + timedelta(seconds=samples / RATE)
    rows["calls"].append(
        (call, trunk, "siprec", "node-1", "ended", started_at, ended_at, "bye", RATE, samples, "[]", "[]")
    )
    number = dice.randrange(AGENTS)
    rows["parties"] += [
        (agent, call, f"sip:{1000 + number}@pbx.example", f"Agent Number{number}", "", False, True),
        (customer, call, f"tel:+1555{dice.randrange(10**7):07}", "", "", True, False),
    ]
    rows["channels"] += [(call, 0, "customer", customer), (call, 1, "agent", agent)]
    score = dice.uniform(0, 100) if dice.random() < 0.8 else None
    rows["call_measures"].append((call, 0, dice.randrange(30_000), dice.randrange(20_000), 1, 1, 0, "[]", score))
    for start, said in zip(starts, texts, strict=True):
        channel = dice.randrange(2)
        at = started_at + timedelta(seconds=start / RATE)
        known = (*days(at.date()), fact("trunk", trunk), fact("language", language))
        utterance = UUID(int=dice.getrandbits(128))
        rows["utterances"].append(
            (utterance, call, channel, start, start + RATE, " ".join(said), 0.9, "made", language, "[]")
        )
        versions = [said, [speech.words[dice.randrange(1000)], *said[1:]]][: 1 + (dice.random() < REVISED)]
        if len(versions) > 1:
            rows["revisions"].append((utterance, 1, " ".join(versions[1]), 0.9, "made", "person", "[]", "Ann"))
        rows["search_texts"] += [
            (utterance, version, version == len(versions) - 1, call, channel, at, text_vector([form], known))
            for version, form in enumerate(versions)
        ]


def _copy(connection: psycopg.Connection, rows: Rows, tables: dict[str, str]) -> None:
    for table, columns in tables.items():
        names = sql.SQL(", ").join(map(sql.Identifier, columns.split()))
        order = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
        with connection.cursor() as cursor, cursor.copy(order) as copy:
            for row in rows[table]:
                copy.write_row(row)
