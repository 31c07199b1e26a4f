# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The ledger of one id, what ``ledger`` and ``tally`` say, compiled.

A unit's cells stand sorted in one piece of memory, an entry or a few each: facts come nearly in order, so that nearly
all is found and added at the end, and a window is a stretch. Integers are 64 bits wide and every addition is checked:
a cell that would overflow becomes a Python row, beside the others, and stays exact.

A tally is a table of segments by columns. Small ledgers make one whenever they are read.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.long cimport PyLong_AsLongLongAndOverflow
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE
from libc.math cimport ceil, fabs, log
from libc.stdint cimport INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, int32_t, int64_t, uint32_t, uint64_t
from libc.string cimport memcpy, memmove, memset

from kamstream.engine import cells as rows_of_integers
from kamstream.engine.rows import pack, unpack
from kamstream.entities.fact import Fact
from kamstream.kpis import At, Total
from kamstream.sketch import bucket as bucket_in_python


cdef extern from *:
    """
    /* The sum of two integers; whether it does not fit. */
    static inline int ledger_add(int64_t a, int64_t b, int64_t *sum)
    {
        *sum = (int64_t)((uint64_t)a + (uint64_t)b);
        return ((a ^ *sum) & (b ^ *sum)) < 0;
    }
    """
    bint ledger_add(int64_t a, int64_t b, int64_t *sum) noexcept nogil


cdef enum:
    #: Panes that stay a while after they count no more, so that not every step of T looks for them.
    SLACK = 8
    #: Cells from which on a ledger keeps its tally: a scan of fewer is cheaper.
    MANY = 1000
    #: A border that passes more panes than this at once: counting anew is cheaper.
    LEAP = 40
    #: What a lane puts into a bucket, where it is no amount of the fact.
    NO_SPREAD = -1
    ASKED = -2
    WAITS = -3

#: What stands in place of a cell's bucket: it keeps none, it has several, its row is a Python one.
cdef uint32_t NONE = 0xFFFFFFFF
cdef uint32_t SEVERAL = 0xFFFFFFFE
cdef uint32_t LARGE = 0xFFFFFFFD
cdef int64_t NEVER = -(2**62)

cdef object _add_to_row = rows_of_integers.add
cdef object _fresh_row = rows_of_integers.fresh
cdef object _merge_rows = rows_of_integers.merge
cdef object _scaled_row = rows_of_integers.scaled
cdef object _stored_row = rows_of_integers.stored
cdef object _copied_row = rows_of_integers.copied
cdef object _restored_row = rows_of_integers.restored
cdef object _spread_of = rows_of_integers.spread_of
cdef int64_t _ROW_WITHOUT_SPREAD = rows_of_integers.NO_SPREAD


# -- the plan in C numbers ---------------------------------------------------------------------------------------------


@cython.final
cdef class Layout:
    """A plan in C numbers."""

    def __cinit__(self, plan):
        cdef int index, slots = 0, spreads = 0
        self.units = len(plan.units)
        self.columns = len(plan.columns)
        self.calendars = plan.has_calendar_windows
        self.waits = plan.unit_of("w")
        if self.units > UNITS or self.columns > COLUMNS:
            raise ValueError("more kinds of panes or sums than a ledger can keep")
        for index, unit in enumerate(plan.units):
            self.pane[index] = unit.width
        for index, column in enumerate(plan.columns):
            self.width[index] = column.sums.width
            self.spread[index] = column.spread
            self.slot[index] = slots
            slots += 1 + min(<int>self.width[index], <int>WIDEST)
            self.spread_slot[index] = spreads
            spreads += self.spread[index]
        self.slots = slots
        self.spread_slots = spreads


cdef Layout layout_of(plan):
    if plan.native is None:
        plan.native = Layout(plan)
    return plan.native


@cython.final
cdef class Sight:
    """A frame in C numbers."""

    def __cinit__(self, Layout layout, frame):
        cdef int unit, index
        for unit in range(layout.units):
            ranges = frame.ranges[unit]
            self.oldest[unit] = ranges.oldest
            self.here[unit] = ranges.here
            borders, views, held = ranges.borders, ranges.views, ranges.held
            self.borders[unit] = len(borders)
            self.border[unit] = <int64_t *>PyMem_Malloc((len(borders) + 1) * sizeof(int64_t))
            self.views[unit] = len(views)
            self.view[unit] = <int *>PyMem_Malloc((3 * len(views) + 1) * sizeof(int))
            if self.border[unit] == NULL or self.view[unit] == NULL:
                raise MemoryError
            for index in range(self.borders[unit]):
                self.border[unit][index] = borders[index]
            for index in range(self.views[unit]):
                self.view[unit][3 * index] = views[index][0]
                self.view[unit][3 * index + 1] = views[index][1]
                self.view[unit][3 * index + 2] = held[index]

    def __dealloc__(self):
        cdef int unit
        for unit in range(UNITS):
            PyMem_Free(self.border[unit])
            PyMem_Free(self.view[unit])


cdef Sight sight_of(Layout layout, object frame):
    if frame is not layout.frame:
        layout.sight = seen_by(layout, frame)
        layout.frame = frame
    return layout.sight


cdef Sight seen_by(Layout layout, object frame):
    if frame.native is None:
        frame.native = Sight(layout, frame)
    return frame.native


@cython.final
cdef class Lanes:
    """The ways of a kind of facts into their columns."""

    def __cinit__(self, str kind, Layout layout, tuple lanes):
        cdef int index, place
        cdef Way *way
        self.kind, self.layout, self.lanes = kind, layout, lanes
        self.ways = <Way *>PyMem_Calloc(len(lanes) + 1, sizeof(Way))
        if self.ways == NULL:
            raise MemoryError
        self.size = len(lanes)
        for index, lane in enumerate(lanes):
            way = &self.ways[index]
            way.column, way.first, way.width = lane.column, lane.first, lane.width
            way.labelled = lane.labelled
            way.spread_at = NO_SPREAD
            if lane.spread is not None:
                way.spread_at = lane.spread.place if isinstance(lane.spread, At) else ASKED
            elif lane.waits:
                way.spread_at = WAITS
            way.places = len(lane.places)
            for place in range(way.places):
                way.unit[place], way.pane[place] = lane.places[place]

    def __dealloc__(self):
        PyMem_Free(self.ways)


def lanes_of(plan):
    """The ways of all kinds of facts that are put anywhere, by kind."""
    layout = layout_of(plan)
    return {kind: Lanes(kind, layout, lanes) for kind, lanes in plan.lanes.items()}


# -- shelves -----------------------------------------------------------------------------------------------------------


cdef inline int32_t find(Shelf *shelf, int64_t key) noexcept:
    """The place of the first entry whose key is not smaller."""
    cdef int32_t low = 0, high, middle
    if shelf == NULL:
        return 0
    high = shelf.size
    if high and shelf.entries[high - 1].key < key:
        return high
    while low < high:
        middle = (low + high) >> 1
        if shelf.entries[middle].key < key:
            low = middle + 1
        else:
            high = middle
    return low


cdef Entry *open_up(Shelf **shelf, int32_t at, int32_t many) except NULL:
    """Make room for entries at a place."""
    cdef Shelf *there = shelf[0]
    cdef int32_t size = 0 if there == NULL else there.size
    cdef int32_t room = 0 if there == NULL else there.room
    if size + many > room:
        room = size + many + (size >> 2)
        there = <Shelf *>PyMem_Realloc(there, sizeof(Shelf) + (room - 1) * sizeof(Entry))
        if there == NULL:
            raise MemoryError
        there.room = room
        shelf[0] = there
    if at < size:
        memmove(&there.entries[at + many], &there.entries[at], (size - at) * sizeof(Entry))
    there.size = size + many
    return &there.entries[at]


