"""How long the calls of each trunk are kept."""

from callscribe.config.settings import Settings
from storage.retention import KeepTimes

INHERITED = -1


def audio_times(settings: Settings) -> KeepTimes:
    """Of recordings."""
    kept = settings.retention.audio_days
    return KeepTimes({trunk.name: _days(trunk.keep_audio_days, kept) for trunk in settings.trunks}, kept)


def text_times(settings: Settings) -> KeepTimes:
    """Of what was said."""
    kept = settings.retention.text_days
    return KeepTimes({trunk.name: _days(trunk.keep_text_days, kept) for trunk in settings.trunks}, kept)


def _days(own: float, inherited: float) -> float:
    return inherited if own == INHERITED else own
