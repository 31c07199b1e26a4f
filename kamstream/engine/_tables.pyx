# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The values of tables, what ``tables`` says of ``Table`` and ``Reader``, compiled.

The usual kinds of values (quotients, rates, percentiles) are computed from a tally's integers, without the objects in
between. A KPI with a value of its own is asked as ever, and so are all whose sums leave what 53 bits hold exactly.
"""

cimport cython
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.list cimport PyList_GET_ITEM
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_CheckExact
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.object cimport PyTypeObject
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_SET_ITEM
from libc.stdint cimport INT32_MAX, INT32_MIN, int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memcpy, memset

from kamstream.engine._ledger cimport (
    WIDEST,
    Layout,
    Ledger,
    Sight,
    Spread,
    Tally,
    Totals,
    bit,
    columns_since,
    layout_of,
    sight_of,
    tally_for,
)

from collections.abc import Mapping

from kamstream.engine.plan import NOWHERE
from kamstream.engine.tables import PythonReader, Value
from kamstream.kpis import Reading
from kamstream.kpis.base import Percentile, Quotient, Rate, Scaled, count_of
from kamstream.sketch import middle


cdef extern from "Python.h":
    object PyType_GenericAlloc(PyTypeObject *type, Py_ssize_t items)


cdef extern from *:
    int popcount "__builtin_popcountll"(uint64_t bits) noexcept


cdef enum:
    #: How a value is made: by asking its KPI, or by one of the usual ways.
    ASKED = 0
    COUNT = 1
    QUOTIENT = 2
    RATE = 3
    PERCENTILE = 4
    #: Integers up to here are exact as floats, and so is the rounding of their quotients.
    EXACT = 53
    #: Buckets whose durations are kept at hand, and segments that a percentile is taken over without asking.
    BUCKETS = 8192
    SEGMENTS = 32

cdef enum:
    #: What is packed of a field: nothing (it is without data), the same as of the one before, numbers of its own.
    EMPTY = 0
    AGAIN = 1
    OWN = 2
    #: Bytes of such numbers.
    NUMBERS = 13

#: The bits of the marks that say so.
cdef uint64_t OWNERS = 0xAAAAAAAAAAAAAAAA
#: What most tables know as moved most of the time: one list for all, which nobody adds to.
cdef list NONE_MOVED = []
cdef int64_t LARGEST = <int64_t>1 << EXACT
cdef double SECONDS[BUCKETS]


@cython.no_gc
cdef class Table:
    """What is known of an id's table since it was last handed over; see ``tables.Table``.

    Values are kept as numbers, as few as there are: a worker has millions of them. They become objects when they are
    handed over. One that is no number of these (``ODD``) stays the object that it is.
    """

    def __dealloc__(self):
        PyMem_Free(self.packed)

    @property
    def is_read(self):
        """Whether there are values."""
        return self.packed != NULL

    @property
    def values(self):
        """All values in the order of the plan's fields; None before the first reading."""
        if self.packed == NULL:
            return None
        return [self.value(index) for index in range(self.reader.size)]

    cpdef object value(self, int index):
        """The value of a field."""
        return self.reader.value_at(self.packed, self.odd, index)


@cython.no_gc
cdef class Snapshot:
    """All values of a table by field, as they stood: a mapping whose values become objects when they are asked for.

    Most are not: whoever writes them elsewhere takes the numbers.
    """

    def __dealloc__(self):
        PyMem_Free(self.packed)

    def __len__(self):
        return self.reader.size

    def __iter__(self):
        return iter(self.reader.names)

    def __contains__(self, field):
        return field in self.reader.places

    def __getitem__(self, field):
        return self.at(self.reader.places[field])

    def __eq__(self, other):
        return self.plain() == (other.plain() if isinstance(other, Snapshot) else other)

    def __repr__(self):
        return repr(self.plain())

    def get(self, field, default=None):
        """The value of a field, if there is such a field."""
        place = self.reader.places.get(field)
        return default if place is None else self.at(place)

    def keys(self):
        """The fields, in the order of the plan."""
        return self.reader.places.keys()

    def values(self):
        """Their values."""
        return self.plain().values()

    def items(self):
        """Fields and values."""
        return self.plain().items()

    cdef int size(self) noexcept:
        return self.reader.size

    cdef int spots(self, Spot *out) noexcept:
        return self.reader.unpack(self.packed, out)

    cdef object at(self, int index):
        return self.reader.value_at(self.packed, self.odd, index)

    cdef dict plain(self):
        """All values as objects."""
        cdef dict values = {}
        cdef int index
        for index in range(self.reader.size):
            values[self.reader.names[index]] = self.at(index)
        return values


