"""How far a channel's transcript has got, whichever recogniser wrote it. Pure: no I/O, no clock."""

from dataclasses import dataclass, replace

from callscribe.domain.transcript import Final, Partial

_SAME_UTTERANCE_MS = 250
"""An utterance that is decoded again begins within this of where it began: voice activity is judged frame by frame, and
another recogniser's frames lie elsewhere."""


@dataclass(frozen=True, slots=True, order=True)
class LostAudio:
    """A stretch of a channel that no recogniser heard, or of which none made anything."""

    start: int
    """Samples from the start of the call."""
    end: int
    """Samples from the start of the call, exclusive."""


@dataclass(frozen=True, slots=True)
class _Renaming:
    """An utterance that was being shown when its recogniser was lost, and what the next one calls it."""

    start: int
    shown_start: int
    shown_revision: int


class Progress:
    """What was delivered of one channel, and where a recogniser has to begin so that nothing is lost or said twice."""

    def __init__(self, rate: int) -> None:
        self._tolerance = rate * _SAME_UTTERANCE_MS // 1000
        self._settled = 0
        self._told = 0
        self._lost: list[LostAudio] = []
        self._farthest = 0
        self._shown: Partial | None = None
        self._renaming: _Renaming | None = None
        self._restarted = False

    @property
    def resume(self) -> int:
        """Offset from which audio is still needed: what lies before was delivered, is silence, or was given up."""
        return self._settled

    @property
    def lost(self) -> tuple[LostAudio, ...]:
        """What was given up before `resume`, in the order of time; no two touch."""
        before = (lost for lost in self._lost if lost.start < self._settled)
        return tuple(LostAudio(lost.start, min(lost.end, self._settled)) for lost in before)

    @property
    def farthest(self) -> int:
        """Offset up to which any recogniser has understood something: a replay that gets no farther does not help."""
        return max(self._settled, self._farthest)

    def same(self, start: int, other: int) -> bool:
        """True where both are starts of one utterance, as two recognisers tell them."""
        return abs(start - other) <= self._tolerance

    def settle(self, offset: int) -> None:
        """Nothing before `offset` is needed any more."""
        self._settled = max(self._settled, offset)

    def lose(self, start: int, end: int) -> None:
        """The audio from `start` to `end` reaches no recogniser, or it fails on it; nothing where that is empty."""
        if end <= start:
            return
        touching = [lost for lost in self._lost if lost.start <= end and start <= lost.end]
        whole = LostAudio(
            min([start, *(lost.start for lost in touching)]), max([end, *(lost.end for lost in touching)])
        )
        self._lost = sorted([whole, *(lost for lost in self._lost if lost not in touching)])

    def restart(self) -> None:
        """A recogniser begins at `resume`."""
        self._renaming = None
        self._restarted = True

    def acknowledge(self, offset: int) -> int | None:
        """What to tell the listener when a recogniser acknowledges `offset`; None when that is nothing new."""
        self.settle(offset)
        if self._settled <= self._told:
            return None
        self._told = self._settled
        return self._told

    def partial(self, partial: Partial) -> Partial | None:
        """The partial to deliver: under its utterance's first name, the revision growing. None: it is overtaken."""
        if partial.end <= self._settled:
            return None
        known = self._known(partial.start)
        if known is not None:
            partial = replace(partial, start=known.shown_start, revision=partial.revision + known.shown_revision)
        self._shown = partial
        self._farthest = max(self._farthest, partial.end)
        return partial

    def final(self, final: Final) -> Final | None:
        """The final to deliver, under the name its partials had. None: it was delivered before."""
        if final.end <= self._settled:
            return None
        known = self._known(final.start)
        if known is not None:
            final = replace(final, start=known.shown_start)
        self._shown = None
        self.settle(final.end)
        return final

    def _known(self, start: int) -> _Renaming | None:
        """How the utterance that begins at `start` is to be renamed, if it was shown before a loss."""
        shown = self._shown
        if self._restarted and shown is not None and self.same(start, shown.start):
            self._renaming = _Renaming(start, shown.start, shown.revision)
        self._restarted = False
        return self._renaming if self._renaming is not None and self._renaming.start == start else None
