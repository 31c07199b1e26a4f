"""A hash as ``RESTORE`` takes it: the bytes that Redis itself keeps a small hash in, made here.

``HSET`` looks for each field among those that stand already, so a hash of 300 fields costs Redis a millisecond; bytes
that are in its own form cost it a copy. The forms are those of its dump files and do not change once they are out: a
ziplist is taken by every version from 6.2 on, a listpack from 7.0 on, where a ziplist would first be converted. Whether
a server takes them is tried out (``PROBE``); one that takes none gets ``HSET``.

``_packing`` makes the same bytes compiled. This is their definition, too slow for the tables themselves.
"""

import struct
from collections.abc import Sequence
from typing import Literal

Kind = Literal["listpack", "ziplist"]
#: The type of value, and the version of dump files that brought it.
HEADS: dict[Kind, tuple[int, int]] = {"listpack": (16, 10), "ziplist": (13, 9)}
#: More entries are not counted in 16 bits; such a hash is written with HSET.
MOST = 0xFFFE // 2
#: CRC-64 of dump files: reflected, this polynomial, nothing before and after.
POLYNOMIAL = 0x95AC9329AC4BC9B5


def hash_dump(pairs: Sequence[str | int], kind: Kind) -> bytes:
    """Fields and values in turn, no field twice; empty where there are none: Redis keeps no empty hash."""
    if not pairs:
        return b""
    type_, version = HEADS[kind]
    packed = (_listpack if kind == "listpack" else _ziplist)(pairs)
    body = bytes([type_]) + _length(len(packed)) + packed + struct.pack("<H", version)
    return body + struct.pack("<Q", crc64(body))


def crc64(data: bytes) -> int:
    """The check sum at the end of a dump.

    >>> hex(crc64(b"123456789"))
    '0xe9c6d914c4b8d9ca'
    """
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (POLYNOMIAL if crc & 1 else 0)
    return crc


def _length(size: int) -> bytes:
    """How long the text is that comes next."""
    if size < 1 << 6:
        return bytes([size])
    if size < 1 << 14:
        return bytes([0x40 | size >> 8, size & 0xFF])
    return b"\x80" + struct.pack(">I", size)


def _ziplist(parts: Sequence[str | int]) -> bytes:
    """Before each entry stands how long the one before it is."""
    entries: list[bytes] = []
    before = 0
    for part in parts:
        head = bytes([before]) if before < 254 else b"\xfe" + struct.pack("<I", before)
        entries.append(head + (_ziplist_number(part) if isinstance(part, int) else _ziplist_text(part.encode())))
        before = len(entries[-1])
    # Its size, where its last entry begins, how many there are.
    size = 10 + sum(map(len, entries))
    return struct.pack("<IIH", size + 1, size - before, len(entries)) + b"".join(entries) + b"\xff"


def _ziplist_text(text: bytes) -> bytes:
    size = len(text)
    if size < 1 << 6:
        return bytes([size]) + text
    if size < 1 << 14:
        return bytes([0x40 | size >> 8, size & 0xFF]) + text
    return b"\x80" + struct.pack(">I", size) + text


def _ziplist_number(number: int) -> bytes:
    if 0 <= number <= 12:
        return bytes([0xF1 + number])
    if -(1 << 7) <= number < 1 << 7:
        return b"\xfe" + struct.pack("<b", number)
    if -(1 << 15) <= number < 1 << 15:
        return b"\xc0" + struct.pack("<h", number)
    if -(1 << 23) <= number < 1 << 23:
        return b"\xf0" + struct.pack("<i", number)[:3]
    if -(1 << 31) <= number < 1 << 31:
        return b"\xd0" + struct.pack("<i", number)
    return b"\xe0" + struct.pack("<q", number)


def _listpack(parts: Sequence[str | int]) -> bytes:
    """After each entry stands how long it is."""
    entries = [_listpack_number(part) if isinstance(part, int) else _listpack_text(part.encode()) for part in parts]
    body = b"".join(entry + _back(len(entry)) for entry in entries)
    return struct.pack("<IH", 6 + len(body) + 1, len(entries)) + body + b"\xff"


def _listpack_text(text: bytes) -> bytes:
    size = len(text)
    if size < 1 << 6:
        return bytes([0x80 | size]) + text
    if size < 1 << 12:
        return bytes([0xE0 | size >> 8, size & 0xFF]) + text
    return b"\xf0" + struct.pack("<I", size) + text


def _listpack_number(number: int) -> bytes:
    if 0 <= number < 1 << 7:
        return bytes([number])
    if -(1 << 12) <= number < 1 << 12:
        return bytes([0xC0 | number >> 8 & 0x1F, number & 0xFF])
    if -(1 << 15) <= number < 1 << 15:
        return b"\xf1" + struct.pack("<h", number)
    if -(1 << 23) <= number < 1 << 23:
        return b"\xf2" + struct.pack("<i", number)[:3]
    if -(1 << 31) <= number < 1 << 31:
        return b"\xf3" + struct.pack("<i", number)
    return b"\xf4" + struct.pack("<q", number)


def _back(size: int) -> bytes:
    """A length that is read from its end: seven bits a byte, all but the first with the eighth set."""
    # Redis reckons how many bytes they are by these borders, each one less than what would fit.
    count = next((count for count, border in ((1, 128), (2, 16383), (3, 2097151), (4, 268435455)) if size < border), 5)
    sevens = [size >> 7 * at & 0x7F for at in reversed(range(count))]
    return bytes([sevens[0], *(seven | 0x80 for seven in sevens[1:])])


#: By form a hash ``{"field": "text", "number": 7}``, best first.
PROBE: dict[Kind, bytes] = {kind: hash_dump(["field", "text", "number", 7], kind) for kind in HEADS}
