"""What a diariser promises, so that the stage after a call need not know which one it drives."""

from typing import Protocol

from asr.diarization.settings import DiarizationSettings
from asr.diarization.turns import SpeakerCount, Turn
from asr.resampling import Samples


class Diarizer(Protocol):
    """A loaded diariser. Used by one thread at a time; no call changes what a later one finds."""

    @property
    def name(self) -> str: ...

    def diarize(self, pcm: Samples, rate: int, speakers: SpeakerCount) -> tuple[Turn, ...]:
        """The turns of mono int16 `pcm` of shape (samples,) at `rate` Hz, by their starts; none where nobody speaks.

        Raises RecognitionError where the audio cannot be worked on.
        """
        ...


def load_diarizer(settings: DiarizationSettings) -> Diarizer:
    """Load the diariser that the settings name. Raises EngineUnavailable when its packages or its model are missing."""
    # An engine's libraries are loaded only where it is used.
    match settings.engine:
        case "light":
            from asr.diarization.embedding import EmbeddingDiarizer

            return EmbeddingDiarizer()
        case "cam++":
            from asr.diarization.campplus import CamPlusPlusVoices
            from asr.diarization.embedding import EmbeddingDiarizer

            return EmbeddingDiarizer(CamPlusPlusVoices(settings.model, settings.device))
        case "pyannote":
            from asr.diarization.pyannote import PyannoteDiarizer

            return PyannoteDiarizer(settings.model, settings.device)
