# cython: boundscheck=False, wraparound=False, cdivision=True
"""A change of a table as the one command that writes it, and what is told of it: ``packing`` compiled.

Commands are made as they go over the wire, many in one buffer, without an object for each argument.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItem
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcmp, memcpy, memset, strchr, strlen

from functools import lru_cache

import msgspec

from kamstream.engine._tables cimport NO_DATA, ODD, REAL, WHOLE, Snapshot, Spot

from kamstream.live.dumps import HEADS
from kamstream.live.dumps import MOST as MOST_PAIRS
from kamstream.live.dumps import POLYNOMIAL as POLYNOMIAL_64
from kamstream.live.layout import DOCUMENTS, number
from kamstream.live.link import Packed
from kamstream.windows import to_text

cdef extern from "Python.h":
    char *PyOS_double_to_string(double value, char code, int precision, int flags, int *kind) except NULL
    long long PyLong_AsLongLongAndOverflow(object value, int *overflow) except? -1
    int Py_DTSF_ADD_DOT_0

cdef enum:
    #: Room for a number's text: a double written out in full has less than 350 characters.
    DIGITS = 512
    #: Tables in one buffer: Redis reads them while the next ones are made.
    PIECE = 24
    #: Names of fields whose entries are kept.
    FIELDS_KEPT = 20_000

#: Up to here every integer is a double of its own.
cdef long long EXACT = 1LL << 53
cdef double EXACT_DOUBLE = 9007199254740992.0
cdef Py_ssize_t MOST = MOST_PAIRS
cdef uint64_t POLYNOMIAL = POLYNOMIAL_64
#: Check sums of single bytes, followed by up to seven zeros.
cdef uint64_t SUMS[8][256]
#: Many changes of a batch are of the same T.
time_text = lru_cache(64)(to_text)
#: A double's shortest digits, without an exponent where it is neither large nor small.
cdef object shortest_of = msgspec.json.Encoder().encode


cdef void make_sums() noexcept:
    cdef int at, bit, row
    cdef uint64_t one
    for at in range(256):
        one = at
        for bit in range(8):
            one = (one >> 1) ^ (POLYNOMIAL if one & 1 else 0)
        SUMS[0][at] = one
    for row in range(1, 8):
        for at in range(256):
            one = SUMS[row - 1][at]
            SUMS[row][at] = SUMS[0][one & 255] ^ (one >> 8)


make_sums()


cdef uint64_t check_sum(const unsigned char *data, Py_ssize_t size) noexcept:
    """``dumps.crc64``, eight bytes at a time, of which the first is the lowest of a number."""
    cdef uint64_t crc = 0, eight
    while size >= 8:
        memcpy(&eight, data, 8)
        crc ^= eight
        crc = (
            SUMS[7][crc & 255] ^ SUMS[6][crc >> 8 & 255] ^ SUMS[5][crc >> 16 & 255] ^ SUMS[4][crc >> 24 & 255]
            ^ SUMS[3][crc >> 32 & 255] ^ SUMS[2][crc >> 40 & 255] ^ SUMS[1][crc >> 48 & 255] ^ SUMS[0][crc >> 56]
        )
        data += 8
        size -= 8
    while size > 0:
        crc = SUMS[0][(crc ^ data[0]) & 255] ^ (crc >> 8)
        data += 1
        size -= 1
    return crc


cdef Py_ssize_t write_whole(long long value, char *out) noexcept:
    """Decimal digits; how many characters."""
    cdef char turned[24]
    cdef Py_ssize_t count = 0, size = 0
    cdef unsigned long long rest = <unsigned long long>value
    if value < 0:
        out[0] = b"-"
        size = 1
        rest = -rest
    while True:
        turned[count] = 48 + <char>(rest % 10)
        rest //= 10
        count += 1
        if rest == 0:
            break
    while count > 0:
        count -= 1
        out[size] = turned[count]
        size += 1
    return size


cdef bint is_whole(object value, long long *out) except -1:
    """Whether a number is written as an integer that every double holds, and which."""
    cdef int overflow = 0
    if type(value) is int:
        out[0] = PyLong_AsLongLongAndOverflow(value, &overflow)
        return not overflow and -EXACT <= out[0] <= EXACT
    return type(value) is float and is_whole_real(<double>value, out)


cdef inline bint is_whole_real(double real, long long *out) noexcept:
    if -EXACT_DOUBLE <= real <= EXACT_DOUBLE:
        out[0] = <long long>real
        return <double>out[0] == real
    return False


cdef struct Text:
    #: A double and its text; size 0: none yet.
    double value
    unsigned char size
    char text[23]


#: Texts by the doubles' bits: quotients of small numbers come again and again.
cdef Text TEXTS[2048]
memset(TEXTS, 0, sizeof(TEXTS))


cdef Py_ssize_t write_real(double real, char *out) except -1:
    """A double that is not whole as ``layout.number`` writes it; its length."""
    cdef Py_ssize_t size
    cdef uint64_t bits
    cdef Text *kept
    memcpy(&bits, &real, 8)
    kept = &TEXTS[(bits * 0x9E3779B97F4A7C15ULL) >> 53]
    if kept.size and kept.value == real:
        memcpy(out, kept.text, kept.size)
        return kept.size
    size = write_decimal(real, out)
    if size < 0:
        return write_definition(real, out)
    if size <= 23:
        kept.value, kept.size = real, size
        memcpy(kept.text, out, size)
    return size


cdef Py_ssize_t write_decimal(double real, char *out) except -2:
    """A double's shortest digits; -1 for what is left to the definition: exponents, nan and the infinities."""
    cdef long long scaled
    cdef Py_ssize_t size = 0, places, at
    cdef double ten = 1.0
    cdef char *text
    cdef bytes shortest
    cdef char digits[24]
    if 0.01 < real < 1e9:
        for places in range(1, 4):
            ten *= 10.0
            scaled = <long long>(real * ten + 0.5)
            # Both are exact, so this division rounds as reading the text would.
            if <double>scaled / ten == real:
                size = write_whole(scaled, digits)
                if size <= places:
                    out[0], out[1] = b"0", b"."
                    for at in range(places - size):
                        out[2 + at] = b"0"
                    memcpy(out + 2 + places - size, digits, size)
                    return 2 + places
                memcpy(out, digits, size - places)
                out[size - places] = b"."
                memcpy(out + size - places + 1, digits + size - places, places)
                return size + 1
    if 0.001 < real < 1e15 or -1e15 < real < -0.001:
        # The same digits in a quarter of the time.
        shortest = shortest_of(real)
        size = PyBytes_GET_SIZE(shortest)
        memcpy(out, PyBytes_AS_STRING(shortest), size)
        return size
    text = PyOS_double_to_string(real, b"r", 0, Py_DTSF_ADD_DOT_0, NULL)
    if strchr(text, b"e") == NULL and strchr(text, b"n") == NULL:
        size = strlen(text)
        if size > 2 and text[size - 1] == b"0" and text[size - 2] == b".":
            size -= 2
        memcpy(out, text, size)
    else:
        size = -1
    PyMem_Free(text)
    return size


