"""Measures how long a search takes among many utterances, while calls are being written.

Prints a table and writes build/bench/search.json; of another number than a million, search-NUMBER.json.
"""

import argparse
import json
import multiprocessing
import os
import random
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from multiprocessing.synchronize import Event
from pathlib import Path
from uuid import uuid4

import numpy as np
import psycopg
from rich.console import Console
from rich.progress import Progress, TaskID
from sqlalchemy import text

from benchmarks.report import Figures, machine, print_tables
from benchmarks.search_material import NEWEST, RATE, Speech, fill, vocabulary
from callscribe.domain.call import Call, CallEnd, Channel, Dialect, Party, Role
from callscribe.domain.search import AllOf, AnyOf, Near, Not, Phrase, SearchFilter, Term, Word
from callscribe.domain.transcript import Final
from storage import schema
from storage.calls import CallStore
from storage.database import Database
from storage.embedded import EmbeddedPostgres
from storage.found_calls import found_calls
from storage.hits import SearchOrder
from storage.search import SearchStore
from storage.search_index import WAITING, SearchIndex

RESULTS = Path("build/bench")
USUAL = 1_000_000
"""Utterances."""
SEARCHES = 60
"""Of each kind."""
WRITTEN_PER_S = 20
"""Utterances that are written and indexed meanwhile: those of a hundred calls at once."""
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
ANYTHING = SearchFilter()


@dataclass(frozen=True, slots=True)
class Asked:
    """A search."""

    term: Term | None
    conditions: SearchFilter = ANYTHING
    order: SearchOrder = SearchOrder.TIME


class Questions:
    """Makes searches of each kind, of words and utterances that are there."""

    def __init__(self, url: str, dice: random.Random) -> None:
        self._dice = dice
        self._words = vocabulary()
        self._ranks = {word: rank for rank, word in enumerate(self._words)}
        with psycopg.connect(url) as connection:
            some = "SELECT text FROM utterances TABLESAMPLE SYSTEM_ROWS(2000)"
            connection.execute("CREATE EXTENSION IF NOT EXISTS tsm_system_rows")
            first = "SELECT text FROM utterances WHERE call_id IN (SELECT id FROM calls ORDER BY started_at LIMIT 50)"
            self._early = [row[0].split() for row in connection.execute(first)]
            self._said = [row[0].split() for row in connection.execute(some) if len(row[0].split()) >= 6]

    def kinds(self) -> dict[str, Callable[[], Asked]]:
        return {
            "common word": lambda: Asked(self._word(0, 50)),
            "word": lambda: Asked(self._word(100, 5000)),
            "rare word": lambda: Asked(self._word(20_000, 60_000)),
            "unknown word": lambda: Asked(Word("zzz" + self._word(0, 60_000).text)),
            "long ago": lambda: Asked(self._early_word()),
            "phrase of 2": lambda: Asked(self._phrase(2)),
            "phrase of 3": lambda: Asked(self._phrase(3)),
            "near": lambda: Asked(self._near()),
            "fuzzy": lambda: Asked(self._fuzzy()),
            "near, fuzzy": lambda: Asked(Near(self._fuzzy(), self._word(0, 300), 50)),
            "prefix of 1": lambda: Asked(Word(self._long_word()[:1], prefix=True)),
            "prefix of 3": lambda: Asked(Word(self._long_word()[:3], prefix=True)),
            "prefix of 5": lambda: Asked(Word(self._long_word()[:5], prefix=True)),
            "or, not": self._either,
            "trunk, role, month": self._filtered,
            "trunk alone": lambda: Asked(None, SearchFilter(trunks=(self._dice.choice(("main", "test-lab")),))),
            "role alone": lambda: Asked(None, SearchFilter(roles=(Role.AGENT,))),
            "party": lambda: Asked(self._word(0, 300), SearchFilter(party=f"+1555{self._dice.randrange(1000):03}")),
            "score": lambda: Asked(self._word(0, 300), SearchFilter(score_below=self._dice.choice((0.1, 5, 50)))),
            "older texts": lambda: Asked(self._word(0, 5000), SearchFilter(older=True)),
            "ranked": lambda: Asked(self._word(0, 5000), order=SearchOrder.RANK),
        }

    def _word(self, first: int, last: int) -> Word:
        return Word(self._words[self._dice.randrange(first, last)])

    def _early_word(self) -> Word:
        """The rarest word of an utterance of the oldest calls."""
        return Word(max(self._dice.choice(self._early), key=lambda word: self._ranks.get(word, -1)))

    def _long_word(self) -> str:
        return self._dice.choice([word for word in self._words[:20_000] if len(word) >= 6])

    def _stretch(self, length: int) -> tuple[Word, ...]:
        said = self._dice.choice(self._said)
        begin = self._dice.randrange(len(said) - length + 1)
        return tuple(map(Word, said[begin : begin + length]))

    def _phrase(self, length: int) -> Phrase:
        return Phrase(self._stretch(length))

    def _near(self) -> Near:
        words = self._stretch(5)
        return Near(words[4], words[0], 8)

    def _fuzzy(self) -> Word:
        letters = list(self._long_word())
        letters[self._dice.randrange(len(letters))] = self._dice.choice("aeiourst")
        return Word("".join(letters), fuzzy=True)

    def _either(self) -> Asked:
        either = AnyOf((self._word(0, 1000), self._word(1000, 20_000)))
        return Asked(AllOf((either, Not(self._word(0, 100)))))

    def _filtered(self) -> Asked:
        until = NEWEST - timedelta(days=self._dice.randrange(300))
        trunks = (self._dice.choice(("main", "claims", "test-lab")),)
        return Asked(
            self._word(0, 5000),
            SearchFilter(roles=(Role.AGENT,), trunks=trunks, since=until - timedelta(days=30), until=until),
        )


