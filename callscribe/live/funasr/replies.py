"""What a FunASR client is told of what it said: partials and finals as messages of its protocol. Pure.

The protocol's online texts are increments that a client appends and nobody can take back, so only committed words are
told before a final. Texts are told ready to be appended, with a blank before them where one belongs: clients put them
together as they come.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from callscribe.domain.language import joined, units
from callscribe.domain.transcript import Final, Partial
from callscribe.live.funasr.protocol import Config, Mode, Reply, StampedSentence
from callscribe.live.funasr.stamps import Times, page_follows, stamped_sentences, word_times


class Replies(Protocol):
    """The messages about one stretch of a client's speech, from its first audio to its last message."""

    def partial(self, partial: Partial) -> tuple[Reply, ...]:
        """What is to be told of an utterance that goes on."""

    def final(self, final: Final) -> tuple[Reply, ...]:
        """What is to be told of a whole utterance."""

    def expect_end(self) -> None:
        """No more audio comes: from now on a text that stands waits until it is known whether it is the last."""

    def last(self, *, ack: bool = False, error: str = "") -> tuple[Reply, ...]:
        """All finals were given: the last message, with `is_final`, and where `ack` wants it one with `is_end`."""


def replies_for(config: Config, rate: int) -> Replies:
    """The replies that a client with this configuration wants about audio of `rate` Hz."""
    match config.mode:
        case Mode.TWO_PASS:
            return _TwoPassReplies(config, rate)
        case Mode.ONLINE:
            return _OnlineReplies(config)
        case Mode.OFFLINE:
            return _OfflineReplies(config, rate)


class _Ending:
    """The end of all modes: who stops at the first `is_final` must have all texts by then, and the last with it."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._ending = False
        self._kept: Reply | None = None
        """The newest text that stands, once the end is near."""

    def expect_end(self) -> None:
        self._ending = True

    def last(self, *, ack: bool = False, error: str = "") -> tuple[Reply, ...]:
        kept, self._kept = self._kept, None
        if not ack:
            return (replace(kept or self._standing(""), is_final=True),)
        end = Reply(self._config.mode, "", self._config.wav_name, is_final=not error, is_end=True, error=error)
        return (replace(kept, is_final=True), end) if kept else (end,)

    def _now(self, reply: Reply) -> tuple[Reply, ...]:
        """The reply, with what was kept back before it."""
        kept, self._kept = self._kept, None
        return (kept, reply) if kept else (reply,)

    def _unless_last(self, reply: Reply) -> tuple[Reply, ...]:
        """The reply, or where it may be the last one what was kept back so far."""
        if not self._ending:
            return (reply,)
        kept, self._kept = self._kept, reply
        return (kept,) if kept else ()

    def _standing(self, text: str) -> Reply:
        """A text that will not change."""
        mode = self._config.mode
        return Reply("2pass-offline" if mode is Mode.TWO_PASS else mode, text, self._config.wav_name)

    def _wording(self, final: Final) -> str:
        return final.text if self._config.figures else final.spoken or final.text


class _TwoPassReplies(_Ending):
    """Committed words as they come; then the final, which replaces them."""

    def __init__(self, config: Config, rate: int) -> None:
        super().__init__(config)
        self._rate = rate
        self._stands = ""
        self._online = _OnlineWords()

    def partial(self, partial: Partial) -> tuple[Reply, ...]:
        if self._online.taken_back(partial):
            self._online = _OnlineWords(self._stands)
            return self._unless_last(self._standing(""))
        text = self._online.more(partial)
        return self._now(Reply("2pass-online", text, self._config.wav_name)) if text else ()

    def final(self, final: Final) -> tuple[Reply, ...]:
        text = _appended(self._stands, self._wording(final))
        self._stands += text
        self._online = _OnlineWords(self._stands)
        return self._unless_last(_stamped(self._standing(text), (final,), self._rate))


class _OnlineReplies(_Ending):
    """Each word once: committed words as they come, then what the final has beyond them."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._online = _OnlineWords()

    def partial(self, partial: Partial) -> tuple[Reply, ...]:
        if self._online.taken_back(partial):
            self._online = _OnlineWords(self._online.shown)
            return ()
        text = self._online.more(partial)
        return self._now(self._standing(text)) if text else ()

    def final(self, final: Final) -> tuple[Reply, ...]:
        text = self._online.rest(self._wording(final))
        self._online = _OnlineWords(self._online.shown)
        return self._unless_last(self._standing(text)) if text else ()


class _OfflineReplies(_Ending):
    """One message at the end. Its `is_final` is true, as FunASR's Python and two-pass servers have it: clients of all
    modes stop at it, and that of the C++ offline server, which says false, counts messages instead."""

    def __init__(self, config: Config, rate: int) -> None:
        super().__init__(config)
        self._rate = rate
        self._finals: list[Final] = []

    def partial(self, partial: Partial) -> tuple[Reply, ...]:
        return ()

    def final(self, final: Final) -> tuple[Reply, ...]:
        self._finals.append(final)
        return ()

    def last(self, *, ack: bool = False, error: str = "") -> tuple[Reply, ...]:
        if self._finals:
            text = joined(*map(self._wording, self._finals))
            self._kept = _stamped(self._standing(text), self._finals, self._rate)
        return super().last(ack=ack, error=error)


class _OnlineWords:
    """The words of the utterance going on that were told, and what a client's text looks like with them."""

    def __init__(self, shown: str = "") -> None:
        self.shown = shown
        self._start: int | None = None
        self._said: list[str] = []

    def more(self, partial: Partial) -> str:
        """What has been committed beyond what was told; of another utterance nothing while this one has no final."""
        if self._start not in (None, partial.start):
            return ""
        fresh = units(partial.committed)[len(self._said) :]
        if fresh:
            self._start = partial.start
            self._said += fresh
        return self._append(joined(*fresh))

    def taken_back(self, partial: Partial) -> bool:
        """True when the utterance of which words were told was no speech after all."""
        return partial.start == self._start and not (partial.committed or partial.tentative)

    def rest(self, text: str) -> str:
        """What a final has beyond the words that were told."""
        final = units(text)
        told = _matched(self._said, final)
        return self._append(joined(*final[told:]))

    def _append(self, text: str) -> str:
        added = _appended(self.shown, text)
        self.shown += added
        return added


def _appended(before: str, text: str) -> str:
    """What to put behind `before` so that it goes on with the text."""
    return joined(before, text)[len(before) :]


def _matched(said: Sequence[str], final: Sequence[str]) -> int:
    """How many units of the final were said, where the final may have others in their places: as many as give the least
    edit distance (Levenshtein) to what was said, and of those the number nearest to its own."""
    costs = list(range(len(final) + 1))
    for row, heard in enumerate(said, start=1):
        diagonal, costs[0] = costs[0], row
        for place, unit in enumerate(final, start=1):
            diagonal, costs[place] = (
                costs[place],
                min(costs[place] + 1, costs[place - 1] + 1, diagonal + (_bare(heard) != _bare(unit))),
            )
    return min(range(len(costs)), key=lambda place: (costs[place], abs(place - len(said))))


def _bare(unit: str) -> str:
    return "".join(character for character in unit.casefold() if character.isalnum()) or unit


def _stamped(reply: Reply, finals: Sequence[Final], rate: int) -> Reply:
    """The reply with the times of its words, as far as the engine gave any."""
    sentences: list[StampedSentence] = []
    times: Times = ()
    for final in finals:
        sentences += stamped_sentences(final, rate)
        times += word_times(final.words, rate)
    return replace(reply, timestamp=times if page_follows(reply.text, times) else (), sentences=tuple(sentences))
