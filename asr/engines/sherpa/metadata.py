"""What an ONNX file tells of itself, read without its weights: those of a large model take seconds and gigabytes.

An ONNX file is one message of Protocol Buffers ("Encoding", protobuf.dev): fields one after another, each with its
length, so that the graph can be skipped. Field 14 of a model are its notes, with a key (1) and a value (2) each.
"""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_NOTES, _KEY, _VALUE = 14, 1, 2
_VARINT, _LENGTH = 0, 2
_FIXED = {1: 8, 5: 4}
"""Bytes of numbers of a fixed size, by their kind."""
_MOST_BITS = 64


def metadata(path: Path) -> dict[str, str]:
    """The notes of an ONNX file by their keys. Raises ValueError for what is no ONNX file, OSError."""
    with path.open("rb") as file:
        return dict(_note(body) for body in _bodies(file, _NOTES))


def _note(body: bytes) -> tuple[str, str]:
    key, value = (next(_bodies(io.BytesIO(body), field), b"") for field in (_KEY, _VALUE))
    return key.decode(), value.decode()


def _bodies(file: BinaryIO, wanted: int) -> Iterator[bytes]:
    """The contents of a message's fields of this number; what has no length is not told."""
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    while file.tell() < end:
        field, kind = divmod(_varint(file), 8)
        if kind == _VARINT:
            _varint(file)
            continue
        length = _varint(file) if kind == _LENGTH else _FIXED.get(kind, end)
        if length > end - file.tell():
            raise ValueError("an ONNX file that is cut off")
        if field == wanted and kind == _LENGTH:
            yield file.read(length)
        else:
            file.seek(length, os.SEEK_CUR)


def _varint(file: BinaryIO) -> int:
    """A number in groups of seven bits, the lowest first; the eighth bit says that another follows."""
    number = 0
    for shift in range(0, _MOST_BITS, 7):
        byte = file.read(1)
        if not byte:
            raise ValueError("an ONNX file that is cut off")
        number |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return number
    raise ValueError("no ONNX file")
