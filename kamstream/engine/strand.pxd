"""Strands as C structures."""

cimport cython

from kamstream.engine._records cimport Packing as CompiledPacking
from kamstream.entities.fact cimport Context, Story

cdef CompiledPacking _packing

@cython.final
cdef class Sealed:
    cdef readonly object first
    cdef readonly list chunks
    cdef readonly list ends
    cdef public dict dirty

@cython.final
cdef class Strand:
    cdef readonly str key
    cdef readonly bytes packed
    cdef readonly int count
    cdef readonly long long last
    cdef public object due
    cdef public Story story
    cdef public list facts
    cdef readonly tuple begin
    cdef readonly Sealed sealed
    cdef public bint changed

    cpdef bytes row(self)
    cpdef list records(self)
    @cython.locals(story=Story, record=tuple)
    cpdef Story read(self, Context context)
    cpdef append(self, tuple record)
    cpdef insert(self, tuple record)
    cdef _keep(self, list records)
    cdef _seal(self)

@cython.locals(strand=Strand)
cpdef Strand restored_strand(str key, bytes row, object chunks)
