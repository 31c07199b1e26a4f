"""The same facts and contexts as C structures."""

cimport cython


@cython.final
cdef class Fact:
    cdef readonly str kind
    cdef readonly long long time
    cdef readonly object person
    cdef readonly tuple amounts
    cdef readonly str label
    cdef readonly int credit
    cdef readonly tuple because

    cpdef bint equals(self, Fact other)

@cython.locals(made=Fact)
cpdef Fact fact(str kind, long long time, object person, tuple amounts, tuple because)

@cython.final
cdef class Wanted:
    cdef public bint causes
    cdef public bint interaction
    cdef public bint response
    cdef public bint open_wait
    cdef public bint first_response
    cdef public bint resolution
    cdef public bint ticket
    cdef public bint resolved_ticket
    cdef public bint open_ticket
    cdef public bint deal
    cdef public bint pipeline
    cdef public bint closed_deal
    cdef public bint won_deal
    cdef public bint market_deal
    cdef public bint product_won

@cython.final
cdef class Context:
    cdef readonly long long now
    cdef readonly object profile
    cdef readonly object terms
    cdef readonly long long horizon
    cdef readonly object open_time
    cdef readonly Wanted wanted

    cpdef Context at(self, long long now, object profile)

cdef class Story:
    cdef public bint moved

    cpdef bint is_closed(self)
    cpdef list read(self, tuple record, Context context)
    cpdef list standing(self, Context context)

cpdef bint is_cut_off(bint closed, long long before, long long time, long long horizon)
