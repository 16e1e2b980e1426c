"""How far a channel's transcript has got, whichever recogniser wrote it. Pure: no I/O, no clock."""

from dataclasses import dataclass, replace

from callscribe.domain.transcript import Final, Partial

_SAME_UTTERANCE_MS = 250
"""An utterance that is decoded again begins within this of where it began: voice activity is judged frame by frame, and
another recogniser's frames lie elsewhere."""


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
        self._lost_start: int | None = None
        self._lost_end = 0
        self._shown: Partial | None = None
        self._renaming: _Renaming | None = None
        self._restarted = False

    @property
    def resume(self) -> int:
        """Offset from which audio is still needed: what lies before was delivered, is silence, or was given up."""
        return self._settled

    @property
    def reached(self) -> int:
        """Offset up to which all speech was delivered: the first lost sample, if any was lost."""
        return self._settled if self._lost_start is None else min(self._settled, self._lost_start)

    def settle(self, offset: int) -> None:
        """Nothing before `offset` is needed any more."""
        self._settled = max(self._settled, offset)

    def lose(self, start: int, end: int) -> int:
        """The audio from `start` to `end` reaches no recogniser. Returns how many samples that adds to the loss."""
        if end <= start:
            return 0
        self._lost_start = start if self._lost_start is None else min(self._lost_start, start)
        known, self._lost_end = self._lost_end, max(self._lost_end, end)
        return max(0, end - max(start, known))

    def restart(self) -> None:
        """A recogniser begins at `resume`."""
        self._renaming = None
        self._restarted = True

    def acknowledge(self, offset: int) -> int | None:
        """What to tell the listener when a recogniser acknowledges `offset`; None when that is nothing new."""
        self.settle(offset)
        if self.reached <= self._told:
            return None
        self._told = self.reached
        return self._told

    def partial(self, partial: Partial) -> Partial | None:
        """The partial to deliver: under its utterance's first name, the revision growing. None: it is overtaken."""
        if partial.end <= self._settled:
            return None
        known = self._known(partial.start)
        if known is not None:
            partial = replace(partial, start=known.shown_start, revision=partial.revision + known.shown_revision)
        self._shown = partial
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
        if self._restarted and shown is not None and abs(start - shown.start) <= self._tolerance:
            self._renaming = _Renaming(start, shown.start, shown.revision)
        self._restarted = False
        return self._renaming if self._renaming is not None and self._renaming.start == start else None