cdef Py_ssize_t write_definition(object value, char *out) except -1:
    cdef Py_ssize_t size
    cdef str text = number(value)
    cdef const char *plain = PyUnicode_AsUTF8AndSize(text, &size)
    if size > DIGITS:
        raise ValueError(f"{value!r} is too long a number")
    memcpy(out, plain, size)
    return size


cdef Py_ssize_t write_number(object value, char *out) except -1:
    """A number as ``layout.number`` writes it; its length."""
    cdef long long whole
    if is_whole(value, &whole):
        return write_whole(whole, out)
    return write_real(<double>value, out) if type(value) is float else write_definition(value, out)


cdef class Buffer:
    """Bytes that grow; freed with the object."""

    cdef char *data
    cdef Py_ssize_t size
    cdef Py_ssize_t room

    def __cinit__(self):
        self.data = NULL
        self.size = self.room = 0

    def __dealloc__(self):
        free(self.data)

    cdef inline int need(self, Py_ssize_t size) except -1:
        """Room for so many more."""
        cdef char *grown
        if self.size + size > self.room:
            grown = <char *>realloc(self.data, 2 * (self.size + size) + 512)
            if grown == NULL:
                raise MemoryError
            self.data = grown
            self.room = 2 * (self.size + size) + 512
        return 0

    cdef inline int add(self, const char *data, Py_ssize_t size) except -1:
        self.need(size)
        memcpy(self.data + self.size, data, size)
        self.size += size
        return 0

    cdef inline int add_bytes(self, bytes data) except -1:
        return self.add(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))

    cdef bytes taken(self):
        return PyBytes_FromStringAndSize(self.data, self.size)

    # -- as Redis reads commands

    cdef inline int head(self, char kind, Py_ssize_t count) except -1:
        """``*3`` before three arguments, ``$5`` before an argument of five bytes."""
        self.need(32)
        self.data[self.size] = kind
        self.size += 1
        self.size += write_whole(count, self.data + self.size)
        self.data[self.size] = b"\r"
        self.data[self.size + 1] = b"\n"
        self.size += 2
        return 0

    cdef inline int argument(self, const char *data, Py_ssize_t size) except -1:
        self.head(b"$", size)
        self.add(data, size)
        return self.add(b"\r\n", 2)

    cdef int text(self, str text) except -1:
        cdef Py_ssize_t size
        cdef const char *data = PyUnicode_AsUTF8AndSize(text, &size)
        return self.argument(data, size)

    cdef int whole(self, Py_ssize_t value) except -1:
        cdef char text[32]
        return self.argument(text, write_whole(value, text))

    cdef int number(self, object value) except -1:
        cdef char text[DIGITS]
        return self.argument(text, write_number(value, text))

    cdef int key(self, bytes before, const char *id, Py_ssize_t size, bytes after) except -1:
        """A key with an id in it."""
        self.head(b"$", PyBytes_GET_SIZE(before) + size + PyBytes_GET_SIZE(after))
        self.add_bytes(before)
        self.add(id, size)
        self.add_bytes(after)
        return self.add(b"\r\n", 2)

    # -- as MessagePack

    cdef int packed_list(self, Py_ssize_t count) except -1:
        cdef unsigned char head[5]
        head[0] = 0xDD
        head[1], head[2], head[3], head[4] = count >> 24 & 255, count >> 16 & 255, count >> 8 & 255, count & 255
        return self.add(<char *>head, 5)

    cdef int packed(self, const char *data, Py_ssize_t size) except -1:
        cdef unsigned char head[5]
        if size < 32:
            head[0] = 0xA0 | size
            self.add(<char *>head, 1)
        elif size < 256:
            head[0], head[1] = 0xD9, size
            self.add(<char *>head, 2)
        else:
            head[0] = 0xDB
            head[1], head[2], head[3], head[4] = size >> 24 & 255, size >> 16 & 255, size >> 8 & 255, size & 255
            self.add(<char *>head, 5)
        return self.add(data, size)

    cdef int packed_text(self, str text) except -1:
        cdef Py_ssize_t size
        cdef const char *data = PyUnicode_AsUTF8AndSize(text, &size)
        return self.packed(data, size)

    cdef int packed_number(self, object value) except -1:
        cdef char text[DIGITS]
        return self.packed(text, write_number(value, text))