cdef int close_up(Shelf **shelf, int32_t at, int32_t many) except -1:
    """Take entries out; what is left is kept in memory of its size."""
    cdef Shelf *there = shelf[0]
    there.size -= many
    if there.size == 0:
        PyMem_Free(there)
        shelf[0] = NULL
        return 0
    if at < there.size:
        memmove(&there.entries[at], &there.entries[at + many], (there.size - at) * sizeof(Entry))
    if there.room > 2 * there.size + 4:
        there.room = there.size + (there.size >> 2)
        there = <Shelf *>PyMem_Realloc(there, sizeof(Shelf) + (there.room - 1) * sizeof(Entry))
        if there == NULL:
            raise MemoryError
        shelf[0] = there
    return 0


cdef inline int wide(Layout layout, Entry *cell) noexcept:
    """How many entries a cell takes."""
    cdef int width
    if cell.spread == LARGE:
        return 1
    width = layout.width[cell.key & 255]
    return (width if width > 1 else 1) + (cell.spread == SEVERAL)


cdef inline Spread **buckets_of(Layout layout, Entry *cell) noexcept:
    """Where a cell's several buckets are."""
    return <Spread **>&cell[wide(layout, cell) - 1].amount


cdef inline int64_t pane_of(int64_t time, int64_t width) noexcept:
    cdef int64_t number = time // width
    return number - 1 if number * width > time else number


# -- buckets -----------------------------------------------------------------------------------------------------------


cdef inline int32_t bucket_at(Spread *spread, int32_t number) noexcept:
    cdef int32_t low = 0, high = spread.size, middle
    while low < high:
        middle = (low + high) >> 1
        if spread.buckets[middle].number < number:
            low = middle + 1
        else:
            high = middle
    return low


cdef int add_bucket(Spread **spread, int32_t number, int64_t count) except -1:
    """Count in a bucket; one that counts nothing goes."""
    cdef Spread *there = spread[0]
    cdef int32_t at, room
    if there == NULL:
        there = <Spread *>PyMem_Malloc(sizeof(Spread) + sizeof(Bucket))
        if there == NULL:
            raise MemoryError
        there.size, there.room = 0, 2
        spread[0] = there
    at = bucket_at(there, number)
    if at < there.size and there.buckets[at].number == number:
        count += there.buckets[at].count
        check_count(count)
        if count:
            there.buckets[at].count = <int32_t>count
            return 0
        there.size -= 1
        memmove(&there.buckets[at], &there.buckets[at + 1], (there.size - at) * sizeof(Bucket))
        return 0
    check_count(count)
    if there.size == there.room:
        room = there.room + (there.room >> 1) + 1
        there = <Spread *>PyMem_Realloc(there, sizeof(Spread) + (room - 1) * sizeof(Bucket))
        if there == NULL:
            raise MemoryError
        there.room = room
        spread[0] = there
    memmove(&there.buckets[at + 1], &there.buckets[at], (there.size - at) * sizeof(Bucket))
    there.buckets[at].number, there.buckets[at].count = number, <int32_t>count
    there.size += 1
    return 0


cdef inline int check_count(int64_t count) except -1:
    if count > INT32_MAX or count < INT32_MIN:
        raise OverflowError("a bucket holds more facts than it can count")
    return 0


cdef int add_buckets(Spread **spread, Bucket *buckets, int32_t size, int sign) except -1:
    """Add sorted buckets, or take them back."""
    cdef Spread *there = spread[0]
    cdef Spread *made
    cdef int32_t mine = 0, theirs = 0, old = 0 if there == NULL else there.size
    cdef int64_t count
    if size < 8:
        for theirs in range(size):
            add_bucket(spread, buckets[theirs].number, sign * <int64_t>buckets[theirs].count)
        return 0
    made = <Spread *>PyMem_Malloc(sizeof(Spread) + (old + size) * sizeof(Bucket))
    if made == NULL:
        raise MemoryError
    made.size, made.room = 0, old + size + 1
    while mine < old or theirs < size:
        if theirs == size or (mine < old and there.buckets[mine].number < buckets[theirs].number):
            made.buckets[made.size] = there.buckets[mine]
            mine += 1
        else:
            made.buckets[made.size].number = buckets[theirs].number
            count = sign * <int64_t>buckets[theirs].count
            if mine < old and there.buckets[mine].number == buckets[theirs].number:
                count += there.buckets[mine].count
                mine += 1
            theirs += 1
            if count == 0:
                continue
            if count > INT32_MAX or count < INT32_MIN:
                PyMem_Free(made)
                check_count(count)
            made.buckets[made.size].count = <int32_t>count
        made.size += 1
    PyMem_Free(there)
    spread[0] = made
    return 0


cdef double GROWTH = log(1.0185)
cdef double BASE = log(1000.0)


cdef int64_t bucket_of(amount) except? -1:
    """The bucket of a duration in milliseconds, as ``sketch.bucket`` has it."""
    cdef int overflow = 0
    cdef double place
    cdef int64_t ms = PyLong_AsLongLongAndOverflow(amount, &overflow)
    if not overflow and ms <= 1000:
        return ms if ms > 0 else 0
    if not overflow:
        place = (log(<double>ms) - BASE) / GROWTH
        # Next to a border the last digit of a logarithm decides: there both forms ask the same one.
        if fabs(place - <double><int64_t>(place + 0.5)) > 1e-7:
            return 1000 + <int64_t>ceil(place)
    return bucket_in_python(amount)


# -- bytes: msgpack, each integer in its shortest form -----------------------------------------------------------------


cdef unsigned char *text = NULL
cdef Py_ssize_t text_room = 0
cdef Py_ssize_t used = 0


cdef int make_room(Py_ssize_t more) except -1:
    global text, text_room
    cdef unsigned char *there
    if used + more > text_room:
        there = <unsigned char *>PyMem_Realloc(text, 2 * (used + more) + 1024)
        if there == NULL:
            raise MemoryError
        text, text_room = there, 2 * (used + more) + 1024
    return 0


cdef inline void put_bytes(uint64_t value, int size) noexcept:
    global used
    cdef int shift = 8 * (size - 1)
    while shift >= 0:
        text[used] = <unsigned char>(value >> shift)
        used += 1
        shift -= 8


cdef inline int put_integer(int64_t value) except -1:
    global used
    cdef unsigned char head
    cdef int size
    make_room(9)
    if -32 <= value <= 127:
        text[used] = <unsigned char>value
        used += 1
        return 0
    if value > 0:
        if value <= 0xFF:
            head, size = 0xCC, 1
        elif value <= 0xFFFF:
            head, size = 0xCD, 2
        elif value <= 0xFFFFFFFF:
            head, size = 0xCE, 4
        else:
            head, size = 0xCF, 8
    elif value >= -128:
        head, size = 0xD0, 1
    elif value >= -32768:
        head, size = 0xD1, 2
    elif value >= INT32_MIN:
        head, size = 0xD2, 4
    else:
        head, size = 0xD3, 8
    text[used] = head
    used += 1
    put_bytes(<uint64_t>value, size)
    return 0


cdef inline int put_head(uint32_t size, unsigned char short_form, unsigned char long_form) except -1:
    """The head of an array or a map: ``short_form`` holds up to 15 in itself, ``long_form`` is that of two bytes."""
    global used
    make_room(5)
    if size < 16:
        text[used] = <unsigned char>(short_form | size)
        used += 1
    elif size <= 0xFFFF:
        text[used] = long_form
        used += 1
        put_bytes(size, 2)
    else:
        text[used] = <unsigned char>(long_form + 1)
        used += 1
        put_bytes(size, 4)
    return 0


