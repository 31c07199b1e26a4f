# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The fast tier of the decoder in one pass over the bytes: from JSON to an `Event` without anything in between.

It takes what is plainly right and says None of everything else, which then goes the longer ways of `Decoder`: anything
escaped or nested that no field wants, a field given twice, exponents, signs, more digits than a double holds exactly,
times at the borders of the calendar. What it takes it must take as the exact path would; of what it leaves it need
know nothing. What the fields are it learns from the forms of the models (`structs.Form`).
"""

from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy, memset

from .envelope import is_account
from .event import Event

cdef extern from "Python.h":
    # Declared with plain pointers: who holds which reference is said in the code.
    void keep "Py_INCREF"(PyObject*)
    void drop "Py_XDECREF"(PyObject*)
    PyObject* PyObject_Vectorcall(PyObject*, PyObject**, size_t, PyObject*)
    PyObject* PyUnicode_New(Py_ssize_t, Py_UCS4)
    void* PyUnicode_DATA(PyObject*)
    Py_ssize_t PyUnicode_GET_LENGTH(PyObject*)
    int PyUnicode_IS_ASCII(PyObject*)
    const char* PyUnicode_AsUTF8AndSize(PyObject*, Py_ssize_t*)
    PyObject* PyUnicode_DecodeUTF8(const char*, Py_ssize_t, const char*)
    PyObject* PyLong_FromLongLong(long long)
    PyObject* PyFloat_FromDouble(double)
    PyObject* PyList_New(Py_ssize_t)
    int PyList_Append(PyObject*, PyObject*)
    PyObject* PyList_AsTuple(PyObject*)
    int PySet_Contains(PyObject*, PyObject*)
    void PyErr_Clear()
    char* PyBytes_AS_STRING(object)
    Py_ssize_t PyBytes_GET_SIZE(object)
    PyObject* Py_True
    PyObject* Py_False

ctypedef const char* Text

cdef enum:
    FIELDS = 64  # members of one object at most; a type with more is left to msgspec
    RECENT = 8192  # slots for texts seen lately

cdef enum Kind:
    TEXT, CHOICE, BOOL, MONEY, INSTANT, DAY, FLOAT, INT, LIST, OBJECT

cdef dict KINDS = {
    "text": TEXT, "choice": CHOICE, "bool": BOOL, "money": MONEY, "instant": INSTANT, "day": DAY,
    "float": FLOAT, "int": INT, "list": LIST, "object": OBJECT,
}

cdef struct Value:
    # What a value may be: a form in C.
    Kind kind
    int repeats  # whether the same texts come again and again
    double low, high
    Py_ssize_t least, most
    PyObject* choices  # a tuple of texts
    PyObject* inner  # the layout of an object, or of the one field that stands for the items of a list

cdef struct Member:
    # A member of an object: its name with the quotation marks, and its value.
    char name[80]
    int size
    int required
    PyObject* default
    Value value

# 0: a plain character of a text, 1: it ends or is not plain, 2: beyond ASCII.
cdef unsigned char CLASS[256]
cdef int _code
for _code in range(256):
    CLASS[_code] = 2 if _code >= 0x80 else 1 if _code < 0x20 or _code == 0x22 or _code == 0x5C else 0

cdef PyObject* recent[RECENT]
cdef uint64_t SEED = <uint64_t>(hash("kamstream") & 0x7FFFFFFFFFFFFFFF)  # another one in every process


cdef class Layout:
    """The members of an object, and what is made of them."""

    cdef Member* members
    cdef int count, currency
    cdef uint64_t required
    cdef signed char guess[FIELDS + 1]  # what came next the last time, by what came before
    cdef object make
    cdef list kept

    def __cinit__(self):
        self.currency = -1

    def __init__(self, fields, make):
        self.kept, self.make = [fields], make
        self.count = len(fields)
        self.members = <Member*>calloc(max(1, self.count), sizeof(Member))
        if self.members == NULL:
            raise MemoryError
        for at, field in enumerate(fields):
            _describe(self, &self.members[at], field)
            self.guess[at] = at
            if field.required:
                self.required |= (<uint64_t>1) << at
            if field.name == "currency":
                self.currency = at
        self.guess[self.count] = 0

    def __dealloc__(self):
        free(self.members)


cdef int _describe(Layout layout, Member* member, field) except -1:
    cdef bytes name = b'"%s"' % field.name.encode()
    if len(name) > sizeof(member.name):
        raise ValueError(f"{field.name} is too long a name")
    memcpy(member.name, <const char*>name, len(name))
    member.size = len(name)
    member.required = field.required
    member.default = <PyObject*>field.default
    # Whatever may be left out tells of something else than the event: a person, a stage, a channel.
    member.value.repeats = not field.required
    return _describe_value(layout, &member.value, field.form)


cdef int _describe_value(Layout layout, Value* value, form) except -1:
    value.kind = KINDS[form.kind]
    value.low = float("-inf") if form.least is None else form.least
    value.high = float("inf") if form.most is None else form.most
    value.least = 0 if form.least is None else int(form.least)
    value.most = (1 << 62) if form.most is None else int(form.most)
    if value.kind == CHOICE:
        value.choices = <PyObject*>form.choices
    elif value.kind == LIST:
        inner = Layout((_Item(form.item),), None)
        layout.kept.append(inner)
        value.inner = <PyObject*>inner
    elif value.kind == OBJECT:
        inner = Layout(form.fields, form.make)
        inner.currency = -1  # a currency inside is none of the event's
        layout.kept.append(inner)
        value.inner = <PyObject*>inner
    return 0


class _Item:
    """The items of a list, as if they were a field."""

    name, required, default = "", False, None

    def __init__(self, form):
        self.form = form


class _Attribute:
    """An attribute of the envelope; its value is read by `Scanner.scan` itself."""

    def __init__(self, name, required, form):
        self.name, self.required, self.default, self.form = name, required, None, form


class _TextForm:
    kind, least, most = "text", None, None


# -- characters and texts


cdef inline Text blank(Text p, Text end) noexcept nogil:
    """Behind what is blank."""
    while p < end and (p[0] == 0x20 or p[0] == 0x0A or p[0] == 0x0D or p[0] == 0x09):
        p += 1
    return p


cdef inline Text behind(Text p, Text end, char mark) noexcept nogil:
    """Behind a mark with blanks around it, NULL where it is not there."""
    p = blank(p, end)
    if p >= end or p[0] != mark:
        return NULL
    return blank(p + 1, end)


cdef inline Text closing(Text p, Text end, int* ascii) noexcept nogil:
    """The quotation mark that ends a text with no escapes; ``p`` is at the one that begins it, else NULL."""
    cdef unsigned char found = 0
    if p >= end or p[0] != 0x22:
        return NULL
    p += 1
    while p < end:
        found = CLASS[<unsigned char>p[0]]
        if found:
            if found == 1:
                return p if p[0] == 0x22 else NULL
            ascii[0] = 0
        p += 1
    return NULL


cdef inline uint64_t hashed(Text p, Py_ssize_t size) noexcept nogil:
    cdef uint64_t made = SEED ^ (<uint64_t>size * <uint64_t>0x9E3779B97F4A7C15), word
    while size >= 8:
        memcpy(&word, p, 8)
        made = (made ^ word) * <uint64_t>0xD6E8FEB86659FD93
        made ^= made >> 32
        p += 8
        size -= 8
    if size:
        word = 0
        while size:
            size -= 1
            word = word << 8 | <unsigned char>p[size]
        made = (made ^ word) * <uint64_t>0xD6E8FEB86659FD93
        made ^= made >> 32
    return made


cdef inline int is_ascii_text(PyObject* text, Text p, Py_ssize_t size) noexcept:
    return PyUnicode_GET_LENGTH(text) == size and memcmp(PyUnicode_DATA(text), p, size) == 0


cdef inline PyObject* new_text(Text p, Py_ssize_t size, int ascii) noexcept:
    """A new text, NULL where it is not UTF-8."""
    cdef PyObject* made
    if ascii:
        made = PyUnicode_New(size, 127)
        if made != NULL:
            memcpy(PyUnicode_DATA(made), p, size)
    else:
        made = PyUnicode_DecodeUTF8(p, size, NULL)
    if made == NULL:
        PyErr_Clear()
    return made


cdef inline PyObject* text_seen(Text p, Py_ssize_t size, int ascii) noexcept:
    """A text that may have been seen before: then the same object."""
    cdef PyObject* made
    cdef uint64_t slot
    if not ascii or size > 64:
        return new_text(p, size, ascii)
    slot = hashed(p, size) & (RECENT - 1)
    made = recent[slot]
    if made == NULL or not is_ascii_text(made, p, size):
        made = new_text(p, size, 1)
        if made == NULL:
            return NULL
        drop(recent[slot])
        recent[slot] = made
    keep(made)
    return made


cdef inline int is_utf8(Text p, Py_ssize_t size) noexcept:
    cdef PyObject* made = new_text(p, size, 0)
    drop(made)
    return made != NULL


# -- values


cdef inline Text number(Text p, Text end, uint64_t* digits, int* decimals) noexcept nogil:
    """The digits of a number without sign and exponent, at most 15; NULL where it is no such number."""
    cdef Text begin = p, point
    cdef uint64_t read = 0
    while p < end and 0x30 <= p[0] <= 0x39:
        read = read * 10 + <unsigned char>(p[0] - 0x30)
        p += 1
        if p - begin > 15:
            return NULL
    if p == begin or (begin[0] == 0x30 and p - begin > 1):
        return NULL
    decimals[0] = 0
    if p < end and p[0] == 0x2E:
        p += 1
        point = p
        while p < end and 0x30 <= p[0] <= 0x39:
            read = read * 10 + <unsigned char>(p[0] - 0x30)
            p += 1
            if p - begin > 16:
                return NULL
        if p == point:
            return NULL
        decimals[0] = <int>(p - point)
    digits[0] = read
    return p


cdef double POWERS[16]
cdef int _power
for _power in range(16):
    POWERS[_power] = 10.0 ** _power

cdef int BEFORE_MONTH[13]
BEFORE_MONTH[:] = [0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334]
cdef int MONTH_DAYS[13]
MONTH_DAYS[:] = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]


cdef inline int two(Text p) noexcept nogil:
    """The number of two digits, negative where they are none."""
    cdef int tens = <unsigned char>p[0] - 0x30, ones = <unsigned char>p[1] - 0x30
    return tens * 10 + ones if 0 <= tens <= 9 and 0 <= ones <= 9 else -1


cdef inline int day(Text p, int64_t* days) noexcept nogil:
    """The day number of the ten characters of a date of the years 1000..9998; 0 where it is none."""
    cdef int century = two(p), rest = two(p + 2), month = two(p + 5), of_month = two(p + 8), year, past
    cdef int leap = 0
    if p[4] != 0x2D or p[7] != 0x2D or century < 10 or rest < 0 or not 1 <= month <= 12 or of_month < 1:
        return 0
    year = century * 100 + rest
    if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0):
        leap = 1
    if year > 9998 or of_month > (29 if leap and month == 2 else MONTH_DAYS[month]):
        return 0
    past = year - 1
    days[0] = (
        past * 365 + past // 4 - past // 100 + past // 400 - 719_162
        + BEFORE_MONTH[month] + (leap if month > 2 else 0) + of_month - 1
    )
    return 1


cdef inline int instant(Text p, Py_ssize_t size, int64_t* ms) noexcept nogil:
    """Epoch milliseconds of YYYY-MM-DDThh:mm:ss[.digits](Z|+hh:mm|-hh:mm); 0 where it is not quite that."""
    cdef int64_t days = 0
    cdef int hour, minute, second, weight = 100, thousandths = 0, offset = 0
    cdef Text end = p + size
    if size < 20 or not day(p, &days) or p[10] != 0x54 or p[13] != 0x3A or p[16] != 0x3A:
        return 0
    hour, minute, second = two(p + 11), two(p + 14), two(p + 17)
    if not (0 <= hour <= 23 and 0 <= minute <= 59 and 0 <= second <= 59):
        return 0
    p += 19
    if p[0] == 0x2E:
        p += 1
        if p >= end or not 0x30 <= p[0] <= 0x39:
            return 0
        while p < end and 0x30 <= p[0] <= 0x39:
            thousandths += weight * (p[0] - 0x30)
            weight //= 10
            p += 1
        if p >= end:
            return 0
    if p[0] == 0x5A:
        p += 1
    elif (p[0] == 0x2B or p[0] == 0x2D) and end - p == 6 and p[3] == 0x3A:
        if not (0 <= two(p + 1) <= 23 and 0 <= two(p + 4) <= 59):
            return 0
        offset = two(p + 1) * 60 + two(p + 4)
        if p[0] == 0x2B:
            offset = -offset
        p += 6
    if p != end:
        return 0
    ms[0] = ((days * 24 + hour) * 60 + minute + offset) * 60_000 + second * 1000 + thousandths
    return 1


cdef Text value_of(Value* value, Text p, Text end, PyObject** made):
    """Read one value into ``made``, a new reference; NULL where it is not plainly one."""
    cdef Text closed
    cdef int ascii = 1, decimals = 0
    cdef uint64_t digits = 0
    cdef int64_t whole = 0
    cdef double decimal
    cdef Kind kind = value.kind
    if kind == TEXT:
        closed = closing(p, end, &ascii)
        if closed == NULL:
            return NULL
        made[0] = text_seen(p + 1, closed - p - 1, ascii) if value.repeats else new_text(p + 1, closed - p - 1, ascii)
        if made[0] == NULL or not value.least <= PyUnicode_GET_LENGTH(made[0]) <= value.most:
            return NULL
        return closed + 1
    if kind == CHOICE:
        closed = closing(p, end, &ascii)
        if closed == NULL or not ascii:
            return NULL
        for choice in <tuple>value.choices:
            if PyUnicode_IS_ASCII(<PyObject*>choice) and is_ascii_text(<PyObject*>choice, p + 1, closed - p - 1):
                keep(<PyObject*>choice)
                made[0] = <PyObject*>choice
                return closed + 1
        return NULL
    if kind == BOOL:
        if end - p >= 4 and memcmp(p, b"true", 4) == 0:
            made[0] = Py_True
            p += 4
        elif end - p >= 5 and memcmp(p, b"false", 5) == 0:
            made[0] = Py_False
            p += 5
        else:
            return NULL
        keep(made[0])
        return p
    if kind == MONEY or kind == INT or kind == FLOAT:
        p = number(p, end, &digits, &decimals)
        if p == NULL:
            return NULL
        if kind == FLOAT:
            # Both are exact, so that their quotient is the double nearest to the number.
            decimal = <double>digits / POWERS[decimals]
            if not value.low <= decimal <= value.high:
                return NULL
            made[0] = PyFloat_FromDouble(decimal)
            return p
        whole = <int64_t>digits
        if kind == MONEY:
            if decimals > 2:
                return NULL
            whole *= 100 if decimals == 0 else 10 if decimals == 1 else 1
        elif decimals:
            return NULL
        if not value.least <= whole <= value.most:
            return NULL
        made[0] = PyLong_FromLongLong(whole)
        return p
    if kind == INSTANT or kind == DAY:
        closed = closing(p, end, &ascii)
        if closed == NULL:
            return NULL
        if kind == DAY:
            if closed - p != 11 or not day(p + 1, &whole):
                return NULL
        elif not instant(p + 1, closed - p - 1, &whole):
            return NULL
        made[0] = PyLong_FromLongLong(whole)
        return closed + 1
    if kind == LIST:
        return list_of(<Layout>value.inner, p, end, made)
    return object_of(<Layout>value.inner, p, end, made, None)


cdef Text list_of(Layout items, Text p, Text end, PyObject** made):
    """Read an array into a tuple."""
    cdef PyObject* listed
    cdef PyObject* item
    if p >= end or p[0] != 0x5B:
        return NULL
    listed = PyList_New(0)
    p = blank(p + 1, end)
    if p < end and p[0] == 0x5D:
        p += 1
    else:
        while True:
            item = NULL
            p = value_of(&items.members[0].value, p, end, &item)
            if p != NULL:
                PyList_Append(listed, item)
            drop(item)
            if p == NULL:
                break
            p = blank(p, end)
            if p < end and p[0] == 0x2C:
                p = blank(p + 1, end)
                continue
            p = p + 1 if p < end and p[0] == 0x5D else NULL
            break
    if p != NULL:
        made[0] = PyList_AsTuple(listed)
    drop(listed)
    return p


cdef inline int member_at(Layout layout, int before, Text p, Text end) noexcept:
    """Which member's name begins at ``p``, -1: none's. What followed ``before`` the last time is tried first."""
    cdef int at = layout.guess[before]
    cdef Member* member
    if layout.count == 0:
        return -1
    member = &layout.members[at]
    if end - p >= member.size and memcmp(p, member.name, member.size) == 0:
        return at
    for at in range(layout.count):
        member = &layout.members[at]
        if end - p >= member.size and memcmp(p, member.name, member.size) == 0:
            layout.guess[before] = <signed char>at
            return at
    return -1


cdef Text unknown(Text p, Text end):
    """Behind a member that no field wants: a plain name and a plain scalar."""
    cdef int ascii = 1
    cdef Text closed = closing(p, end, &ascii)
    if closed == NULL or not (ascii or is_utf8(p + 1, closed - p - 1)):
        return NULL
    p = behind(closed + 1, end, 0x3A)
    return NULL if p == NULL else scalar(p, end)


cdef Text scalar(Text p, Text end):
    """Behind a text without escapes, a plain number, true, false or null."""
    cdef int ascii = 1, decimals = 0
    cdef uint64_t digits = 0
    cdef Text closed
    if p >= end:
        return NULL
    if p[0] == 0x22:
        closed = closing(p, end, &ascii)
        if closed == NULL or not (ascii or is_utf8(p + 1, closed - p - 1)):
            return NULL
        return closed + 1
    if end - p >= 4 and (memcmp(p, b"true", 4) == 0 or memcmp(p, b"null", 4) == 0):
        return p + 4
    if end - p >= 5 and memcmp(p, b"false", 5) == 0:
        return p + 5
    return number(p, end, &digits, &decimals)


cdef Text object_of(Layout layout, Text p, Text end, PyObject** made, frozenset currencies):
    """Read an object into a new ``layout.make``; its currency must be one of ``currencies``, where they are given."""
    cdef PyObject* values[FIELDS]
    cdef uint64_t seen = 0, bit
    cdef int at, before = layout.count
    cdef Member* member
    if p >= end or p[0] != 0x7B:
        return NULL
    memset(values, 0, layout.count * sizeof(PyObject*))
    p = blank(p + 1, end)
    if p < end and p[0] == 0x7D:
        p += 1
    else:
        while True:
            at = member_at(layout, before, p, end)
            if at < 0:
                p = unknown(p, end)
            else:
                member = &layout.members[at]
                bit = (<uint64_t>1) << at
                p = NULL if seen & bit else behind(p + member.size, end, 0x3A)
                seen |= bit
                if p != NULL:
                    if p < end and p[0] == 0x6E and not member.required:
                        p = p + 4 if end - p >= 4 and memcmp(p, b"null", 4) == 0 else NULL
                    else:
                        p = value_of(&member.value, p, end, &values[at])
                before = at
            if p == NULL:
                break
            p = blank(p, end)
            if p < end and p[0] == 0x2C:
                p = blank(p + 1, end)
                continue
            p = p + 1 if p < end and p[0] == 0x7D else NULL
            break
    if p != NULL and layout.required & ~seen:
        p = NULL
    if p != NULL:
        for at in range(layout.count):
            if values[at] == NULL:
                values[at] = layout.members[at].default
                keep(values[at])
        if currencies is not None and layout.currency >= 0:
            if PySet_Contains(<PyObject*>currencies, values[layout.currency]) != 1:
                p = NULL
    if p != NULL:
        made[0] = PyObject_Vectorcall(<PyObject*>layout.make, values, layout.count, NULL)
        if made[0] == NULL:
            PyErr_Clear()
            p = NULL
    for at in range(layout.count):
        drop(values[at])
    return p


cdef Text skipped(Text p, Text end) noexcept nogil:
    """Behind the object at ``p`` by its brackets alone: it is read later, when the type is known."""
    cdef int depth = 0
    while p < end:
        if p[0] == 0x22:
            p += 1
            while p < end and p[0] != 0x22:
                if p[0] == 0x5C:
                    return NULL
                p += 1
        elif p[0] == 0x7B or p[0] == 0x5B:
            depth += 1
        elif p[0] == 0x7D or p[0] == 0x5D:
            depth -= 1
            if depth == 0:
                return p + 1
        p += 1
    return NULL


# -- accounts


cdef class Accounts:
    """The accounts by the UTF-8 of their ids, checked and hashed once; emptied when there are too many."""

    def __init__(self, Py_ssize_t limit):
        self.limit = limit
        self.mask = 1023
        self.slots = <Known*>calloc(self.mask + 1, sizeof(Known))
        if self.slots == NULL:
            raise MemoryError

    def __dealloc__(self):
        if self.slots != NULL:
            self.clear()
            free(self.slots)

    def __len__(self):
        return self.count

    cdef void clear(self) noexcept:
        cdef uint64_t at
        for at in range(self.mask + 1):
            drop(self.slots[at].account)
        memset(self.slots, 0, (self.mask + 1) * sizeof(Known))
        self.count = 0

    cdef Known* find(self, Text text, Py_ssize_t size):
        """The account of these bytes, NULL where they can be no account's."""
        cdef uint64_t hash = hashed(text, size), at = hash & self.mask
        cdef Known* slot
        cdef Py_ssize_t length = 0
        cdef Text utf8
        while self.slots[at].account != NULL:
            slot = &self.slots[at]
            if slot.hash == hash:
                utf8 = PyUnicode_AsUTF8AndSize(slot.account, &length)
                if utf8 != NULL and length == size and memcmp(utf8, text, size) == 0:
                    return slot
            at = (at + 1) & self.mask
        return self.add(hash, text, size)

    cdef Known* add(self, uint64_t hash, Text text, Py_ssize_t size):
        cdef uint64_t at
        cdef PyObject* made = new_text(text, size, 0)
        if made == NULL:
            return NULL
        if not is_account(<object>made):
            drop(made)
            return NULL
        if self.count >= self.limit:
            self.clear()
        elif <uint64_t>(2 * self.count) > self.mask:
            self.grow()
        at = hash & self.mask
        while self.slots[at].account != NULL:
            at = (at + 1) & self.mask
        self.slots[at].hash, self.slots[at].account = hash, made
        self.slots[at].murmur2 = murmur2(text, size)
        self.count += 1
        return &self.slots[at]

    cdef int grow(self) except -1:
        cdef Known* old = self.slots
        cdef uint64_t before = self.mask, at, slot
        self.slots = <Known*>calloc(2 * (before + 1), sizeof(Known))
        if self.slots == NULL:
            self.slots = old
            raise MemoryError
        self.mask = 2 * before + 1
        for at in range(before + 1):
            if old[at].account != NULL:
                slot = old[at].hash & self.mask
                while self.slots[slot].account != NULL:
                    slot = (slot + 1) & self.mask
                self.slots[slot] = old[at]
        free(old)
        return 0


