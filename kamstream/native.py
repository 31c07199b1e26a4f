"""Whether the hot parts run compiled: ``make compile`` builds them beside the modules that they stand in for.

A hot part is written twice: as a Python module, which says what it does and runs anywhere, and as a Cython module with
an underscore before its name, which does the same faster. Both pass the same tests. Other modules are compiled as they
are. ``KAMSTREAM_PURE=1`` leaves all extensions aside.
"""

import os
import sys
from collections.abc import Sequence
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Final

_PACKAGE = Path(__file__).parent
_PURE = os.environ.get("KAMSTREAM_PURE") == "1"

#: Whether the compiled forms are there and wanted; all of them are built together. Looked for without an import of the
#: engine, which asks here what it should be.
COMPILED: Final[bool] = not _PURE and PathFinder.find_spec("_seen", [str(_PACKAGE / "engine")]) is not None


class _Sources:
    """Finds the Python source of a module of ours, also where an extension lies beside it."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if path is None or not name.startswith(f"{__package__}."):
            return None
        return FileFinder(next(iter(path)), (SourceFileLoader, SOURCE_SUFFIXES)).find_spec(name, target)


if _PURE:
    sys.meta_path.insert(0, _Sources)
