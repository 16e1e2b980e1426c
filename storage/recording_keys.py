"""The keys that recordings are encrypted with at rest: the first wraps the keys of new files, all unwrap."""

import base64
import binascii
import hashlib
import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from callscribe.domain.errors import RecordingDamaged, RecordingLocked, SettingsError
from storage.settings import RecordingSettings

log = structlog.get_logger()

KEY_BYTES = 32
ID_BYTES = 8
NONCE_BYTES, TAG_BYTES = 12, 16
WRAPPED_BYTES = NONCE_BYTES + KEY_BYTES + TAG_BYTES
OTHERS_MAY = stat.S_IWGRP | stat.S_IRWXO
"""What a keys file must let nobody do: a group may read it, as where a service's secrets are mounted."""


@dataclass(frozen=True, slots=True)
class RecordingKey:
    """A key of the settings."""

    secret: bytes = field(repr=False)
    """KEY_BYTES bytes."""

    @property
    def id(self) -> bytes:
        """ID_BYTES bytes by which files name the key; nothing of the key follows from them."""
        return hashlib.sha256(b"callscribe recording key" + self.secret).digest()[:ID_BYTES]

    def wrap(self, data_key: bytes, bound_to: bytes) -> bytes:
        """The key of a file, encrypted for that file only: WRAPPED_BYTES bytes."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + AESGCM(self.secret).encrypt(nonce, data_key, bound_to)

    def unwrap(self, wrapped: bytes, bound_to: bytes) -> bytes:
        """Raises RecordingDamaged where it is not what `wrap` gave for this file."""
        try:
            return AESGCM(self.secret).decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], bound_to)
        except InvalidTag:
            raise RecordingDamaged from None


class RecordingKeys:
    """The keys in their order; none: new recordings are not encrypted. Thread-safe.

    A keys file is read again when it changes, so that a new key needs no restart. One that cannot be read then leaves
    the keys as they were, and the log says so.
    """

    def __init__(self, secrets: Sequence[str] = (), file: str = "") -> None:
        """`secrets` in base64, or the `file` that has one a line. Raises SettingsError, which quotes no key."""
        self._file = Path(file).expanduser() if file else None
        self._seen: tuple[int, ...] = ()
        self._keys = _parse(secrets, "recordings.keys")
        if self._file is not None:
            self._seen = self._state(self._file)
            self._keys = _read(self._file)

    @property
    def first(self) -> RecordingKey | None:
        """What new recordings are encrypted with."""
        self._refresh()
        return next(iter(self._keys), None)

    @property
    def ids(self) -> tuple[bytes, ...]:
        self._refresh()
        return tuple(key.id for key in self._keys)

    def find(self, key_id: bytes) -> RecordingKey:
        """Raises RecordingLocked where there is no such key."""
        self._refresh()
        for key in self._keys:
            if key.id == key_id:
                return key
        place = "recordings.keys_file" if self._file else "recordings.keys"
        raise RecordingLocked(
            f"The recording is encrypted with key {key_id.hex()}, which is not there; put it back into {place}."
        )

    def _refresh(self) -> None:
        if self._file is None:
            return
        try:
            if (seen := self._state(self._file)) != self._seen:
                self._keys = _read(self._file)
                self._seen = seen
        except SettingsError as error:
            log.error("recording_keys_not_read", reason=str(error))

    @staticmethod
    def _state(path: Path) -> tuple[int, ...]:
        """Another whenever the file is."""
        try:
            found = path.stat()
        except OSError as error:
            raise SettingsError(f"recordings.keys_file: {path} cannot be read: {error.strerror}") from error
        return found.st_ino, found.st_size, found.st_mtime_ns, found.st_mode, found.st_uid


def open_keys(settings: RecordingSettings) -> RecordingKeys:
    """Raises SettingsError where they cannot be read or are none."""
    return RecordingKeys(settings.keys, settings.keys_file)


def new_key() -> str:
    """A key as a keys file has it."""
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()


def _read(path: Path) -> tuple[RecordingKey, ...]:
    """The keys of a file. Raises SettingsError."""
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            text = file.read(1 << 16).decode()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SettingsError(f"recordings.keys_file: {path} cannot be read: {why}") from error
    if found.st_mode & OTHERS_MAY or found.st_uid not in (0, os.geteuid()):
        raise SettingsError(f"recordings.keys_file: {path} is open to others; give it to this user, chmod 600")
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    keys = _parse((line for line in lines if line), f"recordings.keys_file {path}")
    if not keys:
        raise SettingsError(f"recordings.keys_file: {path} has no key; `callscribe keys new` makes one")
    return keys


def _parse(secrets: Iterable[str], place: str) -> tuple[RecordingKey, ...]:
    keys = []
    for number, text in enumerate(secrets, 1):
        try:
            secret = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            secret = b""
        if len(secret) != KEY_BYTES:
            raise SettingsError(f"{place}: key {number} must be {KEY_BYTES} bytes in base64; see `callscribe keys new`")
        keys.append(RecordingKey(secret))
    if len({key.id for key in keys}) < len(keys):
        raise SettingsError(f"{place}: a key is there twice")
    return tuple(keys)


NO_KEYS = RecordingKeys()
