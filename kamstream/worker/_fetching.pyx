# cython: boundscheck=False, wraparound=False, cdivision=True
"""From the bytes of a fetch to the engine: `fetching.feed_plain` for records that were left as bytes."""

from cpython.object cimport PyObject
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcmp

from kamstream.worker._records cimport Place, Records, varint
from kamstream.events._scan cimport Known, Scanner

from kamstream.events import Event
from kamstream.worker.fetching import APPLIED, feed_plain


def feed(decoder, str topic not None, records, int partition, int partitions, apply, other):
    """Decode records in their order and apply each event; what was not applied is told to ``other``."""
    scanner = getattr(decoder, "scanner", None)
    if type(records) is not Records or not isinstance(scanner, Scanner) or partitions < 1:
        feed_plain(decoder, topic, records, partition, partitions, apply, other)
    else:
        _feed(decoder, <Scanner>scanner, topic, <Records>records, partition, partitions, apply, other)


cdef int _feed(
    object decoder, Scanner scanner, str topic, Records records, int partition, int partitions, object apply,
    object other,
) except -1:
    cdef Py_ssize_t at
    cdef Place* place
    cdef Known* known
    for at in range(records.count):
        place = &records.places[at]
        event = None
        if place.key_length >= 0 and place.value_length >= 0 and not _may_be_binary(place):
            known = scanner.accounts.find(place.key, place.key_length)
            if known != NULL and known.murmur2 % partitions == partition:
                event = scanner.scan(place.value, place.value_length, known.account, topic, place.timestamp)
        if event is None:
            record = records.record(at)
            event = decoder.decode(
                topic=topic, key=record.key, value=record.value, headers=record.headers, timestamp=record.timestamp,
                partition=partition, partitions=partitions,
            )
            if type(event) is not Event:
                other(record, event)
                continue
        verdict = apply(event, place.offset)
        if verdict is not APPLIED and verdict != APPLIED:
            other(records.record(at), verdict)
    return 0


cdef bint _may_be_binary(Place* place) noexcept nogil:
    """Whether there is a header that makes it an event in binary mode, unless another one speaks against that."""
    cdef const char* p = place.headers
    cdef int64_t length = 0
    cdef int32_t number
    for number in range(place.header_count):
        p = varint(p, place.end, &length)
        if length == 14 and memcmp(p, b"ce_specversion", 14) == 0:
            return True
        p = varint(p + length, place.end, &length)
        if length > 0:
            p += length
    return False
