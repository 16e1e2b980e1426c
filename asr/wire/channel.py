"""One channel of a pool: its audio, its progress, and what its recogniser must be told next. Pure: no I/O, no clock."""

from dataclasses import replace

from asr.identification import IdentifiedLanguage
from asr.wire.messages import MAX_PCM_BYTES, Audio, ChannelOptions, ClientMessage, Close, Open, SetHotwords
from asr.wire.progress import Progress
from asr.wire.replay import ReplayBuffer
from callscribe.domain.audio import SAMPLE_BYTES, AudioChunk
from callscribe.domain.hotword import Hotword
from callscribe.domain.language import UNKNOWN


class PoolChannel:
    """Messages are made when the connection can take one, so a slow recogniser fills no queue.

    What waits to be sent is the replay buffer itself, which has a bound.
    """

    def __init__(self, key: int, options: ChannelOptions, replay_s: int, engines: tuple[str, ...] = ()) -> None:
        self.key = key
        self.engines = engines
        """Engines that may hear it, the best first; empty: any."""
        self.languages: tuple[str, ...] = ()
        """What its engines know, where `language` is to be found out among that."""
        self.progress = Progress(options.rate)
        self.closing = False
        self._options = options
        self._spoken = ""
        self._moved_at = -1
        """The start of the utterance that another engine was wanted for last."""
        self._audio = ReplayBuffer(replay_s * options.rate)
        self._released = 0
        self._number: int | None = None
        self._cursor: int | None = None
        self._hotwords_told: tuple[Hotword, ...] = ()
        self._close_told = False

    @property
    def followed(self) -> bool:
        """What is spoken is to be found out, each time anew."""
        return self._options.language == UNKNOWN

    @property
    def language(self) -> str:
        """What is spoken, as far as it was found out: a BCP 47 tag, or UNKNOWN."""
        return self._spoken or self._options.language

    def speaks(self, found: IdentifiedLanguage) -> None:
        """From the utterance on that was heard last this is spoken."""
        if self.followed:
            self._spoken = found.language

    def may_move(self, found: IdentifiedLanguage) -> bool:
        """True once for an utterance, wherever it is heard again: what an engine finds out on the way to its end must
        not send the channel to and fro."""
        if self._moved_at >= 0 and self.progress.same(found.start, self._moved_at):
            return False
        self._moved_at = found.start
        return True

    @property
    def index(self) -> int:
        """The channel's place in its call, as its partials and finals name it."""
        return self._options.channel

    @property
    def number(self) -> int | None:
        """What the channel is called on its connection; None without one."""
        return self._number

    @property
    def expected(self) -> bool:
        """The recogniser was told of the channel and not yet of its end."""
        return self._cursor is not None and not self._close_told

    @property
    def unsent_s(self) -> float:
        """Seconds of its audio that its recogniser was not sent yet."""
        sent = self.progress.resume if self._cursor is None else self._cursor
        return max(0, self._audio.end - sent) / self._options.rate

    @property
    def finished(self) -> bool:
        """No recogniser is needed for what is left: the end of audio was told, and everything was decoded."""
        return self.closing and self._cursor is None and self._audio.end <= self.progress.resume

    def append(self, chunk: AudioChunk) -> None:
        if not self.closing:
            self._audio.append(chunk)

    def set_hotwords(self, hotwords: tuple[Hotword, ...]) -> None:
        self._options = replace(self._options, hotwords=hotwords)

    def release(self, offset: int) -> None:
        """The audio before `offset` is never needed again."""
        self._released = max(self._released, offset)
        self._audio.release(offset)

    def attach(self, number: int) -> None:
        """A connection takes the channel, under this number: begin again where the transcript ends."""
        self._number = number
        self._cursor = None
        self._close_told = False
        self.progress.settle(self._released)
        self.progress.restart()

    def detach(self) -> None:
        self._number = self._cursor = None

    def next_message(self) -> ClientMessage | None:
        """What to send now; None when the recogniser knows all there is."""
        if self._number is None:
            return None
        if self._cursor is None:
            return self._opening(self._number)
        if self._hotwords_told != self._options.hotwords:
            self._hotwords_told = self._options.hotwords
            return SetHotwords(self._number, self._hotwords_told)
        return self._audio_after(self._number, self._cursor) or self._closing(self._number)

    def _opening(self, number: int) -> Open | None:
        self._note_loss(self.progress.resume)
        self.progress.settle(self._audio.dropped_end)
        first = self._audio.read(self.progress.resume, 1)
        if first is None:
            return None
        self._cursor = first.offset
        self._hotwords_told = self._options.hotwords
        return Open(number, first.offset, replace(self._options, languages=self.languages, spoken=self._spoken))

    def _audio_after(self, number: int, cursor: int) -> Audio | None:
        self._note_loss(cursor)
        stretch = self._audio.read(cursor, MAX_PCM_BYTES // SAMPLE_BYTES)
        if stretch is None:
            return None
        self._cursor = stretch.end
        return Audio(number, stretch.offset, stretch.pcm)

    def _closing(self, number: int) -> Close | None:
        if not self.closing or self._close_told:
            return None
        self._close_told = True
        return Close(number)

    def _note_loss(self, needed: int) -> None:
        self.progress.lose(needed, self._audio.dropped_end)
