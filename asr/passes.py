"""Which second pass the settings ask for."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from asr.engine import Capabilities
from asr.engine_pass import EnginePass
from asr.packing import Span
from asr.second_pass import SecondPass, SecondPassText
from asr.settings import RecognizerSettings, SecondPassSettings
from asr.weighing import Witness
from callscribe.domain.hotword import Hotword
from callscribe.domain.transcript import Final


class Pass(Protocol):
    """A decoding of ended calls. Models are loaded at the first use; used by one thread at a time."""

    @property
    def engine(self) -> str:
        """Name of the model, for a revision's `engine`. Raises EngineUnavailable."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """Raises EngineUnavailable."""
        ...

    def knows(self, language: str) -> bool:
        """True for a BCP 47 tag of a language that it can decode. Raises EngineUnavailable."""
        ...

    def revise(
        self,
        pcm: NDArray[np.int16],
        rate: int,
        spans: Sequence[Span],
        language: str = "en",
        hotwords: tuple[Hotword, ...] = (),
    ) -> tuple[SecondPassText | None, ...]:
        """A second text for each span, or None; see `asr.second_pass.SecondPass.revise`."""
        ...

    def weigh(
        self,
        pcm: NDArray[np.int16],
        rate: int,
        spans: Sequence[Span],
        finals: Sequence[Final],
        texts: Sequence[SecondPassText | None],
    ) -> tuple[SecondPassText | None, ...]:
        """These texts, weighed against the finals where that can be; see `asr.second_pass.SecondPass.weigh`."""
        ...


def second_pass_of(settings: SecondPassSettings, recognizer: RecognizerSettings) -> Pass:
    """Whisper, or an engine of the live kind, whose own settings are the recogniser's."""
    if settings.engine == "whisper":
        return SecondPass(settings, witness=_witness(recognizer))
    return EnginePass(replace(recognizer, engine=settings.engine), settings.cpu_share)


def _witness(recognizer: RecognizerSettings) -> Callable[[], Witness] | None:
    """Moonshine where it hears the calls: no other engine says how likely a text is. It does so on the CPU: little is
    asked."""
    if recognizer.engine != "moonshine":
        return None

    def load() -> Witness:
        from asr.engines.moonshine import MoonshineEngine

        return MoonshineEngine(device="cpu")

    return load
