"""Finals as the fields of a JSON message, and back."""

from asr.wire.fields import MAX_MESSAGE_BYTES, MAX_OFFSET, Fields
from callscribe.domain.transcript import Correction, Final, Word

_MAX_WORDS = 2_000
"""Words of a final, and so its corrections; what they hold is bounded by the message."""
_MAX_AUDIO_EVENTS, _MAX_LABEL = 16, 100
"""Sounds beside speech in one final; characters of what names one, or an emotion."""
_MAX_COST = 1e6
"""Of one final, in any money."""


def final_fields(final: Final) -> dict[str, object]:
    """What `parse_final` reads."""
    return {
        "channel": final.channel,
        "start": final.start,
        "end": final.end,
        "text": final.text,
        "confidence": round(final.confidence, 4),
        "engine": final.engine,
        "language": final.language,
        "words": [
            {"text": word.text, "start": word.start, "end": word.end, "confidence": round(word.confidence, 4)}
            for word in final.words
        ],
        "spoken": final.spoken,
        "corrections": [
            {"heard": made.heard, "phrase": made.phrase, "score": round(made.score, 4)} for made in final.corrections
        ],
        "emotion": final.emotion,
        "audio_events": list(final.audio_events),
        "cost": round(final.cost, 6),
    }


def parse_final(fields: Fields) -> Final:
    """Raises WireViolation."""
    return Final(
        channel=fields.integer("channel", 0, 255),
        start=fields.integer("start", 0, MAX_OFFSET),
        end=fields.integer("end", 0, MAX_OFFSET),
        text=fields.text("text", MAX_MESSAGE_BYTES),
        confidence=fields.real("confidence", 0.0, 1.0),
        engine=fields.text("engine", 100),
        language=fields.text("language", 32),
        words=tuple(_parse_word(word) for word in fields.objects("words", _MAX_WORDS)),
        spoken=fields.text("spoken", MAX_MESSAGE_BYTES),
        corrections=tuple(_parse_correction(made) for made in fields.objects("corrections", _MAX_WORDS)),
        emotion=fields.text("emotion", _MAX_LABEL),
        audio_events=fields.texts("audio_events", _MAX_AUDIO_EVENTS, _MAX_LABEL),
        cost=0.0 if fields.absent("cost") else fields.real("cost", 0.0, _MAX_COST),
    )


def _parse_word(fields: Fields) -> Word:
    return Word(
        text=fields.text("text", MAX_MESSAGE_BYTES),
        start=fields.integer("start", 0, MAX_OFFSET),
        end=fields.integer("end", 0, MAX_OFFSET),
        confidence=fields.real("confidence", 0.0, 1.0),
    )


def _parse_correction(fields: Fields) -> Correction:
    return Correction(
        heard=fields.text("heard", MAX_MESSAGE_BYTES),
        phrase=fields.text("phrase", MAX_MESSAGE_BYTES),
        score=fields.real("score", 0.0, 1.0),
    )
