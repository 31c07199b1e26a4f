# cython: boundscheck=False, wraparound=False, cdivision=True
"""Records packed into batches: ``parcels`` compiled."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int16_t, int32_t, int64_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset

import time

from aiokafka.record.default_records import DefaultRecordMetadata
from aiokafka.record.util import calc_crc32c

from kamstream.engine._sheet cimport Sheet, Sizes

from kamstream.worker.parcels import LIMIT
from kamstream.worker.watermark import HEADER, epoch_bytes

#: A batch's head, and where in it what stands.
cdef enum:
    HEAD = 61
    LENGTH_AT = 8
    LEADER_AT = 12
    MAGIC_AT = 16
    CRC_AT = 17
    ATTRIBUTES_AT = 21
    LAST_AT = 23
    FIRST_TIME_AT = 27
    NEWEST_TIME_AT = 35
    PRODUCER_AT = 43
    EPOCH_AT = 51
    SEQUENCE_AT = 53
    COUNT_AT = 57

#: The headers of a record that has none: their number.
cdef const char* NO_HEADERS = b"\0"


cdef class Batch:
    """Records of one partition as they are sent; all that aiokafka's producer asks of its ``BatchBuilder``."""

    def __init__(self, Py_ssize_t limit=LIMIT):
        self.limit = limit
        self.used = HEAD
        self.first = self.newest = self.producer = self.epoch = -1

    def __dealloc__(self):
        free(self.data)

    def append(self, *, timestamp, bytes key, bytes value, headers=()):
        """Add a record; None where it does not fit any more: then the batch is closed."""
        cdef int64_t at = int(time.time() * 1000) if timestamp is None else timestamp
        cdef bytes packed = _headers(headers)
        cdef Py_ssize_t before = self.used
        cdef const char* key_at = NULL if key is None else PyBytes_AS_STRING(key)
        cdef Py_ssize_t value_size = -1 if value is None else PyBytes_GET_SIZE(value)
        cdef char* place = self.put(
            at, key_at, -1 if key is None else PyBytes_GET_SIZE(key), value_size, PyBytes_AS_STRING(packed),
            PyBytes_GET_SIZE(packed),
        )
        if place == NULL:
            return None
        if value_size > 0:
            memcpy(place, PyBytes_AS_STRING(value), value_size)
        return DefaultRecordMetadata(self.count - 1, self.used - before, at)

    def close(self):
        """Take no more records."""
        self.is_closed = True

    def closed(self):
        """Whether no more records are taken."""
        return self.is_closed

    def size(self):
        """Bytes so far."""
        return self.used

    def record_count(self):
        """Records so far."""
        return self.count

    def _set_producer_state(self, int64_t producer_id, int16_t producer_epoch, int32_t base_sequence):
        self.producer, self.epoch, self.sequence = producer_id, producer_epoch, base_sequence

    def _build(self):
        """The batch as it is sent; it takes no more records then."""
        cdef char* head
        self.is_closed = True
        if self.built is None:
            self.make_room(0)
            head = self.data
            memset(head, 0, HEAD)
            _big32(head + LENGTH_AT, <uint32_t>(self.used - LEADER_AT))
            _big32(head + LEADER_AT, <uint32_t>-1)
            head[MAGIC_AT] = 2
            # An empty batch says 0 as well.
            _big32(head + LAST_AT, <uint32_t>max(0, self.count - 1))
            _big64(head + FIRST_TIME_AT, <uint64_t>self.first)
            _big64(head + NEWEST_TIME_AT, <uint64_t>self.newest)
            _big64(head + PRODUCER_AT, <uint64_t>self.producer)
            head[EPOCH_AT], head[EPOCH_AT + 1] = <char>(self.epoch >> 8), <char>self.epoch
            _big32(head + SEQUENCE_AT, <uint32_t>self.sequence)
            _big32(head + COUNT_AT, <uint32_t>self.count)
            built = PyBytes_FromStringAndSize(head, self.used)
            # Nobody else has these bytes yet.
            _big32(PyBytes_AS_STRING(built) + CRC_AT, <uint32_t>calc_crc32c(memoryview(built)[ATTRIBUTES_AT:]))
            self.built = built
            free(self.data)
            self.data = NULL
            self.room = 0
        return self.built

    cdef char* put(
        self, int64_t timestamp, const char* key, Py_ssize_t key_size, Py_ssize_t value_size,
        const char* headers, Py_ssize_t headers_size,
    ) except? NULL:
        """Add a record whose value is still to be written: where to. NULL, without an error: it does not fit.

        A size of -1: there is none. ``headers`` are their number and they themselves, packed.
        """
        cdef int64_t late = 0 if self.count == 0 else timestamp - self.first
        cdef Py_ssize_t body = 1 + _size_of(late) + _size_of(self.count) + _size_of(key_size) + _size_of(value_size)
        cdef Py_ssize_t whole
        cdef char* p
        body += (key_size if key_size > 0 else 0) + (value_size if value_size > 0 else 0) + headers_size
        whole = body + _size_of(body)
        if self.is_closed:
            return NULL
        # Not the last byte: aiokafka's own compiled builder leaves it as well.
        if self.count and self.used + whole >= self.limit:
            self.is_closed = True
            return NULL
        self.make_room(whole)
        if self.count == 0:
            self.first = self.newest = timestamp
        elif timestamp > self.newest:
            self.newest = timestamp
        p = _varint(self.data + self.used, body)
        p[0] = 0
        p = _varint(_varint(p + 1, late), self.count)
        p = _varint(p, key_size)
        if key_size > 0:
            memcpy(p, key, key_size)
            p += key_size
        p = _varint(p, value_size)
        self.count += 1
        self.used += whole
        memcpy(self.data + self.used - headers_size, headers, headers_size)
        return p

    cdef int make_room(self, Py_ssize_t more) except -1:
        cdef Py_ssize_t wanted = self.used + more
        cdef char* moved
        if wanted > self.room:
            wanted = max(wanted, 2 * self.room, 512)
            moved = <char*>realloc(self.data, wanted)
            if moved == NULL:
                raise MemoryError
            self.data, self.room = moved, wanted
        return 0


