# cython: boundscheck=False, wraparound=False
"""A replay fed with record batches as they are, compiled: nearly every row goes from the bytes into ``rows`` at once."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_SetItem
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp

from typing import NamedTuple

from aiokafka.errors import CorruptRecordException
from aiokafka.record.util import calc_crc32c

from kamstream.worker import watermark
from kamstream.worker.batches import feed_plain

cdef enum:
    # Of a batch: where what its length counts begins, what its CRC covers, and its records.
    BEGIN = 12
    CHECKED = 21
    HEAD = 61
    LENGTH_AT = 8
    MAGIC_AT = 16
    CRC_AT = 17
    ATTRIBUTES_AT = 21
    COUNT_AT = 57
    # Attributes: how the records are compressed, and whether they are the broker's own.
    COMPRESSION = 7
    CONTROL = 32

cdef bytes KEY = watermark.KEY
cdef Py_ssize_t PREFIX = watermark.PREFIX


class Row(NamedTuple):
    """A record that the replay has to think about."""

    offset: int
    key: "bytes | None"
    value: "bytes | None"
    headers: tuple


cdef inline uint32_t big32(const uint8_t *at) noexcept nogil:
    return (<uint32_t>at[0] << 24) | (<uint32_t>at[1] << 16) | (<uint32_t>at[2] << 8) | at[3]


cdef inline int64_t big64(const uint8_t *at) noexcept nogil:
    return <int64_t>((<uint64_t>big32(at) << 32) | big32(at + 4))


cdef class Walk:
    """A place in the records of one batch."""

    cdef const uint8_t *at
    cdef const uint8_t *end

    cdef int64_t number(self) except? -77:
        """The next number: seven bits a byte, the lowest first, zigzag."""
        cdef uint64_t value = 0
        cdef int shift = 0
        cdef uint8_t byte
        while True:
            if self.at >= self.end or shift > 63:
                raise CorruptRecordException("a batch of the log ends within a number")
            byte = self.at[0]
            self.at += 1
            value |= <uint64_t>(byte & 127) << shift
            if byte < 128:
                return <int64_t>(value >> 1) ^ -<int64_t>(value & 1)
            shift += 7

    cdef const uint8_t *skip(self, int64_t size) except NULL:
        """Where the next ``size`` bytes begin; goes on behind them."""
        cdef const uint8_t *begin = self.at
        if size < 0 or size > self.end - begin:
            raise CorruptRecordException("a batch of the log ends within a record")
        self.at += size
        return begin

    cdef bytes text(self):
        """Bytes after their length, None where that is negative."""
        cdef int64_t size = self.number()
        if size < 0:
            return None
        return PyBytes_FromStringAndSize(<const char *>self.skip(size), size)


def feed(replay, bytes data not None, int64_t begin, int64_t end):
    """Feed a replay with the records of [begin, end)."""
    cdef const uint8_t *here = <const uint8_t *>PyBytes_AS_STRING(data)
    cdef const uint8_t *last = here + PyBytes_GET_SIZE(data)
    cdef Py_ssize_t size
    view = memoryview(data)
    cdef const uint8_t *start = here
    while last - here >= HEAD:
        size = BEGIN + <int32_t>big32(here + LENGTH_AT)
        if size < HEAD or size > last - here:
            return
        if here[MAGIC_AT] != 2 or here[ATTRIBUTES_AT + 1] & COMPRESSION:
            feed_plain(replay, bytes(view[here - start : here - start + size]), begin, end)
        else:
            checked = view[here - start + CHECKED : here - start + size]
            if <uint32_t>calc_crc32c(checked) != big32(here + CRC_AT):
                raise CorruptRecordException("a batch of the log is damaged: its CRC is wrong")
            if not here[ATTRIBUTES_AT + 1] & CONTROL:
                feed_batch(replay, here, size, begin, end)
        here += size


cdef int feed_batch(replay, const uint8_t *batch, Py_ssize_t size, int64_t begin, int64_t end) except -1:
    """Feed the replay with one batch that is neither compressed nor the broker's own."""
    cdef Walk walk = Walk.__new__(Walk)
    cdef int64_t base = big64(batch), offset, length, key_size, value_size, safe, first, border
    cdef const uint8_t *key_at
    cdef const uint8_t *value_at
    cdef const uint8_t *behind
    cdef dict rows = replay.rows
    cdef set damaged = replay._damaged
    cdef bytes own, key, value
    cdef int32_t _, read = 0
    walk.at, walk.end = batch + HEAD, batch + size
    safe, first, border, own = replay._borders()
    for _ in range(<int32_t>big32(batch + COUNT_AT)):
        length = walk.number()
        behind = walk.skip(length) + length
        walk.at = behind - length
        walk.skip(1)  # attributes, of which there are none
        walk.number()  # timestamp
        offset = base + walk.number()
        if offset >= end:
            break
        if offset < begin:
            walk.at = behind
            continue
        read += 1
        key_size = walk.number()
        key_at = walk.skip(max(key_size, 0))
        value_size = walk.number()
        value_at = walk.skip(max(value_size, 0))
        if (
            value_size >= PREFIX
            and key_size > 0
            and key_at[0] != 0  # the watermarks' keys begin so
            and (offset <= safe or (first <= offset < border and memcmp(value_at, <const char *>own, PREFIX) == 0))
        ):
            # As ``Replay.feed`` has it: old enough to be beyond doubt, or of the newest reign.
            key = PyBytes_FromStringAndSize(<const char *>key_at, key_size)
            PyDict_SetItem(
                rows, key, PyBytes_FromStringAndSize(<const char *>value_at + PREFIX, value_size - PREFIX)
            )
            if damaged:
                damaged.discard(key)
        else:
            key = None if key_size < 0 else PyBytes_FromStringAndSize(<const char *>key_at, key_size)
            value = None if value_size < 0 else PyBytes_FromStringAndSize(<const char *>value_at, value_size)
            replay.feed((Row(offset, key, value, headers_of(walk)),))
            read -= 1
            safe, first, border, own = replay._borders()
        walk.at = behind
    replay.read += read
    return 0


cdef tuple headers_of(Walk walk):
    """The headers of a record, which stand behind its value."""
    cdef int64_t _
    cdef list found = []
    for _ in range(walk.number()):
        found.append(((<bytes>walk.text()).decode(), walk.text()))
    return tuple(found)
