"""What other compiled modules may use of the compiled tables."""

cimport cython
from libc.stdint cimport int64_t, uint64_t

from kamstream.engine._ledger cimport WIDEST, Layout, Ledger, Totals

cdef struct Known:
    int column
    int unit
    int view
    int total
    int way
    int part
    int whole
    int rank
    bint counts
    int64_t scale
    uint64_t columns


#: The sums of a column in a view: whether they were added up, and whether they fit.
cdef struct Sums:
    bint known
    bint fits
    int64_t sums[1 + WIDEST]


#: A value and its n as numbers.
cdef struct Spot:
    int kind
    #: The integer, or the bits of the double.
    int64_t bits
    int64_t n


@cython.final
cdef class Table:
    cdef readonly object frame
    cdef readonly int64_t time
    cdef readonly object due
    cdef public int64_t watched
    cdef readonly object ledger
    cdef public object waits
    #: The places whose values the last reading changed, with the values before; none the first time.
    cdef readonly list moved
    cdef Reader reader
    #: The bits of all values, then their n, then their kinds, in one piece; NULL before the first reading.
    cdef int64_t *bits
    cdef dict odd

    cpdef object value(self, int index)
    cdef Spot spot(self, int index) noexcept
    cdef int put(self, int index, Spot *spot, value) except -1
    cdef int change(self, int index, Spot *spot, value, bint first) except -1
    cdef int begin(self, Reader reader) except -1


@cython.final
cdef class Reader:
    cdef Layout layout
    cdef list fields
    cdef list no_data
    cdef list nothing
    cdef Spot *empty
    cdef Known *known
    cdef Sums *sums
    cdef int size
    cdef int totals
    cdef uint64_t waits

    cdef int lay_out(self, Known *known, field) except -1
    cpdef refresh(self, Table table, Ledger ledger, object frame, int64_t now, bint whole)
    cdef int read(self, Totals totals, Table table, uint64_t mask, now, bint first) except -1
    cdef object with_more(self, int index, field, total, Totals totals, now)
    cdef Sums *sums_of(self, Totals totals, Known *known) except NULL
    cdef bint usual(self, Totals totals, Known *known, Sums *sums, Spot *value, int index) except -1
    cdef bint percentile(self, Totals totals, Known *known, Spot *value) except -1
