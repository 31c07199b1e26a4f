from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint64_t


cdef struct Known:
    # An account's id, and the murmur2 hash of its UTF-8.
    uint64_t hash
    PyObject* account
    int64_t murmur2


cdef class Accounts:
    cdef Known* slots
    cdef uint64_t mask, seed
    cdef Py_ssize_t count, limit

    cdef Known* find(self, const char* text, Py_ssize_t size)
    cdef Known* add(self, uint64_t hash, const char* text, Py_ssize_t size)
    cdef int grow(self) except -1
    cdef void clear(self) noexcept


cdef class Scanner:
    cdef Accounts accounts
    cdef object layouts  # of the types, in the order of `names`
    cdef object envelope
    cdef tuple names, topics
    cdef object event
    cdef frozenset currencies
    cdef int64_t tolerance
    cdef Py_ssize_t most
    cdef signed char* found  # 256 slots, by hash of the type's name

    cdef object scan(
        self, const char* value, Py_ssize_t size, PyObject* account, object topic, int64_t latest
    )
    cdef Py_ssize_t type_of(self, const char* text, Py_ssize_t size) noexcept


cdef int64_t murmur2(const char* key, Py_ssize_t size) noexcept nogil
