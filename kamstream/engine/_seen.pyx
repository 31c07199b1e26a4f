# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""Duplicates and lateness of one account on one topic: what ``seen`` says, compiled.

The pairs stand in one piece of memory as the rows keep them, a line each. A new pair is written behind the last line
first; its hash leads to lines that may be the same, and what is found there is compared byte by byte. While there are
few lines, they are gone through without an index.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport INT64_MIN, UINT32_MAX, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy, memmove, memset


cdef extern from *:
    """
    static inline uint64_t seen_mix(uint64_t a, uint64_t b)
    {
        unsigned __int128 product = (unsigned __int128)a * b;
        return (uint64_t)product ^ (uint64_t)(product >> 64);
    }

    /* Mixes in eight bytes at a time. Nobody knows the seed, so nobody can choose ids that meet in one place. */
    static inline uint64_t seen_hash(const char *text, size_t length, uint64_t seed)
    {
        uint64_t hash = seed ^ length, word;
        while (length >= 8) {
            memcpy(&word, text, 8);
            hash = seen_mix(hash ^ word, seed ^ 0x9e3779b97f4a7c15ULL);
            text += 8;
            length -= 8;
        }
        word = 0;
        memcpy(&word, text, length);
        return seen_mix(seen_mix(hash ^ word, seed ^ 0x9e3779b97f4a7c15ULL), 0xe7037ed1a0b428dbULL);
    }

    /* Whether a text is of printable ASCII characters alone. */
    static inline int seen_is_simple(PyObject *text)
    {
        const unsigned char *character, *end;
        unsigned char odd = 0;
        if (!PyUnicode_IS_ASCII(text))
            return 0;
        character = PyUnicode_1BYTE_DATA(text);
        for (end = character + PyUnicode_GET_LENGTH(text); character < end; character++)
            odd |= (unsigned char)(*character - 0x20) > 0x5e;
        return !odd;
    }
    """
    uint64_t seen_hash(const char *text, size_t length, uint64_t seed) noexcept
    bint seen_is_simple(str text) noexcept
    const char *PyUnicode_AsUTF8AndSize(str text, Py_ssize_t *size) except NULL


cdef enum:
    #: Pairs in a chunk; lines up to which there is no index.
    CHUNK = 24
    FEW = 8
    #: Bytes of the longest time, and the end of its line.
    TIME = 21

cdef uint32_t NOWHERE = UINT32_MAX
cdef int64_t NEVER = -(2**62)
cdef uint64_t SEED = hash("kamstream") & 0xFFFFFFFFFFFFFFFF
cdef tuple VERDICTS = ("applied", "duplicate", "too-late")


