"""A text that a person wrote, masked as what a machine understands is. Pure."""

from dataclasses import replace

from callscribe.domain.transcript import Revision
from callscribe.domain.utterance import Transcript
from callscribe.text.redaction.conversation import redacted
from callscribe.text.redaction.masking import RedactionPolicy


def masked_correction(transcript: Transcript, revision: Revision, policy: RedactionPolicy) -> Revision:
    """The revision with masks over what the policy names, also where only what was said around tells what it is.

    `transcript`: the call's, as it was before the revision.
    """
    if not policy.kinds:
        return revision
    said = next(each.final for each in transcript.utterances if each.id == revision.utterance_id)
    around = [replace(each.final, text=each.text) for each in transcript.utterances if each.id != revision.utterance_id]
    written = replace(said, text=revision.text, words=revision.words, spoken="", corrections=(), redactions=())
    told = redacted((*around, written), policy, transcript.call.sample_rate)
    found = next(each for each in told if (each.channel, each.start) == (said.channel, said.start))
    redactions = tuple(sorted({*revision.redactions, *found.redactions}, key=lambda each: each.start))
    return replace(revision, text=found.text, words=found.words, redactions=redactions)
