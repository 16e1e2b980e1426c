"""The redaction of one call as it is spoken: what is found is masked before it is told, in partials and finals. Pure.

A number that is said over several utterances is found only with its last part. So a final that ends in digits which are
no number yet is held back, and those of its channel after it, until the digits are found, go on as something else, or
nobody says more of them for HOLD_S. What has been told is never taken back: nothing has to be erased anywhere.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from callscribe.domain.language import joined
from callscribe.domain.redaction import RedactionKind
from callscribe.domain.transcript import Final, Partial
from callscribe.text.redaction.cues import cue_before
from callscribe.text.redaction.emails import unfinished
from callscribe.text.redaction.finding import PAUSE_S, Run, find, find_more, is_counted, runs_of
from callscribe.text.redaction.masking import Masked, RedactionPolicy, disjoint, masked, masked_text
from callscribe.text.redaction.phrases import OTHER
from callscribe.text.redaction.places import Finding
from callscribe.text.redaction.symbols import FILLERS, Line, Token, spells, tokens_of

HOLD_S = 8.0
"""How long a final may wait for the rest of a number, since anybody last said something that may be of it."""
MEMORY_S = 60.0
"""How long what was said is remembered, as it was said, to find what goes on with it or repeats it."""
HELD_BACK = "…"
"""Stands in a partial for digits that may become a number."""
_OPEN_FROM = 3
"""Digits at the end of other words that may be the first of a number; alone, any digit may be."""


@dataclass(slots=True)
class _Said:
    """An utterance that is remembered."""

    line: Line
    final: Final | None
    """None once it was told."""


class CallRedactor:
    """Masks the texts of one call. `now`: seconds on any clock that goes on."""

    def __init__(self, policy: RedactionPolicy, rate: int, patience_s: float = HOLD_S) -> None:
        """`rate` in Hz; `patience_s`: how long a final waits for the rest of a number."""
        self._policy = policy
        self._rate = rate
        self._patience_s = patience_s
        self._said: list[_Said] = []
        self._due: dict[int, float] = {}
        self._befores: dict[int, tuple[int, tuple[Finding, ...]]] = {}

    def final(self, final: Final, now: float) -> tuple[Final, ...]:
        """Take a final; the finals that may be told now, masked, each channel's in their order."""
        if not self._policy.kinds:
            return (final,)
        line = self._line(final, final.text)
        self._forget(line.start_s - MEMORY_S)
        self._befores.clear()
        if not spells(line) and not self.holds():
            self._said.append(_Said(line, None))
            self._said.sort(key=lambda said: said.line.start_s)
            return (final,)
        self._said.append(_Said(line, final))
        self._said.sort(key=lambda said: said.line.start_s)
        self._due[final.channel] = now + self._patience_s
        return self._tell(self._open_lines())

    def partial(self, partial: Partial, now: float) -> Partial:
        """The partial masked, without the digits at its end that may become a number."""
        text = joined(partial.committed, partial.tentative)
        line = self._line(partial, text)
        if text and self.holds(partial.channel):
            self._due[partial.channel] = now + self._patience_s
        if not self._policy.kinds or not spells(line):
            return partial
        lines = [*(said.line for said in self._said), line]
        begin, known = self._before(partial.channel)
        tokens = tokens_of(lines, partial.channel, begin)
        found = find_more(lines, tokens, self._policy.kinds, known)
        stretches = self._stretches(found, len(lines) - 1, growing=True)
        unsure = _unsure(lines, tokens, self._policy.kinds)
        free = [(a, b) for a, b in unsure if not any(one.start < b and a < one.end for one in stretches)]
        stretches = disjoint((*stretches, *(Masked(start, end, "", HELD_BACK) for start, end in free)))
        if not stretches:
            return partial
        shown = len(joined(partial.committed)) if text.startswith(partial.committed) else 0
        committed = masked_text(text[:shown], [found for found in stretches if found.end <= shown])
        cut = next((found.start for found in stretches if found.start < shown < found.end), None)
        if cut is not None:
            before = [found for found in stretches if found.end <= cut]
            committed, shown = masked_text(text[:cut], before), cut
        rest = [replace(found, start=found.start - shown, end=found.end - shown) for found in stretches]
        tentative = masked_text(text[shown:], [found for found in rest if found.start >= 0])
        return replace(partial, committed=committed.strip(), tentative=tentative.strip())

    @property
    def due(self) -> float:
        """When the first of the held finals is overdue; it may be put off until then."""
        return min((self._due[said.line.channel] for said in self._said if said.final), default=0.0)

    def overdue(self, now: float) -> tuple[Final, ...]:
        """The held finals for whose rest nobody waits any longer, masked."""
        waiting = (n for n, said in enumerate(self._said) if now < self._due.get(said.line.channel, now))
        return self._tell(frozenset(waiting))

    def release(self, channel: int | None = None) -> tuple[Final, ...]:
        """All that is still held, masked, of the channel or of every one: it is over."""
        others = (n for n, said in enumerate(self._said) if channel not in (None, said.line.channel))
        return self._tell(frozenset(others))

    def holds(self, channel: int | None = None) -> bool:
        """Whether a final of the channel, or of any, is held back."""
        return any(said.final and channel in (None, said.line.channel) for said in self._said)

    def _before(self, channel: int) -> tuple[int, tuple[Finding, ...]]:
        """From which remembered line on the channel's words may go on in what it says now, and what all lines hold.

        Worked out once after each final: partials are many.
        """
        if channel not in self._befores:
            lines, kinds = [said.line for said in self._said], self._policy.kinds
            last = max((n for n, line in enumerate(lines) if line.channel == channel), default=len(lines))
            tokens = tokens_of(lines, channel)
            run = _last_run(lines, tokens)
            begin = unfinished(lines, tokens) if RedactionKind.EMAIL in kinds else None
            begins = [last, *([run.first.line] if run else []), *([] if begin is None else [tokens[begin].line])]
            self._befores[channel] = min(begins), find(lines, kinds)
        return self._befores[channel]

    def _line(self, said: Final | Partial, text: str) -> Line:
        return Line(said.channel, said.start / self._rate, said.end / self._rate, text)

    def _forget(self, before_s: float) -> None:
        self._said = [said for said in self._said if said.final or said.line.end_s >= before_s]

    def _open_lines(self) -> frozenset[int]:
        """Indices of the lines that must wait."""
        lines = [said.line for said in self._said]
        found = find(lines, self._policy.kinds)
        masked_lines = {place.line for finding in found for place in finding.places}
        waiting: set[int] = set()
        for channel in {line.channel for line in lines}:
            first = _open_from(lines, channel, self._policy.kinds)
            if first is not None and first not in masked_lines:
                waiting |= {n for n, line in enumerate(lines) if n >= first and line.channel == channel}
        return frozenset(waiting)

    def _tell(self, waiting: frozenset[int]) -> tuple[Final, ...]:
        """Mask and let go of the held finals but for those of the lines that wait."""
        if not any(said.final for said in self._said):
            return ()
        found = find([said.line for said in self._said], self._policy.kinds)
        told = []
        for number, said in enumerate(self._said):
            if said.final and number not in waiting:
                final, said.final = said.final, None
                told.append(masked(final, (final.start, final.end), self._stretches(found, number), self._rate))
        return tuple(told)

    def _stretches(self, found: Iterable[Finding], line: int, *, growing: bool = False) -> tuple[Masked, ...]:
        """What of one line is masked. Of a number that may go on no digits are told: all would be, bit by bit."""
        return disjoint(
            Masked(place.start, place.end, finding.kind, self._policy.mask_of(finding.kind, characters))
            for finding in found
            for characters in ["" if growing or len(finding.places) > 1 else finding.characters]
            for place in finding.places
            if place.line == line
        )


