"""Whether the hot parts run compiled: ``make compile`` builds them beside the modules that they stand in for.

A hot part is written twice: as a Python module, which says what it does and runs anywhere, and as a Cython module with
an underscore before its name, which does the same faster. Both pass the same tests. ``KAMSTREAM_PURE=1`` leaves the
compiled ones aside.
"""

import os
from importlib.util import find_spec
from typing import Final

#: Whether the compiled forms are there and wanted; all of them are built together.
COMPILED: Final[bool] = find_spec("kamstream.engine._seen") is not None and os.environ.get("KAMSTREAM_PURE", "0") == "0"