cdef int64_t murmur2(Text key, Py_ssize_t size) noexcept nogil:
    """As `partition.murmur2`."""
    cdef uint32_t h = <uint32_t>0x9747B28C ^ <uint32_t>size, k
    while size >= 4:
        k = (
            <uint32_t><unsigned char>key[0] | <uint32_t><unsigned char>key[1] << 8
            | <uint32_t><unsigned char>key[2] << 16 | <uint32_t><unsigned char>key[3] << 24
        ) * <uint32_t>0x5BD1E995
        h = (h * <uint32_t>0x5BD1E995) ^ ((k ^ k >> 24) * <uint32_t>0x5BD1E995)
        key += 4
        size -= 4
    if size:
        k = 0
        while size:
            size -= 1
            k = k << 8 | <unsigned char>key[size]
        h = (h ^ k) * <uint32_t>0x5BD1E995
    h = (h ^ h >> 13) * <uint32_t>0x5BD1E995
    return (h ^ h >> 15) & 0x7FFFFFFF


# -- events

cdef enum Attribute:
    SPECVERSION, ID, SOURCE, TYPE, SUBJECT, TIME, DATA, ORIGIN

ATTRIBUTES = ("specversion", "id", "source", "type", "subject", "time", "data", "origin")
cdef PyObject* EVENT = <PyObject*>Event
cdef object _event_kept = Event