cdef class Hash(Buffer):
    """A hash in the making, as ``dumps`` says: the entries of a listpack or a ziplist, behind room for its head."""

    cdef bint listpack
    cdef unsigned char type
    cdef unsigned char version
    cdef Py_ssize_t entries
    #: Size of the last entry of a ziplist.
    cdef Py_ssize_t last
    #: By field its entry.
    cdef dict fields

    def __init__(self, str kind):
        self.listpack = kind == "listpack"
        self.type, self.version = HEADS[kind]
        self.fields = _listpack_fields if self.listpack else _ziplist_fields

    cdef int begin(self) except -1:
        self.entries = self.last = 0
        self.size = 0
        self.need(10)
        self.size = 6 if self.listpack else 10
        return 0

    cdef inline int add_before(self) except -1:
        """What a ziplist says before an entry."""
        cdef unsigned char head[5]
        if self.last < 254:
            self.need(1)
            self.data[self.size] = <char>self.last
            self.size += 1
        else:
            head[0] = 0xFE
            little(head + 1, self.last, 4)
            self.add(<char *>head, 5)
        return 0

    cdef inline int add_after(self, Py_ssize_t size) except -1:
        """What a listpack says after an entry."""
        cdef int count, at
        if size <= 127:
            self.need(1)
            self.data[self.size] = <char>size
            self.size += 1
            return 0
        count = 2 if size < 16383 else 3 if size < 2097151 else 4 if size < 268435455 else 5
        self.need(count)
        for at in range(count):
            self.data[self.size + at] = <char>((size >> 7 * (count - 1 - at) & 127) | (128 if at else 0))
        self.size += count
        return 0

    cdef int text_head(self, Py_ssize_t size) except -1:
        cdef unsigned char head[5]
        cdef int count = 1
        if self.listpack:
            if size < 1 << 6:
                head[0] = 0x80 | size
            elif size < 1 << 12:
                head[0], head[1] = 0xE0 | size >> 8, size & 255
                count = 2
            else:
                head[0] = 0xF0
                little(head + 1, size, 4)
                count = 5
        elif size < 1 << 6:
            head[0] = size
        elif size < 1 << 14:
            head[0], head[1] = 0x40 | size >> 8, size & 255
            count = 2
        else:
            head[0] = 0x80
            head[1], head[2], head[3], head[4] = size >> 24 & 255, size >> 16 & 255, size >> 8 & 255, size & 255
            count = 5
        return self.add(<char *>head, count)

    cdef int entry(self, const char *data, Py_ssize_t size) except -1:
        """A text."""
        cdef Py_ssize_t start = self.size
        if self.listpack:
            self.text_head(size)
            self.add(data, size)
            self.add_after(self.size - start)
        else:
            self.add_before()
            self.text_head(size)
            self.add(data, size)
            self.last = self.size - start
        self.entries += 1
        return 0

    cdef int entry_text(self, str text) except -1:
        cdef Py_ssize_t size
        cdef const char *data = PyUnicode_AsUTF8AndSize(text, &size)
        return self.entry(data, size)

    cdef inline bytes named(self, str field):
        """The entry of a field's name, which comes with every table; without what a ziplist says before it."""
        found = PyDict_GetItem(self.fields, field)
        if found == NULL:
            return self.made(field)
        return <bytes>found

    cdef inline int name(self, bytes made) except -1:
        return self.name_of(PyBytes_AS_STRING(made), PyBytes_GET_SIZE(made))

    cdef inline int name_of(self, const char *made, Py_ssize_t size) except -1:
        cdef Py_ssize_t start = self.size
        if not self.listpack:
            self.add_before()
        self.add(made, size)
        self.last = self.size - start
        self.entries += 1
        return 0

    cdef bytes made(self, str field):
        cdef Hash alone = Hash("listpack" if self.listpack else "ziplist")
        cdef bytes made
        alone.begin()
        alone.entry_text(field)
        made = alone.data[6 if self.listpack else 11 : alone.size]
        if len(self.fields) >= FIELDS_KEPT:
            self.fields.clear()
        self.fields[field] = made
        return made

    cdef inline int entry_whole(self, long long value) except -1:
        cdef unsigned char head[9]
        cdef Py_ssize_t start = self.size
        cdef int count
        if self.listpack:
            if 0 <= value < 128:
                head[0] = value
                count = 1
            elif -(1 << 12) <= value < 1 << 12:
                head[0], head[1] = 0xC0 | (value >> 8 & 0x1F), value & 255
                self.add(<char *>head, 2)
                self.add_after(2)
                self.entries += 1
                return 0
            elif -(1 << 15) <= value < 1 << 15:
                head[0], count = 0xF1, 3
            elif -(1 << 23) <= value < 1 << 23:
                head[0], count = 0xF2, 4
            elif -(1LL << 31) <= value < 1LL << 31:
                head[0], count = 0xF3, 5
            else:
                head[0], count = 0xF4, 9
            little(head + 1, value, count - 1)
            self.add(<char *>head, count)
            self.add_after(count)
        else:
            self.add_before()
            if 0 <= value <= 12:
                head[0] = 0xF1 + value
                count = 1
            elif -128 <= value < 128:
                head[0], count = 0xFE, 2
            elif -(1 << 15) <= value < 1 << 15:
                head[0], count = 0xC0, 3
            elif -(1 << 23) <= value < 1 << 23:
                head[0], count = 0xF0, 4
            elif -(1LL << 31) <= value < 1LL << 31:
                head[0], count = 0xD0, 5
            else:
                head[0], count = 0xE0, 9
            little(head + 1, value, count - 1)
            self.add(<char *>head, count)
            self.last = self.size - start
        self.entries += 1
        return 0

    cdef int entry_number(self, object value) except -1:
        cdef char text[DIGITS]
        cdef long long whole
        # Beyond, other numbers are written alike.
        if is_whole(value, &whole) and -EXACT < whole < EXACT:
            return self.entry_whole(whole)
        return self.entry(text, write_number(value, text))

    cdef inline int entry_real(self, double value) except -1:
        cdef char text[DIGITS]
        cdef long long whole
        if is_whole_real(value, &whole) and -EXACT < whole < EXACT:
            return self.entry_whole(whole)
        return self.entry(text, write_real(value, text))

    cdef int put(self, Buffer out) except -1:
        """Close it and put it as an argument; an empty text where there is nothing in it."""
        cdef unsigned char head[16]
        cdef Py_ssize_t start, length
        if self.entries == 0:
            return out.argument(b"", 0)
        self.add(b"\xff", 1)
        little(<unsigned char *>self.data, self.size, 4)
        if self.listpack:
            little(<unsigned char *>self.data + 4, self.entries, 2)
        else:
            little(<unsigned char *>self.data + 4, self.size - 1 - self.last, 4)
            little(<unsigned char *>self.data + 8, self.entries, 2)
        head[0] = self.type
        if self.size < 1 << 6:
            head[1] = self.size
            length = 2
        elif self.size < 1 << 14:
            head[1], head[2] = 0x40 | self.size >> 8, self.size & 255
            length = 3
        else:
            head[1] = 0x80
            head[2], head[3] = self.size >> 24 & 255, self.size >> 16 & 255
            head[4], head[5] = self.size >> 8 & 255, self.size & 255
            length = 6
        out.head(b"$", length + self.size + 10)
        start = out.size
        out.add(<char *>head, length)
        out.add(self.data, self.size)
        little(head, self.version, 2)
        out.add(<char *>head, 2)
        little(head, check_sum(<unsigned char *>out.data + start, out.size - start), 8)
        head[8], head[9] = b"\r", b"\n"
        return out.add(<char *>head, 10)


