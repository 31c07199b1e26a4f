"""What other compiled modules may call of a sheet."""

cimport cython
from libc.stdint cimport int64_t

#: A row: these, its key, its value. The size of a value that is None: -1.
cdef struct Sizes:
    Py_ssize_t key
    Py_ssize_t value


@cython.final
cdef class Sheet:
    cdef readonly Py_ssize_t rows
    #: All rows, up to ``used``; what lies behind them up to ``end`` is a row that is not complete.
    cdef char *text
    cdef Py_ssize_t used, end, room
    cdef str account

    cpdef clear(self)
    cpdef put(self, bytes key, bytes value)
    cpdef turn_to(self, str account)
    cpdef put_entity(self, str entity, bytes value)
    cpdef put_chunk(self, int64_t number, str entity, bytes value)
    cpdef put_seen(self, int topic, int64_t number, bytes value)
    cpdef put_pane(self, bytes family, str unit, int64_t number, bytes value)
    cpdef put_head(self, bint born, bint live, int64_t swept, list seen, bytes sums, bytes unowned)

    #: The row that begins at a place, where its key lies, and where the next one begins.
    cdef Py_ssize_t read(self, Py_ssize_t at, Sizes *sizes, const char **key) noexcept

    cdef int _make_room(self, Py_ssize_t more) except -1
    cdef int _begin(self, char family) except -1
    cdef int _put(self, const char *text, Py_ssize_t size) except -1
    cdef int _put_text(self, str text) except -1
    cdef int _put_digits(self, int64_t number) except -1
    cdef int _put_bytes(self, bytes value) except -1
    cdef int _finish(self, bytes value) except -1
    cdef void _count(self, Py_ssize_t key, Py_ssize_t value) noexcept
