# cython: boundscheck=False, wraparound=False
"""``records``, compiled: MessagePack as msgspec writes it, of the values that records have.

What is written is put together in one buffer that all calls share, and copied once.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.long cimport PyLong_CheckExact
from cpython.mem cimport PyMem_Realloc
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE, PyTuple_New, PyTuple_SET_ITEM
from cpython.unicode cimport PyUnicode_CheckExact, PyUnicode_DecodeUTF8
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

import msgspec

from kamstream.engine import kinds

cdef extern from "Python.h":
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL
    long long PyLong_AsLongLongAndOverflow(object number, int *overflow) except? -1

cdef extern from *:
    """
    #define bytes_of_16(x) __builtin_bswap16(x)
    #define bytes_of_32(x) __builtin_bswap32(x)
    #define bytes_of_64(x) __builtin_bswap64(x)
    """
    uint16_t bytes_of_16(uint16_t x) nogil
    uint32_t bytes_of_32(uint32_t x) nogil
    uint64_t bytes_of_64(uint64_t x) nogil

cdef tuple TYPES = kinds.TYPES
cdef tuple RANKS = kinds.RANKS
cdef dict CODES = {name: code for code, name in enumerate(TYPES)}
cdef int CODED = len(TYPES)
#: For what records do not have but a story might come to know.
cdef object _encode = msgspec.msgpack.Encoder().encode


# -- writing -----------------------------------------------------------------------------------------------------------

cdef char *_buffer = NULL
cdef Py_ssize_t _room = 0
cdef Py_ssize_t _used = 0


cdef int _make_room(Py_ssize_t more) except -1:
    global _buffer, _room
    cdef char *grown
    if _used + more > _room:
        grown = <char *>PyMem_Realloc(_buffer, 2 * (_used + more))
        if grown == NULL:
            raise MemoryError
        _buffer, _room = grown, 2 * (_used + more)
    return 0


cdef int _put(const char *text, Py_ssize_t size) except -1:
    global _used
    _make_room(size)
    memcpy(_buffer + _used, text, size)
    _used += size
    return 0


cdef int _put_number(uint8_t mark, int width, uint64_t number) except -1:
    """A mark and the ``width`` lowest bytes of a number, the highest first."""
    global _used
    _make_room(9)
    cdef uint64_t turned = bytes_of_64(number)
    _buffer[_used] = <char>mark
    memcpy(_buffer + _used + 1, <char *>&turned + 8 - width, width)
    _used += 1 + width
    return 0


cdef int _put_int(int64_t number) except -1:
    if number >= 0:
        if number < 0x80:
            return _put_number(<uint8_t>number, 0, 0)
        if number <= 0xFF:
            return _put_number(0xCC, 1, number)
        if number <= 0xFFFF:
            return _put_number(0xCD, 2, number)
        if number <= <int64_t>0xFFFFFFFF:
            return _put_number(0xCE, 4, number)
        return _put_number(0xCF, 8, number)
    if number >= -32:
        return _put_number(<uint8_t>(number & 0xFF), 0, 0)
    if number >= -0x80:
        return _put_number(0xD0, 1, <uint64_t>number)
    if number >= -0x8000:
        return _put_number(0xD1, 2, <uint64_t>number)
    if number >= -<int64_t>0x80000000:
        return _put_number(0xD2, 4, <uint64_t>number)
    return _put_number(0xD3, 8, <uint64_t>number)


cdef int _put_text(text) except -1:
    cdef Py_ssize_t size
    cdef const char *utf8 = PyUnicode_AsUTF8AndSize(text, &size)
    if size < 32:
        _put_number(<uint8_t>(0xA0 | size), 0, 0)
    elif size <= 0xFF:
        _put_number(0xD9, 1, size)
    elif size <= 0xFFFF:
        _put_number(0xDA, 2, size)
    else:
        _put_number(0xDB, 4, size)
    return _put(utf8, size)


cdef int _put_length(Py_ssize_t length) except -1:
    """The head of an array."""
    if length < 16:
        return _put_number(<uint8_t>(0x90 | length), 0, 0)
    if length <= 0xFFFF:
        return _put_number(0xDC, 2, length)
    return _put_number(0xDD, 4, length)


cdef int _put_value(value) except -1:
    cdef int overflow = 0
    cdef int64_t number
    cdef double exact
    cdef uint64_t bits
    if value is None:
        return _put_number(0xC0, 0, 0)
    if PyUnicode_CheckExact(value):
        return _put_text(value)
    if value is True:
        return _put_number(0xC3, 0, 0)
    if value is False:
        return _put_number(0xC2, 0, 0)
    if PyLong_CheckExact(value):
        number = PyLong_AsLongLongAndOverflow(value, &overflow)
        if not overflow:
            return _put_int(number)
    elif PyFloat_CheckExact(value):
        exact = PyFloat_AS_DOUBLE(value)
        memcpy(&bits, &exact, 8)
        return _put_number(0xCB, 8, bits)
    elif isinstance(value, (tuple, list)):
        _put_length(len(value))
        for each in value:
            _put_value(each)
        return 0
    other = _encode(value)
    return _put(PyBytes_AS_STRING(other), PyBytes_GET_SIZE(other))


cdef bytes _after(bytes before):
    """What is in the buffer, after other bytes."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(before)
    cdef bytes made = PyBytes_FromStringAndSize(NULL, size + _used)
    memcpy(PyBytes_AS_STRING(made), PyBytes_AS_STRING(before), size)
    memcpy(PyBytes_AS_STRING(made) + size, _buffer, _used)
    return made


