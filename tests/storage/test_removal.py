"""Recordings taken off the disk: theirs and nothing else."""

import errno
from pathlib import Path
from typing import NoReturn
from uuid import uuid4

import pytest

from callscribe.domain.errors import StorageError
from storage.models import CallRow, RecordingRow
from storage.recordings import RecordingWriter
from storage.removal import FOLDER_MARK, NOTHING, RemovedFiles, remove_audio, remove_recording


def test_a_folder_with_other_recordings_stays(tmp_path: Path) -> None:
    day = tmp_path / "2026/11/21"
    day.mkdir(parents=True)
    for name in ("one.wav", "one.wav.part", "two.wav"):
        (day / name).write_bytes(b"12345")
    assert remove_recording(tmp_path, Path("2026/11/21/one.wav")) == RemovedFiles(2, 10)
    assert [path.name for path in day.iterdir()] == ["two.wav"]
    assert remove_recording(tmp_path, Path("2026/11/21/one.wav")) == NOTHING
    assert remove_recording(tmp_path, Path("2026/11/21/two.wav")) == RemovedFiles(1, 5)
    assert tmp_path.is_dir()
    assert [path.name for path in tmp_path.iterdir()] == [FOLDER_MARK]
    assert remove_recording(tmp_path, Path("2026/11/21/two.wav")) == NOTHING


def test_a_path_that_leads_out_of_the_folder_removes_nothing(tmp_path: Path) -> None:
    outside = tmp_path / "other.wav"
    outside.write_bytes(b"12345")
    (tmp_path / "recordings").mkdir()
    with pytest.raises(StorageError, match="leads out of"):
        remove_recording(tmp_path / "recordings", Path("../other.wav"))
    assert outside.exists()


def test_a_recording_may_begin_in_a_folder_that_was_just_removed(tmp_path: Path) -> None:
    first = RecordingWriter(tmp_path / "2026/11/21/one.wav", 8000, 1)
    first.close()
    remove_recording(tmp_path, Path("2026/11/21/one.wav"))
    second = RecordingWriter(tmp_path / "2026/11/21/two.wav", 8000, 1).close()
    assert second.path.exists()


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE, errno.ENOTCONN])
def test_a_folder_that_cannot_be_looked_at_is_told_as_storage_that_failed(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(path: Path, *, follow_symlinks: bool = True) -> NoReturn:
        raise OSError(number, "away")

    row = CallRow(id=uuid4(), recording=RecordingRow(path="2026/11/21/one.wav"))
    with monkeypatch.context() as patched:
        patched.setattr(Path, "stat", away)
        with pytest.raises(StorageError, match="cannot be read: away"):
            remove_audio(tmp_path, row)
