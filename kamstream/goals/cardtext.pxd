"""What writes scorecards as C structures."""

cimport cython

@cython.final
cdef class Side:
    cdef readonly Py_ssize_t begin
    cdef readonly list counted
    cdef readonly object weight
    cdef readonly object share

@cython.final
cdef class Layout:
    cdef readonly list parts
    cdef readonly list sides

@cython.final
cdef class CardText:
    cdef str _scope
    cdef list _perspectives
    cdef list _measures
    cdef list _fields
    cdef readonly dict _layouts

    @cython.locals(
        found=list, there=tuple, layout=Layout, numbers=list, contributions=list, side=Side, at=Py_ssize_t,
        weighted=list, place=Py_ssize_t, counted=tuple, parts=list,
    )
    cpdef str of(self, str id, object values, object now)
    cdef Layout _lay_out(self, tuple there)
    cdef list _places(self)

cpdef double within(double number)
