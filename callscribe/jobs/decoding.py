"""An ended call decoded again: its utterances by the second pass, its lost stretches by the live engine."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import structlog

from asr.combination import revision_of
from asr.correction import corrected
from asr.offline import OfflineOptions, transcribe
from asr.passes import second_pass_of
from asr.second_pass import SecondPassText
from asr.settings import RecognizerSettings
from callscribe.config.settings import Settings
from callscribe.domain.call import Call
from callscribe.domain.hotword import Hotword, HotwordList, hotwords_for
from callscribe.domain.transcript import Final, Revision
from callscribe.domain.utterance import Transcript, Utterance
from callscribe.jobs.stretches import Stretch, stretches
from callscribe.text.written import Text, write
from storage.recordings import read_channel
from storage.records import ChannelRange
from telephony.settings import TrunkSettings

log = structlog.get_logger()


class CallDecoder:
    """Decodes recordings. Models are loaded by the first call that needs them; one thread at a time."""

    def __init__(self, settings: Settings, lists: Callable[[], Iterable[HotwordList]]) -> None:
        """`lists` reads the hotword lists; it may raise StorageError."""
        self._settings = settings
        self._lists = lists
        self._second_pass = second_pass_of(settings.second_pass, settings.recognizer)

    def revise(self, transcript: Transcript, recording: Path) -> tuple[tuple[Utterance, Revision], ...]:
        """Utterances whose text the second pass makes better, each with its revision; none for those in a
        language that it does not know.

        Raises RecordingNotFound, StorageError and RecognitionError.
        """
        call = transcript.call
        hotwords = self._hotwords(call)
        known = [said for said in transcript.utterances if self._second_pass.knows(said.final.language)]
        if left := len(transcript.utterances) - len(known):
            log.warning("second_pass_language_unknown", engine=self._second_pass.engine, utterances=left)
        return tuple(
            revised
            for language in sorted({said.final.language for said in known})
            for stretch in stretches([said for said in known if said.final.language == language], call.sample_rate)
            for revised in self._revise_stretch(call, stretch, recording, hotwords)
        )

    def recover(self, call: Call, ranges: tuple[ChannelRange, ...], recording: Path) -> tuple[Final, ...]:
        """Finals of what was said in the ranges, as the live engine would have understood it.

        Raises RecordingNotFound, StorageError and RecognitionError.
        """
        hotwords = self._hotwords(call)
        return tuple(final for lost in ranges for final in self._recover_range(call, lost, recording, hotwords))

    def _revise_stretch(
        self, call: Call, stretch: Stretch, recording: Path, hotwords: tuple[Hotword, ...]
    ) -> list[tuple[Utterance, Revision]]:
        pcm = read_channel(recording, stretch.channel, stretch.start, stretch.end)
        stretch = _least_sure_first(stretch)
        trunk, engine = self._trunk(call), self._second_pass.engine
        texts = self._second_pass.revise(
            pcm, call.sample_rate, stretch.spans, stretch.utterances[0].final.language, hotwords
        )
        revised = [
            (utterance, _for_readers(corrected(revision, hotwords, trunk.hotword_correction), trunk, utterance.final))
            for utterance, text in zip(stretch.utterances, texts, strict=True)
            if text is not None
            for revision in [revision_of(utterance.final, utterance.id, _moved(text, stretch.start), engine)]
        ]
        return sorted(revised, key=lambda pair: pair[0].final.start)

    def _recover_range(
        self, call: Call, lost: ChannelRange, recording: Path, hotwords: tuple[Hotword, ...]
    ) -> tuple[Final, ...]:
        trunk = self._trunk(call)
        options = OfflineOptions(
            channel=lost.channel,
            offset=lost.start,
            language=trunk.language,
            hotwords=hotwords,
            correction=trunk.hotword_correction,
            endpoint=self._settings.endpoint_of(trunk),
            recognizer=self._recognizer(trunk),
        )
        pcm = read_channel(recording, lost.channel, lost.start, lost.end)
        return tuple(_for_readers(final, trunk, final) for final in transcribe(pcm, call.sample_rate, options))

    def _recognizer(self, trunk: TrunkSettings) -> RecognizerSettings:
        """With the engine that the trunk's calls should have."""
        recognizer = self._settings.recognizer
        return replace(recognizer, engine=next(iter(trunk.engines), recognizer.engine))

    def _hotwords(self, call: Call) -> tuple[Hotword, ...]:
        """As the lists stand now: what was missed live may have been put on one since."""
        trunk = self._trunk(call)
        if not trunk.hotword_lists:
            return hotwords_for(call, trunk.language, trunk.hotwords, ())
        known = {found.name: found for found in self._lists()}
        lists = [known[name] for name in trunk.hotword_lists if name in known]
        return hotwords_for(call, trunk.language, trunk.hotwords, lists)

    def _trunk(self, call: Call) -> TrunkSettings:
        named = (trunk for trunk in self._settings.trunks if trunk.name == call.trunk)
        return next(named, TrunkSettings(call.trunk))


def _for_readers(said: Text, trunk: TrunkSettings, final: Final) -> Text:
    return write(said, final.language) if trunk.inverse_text_normalization else said


def _least_sure_first(stretch: Stretch) -> Stretch:
    return replace(stretch, utterances=tuple(sorted(stretch.utterances, key=lambda found: found.final.confidence)))


def _moved(text: SecondPassText, offset: int) -> SecondPassText:
    words = (replace(word, start=word.start + offset, end=word.end + offset) for word in text.words)
    return replace(text, words=tuple(words))
