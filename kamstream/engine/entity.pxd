"""Entities as C structures."""

cimport cython

@cython.final
cdef class Entity:
    cdef public object state
    cdef public list facts
    cdef public object due
    cdef public bint changed
