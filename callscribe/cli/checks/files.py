"""Files of the installation: who may read the secrets, where recordings go, and how long they stay."""

import re
import stat
from pathlib import Path

from callscribe.cli.checks.finding import Finding, hint, ok
from callscribe.config.keeping import audio_times, text_times
from callscribe.config.settings import Settings
from storage.retention import KeepTimes

_SECRET = re.compile(r'(?m)^\s*(?:\w*(?:password|secrets?|token|api_key)|keys)\s*=\s*(?!"")\S|://[^/\s"]*:[^/\s"]+@')
"""A setting, or an address with a password."""


def check_secrets(settings: Settings, config: Path | None) -> Finding:
    """Whether everybody on the machine may read the settings file where it holds secrets, or a key."""
    named = (
        settings.sip.tls_key,
        settings.ingest.tls_key,
        settings.funasr_server.tls_key,
        settings.recordings.keys_file,
    )
    files = [*([config] if config and _holds_secrets(config) else []), *map(Path, filter(None, named))]
    if shown := [str(file) for file in dict.fromkeys(files) if _is_for_all(file)]:
        names = " ".join(shown)
        return hint("secrets", f"everybody on this machine may read {names}", f"chmod o-rwx {names}")
    return ok("secrets", "are in no file that everybody may read")


def check_retention(settings: Settings) -> Finding:
    """How long what was said is kept."""
    audio, text = audio_times(settings), text_times(settings)
    return ok("retention", f"audio is kept {_days(audio)}, text {_days(text)}")


def _holds_secrets(config: Path) -> bool:
    try:
        return bool(_SECRET.search(config.read_text(errors="replace")))
    except OSError:
        return False


def _is_for_all(file: Path) -> bool:
    try:
        return bool(file.expanduser().stat().st_mode & stat.S_IROTH)
    except OSError:
        return False


def _days(kept: KeepTimes) -> str:
    """Of all trunks."""
    times = sorted({*kept.trunks.values()} or {kept.others})
    return " or ".join(f"{days:g} days" if days else "for ever" for days in times)