cdef int put_text(bytes piece) except -1:
    global used
    cdef Py_ssize_t size = PyBytes_GET_SIZE(piece)
    make_room(size)
    memcpy(text + used, PyBytes_AS_STRING(piece), size)
    used += size
    return 0


cdef struct Reading:
    const unsigned char *at
    const unsigned char *end


cdef inline bint read_bytes(Reading *reading, int size, uint64_t *value) noexcept:
    cdef uint64_t made = 0
    if reading.end - reading.at < size:
        return False
    while size:
        made = made << 8 | reading.at[0]
        reading.at += 1
        size -= 1
    value[0] = made
    return True


cdef inline bint read_integer(Reading *reading, int64_t *value) noexcept:
    """An integer of 64 bits; False where something else stands there."""
    cdef uint64_t raw = 0
    cdef unsigned char head
    if reading.at == reading.end:
        return False
    head = reading.at[0]
    reading.at += 1
    if head < 0x80 or head >= 0xE0:
        value[0] = <signed char>head
        return True
    if head < 0xCC or head > 0xD3:
        return False
    if not read_bytes(reading, 1 << ((head - 0xCC) & 3), &raw):
        return False
    if head == 0xD0:
        value[0] = <signed char>raw
    elif head == 0xD1:
        value[0] = <short>raw
    elif head == 0xD2:
        value[0] = <int32_t>raw
    else:
        value[0] = <int64_t>raw
        return head != 0xCF or value[0] >= 0
    return True


cdef inline bint read_head(Reading *reading, unsigned char short_form, unsigned char long_form, uint64_t *size) noexcept:
    cdef unsigned char head
    if reading.at == reading.end:
        return False
    head = reading.at[0]
    reading.at += 1
    if head & 0xF0 == short_form:
        size[0] = head & 15
        return True
    if head == long_form:
        return read_bytes(reading, 2, size)
    if head == long_form + 1:
        return read_bytes(reading, 4, size)
    return False


#: The buckets of the cell that is being read.
cdef Bucket *loose_buckets = NULL
cdef int32_t loose_room = 0


cdef int loose_make_room(Py_ssize_t size) except -1:
    global loose_buckets, loose_room
    cdef Bucket *there
    if size > loose_room:
        there = <Bucket *>PyMem_Realloc(loose_buckets, 2 * size * sizeof(Bucket))
        if there == NULL:
            raise MemoryError
        loose_buckets, loose_room = there, <int32_t>(2 * size)
    return 0


cdef int read_sums(Reading *reading, Layout layout, int column, int64_t begin, uint64_t size, Loose *sums) except -1:
    """Count, amounts and buckets of a cell of so many elements; 0 where they are not all plain integers."""
    cdef int width = layout.width[column], place
    cdef int64_t number = 0, count = 1
    cdef uint64_t buckets = 0
    sums.size = 0
    if width > WIDEST or size != <uint64_t>(1 + width + layout.spread[column]):
        return 0
    if not read_integer(reading, &sums.count) or not -INT32_MAX <= sums.count <= INT32_MAX:
        return 0
    for place in range(width):
        if not read_integer(reading, &sums.amounts[place]) or sums.amounts[place] == INT64_MIN:
            return 0
    if not layout.spread[column]:
        return 1
    loose_make_room(1)
    sums.buckets = loose_buckets
    if reading.at < reading.end and not (reading.at[0] & 0xF0 == 0x80 or reading.at[0] in (0xDE, 0xDF)):
        if not read_integer(reading, &number) or not 0 <= number - begin < INT32_MAX:
            return 0
        loose_buckets[0].number, loose_buckets[0].count = <int32_t>(number - begin), 1
        sums.size = 1
        return 1
    if not read_head(reading, 0x80, 0xDE, &buckets) or buckets > <uint64_t>(reading.end - reading.at):
        return 0
    loose_make_room(buckets)
    sums.buckets = loose_buckets
    for place in range(<int>buckets):
        if not read_integer(reading, &number) or not 0 <= number - begin < INT32_MAX:
            return 0
        if not read_integer(reading, &count) or not -INT32_MAX <= count <= INT32_MAX or count == 0:
            return 0
        number -= begin
        if place and loose_buckets[place - 1].number >= number:
            return 0
        loose_buckets[place].number, loose_buckets[place].count = <int32_t>number, <int32_t>count
    sums.size = <int32_t>buckets
    return 1


# -- the ledger --------------------------------------------------------------------------------------------------------


cdef uint64_t bit(int column) noexcept:
    """A column in a mask; the last bit stands for all that have none of their own."""
    return <uint64_t>1 << (column if column < 63 else 63)


