"""Accounts as C structures."""

cimport cython

from kamstream.engine._book cimport Book as CompiledBook
from kamstream.engine.entity cimport Entity
from kamstream.engine.kinds cimport Kind
from kamstream.engine.strand cimport Strand, restored_strand
from kamstream.entities.deals cimport deal_record
from kamstream.entities.fact cimport Context, Fact, Story, Wanted
from kamstream.entities.interactions cimport interaction, survey
from kamstream.entities.threads cimport thread_record
from kamstream.entities.tickets cimport ticket_record

@cython.final
cdef class Shared:
    cdef readonly object plan
    cdef readonly object scopes
    cdef readonly object terms
    cdef readonly object schedule
    cdef readonly object journal
    cdef public long long now
    cdef readonly long long horizon
    cdef readonly object frame
    cdef readonly CompiledBook book
    cdef readonly object kinds
    cdef readonly Context context
    cdef readonly Wanted wanted
    cdef readonly bint alone
    cdef readonly bint by_person
    cdef readonly bint has_contacts
    cdef readonly bint has_products
    cdef readonly bint timed

@cython.final
cdef class Account:
    cdef readonly str id
    cdef readonly Shared shared
    cdef public dict entities
    cdef public object chunks
    cdef readonly object ledger
    cdef readonly object unowned
    cdef public object profile
    cdef public Context context
    cdef public bint born
    cdef public bint live
    cdef public list seen
    cdef public list changed
    cdef public bint touched
    cdef public str by_source
    cdef public str by_id
    cdef public bint spilled
    cdef public long long swept

    cpdef str judge(self, object event, Kind kind)
    cpdef take(self, object event, Kind kind)
    @cython.locals(shared=Shared)
    cdef _take_interaction(self, object event, object data, Kind kind)
    cdef tuple _because(self, object event, Kind kind)
    cpdef Strand _strand(self, str key)
    @cython.locals(strand=Strand)
    cdef _take_record(self, str key, tuple record)
    @cython.locals(context=Context, story=Story, final=list, old=list, new=list, fact=Fact)
    cdef bint _read_on(self, Strand strand, tuple record) except -1
    @cython.locals(new=list)
    cdef _replace(self, Strand strand, list old, list records)
    cdef _note(self, object entity)
    @cython.locals(fact=Fact, gone=list, come=list)
    cdef _exchange(self, list old, list new)
    @cython.locals(shared=Shared)
    cdef _post(self, Fact fact, int sign)
    @cython.locals(shared=Shared, book=CompiledBook)
    cdef _post_wide(self, Fact fact, int sign)
    cdef _link_product(self, Fact fact, int sign)

cdef tuple _head(object event, object rank)
@cython.locals(place=int, shorter=int, left=Fact, right=Fact)
cdef tuple _difference(list old, list new)
