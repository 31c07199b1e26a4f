"""Entities as C structures."""

cimport cython

@cython.final
@cython.no_gc
cdef class Entity:
    cdef public object state
    cdef public list facts
    cdef public object due
    cdef public bint changed
