# cython: language_level=3
"""Huge pages under Python's small objects; what ``arenas`` says."""

from libc.stddef cimport size_t
from libc.stdint cimport uintptr_t

cdef extern from "<Python.h>":
    ctypedef struct PyObjectArenaAllocator:
        void *ctx
        void *(*alloc)(void *ctx, size_t size) noexcept
        void (*free)(void *ctx, void *ptr, size_t size) noexcept
    void PyObject_GetArenaAllocator(PyObjectArenaAllocator *allocator)
    void PyObject_SetArenaAllocator(PyObjectArenaAllocator *allocator)

cdef extern from *:
    """
    #include <stddef.h>
    #ifdef __linux__
    #include <sys/mman.h>
    #define KAM_HUGE 1
    static void *kam_reserve(size_t size) {
        void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        return at == MAP_FAILED ? NULL : at;
    }
    static void kam_release(void *at, size_t size) { if (size) munmap(at, size); }
    static void kam_in_huge_pages(void *at, size_t size) { madvise(at, size, MADV_HUGEPAGE); }
    static void kam_forget(void *at, size_t size) { madvise(at, size, MADV_DONTNEED); }
    #else
    #define KAM_HUGE 0
    static void *kam_reserve(size_t size) { return NULL; }
    static void kam_release(void *at, size_t size) {}
    static void kam_in_huge_pages(void *at, size_t size) {}
    static void kam_forget(void *at, size_t size) {}
    #endif
    """
    int KAM_HUGE
    void *kam_reserve(size_t size) noexcept
    void kam_release(void *at, size_t size) noexcept
    void kam_in_huge_pages(void *at, size_t size) noexcept
    void kam_forget(void *at, size_t size) noexcept

# Bytes of an arena (what CPython asks for since 3.10), of a huge page, and of what is asked of the system at once.
cdef size_t ARENA = 1 << 20
cdef size_t HUGE = 2 << 20
cdef size_t STRETCH = 32 << 20
cdef size_t PAGE = 4096
# Free arenas up to which their memory is kept at hand.
cdef int AT_HAND = 32

cdef PyObjectArenaAllocator before
# Free arenas, each holding the address of the next in its first bytes; and the rest of the newest stretch.
cdef void *free_ones = NULL
cdef int free_count = 0
cdef char *rest = NULL
cdef char *end = NULL
cdef bint installed = False


cdef void *take(void *ctx, size_t size) noexcept:
    global free_ones, free_count, rest, end
    cdef char *there
    cdef char *aligned
    cdef void *arena
    if size != ARENA:
        return before.alloc(before.ctx, size)
    if free_ones != NULL:
        arena = free_ones
        free_ones = (<void **>arena)[0]
        free_count -= 1
        return arena
    if rest == end:
        there = <char *>kam_reserve(STRETCH + HUGE)
        if there == NULL:
            return before.alloc(before.ctx, size)
        aligned = <char *>((<uintptr_t>there + HUGE - 1) & ~<uintptr_t>(HUGE - 1))
        kam_release(there, aligned - there)
        kam_release(aligned + STRETCH, there + HUGE - aligned)
        kam_in_huge_pages(aligned, STRETCH)
        rest, end = aligned, aligned + STRETCH
    arena = rest
    rest += ARENA
    return arena


cdef void give(void *ctx, void *arena, size_t size) noexcept:
    # Also arenas from before: they are plain memory like any other.
    global free_ones, free_count
    if size != ARENA:
        before.free(before.ctx, arena, size)
        return
    if free_count >= AT_HAND:
        kam_forget(<char *>arena + PAGE, size - PAGE)
    (<void **>arena)[0] = free_ones
    free_ones = arena
    free_count += 1


def use_huge_pages():
    """Have arenas lie in huge pages from now on; whether they do."""
    global installed
    cdef PyObjectArenaAllocator ours
    if not KAM_HUGE:
        return False
    if not installed:
        PyObject_GetArenaAllocator(&before)
        ours.ctx, ours.alloc, ours.free = NULL, take, give
        PyObject_SetArenaAllocator(&ours)
        installed = True
    return True
