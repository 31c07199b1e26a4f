"""Compiles the hot modules in place: ``make compile``; ``make pure`` removes what came of it.

Two kinds: Cython modules (``_*.pyx``), each the twin of a Python module that does the same, and Python modules that
mypyc compiles as they are. Without the extensions everything runs from the Python sources. After a change of a compiled
module compile again, or work with the pure form.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

#: What mypyc compiles, callees before callers. Modules that define msgspec structs or pydantic models stay Python.
HOT = (
    "kamstream/sketch.py",
    "kamstream/entities/tickets.py",
    "kamstream/entities/threads.py",
    "kamstream/entities/deals.py",
    "kamstream/entities/interactions.py",
    "kamstream/engine/cells.py",
    "kamstream/engine/plan.py",
    "kamstream/engine/tally.py",
    "kamstream/engine/ledger.py",
    "kamstream/engine/seen.py",
    "kamstream/engine/kinds.py",
    "kamstream/engine/rows.py",
    "kamstream/engine/scopes.py",
    "kamstream/engine/strand.py",
    "kamstream/engine/entity.py",
    "kamstream/engine/account.py",
    "kamstream/engine/store.py",
    "kamstream/engine/tables.py",
    "kamstream/engine/engine.py",
)
ROOT = Path(__file__).resolve().parents[1]
_CYTHON = """
import sys
from pathlib import Path
from Cython.Build import cythonize
from setuptools import Extension, setup
build, sources = sys.argv[1], sys.argv[2:]
named = [Extension(str(Path(each).with_suffix("")).replace("/", "."), [each], extra_compile_args=["-O2", "-w"]) for each in sources]
made = cythonize(named, build_dir=build, nthreads=2, quiet=True, compiler_directives={"language_level": 3})
setup(name="kamstream-twins", packages=[], ext_modules=made, script_args=["-q", "build_ext", "--inplace", "--build-temp", build, "-j2"])
"""
_MYPYC = """
import sys
from mypyc.build import mypycify
from setuptools import setup
build, sources = sys.argv[1], sys.argv[2:]
made = mypycify(["--follow-imports=silent", *sources], opt_level="3", debug_level="0", target_dir=build)
setup(name="kamstream-hot", packages=[], ext_modules=made, script_args=["-q", "build_ext", "--inplace", "--build-temp", build])
"""


def compile_in(root: Path) -> list[Path]:
    """Compile the hot modules of a source tree in place; the files that came of it."""
    for old in extensions(root):
        old.unlink()
    twins = [str(path.relative_to(root)) for path in sorted((root / "kamstream").rglob("_*.pyx"))]
    for script, sources in ((_CYTHON, twins), (_MYPYC, HOT)):
        if sources:
            command = [sys.executable, "-c", script, "build", *sources]
            subprocess.run(command, cwd=root, check=True, stdout=subprocess.DEVNULL)
    return extensions(root)


def extensions(root: Path) -> list[Path]:
    """The compiled modules of a source tree, and the one that they share."""
    return sorted([*(root / "kamstream").rglob("*.cpython-*.so"), *root.glob("*__mypyc.cpython-*.so")])


if __name__ == "__main__":
    if "--clean" in sys.argv:
        for stale in extensions(ROOT):
            stale.unlink()
    else:
        print(f"compiled {len(compile_in(ROOT))} extensions; `make pure` removes them")
