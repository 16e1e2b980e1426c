"""The speakers of an ended call told apart, on channels that carry several people."""

import sys
from pathlib import Path

from asr.diarization.attribution import attribute
from asr.diarization.engine import Diarizer, load_diarizer
from asr.diarization.turns import SpeakerCount
from callscribe.config.settings import Settings
from callscribe.config.stages import channels_to_diarize
from callscribe.domain.call import Role
from callscribe.domain.utterance import Transcript, Utterance
from storage.recording_keys import open_keys
from storage.recordings import read_channel


class CallDiarizer:
    """Tells speakers apart. Its model is loaded by the first call that needs it; one thread at a time."""

    def __init__(self, settings: Settings, diarizer: Diarizer | None = None) -> None:
        """`diarizer` in place of the one that the settings name."""
        self._settings = settings
        self._keys = open_keys(settings.recordings)
        self._diarizer = diarizer

    def diarize(self, transcript: Transcript, recording: Path) -> tuple[Utterance, ...]:
        """The utterances of the call's channels that are to be looked at, each with its speakers' turns.

        Of a channel that may as well be one party's nothing is told when only one speaker is heard. Raises
        RecordingNotFound, StorageError, EngineUnavailable and RecognitionError.
        """
        channels = channels_to_diarize(self._settings, transcript.call)
        return tuple(found for channel in channels for found in self._diarize_channel(transcript, channel, recording))

    def _diarize_channel(self, transcript: Transcript, channel: int, recording: Path) -> tuple[Utterance, ...]:
        call = transcript.call
        said = [utterance for utterance in transcript.utterances if utterance.final.channel == channel]
        if not said:
            return ()
        self._diarizer = self._diarizer or load_diarizer(self._settings.diarization)
        pcm = read_channel(recording, channel, 0, sys.maxsize, self._keys)
        turns = self._diarizer.diarize(pcm, call.sample_rate, self._count(call.trunk))
        attributed = attribute(said, turns, call.sample_rate)
        speakers = {turn.speaker for utterance in attributed for turn in utterance.turns}
        mixed = any(one.role is Role.MIXED for one in call.channels if one.index == channel)
        return attributed if mixed or len(speakers) > 1 else ()

    def _count(self, trunk: str) -> SpeakerCount:
        known = self._settings.trunk_named(trunk).speakers
        return SpeakerCount(known) if known else self._settings.diarization.speakers
