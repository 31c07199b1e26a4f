"""What other compiled modules may call of the book."""

from kamstream.engine._ledger cimport Layout, Sight
from kamstream.entities.fact cimport Fact


cdef class Book:
    cdef object _layout
    cdef readonly dict lanes
    cdef long long _horizon
    cdef dict _suffixes
    cdef str _source
    cdef str _suffix
    cdef readonly object frame
    cdef Sight _sight

    cpdef turn(self, object frame)
    cpdef bint wants(self, str kind)
    cpdef str judge(self, list seen, int topic, object event)
    cpdef int post(self, object ledger, Fact fact, int sign) except -1
