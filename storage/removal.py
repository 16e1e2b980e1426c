"""Recordings taken off the disk, with what lies beside them and the folders that they leave empty."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from callscribe.domain.errors import StorageError
from storage.models import CallRow
from storage.recordings import recording_path
from storage.rows import call_of


@dataclass(frozen=True, slots=True)
class RemovedFiles:
    """How many files, and how many bytes they had."""

    files: int = 0
    bytes: int = 0

    def __add__(self, other: "RemovedFiles") -> "RemovedFiles":
        return RemovedFiles(self.files + other.files, self.bytes + other.bytes)


NOTHING = RemovedFiles()

FOLDER_MARK = ".callscribe"
"""A file in the recordings folder once a recording was removed there: what is missing then is no sign of a folder that
is not mounted."""


def remove_audio(folder: Path, row: CallRow) -> RemovedFiles:
    """Remove all that is on disk of an ended call, also where it has no row of a recording. As `remove_recording`.

    Raises StorageError also where the folder seems not to be the one that the call was recorded in.
    """
    if row.recording is not None:
        _require_mounted(folder, Path(row.recording.path))
    paths = {recording_path(call_of(row))} | ({Path(row.recording.path)} if row.recording else set())
    return sum((remove_recording(folder, path) for path in paths), NOTHING)


def remove_recording(folder: Path, path: Path) -> RemovedFiles:
    """Remove a call's WAV, `path` in the recordings `folder`, and every file whose name begins as its own does: copies
    and what a crash left of one being made. What is not there is removed already.

    Raises StorageError where a file cannot be removed, and for a path that leads out of the folder.
    """
    target = (folder / path).resolve()
    if not target.is_relative_to(folder.resolve()):
        raise StorageError("a recording's path leads out of the recordings folder; nothing was removed")
    removed = NOTHING
    for name in _named_like(target):
        _mark(folder)
        removed += _remove(target.with_name(name))
    _remove_empty(target.parent, folder.resolve())
    return removed


def _require_mounted(folder: Path, path: Path) -> None:
    """Without its files, a folder that is not mounted looks as one that they were removed from."""
    try:
        mounted = (folder / path).parent.is_dir() or (folder / FOLDER_MARK).exists()
    except OSError as error:
        # A network folder whose server is away, or one that the worker may not enter.
        raise StorageError(f"the recordings folder {folder} cannot be read: {error.strerror}") from error
    if not mounted:
        raise StorageError(
            f"the recordings folder {folder} has nothing of a recording's day; mount it, or, where recordings were"
            f" removed by hand, make an empty file {FOLDER_MARK} in it"
        )


def _mark(folder: Path) -> None:
    # A full disk takes no marker, and is why recordings are removed.
    with suppress(OSError):
        (folder / FOLDER_MARK).touch()


def _named_like(target: Path) -> list[str]:
    try:
        return [name for name in os.listdir(target.parent) if name.startswith(target.stem)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageError(f"the folder {target.parent} cannot be read: {error.strerror}") from error


def _remove(path: Path) -> RemovedFiles:
    try:
        size = path.stat().st_size
        path.unlink()
    except FileNotFoundError:
        return NOTHING
    except OSError as error:
        raise StorageError(f"the recording {path} cannot be removed: {error.strerror}") from error
    return RemovedFiles(1, size)


def _remove_empty(inner: Path, outer: Path) -> None:
    """A folder that is not empty, or that somebody else just removed, ends it."""
    with suppress(OSError):
        while inner != outer:
            inner.rmdir()
            inner = inner.parent
