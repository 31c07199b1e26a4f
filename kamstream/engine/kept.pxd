"""What is called for every entity that changed, and of every entity now and then."""

cimport cython

from kamstream.engine._records cimport last_of
from kamstream.engine._seen cimport Seen as CompiledSeen
from kamstream.engine._sheet cimport Sheet as CompiledSheet
from kamstream.engine.account cimport Account
from kamstream.engine.strand cimport Sealed, Strand

cpdef collect_entities(Account account, list changed, CompiledSheet sheet)
@cython.locals(key=str, row=bytes, sealed=Sealed)
cdef _collect_strand(Account account, Strand strand, CompiledSheet sheet)
@cython.locals(seen=CompiledSeen)
cdef long long _newest(Account account, str key) except? -1
@cython.locals(key=str)
cpdef sweep(Account account, CompiledSheet sheet)
@cython.locals(strand=Strand)
cdef bint _may_go(Account account, str key, object entity) except -1
@cython.locals(last=cython.longlong, strand=Strand)
cdef _sweep_strand(Account account, str key, object entity, CompiledSheet sheet)