@cython.final
@cython.no_gc
cdef class Ledger:
    """Sums by unit, pane and column; see ``ledger.Ledger``."""

    def __cinit__(self, plan, bint tracked=True):
        cdef int unit
        self.layout = layout_of(plan)
        for unit in range(UNITS):
            self.tops[unit] = NEVER
        if tracked:
            track(self)

    def __dealloc__(self):
        cdef int unit
        for unit in range(UNITS):
            empty(self, unit)
        PyMem_Free(self.changes)

    # -- in ----------------------------------------------------------------------------------------------------

    def merge(self, int unit, int64_t number, bytes pane, int sign):
        """Add another ledger's pane to this one's, or take it back."""
        take_pane(self, unit, number, pane, sign)

    def move(self, Ledger other, int sign, frame):
        """Add all panes of another ledger that may still count, or take them back."""
        cdef Sight sight = sight_of(self.layout, frame)
        cdef Shelf *shelf
        cdef Entry *cell
        cdef Loose sums
        cdef Bucket single
        cdef int unit
        cdef int32_t at
        for unit in range(self.layout.units):
            at = 0
            while other.shelves[unit] != NULL and at < other.shelves[unit].size:
                cell = &other.shelves[unit].entries[at]
                at += wide(self.layout, cell)
                if cell.key >> 8 < sight.oldest[unit]:
                    continue
                if cell.spread == LARGE:
                    merge_row(self, unit, cell.key, other.large[unit, cell.key], sign)
                else:
                    loosen(self.layout, cell, &sums, &single)
                    merge_sums(self, unit, cell.key, &sums, sign)
                note(self, unit, cell.key >> 8)

    def prune(self, frame):
        """Forget panes that can no longer count; late ones may stay until their neighbours go."""
        cdef Sight sight = sight_of(self.layout, frame)
        cdef Shelf *shelf
        cdef Entry *cell
        cdef int unit, many
        cdef int32_t at
        for unit in range(self.layout.units):
            shelf = self.shelves[unit]
            if shelf == NULL or shelf.entries[0].key >> 8 >= sight.oldest[unit] - SLACK:
                continue
            at = 0
            while at < shelf.size and shelf.entries[at].key >> 8 < sight.oldest[unit]:
                cell = &shelf.entries[at]
                note(self, unit, cell.key >> 8)
                # A table that has not looked since then would not see it leave its window.
                self.touched |= bit(cell.key & 255)
                many = wide(self.layout, cell)
                let_go(self, unit, cell)
                at += many
            close_up(&self.shelves[unit], 0, at)
            self.tally = None

    # -- what there is -----------------------------------------------------------------------------------------

    def size(self):
        """The number of cells."""
        return self.cells

    @property
    def is_empty(self):
        """Whether nothing counts."""
        return self.cells == 0

    def oldest_wait(self):
        """When the longest open wait began; None where nobody waits."""
        cdef int unit = self.layout.waits
        cdef Shelf *shelf = self.shelves[unit]
        cdef Entry *cell
        cdef int32_t at = 0
        oldest = None
        while shelf != NULL and at < shelf.size:
            cell = &shelf.entries[at]
            at += wide(self.layout, cell)
            begun = min(_spread_of(row_of(self, unit, cell)))
            oldest = begun if oldest is None or begun < oldest else oldest
        return oldest

    # -- as rows -----------------------------------------------------------------------------------------------

    def pane(self, int unit, int64_t number):
        """A pane as it is stored; None where nothing counts in it."""
        return pane_row(self, unit, number)

    def panes(self):
        """All panes, as (unit, pane number, pane)."""
        cdef int unit
        cdef int32_t at
        cdef int64_t number
        made = []
        for unit in range(self.layout.units):
            at = 0
            while self.shelves[unit] != NULL and at < self.shelves[unit].size:
                number = self.shelves[unit].entries[at].key >> 8
                made.append((unit, number, pane_row(self, unit, number)))
                at = find(self.shelves[unit], (number + 1) << 8)
        return iter(made)

    def put(self, int unit, int64_t number, bytes pane):
        """Set a pane as it was stored."""
        take_pane(self, unit, number, pane, 0)
        if number > self.tops[unit]:
            self.tops[unit] = number

    def track(self, bint whole):
        """Note from now on which panes change; ``whole``: all that there are have, and none was ever stored."""
        cdef int unit
        cdef int32_t at
        track(self)
        if not whole:
            return
        for unit in range(self.layout.units):
            at = 0
            while self.shelves[unit] != NULL and at < self.shelves[unit].size:
                note(self, unit, self.shelves[unit].entries[at].key >> 8)
                at += wide(self.layout, &self.shelves[unit].entries[at])
        for at in range(self.changes.size):
            self.changes.places[at] &= ~<int64_t>1

    def collect(self):
        """The panes that changed since the last time, in the order of their numbers."""
        cdef int32_t index
        cdef int64_t place, number
        cdef int unit
        changes = []
        if self.changes == NULL:
            return changes
        for index in range(self.changes.size):
            place = self.changes.places[index]
            unit, number = <int>(place >> 1 & 7), place >> 4
            pane = pane_row(self, unit, number)
            changes.append((unit, number, pane, bool(place & 1)))
            if pane is not None and number > self.tops[unit]:
                self.tops[unit] = number
        track(self)
        return changes

    def dump(self):
        """All cells in one row, each as its place (``pane << 3 | unit``, then the column) and its sums."""
        cdef int unit
        cdef int32_t at
        cdef Shelf *shelf
        global used
        used = 0
        put_head(self.cells, 0x90, 0xDC)
        for unit in range(self.layout.units):
            shelf, at = self.shelves[unit], 0
            while shelf != NULL and at < shelf.size:
                put_cell(self, unit, &shelf.entries[at], True)
                at += wide(self.layout, &shelf.entries[at])
        return PyBytes_FromStringAndSize(<char *>text, used)

    def load(self, bytes cells):
        """Set all cells as ``dump`` wrote them."""
        cdef Reading reading
        cdef uint64_t count = 0, size = 0, index
        cdef int64_t place = 0, column = 0
        cdef int unit
        cdef Loose sums
        reading.at = <const unsigned char *>PyBytes_AS_STRING(cells)
        reading.end = reading.at + PyBytes_GET_SIZE(cells)
        if not read_head(&reading, 0x90, 0xDC, &count):
            raise ValueError("not a row of sums")
        for index in range(count):
            if (
                not read_head(&reading, 0x90, 0xDC, &size)
                or not read_integer(&reading, &place)
                or not read_integer(&reading, &column)
                or not 0 <= column < self.layout.columns
                or not 0 <= place & 7 < self.layout.units
            ):
                raise ValueError("not a row of sums")
            unit = <int>(place & 7)
            if not read_sums(&reading, self.layout, <int>column, base(self.layout, unit, place >> 3), size - 2, &sums):
                for place, column, *row in unpack(cells)[index:]:
                    merge_row(self, <int>(place & 7), place >> 3 << 8 | column, _restored_row(row), 0)
                return
            merge_sums(self, unit, place >> 3 << 8 | column, &sums, 0)

    # -- read at a T -------------------------------------------------------------------------------------------

    def stale(self, before, frame):
        """The columns (bits, -1: all) that changed since ``settle`` or passed a window's border since a frame."""
        cdef bint whole = False
        cdef uint64_t mask = columns_since(self, before, frame, &whole)
        return -1 if whole else as_python_mask(self.layout, mask)

    def settle(self):
        """All values have been read."""
        self.touched = 0

    def totals(self, frame, columns=-1):
        """The sums in the views of a frame, of these columns (bits) at the least; asked for by one table."""
        return Totals(self, tally_for(self, frame, as_mask(columns)))

    def totals_once(self, frame):
        """The sums in the views of any frame; nothing of it is kept."""
        return Totals(self, tally_of(self, frame, sight_of(self.layout, frame), <uint64_t>-1))


cdef uint64_t columns_since(Ledger self, object before, object frame, bint *whole) except? 0xFFFFFFFF:
    cdef Sight sight = sight_of(self.layout, frame)
    cdef uint64_t mask = self.touched
    if self.tally is not None and self.tally.frame is not frame:
        mask |= align(self, frame, sight, whole)
    if before is not None and before is not frame:
        if self.layout.calendars:
            whole[0] = True
        elif self.tally is None:
            mask |= passed(self, seen_by(self.layout, before), sight)
    return mask


cdef Tally tally_for(Ledger self, object frame, uint64_t mask):
    cdef Sight sight = sight_of(self.layout, frame)
    cdef bint whole = False
    if self.tally is None:
        if self.cells <= MANY:
            return tally_of(self, frame, sight, mask)
        self.tally = tally_of(self, frame, sight, <uint64_t>-1)
    elif self.tally.frame is not frame:
        align(self, frame, sight, &whole)
    return self.tally


cdef uint64_t as_mask(columns) except? 0:
    return <uint64_t>-1 if columns < 0 else <uint64_t>(columns & (2**63 - 1)) | (<uint64_t>(columns >> 63 != 0) << 63)


cdef as_python_mask(Layout layout, uint64_t mask):
    if mask >> 63:
        return <object>(mask & <uint64_t>INT64_MAX) | (((1 << max(64, layout.columns)) - 1) >> 63 << 63)
    return mask


cdef inline int64_t base(Layout layout, int unit, int64_t number) noexcept:
    """What a bucket is counted from in a pane."""
    return number * layout.pane[unit] if unit == layout.waits else 0


cdef int track(Ledger self) except -1:
    """Begin a new list of panes that change."""
    cdef Changes *there = self.changes
    if there == NULL or there.room > 16:
        there = <Changes *>PyMem_Realloc(there, sizeof(Changes))
        if there == NULL:
            raise MemoryError
        there.room = 1
        self.changes = there
    there.size = 0
    return 0


cdef inline int note(Ledger self, int unit, int64_t number) except -1:
    """A pane has changed; one that is newer than all that were ever stored cannot have been."""
    cdef Changes *there = self.changes
    cdef int64_t place = number << 3 | unit
    cdef int32_t low, high, middle, room
    if there == NULL:
        return 0
    low, high = 0, there.size
    if high and there.places[high - 1] >> 1 < place:
        low = high
    while low < high:
        middle = (low + high) >> 1
        if there.places[middle] >> 1 < place:
            low = middle + 1
        else:
            high = middle
    if low < there.size and there.places[low] >> 1 == place:
        return 0
    if there.size == there.room:
        room = 2 * there.room + 2
        there = <Changes *>PyMem_Realloc(there, sizeof(Changes) + (room - 1) * sizeof(int64_t))
        if there == NULL:
            raise MemoryError
        there.room = room
        self.changes = there
    if low < there.size:
        memmove(&there.places[low + 1], &there.places[low], (there.size - low) * sizeof(int64_t))
    there.places[low] = place << 1 | (number <= self.tops[unit])
    there.size += 1
    return 0


