# cython: boundscheck=False, wraparound=False
"""Stored rows sorted by account, compiled. Rows of an account mostly lie together: the last one is remembered."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.string cimport memchr, memcmp

from kamstream.engine.restoring import ACCOUNT as _ACCOUNT
from kamstream.engine.restoring import ENTITY as _ENTITY
from kamstream.engine.restoring import Sorted
from kamstream.engine.rows import DUE_AT as _DUE_AT
from kamstream.engine.rows import NO_DUE as _NO_DUE
from kamstream.engine.rows import READ_BY_EVENT, due_of

cdef char ACCOUNT = _ACCOUNT
cdef char ENTITY = _ENTITY
cdef Py_ssize_t DUE_AT = _DUE_AT
cdef unsigned char NO_DUE = _NO_DUE
#: The first letters of the keys of entities that are read event by event.
cdef bytes BY_EVENT = READ_BY_EVENT


def sort_rows(rows):
    """Sort rows as they were stored."""
    cdef dict accounts = {}
    cdef list dues = [], rest = [], parts = None
    cdef bytes key, value, part
    cdef str id = ""
    cdef const char *text
    cdef const char *zero
    cdef const char *known = NULL
    cdef Py_ssize_t size, id_size, known_size = -1
    # Keeps the bytes alive in which the last account's id stands.
    cdef bytes known_in = b""
    for key, value in rows.items():
        text, size = PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key)
        zero = <const char *>memchr(text, 0, size) if size and text[0] == ACCOUNT else NULL
        if zero == NULL:
            rest.append((key, value))
            continue
        id_size = zero - text
        if id_size != known_size or memcmp(text, known, id_size) != 0:
            id = PyUnicode_DecodeUTF8(text + 1, id_size - 1, NULL)
            parts = accounts.get(id)
            if parts is None:
                parts = accounts[id] = []
            known_in, known, known_size = key, text, id_size
        part = PyBytes_FromStringAndSize(zero + 1, size - id_size - 1)
        parts.append(part)
        parts.append(value)
        if zero[1] == ENTITY and not without_due(zero + 2, value):
            due = due_of(part, value)
            if due is not None:
                dues.append((due, id, part[1:].decode()))
    return Sorted(accounts, dues, rest)


cdef inline bint without_due(const char *entity, bytes value) noexcept:
    """Whether the row of an entity says at a glance that it never falls due."""
    if memchr(PyBytes_AS_STRING(BY_EVENT), entity[0], PyBytes_GET_SIZE(BY_EVENT)) == NULL:
        return False
    return PyBytes_GET_SIZE(value) > DUE_AT and <unsigned char>PyBytes_AS_STRING(value)[DUE_AT] == NO_DUE
