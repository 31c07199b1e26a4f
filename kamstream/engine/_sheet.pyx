# cython: language_level=3, boundscheck=False, wraparound=False
"""``sheet``, compiled: all rows of a flush in one piece of memory, which is written and read from one end to the other.

The account's own row is written as msgspec writes it: MessagePack, each number in as few bytes as it takes.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_RawFree, PyMem_RawRealloc
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdio cimport snprintf
from libc.string cimport memcpy

from kamstream.engine._seen cimport Seen

cdef extern from "Python.h":
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL

cdef extern from *:
    """
    #define sheet_bytes_of_64(x) __builtin_bswap64(x)
    """
    uint64_t sheet_bytes_of_64(uint64_t x) nogil

cdef enum:
    #: Bytes of the longest number, its mark or its digits with it.
    NUMBER = 24
    #: Room of a new sheet.
    FIRST = 1024


@cython.final
cdef class Sheet:
    """Rows of state; None: deleted. What is added for an account belongs to the one that ``turn_to`` named last."""

    def __cinit__(self):
        self.account = ""

    def __dealloc__(self):
        PyMem_RawFree(self.text)

    def __len__(self):
        return self.rows

    def __iter__(self):
        cdef Py_ssize_t at = 0
        cdef Sizes sizes
        cdef const char *key
        cdef list rows = []
        while at < self.used:
            at = self.read(at, &sizes, &key)
            rows.append((
                PyBytes_FromStringAndSize(key, sizes.key),
                None if sizes.value < 0 else PyBytes_FromStringAndSize(key + sizes.key, sizes.value),
            ))
        return iter(rows)

    cpdef clear(self):
        """Let all rows go: they take much memory, and are stored by now."""
        PyMem_RawFree(self.text)
        self.text = NULL
        self.rows = self.used = self.end = self.room = 0

    cpdef put(self, bytes key, bytes value):
        """Add a row by its whole key."""
        if key is None:
            raise TypeError("a key is wanted")
        self.end = self.used + sizeof(Sizes)
        self._put(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key))
        self._finish(value)

    cpdef turn_to(self, str account):
        """The rows that follow are of another account."""
        if account is None:
            raise TypeError("an account is wanted")
        self.account = account

    cpdef put_entity(self, str entity, bytes value):
        """Add an entity's own row."""
        self._begin(c"e")
        self._put_text(entity)
        self._finish(value)

    cpdef put_chunk(self, int64_t number, str entity, bytes value):
        """Add a row of an entity's sealed records."""
        self._begin(c"x")
        self._put_digits(number)
        self._put(" ", 1)
        self._put_text(entity)
        self._finish(value)

    cpdef put_seen(self, int topic, int64_t number, bytes value):
        """Add a row of pairs that were seen on a topic."""
        self._begin(c"s")
        self._put_digits(topic)
        self._put_digits(number)
        self._finish(value)

    cpdef put_pane(self, bytes family, str unit, int64_t number, bytes value):
        """Add a row of sums."""
        if family is None or PyBytes_GET_SIZE(family) != 1:
            raise TypeError("a family is one letter")
        self._begin(PyBytes_AS_STRING(family)[0])
        self._put_text(unit)
        self._put_digits(number)
        self._finish(value)

    cpdef put_head(self, bint born, bint live, int64_t swept, list seen, bytes sums, bytes unowned):
        """Add the account's own row."""
        cdef Py_ssize_t begin
        cdef uint64_t size
        cdef char *to
        cdef Seen one
        if seen is None:
            raise TypeError("what was seen is wanted")
        self._begin(c"h")
        begin = self.end
        self._make_room(4 * NUMBER)
        to = self.text + self.end
        to[0], to[1], to[2] = <char>0x96, <char>(0xC3 if born else 0xC2), <char>(0xC3 if live else 0xC2)
        to = _array(_number(to + 3, swept), len(seen))
        self.end = to - self.text
        for one in seen:
            if one is None:
                self._put("\xc0", 1)
                continue
            size = one._used - one._tail_at
            self._make_room(5 * NUMBER + <Py_ssize_t>size)
            to = self.text + self.end
            to[0] = <char>0x94
            to = _number(_number(_number(to + 1, one.newest), one._first), one._next)
            to = _text_head(to, size)
            memcpy(to, one._text + one._tail_at, size)
            self.end = to + size - self.text
        self._put_bytes(sums)
        self._put_bytes(unowned)
        self._count(begin - self.used - <Py_ssize_t>sizeof(Sizes), self.end - begin)

    # -- inside ------------------------------------------------------------------------------------------------

    cdef Py_ssize_t read(self, Py_ssize_t at, Sizes *sizes, const char **key) noexcept:
        memcpy(sizes, self.text + at, sizeof(Sizes))
        key[0] = self.text + at + sizeof(Sizes)
        return at + <Py_ssize_t>sizeof(Sizes) + sizes.key + (sizes.value if sizes.value > 0 else 0)

    cdef int _make_room(self, Py_ssize_t more) except -1:
        cdef char *grown
        cdef Py_ssize_t wanted = self.end + more
        if wanted > self.room:
            wanted = max(2 * wanted, FIRST)
            grown = <char *>PyMem_RawRealloc(self.text, wanted)
            if grown == NULL:
                raise MemoryError
            self.text, self.room = grown, wanted
        return 0

    cdef int _begin(self, char family) except -1:
        """Begin a row of the account."""
        self.end = self.used + sizeof(Sizes)
        self._put("A", 1)
        self._put_text(self.account)
        self._make_room(2)
        self.text[self.end], self.text[self.end + 1] = 0, family
        self.end += 2
        return 0

    cdef int _put(self, const char *text, Py_ssize_t size) except -1:
        self._make_room(size)
        memcpy(self.text + self.end, text, size)
        self.end += size
        return 0

    cdef int _put_text(self, str text) except -1:
        cdef Py_ssize_t size
        cdef const char *utf8 = PyUnicode_AsUTF8AndSize(text, &size)
        return self._put(utf8, size)

    cdef int _put_digits(self, int64_t number) except -1:
        self._make_room(NUMBER)
        self.end += snprintf(self.text + self.end, NUMBER, "%lld", <long long>number)
        return 0

    cdef int _put_bytes(self, bytes value) except -1:
        """Put bytes or None into the account's own row."""
        cdef uint64_t size
        cdef char *to
        if value is None:
            return self._put("\xc0", 1)
        size = PyBytes_GET_SIZE(value)
        self._make_room(NUMBER + <Py_ssize_t>size)
        to = self.text + self.end
        if size <= 0xFF:
            to = _marked(to, 0xC4, 1, size)
        elif size <= 0xFFFF:
            to = _marked(to, 0xC5, 2, size)
        else:
            to = _marked(to, 0xC6, 4, size)
        memcpy(to, PyBytes_AS_STRING(value), size)
        self.end = to + size - self.text
        return 0

    cdef int _finish(self, bytes value) except -1:
        """A row's key is written: add its value."""
        cdef Py_ssize_t key = self.end - self.used - <Py_ssize_t>sizeof(Sizes)
        if value is None:
            self._count(key, -1)
            return 0
        self._put(PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))
        self._count(key, PyBytes_GET_SIZE(value))
        return 0

    cdef void _count(self, Py_ssize_t key, Py_ssize_t value) noexcept:
        """A row is complete."""
        cdef Sizes sizes
        sizes.key, sizes.value = key, value
        memcpy(self.text + self.used, &sizes, sizeof(Sizes))
        self.used = self.end
        self.rows += 1


