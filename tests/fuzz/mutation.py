"""Inputs that were right once, broken in a few places: the same for the same seed."""

import random
import re

ODD = (b"\0", b"\r\n", b"\r\n\r\n", b"4294967296", b"-1", b"9" * 400, b"1e999", b"\xff\xff\xff\xff", b"\xf0\x9f\x92",
       b"<", b'"', b";", b",", b"[" * 2000, b"a" * 5000, b"%00", b"\x80")  # fmt: skip
_NUMBER = re.compile(rb"\d+")
LONGEST = 200_000
"""Bytes of an input."""


def mutated(chance: random.Random, seeds: list[bytes], words: tuple[bytes, ...] = ()) -> bytes:
    """One of the seeds, or two joined, after one to six changes; seldom what never was right."""
    if chance.random() < 0.02:
        return chance.randbytes(chance.randrange(1400))
    data = bytearray(chance.choice(seeds))
    if chance.random() < 0.15:
        other = chance.choice(seeds)
        data = data[: chance.randrange(len(data) + 1)] + other[chance.randrange(len(other) + 1) :]
    for _ in range(chance.randrange(1, 7)):
        _break(chance, data, words)
    return bytes(data[:LONGEST])


def _break(chance: random.Random, data: bytearray, words: tuple[bytes, ...]) -> None:
    at, length = chance.randrange(len(data) + 1), chance.randrange(1, 40)
    match chance.randrange(7):
        case 0:
            data[at : at + 1] = chance.randbytes(1)
        case 1:
            del data[at : at + length]
        case 2:
            data[at:at] = data[at : at + length * 10]
        case 3:
            data[at:at] = chance.choice((*ODD, *words))
        case 4:
            del data[at:]
        case 5:
            numbers = list(_NUMBER.finditer(data))
            if numbers:
                start, end = chance.choice(numbers).span()
                data[start:end] = str(chance.choice((0, -1, 255, 65536, 2**31, 2**63, 10**20))).encode()
        case _:
            lines = data.split(b"\n")
            chance.shuffle(lines)
            data[:] = b"\n".join(lines)
