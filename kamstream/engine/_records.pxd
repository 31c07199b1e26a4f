"""What other compiled modules may call of the records."""

cimport cython
from libc.stdint cimport int64_t


@cython.final
cdef class Packing:
    cpdef bytes with_record(self, bytes packed, tuple record)
    cpdef bytes row(
        self, object due, long long last, object begin, long long first, long long following, int count, bytes records
    )

cpdef int64_t last_of(bytes row) except? -1