cdef int let_go(Ledger self, int unit, Entry *cell) except -1:
    """What belongs to a cell besides its entries goes; these are taken out by the caller."""
    if cell.spread == SEVERAL:
        PyMem_Free(buckets_of(self.layout, cell)[0])
    elif cell.spread == LARGE:
        del self.large[unit, cell.key]
    self.cells -= 1
    return 0


cdef int remove(Ledger self, int unit, int32_t at) except -1:
    cdef Entry *cell = &self.shelves[unit].entries[at]
    cdef int many = wide(self.layout, cell)
    let_go(self, unit, cell)
    close_up(&self.shelves[unit], at, many)
    return 0


cdef void empty(Ledger self, int unit) noexcept:
    """Free the memory of a unit; only the end of a ledger leaves it so."""
    cdef Shelf *shelf = self.shelves[unit]
    cdef int32_t at = 0
    while shelf != NULL and at < shelf.size:
        if shelf.entries[at].spread == SEVERAL:
            PyMem_Free(buckets_of(self.layout, &shelf.entries[at])[0])
        at += wide(self.layout, &shelf.entries[at])
    PyMem_Free(shelf)
    self.shelves[unit] = NULL


cdef void loosen(Layout layout, Entry *cell, Loose *sums, Bucket *single) noexcept:
    """A cell's sums as they are added to another's."""
    cdef int column = cell.key & 255, place
    cdef Spread *spread
    sums.count = cell.count
    for place in range(layout.width[column]):
        sums.amounts[place] = cell[place].amount
    sums.size = 0
    if cell.spread == SEVERAL:
        spread = buckets_of(layout, cell)[0]
        sums.size, sums.buckets = spread.size, spread.buckets
    elif cell.spread != NONE:
        single.number, single.count = <int32_t>cell.spread, cell.count
        sums.size, sums.buckets = 1, single


cdef list row_of(Ledger self, int unit, Entry *cell):
    """A cell as a Python row of integers of its own."""
    cdef Loose sums
    cdef Bucket single
    cdef int64_t begin
    cdef int column = cell.key & 255
    if cell.spread == LARGE:
        return _copied_row(self.large[unit, cell.key], self.layout.spread[column])
    loosen(self.layout, cell, &sums, &single)
    return row_of_sums(self.layout, unit, cell.key, &sums)


cdef list row_of_sums(Layout layout, int unit, int64_t key, Loose *sums):
    cdef int column = key & 255, place
    cdef int64_t begin = base(layout, unit, key >> 8)
    row = [sums.count]
    for place in range(layout.width[column]):
        row.append(sums.amounts[place])
    if layout.spread[column]:
        row.append({begin + sums.buckets[place].number: sums.buckets[place].count for place in range(sums.size)})
    return row


cdef list large_row(Ledger self, int unit, int32_t at):
    """A cell's row as a Python one, which it is from now on."""
    cdef Entry *cell = &self.shelves[unit].entries[at]
    cdef int many = wide(self.layout, cell)
    cdef int64_t key = cell.key
    if cell.spread == LARGE:
        return self.large[unit, key]
    row = row_of(self, unit, cell)
    if cell.spread == SEVERAL:
        PyMem_Free(buckets_of(self.layout, cell)[0])
    if self.large is None:
        self.large = {}
    self.large[unit, key] = row
    cell.spread = LARGE
    if many > 1:
        close_up(&self.shelves[unit], at + 1, many - 1)
    return row


cdef int new_large(Ledger self, int unit, int32_t at, int64_t key, list row) except -1:
    cdef Entry *cell = open_up(&self.shelves[unit], at, 1)
    cell.key, cell.amount, cell.count, cell.spread = key, 0, 0, LARGE
    if self.large is None:
        self.large = {}
    self.large[unit, key] = row
    self.cells += 1
    return 0


cdef int spread_in(Ledger self, int unit, int32_t at, Bucket *buckets, int32_t size, int sign, int32_t before) except -1:
    """Count in the buckets of a cell whose count was ``before`` and has been changed."""
    cdef Entry *cell = &self.shelves[unit].entries[at]
    cdef Spread *spread = NULL
    cdef Spread **several
    cdef Entry *more
    cdef int many = wide(self.layout, cell)
    cdef int64_t key = cell.key
    if cell.spread != SEVERAL:
        if size == 1 and cell.spread == <uint32_t>buckets[0].number and cell.count == before + sign * buckets[0].count:
            return 0
        add_bucket(&spread, <int32_t>cell.spread, before)
        more = open_up(&self.shelves[unit], at + many, 1)
        more.key, more.count, more.spread = key, 0, NONE
        cell = &self.shelves[unit].entries[at]
        cell.spread = SEVERAL
        (<Spread **>&more.amount)[0] = spread
    several = buckets_of(self.layout, cell)
    add_buckets(several, buckets, size, sign)
    if several[0].size == 1 and several[0].buckets[0].count == cell.count:
        many = wide(self.layout, cell)
        cell.spread = several[0].buckets[0].number
        PyMem_Free(several[0])
        close_up(&self.shelves[unit], at + many - 1, 1)
    return 0


cdef int merge_sums(Ledger self, int unit, int64_t key, Loose *sums, int sign) except -1:
    """Add sums to a cell (1), take them back (-1), or set it to them (0)."""
    cdef Layout layout = self.layout
    cdef int column = key & 255, place, width = layout.width[column]
    cdef int32_t at = find(self.shelves[unit], key), before
    cdef int many
    cdef Entry *cell
    cdef int64_t made[WIDEST]
    cdef int64_t count
    cdef Spread *spread = NULL
    cdef bint there = self.shelves[unit] != NULL and at < self.shelves[unit].size \
        and self.shelves[unit].entries[at].key == key
    if sign == 0 and there:
        remove(self, unit, at)
        there = False
    if not there:
        many = (width if width > 1 else 1) + (sums.size != 1 and layout.spread[column])
        if sums.size == 1 and sums.buckets[0].count != sums.count:
            many += 1
        cell = open_up(&self.shelves[unit], at, many)
        for place in range(many):
            cell[place].key, cell[place].amount, cell[place].count, cell[place].spread = key, 0, 0, NONE
        for place in range(width):
            cell[place].amount = -sums.amounts[place] if sign < 0 else sums.amounts[place]
        cell.count = <int32_t>(-sums.count if sign < 0 else sums.count)
        if layout.spread[column]:
            if many > (width if width > 1 else 1):
                spread = <Spread *>PyMem_Malloc(sizeof(Spread) + sums.size * sizeof(Bucket))
                if spread == NULL:
                    raise MemoryError
                spread.size, spread.room = 0, sums.size + 1
                cell.spread = SEVERAL
                buckets_of(layout, cell)[0] = spread
                add_buckets(buckets_of(layout, cell), sums.buckets, sums.size, -1 if sign < 0 else 1)
            else:
                cell.spread = sums.buckets[0].number
        self.cells += 1
    else:
        cell = &self.shelves[unit].entries[at]
        if cell.spread == LARGE:
            return merge_row(self, unit, key, row_of_sums(layout, unit, key, sums), sign)
        count = cell.count + sign * sums.count
        if not -INT32_MAX <= count <= INT32_MAX:
            return merge_row(self, unit, key, row_of_sums(layout, unit, key, sums), sign)
        for place in range(width):
            if (
                ledger_add(cell[place].amount, -sums.amounts[place] if sign < 0 else sums.amounts[place], &made[place])
                or made[place] == INT64_MIN
            ):
                return merge_row(self, unit, key, row_of_sums(layout, unit, key, sums), sign)
        if count == 0:
            remove(self, unit, at)
        else:
            for place in range(width):
                cell[place].amount = made[place]
            before, cell.count = cell.count, <int32_t>count
            if layout.spread[column]:
                spread_in(self, unit, at, sums.buckets, sums.size, sign, before)
    if sign and self.tally is not None:
        tally_sums(self.tally, unit, key >> 8, column, sums, sign)
    if sign:
        self.touched |= bit(column)
    return 0


