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
from callscribe.config.settings import Settings
from callscribe.domain.call import Call
from callscribe.domain.hotword import Hotword
from callscribe.domain.hotword_lists import HotwordList, hotwords_for, versions_for
from callscribe.domain.transcript import Final, Revision
from callscribe.domain.utterance import Transcript, Utterance
from callscribe.jobs.masking import mask_recovered, mask_revisions
from callscribe.jobs.stretches import Stretch, stretches
from callscribe.text.written import Text, write
from storage.recording_keys import open_keys
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
        self._keys = open_keys(settings.recordings)
        self._second_pass = second_pass_of(settings.second_pass, settings.recognizer)

    def revise(self, transcript: Transcript, recording: Path) -> tuple[tuple[Utterance, Revision], ...]:
        """Utterances whose text the second pass makes better, each with its revision; none for those in a language that
        it does not know, and where the trunk has redaction for those that a person corrected: masks go by their text.
        What was masked in a text is not heard again: another hearing might not be masked. Those that have the rest of a
        number which a revision completes have one, too, with masks.

        Raises RecordingNotFound, StorageError and RecognitionError.
        """
        call = transcript.call
        lists = self._lists_of(call)
        hotwords = self._hotwords(call, lists)
        trunk = self._settings.trunk_named(call.trunk)
        told = versions_for(call, trunk.language, lists)
        settled = {said.id for said in transcript.utterances if said.corrected and trunk.redaction}
        wanted = [said for said in transcript.utterances if said.id not in settled and not said.final.redactions]
        known = [said for said in wanted if self._second_pass.knows(said.final.language)]
        if left := len(wanted) - len(known):
            log.warning("second_pass_language_unknown", engine=self._second_pass.engine, utterances=left)
        revised = [
            (utterance, replace(revision, hotword_lists=told))
            for language in sorted({said.final.language for said in known})
            for stretch in stretches([said for said in known if said.final.language == language], call.sample_rate)
            for utterance, revision in self._revise_stretch(call, stretch, recording, hotwords)
        ]
        masked = mask_revisions(transcript, revised, trunk.redaction_policy)
        return tuple((said, _for_readers(revision, trunk, said.final)) for said, revision in masked)

    def recover(
        self, transcript: Transcript, ranges: tuple[ChannelRange, ...], recording: Path
    ) -> tuple[tuple[Final, ...], tuple[Final, ...]]:
        """Finals of what was said in the ranges, as the live engine would have understood it; and stored ones to
        write anew, as they have the rest of a number that is masked now.

        Raises RecordingNotFound, StorageError and RecognitionError.
        """
        call = transcript.call
        lists = self._lists_of(call)
        hotwords = self._hotwords(call, lists)
        told = versions_for(call, self._settings.trunk_named(call.trunk).language, lists)
        trunk = self._settings.trunk_named(call.trunk)
        found = [final for lost in ranges for final in self._recover_range(call, lost, recording, hotwords)]
        recovered, anew = mask_recovered(transcript, found, trunk.redaction_policy)
        return tuple(replace(_for_readers(final, trunk, final), hotword_lists=told) for final in recovered), anew

    def _revise_stretch(
        self, call: Call, stretch: Stretch, recording: Path, hotwords: tuple[Hotword, ...]
    ) -> list[tuple[Utterance, Revision]]:
        pcm = read_channel(recording, stretch.channel, stretch.start, stretch.end, self._keys)
        stretch = _least_sure_first(stretch)
        trunk, engine = self._settings.trunk_named(call.trunk), self._second_pass.engine
        texts = self._second_pass.revise(
            pcm, call.sample_rate, stretch.spans, stretch.utterances[0].final.language, hotwords
        )
        finals = [utterance.final for utterance in stretch.utterances]
        texts = self._second_pass.weigh(pcm, call.sample_rate, stretch.spans, finals, texts)
        revised = [
            (utterance, corrected(revision, hotwords, trunk.hotword_correction))
            for utterance, text in zip(stretch.utterances, texts, strict=True)
            if text is not None
            for revision in [revision_of(utterance.final, utterance.id, _moved(text, stretch.start), engine, hotwords)]
        ]
        return sorted(revised, key=lambda pair: pair[0].final.start)

    def _recover_range(
        self, call: Call, lost: ChannelRange, recording: Path, hotwords: tuple[Hotword, ...]
    ) -> tuple[Final, ...]:
        trunk = self._settings.trunk_named(call.trunk)
        options = OfflineOptions(
            channel=lost.channel,
            offset=lost.start,
            language=trunk.language,
            hotwords=hotwords,
            correction=trunk.hotword_correction,
            endpoint=self._settings.endpoint_of(trunk),
            recognizer=self._settings.recognizer,
            engines=trunk.engines,
        )
        pcm = read_channel(recording, lost.channel, lost.start, lost.end, self._keys)
        return transcribe(pcm, call.sample_rate, options)

    def _lists_of(self, call: Call) -> list[HotwordList]:
        """As they stand now: what was missed live may have been put on one since."""
        named = self._settings.trunk_named(call.trunk).hotword_lists
        known = {found.name: found for found in self._lists()} if named else {}
        return [known[name] for name in named if name in known]

    def _hotwords(self, call: Call, lists: list[HotwordList]) -> tuple[Hotword, ...]:
        trunk = self._settings.trunk_named(call.trunk)
        return hotwords_for(call, trunk.language, trunk.hotwords, lists, call.hotwords)


def _for_readers(said: Text, trunk: TrunkSettings, final: Final) -> Text:
    return write(said, final.language) if trunk.inverse_text_normalization else said


def _least_sure_first(stretch: Stretch) -> Stretch:
    return replace(stretch, utterances=tuple(sorted(stretch.utterances, key=lambda found: found.final.confidence)))


def _moved(text: SecondPassText, offset: int) -> SecondPassText:
    words = (replace(word, start=word.start + offset, end=word.end + offset) for word in text.words)
    return replace(text, words=tuple(words))