cdef inline char *_marked(char *to, uint8_t mark, int width, uint64_t number) noexcept:
    """Write a mark and the ``width`` lowest bytes of a number, the highest first; the place behind them."""
    cdef uint64_t turned = sheet_bytes_of_64(number)
    to[0] = <char>mark
    memcpy(to + 1, <char *>&turned + 8 - width, width)
    return to + 1 + width


cdef inline char *_number(char *to, int64_t number) noexcept:
    if number >= 0:
        if number < 0x80:
            return _marked(to, <uint8_t>number, 0, 0)
        if number <= 0xFF:
            return _marked(to, 0xCC, 1, number)
        if number <= 0xFFFF:
            return _marked(to, 0xCD, 2, number)
        if number <= <int64_t>0xFFFFFFFF:
            return _marked(to, 0xCE, 4, number)
        return _marked(to, 0xCF, 8, number)
    if number >= -32:
        return _marked(to, <uint8_t>(number & 0xFF), 0, 0)
    if number >= -0x80:
        return _marked(to, 0xD0, 1, <uint64_t>number)
    if number >= -0x8000:
        return _marked(to, 0xD1, 2, <uint64_t>number)
    if number >= -<int64_t>0x80000000:
        return _marked(to, 0xD2, 4, <uint64_t>number)
    return _marked(to, 0xD3, 8, <uint64_t>number)


cdef inline char *_text_head(char *to, uint64_t size) noexcept:
    if size < 32:
        return _marked(to, <uint8_t>(0xA0 | size), 0, 0)
    if size <= 0xFF:
        return _marked(to, 0xD9, 1, size)
    if size <= 0xFFFF:
        return _marked(to, 0xDA, 2, size)
    return _marked(to, 0xDB, 4, size)


cdef inline char *_array(char *to, uint64_t length) noexcept:
    if length < 16:
        return _marked(to, <uint8_t>(0x90 | length), 0, 0)
    if length <= 0xFFFF:
        return _marked(to, 0xDC, 2, length)
    return _marked(to, 0xDD, 4, length)
