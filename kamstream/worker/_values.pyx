# cython: boundscheck=False, wraparound=False, cdivision=True
"""Value changes as records of ``kam.kpis``: ``values`` compiled. A record's JSON is written where it is sent from."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.float cimport PyFloat_AS_DOUBLE
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.math cimport floor, signbit
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

from kamstream.events._scan cimport murmur2
from kamstream.worker._parcels cimport Batch

from functools import lru_cache

import msgspec

from kamstream.windows import to_text
from kamstream.worker.parcels import LIMIT
from kamstream.worker.values import said_of

cdef extern from "Python.h":
    long long PyLong_AsLongLongAndOverflow(object value, int *overflow) except? -1

cdef enum:
    #: Room for a number's text; JSON has it in 25 characters, an integer beyond 64 bits in more.
    DIGITS = 32

#: Below it a whole number is written without an exponent.
cdef double PLAIN = 1e15
cdef object encode = msgspec.json.Encoder().encode
cdef bytes NULL_TEXT = b"null"
cdef const char* NO_HEADERS = b"\0"
#: Many changes of a flush are of the same T.
cdef object time_text = lru_cache(64)(to_text)


cdef class Rows:
    """Makes records, as the definition says."""

    cdef object units
    cdef Py_ssize_t partitions
    #: By field what stands before its value, and between n and T.
    cdef dict fields

    def __init__(self, units, Py_ssize_t partitions):
        self.units = units
        self.partitions = partitions
        self.fields = {}

    def packed(self, changes, int64_t now, *, bint nulls=True, Py_ssize_t limit=LIMIT):
        """A record of every changed field, in batches with their partitions."""
        cdef list full = []
        cdef dict last = {}
        for change in changes:
            if not change.gone:
                self.pack(change, nulls or not change.full, now, limit, full, last)
        full.extend(last.items())
        return full

    cdef int pack(self, change, bint nulls, int64_t now, Py_ssize_t limit, list full, dict last) except -1:
        cdef Py_ssize_t key_size, value_size, n_size
        cdef str id = change.id
        cdef const char* key = PyUnicode_AsUTF8AndSize(id, &key_size)
        cdef object partition = murmur2(key, key_size) % self.partitions
        cdef Batch batch = last.get(partition)
        cdef bytes head = b'{"scope":"%b","id":%b,"kpi":"' % ((<str>change.scope).encode(), encode(id))
        cdef bytes tail = b',"as_of":"%b"}' % (<str>time_text(change.as_of)).encode()
        cdef bytes before, after, value_text, n_text
        cdef object values = change.values
        cdef tuple pair, said
        cdef char value_digits[DIGITS]
        cdef char n_digits[DIGITS]
        cdef char* place
        cdef Py_ssize_t size
        for field, one in values.items():
            if not isinstance(one, tuple) or len(<tuple>one) != 2:
                raise TypeError(f"{field}: {one!r} is no value and n")
            pair = <tuple>one
            if pair[0] is None and not nulls and pair[1] == 0:
                continue
            said = <tuple>self.fields.get(field)
            if said is None:
                said = self.said(field)
            before, after = <bytes>said[0], <bytes>said[1]
            value_text = _number(pair[0], value_digits, &value_size)
            n_text = _number(pair[1], n_digits, &n_size)
            size = (
                PyBytes_GET_SIZE(head) + PyBytes_GET_SIZE(before) + value_size + 5 + n_size + PyBytes_GET_SIZE(after)
                + PyBytes_GET_SIZE(tail)
            )
            place = NULL if batch is None else batch.put(now, key, key_size, size, NO_HEADERS, 1)
            if place == NULL:
                if batch is not None:
                    full.append((partition, batch))
                batch = last[partition] = Batch(limit)
                place = batch.put(now, key, key_size, size, NO_HEADERS, 1)
            place = _copy(_copy(place, head), before)
            place = _text(place, value_text, value_digits, value_size)
            memcpy(place, b',"n":', 5)
            place = _text(place + 5, n_text, n_digits, n_size)
            _copy(_copy(place, after), tail)
        return 0

    cdef tuple said(self, field):
        cdef str kpi, window, unit
        kpi, window, unit = said_of(field, self.units)
        before = b'%b","window":"%b","value":' % (kpi.encode(), window.encode())
        made = before, b',"unit":"%b"' % unit.encode()
        self.fields[field] = made
        return made


cdef inline char* _copy(char* place, bytes text):
    memcpy(place, PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))
    return place + PyBytes_GET_SIZE(text)


cdef inline char* _text(char* place, bytes text, const char* digits, Py_ssize_t size):
    memcpy(place, digits if text is None else PyBytes_AS_STRING(text), size)
    return place + size


cdef bytes _number(object value, char* out, Py_ssize_t* size):
    """A number as JSON, in ``out`` where nothing is given; what is not simple is left to the encoder."""
    cdef double number
    cdef long long whole
    cdef int overflow = 0
    cdef char* end
    cdef bytes text
    if value is None:
        size[0] = 4
        return NULL_TEXT
    if type(value) is int:
        whole = PyLong_AsLongLongAndOverflow(value, &overflow)
        if not overflow:
            size[0] = _digits(whole, out) - out
            return None
    elif type(value) is float:
        number = PyFloat_AS_DOUBLE(value)
        if -PLAIN < number < PLAIN and floor(number) == number and (number != 0 or not signbit(number)):
            end = _digits(<long long>number, out)
            end[0], end[1] = b".", b"0"
            size[0] = end + 2 - out
            return None
    text = encode(value)
    size[0] = PyBytes_GET_SIZE(text)
    return text


cdef char* _digits(long long value, char* out) noexcept nogil:
    """Write an integer; the place behind it."""
    cdef char text[20]
    cdef int at = 20
    cdef uint64_t left = <uint64_t>value
    if value < 0:
        out[0] = b"-"
        out += 1
        left = 0 - left
    while True:
        at -= 1
        text[at] = <char>(48 + left % 10)
        left //= 10
        if left == 0:
            break
    memcpy(out, text + at, 20 - at)
    return out + (20 - at)
