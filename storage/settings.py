"""Settings of storage, as plain values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """Where calls are kept."""

    url: str = ""
    """postgresql://user:password@host:port/name; "": `serve` runs an embedded Postgres in the data folder."""


@dataclass(frozen=True, slots=True)
class RecordingSettings:
    """Where audio is kept."""

    folder: str = ""
    """Folder of the WAV files, shared by the nodes, the web and the workers; "": `recordings` in the data folder."""