@cython.final
@cython.no_gc
cdef class Seen:
    """The pairs seen on one topic, and the newest time accepted there."""

    def __cinit__(self):
        self.newest = NEVER

    def __dealloc__(self):
        PyMem_Free(self._text)
        PyMem_Free(self._places)
        PyMem_Free(self._ages)

    def judge(self, str id not None, str suffix not None, int64_t time, int64_t horizon):
        """``too-late``, ``duplicate`` or ``applied``; the last remembers the pair and moves the newest time."""
        return VERDICTS[self.verdict(id, suffix, time, horizon)]

    cdef int verdict(self, str id, str suffix, int64_t time, int64_t horizon) except -1:
        """The same for compiled callers, as a number."""
        cdef int64_t border = self.newest - horizon
        cdef uint32_t head, begin, at = NOWHERE, slot = 0
        cdef uint64_t hash
        cdef uint8_t tag = 0
        if time < border:
            return IS_TOO_LATE
        head = self._propose(id, suffix)
        if self._size:
            hash = seen_hash(self._text + self._used, head, SEED)
            tag, slot = _tag(hash), hash & (self._size - 1)
            while self._tags[slot]:
                if self._tags[slot] == tag and self._is_at(self._places[slot], head):
                    at = self._places[slot]
                    break
                slot = (slot + 1) & (self._size - 1)
        else:
            at = self._walk(head)
        if at != NOWHERE:
            if _number(self._text + at + head) >= border:
                return IS_DUPLICATE
            if at >= self._tail_at:
                self._take_out(at, head)
        begin = self._used
        self._used += head
        self._used += _write(self._text + self._used, time)
        self._tail_count += 1
        if self._size:
            # From now on this line is found, also where there is an older one of the same pair.
            self._taken += self._tags[slot] == 0
            self._tags[slot], self._places[slot] = tag, begin
        if time > self.newest:
            self.newest = time
        if self._tail_count >= CHUNK:
            self._seal(horizon)
        if self._wants_index():
            self._index(self.newest - horizon)
        return IS_APPLIED

    def tail(self):
        """Newest time, first and next chunk, and the pairs in no chunk: what the account's row keeps."""
        cdef str text = ""
        if self._used > self._tail_at:
            text = PyUnicode_DecodeUTF8(self._text + self._tail_at, self._used - self._tail_at, NULL)
        return self.newest, self._first, self._next, text

    def collect(self):
        """The chunks that changed since the last call, None for a dropped one."""
        cdef dict chunks = self._dirty
        self._dirty = None
        return chunks

    @classmethod
    def restored(cls, row, dict chunks not None):
        """As it was, from the account's row and the chunks by number."""
        cdef Seen seen = Seen()
        cdef bytes chunk
        cdef uint32_t number, following, begin
        cdef Py_ssize_t length
        cdef const char *tail
        seen.newest, seen._first, following = row[0], row[1], row[2]
        seen._next = seen._first
        for number in range(seen._first, following):
            chunk = chunks[number]
            seen._append(PyBytes_AS_STRING(chunk), PyBytes_GET_SIZE(chunk))
            seen._close_chunk()
        tail = PyUnicode_AsUTF8AndSize(row[3], &length)
        seen._append(tail, length)
        begin = seen._tail_at
        while begin < seen._used:
            seen._tail_count += 1
            begin = seen._after(begin)
        if seen._wants_index():
            seen._index(INT64_MIN)
        return seen

    # -- lines -------------------------------------------------------------------------------------------------

    cdef uint32_t _propose(self, str id, str suffix) except 0:
        """Write a pair behind the last line, without a time and not for good yet; its length."""
        cdef Py_ssize_t length, rest
        cdef const char *text
        cdef const char *end
        if not seen_is_simple(id):
            id = _plain(id)
        text = PyUnicode_AsUTF8AndSize(id, &length)
        end = PyUnicode_AsUTF8AndSize(suffix, &rest)
        self._make_room(<uint64_t>(length + rest + TIME))
        memcpy(self._text + self._used, text, length)
        memcpy(self._text + self._used + length, end, rest)
        return <uint32_t>(length + rest)

    cdef bint _is_at(self, uint32_t at, uint32_t head) noexcept:
        """Whether the line that begins there has the pair that is proposed."""
        return <uint64_t>at + head <= self._used and memcmp(self._text + at, self._text + self._used, head) == 0

    cdef uint32_t _walk(self, uint32_t head) noexcept:
        """Where the line with the proposed pair begins."""
        cdef uint32_t at = 0
        while at < self._used:
            if self._is_at(at, head):
                return at
            at = self._after(at)
        return NOWHERE

    cdef uint32_t _after(self, uint32_t at) noexcept:
        """Where the next line begins."""
        return <uint32_t>(<char *>memchr(self._text + at, c"\n", self._used - at) - self._text) + 1

    cdef void _take_out(self, uint32_t at, uint32_t head) noexcept:
        """Take a line out of the tail, from before the proposed pair. The index does not hold any more."""
        cdef uint32_t after = self._after(at)
        memmove(self._text + at, self._text + after, self._used + head - after)
        self._used -= after - at
        self._tail_count -= 1
        self._drop_index()

    cdef int _make_room(self, uint64_t more) except -1:
        cdef uint64_t wanted = self._used + more
        cdef char *text
        if wanted <= self._room:
            return 0
        wanted = (wanted + wanted // 8 + 15) & ~<uint64_t>15
        if wanted > UINT32_MAX:
            raise OverflowError("more pairs than are kept of one account on one topic")
        text = <char *>PyMem_Realloc(self._text, wanted)
        if text is NULL:
            raise MemoryError
        self._text, self._room = text, <uint32_t>wanted
        return 0

    cdef int _append(self, const char *text, Py_ssize_t length) except -1:
        """Take lines as they were stored."""
        if not _are_lines(text, text + length):
            raise ValueError("stored pairs are damaged")
        self._make_room(<uint64_t>length)
        memcpy(self._text + self._used, text, length)
        self._used += <uint32_t>length
        return 0

    # -- chunks ------------------------------------------------------------------------------------------------

    cdef int _seal(self, int64_t horizon) except -1:
        """Store the tail as a chunk; drop chunks of which all pairs would be too late."""
        cdef int64_t border = self.newest - horizon
        cdef uint32_t old = 0
        if self._dirty is None:
            self._dirty = {}
        self._dirty[self._next] = PyBytes_FromStringAndSize(self._text + self._tail_at, self._used - self._tail_at)
        self._close_chunk()
        while self._first + old < self._next and self._ages[old] < border:
            self._dirty[self._first + old] = None
            old += 1
        if old:
            self._first += old
            memmove(self._ages, self._ages + old, (self._next - self._first) * sizeof(int64_t))
        return 0

    cdef int _close_chunk(self) except -1:
        """Let the tail be the last chunk, and begin a new one."""
        cdef uint32_t chunks = self._next - self._first, at = self._tail_at
        cdef int64_t newest = INT64_MIN, time
        cdef int64_t *ages
        if chunks == self._ages_room:
            ages = <int64_t *>PyMem_Realloc(self._ages, (chunks + chunks // 4 + 1) * sizeof(int64_t))
            if ages is NULL:
                raise MemoryError
            self._ages, self._ages_room = ages, chunks + chunks // 4 + 1
        while at < self._used:
            time = self._time_at(at)
            if time > newest:
                newest = time
            at = self._after(at)
        self._ages[chunks] = newest
        self._next += 1
        self._tail_at, self._tail_count = self._used, 0
        return 0

    # -- the index ---------------------------------------------------------------------------------------------

    cdef bint _wants_index(self) noexcept:
        """Whether there are too many lines for the index; it is never more than three quarters full."""
        if self._size:
            return self._taken * 4 >= self._size * 3
        return self._tail_at > 0 or self._tail_count > FEW

    cdef void _drop_index(self) noexcept:
        PyMem_Free(self._places)
        self._places, self._tags, self._size, self._taken = NULL, NULL, 0, 0

    cdef int _index(self, int64_t border) except -1:
        """Index the lines, in an index that takes as many again; those from before the border are forgotten."""
        cdef uint32_t lines, size = 2 * FEW, at = 0, head, slot
        cdef uint64_t hash
        cdef char *places
        self._drop_index()
        lines = self._drop_late(border)
        while size < 2 * lines:
            size *= 2
        places = <char *>PyMem_Malloc(size * (sizeof(uint32_t) + sizeof(uint8_t)))
        if places is NULL:
            raise MemoryError
        self._places, self._tags, self._size = <uint32_t *>places, <uint8_t *>(places + size * sizeof(uint32_t)), size
        memset(self._tags, 0, size)
        while at < self._used:
            head = self._head_at(at)
            hash = seen_hash(self._text + at, head, SEED)
            slot = hash & (size - 1)
            while self._tags[slot]:
                # Of lines with the same pair the last one is found.
                if self._tags[slot] == _tag(hash) and memcmp(self._text + self._places[slot], self._text + at, head) == 0:
                    break
                slot = (slot + 1) & (size - 1)
            self._taken += self._tags[slot] == 0
            self._tags[slot], self._places[slot] = _tag(hash), at
            at = self._after(at)
        return 0

    cdef uint32_t _drop_late(self, int64_t border) noexcept:
        """Forget the lines of chunks from before the border; how many lines are left, those of the tail too."""
        cdef uint32_t at = 0, kept = 0, after, lines = self._tail_count
        while at < self._tail_at:
            after = self._after(at)
            if self._time_at(at) >= border:
                memmove(self._text + kept, self._text + at, after - at)
                kept += after - at
                lines += 1
            at = after
        if kept < self._tail_at:
            memmove(self._text + kept, self._text + self._tail_at, self._used - self._tail_at)
            self._used -= self._tail_at - kept
            self._tail_at = kept
        return lines

    cdef uint32_t _head_at(self, uint32_t at) noexcept:
        """How long the pair of a line is, without its time."""
        return <uint32_t>(<char *>memchr(self._text + at, c"\x1e", self._used - at) - self._text) + 1 - at

    cdef int64_t _time_at(self, uint32_t at) noexcept:
        return _number(self._text + at + self._head_at(at))


cdef str _plain(str text):
    """The text itself, or where it holds characters that cannot be printed, another that stands for it alone."""
    return text if text.isprintable() else "\x1c" + text.encode("unicode_escape").decode()


cdef bint _are_lines(const char *text, const char *end) noexcept:
    """Whether a text is whole lines, each with a time at its end."""
    cdef const char *after
    while text < end:
        after = <const char *>memchr(text, c"\n", end - text)
        if after is NULL:
            return False
        text = <const char *>memchr(text, c"\x1e", after - text)
        if text is NULL or text + 1 == after or after - text > TIME:
            return False
        text = after + 1
    return True


cdef inline uint8_t _tag(uint64_t hash) noexcept:
    """What tells most lines apart before they are looked at; never 0."""
    return <uint8_t>(hash >> 57) + 1


cdef int64_t _number(const char *text) noexcept:
    """The number that a line ends with."""
    cdef bint below = text[0] == c"-"
    cdef int64_t number = 0
    text += below
    while text[0] != c"\n":
        number = number * 10 + (text[0] - c"0")
        text += 1
    return -number if below else number


cdef uint32_t _write(char *into, int64_t number) noexcept:
    """Write a number and the end of its line; how many characters."""
    cdef char digits[TIME]
    cdef uint32_t place = TIME, begin = number < 0
    cdef uint64_t rest = -<uint64_t>number if number < 0 else <uint64_t>number
    digits[TIME - 1] = c"\n"
    place = TIME - 1
    while True:
        place -= 1
        digits[place] = c"0" + rest % 10
        rest //= 10
        if rest == 0:
            break
    if number < 0:
        into[0] = c"-"
    memcpy(into + begin, digits + place, TIME - place)
    return begin + TIME - place
