"""SRTP as a sender makes it (RFC 3711), with keys as SDP tells them (RFC 4568): AES in counter mode, HMAC-SHA1."""

import base64
import hashlib
import hmac
import os
import struct
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

KEY_BYTES = {"AES_CM_128_HMAC_SHA1_80": 16, "AES_256_CM_HMAC_SHA1_80": 32}
"""Master key by suite (RFC 4568 section 6.2, RFC 6188 section 3)."""
_SALT_BYTES = 14
_TAG_BYTES = 10
_HEADER_BYTES = 12


@dataclass(frozen=True, slots=True)
class Keying:
    """One `a=crypto` line of an offer."""

    tag: int
    suite: str
    secret: bytes = field(repr=False, default=b"")
    """Master key and salt, made up where not given."""

    @classmethod
    def fresh(cls, tag: int, suite: str) -> "Keying":
        return cls(tag, suite, os.urandom(KEY_BYTES[suite] + _SALT_BYTES))

    @property
    def line(self) -> str:
        return f"a=crypto:{self.tag} {self.suite} inline:{base64.b64encode(self.secret).decode()}"


class Sealer:
    """Makes SRTP of one sender's RTP packets, fewer than 65,536 of them."""

    def __init__(self, keying: Keying) -> None:
        length = KEY_BYTES[keying.suite]
        master, salt = keying.secret[:length], keying.secret[length:]
        self._key = _derived(master, salt, 0, length)
        self._authentication = _derived(master, salt, 1, 20)
        self._salt = int.from_bytes(_derived(master, salt, 2, _SALT_BYTES))

    def seal(self, packet: bytes) -> bytes:
        header, payload = packet[:_HEADER_BYTES], packet[_HEADER_BYTES:]
        number, source = struct.unpack("!2xH4xI", header)
        vector = (self._salt << 16) ^ (source << 64) ^ (number << 16)
        sealed = header + _key_stream(self._key, vector, payload)
        # The roll-over counter is 0.
        tag = hmac.new(self._authentication, sealed + bytes(4), hashlib.sha1).digest()
        return sealed + tag[:_TAG_BYTES]


def _derived(master: bytes, salt: bytes, label: int, length: int) -> bytes:
    """A session key (RFC 3711 section 4.3)."""
    return _key_stream(master, (int.from_bytes(salt) ^ (label << 48)) << 16, bytes(length))


def _key_stream(key: bytes, vector: int, data: bytes) -> bytes:
    """`data` encrypted by AES in counter mode."""
    return Cipher(algorithms.AES(key), modes.CTR(vector.to_bytes(16))).encryptor().update(data)
