"""Settings of the event streams, as plain values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EventSettings:
    """Where events and the job broker live."""

    url: str = ""
    """redis://host:port/db of a Valkey or Redis; "": `serve` runs an embedded Valkey in the data folder."""
    stream_length: int = 2000
    """Events kept for each call; for the floor five times as many."""

    def __post_init__(self) -> None:
        if self.stream_length < 1:
            raise ValueError("stream_length must be at least 1")
