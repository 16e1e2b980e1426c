"""Settings of recognition, as plain values."""

from dataclasses import dataclass
from typing import Literal

Device = Literal["auto", "cpu", "cuda"]
"""Where a model runs; "auto" is the GPU where the libraries find one."""

ENDPOINT_BOUNDS = {
    "onset_ms": (32, 2_000),
    "hang_ms": (96, 5_000),
    "open_hang_ms": (96, 5_000),
    "preroll_ms": (0, 2_000),
    "max_utterance_s": (2, 20),
}
"""Lowest and highest value of each endpoint setting."""
UPDATE_MS_BOUNDS = (100, 60_000)
MOST_CPU_SHARE = 100.0


def _check(name: str, value: int, bounds: tuple[int, int]) -> None:
    """What a recogniser would refuse is refused where it is set. Raises ValueError."""
    lowest, highest = bounds
    if not lowest <= value <= highest:
        raise ValueError(f"{name} must be {lowest} to {highest}")


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """When an utterance begins and ends."""

    onset_ms: int = 128
    """Speech needed before an utterance begins."""
    hang_ms: int = 480
    """Silence after which an utterance ends whose words, and the fall of the voice, say that the speaker is done."""
    open_hang_ms: int = 864
    """Silence after which it ends whatever was said; up to `hang_ms` that alone counts."""
    preroll_ms: int = 480
    """Audio before the onset that is decoded with the utterance."""
    max_utterance_s: int = 12
    """Length beyond which an utterance is cut at its next short pause."""

    def __post_init__(self) -> None:
        for name, bounds in ENDPOINT_BOUNDS.items():
            _check(name, getattr(self, name), bounds)


@dataclass(frozen=True, slots=True)
class RecognizerSettings:
    """The live recogniser: where it is, or how it runs here."""

    urls: tuple[str, ...] = ()
    """WebSocket addresses of recognisers, for example "ws://10.0.0.7:10190"; empty: `serve` runs its own."""
    host: str = "127.0.0.1"
    port: int = 10190
    """Where `callscribe recognizer` listens."""
    processes: int = 0
    """Recogniser processes `serve` runs; 0: one for every core."""
    engine: str = "moonshine"
    device: Device = "auto"
    telephone_words: bool = True
    """Whether words that are said on telephones, as "caller" or "voicemail", are preferred without being on a list."""
    update_ms: int = 200
    """Least time between two partials of an utterance; a recogniser that is busy makes it longer."""
    endpoint: EndpointSettings = EndpointSettings()

    def __post_init__(self) -> None:
        _check("update_ms", self.update_ms, UPDATE_MS_BOUNDS)


@dataclass(frozen=True, slots=True)
class SecondPassSettings:
    """The decoding of an ended call."""

    enabled: bool = True
    model: str = ""
    """Folder of a CTranslate2 Whisper model; "": the packaged tiny.en."""
    beam: int = 5
    threads: int = 1
    cpu_share: float = 1.0
    """CPU time that a channel may take, as a share of its length; then the least sure utterances have been decoded."""

    def __post_init__(self) -> None:
        if not 0.0 < self.cpu_share <= MOST_CPU_SHARE:
            raise ValueError(f"cpu_share must be above 0 and at most {MOST_CPU_SHARE:g}")
