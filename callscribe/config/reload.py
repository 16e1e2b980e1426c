"""Settings that are read again while a process runs: its trunks, for calls that begin from then on."""

from collections.abc import Callable
from dataclasses import fields, replace

import structlog

from callscribe.config.settings import Settings
from callscribe.domain.errors import SettingsError

log = structlog.get_logger()

TAKEN = "trunks"
"""The one table that counts at once; the others do when a process starts."""


class SettingsInForce:
    """What a process goes by, and why what it was told last is not that."""

    def __init__(self, settings: Settings, read: Callable[[], Settings]) -> None:
        """`read` reads the file and the environment again; raises SettingsError."""
        self.settings = settings
        self._read = read
        self.fault = ""
        """Why the settings were refused that were read last; "": they were taken."""

    def again(self) -> Settings:
        """Those in force with the trunks that the file names now. Raises SettingsError where they do not go together,
        or need what was not started."""
        told, now = self._read(), self.settings
        if strange := sorted({*told.engines} - {*now.engines}):
            raise SettingsError(f"trunks: no recogniser was started for the engine {strange[0]}; restart the service")
        waiting = [each.name for each in fields(Settings) if getattr(told, each.name) != getattr(now, each.name)]
        try:
            found = replace(now, trunks=told.trunks)
        except ValueError as error:
            raise SettingsError(f"setting {error}; or restart, where other settings were changed with it") from None
        log.info("settings_read", waiting_for_restart=[name for name in waiting if name != TAKEN])
        return found

    def take(self, settings: Settings) -> None:
        """They are in force now."""
        self.settings, self.fault = settings, ""
        log.info("settings_taken", trunks=[trunk.name for trunk in settings.trunks])

    def refuse(self, error: SettingsError) -> None:
        """What was in force stays so."""
        self.fault = str(error)
        log.error("settings_refused", reason=self.fault)
