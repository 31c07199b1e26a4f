"""What is called for every account that changed."""

cimport cython

from kamstream.engine._ledger cimport Ledger as CompiledLedger
from kamstream.engine._seen cimport Seen as CompiledSeen
from kamstream.engine._sheet cimport Sheet as CompiledSheet
from kamstream.engine.account cimport Account
from kamstream.engine.kept cimport collect_entities, sweep

@cython.locals(
    seen=CompiledSeen, newest=cython.longlong, topic=cython.int, ledger=CompiledLedger, unowned=CompiledLedger,
    changed=list, sums=bytes, theirs=bytes,
)
cpdef collect(Account account, CompiledSheet sheet)
