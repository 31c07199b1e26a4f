"""The partition of a key: murmur2 as in Kafka's default partitioner (Java, aiokafka, kafka-python)."""

from __future__ import annotations

from typing import Final

_M: Final = 0x5BD1E995
_MASK: Final = 0xFFFFFFFF


def murmur2(key: bytes) -> int:
    """The positive murmur2 hash of a record key; the partition is this modulo the partition count.

    >>> murmur2(b"ACC-1") % 8
    7
    """
    length = len(key)
    h = 0x9747B28C ^ length
    whole = length & ~3
    for at in range(0, whole, 4):
        k = int.from_bytes(key[at : at + 4], "little") * _M & _MASK
        k = (k ^ k >> 24) * _M & _MASK
        h = h * _M & _MASK ^ k
    if whole < length:
        h = (h ^ int.from_bytes(key[whole:], "little")) * _M & _MASK
    h = (h ^ h >> 13) * _M & _MASK
    # The sign bit is cut off, as toPositive of the Java client does.
    return (h ^ h >> 15) & 0x7FFFFFFF
