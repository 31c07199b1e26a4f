"""Deals as C structures."""

cimport cython

from kamstream.entities.fact cimport Context, Story, Wanted, fact, is_cut_off

cpdef tuple deal_record(object event, object rank)

cdef class Deal(Story):
    cdef public str id
    cdef public tuple amended
    cdef public tuple opened
    cdef public long long before
    cdef public bint cut_off
    cdef public tuple closing
    cdef public object amount
    cdef public object currency
    cdef public object stage
    cdef public tuple stages
    cdef public object probability
    cdef public object expected
    cdef public object owner
    cdef public tuple lost_amount

    cpdef bint is_closed(self)
    @cython.locals(closing=tuple)
    cpdef list read(self, tuple record, Context context)
    @cython.locals(kind=str, time=cython.longlong)
    cpdef bint follow(self, tuple record, long long horizon) except -1
    cdef _amend(self, tuple record)
    @cython.locals(closing=tuple)
    cpdef list standing(self, Context context)

@cython.locals(wanted=Wanted)
cdef list _open(Deal deal, Context context)
@cython.locals(wanted=Wanted)
cdef list _lost(Deal deal, tuple closing, Context context)
@cython.locals(wanted=Wanted, because=tuple, time=cython.longlong, took=cython.longlong)
cdef list _won(Deal deal, tuple closing, Context context)
cdef tuple _causes(Deal deal, object says, Context context)
