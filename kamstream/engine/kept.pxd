"""What is called for every entity that changed."""

cimport cython

from kamstream.engine._records cimport Packing as CompiledPacking
from kamstream.engine.account cimport Account
from kamstream.engine.strand cimport Strand
from kamstream.entities.fact cimport Story

cdef CompiledPacking _packing

@cython.locals(key=str)
cpdef collect_entities(Account account, list changed, bytes prefix, dict rows)
@cython.locals(key=str, row=bytes, story=Story)
cdef _collect_strand(Account account, Strand strand, bytes prefix, dict rows)
