"""Settings of storage, as plain values."""

from dataclasses import dataclass, field

MAX_DAYS = 36_500.0


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """Where calls are kept."""

    url: str = ""
    """postgresql://user:password@host:port/name; "": `serve` runs an embedded Postgres in the data folder."""


@dataclass(frozen=True, slots=True)
class RecordingSettings:
    """Where audio is kept, and what of it is not."""

    folder: str = ""
    """Folder of the WAV files, shared by the nodes, the web and the workers; "": `recordings` in the data folder."""
    pause_limit_s: int = 0
    """A pause of a call ends by itself after so many seconds; 0: never."""
    keys_file: str = ""
    """A key a line, 32 bytes in base64: the first encrypts recordings, all decrypt; "": none. Readable by this user
    only."""
    keys: tuple[str, ...] = field(default=(), repr=False)
    """The same, for an environment variable."""

    def __post_init__(self) -> None:
        if self.keys and self.keys_file:
            raise ValueError("keys and keys_file: set one of them")
        if self.pause_limit_s < 0:
            raise ValueError("pause_limit_s must not be negative")


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """How long calls are kept, where their trunk does not say."""

    audio_days: float = 0.0
    """Days that a recording is kept after its call's end; 0: for ever."""
    text_days: float = 0.0
    """Days that what was said is kept, who spoke, and other systems' ids of the call; 0: for ever."""
    sweep_s: float = 60.0
    """How often a worker looks for what is to be removed."""
    lost_node_hours: float = 24.0
    """A call of a node that has not run for so long is ended, so that it can be removed, too; 0: never."""

    def __post_init__(self) -> None:
        for name in ("audio_days", "text_days"):
            if not 0 <= getattr(self, name) <= MAX_DAYS:
                raise ValueError(f"{name} must be from 0 to {MAX_DAYS:.0f}")
        if not 1 <= self.sweep_s <= 86_400:
            raise ValueError("sweep_s must be from 1 to 86400")
        if not 0 <= self.lost_node_hours <= MAX_DAYS * 24:
            raise ValueError(f"lost_node_hours must be from 0 to {MAX_DAYS * 24:.0f}")