@cython.final
cdef class Packing:
    """How records and rows are put into bytes."""

    cpdef bytes with_record(self, bytes packed, tuple record):
        """Packed records, and one more after them."""
        global _used
        cdef Py_ssize_t place, size
        if packed is None or record is None:
            raise TypeError("bytes and a record are wanted")
        size = PyTuple_GET_SIZE(record)
        if size < 5:
            raise IndexError("a record has at least five parts")
        _used = 0
        _put_length(size - 1)
        _put_value(<object>PyTuple_GET_ITEM(record, 0))
        _put_int(<int64_t>CODES[<object>PyTuple_GET_ITEM(record, 4)])
        _put_value(<object>PyTuple_GET_ITEM(record, 2))
        _put_value(<object>PyTuple_GET_ITEM(record, 3))
        for place in range(5, size):
            _put_value(<object>PyTuple_GET_ITEM(record, place))
        return _after(packed)

    cpdef bytes row(
        self, object due, long long last, object begin, long long first, long long following, int count, bytes records
    ):
        """An entity's own row."""
        global _used
        if records is None:
            raise TypeError("bytes are wanted")
        _used = 0
        _put_number(0xDC, 2, 5 + count)
        _put_value(due)
        _put_int(last)
        _put_value(begin)
        _put_int(first)
        _put_int(following)
        _put(PyBytes_AS_STRING(records), PyBytes_GET_SIZE(records))
        return PyBytes_FromStringAndSize(_buffer, _used)


# -- reading -----------------------------------------------------------------------------------------------------------


cdef struct Reader:
    const uint8_t *at
    const uint8_t *end


cdef int _need(Reader *reader, Py_ssize_t size) except -1:
    if reader.end - reader.at < size:
        raise ValueError("a row ends too early")
    return 0


cdef uint64_t _number(Reader *reader, int width) except? 0xFFFFFFFFFFFFFFFF:
    """The number in the next bytes, the highest first."""
    cdef uint64_t number = 0
    cdef int place
    _need(reader, width)
    for place in range(width):
        number = number << 8 | reader.at[place]
    reader.at += width
    return number


cdef object _text(Reader *reader, Py_ssize_t size):
    _need(reader, size)
    text = PyUnicode_DecodeUTF8(<const char *>reader.at, size, NULL)
    reader.at += size
    return text


cdef Py_ssize_t _length(Reader *reader) except -1:
    """The length of the array that begins here."""
    _need(reader, 1)
    cdef uint8_t mark = reader.at[0]
    reader.at += 1
    if mark & 0xF0 == 0x90:
        return mark & 0x0F
    if mark == 0xDC:
        return _number(reader, 2)
    if mark == 0xDD:
        return _number(reader, 4)
    raise ValueError(f"a row has {mark:#x} where an array should begin")


