"""A file that is encrypted at rest (AES-256-GCM, NIST SP 800-38D) in chunks, so that it grows and is read anywhere.

    0     magic, file id, id of the key that wraps, wrapped key of this file
    128   slot of chunk 0, the WAV's header
    512   spare: number and size of a slot, and its newer content
    8192  slots of 4096 bytes of the WAV each, the last as long as the WAV goes

A slot is a nonce, the encrypted bytes and a tag, which also holds for the file's id and the chunk's number: what is
moved, cut out or put in from another file is found out. Each time that a slot is written it has a new random nonce,
and each file has a key of its own. A slot is written over only once its new content stands in the spare: whoever is
killed meanwhile leaves one of the two.
"""

import os
import struct
import time
from collections.abc import Iterator
from contextlib import suppress

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from callscribe.domain.errors import RecordingDamaged
from storage.audio_file import PlainFile
from storage.recording_keys import (
    ID_BYTES,
    KEY_BYTES,
    NONCE_BYTES,
    TAG_BYTES,
    WRAPPED_BYTES,
    RecordingKey,
    RecordingKeys,
)  # fmt: skip
from storage.wave import HEADER_BYTES

MAGIC = b"CALLSEAL"
FILE_ID_BYTES = 16
HEAD = struct.Struct(f"<{len(MAGIC)}s{FILE_ID_BYTES}s{ID_BYTES}s{WRAPPED_BYTES}s")
KEY_PLACE = len(MAGIC) + FILE_ID_BYTES
HEADER_PLACE, SPARE_PLACE, FIRST_PLACE = 128, 512, 8192
CHUNK = 4096
EXTRA = NONCE_BYTES + TAG_BYTES
SLOT = CHUNK + EXTRA
SPARE = struct.Struct("<QH")
READ_CHUNKS = 256
"""Read at once, 1 MiB."""
FILL_BYTES = 1 << 20
LOOKS = 4
"""At a chunk that somebody else may be writing just now."""
LOOK_AGAIN_S = 0.005


