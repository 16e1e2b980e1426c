"""A subscriber of a call as a browser is one: it connects again after each loss, from the last event it has."""

import contextlib
import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

from tests.acceptance.service import Json

AGAIN_S = 0.5
SILENCE_S = 25.0
"""A connection without even a ping for so long is dead."""
LOST = (OSError, http.client.HTTPException, ValueError)


class Listener:
    """Follows a call's Server-Sent Events to their end, in a thread."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._mark = ""
        self._stop = threading.Event()
        self.finals: list[Json] = []
        """Every `utterance.final`, in the order they came."""
        self.over = threading.Event()
        """The service has said that nothing follows."""
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def _follow(self) -> None:
        while not self._stop.is_set() and not self.over.is_set():
            # A service that is down, or that does not know the call yet.
            with contextlib.suppress(*LOST):
                self._read()
            time.sleep(AGAIN_S)

    def _read(self) -> None:
        request = urllib.request.Request(self._url, headers={"Last-Event-ID": self._mark} if self._mark else {})
        try:
            with urllib.request.urlopen(request, timeout=SILENCE_S) as stream:
                for event in _events(stream):
                    self._take(event)
                    if self._stop.is_set() or self.over.is_set():
                        return
        except urllib.error.HTTPError as refused:
            refused.close()
            if refused.code == http.HTTPStatus.NO_CONTENT:
                self.over.set()

    def _take(self, event: dict[str, str]) -> None:
        self._mark = event.get("id", self._mark)
        if event.get("event") == "utterance.final":
            self.finals.append(json.loads(event["data"]))
        elif event.get("event") == "end":
            self.over.set()


def _events(stream: http.client.HTTPResponse) -> Iterator[dict[str, str]]:
    """Each event's fields; the last of a broken stream is dropped as the standard says (WHATWG HTML, section 9.2)."""
    fields: dict[str, str] = {}
    for line in stream:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name:
            fields[name] = value
        else:
            yield fields
            fields = {}