cdef tuple _array(Reader *reader, Py_ssize_t length):
    cdef Py_ssize_t place
    _need(reader, length)
    made = PyTuple_New(length)
    for place in range(length):
        value = _value(reader)
        Py_INCREF(value)
        PyTuple_SET_ITEM(made, place, value)
    return made


cdef object _value(Reader *reader):
    cdef double exact
    cdef uint64_t bits
    cdef uint8_t mark
    _need(reader, 1)
    mark = reader.at[0]
    if mark & 0xF0 == 0x90 or mark == 0xDC or mark == 0xDD:
        return _array(reader, _length(reader))
    reader.at += 1
    if mark < 0x80:
        return <int>mark
    if mark & 0xE0 == 0xA0:
        return _text(reader, mark & 0x1F)
    if mark >= 0xE0:
        return <int8_t>mark
    if mark == 0xC0:
        return None
    if mark == 0xC2:
        return False
    if mark == 0xC3:
        return True
    if mark == 0xCF:
        return _number(reader, 8)
    if mark == 0xCE:
        return _number(reader, 4)
    if mark == 0xCD:
        return _number(reader, 2)
    if mark == 0xCC:
        return _number(reader, 1)
    if mark == 0xD0:
        return <int8_t>_number(reader, 1)
    if mark == 0xD1:
        return <int16_t>_number(reader, 2)
    if mark == 0xD2:
        return <int32_t>_number(reader, 4)
    if mark == 0xD3:
        return <int64_t>_number(reader, 8)
    if mark == 0xD9:
        return _text(reader, _number(reader, 1))
    if mark == 0xDA:
        return _text(reader, _number(reader, 2))
    if mark == 0xDB:
        return _text(reader, _number(reader, 4))
    if mark == 0xCB:
        bits = _number(reader, 8)
        memcpy(&exact, &bits, 8)
        return exact
    raise ValueError(f"a row has {mark:#x} where a value should begin")


cdef tuple _record(Reader *reader):
    cdef Py_ssize_t place, length = _length(reader)
    cdef object value
    cdef int64_t code
    if length < 4:
        raise ValueError("a record has at least four parts")
    made = PyTuple_New(length + 1)
    for place in range(length + 1):
        if place == 1:
            code = _value(reader)
            if not 0 <= code < CODED:
                raise IndexError("a record of an unknown type")
            value = <object>PyTuple_GET_ITEM(RANKS, code)
        elif place == 4:
            value = <object>PyTuple_GET_ITEM(TYPES, code)
        else:
            value = _value(reader)
        Py_INCREF(value)
        PyTuple_SET_ITEM(made, place, value)
    return made


def unpack_records(Py_ssize_t count, bytes packed not None):
    """Records that were packed one after the other."""
    cdef Reader reader
    cdef Py_ssize_t place
    cdef list made = []
    reader.at = <const uint8_t *>PyBytes_AS_STRING(packed)
    reader.end = reader.at + PyBytes_GET_SIZE(packed)
    for place in range(count):
        made.append(_record(&reader))
    if reader.at != reader.end:
        raise ValueError("there are more records than said")
    return made


def read_row(bytes row not None):
    """An entity's own row, read."""
    cdef Reader reader
    cdef Py_ssize_t length
    reader.at = <const uint8_t *>PyBytes_AS_STRING(row)
    reader.end = reader.at + PyBytes_GET_SIZE(row)
    length = _length(&reader)
    due, last, begin = _value(&reader), _value(&reader), _value(&reader)
    first, following = _value(&reader), _value(&reader)
    records = PyBytes_FromStringAndSize(<const char *>reader.at, reader.end - reader.at)
    return due, last, begin, first, following, length - 5, records


cpdef int64_t last_of(bytes row) except? -1:
    """The time of the last record of an entity, from its own row."""
    cdef Reader reader
    if row is None:
        raise TypeError("a row is wanted")
    reader.at = <const uint8_t *>PyBytes_AS_STRING(row)
    reader.end = reader.at + PyBytes_GET_SIZE(row)
    _length(&reader)
    _value(&reader)
    return _value(&reader)