Mapping.register(Snapshot)


cdef inline int owners(uint64_t *packed, int words) noexcept:
    """How many of the fields in those words have numbers of their own."""
    cdef int word, count = 0
    for word in range(words):
        count += popcount(packed[word] & OWNERS)
    return count


cdef inline bint same(Spot *one, Spot *other) noexcept:
    return one.kind == other.kind and one.bits == other.bits and one.n == other.n and one.kind != ODD


cdef inline object value_of(Spot *spot):
    """The value as an object."""
    if spot.kind == NO_DATA:
        return new_value(None, spot.n)
    if spot.kind == WHOLE:
        return new_value(spot.bits, spot.n)
    return new_value((<double *>&spot.bits)[0], spot.n)


cdef Spot spot_of(value) except *:
    """A value as numbers."""
    cdef Spot spot
    cdef int overflow = 0, more = 0
    number, n = value
    spot.kind, spot.bits, spot.n = ODD, 0, 0
    if not PyLong_CheckExact(n):
        return spot
    spot.n = PyLong_AsLongLongAndOverflow(n, &overflow)
    if overflow:
        return spot
    if number is None:
        spot.kind = NO_DATA
    elif PyFloat_CheckExact(number):
        spot.kind = REAL
        (<double *>&spot.bits)[0] = PyFloat_AS_DOUBLE(number)
    elif PyLong_CheckExact(number):
        spot.bits = PyLong_AsLongLongAndOverflow(number, &more)
        if not more:
            spot.kind = WHOLE
    return spot