cdef int merge_row(Ledger self, int unit, int64_t key, list row, int sign) except -1:
    """The same with a row of Python's integers, of any size."""
    cdef int column = key & 255
    cdef bint has_spread = self.layout.spread[column]
    cdef int32_t at = find(self.shelves[unit], key)
    cdef list mine
    cdef bint there = self.shelves[unit] != NULL and at < self.shelves[unit].size \
        and self.shelves[unit].entries[at].key == key
    if sign == 0 and there:
        remove(self, unit, at)
        there = False
    if not there:
        new_large(self, unit, at, key, _scaled_row(row, -1 if sign < 0 else 1, has_spread))
    else:
        mine = large_row(self, unit, at)
        _merge_rows(mine, row, sign, has_spread)
        if mine[0] == 0:
            remove(self, unit, at)
    if sign and self.tally is not None:
        self.tally.large[column] = True
    if sign:
        self.touched |= bit(column)
    return 0


cdef int take_pane(Ledger self, int unit, int64_t number, bytes pane, int sign) except -1:
    """Take a pane's row in: add it (1), take it back (-1), set it (0)."""
    cdef Reading reading
    cdef uint64_t count = 0, size = 0, index
    cdef int64_t column = 0
    cdef Loose sums
    if not 0 <= unit < self.layout.units:
        raise ValueError("no such kind of panes")
    reading.at = <const unsigned char *>PyBytes_AS_STRING(pane)
    reading.end = reading.at + PyBytes_GET_SIZE(pane)
    if not read_head(&reading, 0x90, 0xDC, &count):
        raise ValueError("not a row of sums")
    for index in range(count):
        if (
            not read_head(&reading, 0x90, 0xDC, &size)
            or not read_integer(&reading, &column)
            or not 0 <= column < self.layout.columns
        ):
            raise ValueError("not a row of sums")
        if not read_sums(&reading, self.layout, <int>column, base(self.layout, unit, number), size - 1, &sums):
            for column, *row in unpack(pane)[index:]:
                merge_row(self, unit, number << 8 | column, _restored_row(row), sign)
            break
        merge_sums(self, unit, number << 8 | column, &sums, sign)
    if sign:
        note(self, unit, number)
    return 0


cdef pane_row(Ledger self, int unit, int64_t number):
    cdef Shelf *shelf = self.shelves[unit]
    cdef int32_t first, last, at
    cdef uint32_t count = 0
    global used
    if shelf == NULL:
        return None
    first = find(shelf, number << 8)
    last = first
    while last < shelf.size and shelf.entries[last].key >> 8 == number:
        last += wide(self.layout, &shelf.entries[last])
        count += 1
    if count == 0:
        return None
    used = 0
    put_head(count, 0x90, 0xDC)
    at = first
    while at < last:
        put_cell(self, unit, &shelf.entries[at], False)
        at += wide(self.layout, &shelf.entries[at])
    return PyBytes_FromStringAndSize(<char *>text, used)


cdef int put_cell(Ledger self, int unit, Entry *cell, bint placed) except -1:
    """A cell as it is stored, with its place where it is not known from the row's key."""
    cdef Layout layout = self.layout
    cdef int column = cell.key & 255, place, width = layout.width[column]
    cdef int64_t begin = base(layout, unit, cell.key >> 8)
    cdef Spread *spread
    if cell.spread == LARGE:
        row = [column, *_stored_row(self.large[unit, cell.key], layout.spread[column])]
        if placed:
            row.insert(0, (cell.key >> 8) << 3 | unit)
        return put_text(pack(row))
    put_head(2 + placed + width + layout.spread[column], 0x90, 0xDC)
    if placed:
        put_integer((cell.key >> 8) << 3 | unit)
    put_integer(column)
    put_integer(cell.count)
    for place in range(width):
        put_integer(cell[place].amount)
    if not layout.spread[column]:
        return 0
    if cell.spread != SEVERAL:
        if cell.count == 1:
            return put_integer(begin + cell.spread)
        put_head(1, 0x80, 0xDE)
        put_integer(begin + cell.spread)
        return put_integer(cell.count)
    spread = buckets_of(layout, cell)[0]
    if spread.size == 1 and spread.buckets[0].count == 1:
        return put_integer(begin + spread.buckets[0].number)
    put_head(spread.size, 0x80, 0xDE)
    for place in range(spread.size):
        put_integer(begin + spread.buckets[place].number)
        put_integer(spread.buckets[place].count)
    return 0


# -- facts -------------------------------------------------------------------------------------------------------------


def post(list ledgers, fact, Lanes lanes, int sign, frame):
    """Add a fact to ledgers (``sign`` 1), or take it back (-1); panes that can no longer count are left alone."""
    cdef Sight sight = sight_of(lanes.layout, frame)
    cdef int64_t time = fact.time
    cdef tuple amounts = fact.amounts
    label = fact.label
    for ledger in ledgers:
        post_to(<Ledger?>ledger, lanes, time, amounts, label, sign, sight, fact)


cdef int post_to(
    Ledger ledger, Lanes lanes, int64_t time, tuple amounts, object label, int sign, Sight sight, object fact
) except -1:
    cdef Way *way
    cdef tuple given
    cdef int64_t number, bucket
    cdef int64_t values[WIDEST]
    cdef int index, place, first, overflow
    cdef bint fits
    for index in range(lanes.size):
        way = &lanes.ways[index]
        given, first = amounts, way.first
        if fact is None and (first < 0 or way.spread_at == ASKED):
            fact = Fact(lanes.kind, time, None, amounts, label, 0, ())
        if first < 0:
            asked = (<object>PyTuple_GET_ITEM(lanes.lanes, index)).sums.amounts(fact)
            if asked is None:
                continue
            given, first = tuple(asked), 0
        if PyTuple_GET_SIZE(given) < first + way.width or PyTuple_GET_SIZE(amounts) <= way.spread_at:
            raise IndexError(f"a fact of the kind {lanes.kind} has too few amounts")
        fits = way.width <= WIDEST
        for place in range(way.width if fits else 0):
            overflow = 0
            values[place] = PyLong_AsLongLongAndOverflow(<object>PyTuple_GET_ITEM(given, first + place), &overflow)
            if overflow or values[place] == INT64_MIN:
                fits = False
                break
        if way.spread_at >= 0:
            bucket = bucket_of(<object>PyTuple_GET_ITEM(amounts, way.spread_at))
        elif way.spread_at == ASKED:
            bucket = bucket_of((<object>PyTuple_GET_ITEM(lanes.lanes, index)).spread(fact))
        else:
            bucket = time if way.spread_at == WAITS else 0
        ledger.touched |= bit(way.column)
        for place in range(way.places):
            number = 0
            if way.pane[place]:
                number = pane_of(time, way.pane[place])
                if number < sight.oldest[way.unit[place]]:
                    continue
            elif way.labelled:
                number = <int64_t>int(label) + 1
            add(ledger, way, way.unit[place], number, values, fits, given, first, sign, bucket)
    return 0


