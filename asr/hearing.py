"""One channel as the recogniser hears it: audio in, utterances to decode out, and what came of them.

No thread, no clock: one computing thread lets it `hear`, asks what is worth decoding, and lets it `settle` the result.
"""

from collections import deque
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from asr.activity import WINDOW, Ears
from asr.buffer import AudioBuffer
from asr.companding import restored
from asr.completeness import SpeakerHabit, completeness, judges
from asr.correction import corrected
from asr.endpointing import WINDOW_MS, Began, Ended, Endpointer, EndpointEvent, Paused
from asr.engine import EMPTY, ENGINE_RATE, DecodedWord, Decoding, DecodingJob, Engine, Waveform
from asr.evidence import spoken
from asr.identification import ChannelLanguage, IdentifiedLanguage, LanguageIdentifier
from asr.joining import continued, cut_off, left_open
from asr.level import leveled
from asr.pitch import final_fall
from asr.resampling import Samples, Upsampler
from asr.utterance import Utterance
from asr.wire.messages import ChannelOptions
from callscribe.domain.language import UNKNOWN, primary, units
from callscribe.domain.transcript import Final, Partial, Word

_WARM_UP = ENGINE_RATE
"""Audio before an utterance that another recogniser must hear to find the same start."""
_FIRST = ENGINE_RATE * 128 // 1000
"""Audio from the start of speech that is worth the first decoding."""
_SAME_SENTENCE = ENGINE_RATE // 2
"""Silence after a cut beyond which a new sentence begins."""
_LONGEST_GAP = 10 * ENGINE_RATE
"""Silence beyond this is skipped: every utterance has ended by then."""


@dataclass(frozen=True, slots=True)
class DecodingTask:
    """Something of a channel that is worth decoding now."""

    hearing: "Hearing"
    utterance: Utterance
    job: DecodingJob
    decoded: int
    """Where the job's audio ends, at ENGINE_RATE from the start of the call."""


