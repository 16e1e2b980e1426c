"""Who read what, in the audit log."""

import threading
import time
from collections import OrderedDict

from starlette.requests import HTTPConnection

from callscribe.console.visitor import visitor_of
from storage.audit import write_audit
from storage.database import Database

AGAIN_S = 3600.0
"""Who reads the same again within so long is not noted again: the log grows with people and calls, not with clicks."""
REMEMBERED = 50_000


class ReadLog:
    """Notes reads. Safe to use from several threads. Raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._noted: OrderedDict[tuple[str, str, str], float] = OrderedDict()

    def note(self, by: str, action: str, subject: str, token: str = "", *, every_time: bool = False) -> None:
        """Note that somebody reads something now; `token`: with which API token."""
        key = (f"{by} {token}", action, subject)
        if not every_time and self._is_noted(key):
            return
        _write(self._database, by, action, subject, token)
        with self._lock:
            self._noted[key] = time.monotonic()
            self._noted.move_to_end(key)
            while len(self._noted) > REMEMBERED:
                self._noted.popitem(last=False)

    def _is_noted(self, key: tuple[str, str, str]) -> bool:
        with self._lock:
            return time.monotonic() - self._noted.get(key, float("-inf")) < AGAIN_S


def note_read(connection: HTTPConnection, database: Database, action: str, subject: str) -> None:
    """Note what only the route knows that it reads; nothing where nobody signs in. Raises DatabaseUnavailable."""
    if visitor := visitor_of(connection):
        _write(database, visitor.name, action, subject, visitor.principal.token)


def _write(database: Database, by: str, action: str, subject: str, token: str) -> None:
    detail = {"token": token} if token else {}
    with database.transaction() as session:
        write_audit(session, action=action, subject=subject, by=by, detail=detail)
