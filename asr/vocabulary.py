"""Words that are said on telephones more often than elsewhere: an engine of general speech hears others for them."""

from callscribe.domain.hotword import Hotword

TELEPHONE_WORDS = tuple(
    Hotword(word)
    for word in (
        "account number",
        "agent",
        "answer",
        "caller",
        "callers",
        "conference",
        "dial",
        "directory",
        "extension",
        "greeting",
        "hang up",
        "hold",
        "login",
        "mailbox",
        "menu",
        "message",
        "mute",
        "operator",
        "participants",
        "password",
        "phone",
        "PIN",
        "pound key",
        "press",
        "queue",
        "representative",
        "star",
        "touch tone",
        "transfer",
        "unmute",
        "voicemail",
    )
)
"""English. Preferred as hotwords are, but nothing that was heard is replaced by one. Chosen by hand, with the
even-numbered telephone prompts in view."""
