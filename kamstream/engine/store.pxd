"""What is called for every account that changed."""

cimport cython

from kamstream.engine._ledger cimport Ledger as CompiledLedger
from kamstream.engine._seen cimport Seen as CompiledSeen
from kamstream.engine.account cimport Account

@cython.locals(prefix=bytes, tails=list, seen=CompiledSeen, newest=cython.longlong, topic=cython.int)
cpdef collect(Account account, dict rows)
@cython.locals(ledger=CompiledLedger, unowned=CompiledLedger)
cdef tuple _collect_sums(Account account, bytes prefix, dict rows)