cdef int add(
    Ledger self, Way *way, int unit, int64_t number, int64_t *values, bint fits, tuple amounts, int first, int sign,
    int64_t bucket
) except -1:
    """Add what a fact adds to one cell, or take it back."""
    cdef Layout layout = self.layout
    cdef int64_t key = number << 8 | way.column
    cdef int64_t made[WIDEST]
    cdef int64_t relative = bucket - base(layout, unit, number)
    cdef Shelf *shelf = self.shelves[unit]
    cdef int32_t at = find(shelf, key), before
    cdef int place, many, width = way.width
    cdef bint has_spread = way.spread_at != NO_SPREAD
    cdef Entry *cell
    cdef Bucket single
    cdef Loose sums
    cdef list row
    note(self, unit, number)
    if has_spread and not 0 <= relative < INT32_MAX:
        fits = False
    if shelf == NULL or at == shelf.size or shelf.entries[at].key != key:
        if not fits:
            row = _fresh_row(width, amounts, first, sign, bucket if has_spread else _ROW_WITHOUT_SPREAD)
            new_large(self, unit, at, key, row)
        else:
            many = width if width > 1 else 1
            cell = open_up(&self.shelves[unit], at, many)
            for place in range(many):
                cell[place].key, cell[place].count, cell[place].spread = key, 0, NONE
                cell[place].amount = (values[place] if sign > 0 else -values[place]) if width else 0
            cell.count = sign
            if has_spread:
                cell.spread = <uint32_t>relative
            self.cells += 1
    else:
        cell = &shelf.entries[at]
        if cell.spread == LARGE or not -INT32_MAX < cell.count < INT32_MAX:
            fits = False
        elif fits:
            for place in range(width):
                if (
                    ledger_add(cell[place].amount, values[place] if sign > 0 else -values[place], &made[place])
                    or made[place] == INT64_MIN
                ):
                    fits = False
                    break
        if not fits:
            row = large_row(self, unit, at)
            if _add_to_row(row, width, amounts, first, sign, bucket if has_spread else _ROW_WITHOUT_SPREAD) == 0:
                remove(self, unit, at)
        elif cell.count + sign == 0:
            remove(self, unit, at)
        else:
            for place in range(width):
                cell[place].amount = made[place]
            before = cell.count
            cell.count = before + sign
            if has_spread and cell.spread != <uint32_t>relative:
                single.number, single.count = <int32_t>relative, 1
                spread_in(self, unit, at, &single, 1, sign, before)
    if self.tally is not None:
        if not fits:
            self.tally.large[way.column] = True
            return 0
        sums.count, sums.size = 1, 0
        for place in range(width):
            sums.amounts[place] = values[place]
        if has_spread:
            single.number, single.count = <int32_t>relative, 1
            sums.size, sums.buckets = 1, &single
        tally_sums(self.tally, unit, number, way.column, &sums, sign)
    return 0


# -- the tally ---------------------------------------------------------------------------------------------------------


@cython.final
@cython.no_gc
cdef class Tally:
    """A ledger's sums at one T: by unit a table of segments, each with the sums of every column."""

    def __dealloc__(self):
        cdef int unit
        for unit in range(UNITS):
            clear(self, unit)


cdef void clear(Tally self, int unit) noexcept:
    cdef int index
    if self.spreads[unit] != NULL:
        for index in range(self.sight.borders[unit] * self.layout.spread_slots):
            PyMem_Free(self.spreads[unit][index])
    PyMem_Free(self.spreads[unit])
    PyMem_Free(self.sums[unit])
    self.spreads[unit], self.sums[unit] = NULL, NULL


cdef inline int place_in(Sight sight, int unit, int64_t number) noexcept:
    """The segment of a pane; 0 is before the first border."""
    cdef int low = 0, high = sight.borders[unit], middle
    while low < high:
        middle = (low + high) >> 1
        if sight.border[unit][middle] <= number:
            low = middle + 1
        else:
            high = middle
    return low


cdef Tally tally_of(Ledger ledger, object frame, Sight sight, uint64_t mask):
    """Count a ledger's cells; only those of some columns, where not all are wanted."""
    cdef Tally self = Tally.__new__(Tally)
    cdef int unit
    self.layout, self.frame, self.sight, self.never = ledger.layout, frame, sight, True
    for unit in range(self.layout.units):
        if ledger.shelves[unit] != NULL:
            count_unit(self, ledger, unit, mask)
    return self


cdef int count_unit(Tally self, Ledger ledger, int unit, uint64_t mask) except -1:
    cdef Layout layout = self.layout
    cdef Sight sight = self.sight
    cdef Shelf *shelf = ledger.shelves[unit]
    cdef int64_t *border = sight.border[unit]
    cdef int borders = sight.borders[unit], place = 0, column
    cdef int64_t number, ahead, steps = -1
    cdef int32_t at = 0
    cdef Entry *cell
    cdef Loose sums
    cdef Bucket single
    if unit == layout.waits or borders == 0:
        return 0
    if border[0] > shelf.entries[0].key >> 8:
        at = find(shelf, border[0] << 8)
    while at < shelf.size:
        cell = &shelf.entries[at]
        at += wide(layout, cell)
        number = cell.key >> 8
        if place == 0 or (place < borders and border[place] <= number):
            while place < borders and border[place] <= number:
                place += 1
            ahead = number + 1 - border[place - 1]
            if steps < 0 or ahead < steps:
                steps = ahead
        column = cell.key & 255
        if not mask & bit(column):
            continue
        if cell.spread == LARGE:
            self.large[column] = True
            continue
        loosen(layout, cell, &sums, &single)
        sum_up(self, unit, place, column, &sums, 1)
    if steps >= 0:
        due_after(self, unit, steps)
    return 0


cdef void due_after(Tally self, int unit, int64_t steps) noexcept:
    """A pane next passes a border after so many steps of a unit."""
    cdef int64_t due
    if self.layout.pane[unit] == 0 or unit == self.layout.waits:
        return
    if self.layout.calendars:
        steps = 1
    due = (self.sight.here[unit] + steps) * self.layout.pane[unit]
    if self.never or due < self.due:
        self.never, self.due = False, due


cdef int sum_up(Tally self, int unit, int place, int column, Loose *sums, int sign) except -1:
    """Add sums to a segment, or take them back; where they do not fit, the column is asked for otherwise."""
    cdef Layout layout = self.layout
    cdef int64_t *there
    cdef int index
    if self.sums[unit] == NULL:
        self.sums[unit] = <int64_t *>PyMem_Calloc(self.sight.borders[unit] * layout.slots, sizeof(int64_t))
        self.spreads[unit] = <Spread **>PyMem_Calloc(
            self.sight.borders[unit] * layout.spread_slots + 1, sizeof(Spread *)
        )
        if self.sums[unit] == NULL or self.spreads[unit] == NULL:
            raise MemoryError
    there = self.sums[unit] + (place - 1) * layout.slots + layout.slot[column]
    there[0] += sign * sums.count
    for index in range(layout.width[column]):
        if ledger_add(
            there[1 + index], -sums.amounts[index] if sign < 0 else sums.amounts[index], &there[1 + index]
        ):
            self.large[column] = True
    if sums.size:
        add_buckets(
            self.spreads[unit] + (place - 1) * layout.spread_slots + layout.spread_slot[column],
            sums.buckets, sums.size, sign,
        )
    return 0


cdef int tally_sums(Tally self, int unit, int64_t number, int column, Loose *sums, int sign) except -1:
    """Add sums to what is counted of their pane's segment, or take them back."""
    cdef int place
    if unit == self.layout.waits:
        return 0
    place = place_in(self.sight, unit, number)
    if place:
        sum_up(self, unit, place, column, sums, sign)
    return 0