def measure(folder: Path, utterances: int, console: Console) -> Figures:
    """Search the folder's database while calls are written, and tell how long that took. Fills it where it is new.

    Before, as many searches of each kind are made for other words: memory is as of a server that is in use.
    """
    folder.chmod(0o755)
    server = EmbeddedPostgres(folder / "postgres")
    try:
        url = server.start()
        schema.upgrade(url)
        _make(folder, url, utterances, console)
        _forget_written(url)
        questions = Questions(url, random.Random(7))
        for make in Questions(url, random.Random(6)).kinds().values():
            _ask(url, make)
        return _measure(url, utterances, questions)
    finally:
        server.stop()


def _make(folder: Path, url: str, utterances: int, console: Console) -> None:
    """Fill the database, or leave it where it was filled before. Ends the program where it holds another number."""
    made = folder / "utterances"
    if made.exists():
        if int(made.read_text()) != utterances:
            raise SystemExit(f"{folder} holds {int(made.read_text())} utterances; remove it, or ask for as many")
        return
    began = time.monotonic()
    with Progress(console=console) as progress:
        task = progress.add_task("making calls", total=utterances)
        fill(url, utterances, partial(_advance, progress, task))
    made.write_text(f"{utterances}\n")
    console.print(f"made in {time.monotonic() - began:.0f} s")


def _forget_written(url: str) -> None:
    """Remove what an earlier run wrote: all of it was said at one time, as in no year of calls."""
    with psycopg.connect(url, autocommit=True) as connection:
        if connection.execute("DELETE FROM calls WHERE started_at >= %s", (NEWEST,)).rowcount:
            connection.execute("DELETE FROM search_queue")
            connection.execute("VACUUM ANALYZE")


def _measure(url: str, utterances: int, questions: Questions) -> Figures:
    loads = [os.getloadavg()[0]]
    with _calls_written(url):
        kinds = {name: _ask(url, make) for name, make in questions.kinds().items()}
    loads.append(os.getloadavg()[0])
    return {
        "utterances": utterances,
        "machine": machine(),
        "load": [round(load, 1) for load in loads],
        "written_per_s": WRITTEN_PER_S,
        "searches_of_a_kind": SEARCHES,
        "p95_ms": {name: kind["p95_ms"] for name, kind in kinds.items()},
        "kinds": kinds,
        **_sizes(url),
    }


def _advance(progress: Progress, task: TaskID, made: int) -> None:
    progress.update(task, completed=made)


def _ask(url: str, make: Callable[[], Asked]) -> dict[str, float]:
    """Times of a kind of search in ms: of the first, the median, the 95th percentile, and CPU time of both sides.
    Unhindered: less the time in which the searching process or its server's was ready, but others had the cores.

    A search does what the search page asks the API for: it finds, reads the calls, counts, and asks what waits.
    """
    with closing(Database(url, pool_size=1)) as database:
        with database.transaction() as session:
            backend = session.scalar(text("SELECT pg_backend_pid()"))
        store, index = SearchStore(database), SearchIndex(database)
        took, unhindered, found, cpu_s, own_s = [], [], 0, _cpu_s(backend), time.process_time()
        for asked in (make() for _ in range(SEARCHES)):
            waited, began = _waited_ms(backend), time.perf_counter()
            page = store.first_page(asked.term, asked.conditions, asked.order)
            found_calls(database, {hit.call_id for hit in page.hits})
            index.waiting(WAITING)
            took.append((time.perf_counter() - began) * 1000)
            unhindered.append(took[-1] - (_waited_ms(backend) - waited))
            found += len(page.hits)
        cpu_s, own_s = _cpu_s(backend) - cpu_s, time.process_time() - own_s
    return {
        "first_ms": round(took[0], 1),
        "p50_ms": _percentile(took, 50),
        "p95_ms": _percentile(took, 95),
        "worst_ms": round(max(took), 1),
        "unhindered_p50_ms": _percentile(unhindered, 50),
        "unhindered_p95_ms": _percentile(unhindered, 95),
        "server_cpu_ms": round(cpu_s / SEARCHES * 1000, 1),
        "client_cpu_ms": round(own_s / SEARCHES * 1000, 1),
        "hits": round(found / SEARCHES, 1),
    }


