"""Compiles the engine's hot modules with mypyc, in place: ``make compile``; ``make pure`` removes what came of it.

The Python sources stay what they are: without the extensions, the same modules run as they are. After a change of a
compiled module compile again, or work with the pure form.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

#: What is compiled, callees before callers. Modules that define msgspec structs or pydantic models stay Python.
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


def compile_in(root: Path) -> list[Path]:
    """Compile the hot modules of a source tree in place; the files that came of it."""
    for old in extensions(root):
        old.unlink()
    script = (
        "from setuptools import setup; from mypyc.build import mypycify;"
        f"setup(name='kamstream-hot', packages=[], script_args=['-q', 'build_ext', '--inplace'],"
        f"ext_modules=mypycify(['--follow-imports=silent', *{list(HOT)!r}], opt_level='3', debug_level='0'))"
    )
    subprocess.run([sys.executable, "-c", script], cwd=root, check=True, stdout=subprocess.DEVNULL)
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
