"""What other compiled modules may use of ``_ledger``: ``post_to`` lets a fact count that was never made an object."""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

cdef enum:
    #: Kinds of panes that there can be: minutes, hours, days, now, days ahead, hours of waits.
    UNITS = 6
    COLUMNS = 256
    #: Amounts that a compiled cell can have; rows of more stay Python's.
    WIDEST = 8


#: A cell takes an entry for each of its amounts, at least one, all with the same key (``pane << 8 | column``). The first
#: holds its count and its bucket; where it has several buckets, one more entry at its end leads to them.
cdef struct Entry:
    int64_t key
    int64_t amount
    int32_t count
    uint32_t spread


cdef struct Shelf:
    int32_t size
    int32_t room
    Entry entries[1]


cdef struct Bucket:
    int32_t number
    int32_t count


cdef struct Spread:
    int32_t size
    int32_t room
    Bucket buckets[1]


#: The panes that changed, sorted: ``(number << 3 | unit) << 1``, and 1 where it may have been stored.
cdef struct Changes:
    int32_t size
    int32_t room
    int64_t places[1]


#: A lane: ``first`` is negative where the sums have to be asked; ``spread_at`` the place of the amount that is put into
#: a bucket, or negative: none, asked for, the fact's time.
cdef struct Way:
    int column
    int first
    int width
    int spread_at
    bint labelled
    int places
    int unit[UNITS]
    int64_t pane[UNITS]


#: Sums of one cell on their way from one ledger to another.
cdef struct Loose:
    int64_t count
    int64_t amounts[WIDEST]
    int32_t size
    Bucket *buckets


cdef class Layout:
    """A plan in C numbers."""

    cdef int units
    cdef int columns
    #: The unit of waits, whose buckets are counted from their pane's beginning on.
    cdef int waits
    cdef int64_t pane[UNITS]
    cdef bint calendars
    cdef int width[COLUMNS]
    cdef bint spread[COLUMNS]
    #: Where a column's sums and buckets stand in a segment of a tally.
    cdef int slot[COLUMNS]
    cdef int slots
    cdef int spread_slot[COLUMNS]
    cdef int spread_slots
    cdef object frame
    cdef Sight sight


cdef class Sight:
    """A frame in C numbers; a view is its first and last segment, and whether it is held."""

    cdef int64_t oldest[UNITS]
    cdef int64_t here[UNITS]
    cdef int borders[UNITS]
    cdef int64_t *border[UNITS]
    cdef int views[UNITS]
    cdef int *view[UNITS]


cdef class Lanes:
    """The ways of a kind of facts into their columns."""

    cdef readonly str kind
    cdef Layout layout
    cdef tuple lanes
    cdef Way *ways
    cdef int size


cdef class Ledger:
    cdef Layout layout
    cdef Shelf *shelves[UNITS]
    cdef int64_t tops[UNITS]
    cdef Changes *changes
    #: Rows with integers that do not fit into an entry, by (unit, key).
    cdef dict large
    cdef Tally tally
    cdef uint64_t touched
    cdef int32_t cells


cdef class Tally:
    cdef Layout layout
    cdef object frame
    cdef Sight sight
    cdef int64_t *sums[UNITS]
    cdef Spread **spreads[UNITS]
    #: Columns whose sums are too large: they are added up as Python's integers when asked for.
    cdef bint large[COLUMNS]
    cdef bint never
    cdef int64_t due


#: Add a fact's amounts to a ledger (``sign`` 1), or take them back (-1). ``label`` is the fact's text; ``fact`` may be
#: None: it is made for those sums that want to see it.
cdef int post_to(
    Ledger ledger, Lanes lanes, int64_t time, tuple amounts, object label, int sign, Sight sight, object fact
) except -1
#: A plan's and a frame's numbers, each made once.
cdef Layout layout_of(plan)
cdef Sight sight_of(Layout layout, object frame)
#: Whether a column is in a mask.
cdef uint64_t bit(int column) noexcept
#: The columns (bits) that changed or passed a border since a frame; all of them where ``whole`` is set.
cdef uint64_t columns_since(Ledger ledger, object before, object frame, bint *whole) except? 0xFFFFFFFF
#: The ledger's tally, made for some columns where none is kept.
cdef Tally tally_for(Ledger ledger, object frame, uint64_t mask)


cdef class Totals:
    """A ledger's sums in every view of its tally's frame, as Python objects."""

    cdef Ledger ledger
    cdef Tally tally
    cdef dict known
    #: What was added up last: its unit, column, first and last segment.
    cdef int unit, column, first, last
    cdef object total

    cdef object sums_of(self, int unit, int view, int column)
