"""The engine as a C structure."""

cimport cython

from kamstream.engine._sheet cimport Sheet as CompiledSheet
from kamstream.engine._tables cimport Reader as CompiledReader
from kamstream.engine._tables cimport Table as CompiledTable
from kamstream.engine.account cimport Account, Shared
from kamstream.engine.intake cimport Intake
from kamstream.engine.store cimport collect

cdef class Engine:
    cdef readonly object config
    cdef readonly int partition
    cdef readonly object _plan
    cdef readonly object _scopes
    cdef readonly object _received
    cdef readonly object _alarms
    cdef readonly CompiledReader _reader
    cdef readonly Intake _intake
    cdef readonly Shared _shared
    cdef dict _dirty
    cdef list _owed
    cdef dict _tables
    cdef set _unwatched
    cdef list _table_dues
    cdef dict _rows
    cdef public long long _stored_time
    cdef long long _waited_at
    cdef set _waiting
    cdef list _names
    cdef list _watched
    cdef bint _moving
    cdef bint _has_accounts

    @cython.locals(account=Account, sheet=CompiledSheet)
    cdef CompiledSheet _collect_accounts(self)
    @cython.locals(changes=list, ids=list)
    cdef list _changes(self, bint evaluate, object most)
    cdef list _next_owed(self, object room)
    cpdef object profile(self, str account)
    cpdef Account _account(self, str id)
    @cython.locals(account=Account)
    cpdef object _ledger(self, tuple key)
    @cython.locals(account=Account)
    cpdef bint _qualifies(self, tuple key, object totals)
    @cython.locals(table=CompiledTable, first=cython.bint, moved=list, names=list, index=cython.int)
    cdef object _change(self, tuple key, str cause, bint evaluate)
    cdef object _gone(self, tuple key, str cause)
    cdef object _whole(self, tuple key, object values, str cause)
    cdef _watch(self, tuple key, CompiledTable table, object ledger)
    @cython.locals(index=cython.int)
    cdef _evaluate(self, tuple key, CompiledTable table)
    cdef bint _is_live(self, tuple key)
