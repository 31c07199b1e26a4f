from libc.stdint cimport int16_t, int32_t, int64_t


cdef class Batch:
    cdef char* data
    cdef Py_ssize_t used, room, limit
    cdef int64_t first, newest
    cdef int64_t producer
    cdef int16_t epoch
    cdef int32_t sequence, count
    cdef bint is_closed
    cdef bytes built

    cdef char* put(
        self, int64_t timestamp, const char* key, Py_ssize_t key_size, Py_ssize_t value_size,
        const char* headers, Py_ssize_t headers_size,
    ) except? NULL
    cdef int make_room(self, Py_ssize_t more) except -1