cdef uint64_t align(Ledger ledger, object frame, Sight sight, bint *whole) except? 0xFFFFFFFF:
    """Move the borders to those of a later frame; the columns (bits) of which a pane passed one."""
    cdef Tally self = ledger.tally
    cdef Sight before = self.sight
    cdef uint64_t mask = 0
    cdef int unit, place
    cdef bint leap
    cdef int64_t distance
    for unit in range(self.layout.units):
        if ledger.shelves[unit] == NULL or unit == self.layout.waits:
            continue
        leap = before.borders[unit] != sight.borders[unit]
        for place in range(before.borders[unit]):
            if leap:
                break
            distance = sight.border[unit][place] - before.border[unit][place]
            leap = not 0 <= distance <= LEAP
        if leap:
            clear(self, unit)
            self.sight = sight
            count_unit(self, ledger, unit, <uint64_t>-1)
            self.sight = before
            whole[0] = True
        else:
            mask |= shift(self, ledger, unit, before, sight)
    # A unit's table is as large as its borders are many; those without cells have none.
    for unit in range(self.layout.units):
        if ledger.shelves[unit] == NULL:
            clear(self, unit)
    self.frame, self.sight = frame, sight
    # With many panes one is next to a border at nearly every step: the next step is near enough.
    self.never = True
    for unit in range(self.layout.units):
        if ledger.shelves[unit] != NULL:
            due_after(self, unit, 1)
    return mask


cdef uint64_t shift(Tally self, Ledger ledger, int unit, Sight before, Sight after) except? 0xFFFFFFFF:
    cdef Shelf *shelf = ledger.shelves[unit]
    cdef Entry *cell
    cdef Loose sums
    cdef Bucket single
    cdef uint64_t mask = 0
    cdef int place, column
    cdef int32_t at
    cdef int64_t old, new
    # The newest border first: so a pane that passes several is always where it is taken from.
    for place in range(before.borders[unit] - 1, -1, -1):
        old, new = before.border[unit][place], after.border[unit][place]
        if old == new:
            continue
        at = find(shelf, old << 8)
        while at < shelf.size and shelf.entries[at].key >> 8 < new:
            cell = &shelf.entries[at]
            at += wide(self.layout, cell)
            column = cell.key & 255
            mask |= bit(column)
            if cell.spread == LARGE:
                continue
            loosen(self.layout, cell, &sums, &single)
            sum_up(self, unit, place + 1, column, &sums, -1)
            if place:
                sum_up(self, unit, place, column, &sums, 1)
    return mask


cdef uint64_t passed(Ledger self, Sight before, Sight after) except? 0xFFFFFFFF:
    """The columns (bits) of which a pane passed a window's border."""
    cdef Shelf *shelf
    cdef uint64_t mask = 0
    cdef int unit, place
    cdef int32_t at
    cdef int64_t old, new, number
    for unit in range(self.layout.units):
        shelf = self.shelves[unit]
        if shelf == NULL or unit == self.layout.waits:
            continue
        if before.borders[unit] != after.borders[unit]:
            at = 0
            while at < shelf.size:
                number = shelf.entries[at].key >> 8
                if place_in(before, unit, number) != place_in(after, unit, number):
                    mask |= bit(shelf.entries[at].key & 255)
                at += wide(self.layout, &shelf.entries[at])
            continue
        for place in range(before.borders[unit]):
            old, new = before.border[unit][place], after.border[unit][place]
            if old == new:
                continue
            if old > new:
                old, new = new, old
            at = find(shelf, old << 8)
            while at < shelf.size and shelf.entries[at].key >> 8 < new:
                mask |= bit(shelf.entries[at].key & 255)
                at += wide(self.layout, &shelf.entries[at])
    return mask


@cython.final
cdef class Totals:
    """A ledger's sums in every view of its tally's frame, each added up once, when first asked for."""

    def __cinit__(self, Ledger ledger, Tally tally):
        self.ledger, self.tally = ledger, tally
        self.unit = -1

    @property
    def due(self):
        """The next T at which a pane enters or leaves a view (None: never)."""
        return None if self.tally.never else self.tally.due

    @property
    def held(self):
        """Whether any window or gauge holds a fact."""
        cdef Sight sight = self.tally.sight
        cdef int unit, view, column
        for unit in range(self.tally.layout.units):
            if self.ledger.shelves[unit] == NULL:
                continue
            if unit == self.tally.layout.waits:
                return True
            for view in range(sight.views[unit]):
                if not sight.view[unit][3 * view + 2]:
                    continue
                for column in range(self.tally.layout.columns):
                    if self.sums_of(unit, view, column) is not None:
                        return True
        return False

    def of(self, int unit, int view, int column):
        """The sums of a column in a view; None of no facts."""
        return self.sums_of(unit, view, column)

    cdef object sums_of(self, int unit, int view, int column):
        cdef int key = (unit << 16 | view) << 8 | column
        if self.known is None:
            self.known = {}
        if key in self.known:
            return self.known[key]
        total = self.known[key] = add_up(self, unit, view, column)
        return total


cdef add_up(Totals self, int unit, int view, int column):
    cdef Tally tally = self.tally
    cdef Layout layout = tally.layout
    cdef int width = layout.width[column], first, last, place, index, since
    cdef int64_t sums[1 + WIDEST]
    cdef int64_t *there
    cdef Spread *spread
    cdef bint grown = False
    if self.ledger.shelves[unit] == NULL:
        return None
    first, last = tally.sight.view[unit][3 * view], tally.sight.view[unit][3 * view + 1]
    if unit == layout.waits or tally.large[column]:
        return exact(self, unit, column, first, last)
    if tally.sums[unit] == NULL:
        return None
    # A wider view that holds no more than the last one is the same.
    since = last + 1
    if unit == self.unit and column == self.column and last == self.last and first <= self.first:
        since = self.first
    for place in range(since - 1, first - 1, -1):
        if tally.sums[unit][(place - 1) * layout.slots + layout.slot[column]]:
            grown = True
            break
    if since <= last and not grown:
        self.first = first
        return self.total
    memset(sums, 0, sizeof(sums))
    for place in range(first, last + 1):
        there = tally.sums[unit] + (place - 1) * layout.slots + layout.slot[column]
        for index in range(1 + width):
            if ledger_add(sums[index], there[index], &sums[index]):
                return exact(self, unit, column, first, last)
    total = None
    if sums[0] or grown:
        amounts = tuple([sums[1 + index] for index in range(width)])
        counts = {}
        if layout.spread[column]:
            for place in range(first, last + 1):
                spread = tally.spreads[unit][(place - 1) * layout.spread_slots + layout.spread_slot[column]]
                if spread != NULL:
                    for index in range(spread.size):
                        number = spread.buckets[index].number
                        counts[number] = counts.get(number, 0) + spread.buckets[index].count
        total = Total(sums[0], amounts, counts)
    self.unit, self.column, self.first, self.last, self.total = unit, column, first, last, total
    return total


cdef exact(Totals self, int unit, int column, int first, int last):
    """The sums of a column in a run of segments, cell by cell in Python's integers."""
    cdef Ledger ledger = self.ledger
    cdef Sight sight = self.tally.sight
    cdef Layout layout = ledger.layout
    cdef Shelf *shelf = ledger.shelves[unit]
    cdef Entry *cell
    cdef int32_t at = 0
    cdef int place
    total = None
    while at < shelf.size:
        cell = &shelf.entries[at]
        at += wide(layout, cell)
        if cell.key & 255 != column:
            continue
        place = place_in(sight, unit, cell.key >> 8)
        if place < first or place > last:
            continue
        row = row_of(ledger, unit, cell)
        if total is None:
            total = row
        else:
            _merge_rows(total, row, 1, layout.spread[column])
    if total is None:
        return None
    if layout.spread[column]:
        return Total(total[0], tuple(total[1 : len(total) - 1]), _spread_of(total))
    return Total(total[0], tuple(total[1:]), {})
