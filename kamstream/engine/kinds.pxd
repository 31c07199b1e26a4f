"""Kinds as C structures."""

cimport cython

from kamstream.entities.fact cimport Story

@cython.final
cdef class Kind:
    cdef readonly str name
    cdef readonly int topic
    cdef readonly object rank
    cdef readonly str entity
    cdef readonly object keep
    cdef readonly bint is_kept
    cdef readonly bint is_story
    cdef readonly bint is_thread

cpdef Story new_story(str key)
cpdef Story load_story(str key, object dumped)
