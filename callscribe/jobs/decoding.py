"""An ended call decoded again: its utterances by the second pass, its lost stretches by the live engine."""

from dataclasses import replace
from pathlib import Path

from asr.offline import OfflineOptions, transcribe
from asr.second_pass import SecondPass, SecondPassText
from callscribe.config.settings import Settings
from callscribe.domain.call import Call
from callscribe.domain.transcript import Final, Revision, Word
from callscribe.domain.utterance import Transcript, Utterance
from callscribe.jobs.stretches import Stretch, stretches
from storage.recordings import read_channel
from storage.records import ChannelRange
from telephony.settings import TrunkSettings

REASON = "second-pass"


class CallDecoder:
    """Decodes recordings. Models are loaded by the first call that needs them; one thread at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._second_pass = SecondPass(settings.second_pass)

    def revise(self, transcript: Transcript, recording: Path) -> tuple[tuple[Utterance, Revision], ...]:
        """Utterances whose text the second pass makes better, each with its revision.

        Raises RecordingNotFound, StorageError and RecognitionError.
        """
        call = transcript.call
        return tuple(
            revised
            for stretch in stretches(transcript.utterances, call.sample_rate)
            for revised in self._revise_stretch(call, stretch, recording)
        )

    def recover(self, call: Call, ranges: tuple[ChannelRange, ...], recording: Path) -> tuple[Final, ...]:
        """Finals of what was said in the ranges, as the live engine would have understood it.

        Raises RecordingNotFound, StorageError and RecognitionError.
        """
        return tuple(final for lost in ranges for final in self._recover_range(call, lost, recording))

    def _revise_stretch(self, call: Call, stretch: Stretch, recording: Path) -> list[tuple[Utterance, Revision]]:
        pcm = read_channel(recording, stretch.channel, stretch.start, stretch.end)
        trunk, engine = self._trunk(call), self._second_pass.engine
        texts = self._second_pass.revise(pcm, call.sample_rate, stretch.spans, trunk.hotwords, trunk.language)
        return [
            (utterance, _revision(utterance, text, engine, stretch.start))
            for utterance, text in zip(stretch.utterances, texts, strict=True)
            if text is not None
        ]

    def _recover_range(self, call: Call, lost: ChannelRange, recording: Path) -> tuple[Final, ...]:
        trunk = self._trunk(call)
        options = OfflineOptions(
            channel=lost.channel,
            offset=lost.start,
            language=trunk.language,
            hotwords=trunk.hotwords,
            endpoint=self._settings.recognizer.endpoint,
            engine=self._settings.recognizer.engine,
        )
        pcm = read_channel(recording, lost.channel, lost.start, lost.end)
        return transcribe(pcm, call.sample_rate, options)

    def _trunk(self, call: Call) -> TrunkSettings:
        named = (trunk for trunk in self._settings.trunks if trunk.name == call.trunk)
        return next(named, TrunkSettings(call.trunk))


def _revision(utterance: Utterance, text: SecondPassText, engine: str, offset: int) -> Revision:
    return Revision(
        utterance_id=utterance.id,
        text=text.text,
        confidence=text.confidence,
        engine=engine,
        reason=REASON,
        words=tuple(_moved(word, offset) for word in text.words),
    )


def _moved(word: Word, offset: int) -> Word:
    return replace(word, start=word.start + offset, end=word.end + offset)
