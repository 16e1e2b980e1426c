"""What people write beside a call, masked as what is said on it. Pure."""

from callscribe.domain.transcript import Final
from callscribe.text.redaction.conversation import redacted
from callscribe.text.redaction.masking import RedactionPolicy

_RATE = 8000
"""Hz; a note has no audio: it only must not last too long for its parts to belong together."""


def masked_note(text: str, policy: RedactionPolicy) -> str:
    """The text with masks over what the policy names, as far as the text alone tells what it is."""
    if not policy.kinds:
        return text
    (told,) = redacted((Final(0, 0, _RATE, text, 1.0, ""),), policy, _RATE)
    return told.text