def redacted(finals: Sequence[Final], policy: RedactionPolicy, rate: int) -> tuple[Final, ...]:
    """Finals of a call that is over, in order of their starts, as they would have been told; `rate` in Hz.

    As nobody waits for them, each waits as long as somebody may pause within a number.
    """
    redactor = CallRedactor(policy, rate, PAUSE_S)
    told: list[Final] = []
    for final in sorted(finals, key=lambda final: final.start):
        told += redactor.overdue(final.start / rate)
        told += redactor.final(final, final.end / rate)
    return tuple(sorted((*told, *redactor.release()), key=lambda final: (final.start, final.channel)))


def _last_run(lines: Sequence[Line], tokens: tuple[Token, ...]) -> Run | None:
    """The run with which a channel, whose words these are, ends for now; none where it has paused too long since."""
    last = tuple(runs_of(lines, tokens))[-1:]
    if not last or not last[0].at_end:
        return None
    ended, newest = lines[last[0].last.line], lines[tokens[-1].line]
    return None if newest is not ended and newest.start_s - ended.end_s > PAUSE_S else last[0]


def _open_from(lines: Sequence[Line], channel: int, kinds: frozenset[RedactionKind]) -> int | None:
    """The line with which a number or an address may begin that the channel's last one does not end."""
    tokens = tokens_of(lines, channel)
    run = _last_run(lines, tokens)
    if run is not None and not is_counted(run) and cue_before(lines, run.first) != OTHER:
        alone = all(token.text in FILLERS for token in tokens[: run.items[0].first] if token.line == run.first.line)
        if alone or len(run.characters) >= _OPEN_FROM:
            return run.first.line
    begin = unfinished(lines, tokens) if RedactionKind.EMAIL in kinds else None
    return tokens[begin].line if begin is not None else None


def _unsure(
    lines: Sequence[Line], tokens: tuple[Token, ...], kinds: frozenset[RedactionKind]
) -> Iterator[tuple[int, int]]:
    """Stretches of the last line, whose words are the last of `tokens`, that may be parts of a number or an address."""
    last = len(lines) - 1
    for run in runs_of(lines, tokens):
        many = len(run.characters) > _OPEN_FROM and not is_counted(run) and cue_before(lines, run.first) != OTHER
        if run.last.line == last and (run.at_end or many):
            start = run.first.word.start if run.first.line == last else 0
            yield start, len(lines[last].text) if run.at_end else run.last.word.end
    if RedactionKind.EMAIL in kinds and (at := unfinished(lines, tokens)) is not None:
        yield tokens[at].word.start if tokens[at].line == last else 0, len(lines[last].text)
