"""Python's cyclic collector, kept off the worker's back.

A worker holds millions of small objects that live long. Going through them again and again in search of cycles costs a
quarter to a half of the engine's time, in pauses of up to seconds. But the hot path makes no cycles: reference counting
frees what it leaves. So only the young are looked at, few at a time. The old are looked at when partitions come or go:
the accounts of an engine that was dropped are a cycle, and the largest.
"""

import gc

#: Objects made, less those freed, until the youngest are looked at, so few that it takes milliseconds: events wait for
#: it. So many such looks until also those that survived one are; and for the old ones a number that is never reached.
THRESHOLDS = (10_000, 200, 1_000_000)
#: Objects made, less those freed, until a busy worker looks at them once after all: a few tenths of a second.
MOST = 2_000_000


def tune() -> None:
    """Collect the young only, from now on."""
    gc.set_threshold(*THRESHOLDS)


def spare(busy: bool) -> None:
    """Look at nothing while much is made that will stay (``busy``), and later not at that either.

    A worker that catches up, or hands over all its tables, makes millions of objects; a look at each, again and again,
    would take a tenth of its time, and finds nothing. What cycles there are all the same must not pile up for as long
    as it is busy: when there are ``MOST`` new objects, they are looked at once and set aside.
    """
    if busy:
        gc.disable()
        if gc.get_count()[0] > MOST:
            gc.collect(0)
            gc.freeze()
    elif not gc.isenabled():
        gc.freeze()
        gc.enable()


def settle() -> None:
    """What lives now will go on living: set it aside."""
    gc.collect()
    gc.freeze()


def sweep() -> None:
    """Something large was dropped: look at everything, also at what was set aside."""
    gc.unfreeze()
    gc.collect()