def _percentile(times: Sequence[float], share: float) -> float:
    return round(float(np.percentile(times, share)), 1)


def _cpu_s(process: int) -> float:
    """proc_pid_stat(5): utime and stime."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S


def _waited_ms(backend: int) -> float:
    """For how long this process and the server's have waited for a core (proc/PID/schedstat, its second field)."""
    waits = (Path(f"/proc/{process}/schedstat").read_text().split()[1] for process in ("self", backend))
    return sum(map(int, waits)) / 1e6


def _sizes(url: str) -> dict[str, int]:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT pg_relation_size('ix_search_texts_lexemes'), pg_indexes_size('search_texts'),"
            " pg_total_relation_size('search_texts'), pg_total_relation_size('search_words'),"
            " pg_database_size(current_database())"
        ).fetchone()
    assert row is not None
    names = ("lexemes_mb", "index_mb", "texts_mb", "words_mb", "database_mb")
    return {name: round(size / 2**20) for name, size in zip(names, row, strict=True)}


@contextmanager
def _calls_written(url: str) -> Iterator[None]:
    """Another process writes calls and indexes them meanwhile."""
    spawning = multiprocessing.get_context("spawn")
    stop = spawning.Event()
    writer = spawning.Process(target=_write_calls, args=(url, stop), daemon=True)
    writer.start()
    try:
        yield
    finally:
        stop.set()
        writer.join()


def _write_calls(url: str, stop: Event) -> None:
    """WRITTEN_PER_S utterances a second, of calls that end after 40 of them."""
    speech = Speech(vocabulary(), np.random.default_rng(8), random.Random(8))
    with closing(Database(url)) as database:
        calls, index = CallStore(database), SearchIndex(database)
        going: deque[tuple[Call, int]] = deque()
        while not stop.is_set():
            began = time.monotonic()
            for said in speech.utterances(WRITTEN_PER_S):
                if len(going) < 5 * WRITTEN_PER_S:
                    going.append((_begun(calls), 0))
                call, place = going.popleft()
                start = place * 5 * RATE
                calls.save_final(call.id, Final(place % 2, start, start + RATE, " ".join(said), 0.9, "made"))
                if place < 40:
                    going.append((call, place + 1))
                else:
                    calls.end_call(call.id, CallEnd(call.started_at + timedelta(minutes=4), 240 * RATE, "bye"), None)
            index.catch_up()
            stop.wait(max(0.0, 1.0 - (time.monotonic() - began)))


def _begun(calls: CallStore) -> Call:
    agent, customer = Party("sip:1001@pbx.example", "Agent Number1"), Party("tel:+15550100")
    call = Call(
        id=uuid4(),
        trunk="main",
        dialect=Dialect.SIPREC,
        started_at=NEWEST,
        sample_rate=RATE,
        channels=(Channel(0, "", Role.CUSTOMER, customer), Channel(1, "", Role.AGENT, agent)),
        caller=customer,
        callee=agent,
    )
    calls.save_call(call, "node-1")
    return call


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--utterances", type=int, default=USUAL)
    asked.add_argument("--folder", type=Path, help="where the database is made (15 GB for five million)")
    asked.add_argument("--keep", type=Path, help="folder of a database that is made once, kept, and measured again")
    wanted = asked.parse_args()
    console = Console()
    if wanted.keep is None:
        with tempfile.TemporaryDirectory(prefix="callscribe-bench-", dir=wanted.folder) as folder:
            figures = measure(Path(folder), wanted.utterances, console)
    else:
        wanted.keep.mkdir(parents=True, exist_ok=True)
        figures = measure(wanted.keep, wanted.utterances, console)
    RESULTS.mkdir(parents=True, exist_ok=True)
    name = "search" if wanted.utterances == USUAL else f"search-{wanted.utterances}"
    (RESULTS / f"{name}.json").write_text(json.dumps(figures, indent=1) + "\n")
    print_tables({"search": figures}, console)


if __name__ == "__main__":
    main()
