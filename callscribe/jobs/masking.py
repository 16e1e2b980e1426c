"""Redaction in what jobs write: with the whole call known, as a live session does it piece by piece. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from callscribe.domain.redaction import Redaction
from callscribe.domain.transcript import Final, Revision
from callscribe.domain.utterance import Transcript, Utterance
from callscribe.text.redaction.conversation import redacted
from callscribe.text.redaction.masking import OTHER_ENGINE_MS, RedactionPolicy, masked_where

Revised = tuple[Utterance, Revision]
"""An utterance as it was before, and its new text."""


def mask_revisions(
    transcript: Transcript, revised: Sequence[Revised], policy: RedactionPolicy
) -> tuple[Revised, ...]:  # fmt: skip
    """The revisions masked, each read with what was said around it. Figures are written afterwards.

    Where one completes a number of which other utterances have the rest, these get revisions, too: the same text with
    its masks.
    """
    if not policy.kinds or not revised:
        return tuple(revised)
    texts = {utterance.id: revision for utterance, revision in revised}
    said = [_as_final(utterance, texts.get(utterance.id, utterance.newest)) for utterance in transcript.utterances]
    told = {(final.channel, final.start): final for final in redacted(said, policy, transcript.call.sample_rate)}
    masked = []
    for utterance in transcript.utterances:
        final = told[utterance.final.channel, utterance.final.start]
        if revision := texts.get(utterance.id):
            masked.append((utterance, _masked_as(revision, final)))
        elif final.redactions:
            masked.append((utterance, _revision_of(utterance, final, revised[0][1].reason)))
    return tuple(masked)


def mask_finals(transcript: Transcript, revised: Sequence[Revised], policy: RedactionPolicy) -> tuple[Final, ...]:
    """Finals that must be written anew: a revision has something to mask where they were told as they were heard."""
    return tuple(
        _written_anew(utterance.final, revision, new, policy, transcript.call.sample_rate)
        for utterance, revision in revised
        if (new := [told for told in revision.redactions if told not in utterance.final.redactions])
    )


def mask_recovered(
    transcript: Transcript, found: Sequence[Final], policy: RedactionPolicy
) -> tuple[tuple[Final, ...], tuple[Final, ...]]:
    """What was found in lost stretches of the call, masked, each read with what was said around it; and the stored
    finals that must be written anew, as it completes numbers of which they have the rest."""
    stored = {(each.final.channel, each.final.start): each for each in transcript.utterances}
    new = {(final.channel, final.start): final for final in found if (final.channel, final.start) not in stored}
    said = [*(_as_final(each, each.newest) for each in transcript.utterances), *new.values()]
    told = redacted(said, policy, transcript.call.sample_rate)
    recovered = tuple(final for final in told if (final.channel, final.start) in new)
    known = ((stored.get((final.channel, final.start)), final.redactions) for final in told)
    rate = transcript.call.sample_rate
    anew = (_written_anew(each.final, each.newest, new, policy, rate) for each, new in known if each and new)
    return recovered, tuple(anew)


def _written_anew(
    final: Final, heard: Final | Revision, redactions: Sequence[Redaction], policy: RedactionPolicy, rate: int
) -> Final:
    """Masked at those times, which are of the text as it was `heard`, and what is left of numbers then."""
    around = 0 if heard.engine == final.engine else OTHER_ENGINE_MS
    return redacted([masked_where(final, redactions, policy, rate, around)], policy, rate)[0]


def _as_final(utterance: Utterance, text: Final | Revision) -> Final:
    final = utterance.final
    return replace(
        final, text=text.text, words=text.words, corrections=text.corrections, spoken="", redactions=(),
    )  # fmt: skip


def _masked_as(revision: Revision, told: Final) -> Revision:
    if not told.redactions:
        return revision
    return replace(
        revision, text=told.text, words=told.words, corrections=told.corrections, redactions=told.redactions
    )  # fmt: skip


def _revision_of(utterance: Utterance, told: Final, reason: str) -> Revision:
    """What stands there now, with masks."""
    newest = utterance.newest
    redactions = tuple(sorted((*newest.redactions, *told.redactions), key=lambda found: found.start))
    return Revision(
        utterance.id, told.text, newest.confidence, newest.engine, reason, told.words,
        corrections=told.corrections, redactions=redactions, hotword_lists=newest.hotword_lists,
    )  # fmt: skip
