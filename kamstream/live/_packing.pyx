# cython: boundscheck=False, wraparound=False
"""A change of a table as the one command that writes it, and what is told of it: ``packing`` compiled.

The command is made as it goes over the wire, in one buffer, without an object for each argument.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_Free
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdio cimport snprintf
from libc.stdlib cimport free, realloc
from libc.string cimport memcmp, memcpy, strchr, strlen

from functools import lru_cache

from kamstream.live.layout import number
from kamstream.windows import to_text

cdef extern from "Python.h":
    char *PyOS_double_to_string(double value, char code, int precision, int flags, int *kind) except NULL
    long long PyLong_AsLongLongAndOverflow(object value, int *overflow) except? -1
    int Py_DTSF_ADD_DOT_0

cdef enum:
    #: Room for a number's text: a double written out in full has less than 350 characters.
    DIGITS = 512

#: Up to here every integer is a double of its own.
cdef long long EXACT = 1LL << 53
#: Many changes of a batch are of the same T.
time_text = lru_cache(64)(to_text)


cdef Py_ssize_t write_number(object value, char *out) except -1:
    """A number as ``layout.number`` writes it; its length."""
    cdef char *text
    cdef const char *plain
    cdef Py_ssize_t size
    cdef long long whole
    cdef int overflow = 0
    if type(value) is int:
        whole = PyLong_AsLongLongAndOverflow(value, &overflow)
        if not overflow and -EXACT <= whole <= EXACT:
            return snprintf(out, DIGITS, "%lld", whole)
    elif type(value) is float:
        if value == 0:
            out[0] = b"0"
            return 1
        text = PyOS_double_to_string(value, b"r", 0, Py_DTSF_ADD_DOT_0, NULL)
        size = strlen(text)
        # Exponents, nan and the infinities are left to the definition.
        if strchr(text, b"e") == NULL and strchr(text, b"n") == NULL:
            if size > 2 and text[size - 1] == b"0" and text[size - 2] == b".":
                size -= 2
            memcpy(out, text, size)
            PyMem_Free(text)
            return size
        PyMem_Free(text)
    plain = PyUnicode_AsUTF8AndSize(number(value), &size)
    if size > DIGITS:
        raise ValueError(f"{value!r} is too long a number")
    memcpy(out, plain, size)
    return size


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

    cdef int add(self, const char *data, Py_ssize_t size) except -1:
        cdef char *grown
        if self.size + size > self.room:
            grown = <char *>realloc(self.data, 2 * (self.size + size) + 512)
            if grown == NULL:
                raise MemoryError
            self.data = grown
            self.room = 2 * (self.size + size) + 512
        memcpy(self.data + self.size, data, size)
        self.size += size
        return 0

    cdef bytes taken(self):
        return PyBytes_FromStringAndSize(self.data, self.size)

    # -- as Redis reads commands

    cdef int head(self, char kind, Py_ssize_t count) except -1:
        """``*3`` before three arguments, ``$5`` before an argument of five bytes."""
        cdef char text[32]
        return self.add(text, snprintf(text, 32, "%c%zd\r\n", kind, count))

    cdef int argument(self, const char *data, Py_ssize_t size) except -1:
        self.head(b"$", size)
        self.add(data, size)
        return self.add(b"\r\n", 2)

    cdef int text(self, str text) except -1:
        cdef Py_ssize_t size
        cdef const char *data = PyUnicode_AsUTF8AndSize(text, &size)
        return self.argument(data, size)

    cdef int whole(self, Py_ssize_t value) except -1:
        cdef char text[32]
        return self.argument(text, snprintf(text, 32, "%zd", value))

    cdef int number(self, object value) except -1:
        cdef char text[DIGITS]
        return self.argument(text, write_number(value, text))

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


cdef list meta_of(object change, object profile, str version, str stamp):
    cdef list meta = ["as_of", time_text(change.as_of), "updated_at", stamp, "version", version]
    if profile is not None:
        meta += ["name", profile.name, "kam_id", profile.kam_id or ""]
        meta += ["segment", profile.segment or "", "tier", profile.tier or ""]
    return meta


def table_command(layout, str sha, change, *, profile, str last, str version, str stamp):
    """The script call that writes a change, packed; as the definition says."""
    cdef dict values = change.values
    cdef list meta = meta_of(change, profile, version, stamp)
    cdef Py_ssize_t all_fields = len(values), nulls = 0
    cdef bint full = change.full
    cdef Buffer out = Buffer(), part
    cdef str base = layout.values(change.scope, change.id)
    for pair in values.values():
        if pair[0] is None:
            nulls += 1
    if full:
        out.head(b"*", 13)
    else:
        out.head(b"*", 13 + 2 * (all_fields - nulls) + 2 * all_fields + len(meta) + nulls)
    out.text("EVALSHA")
    out.text(sha)
    out.whole(4)
    out.text(base)
    out.text(base + ":n")
    out.text(base + ":meta")
    out.text(layout.tombstone(change.scope, change.id))
    out.text("full" if full else "delta")
    out.text(last)
    out.text(version)
    if full:
        part = Buffer()
        part.packed_list(2 * (all_fields - nulls))
        for field, pair in values.items():
            if pair[0] is not None:
                part.packed_text(field)
                part.packed_number(pair[0])
        out.argument(part.data, part.size)
        part.size = 0
        part.packed_list(2 * all_fields)
        for field, pair in values.items():
            part.packed_text(field)
            part.packed_number(pair[1])
        out.argument(part.data, part.size)
        part.size = 0
        part.packed_list(len(meta))
        for text in meta:
            part.packed_text(text)
        out.argument(part.data, part.size)
        return out.taken()
    # Six arguments of the script come before the first value.
    out.whole(6 + 2 * (all_fields - nulls))
    out.whole(6 + 2 * (all_fields - nulls) + 2 * all_fields)
    out.whole(6 + 2 * (all_fields - nulls) + 2 * all_fields + len(meta))
    for field, pair in values.items():
        if pair[0] is not None:
            out.text(field)
            out.number(pair[0])
    for field, pair in values.items():
        out.text(field)
        out.number(pair[1])
    for text in meta:
        out.text(text)
    if nulls:
        for field, pair in values.items():
            if pair[0] is None:
                out.text(field)
    return out.taken()


def told(change):
    """What the stream of updates is told of a change; None: nothing moved. As the definition says."""
    cdef dict values = change.values
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
