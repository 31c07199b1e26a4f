"""Tickets as C structures."""

cimport cython

from kamstream.entities.fact cimport Context, Fact, Story, Wanted, fact, is_cut_off

cpdef tuple ticket_record(object event, object rank)

cdef class Ticket(Story):
    cdef public tuple opened
    cdef public object owner
    cdef public long long before
    cdef public bint cut_off
    cdef public tuple waits_since
    cdef public tuple first_reply
    cdef public tuple first_resolved
    cdef public tuple resolved
    cdef public tuple reopened

    cpdef bint is_closed(self)
    @cython.locals(kind=str, time=cython.longlong, opened=tuple)
    cpdef list read(self, tuple record, Context context)
    cdef _open(self, tuple record)
    cdef _reopen(self, tuple record)
    @cython.locals(by=str, wanted=Wanted, waited=tuple, answers=list, answer=Fact)
    cdef list _replied(self, tuple opened, tuple record, Context context)
    @cython.locals(opened=tuple, wanted=Wanted, facts=list, resolved=tuple, first=tuple, waits=tuple, again=tuple, because=tuple)
    cpdef list standing(self, Context context)

cdef Fact _answer(str kind, tuple asked, tuple answered, object owner, Context context)
cdef tuple _causes(Wanted wanted, tuple one, tuple other)
@cython.locals(begun=cython.longlong, ended=cython.longlong)
cpdef tuple took(tuple start, tuple end, Context context)
