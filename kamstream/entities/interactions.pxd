"""What other compiled modules call."""

from kamstream.entities.fact cimport Fact, fact

cpdef Fact interaction(object event, tuple because)
cpdef Fact survey(object event, tuple because)
