"""Compiles the hot modules in place: ``make compile``; ``make pure`` removes what came of it.

Cython compiles its own modules (``_*.pyx``), each the twin of a Python module that does the same, and Python modules
that a ``.pxd`` beside them gives C types; mypyc compiles other Python modules as they are. Without the extensions
everything runs from the Python sources. After a change of a compiled module compile again (only what changed is
compiled), or work with the pure form.

    python deploy/compile_hot.py [--clean] [--level N] [ROOT]

ROOT is where the package lies: this source tree, or the ``site-packages`` that it was installed into.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from hashlib import sha256
from pathlib import Path
from subprocess import DEVNULL, Popen

#: What mypyc compiles, callees before callers, except what has a ``.pxd``. Modules that define msgspec structs or
#: pydantic models stay Python, and so do those that have a twin.
HOT = (
    "kamstream/sketch.py",
    "kamstream/entities/tickets.py",
    "kamstream/entities/threads.py",
    "kamstream/entities/deals.py",
    "kamstream/entities/interactions.py",
    "kamstream/engine/plan.py",
    "kamstream/engine/kinds.py",
    "kamstream/engine/rows.py",
    "kamstream/engine/scopes.py",
    "kamstream/engine/strand.py",
    "kamstream/engine/entity.py",
    "kamstream/engine/account.py",
    "kamstream/engine/store.py",
    "kamstream/engine/engine.py",
)
#: What the hot modules import, also where it stays Python: mypyc takes constants and types from there.
_AROUND = ("alerts", "engine", "entities", "events", "goals", "kpis", ".")
ROOT = Path(__file__).resolve().parents[1]
_BUILD = "build/hot"
_CYTHON = """
import sys
from pathlib import Path
from Cython.Build import cythonize
from setuptools import Extension, setup
build, level, *sources = sys.argv[1:]
# Some numbers are looked at as the bits that they are.
flags = ["-O" + level, "-w", "-fno-strict-aliasing"]
names = [str(Path(each).with_suffix("")).replace("/", ".") for each in sources]
named = [Extension(*each, extra_compile_args=flags) for each in zip(names, ([each] for each in sources))]
# The types of Python modules are those of their .pxd, not what their annotations say to people.
directives = {"language_level": 3, "annotation_typing": False}
made = cythonize(named, build_dir=build, nthreads=2, quiet=True, compiler_directives=directives)
command = ["-q", "build_ext", "--inplace", "--build-temp", build, "-j2"]
setup(name="kamstream-twins", packages=[], ext_modules=made, script_args=command)
"""
_MYPYC = """
import sys
from mypyc.build import mypycify
from setuptools import setup
build, level, *sources = sys.argv[1:]
made = mypycify(["--follow-imports=silent", *sources], opt_level=level, debug_level="0", target_dir=build)
command = ["-q", "build_ext", "--inplace", "--build-temp", build]
setup(name="kamstream-hot", packages=[], ext_modules=made, script_args=command)
"""


def compile_in(root: Path, level: int = 2) -> list[Path]:
    """Compile the hot modules below a folder in place, as far as they changed; the files that came of it.

    ``level`` is how much the C compiler optimizes.
    """
    steps = [("cython", _CYTHON, [str(path.relative_to(root)) for path in _cython_sources(root)])]
    # Cython finds out by itself what changed; mypyc makes all modules in one go.
    mark = root / _BUILD / "mypyc.txt"
    if not mark.is_file() or mark.read_text() != _state_of_mypyc(root, level):
        for stale in _made_by_mypyc(root):
            stale.unlink()
        steps.append(("mypyc", _MYPYC, _mypyc_sources(root)))
    running = [
        # Each in a folder of its own: a module that goes over from one to the other leaves its C behind.
        Popen([sys.executable, "-c", script, f"{_BUILD}/{name}", str(level), *sources], cwd=root, stdout=DEVNULL)
        for name, script, sources in steps
        if sources
    ]
    failed = [each.wait() for each in running]
    if any(failed):
        raise SystemExit("the hot modules could not be compiled")
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_text(_state_of_mypyc(root, level))
    return extensions(root)


def extensions(root: Path) -> list[Path]:
    """The compiled modules below a folder, and the one that those of mypyc share."""
    return sorted([*(root / "kamstream").rglob("*.cpython-*.so"), *root.glob("*__mypyc.cpython-*.so")])


def _cython_sources(root: Path) -> list[Path]:
    package = root / "kamstream"
    typed = (path.with_suffix(".py") for path in package.rglob("*.pxd"))
    return sorted([*package.rglob("_*.pyx"), *(path for path in typed if path.is_file())])


def _mypyc_sources(root: Path) -> list[str]:
    return [each for each in HOT if not (root / each).with_suffix(".pxd").is_file()]


def _made_by_mypyc(root: Path) -> list[Path]:
    """Extensions that are not Cython's, also those of modules that are compiled no more."""
    cython = {path.with_suffix("") for path in _cython_sources(root)}
    return [each for each in extensions(root) if each.with_name(each.name.partition(".")[0]) not in cython]


def _state_of_mypyc(root: Path, level: int) -> str:
    """Tells apart what mypyc's extensions were made from, how, and which are there."""
    names = [str(each.relative_to(root)) for each in _made_by_mypyc(root)]
    around = (path for folder in _AROUND for path in sorted((root / "kamstream" / folder).glob("*.py")))
    texts = [path.read_bytes() for path in around]
    return sha256(b"\0".join([repr((sys.version, level, names, _mypyc_sources(root))).encode(), *texts])).hexdigest()


def main() -> None:
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clean", action="store_true", help="remove the extensions")
    parser.add_argument("--level", type=int, default=2, help="how much the C compiler optimizes (default: 2)")
    parser.add_argument("root", nargs="?", type=Path, default=ROOT, help="where the package lies")
    chosen = parser.parse_args()
    root = chosen.root.resolve()
    if chosen.clean:
        for stale in extensions(root):
            stale.unlink()
        return
    print(f"{len(compile_in(root, chosen.level))} extensions are up to date; `make pure` removes them")


if __name__ == "__main__":
    main()