class Hearing:
    """A channel from its first sample to its last. Partials and finals gather in `events`, oldest first; before the
    finals of a channel whose language is found out for other engines too, those."""

    def __init__(
        self,
        options: ChannelOptions,
        offset: int,
        ears: Ears,
        engine: Engine,
        identifier: LanguageIdentifier | None = None,
    ) -> None:
        """`offset` is the sample of the call, at the channel's rate, with which its audio begins; the identifier is
        asked where the language is UNKNOWN."""
        self.hotwords = options.hotwords
        self.events: list[Partial | Final | IdentifiedLanguage] = []
        self.undecoded: list[tuple[int, int]] = []
        """Line samples (the end exclusive) between which somebody spoke and of which the engine made nothing."""
        self._options = options
        self._ears = ears
        self._engine = engine
        self._language = _language_of(options, engine, identifier)
        self._factor = ENGINE_RATE // options.rate
        self._preroll = options.endpoint.preroll_ms * ENGINE_RATE // 1000
        self._update = options.update_ms * ENGINE_RATE // 1000
        self._habit = SpeakerHabit()
        self._current: Utterance | None = None
        self._waiting: deque[Utterance] = deque()
        self._settled = 0
        self._cost = 0.0
        """What was paid for since the last final."""
        self._left_open = False
        self._last_end = 0
        self._listen_from(offset)

    @property
    def position(self) -> int:
        """Line sample up to which audio has been heard."""
        return self._position

    @property
    def acknowledged(self) -> int:
        """Line sample before which nothing is owed: finals that end before it are in `events`, the rest is silence."""
        owed = self._waiting[0].start if self._waiting else self._endpointer.quiet_since * WINDOW
        return max(self._settled, owed - self._preroll - _WARM_UP) // self._factor

    @property
    def overdue(self) -> float:
        """How late the next partial is, in update intervals; below 1, or where nothing new was said, it is not due."""
        utterance = self._current
        if utterance is None or utterance.pause or self._waiting:
            return 0.0
        if self._endpointer.spoken_until * WINDOW <= utterance.decoded:
            return 0.0
        if self._language is not None and self._language.awaited(self._buffer.end - utterance.start):
            return 0.0
        begun = utterance.decoded > utterance.start
        # Audio that came in time is up to a window short of it in the buffer.
        return (self._buffer.end + WINDOW - utterance.decoded) / (self._update if begun else min(self._update, _FIRST))

    @property
    def final_due(self) -> bool:
        """True when an utterance has ended, or may have, and is not decoded up to there."""
        return bool(self._waiting) or (
            self._current is not None and bool(self._current.pause) and not self._current.foreseen
        )

    @property
    def late(self) -> int:
        """Line samples heard since the oldest final fell due that is not decoded yet; 0 where none is due."""
        oldest = self._waiting[0] if self._waiting else self._current
        if oldest is None or not self.final_due:
            return 0
        return max(0, self._position - oldest.pause // self._factor)

    @property
    def undecided(self) -> bool:
        """True when nothing more can be understood until the pause going on has been decoded."""
        return self._endpointer.undecided

    @property
    def waiting(self) -> int:
        """Utterances that have ended and wait to be decoded."""
        return len(self._waiting)

    def hear(self, offset: int, samples: Samples) -> None:
        """Audio that begins at line sample `offset`. A gap before it is silence; what was heard already is dropped."""
        gap = offset - self._position
        if gap > 0:
            self._hear_silence(gap)
        samples = samples[max(-gap, 0) :]
        self._position += len(samples)
        self._push(self._upsampler.push(samples))

    def finish(self) -> None:
        """No audio follows: what is being said ends here."""
        self._push(self._upsampler.flush())
        self._push(np.zeros(-len(self._rest) % WINDOW, np.float32))
        while self._endpointer.undecided:
            self._decide(done=True)
        for event in self._endpointer.finish():
            self._follow(event)

    def final_tasks(self, limit: int) -> list[DecodingTask]:
        """The oldest utterances that have ended; where there are none, the one that may have. Settle them in order."""
        tasks: list[DecodingTask] = []
        for utterance in islice(self._waiting, limit):
            audio = utterance.audio if utterance.audio is not None else np.zeros(0, np.float32)
            tasks.append(self._task(utterance, audio, utterance.first + len(audio), final=True))
        if not tasks and self._current is not None and self.final_due:
            tasks.append(self._task_up_to(self._current, self._current.pause, final=True))
        return tasks

    def partial_task(self) -> DecodingTask | None:
        """The utterance that goes on, as far as it was heard."""
        return self._task_up_to(self._current, self._buffer.end, final=False) if self._current else None

    def settle(self, task: DecodingTask, decoding: Decoding | None) -> None:
        """Take over what a task of this channel gave; None: the engine failed on it."""
        utterance = task.utterance
        if decoding is None:
            utterance.missed(task.decoded)
        else:
            self._understand(task, decoding)
        if self._waiting and self._waiting[0] is utterance and utterance.foreseen:
            self._waiting.popleft()
            self._conclude(utterance)
        if utterance is self._current and utterance.foreseen:
            utterance.done = self._done(task, utterance.latest)
            self._decide(utterance.done)

    def _understand(self, task: DecodingTask, decoding: Decoding) -> None:
        utterance = task.utterance
        self._cost += decoding.cost
        if self._left_open and utterance.start - self._settled < _SAME_SENTENCE:
            decoding = continued(decoding)
        if not spoken(decoding, utterance.activity, final=task.job.final):
            decoding = replace(decoding, text="", confidence=0.0, words=())
        if self._waiting and self._waiting[0] is utterance:
            utterance.heard(decoding, task.decoded)
        elif utterance.understood(decoding, task.decoded):
            self._report(utterance)

    def _done(self, task: DecodingTask, decoding: Decoding) -> bool:
        """True when the speaker is taken to be done; where nothing is known of a language's ends, only time tells."""
        if not judges(decoding.language or task.job.language):
            return not decoding.text
        return self._habit.done(completeness(decoding.text, final_fall(task.job.audio)))

    def _listen_from(self, offset: int) -> None:
        window, skipped = divmod(offset * self._factor, WINDOW)
        self._position = offset
        self._upsampler = Upsampler(self._options.rate)
        self._activity = self._ears.listen()
        self._endpointer = Endpointer(self._options.endpoint, window)
        self._buffer = AudioBuffer(window * WINDOW)
        # Windows lie on one grid from the start of the call, so that a replay finds the same starts.
        self._rest = np.zeros(skipped, np.float32)
        self._ahead: deque[float] = deque()
        self._likeliest = 0.0

    def _hear_silence(self, gap: int) -> None:
        heard = min(gap, _LONGEST_GAP // self._factor)
        self._push(self._upsampler.push(np.zeros(heard, np.int16)))
        self._position += heard
        if heard < gap:
            self.finish()
            self._listen_from(self._position + gap - heard)

    def _push(self, audio: Waveform) -> None:
        known = np.concatenate([self._rest, audio])
        whole = len(known) // WINDOW * WINDOW
        self._rest = known[whole:]
        self._buffer.append(known[:whole])
        self._ahead.extend(self._activity.push(known[:whole]).tolist())
        self._advance()

    def _decide(self, done: bool) -> None:
        for event in self._endpointer.decide(done):
            self._follow(event)
        self._advance()

    def _advance(self) -> None:
        """Follow the speech as far as it was heard, or to a pause that is not understood yet.

        What is decoded late must not be cut differently: so it waits there, however much was heard since.
        """
        while self._ahead and not self._endpointer.undecided:
            self._likeliest = max(self._likeliest, self._ahead[0])
            for event in self._endpointer.push(self._ahead.popleft()):
                self._follow(event)
            if self._current is not None:
                self._current.activity = self._likeliest
            elif self._endpointer.quiet_since == self._endpointer.position:
                self._likeliest = 0.0
        if self._current is None:
            self._buffer.forget(self._endpointer.quiet_since * WINDOW - self._preroll)

    def _follow(self, event: EndpointEvent) -> None:
        if isinstance(event, Began):
            start = event.start * WINDOW
            first = max(start - self._preroll, self._last_end, self._buffer.start)
            self._current = Utterance(start=start, first=first, decoded=start)
            return
        utterance = self._current
        if utterance is None:
            return
        if not isinstance(event, Paused | Ended):
            utterance.pause, utterance.done = 0, None
            return
        utterance.speech_end, utterance.pause = event.end * WINDOW, event.heard * WINDOW
        if isinstance(event, Ended):
            self._learn(utterance, silence_ms=(self._endpointer.position - event.end) * WINDOW_MS)
            self._end(utterance)

    def _learn(self, utterance: Utterance, silence_ms: int) -> None:
        """Remember how the speaker ended; what was cut short tells nothing."""
        utterance.cut = silence_ms < self._options.endpoint.hang_ms
        if utterance.done:
            self._habit.ended(foreseen=True)
        elif utterance.done is not None and silence_ms >= self._options.endpoint.open_hang_ms:
            self._habit.ended(foreseen=False)

    def _end(self, utterance: Utterance) -> None:
        self._current = None
        self._likeliest = 0.0
        self._last_end = utterance.speech_end
        if utterance.foreseen and not self._waiting:
            self._conclude(utterance)
        else:
            utterance.audio = self._buffer.take(utterance.first, utterance.pause)
            self._waiting.append(utterance)
        self._buffer.forget(utterance.speech_end)

    def _conclude(self, utterance: Utterance) -> None:
        """All of an utterance is understood: say so, or take back what was shown where nothing was said."""
        self._settled, self._left_open = utterance.speech_end, False
        end = self._missed_from(utterance) if utterance.failed else utterance.speech_end
        if not utterance.latest.text:
            if utterance.take_back():
                self._report(utterance)
            return
        if utterance.cut:
            utterance.latest = cut_off(utterance.latest)
            self._left_open = left_open(utterance.latest.text)
        final = Final(
            channel=self._options.channel,
            start=utterance.start // self._factor,
            end=end // self._factor,
            text=utterance.latest.text,
            confidence=utterance.latest.confidence,
            engine=utterance.latest.engine or self._engine.name,
            language=utterance.latest.language or primary(utterance.language),
            emotion=utterance.latest.emotion,
            audio_events=utterance.latest.audio_events,
            words=tuple(self._placed(word, utterance.first) for word in utterance.latest.words),
            cost=self._cost,
        )
        self._cost = 0.0
        self.events.append(corrected(final, self.hotwords, self._options.correction))

    def _missed_from(self, utterance: Utterance) -> int:
        """Where an utterance ends whose end the engine failed on: what follows is `undecoded`."""
        end = min(utterance.told_until, utterance.speech_end)
        missed = end if utterance.latest.text else utterance.first
        self.undecoded.append((missed // self._factor, utterance.pause // self._factor))
        return end

    def _placed(self, word: DecodedWord, first: int) -> Word:
        """A word of audio that begins at `first`, at its place in the call."""
        start, end = (first + word.start) // self._factor, (first + word.end) // self._factor
        return Word(word.text, start, end, word.confidence)

    def _report(self, utterance: Utterance) -> None:
        partial = Partial(
            channel=self._options.channel,
            start=utterance.start // self._factor,
            end=utterance.decoded // self._factor,
            committed=utterance.shown.committed,
            tentative=utterance.shown.tentative,
            revision=utterance.revision,
        )
        self.events.append(partial)

    def _task_up_to(self, utterance: Utterance, end: int, *, final: bool) -> DecodingTask:
        return self._task(utterance, self._buffer.take(utterance.first, end), end, final=final)

    def _task(self, utterance: Utterance, audio: Waveform, end: int, *, final: bool) -> DecodingTask:
        audio = leveled(restored(audio))
        language = self._spoken(utterance, audio, utterance.speech_end if final else end, ended=final)
        job = DecodingJob(
            audio,
            earlier=utterance.told,
            held=len(units(utterance.shown.committed)) if utterance.told is not EMPTY else 0,
            final=final,
            hotwords=self.hotwords,
            language=language if self._engine.capabilities.knows(language) else self._engine.capabilities.languages[0],
        )
        return DecodingTask(self, utterance, job, end)

    def _spoken(self, utterance: Utterance, audio: Waveform, end: int, *, ended: bool) -> str:
        """What the utterance is spoken in, as a BCP 47 tag or UNKNOWN, as far as it was heard in this audio."""
        known = self._language
        language = self._options.language
        if known is not None:
            fresh = known.follow(utterance.start, end - utterance.start, audio, ended=ended)
            language = known.language
            if fresh and self._options.languages:
                start = utterance.start // self._factor
                self.events.append(IdentifiedLanguage(start, language, known.probability))
        if language != utterance.language:
            utterance.language, utterance.told = language, EMPTY
        return language


def _language_of(
    options: ChannelOptions, engine: Engine, identifier: LanguageIdentifier | None
) -> ChannelLanguage | None:
    """None where the language is known, or the engine alone finds it out."""
    able = engine.capabilities
    if identifier is None or options.language != UNKNOWN or (able.identifies_language and not options.languages):
        return None
    # Until more is known, it is one that the engine knows.
    languages = sorted(options.languages or able.languages, key=lambda language: not able.knows(language))
    return ChannelLanguage(identifier, languages, options.spoken)
