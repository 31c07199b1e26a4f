"""The end of a process that must not go on: traceback, then out, without any clean-up that could commit."""

import faulthandler
import os
import sys
import traceback
from typing import NoReturn

#: Exit code of a worker that stopped itself (EX_SOFTWARE): its supervisor starts it again.
CRASHED = 70


def fail_stop(reason: BaseException) -> NoReturn:
    """Print why and leave at once; nothing after the last acknowledged flush counts."""
    traceback.print_exception(reason, file=sys.stderr)
    leave(CRASHED)


def stuck(why: str) -> NoReturn:
    """Print what every thread is doing and leave at once."""
    print(f"kamstream worker: {why}; stopping", file=sys.stderr)
    faulthandler.dump_traceback(file=sys.stderr, all_threads=True)
    leave(CRASHED)


def leave(code: int) -> NoReturn:
    """Exit without running exit handlers: they would wait for threads that are stuck."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
