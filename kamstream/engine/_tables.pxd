"""What other compiled modules may use of the compiled tables."""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint64_t

from kamstream.engine._ledger cimport WIDEST, Layout, Ledger, Totals

cdef enum:
    #: What a value is: nothing, an integer, a double, something else.
    NO_DATA = 0
    WHOLE = 1
    REAL = 2
    ODD = 3


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
    #: As ``Reader.pack`` has it; NULL before the first reading.
    cdef uint64_t *packed
    cdef dict odd

    cpdef object value(self, int index)


@cython.final
cdef class Snapshot:
    cdef Reader reader
    #: As in the table, its own.
    cdef uint64_t *packed
    cdef dict odd

    cdef int size(self) noexcept
    #: All values as numbers, in the order of the reader's names.
    cdef int spots(self, Spot *out) noexcept
    cdef object at(self, int index)
    cdef dict plain(self)


@cython.final
cdef class Reader:
    cdef Layout layout
    cdef list fields
    cdef readonly tuple names
    cdef dict places
    cdef list no_data
    cdef list nothing
    cdef Spot *empty
    cdef Known *known
    cdef Sums *sums
    cdef int size
    cdef int totals
    #: The values of the table that is being read, and whether they differ from what is packed.
    cdef Spot *spots
    cdef bint stirred
    cdef uint8_t *marks
    #: Numbers of 64 bits with the marks of all fields.
    cdef int words
    cdef uint64_t waits

    cdef int lay_out(self, Known *known, field) except -1
    cpdef object snapshot(self, Table table)
    cdef object value_at(self, uint64_t *packed, dict odd, int index)
    cdef object object_of(self, Spot *spot, dict odd, int index)
    cdef int put(self, Table table, int index, Spot *spot, value) except -1
    cdef int change(self, Table table, int index, Spot *spot, value, bint first) except -1
    cdef size_t size_of(self, uint64_t *packed) noexcept
    cdef int pack(self, Table table) except -1
    cdef int unpack(self, uint64_t *packed, Spot *out) noexcept
    cpdef refresh(self, Table table, Ledger ledger, object frame, int64_t now, bint whole)
    cdef int read(self, Totals totals, Table table, uint64_t mask, now, bint first) except -1
    cdef object with_more(self, int index, field, total, Totals totals, now)
    cdef Sums *sums_of(self, Totals totals, Known *known) except NULL
    cdef bint usual(self, Totals totals, Known *known, Sums *sums, Spot *value, int index) except -1
    cdef bint percentile(self, Totals totals, Known *known, Spot *value) except -1
