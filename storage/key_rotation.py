"""Recordings whose keys are wrapped by an older key of the settings get them wrapped by the first. No audio changes."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from callscribe.domain.errors import RecordingDamaged, RecordingLocked, SettingsError, StorageError
from storage.audio_file import PlainFile
from storage.audit import write_audit
from storage.database import Database
from storage.recording_keys import RecordingKeys
from storage.sealed_file import MAGIC, read_head, rewrap

PLAIN, DAMAGED = "", "damaged"
"""In place of a key's id."""


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """A recording that was looked at."""

    path: Path
    """Relative to the folder."""
    done: bool
    """Whether its key was wrapped now."""
    failure: str = ""
    """Why it could not be."""


class KeyRotation:
    """Goes through a recordings folder. It may be broken off and begun again, while calls are recorded and played."""

    def __init__(self, folder: Path, keys: RecordingKeys) -> None:
        self._folder = folder
        self._keys = keys

    def count(self) -> Counter[str]:
        """Recordings by the id of the key that theirs is wrapped with; PLAIN and DAMAGED ones too. Raises
        StorageError."""
        return Counter(_key_of(path) for path in self._recordings())

    def run(self, database: Database, by: str) -> Iterator[Rewrapped]:
        """Wrap what is not, one after the other; the audit log is told first.

        Raises SettingsError where there is no key, DatabaseUnavailable and StorageError.
        """
        first = self._keys.first
        if first is None:
            raise SettingsError("there is no key: set recordings.keys_file, then `callscribe keys new`")
        counted = self.count()
        due = counted.total() - sum(counted[key] for key in (first.id.hex(), PLAIN))
        with database.transaction() as session:
            write_audit(session, action="keys.rotated", subject=first.id.hex(), by=by, detail={"recordings": due})
        for path in self._recordings():
            shown = path.relative_to(self._folder)
            try:
                if _key_of(path) not in (first.id.hex(), PLAIN):
                    yield Rewrapped(shown, self._rewrap(path))
            except FileNotFoundError:
                continue
            except (RecordingLocked, RecordingDamaged) as error:
                yield Rewrapped(shown, False, str(error))
            except OSError as error:
                yield Rewrapped(shown, False, f"It cannot be written: {error.strerror}.")

    def _recordings(self) -> Iterator[Path]:
        """Raises StorageError where the folder is not there."""
        if not self._folder.is_dir():
            raise StorageError(f"there is no recordings folder {self._folder}; set recordings.folder")
        for folder, folders, names in os.walk(self._folder):
            folders.sort()
            yield from (Path(folder, name) for name in sorted(names) if name.endswith(".wav"))

    def _rewrap(self, path: Path) -> bool:
        disk = PlainFile(os.open(path, os.O_RDWR | os.O_CLOEXEC))
        try:
            return rewrap(disk, self._keys)
        finally:
            disk.close()


def _key_of(path: Path) -> str:
    """The id of the key that its own is wrapped with. A file that goes away meanwhile counts as PLAIN."""
    try:
        disk = PlainFile(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except OSError:
        return PLAIN
    try:
        if disk.pread(len(MAGIC), 0) != MAGIC:
            return PLAIN
        return read_head(disk)[2].hex()
    except (RecordingDamaged, OSError):
        return DAMAGED
    finally:
        disk.close()
