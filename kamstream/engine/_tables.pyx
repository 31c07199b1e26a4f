# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The values of tables, what ``tables`` says of ``Table`` and ``Reader``, compiled.

The usual kinds of values (quotients, rates, percentiles) are computed from a tally's integers, without the objects in
between. A KPI with a value of its own is asked as ever, and so are all whose sums leave what 53 bits hold exactly.
"""

cimport cython
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.list cimport PyList_GET_ITEM
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_CheckExact
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.object cimport PyTypeObject
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_SET_ITEM
from libc.stdint cimport int32_t, int64_t, uint64_t

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
from kamstream.engine.tables import Reader as PythonReader
from kamstream.engine.tables import Value
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
    #: Buckets whose durations are kept at hand, and segments that a percentile is taken over without asking.
    BUCKETS = 8192
    SEGMENTS = 32

cdef int64_t LARGEST = <int64_t>1 << EXACT
cdef double SECONDS[BUCKETS]


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


@cython.final
@cython.no_gc
cdef class Table:
    """What is known of an id's table since it was last handed over; see ``tables.Table``."""

    cdef public list values
    cdef public object frame
    cdef public int64_t time
    cdef public object due
    cdef public int64_t watched
    cdef public object ledger
    cdef public object waits


@cython.final
cdef class Reader:
    """Reads values from ledgers, all fields of the plan in their order."""

    cdef Layout layout
    cdef list fields
    cdef list no_data
    cdef list nothing
    cdef Known *known
    cdef Sums *sums
    cdef int size
    cdef int totals
    cdef uint64_t waits

    def __cinit__(self, plan):
        asked = PythonReader(plan)
        self.layout = layout_of(plan)
        self.fields, self.no_data, self.nothing = plan.fields, asked._no_data, asked._nothing
        self.waits = 0
        self.size = len(self.fields)
        self.known = <Known *>PyMem_Calloc(self.size + 1, sizeof(Known))
        self.sums = <Sums *>PyMem_Calloc(self.size + 1, sizeof(Sums))
        if self.known == NULL or self.sums == NULL:
            raise MemoryError
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
        if ledger is None or ledger.cells == 0:
            return list(self.no_data), None
        totals = ledger.totals_once(frame)
        return self.read(totals, list(self.no_data), <uint64_t>-1, now), totals

    def refresh(self, Table table, Ledger ledger, frame, int64_t now, bint whole):
        """Bring a table's values to T = ``now``, those only whose facts changed or passed a window's border.

        The totals are those of all columns if ``whole``.
        """
        cdef uint64_t mask = <uint64_t>-1, wanted
        cdef bint everything = False
        cdef int index
        cdef Tally tally
        cdef Totals totals
        before, same = table.values, table.ledger is ledger
        table.ledger = ledger
        if ledger is None or ledger.cells == 0:
            table.values, table.frame, table.time, table.due = list(self.no_data), frame, now, None
            if ledger is not None:
                ledger.touched = 0
            return None
        if before is not None and same:
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
        if mask or before is None:
            table.values = self.read(totals, list(self.no_data) if before is None else before, mask, now)
        table.frame, table.time = frame, now
        table.due = None if tally.never else tally.due
        ledger.touched = 0
        return totals

    cdef list read(self, Totals totals, list before, uint64_t mask, now):
        """The values with those fields read anew that are made of some columns; the same list if none has changed."""
        cdef int index
        cdef Known *known
        cdef Sums *sums
        cdef list values = before
        cdef bint own = False
        last_kpi = last_total = last_value = None
        for index in range(self.totals):
            self.sums[index].known = False
        for index in range(self.size):
            known = &self.known[index]
            if not known.columns & mask:
                continue
            value = None
            old = <object>PyList_GET_ITEM(before, index)
            if known.way != ASKED:
                sums = self.sums_of(totals, known)
                if sums.fits:
                    value = self.usual(totals, known, sums, old, index)
            if value is None:
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
            if value is not old:
                if not own:
                    values, own = before[:], True
                values[index] = value
        return values

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

    cdef object usual(self, Totals totals, Known *known, Sums *sums, old, int index):
        """A value made in one of the usual ways: the old one where it is the same; None where the KPI has to be asked."""
        cdef int64_t n = sums.sums[0], part, whole
        if n == 0:
            return <object>PyList_GET_ITEM(self.no_data, index)
        if known.way == COUNT:
            if is_whole(<object>PyTuple_GET_ITEM(old, 0), n) and is_whole(<object>PyTuple_GET_ITEM(old, 1), n):
                return old
            return new_value(n, n)
        if known.way == PERCENTILE:
            return self.percentile(totals, known, n, old)
        part = sums.sums[known.part] if known.way == QUOTIENT else n
        if known.way == RATE:
            if n > LARGEST // known.part:
                return None
            part, whole = n * known.part, known.scale
        else:
            whole = 1 if known.whole < 0 else sums.sums[known.whole]
            if whole > LARGEST // known.scale or whole < -LARGEST // known.scale:
                return None
            whole *= known.scale
        if whole == 0:
            if <object>PyTuple_GET_ITEM(old, 0) is None and is_whole(<object>PyTuple_GET_ITEM(old, 1), n):
                return old
            return new_value(None, n)
        return value_of(<double>part / <double>whole, n, old)

    cdef object percentile(self, Totals totals, Known *known, int64_t n, old):
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
            return None
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
            return None
        left = (total * known.rank + 99) // 100
        while True:
            lowest = -1
            for segment in range(size):
                if at[segment] < spreads[segment].size:
                    if lowest < 0 or spreads[segment].buckets[at[segment]].number < lowest:
                        lowest = spreads[segment].buckets[at[segment]].number
            if lowest < 0:
                return None
            for segment in range(size):
                if at[segment] < spreads[segment].size and spreads[segment].buckets[at[segment]].number == lowest:
                    left -= spreads[segment].buckets[at[segment]].count
                    at[segment] += 1
            if left <= 0:
                return value_of(seconds(lowest), n, old)


cdef double seconds(int32_t bucket) except? -1:
    """What a bucket stands for, in seconds."""
    if bucket >= BUCKETS:
        return middle(bucket) / 1000
    if SECONDS[bucket] == 0:
        SECONDS[bucket] = middle(bucket) / 1000
    return SECONDS[bucket]


cdef inline bint is_whole(object value, int64_t n) noexcept:
    cdef int overflow = 0
    return PyLong_CheckExact(value) and PyLong_AsLongLongAndOverflow(value, &overflow) == n and not overflow


cdef inline object value_of(double value, int64_t n, old):
    there = <object>PyTuple_GET_ITEM(old, 0)
    if PyFloat_CheckExact(there) and PyFloat_AS_DOUBLE(there) == value and is_whole(<object>PyTuple_GET_ITEM(old, 1), n):
        return old
    return new_value(value, n)


cdef inline object new_value(value, n):
    """A ``Value``, which is a tuple of two."""
    cdef object made = PyType_GenericAlloc(<PyTypeObject *>Value, 2)
    Py_INCREF(value)
    PyTuple_SET_ITEM(made, 0, value)
    Py_INCREF(n)
    PyTuple_SET_ITEM(made, 1, n)
    return made