def pack(rows, int64_t now, Py_ssize_t limit=LIMIT):
    """(partition, key, value) rows as batches with their partitions, as the definition says."""
    cdef list full = []
    cdef dict last = {}
    cdef Batch batch
    cdef bytes key, value
    for partition, key, value in rows:
        batch = last.get(partition)
        if batch is not None and _add(batch, now, key, value):
            continue
        if batch is not None:
            full.append((partition, batch))
        batch = last[partition] = Batch(limit)
        _add(batch, now, key, value)
    full.extend(last.items())
    return full


cdef bint _add(Batch batch, int64_t now, bytes key, bytes value) except -1:
    cdef Py_ssize_t size = -1 if value is None else PyBytes_GET_SIZE(value)
    cdef char* place
    if key is None:
        place = batch.put(now, NULL, -1, size, NO_HEADERS, 1)
    else:
        place = batch.put(now, PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key), size, NO_HEADERS, 1)
    if place == NULL:
        return False
    if size > 0:
        memcpy(place, PyBytes_AS_STRING(value), size)
    return True


def pack_state(rows, epoch, int64_t now, Py_ssize_t limit=LIMIT):
    """Rows of state as batches, as the definition says."""
    cdef bytes prefix = epoch_bytes(epoch)
    cdef bytes deletion = _headers([(HEADER, prefix)])
    cdef list batches = []
    cdef Batch batch = None
    cdef bytes key, value
    cdef Sheet sheet
    cdef Sizes sizes
    cdef Py_ssize_t at = 0
    cdef const char* key_at
    if isinstance(rows, Sheet):
        sheet = rows
        while at < sheet.used:
            at = sheet.read(at, &sizes, &key_at)
            batch = _with_state(batches, batch, limit, now, key_at, sizes, key_at + sizes.key, prefix, deletion)
        return batches
    for key, value in rows:
        sizes.key, sizes.value = PyBytes_GET_SIZE(key), -1 if value is None else PyBytes_GET_SIZE(value)
        batch = _with_state(
            batches, batch, limit, now, PyBytes_AS_STRING(key), sizes,
            NULL if value is None else PyBytes_AS_STRING(value), prefix, deletion,
        )
    return batches


cdef Batch _with_state(
    list batches, Batch batch, Py_ssize_t limit, int64_t now, const char* key, Sizes sizes, const char* value,
    bytes prefix, bytes deletion,
):
    """Add a row to the last batch, or to a new one; the batch that has it."""
    if batch is None or not _add_state(batch, now, key, sizes, value, prefix, deletion):
        batch = Batch(limit)
        batches.append(batch)
        _add_state(batch, now, key, sizes, value, prefix, deletion)
    return batch


cdef bint _add_state(
    Batch batch, int64_t now, const char* key, Sizes sizes, const char* value, bytes prefix, bytes deletion
) except -1:
    cdef Py_ssize_t before = PyBytes_GET_SIZE(prefix)
    cdef char* place
    if sizes.value < 0:
        place = batch.put(now, key, sizes.key, -1, PyBytes_AS_STRING(deletion), PyBytes_GET_SIZE(deletion))
        return place != NULL
    place = batch.put(now, key, sizes.key, before + sizes.value, NO_HEADERS, 1)
    if place == NULL:
        return False
    memcpy(place, PyBytes_AS_STRING(prefix), before)
    memcpy(place + before, value, sizes.value)
    return True


cdef bytes _headers(headers):
    """A record's headers after their number."""
    cdef char number[10]
    cdef bytes name, value
    cdef list parts
    if not headers:
        return b"\0"
    parts = [number[: _varint(number, len(headers)) - number]]
    for said, value in headers:
        name = said.encode()
        parts += [number[: _varint(number, len(name)) - number], name]
        if value is None:
            parts.append(b"\1")
        else:
            parts += [number[: _varint(number, len(value)) - number], value]
    return b"".join(parts)


cdef inline int _size_of(int64_t value) noexcept nogil:
    cdef uint64_t left = (<uint64_t>value << 1) ^ <uint64_t>(value >> 63)
    cdef int size = 1
    while left >= 0x80:
        left >>= 7
        size += 1
    return size


cdef inline char* _varint(char* p, int64_t value) noexcept nogil:
    """Write a number in zigzag; the place behind it."""
    cdef uint64_t left = (<uint64_t>value << 1) ^ <uint64_t>(value >> 63)
    while left >= 0x80:
        p[0] = <char>(left | 0x80)
        p += 1
        left >>= 7
    p[0] = <char>left
    return p + 1


cdef inline void _big32(char* p, uint32_t value) noexcept nogil:
    cdef int at
    for at in range(4):
        p[at] = <char>(value >> (24 - 8 * at))


cdef inline void _big64(char* p, uint64_t value) noexcept nogil:
    cdef int at
    for at in range(8):
        p[at] = <char>(value >> (56 - 8 * at))
