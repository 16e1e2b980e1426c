"""Reading event streams as a browser does."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True, slots=True)
class Heard:
    """One event of a stream."""

    type: str
    id: str
    event: dict[str, Any]


@contextmanager
def listening(client: httpx.Client, path: str, last_event_id: str = "") -> Iterator[Iterator[Heard]]:
    """The events of a stream, as they come."""
    headers = {"last-event-id": last_event_id} if last_event_id else {}
    with client.stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield frames(answer.iter_lines())


def frames(lines: Iterator[str]) -> Iterator[Heard]:
    """Lines of an event stream as events; comments are left out."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "data" in fields:
            yield Heard(fields["event"], fields.get("id", ""), json.loads(fields["data"]))
            fields = {}
        else:
            fields = {}


def take_until(heard: Iterator[Heard], kind: str) -> list[Heard]:
    """Everything up to the first event of this type, that one included."""
    found = []
    for each in heard:
        found.append(each)
        if each.type == kind:
            return found
    raise AssertionError(f"the stream ended without {kind}: {[each.type for each in found]}")


def texts(heard: list[Heard], kind: str = "utterance.final") -> list[str]:
    return [each.event["text"] for each in heard if each.type == kind]
