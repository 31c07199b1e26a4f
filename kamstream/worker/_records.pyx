# cython: boundscheck=False, wraparound=False, cdivision=True
"""The records of one fetch, left in the buffer that they came in: where each one's key, value and headers lie.

A sequence of `Record`, which are made when they are asked for; a decoder looks at the bytes where they are. The places
are those of Kafka's record format of version 2; who unpacks batches hands over the bytes behind their head.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy


cdef class Record:
    """One record by itself."""

    cdef readonly str topic
    cdef readonly int partition, timestamp_type
    cdef readonly int64_t offset, timestamp
    cdef readonly bytes key, value
    cdef readonly tuple headers


cdef class Records:
    """Records of one partition in the order of their offsets. ``begin``: from which offset on they are all there are."""

    def __init__(self, str topic not None, int partition):
        self.topic, self.partition = topic, partition
        self.begin = None
        self.buffers = []

    def __dealloc__(self):
        free(self.places)

    def __len__(self):
        return self.count

    def __getitem__(self, Py_ssize_t at):
        if at < 0:
            at += self.count
        if not 0 <= at < self.count:
            raise IndexError("no such record")
        return self.record(at)

    def __iter__(self):
        cdef Py_ssize_t at
        for at in range(self.count):
            yield self.record(at)

    def since(self, int64_t offset):
        """Those that have this offset or a later one."""
        cdef Py_ssize_t at = 0
        while at < self.count and self.places[at].offset < offset:
            at += 1
        return self.part(at, self.count)

    def split(self, Py_ssize_t most):
        """The first ``most``, and the rest."""
        most = min(most, self.count)
        return self.part(0, most), self.part(most, self.count)

    def append(
        self, bytes buffer not None, Py_ssize_t start, Py_ssize_t end, Py_ssize_t records,
        int64_t base_offset, int64_t first_timestamp, append_time, int64_t least,
    ):
        """Add the ``records`` records that lie in buffer[start:end], those before the offset ``least`` left out.

        ``append_time`` (ms), where the broker stamped them. Raises ValueError where the bytes are no such records;
        then none were added.
        """
        cdef const char* p = PyBytes_AS_STRING(buffer) + start
        cdef const char* last = PyBytes_AS_STRING(buffer) + end
        cdef Py_ssize_t before = self.count, number
        cdef int stamped = append_time is not None
        cdef int64_t stamp = append_time if stamped else 0
        cdef Place* place
        if not 0 <= start <= end <= len(buffer) or records < 0:
            raise ValueError("no such bytes")
        # A record has 7 bytes at least: a count that is out of all proportion is found before room is made for it.
        if records > (end - start) // 7:
            raise ValueError("more records than bytes")
        self.make_room(records)
        for number in range(records):
            place = &self.places[self.count]
            p = _read(p, last, place)
            if p == NULL:
                self.count = before
                raise ValueError(f"record {number} of {records} is malformed")
            place.offset += base_offset
            if place.offset < least:
                continue
            place.timestamp = stamp if stamped else first_timestamp + place.timestamp
            place.timestamp_type = stamped
            place.buffer = <int32_t>len(self.buffers)
            self.count += 1
        if p != last:
            self.count = before
            raise ValueError("bytes are left behind the records")
        self.buffers.append(buffer)

    def extend(self, Records more not None):
        """Add the records of another one."""
        cdef Py_ssize_t at
        cdef int32_t known = <int32_t>len(self.buffers)
        self.make_room(more.count)
        for at in range(more.count):
            self.places[self.count] = more.places[at]
            self.places[self.count].buffer += known
            self.count += 1
        self.buffers.extend(more.buffers)

    cdef int make_room(self, Py_ssize_t more) except -1:
        cdef Py_ssize_t room = self.count + more
        cdef Place* moved
        if room > self.room:
            room = max(room, 2 * self.room)
            moved = <Place*>realloc(self.places, room * sizeof(Place))
            if moved == NULL:
                raise MemoryError
            self.places, self.room = moved, room
        return 0

    cdef Records part(self, Py_ssize_t start, Py_ssize_t stop):
        cdef Records made = Records(self.topic, self.partition)
        if stop > start:
            made.make_room(stop - start)
            memcpy(made.places, self.places + start, (stop - start) * sizeof(Place))
            made.count = stop - start
            made.buffers = list(self.buffers)
        made.begin = self.begin
        return made

    cdef object record(self, Py_ssize_t at):
        cdef Place* place = &self.places[at]
        cdef Record made = Record.__new__(Record)
        made.topic, made.partition = self.topic, self.partition
        made.offset, made.timestamp, made.timestamp_type = place.offset, place.timestamp, place.timestamp_type
        if place.key_length >= 0:
            made.key = PyBytes_FromStringAndSize(place.key, place.key_length)
        if place.value_length >= 0:
            made.value = PyBytes_FromStringAndSize(place.value, place.value_length)
        made.headers = _headers(place)
        return made


cdef tuple _headers(Place* place):
    cdef const char* p = place.headers
    cdef int64_t length = 0
    cdef list made
    if place.header_count == 0:
        return ()
    made = []
    for _ in range(place.header_count):
        p = varint(p, place.end, &length)
        name = PyUnicode_DecodeUTF8(p, length, b"replace")
        p = varint(p + length, place.end, &length)
        if length < 0:
            made.append((name, None))
        else:
            made.append((name, PyBytes_FromStringAndSize(p, length)))
            p += length
    return tuple(made)


cdef const char* varint(const char* p, const char* end, int64_t* value) noexcept nogil:
    """The zigzag number at ``p``; the place behind it, NULL where there is none."""
    cdef uint64_t read = 0
    cdef int shift = 0
    cdef unsigned char byte
    while p < end and shift < 64:
        byte = p[0]
        p += 1
        read |= <uint64_t>(byte & 0x7F) << shift
        if byte < 0x80:
            value[0] = <int64_t>(read >> 1) ^ -<int64_t>(read & 1)
            return p
        shift += 7
    return NULL


cdef const char* _bytes(const char* p, const char* end, const char** at, int32_t* length) noexcept nogil:
    """Bytes after their length, which is negative where there are none."""
    cdef int64_t size = 0
    p = varint(p, end, &size)
    if p == NULL or size > end - p:
        return NULL
    if size < 0:
        at[0], length[0] = NULL, -1
        return p
    at[0], length[0] = p, <int32_t>size
    return p + size


cdef const char* _read(const char* p, const char* end, Place* place) noexcept nogil:
    """Read one record; offset and timestamp as differences. NULL where it is malformed."""
    cdef int64_t size = 0, number = 0
    cdef int32_t header, length = 0
    cdef const char* skipped = NULL
    p = varint(p, end, &size)
    if p == NULL or size < 1 or size > end - p:
        return NULL
    end = p + size
    place.end = end
    p = varint(p + 1, end, &place.timestamp)  # behind the attributes, which have no meaning yet
    if p != NULL:
        p = varint(p, end, &place.offset)
    if p != NULL:
        p = _bytes(p, end, &place.key, &place.key_length)
    if p != NULL:
        p = _bytes(p, end, &place.value, &place.value_length)
    if p != NULL:
        p = varint(p, end, &number)
    if p == NULL or number < 0 or number > end - p:
        return NULL
    place.headers, place.header_count = p, <int32_t>number
    for header in range(place.header_count):
        p = _bytes(p, end, &skipped, &length)
        if p == NULL or length < 0:
            return NULL
        p = _bytes(p, end, &skipped, &length)
        if p == NULL:
            return NULL
    return p if p == end else NULL
