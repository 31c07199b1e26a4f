"""``book``, compiled."""

from cpython.dict cimport PyDict_GetItem
from cpython.object cimport PyObject

from kamstream.engine._ledger cimport Lanes, Ledger, post_to, sight_of
from kamstream.engine._seen cimport VERDICTS, Seen

from kamstream.engine._ledger import lanes_of
from kamstream.engine.seen import suffix_of


cdef class Book:
    """What all accounts of a partition judge and post by; ``frame`` holds the views at T."""

    def __init__(self, plan, long long horizon):
        self.lanes = dict(lanes_of(plan))
        self._horizon = horizon
        self._suffixes = {}
        for lanes in self.lanes.values():
            self._layout = (<Lanes?>lanes).layout
        self.turn(plan.frame(0))

    cpdef turn(self, object frame):
        """T has reached another frame."""
        self.frame = frame
        if self._layout is not None:
            self._sight = sight_of(self._layout, frame)

    cpdef bint wants(self, str kind):
        """Whether facts of a kind go anywhere."""
        return kind in self.lanes

    cpdef str judge(self, list seen, int topic, object event):
        """``too-late``, ``duplicate`` or ``applied``, by what was seen of an account on each topic."""
        cdef Seen there
        cdef str source = event.source
        known = seen[topic]
        if known is None:
            known = seen[topic] = Seen()
        there = <Seen?>known
        if source is not self._source:
            suffix = self._suffixes.get(source)
            if suffix is None:
                suffix = self._suffixes[source] = suffix_of(source)
            self._source, self._suffix = source, suffix
        return <str>VERDICTS[there.verdict(event.id, self._suffix, event.time, self._horizon)]

    cpdef int post(self, object ledger, Fact fact, int sign) except -1:
        """Add a fact to a ledger (``sign`` 1), or take it back (-1); one that goes nowhere is passed over."""
        cdef PyObject *lanes = PyDict_GetItem(self.lanes, fact.kind)
        if lanes != NULL:
            post_to(<Ledger?>ledger, <Lanes?><object>lanes, fact.time, fact.amounts, fact.label, sign, self._sight, fact)
        return 0