cdef class Reader:
    """Reads values from ledgers, all fields of the plan in their order."""

    def __cinit__(self, plan):
        asked = PythonReader(plan)
        self.layout = layout_of(plan)
        self.fields, self.no_data, self.nothing = plan.fields, asked._no_data, asked._nothing
        self.waits = 0
        self.size = len(self.fields)
        self.words = (self.size + 31) // 32
        self.names = tuple(field.name for field in self.fields)
        self.places = {name: index for index, name in enumerate(self.names)}
        self.known = <Known *>PyMem_Calloc(self.size + 1, sizeof(Known))
        self.sums = <Sums *>PyMem_Calloc(self.size + 1, sizeof(Sums))
        self.empty = <Spot *>PyMem_Calloc(self.size + 1, sizeof(Spot))
        self.spots = <Spot *>PyMem_Calloc(self.size + 1, sizeof(Spot))
        self.marks = <uint8_t *>PyMem_Calloc(self.size + 1, 1)
        if self.known == NULL or self.sums == NULL or self.empty == NULL or self.spots == NULL or self.marks == NULL:
            raise MemoryError
        for index, value in enumerate(self.no_data):
            self.empty[index] = spot_of(value)
        places = {}
        for index, field in enumerate(self.fields):
            self.lay_out(&self.known[index], field)
            place = (field.unit, field.view, field.column)
            self.known[index].total = places.setdefault(place, len(places))
            if asked._waits >> field.column & 1:
                self.waits |= bit(field.column)
        self.totals = len(places)

    def __dealloc__(self):
        PyMem_Free(self.known)
        PyMem_Free(self.sums)
        PyMem_Free(self.empty)
        PyMem_Free(self.spots)
        PyMem_Free(self.marks)

    cdef int lay_out(self, Known *known, field) except -1:
        value = field.kpi.value
        known.column, known.unit, known.view = field.column, field.unit, field.view
        known.columns = bit(field.column)
        known.counts = field.counts
        known.scale = 1
        if field.beside_column != NOWHERE:
            known.columns |= bit(field.beside_column)
        if field.before_view != NOWHERE or field.beside_column != NOWHERE or not field.counts:
            return 0
        if self.layout.width[known.column] > WIDEST:
            return 0
        if value is count_of:
            known.way = COUNT
        elif isinstance(value, Quotient) and 0 < value.scale < 2**31:
            known.way, known.part, known.whole, known.scale = QUOTIENT, value.part, value.whole, value.scale
        elif isinstance(value, Scaled) and 0 < value.scale < 2**31:
            known.way, known.part, known.whole, known.scale = QUOTIENT, value.part, -1, value.scale
        elif isinstance(value, Rate) and field.window is not None and field.window.count and 0 < value.per < 2**31:
            known.way, known.part, known.scale = RATE, value.per, field.window.span(0)
        elif isinstance(value, Percentile) and self.layout.spread[known.column]:
            known.way, known.rank = PERCENTILE, value.rank
        if known.way == QUOTIENT and not (
            0 <= known.part <= self.layout.width[known.column] and known.whole <= self.layout.width[known.column]
        ):
            known.way = ASKED
        return 0

    def values(self, Ledger ledger, frame, now):
        """The values at T = ``now``, and the totals that they come from."""
        cdef Totals totals
        cdef Table table
        if ledger is None or ledger.cells == 0:
            return list(self.no_data), None
        totals, table = ledger.totals_once(frame), Table.__new__(Table)
        memcpy(self.spots, self.empty, self.size * sizeof(Spot))
        self.read(totals, table, <uint64_t>-1, now, True)
        return [self.object_of(&self.spots[index], table.odd, index) for index in range(self.size)], totals

    cpdef object snapshot(self, Table table):
        """All values of a table that was read, by field, as they stand: whatever becomes of the table."""
        cdef Snapshot made = Snapshot.__new__(Snapshot)
        made.reader = self
        if table.odd is not None:
            made.odd = table.odd.copy()
        cdef size_t size = self.size_of(table.packed)
        made.packed = <uint64_t *>PyMem_Malloc(size)
        if made.packed == NULL:
            raise MemoryError
        memcpy(made.packed, table.packed, size)
        return made

    # Packed, the values of a table are two bits for each field, then the numbers of those that have some: their bits,
    # their n, their kinds. Most fields are without data, and many windows hold the same as the one before.

    cdef size_t size_of(self, uint64_t *packed) noexcept:
        return self.words * sizeof(uint64_t) + owners(packed, self.words) * NUMBERS

    cdef int pack(self, Table table) except -1:
        """Put the values that were read into the table."""
        cdef int index, place = 0, count = 0
        cdef uint64_t mark = EMPTY
        cdef uint64_t *packed
        cdef int64_t *bits
        cdef int32_t *counts
        cdef uint8_t *kinds
        cdef Spot *spot
        for index in range(self.size):
            spot = &self.spots[index]
            if same(spot, &self.empty[index]):
                mark = EMPTY
            elif mark != EMPTY and same(spot, spot - 1):
                mark = AGAIN
            else:
                mark = OWN
                count += 1
            self.marks[index] = <uint8_t>mark
        packed = table.packed
        if packed == NULL or owners(packed, self.words) != count:
            packed = <uint64_t *>PyMem_Realloc(packed, self.words * sizeof(uint64_t) + count * NUMBERS)
            if packed == NULL:
                raise MemoryError
            table.packed = packed
        memset(packed, 0, self.words * sizeof(uint64_t))
        bits = <int64_t *>(packed + self.words)
        counts = <int32_t *>(bits + count)
        kinds = <uint8_t *>(counts + count)
        for index in range(self.size):
            packed[index >> 5] |= <uint64_t>self.marks[index] << 2 * (index & 31)
            if self.marks[index] == OWN:
                spot = &self.spots[index]
                bits[place], counts[place], kinds[place] = spot.bits, <int32_t>spot.n, <uint8_t>spot.kind
                place += 1
        self.stirred = False
        return 0

    cdef int unpack(self, uint64_t *packed, Spot *out) noexcept:
        """All values; how many they are."""
        cdef int index, mark, place = 0, count = owners(packed, self.words)
        cdef int64_t *bits = <int64_t *>(packed + self.words)
        cdef int32_t *counts = <int32_t *>(bits + count)
        cdef uint8_t *kinds = <uint8_t *>(counts + count)
        for index in range(self.size):
            mark = packed[index >> 5] >> 2 * (index & 31) & 3
            if mark == EMPTY:
                out[index] = self.empty[index]
            elif mark == AGAIN:
                out[index] = out[index - 1]
            else:
                out[index].bits, out[index].n, out[index].kind = bits[place], counts[place], kinds[place]
                place += 1
        return self.size

    cdef object value_at(self, uint64_t *packed, dict odd, int index):
        """One of a table's values as an object."""
        cdef int word = index >> 5, count = owners(packed, self.words), place
        cdef int64_t *bits = <int64_t *>(packed + self.words)
        cdef int32_t *counts = <int32_t *>(bits + count)
        cdef Spot spot
        if (packed[word] >> 2 * (index & 31) & 3) == EMPTY:
            return self.object_of(&self.empty[index], odd, index)
        # The last one up to here that has numbers.
        place = owners(packed, word) + popcount(packed[word] & OWNERS & <uint64_t>-1 >> 2 * (31 - (index & 31))) - 1
        spot.bits, spot.n, spot.kind = bits[place], counts[place], (<uint8_t *>(counts + count))[place]
        return self.object_of(&spot, odd, index)

    cdef object object_of(self, Spot *spot, dict odd, int index):
        if spot.kind == ODD:
            return odd[index]
        if same(spot, &self.empty[index]):
            return <object>PyList_GET_ITEM(self.no_data, index)
        return value_of(spot)

    cdef int put(self, Table table, int index, Spot *spot, value) except -1:
        """Set a value of the table that is being read; ``value`` is the object, where it is known."""
        cdef Spot *there = &self.spots[index]
        self.stirred = True
        if spot.kind == ODD or not INT32_MIN <= spot.n <= INT32_MAX:
            if table.odd is None:
                table.odd = {}
            table.odd[index] = value_of(spot) if value is None else value
            there.bits, there.n, there.kind = 0, 0, ODD
            return 0
        there[0] = spot[0]
        return 0

    cdef int change(self, Table table, int index, Spot *spot, value, bint first) except -1:
        """Set a value that was read, and note it where it differs from the one before."""
        cdef Spot *before = &self.spots[index]
        if before.kind != ODD and same(before, spot):
            return 0
        if first:
            self.put(table, index, spot, value)
            return 0
        old = self.object_of(before, table.odd, index)
        self.put(table, index, spot, value)
        # An integer may equal a double.
        if old != self.object_of(before, table.odd, index):
            if table.moved is NONE_MOVED:
                table.moved = []
            table.moved.append((index, old))
        return 0

    cpdef refresh(self, Table table, Ledger ledger, object frame, int64_t now, bint whole):
        """Bring a table's values to T = ``now``, those only whose facts changed or passed a window's border.

        The totals are those of all columns if ``whole``.
        """
        cdef uint64_t mask = <uint64_t>-1, wanted
        cdef bint everything = False, first = table.packed == NULL, same = table.ledger is ledger
        cdef int index
        cdef Tally tally
        cdef Totals totals
        table.ledger, table.moved = ledger, NONE_MOVED
        self.stirred = first
        if first:
            table.reader = self
            memcpy(self.spots, self.empty, self.size * sizeof(Spot))
            for index in range(self.size):
                if self.empty[index].kind == ODD:
                    self.put(table, index, &self.empty[index], <object>PyList_GET_ITEM(self.no_data, index))
        if ledger is None or ledger.cells == 0:
            if not first:
                self.unpack(table.packed, self.spots)
                for index in range(self.size):
                    self.change(table, index, &self.empty[index], <object>PyList_GET_ITEM(self.no_data, index), False)
            if self.stirred:
                self.pack(table)
            table.frame, table.time, table.due = frame, now, None
            if ledger is not None:
                ledger.touched = 0
            return None
        if not first and same:
            mask = columns_since(ledger, table.frame, frame, &everything)
            if everything:
                mask = <uint64_t>-1
            elif now != table.time:
                mask |= self.waits
        wanted = mask
        if whole:
            wanted = <uint64_t>-1
        else:
            for index in range(self.size):
                if self.known[index].columns & mask:
                    wanted |= self.known[index].columns
        tally = tally_for(ledger, frame, wanted)
        totals = Totals.__new__(Totals, ledger, tally)
        if mask:
            if not first:
                self.unpack(table.packed, self.spots)
            self.read(totals, table, mask, now, first)
        if self.stirred:
            self.pack(table)
        table.frame, table.time = frame, now
        table.due = None if tally.never else tally.due
        ledger.touched = 0
        return totals

    cdef int read(self, Totals totals, Table table, uint64_t mask, now, bint first) except -1:
        """Read those fields anew that are made of some columns."""
        cdef int index
        cdef Known *known
        cdef Sums *sums
        cdef Spot spot
        last_kpi = last_total = last_value = None
        for index in range(self.totals):
            self.sums[index].known = False
        for index in range(self.size):
            known = &self.known[index]
            if not known.columns & mask:
                continue
            if known.way != ASKED:
                sums = self.sums_of(totals, known)
                if sums.fits and self.usual(totals, known, sums, &spot, index):
                    self.change(table, index, &spot, None, first)
                    continue
            field = <object>PyList_GET_ITEM(self.fields, index)
            total = totals.sums_of(known.unit, known.view, known.column)
            if field.before_view != NOWHERE or field.beside_column != NOWHERE:
                value = self.with_more(index, field, total, totals, now)
            elif total is None:
                value = self.no_data[index]
            elif field.timeless and total is last_total and field.kpi is last_kpi:
                value = last_value
            else:
                kpi, nothing = field.kpi, self.nothing[known.column]
                reading = Reading(total, nothing, nothing, field.window, now)
                value = new_value(kpi.value(reading), total.n if known.counts else kpi.n(reading))
                last_kpi, last_total, last_value = kpi, total, value
            spot = spot_of(value)
            self.change(table, index, &spot, value, first)
        return 0

    cdef object with_more(self, int index, field, total, Totals totals, now):
        """The value of a field that needs the previous window, or second sums, too."""
        nothing = self.nothing[field.column]
        before = beside = nothing
        if field.before_view != NOWHERE:
            before = totals.sums_of(field.unit, field.before_view, field.column) or nothing
        if field.beside_column != NOWHERE:
            beside = totals.sums_of(field.beside_unit, 0, field.beside_column) or self.nothing[field.beside_column]
        if total is None and not (before.n or beside.n):
            return self.no_data[index]
        reading = Reading(total or nothing, before, beside, field.window, now)
        return new_value(field.kpi.value(reading), field.kpi.n(reading))

    cdef Sums *sums_of(self, Totals totals, Known *known) except NULL:
        """The sums of a field, added up once."""
        cdef Tally tally = totals.tally
        cdef Layout layout = self.layout
        cdef Sums *sums = &self.sums[known.total]
        cdef int64_t *there
        cdef int place, index, width = layout.width[known.column]
        cdef int *view = &tally.sight.view[known.unit][3 * known.view]
        if sums.known:
            return sums
        sums.known, sums.fits = True, known.unit != layout.waits and not tally.large[known.column]
        for index in range(1 + width):
            sums.sums[index] = 0
        if not sums.fits or tally.sums[known.unit] == NULL or totals.ledger.shelves[known.unit] == NULL:
            return sums
        for place in range(view[0], view[1] + 1):
            there = tally.sums[known.unit] + (place - 1) * layout.slots + layout.slot[known.column]
            for index in range(1 + width):
                # Not even two that fit can overflow.
                if not -LARGEST <= there[index] <= LARGEST:
                    sums.fits = False
                    return sums
                sums.sums[index] += there[index]
        for index in range(1 + width):
            if not -LARGEST <= sums.sums[index] <= LARGEST:
                sums.fits = False
        return sums

    cdef bint usual(self, Totals totals, Known *known, Sums *sums, Spot *value, int index) except -1:
        """Make a value in one of the usual ways; False where the KPI has to be asked."""
        cdef int64_t n = sums.sums[0], part, whole
        if n == 0:
            value[0] = self.empty[index]
            # The object stands in for one that is no number.
            return value.kind != ODD
        value.n = n
        if known.way == COUNT:
            value.kind, value.bits = WHOLE, n
            return True
        if known.way == PERCENTILE:
            return self.percentile(totals, known, value)
        part = sums.sums[known.part] if known.way == QUOTIENT else n
        if known.way == RATE:
            if n > LARGEST // known.part:
                return False
            part, whole = n * known.part, known.scale
        else:
            whole = 1 if known.whole < 0 else sums.sums[known.whole]
            if whole > LARGEST // known.scale or whole < -LARGEST // known.scale:
                return False
            whole *= known.scale
        if whole == 0:
            value.kind, value.bits = NO_DATA, 0
        else:
            set_real(value, <double>part / <double>whole)
        return True

    cdef bint percentile(self, Totals totals, Known *known, Spot *value) except -1:
        """The nearest-rank percentile: the buckets of all segments are gone through together."""
        cdef Layout layout = self.layout
        cdef Tally tally = totals.tally
        cdef int *view = &tally.sight.view[known.unit][3 * known.view]
        cdef Spread *spreads[SEGMENTS]
        cdef int32_t at[SEGMENTS]
        cdef int segment, size = 0
        cdef int32_t lowest
        cdef int64_t total = 0, left
        cdef Spread *spread
        if view[1] - view[0] >= SEGMENTS or not 0 < known.rank <= 100:
            return False
        for segment in range(view[0], view[1] + 1):
            spread = tally.spreads[known.unit][
                (segment - 1) * layout.spread_slots + layout.spread_slot[known.column]
            ]
            if spread == NULL or spread.size == 0:
                continue
            for lowest in range(spread.size):
                total += spread.buckets[lowest].count
            spreads[size], at[size] = spread, 0
            size += 1
        if total <= 0:
            return False
        left = (total * known.rank + 99) // 100
        while True:
            lowest = -1
            for segment in range(size):
                if at[segment] < spreads[segment].size:
                    if lowest < 0 or spreads[segment].buckets[at[segment]].number < lowest:
                        lowest = spreads[segment].buckets[at[segment]].number
            if lowest < 0:
                return False
            for segment in range(size):
                if at[segment] < spreads[segment].size and spreads[segment].buckets[at[segment]].number == lowest:
                    left -= spreads[segment].buckets[at[segment]].count
                    at[segment] += 1
            if left <= 0:
                set_real(value, seconds(lowest))
                return True


cdef double seconds(int32_t bucket) except? -1:
    """What a bucket stands for, in seconds."""
    if bucket >= BUCKETS:
        return middle(bucket) / 1000
    if SECONDS[bucket] == 0:
        SECONDS[bucket] = middle(bucket) / 1000
    return SECONDS[bucket]


cdef inline void set_real(Spot *spot, double value) noexcept:
    spot.kind = REAL
    # There is one zero.
    (<double *>&spot.bits)[0] = value + 0.0


cdef inline object new_value(value, n):
    """A ``Value``, which is a tuple of two."""
    cdef object made = PyType_GenericAlloc(<PyTypeObject *>Value, 2)
    Py_INCREF(value)
    PyTuple_SET_ITEM(made, 0, value)
    Py_INCREF(n)
    PyTuple_SET_ITEM(made, 1, n)
    return made
