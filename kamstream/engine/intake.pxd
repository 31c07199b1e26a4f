"""The intake as a C structure."""

cimport cython

from kamstream.engine.account cimport Account, Shared
from kamstream.engine.kinds cimport Kind

@cython.final
cdef class Intake:
    cdef object _plan
    cdef long long _until
    cdef readonly dict accounts
    cdef readonly list touched
    cdef list _dues
    cdef long long _due_at
    cdef readonly Shared shared
    cdef long long _turns_at

    cpdef Account account(self, str id)
    @cython.locals(shared=Shared, known=Account, kind=Kind, verdict=str, time=cython.longlong)
    cpdef str apply(self, object event)
    @cython.locals(shared=Shared)
    cpdef advance(self, long long now)
    cdef _turn(self, long long now)
    cdef _let_fall_due(self, long long now)
