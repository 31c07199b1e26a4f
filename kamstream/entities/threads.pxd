"""Threads as C structures."""

cimport cython

from kamstream.entities.fact cimport Context, Story, Wanted, fact
from kamstream.entities.tickets cimport took

cpdef tuple thread_record(object event, object rank)

cdef class Thread(Story):
    cdef public tuple waits_since

    cpdef bint is_closed(self)
    @cython.locals(wanted=Wanted, waits_since=tuple, because=tuple)
    cpdef list read(self, tuple record, Context context)
    @cython.locals(wanted=Wanted, waits=tuple)
    cpdef list standing(self, Context context)
