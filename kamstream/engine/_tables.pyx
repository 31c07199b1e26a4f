# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The values of tables, what ``tables`` says of ``Table`` and ``Reader``, compiled.

The usual kinds of values (quotients, rates, percentiles) are computed from a tally's integers, without the objects in
between. A KPI with a value of its own is asked as ever, and so are all whose sums leave what 53 bits hold exactly.
"""

cimport cython
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.list cimport PyList_GET_ITEM
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_CheckExact
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Malloc
from cpython.object cimport PyTypeObject
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_SET_ITEM
from libc.stdint cimport INT32_MAX, INT32_MIN, int32_t, int64_t, uint8_t, uint64_t

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

from kamstream.engine.plan import NOWHERE
from kamstream.engine.tables import PythonReader, Value
from kamstream.kpis import Reading
from kamstream.kpis.base import Percentile, Quotient, Rate, Scaled, count_of
from kamstream.sketch import middle


cdef extern from "Python.h":
    object PyType_GenericAlloc(PyTypeObject *type, Py_ssize_t items)


cdef enum:
    #: How a value is made: by asking its KPI, or by one of the usual ways.
    ASKED = 0
    COUNT = 1
    QUOTIENT = 2
    RATE = 3
    PERCENTILE = 4
    #: Integers up to here are exact as floats, and so is the rounding of their quotients.
    EXACT = 53
    #: What a value is: nothing, an integer, a double, something else.
    NO_DATA = 0
    WHOLE = 1
    REAL = 2
    ODD = 3
    #: Buckets whose durations are kept at hand, and segments that a percentile is taken over without asking.
    BUCKETS = 8192
    SEGMENTS = 32

cdef int64_t LARGEST = <int64_t>1 << EXACT
cdef double SECONDS[BUCKETS]


@cython.no_gc
cdef class Table:
    """What is known of an id's table since it was last handed over; see ``tables.Table``.

    Values are kept as numbers, a dozen bytes each: a worker has millions of them. They become objects when they are
    handed over. One that is no number of these (``ODD``) stays the object that it is.
    """

    def __dealloc__(self):
        PyMem_Free(self.bits)

    @property
    def is_read(self):
        """Whether there are values."""
        return self.bits != NULL

    @property
    def values(self):
        """All values in the order of the plan's fields; None before the first reading."""
        if self.bits == NULL:
            return None
        return [self.value(index) for index in range(self.reader.size)]

    cpdef object value(self, int index):
        """The value of a field."""
        cdef Spot spot = self.spot(index)
        if spot.kind == ODD:
            return self.odd[index]
        if same(&spot, &self.reader.empty[index]):
            return <object>PyList_GET_ITEM(self.reader.no_data, index)
        return value_of(&spot)

    cdef Spot spot(self, int index) noexcept:
        cdef Spot spot
        cdef int size = self.reader.size
        cdef int32_t *counts = <int32_t *>(self.bits + size)
        spot.bits, spot.n, spot.kind = self.bits[index], counts[index], (<uint8_t *>(counts + size))[index]
        return spot

    cdef int put(self, int index, Spot *spot, value) except -1:
        """Set a value; ``value`` is the object, where it is known."""
        cdef int size = self.reader.size
        cdef int32_t *counts = <int32_t *>(self.bits + size)
        if spot.kind == ODD or not INT32_MIN <= spot.n <= INT32_MAX:
            if self.odd is None:
                self.odd = {}
            self.odd[index] = value_of(spot) if value is None else value
            self.bits[index], counts[index], (<uint8_t *>(counts + size))[index] = 0, 0, ODD
            return 0
        self.bits[index], counts[index], (<uint8_t *>(counts + size))[index] = spot.bits, <int32_t>spot.n, spot.kind
        return 0

    cdef int change(self, int index, Spot *spot, value, bint first) except -1:
        """Set a value that was read, and note it where it differs from the one before."""
        cdef Spot before
        if first:
            self.put(index, spot, value)
            return 0
        before = self.spot(index)
        if before.kind != ODD and same(&before, spot):
            return 0
        old = self.value(index)
        self.put(index, spot, value)
        # An integer may equal a double.
        if old != self.value(index):
            self.moved.append((index, old))
        return 0

    cdef int begin(self, Reader reader) except -1:
        """Every field is without data."""
        cdef int index
        self.reader = reader
        self.bits = <int64_t *>PyMem_Malloc(reader.size * (sizeof(int64_t) + sizeof(int32_t) + 1) + 1)
        if self.bits == NULL:
            raise MemoryError
        for index in range(reader.size):
            self.put(index, &reader.empty[index], <object>PyList_GET_ITEM(reader.no_data, index))
        return 0


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
        self.known = <Known *>PyMem_Calloc(self.size + 1, sizeof(Known))
        self.sums = <Sums *>PyMem_Calloc(self.size + 1, sizeof(Sums))
        self.empty = <Spot *>PyMem_Calloc(self.size + 1, sizeof(Spot))
        if self.known == NULL or self.sums == NULL or self.empty == NULL:
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
        table.begin(self)
        self.read(totals, table, <uint64_t>-1, now, True)
        return table.values, totals

    cpdef refresh(self, Table table, Ledger ledger, object frame, int64_t now, bint whole):
        """Bring a table's values to T = ``now``, those only whose facts changed or passed a window's border.

        The totals are those of all columns if ``whole``.
        """
        cdef uint64_t mask = <uint64_t>-1, wanted
        cdef bint everything = False, first = table.bits == NULL, same = table.ledger is ledger
        cdef int index
        cdef Tally tally
        cdef Totals totals
        table.ledger, table.moved = ledger, []
        if first:
            table.begin(self)
        if ledger is None or ledger.cells == 0:
            if not first:
                for index in range(self.size):
                    table.change(index, &self.empty[index], <object>PyList_GET_ITEM(self.no_data, index), False)
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
            self.read(totals, table, mask, now, first)
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
                    table.change(index, &spot, None, first)
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
            table.change(index, &spot, value, first)
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