cdef inline void little(unsigned char *out, uint64_t value, int count) noexcept:
    """The lowest bytes of a number, the lowest first."""
    cdef int at
    for at in range(count):
        out[at] = value >> 8 * at & 255


cdef class Names:
    """The entries of some fields' names, one after the other, and where each ends."""

    cdef tuple fields
    cdef bytes entries
    cdef Py_ssize_t *ends

    def __init__(self, Hash hash, tuple fields):
        cdef Py_ssize_t place, end = 0
        made = [hash.named(field) for field in fields]
        self.fields, self.entries = fields, b"".join(made)
        self.ends = <Py_ssize_t *>PyMem_Malloc((len(made) + 1) * sizeof(Py_ssize_t))
        if self.ends == NULL:
            raise MemoryError
        for place in range(len(made)):
            end += len(made[place])
            self.ends[place] = end

    def __dealloc__(self):
        PyMem_Free(self.ends)


cdef dict _listpack_fields = {}
cdef dict _ziplist_fields = {}


cdef inline dict plain(values):
    """A table's values as objects."""
    return (<Snapshot>values).plain() if type(values) is Snapshot else values


cdef class Packer:
    """Packs the changes of one batch."""

    cdef object layout
    cdef str sha
    cdef str version
    cdef str stamp
    cdef tuple history
    cdef bytes call
    cdef object kind
    cdef Buffer out
    cdef Hash values
    cdef Hash counts
    cdef Hash meta
    #: Of the tables that come as numbers: the names of their fields, and room for the numbers.
    cdef Names names
    cdef Spot *spots
    #: By scope what stands before and after the id in the keys of values and tombstone.
    cdef dict scopes

    def __init__(self, form, str version, str stamp):
        self.layout, self.sha, self.history = form.layout, form.sha, form.history
        self.version, self.stamp = version, stamp
        self.out = Buffer()
        self.kind = form.dumps
        self.scopes = {}
        cdef Buffer call = Buffer()
        call.text("EVALSHA")
        call.text(self.sha)
        call.whole(4)
        self.call = call.taken()

    def __dealloc__(self):
        PyMem_Free(self.spots)

    cdef tuple keys_of(self, str scope):
        cdef tuple made = self.scopes.get(scope)
        if made is None:
            before, _, after = self.layout.values(scope, "\0").encode().partition(b"\0")
            mark, _, end = self.layout.tombstone(scope, "\0").encode().partition(b"\0")
            made = self.scopes[scope] = before, after, after + b":n", after + b":meta", mark, end
        return made

    cdef bytes packed(self, list changes, dict known):
        cdef str last
        self.out.size = 0
        for change in changes:
            if change.gone:
                self.gone(change.scope, change.id)
                continue
            before = known.get((change.scope, change.id))
            if before is None:
                last, profile = "0", None
            else:
                last, profile = before
            sent = change.profile
            # An unchanged profile is not sent again.
            if sent is not None and not change.full and (sent is profile or sent == profile):
                sent = None
            self.table(change, sent, last)
        return self.out.taken()

    cdef int table(self, change, profile, str last) except -1:
        cdef Buffer out = self.out
        cdef object there = change.values
        cdef Py_ssize_t fields = len(there), nulls = 0, meta = 6 if profile is None else 14, size
        cdef bint full = change.full
        cdef str mode = "delta"
        cdef tuple keys = self.keys_of(change.scope)
        cdef const char *id = PyUnicode_AsUTF8AndSize(change.id, &size)
        cdef dict values
        cdef object pair
        if full:
            mode = "dump" if self.kind is not None and fields <= MOST else "full"
            out.head(b"*", 13)
        else:
            values = plain(there)
            for pair in values.values():
                if (<tuple>pair)[0] is None:
                    nulls += 1
            out.head(b"*", 13 + 2 * (fields - nulls) + 2 * fields + meta + nulls)
        out.add_bytes(self.call)
        out.key(<bytes>keys[0], id, size, <bytes>keys[1])
        out.key(<bytes>keys[0], id, size, <bytes>keys[2])
        out.key(<bytes>keys[0], id, size, <bytes>keys[3])
        out.key(<bytes>keys[4], id, size, <bytes>keys[5])
        out.text(mode)
        out.text(last)
        out.text(self.version)
        if mode == "dump":
            return self.dump(there, change, profile)
        if full:
            return self.lists(plain(there), self.meta_of(change, profile))
        # Six arguments of the script come before the first value.
        size = 6 + 2 * (fields - nulls)
        out.whole(size)
        out.whole(size + 2 * fields)
        out.whole(size + 2 * fields + meta)
        for field, pair in values.items():
            if (<tuple>pair)[0] is not None:
                out.text(field)
                out.number((<tuple>pair)[0])
        for field, pair in values.items():
            out.text(field)
            out.number((<tuple>pair)[1])
        for text in self.meta_of(change, profile):
            out.text(text)
        if nulls:
            for field, pair in values.items():
                if (<tuple>pair)[0] is None:
                    out.text(field)
        return 0

    cdef list meta_of(self, change, profile):
        cdef list meta = ["as_of", time_text(change.as_of), "updated_at", self.stamp, "version", self.version]
        if profile is not None:
            meta += ["name", profile.name, "kam_id", profile.kam_id or ""]
            meta += ["segment", profile.segment or "", "tier", profile.tier or ""]
        return meta

    cdef int dump(self, values, change, profile) except -1:
        if self.values is None:
            self.values, self.counts, self.meta = Hash(self.kind), Hash(self.kind), Hash(self.kind)
        cdef Hash first = self.values, second = self.counts, third = self.meta
        cdef bint is_name = True
        cdef bytes name
        first.begin()
        second.begin()
        third.begin()
        if type(values) is Snapshot:
            self.numbers(<Snapshot>values)
        else:
            for field, pair in (<dict>values).items():
                name = first.named(field)
                if (<tuple>pair)[0] is not None:
                    first.name(name)
                    first.entry_number((<tuple>pair)[0])
                second.name(name)
                second.entry_number((<tuple>pair)[1])
        for text in self.meta_of(change, profile):
            if is_name:
                third.name(third.named(text))
            else:
                third.entry_text(text)
            is_name = not is_name
        first.put(self.out)
        second.put(self.out)
        return third.put(self.out)

    cdef int numbers(self, Snapshot values) except -1:
        """The entries of a table whose values are numbers still."""
        cdef Hash first = self.values, second = self.counts
        cdef Py_ssize_t size = values.size(), place, start = 0, length
        cdef Spot *spot
        cdef const char *name
        if self.names is None or self.names.fields is not values.reader.names:
            self.names = Names(first, values.reader.names)
            self.spots = <Spot *>PyMem_Realloc(self.spots, (size + 1) * sizeof(Spot))
            if self.spots == NULL:
                raise MemoryError
        name = PyBytes_AS_STRING(self.names.entries)
        values.spots(self.spots)
        for place in range(size):
            spot, length = &self.spots[place], self.names.ends[place] - start
            if spot.kind == ODD:
                value, n = values.at(place)
            if spot.kind != NO_DATA and (spot.kind != ODD or value is not None):
                first.name_of(name + start, length)
                if spot.kind == REAL:
                    first.entry_real((<double *>&spot.bits)[0])
                elif spot.kind == WHOLE and -EXACT < spot.bits < EXACT:
                    first.entry_whole(spot.bits)
                else:
                    first.entry_number(spot.bits if spot.kind == WHOLE else value)
            second.name_of(name + start, length)
            if spot.kind == ODD:
                second.entry_number(n)
            else:
                second.entry_whole(spot.n)
            start += length
        return 0

    cdef int lists(self, dict values, list meta) except -1:
        cdef Buffer part = Buffer()
        cdef Py_ssize_t nulls = 0
        for pair in values.values():
            if (<tuple>pair)[0] is None:
                nulls += 1
        part.packed_list(2 * (len(values) - nulls))
        for field, pair in values.items():
            if (<tuple>pair)[0] is not None:
                part.packed_text(field)
                part.packed_number((<tuple>pair)[0])
        self.out.argument(part.data, part.size)
        part.size = 0
        part.packed_list(2 * len(values))
        for field, pair in values.items():
            part.packed_text(field)
            part.packed_number((<tuple>pair)[1])
        self.out.argument(part.data, part.size)
        part.size = 0
        part.packed_list(len(meta))
        for text in meta:
            part.packed_text(text)
        return self.out.argument(part.data, part.size)

    cdef int gone(self, str scope, str id) except -1:
        cdef Buffer out = self.out
        base = self.layout.values(scope, id)
        keys = [base, f"{base}:n", f"{base}:meta", self.layout.tombstone(scope, id)]
        keys += [self.layout.document(kind, scope, id) for kind in DOCUMENTS]
        keys += [self.layout.history(scope, id, field) for field in self.history]
        out.head(b"*", 6 + len(keys))
        out.text("EVALSHA")
        out.text(self.sha)
        out.whole(len(keys))
        for key in keys:
            out.text(key)
        out.text("gone")
        out.text("0")
        return out.text(self.version)


