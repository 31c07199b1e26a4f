"""How rows of ``kam.rollups`` say which flush of which owner they come from."""

import struct

_STAMP = struct.Struct(">QQ")


def pack(epoch: int, flush: int, payload: bytes | None) -> bytes:
    """The record's value: epoch and flush number, then the payload; no payload = the row is gone.

    >>> unpack(pack(3, 7, b"x"))
    ((3, 7), b'x')
    >>> unpack(pack(3, 8, None))
    ((3, 8), None)
    """
    return _STAMP.pack(epoch, flush) + (payload or b"")


def unpack(value: bytes) -> tuple[tuple[int, int], bytes | None]:
    """Stamp and payload of a record's value; ValueError when it is too short to be one."""
    try:
        epoch, flush = _STAMP.unpack_from(value)
    except struct.error as error:
        raise ValueError(f"not a rollup row: {error}") from None
    return (epoch, flush), value[_STAMP.size :] or None
