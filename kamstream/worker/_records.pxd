from libc.stdint cimport int32_t, int64_t


cdef struct Place:
    # Where the parts of one record lie; a length of -1: there is none.
    int64_t offset, timestamp
    const char* key
    const char* value
    const char* headers
    const char* end
    int32_t key_length, value_length, header_count
    int32_t buffer, timestamp_type


cdef class Records:
    cdef readonly str topic
    cdef readonly int partition
    cdef public object begin
    cdef Place* places
    cdef Py_ssize_t count, room
    cdef list buffers

    cdef int make_room(self, Py_ssize_t more) except -1
    cdef Records part(self, Py_ssize_t start, Py_ssize_t stop)
    cdef object record(self, Py_ssize_t at)


cdef const char* varint(const char* p, const char* end, int64_t* value) noexcept nogil