class SealedFile:
    """The WAV in such a file, as an AudioFile. One writer at a time; others may read meanwhile."""

    def __init__(self, disk: PlainFile, keys: RecordingKeys) -> None:
        """Raises RecordingLocked where its key is not among `keys`, RecordingDamaged, OSError."""
        self._disk = disk
        _, self._id, key_id, wrapped = read_head(disk)
        self._cipher = AESGCM(keys.find(key_id).unwrap(wrapped, _bound(self._id, key_id)))

    @staticmethod
    def make(disk: PlainFile, key: RecordingKey) -> None:
        """Make an empty file one that a SealedFile can be opened on."""
        file_id = os.urandom(FILE_ID_BYTES)
        wrapped = key.wrap(os.urandom(KEY_BYTES), _bound(file_id, key.id))
        # The spare's room is taken now: a disk that is full then spoils no slot that stands.
        disk.pwrite(HEAD.pack(MAGIC, file_id, key.id, wrapped).ljust(FIRST_PLACE, b"\0"), 0)

    @property
    def size(self) -> int:
        if (on_disk := self._disk.size) < FIRST_PLACE:
            return 0
        whole, rest = divmod(on_disk - FIRST_PLACE, SLOT)
        return HEADER_BYTES + whole * CHUNK + max(0, rest - EXTRA)

    def pread(self, count: int, place: int) -> bytes:
        end = min(place + count, self.size)
        if place >= end:
            return b""
        first = _chunk_at(place)
        plain = b"".join(self._read(first, end))
        return plain[place - _start(first) :][: end - place]

    def pwrite(self, block: bytes, place: int) -> None:
        while (gap := place - self.size) > 0:
            self._write(bytes(min(gap, FILL_BYTES)), self.size)
        self._write(block, place)

    def truncate(self, size: int) -> None:
        chunk = _chunk_at(size)
        if (left := size - _start(chunk)) and size < self.size:
            slot = self._seal(chunk, self._chunk(chunk, left)[:left])
            self._overwrite(chunk, slot)
            self._disk.truncate(_place(chunk) + len(slot))
        elif not left:
            self._disk.truncate(_place(chunk))

    def mend(self, cut: bool = False) -> None:
        """After a crash: put what the spare has into its slot where that was not written whole; `cut` off what is at
        the end and cannot be read."""
        number, slot = self._spare()
        if slot and self._try(number, slot) is not None and self._try(number, self._slot(number)) is None:
            self._disk.pwrite(slot, _place(number))
        while cut and (size := self.size) > HEADER_BYTES:
            last = _chunk_at(size - 1)
            if self._try(last, self._slot(last)) is not None:
                # A slot that was begun.
                self._disk.truncate(min(self._disk.size, _place(last) + size - _start(last) + EXTRA))
                break
            self._disk.truncate(_place(last))

    def sync(self) -> None:
        self._disk.sync()

    def close(self) -> None:
        self._disk.close()

    def _read(self, chunk: int, end: int) -> Iterator[bytes]:
        """The chunks from this one to `end`, each whole but the last."""
        last = _chunk_at(end - 1)
        while chunk <= last:
            ahead = 1 if chunk == 0 else min(READ_CHUNKS, last - chunk + 1)
            block = memoryview(self._disk.pread(_size(chunk) + EXTRA + (ahead - 1) * SLOT, _place(chunk)))
            for number in range(chunk, chunk + ahead):
                begin = (number - chunk) * SLOT
                wanted = min(_size(number), end - _start(number))
                plain = self._try(number, block[begin : begin + _size(number) + EXTRA])
                yield plain if plain is not None and len(plain) >= wanted else self._chunk(number, wanted)
            chunk += ahead

    def _chunk(self, number: int, wanted: int) -> bytes:
        """At least `wanted` bytes of it, from its slot or the spare. Raises RecordingDamaged."""
        for look in range(LOOKS):
            if look:
                time.sleep(LOOK_AGAIN_S)
            spared, spare = self._spare()
            for slot in (self._slot(number), spare if spared == number else b""):
                if (plain := self._try(number, slot)) is not None and len(plain) >= wanted:
                    return plain
        raise RecordingDamaged

    def _slot(self, number: int) -> bytes:
        return self._disk.pread(_size(number) + EXTRA, _place(number))

    def _spare(self) -> tuple[int, bytes]:
        number, size = SPARE.unpack(self._disk.pread(SPARE.size, SPARE_PLACE))
        return number, self._disk.pread(min(size, SLOT), SPARE_PLACE + SPARE.size)

    def _try(self, number: int, slot: bytes | memoryview) -> bytes | None:
        """What is in it; None where it is not what was written for this chunk of this file."""
        if len(slot) < EXTRA:
            return None
        with suppress(InvalidTag):
            return self._cipher.decrypt(bytes(slot[:NONCE_BYTES]), slot[NONCE_BYTES:], self._mark(number))
        return None

    def _seal(self, number: int, plain: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, self._mark(number))

    def _mark(self, number: int) -> bytes:
        return MAGIC + self._id + number.to_bytes(8, "little")

    def _write(self, block: bytes, place: int) -> None:
        size = self.size
        while block:
            number = _chunk_at(place)
            inside = place - _start(number)
            part, block = block[: _size(number) - inside], block[_size(number) - inside :]
            if held := min(_size(number), max(0, size - _start(number))):
                # The header's slot counts as held before it is written.
                covered = inside == 0 and len(part) >= held
                old = b"" if covered else self._chunk(number, held)
                self._overwrite(number, self._seal(number, old[:inside] + part + old[inside + len(part) :]))
            else:
                self._append(number, self._seal(number, part))
            place += len(part)

    def _append(self, number: int, slot: bytes) -> None:
        try:
            self._disk.pwrite(slot, _place(number))
        except OSError:
            self._disk.truncate(_place(number))
            raise

    def _overwrite(self, number: int, slot: bytes) -> None:
        # As long as any: of what was there before nothing is left.
        self._disk.pwrite(SPARE.pack(number, len(slot)) + slot.ljust(SLOT, b"\0"), SPARE_PLACE)
        self._disk.pwrite(slot, _place(number))


def read_head(disk: PlainFile) -> tuple[bytes, bytes, bytes, bytes]:
    """Magic, file id, key id and wrapped key. Raises RecordingDamaged where there is no such head."""
    head = disk.pread(HEAD.size, 0)
    if len(head) < HEAD.size or not head.startswith(MAGIC):
        raise RecordingDamaged
    magic, file_id, key_id, wrapped = HEAD.unpack(head)
    return magic, file_id, key_id, wrapped


def rewrap(disk: PlainFile, keys: RecordingKeys) -> bool:
    """Wrap the file's key with the first of `keys`, and whether it was not. Its audio stays as it is; who has the file
    open goes on. Raises RecordingLocked, RecordingDamaged, OSError."""
    first = keys.first
    _, file_id, key_id, wrapped = read_head(disk)
    if first is None or key_id == first.id:
        return False
    data_key = keys.find(key_id).unwrap(wrapped, _bound(file_id, key_id))
    # Within one sector: a crash leaves the one or the other.
    disk.pwrite(first.id + first.wrap(data_key, _bound(file_id, first.id)), KEY_PLACE)
    disk.sync()
    return True


def _bound(file_id: bytes, key_id: bytes) -> bytes:
    return MAGIC + file_id + key_id


def _chunk_at(place: int) -> int:
    """The chunk that the WAV's byte at `place` is in."""
    return 0 if place < HEADER_BYTES else 1 + (place - HEADER_BYTES) // CHUNK


def _start(chunk: int) -> int:
    """Where in the WAV it begins."""
    return 0 if chunk == 0 else HEADER_BYTES + (chunk - 1) * CHUNK


def _size(chunk: int) -> int:
    """Bytes of the WAV that it has when it is whole."""
    return HEADER_BYTES if chunk == 0 else CHUNK


def _place(chunk: int) -> int:
    """Where on disk its slot begins."""
    return HEADER_PLACE if chunk == 0 else FIRST_PLACE + (chunk - 1) * SLOT
