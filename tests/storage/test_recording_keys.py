"""Where keys come from, and who may see them."""

import os
from pathlib import Path

import pytest

from callscribe.domain.errors import RecordingLocked, SettingsError
from storage.recording_keys import RecordingKey, RecordingKeys, new_key, open_keys
from storage.recordings import read_channel
from storage.settings import RecordingSettings
from tests.storage.test_sealed_file import content, recorded


def keys_file(folder: Path, *lines: str, mode: int = 0o600) -> Path:
    path = folder / "recording.keys"
    path.write_text("".join(f"{line}\n" for line in lines))
    path.chmod(mode)
    return path


def test_the_first_encrypts_and_all_decrypt(tmp_path: Path) -> None:
    old, new = new_key(), new_key()
    path = recorded(tmp_path / "a.wav", keys=RecordingKeys((old,)))
    both = RecordingKeys(file=str(keys_file(tmp_path, "# ours", new, f"{old}  # of last year")))
    later = recorded(tmp_path / "b.wav", keys=both)
    assert content(path, both) == content(later, both)
    with pytest.raises(RecordingLocked):
        content(later, RecordingKeys((old,)))


def test_a_changed_file_is_taken_without_a_restart_and_a_bad_one_is_not(tmp_path: Path) -> None:
    old, new = new_key(), new_key()
    file = keys_file(tmp_path, old)
    keys = RecordingKeys(file=str(file))
    before = keys.ids
    keys_file(tmp_path, new, old)
    after = keys.ids
    assert after[1:] == before
    keys_file(tmp_path, "no key")
    assert keys.ids == after
    file.unlink()
    assert keys.ids == after


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o660, 0o602])
def test_a_file_that_is_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(SettingsError, match="chmod 600"):
        RecordingKeys(file=str(keys_file(tmp_path, new_key(), mode=mode)))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_another_user_s_file_is_refused(tmp_path: Path) -> None:
    file = keys_file(tmp_path, new_key())
    os.chown(file, 12345, 12345)
    with pytest.raises(SettingsError, match="open to others"):
        RecordingKeys(file=str(file))


def test_no_error_and_no_representation_quotes_a_key(tmp_path: Path) -> None:
    key = new_key()
    short = key[:-8]
    wrong = (((short,), ""), ((key, key), ""), ((), str(keys_file(tmp_path, short))))
    for secrets, file in wrong:
        with pytest.raises(SettingsError) as refused:
            RecordingKeys(secrets, file)
        assert short[:12] not in str(refused.value)
    settings = RecordingSettings(keys=(key,))
    shown = f"{settings!r} {open_keys(settings)!r} {RecordingKey(key.encode())!r}"
    assert key not in shown


@pytest.mark.parametrize("lines", [(), ("# none",), ("bm8=",)])
def test_a_file_without_a_whole_key_is_refused(tmp_path: Path, lines: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError):
        RecordingKeys(file=str(keys_file(tmp_path, *lines)))


def test_one_place_for_keys_is_enough() -> None:
    with pytest.raises(ValueError, match="one of them"):
        RecordingSettings(keys=(new_key(),), keys_file="a")


def test_recordings_from_before_stay_readable(tmp_path: Path) -> None:
    path = recorded(tmp_path / "a.wav", keys=RecordingKeys())
    assert len(read_channel(path, 0, 0, 100, RecordingKeys((new_key(),)))) == 100
