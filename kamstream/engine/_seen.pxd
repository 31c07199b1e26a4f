"""What other compiled modules may use of the compiled duplicates."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

#: The verdicts; ``VERDICTS[verdict]`` is the text that the Python form gives.
cdef enum:
    IS_APPLIED = 0
    IS_DUPLICATE = 1
    IS_TOO_LATE = 2

cdef tuple VERDICTS


cdef class Seen:
    cdef public int64_t newest
    # The pairs as they are stored, a line each: those in chunks first, then the tail.
    cdef char *_text
    cdef uint32_t _used, _room
    cdef uint32_t _tail_at, _tail_count
    # Where the line of a pair begins, found by its hash: a tag (0: free) and a place each; nothing while there are few.
    cdef uint32_t *_places
    cdef uint8_t *_tags
    cdef uint32_t _size, _taken
    # The newest time of every chunk in store, numbered from ``first`` on.
    cdef int64_t *_ages
    cdef uint32_t _ages_room
    cdef uint32_t _first, _next
    cdef dict _dirty

    cdef int verdict(self, str id, str suffix, int64_t time, int64_t horizon) except -1

    cdef uint32_t _propose(self, str id, str suffix) except 0
    cdef bint _is_at(self, uint32_t at, uint32_t head) noexcept
    cdef uint32_t _walk(self, uint32_t head) noexcept
    cdef uint32_t _after(self, uint32_t at) noexcept
    cdef void _take_out(self, uint32_t at, uint32_t head) noexcept
    cdef int _make_room(self, uint64_t more) except -1
    cdef int _append(self, const char *text, Py_ssize_t length) except -1
    cdef int _seal(self, int64_t horizon) except -1
    cdef int _close_chunk(self) except -1
    cdef bint _wants_index(self) noexcept
    cdef int _index(self, int64_t border) except -1
    cdef void _drop_index(self) noexcept
    cdef uint32_t _drop_late(self, int64_t border) noexcept
    cdef uint32_t _head_at(self, uint32_t at) noexcept
    cdef int64_t _time_at(self, uint32_t at) noexcept