def table_commands(form, changes, dict known, str version, str stamp):
    """The script calls that write changes, packed; as the definition says."""
    cdef Packer packer = Packer(form, version, stamp)
    for at in range(0, len(changes), PIECE):
        some = list(changes[at : at + PIECE])
        yield Packed(packer.packed(some, known), len(some))


def told(change):
    """What the stream of updates is told of a change; None: nothing moved. As the definition says."""
    cdef dict values = plain(change.values)
    cdef dict olds = change.old or {}
    cdef char before[DIGITS]
    cdef char after[DIGITS]
    cdef Py_ssize_t before_size, after_size, count = 4
    cdef Buffer out = Buffer()
    out.packed_list(0)
    out.packed_text(change.scope)
    out.packed_text(change.id)
    out.packed_text(time_text(change.as_of))
    out.packed_text(change.cause)
    for field, pair in values.items():
        old = olds.get(field)
        before_size = 0 if old is None or old[0] is None else write_number(old[0], before)
        after_size = 0 if pair[0] is None else write_number(pair[0], after)
        if before_size == after_size and memcmp(before, after, after_size) == 0 and (old is None or old[1] == pair[1]):
            continue
        out.packed_text(field)
        out.packed(before, before_size)
        out.packed(after, after_size)
        out.packed_number(pair[1])
        count += 4
    if count == 4:
        return None
    out.data[1], out.data[2], out.data[3], out.data[4] = count >> 24 & 255, count >> 16 & 255, count >> 8 & 255, count & 255
    return out.taken()
