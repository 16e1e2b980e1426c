"""Spans: what was done for a call, where and for how long. Nothing is kept of them where nobody wants them.

A call's trace has the call's id, so that every process finds it without being told.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

Value = str | int | float | bool
"""Of an attribute: ids, numbers and names of the settings; never what was said, nor who called whom."""


@dataclass(frozen=True, slots=True)
class Span:
    """Something that was done for a call."""

    call: UUID
    name: str
    began_ns: int
    """Since 1970."""
    ended_ns: int
    attributes: Mapping[str, Value]
    whole: bool = False
    """Whether it is the call itself, of which all others are parts."""


_sinks: list[Callable[[Span], None]] = []


def send_spans(sink: Callable[[Span], None]) -> None:
    """Give all spans of this process to `sink`, which may be called on any thread, and must not block or raise."""
    _sinks[:] = [sink]


def traced() -> bool:
    """Whether somebody wants spans."""
    return bool(_sinks)


def record(call: UUID, name: str, began_ns: int, ended_ns: int = 0, **attributes: Value) -> None:
    """A part of a call was done between these instants; `ended_ns` 0: now."""
    for sink in _sinks:
        sink(Span(call, name, began_ns, ended_ns or time.time_ns(), attributes))


def record_call(call: UUID, began_ns: int, ended_ns: int, **attributes: Value) -> None:
    """A call is over."""
    for sink in _sinks:
        sink(Span(call, "call", began_ns, ended_ns, attributes, whole=True))
