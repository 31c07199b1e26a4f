"""The memory under Python's small objects, in huge pages.

A worker holds millions of small objects and goes to some of them for every event, hardly ever the same. With pages of
4 kB the processor looks up where each lies as well as what it holds. In pages of 2 MB, for which Linux has to be asked
(``madvise``), that costs next to nothing: it takes a sixteenth off the CPU of a worker with 200,000 accounts. An arena
is what CPython takes from the system at once; freed ones are used again first, and beyond a few their memory is given
back. Without the extension, or where the system has no such pages, everything stays as it is.
"""

from typing import TYPE_CHECKING

from kamstream.native import COMPILED

if TYPE_CHECKING or not COMPILED:

    def use_huge_pages() -> bool:
        """Have new objects lie in huge pages from now on; whether they do."""
        return False

else:
    from kamstream.worker._arenas import use_huge_pages

__all__ = ["use_huge_pages"]