cdef class Scanner:
    """Reads events. ``types``: name, topic and form of each; ``most``: bytes of a record's value."""

    def __init__(self, types, frozenset currencies, tolerance, Py_ssize_t most):
        known = [(name, topic, form) for name, topic, form in types if len(form.fields) <= FIELDS]
        self.names = tuple([name for name, _, _ in known])
        self.topics = tuple([topic for _, topic, _ in known])
        self.layouts = tuple([Layout(form.fields, form.make) for _, _, form in known])
        attributes = [_Attribute(name, name != "origin", _TextForm) for name in ATTRIBUTES]
        self.envelope = Layout(tuple(attributes), None)
        self.accounts = Accounts(262_144)
        self.currencies = currencies
        self.tolerance = max(-(1 << 60), min(tolerance, 1 << 60))
        self.most = most
        self.found = <signed char*>calloc(256, 1)
        if self.found == NULL:
            raise MemoryError
        if len(known) > 120:
            raise ValueError("more types than there is room for")
        memset(self.found, -1, 256)
        for number, name in enumerate(self.names):
            text = name.encode()
            at = hashed(text, len(text)) & 255
            while self.found[at] >= 0:
                at = (at + 1) & 255
            self.found[at] = number

    def __dealloc__(self):
        free(self.found)

    def read(self, bytes value not None, str account, str topic, latest):
        """The event in ``value``, where it is plainly one of the account and the topic (None: whichever), else None.

        ``latest`` (ms) bounds its time, by the tolerance.
        """
        if not -(1 << 60) <= latest <= 1 << 60:
            return None
        return self.scan(
            PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value), NULL if account is None else <PyObject*>account,
            topic, latest,
        )

    cdef Py_ssize_t type_of(self, Text text, Py_ssize_t size) noexcept:
        """The number of the type of this name, -1 where it is not known."""
        cdef uint64_t at = hashed(text, size) & 255
        while self.found[at] >= 0:
            if is_ascii_text(<PyObject*>(<tuple>self.names)[self.found[at]], text, size):
                return self.found[at]
            at = (at + 1) & 255
        return -1

    cdef object scan(self, Text p, Py_ssize_t size, PyObject* account, object topic, int64_t latest):
        cdef Text end = p + size, closed, text, data = NULL, data_end = NULL, subject = NULL
        cdef Layout envelope = <Layout>self.envelope, layout = None
        cdef PyObject* id = NULL
        cdef PyObject* source = NULL
        cdef PyObject* content = NULL
        cdef PyObject* named
        cdef PyObject* event
        cdef PyObject* values[7]
        cdef Py_ssize_t number = -1, length = 0, subject_size = 0
        cdef uint64_t seen = 0, bit
        cdef int at, before = envelope.count, ascii, backfill = 0
        cdef int64_t time = 0
        cdef Known* known
        if size > self.most:
            return None
        p = behind(p, end, 0x7B)
        while p != NULL:
            at = member_at(envelope, before, p, end)
            if at < 0:
                p = unknown(p, end)
            else:
                bit = (<uint64_t>1) << at
                p = NULL if seen & bit else behind(p + envelope.members[at].size, end, 0x3A)
                seen |= bit
                before = at
                if p == NULL:
                    break
                if at == DATA:
                    data = p
                    if layout is None:
                        p = data_end = skipped(p, end) if p < end and p[0] == 0x7B else NULL
                    else:
                        p = data_end = object_of(layout, p, end, &content, <frozenset>self.currencies)
                elif at == ORIGIN and (p >= end or p[0] != 0x22):
                    p = scalar(p, end)
                else:
                    ascii = 1
                    closed = closing(p, end, &ascii)
                    if closed == NULL:
                        p = NULL
                        break
                    text, length = p + 1, closed - p - 1
                    p = closed + 1
                    if at == ID or at == SOURCE:
                        if at == ID:
                            id = new_text(text, length, ascii)
                        else:
                            source = text_seen(text, length, ascii)
                        named = id if at == ID else source
                        if named == NULL or not 1 <= PyUnicode_GET_LENGTH(named) <= 128:
                            p = NULL
                    elif at == SUBJECT:
                        subject, subject_size = text, length
                    elif at == TYPE:
                        number = self.type_of(text, length)
                        if number < 0 or (topic is not None and topic != (<tuple>self.topics)[number]):
                            p = NULL
                        else:
                            layout = <Layout>(<tuple>self.layouts)[number]
                    elif at == TIME:
                        if not instant(text, length, &time) or time - latest > self.tolerance:
                            p = NULL
                    elif at == SPECVERSION:
                        if length != 3 or memcmp(text, b"1.0", 3) != 0:
                            p = NULL
                    else:
                        backfill = length == 8 and memcmp(text, b"backfill", 8) == 0
                        if not (ascii or is_utf8(text, length)):
                            p = NULL
            if p == NULL:
                break
            p = blank(p, end)
            if p < end and p[0] == 0x2C:
                p = blank(p + 1, end)
                continue
            p = blank(p + 1, end) if p < end and p[0] == 0x7D else NULL
            if p != end:
                p = NULL
            break
        if p != NULL and envelope.required & ~seen:
            p = NULL
        if p != NULL and content == NULL and object_of(layout, data, end, &content, <frozenset>self.currencies) != data_end:
            p = NULL
        if p != NULL:
            if account == NULL:
                known = self.accounts.find(subject, subject_size)
                account = NULL if known == NULL else known.account
            else:
                text = PyUnicode_AsUTF8AndSize(account, &length)
                if text == NULL:
                    PyErr_Clear()
                if text == NULL or length != subject_size or memcmp(text, subject, length) != 0:
                    account = NULL
            if account == NULL:
                p = NULL
        made = None
        if p != NULL:
            values[0], values[1], values[2], values[3] = <PyObject*>(<tuple>self.names)[number], account, source, id
            values[4] = PyLong_FromLongLong(time)
            values[5], values[6] = content, Py_True if backfill else Py_False
            event = PyObject_Vectorcall(EVENT, values, 7, NULL)
            drop(values[4])
            if event == NULL:
                PyErr_Clear()
            else:
                made = <object>event
                drop(event)
        drop(id)
        drop(source)
        drop(content)
        return made
