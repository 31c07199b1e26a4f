"""Which modules are compiled and which of them are in use; as a plugin of pytest it fails a run that left some out,
or a test of some.

pytest -p tests.engine.compiled ...
python -m tests.engine.compiled
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

from kamstream import native

ROOT = Path(native.__file__).parents[1]
#: The packages that consist of pure computing, and what else uses extensions of theirs.
PACKAGES = ("engine", "entities", "events")
USERS = ("kamstream.worker.fetching",)
#: The tests of compiled forms that were collected, and all tests that ran.
MARKED, RAN = set[str](), set[str]()


def there() -> set[str]:
    """The modules that have an extension."""
    found = (path for package in PACKAGES for path in ROOT.joinpath("kamstream", package).glob("*.cpython-*.so"))
    return {".".join([*path.relative_to(ROOT).parts[:-1], path.name.partition(".")[0]]) for path in found}


def in_use() -> set[str]:
    """The modules of ours that were imported from an extension."""
    ours = {name: module for name, module in sys.modules.items() if name.startswith("kamstream.")}
    return {name for name, module in ours.items() if (getattr(module, "__file__", None) or "").endswith(".so")}


def about_compiled() -> set[str]:
    """The files with tests of compiled forms."""
    found = ROOT.joinpath("tests").rglob("test_*.py")
    return {
        path.relative_to(ROOT).as_posix()
        for path in found
        if any(word in path.read_text() for word in ("mark.compiled", "engine.forms"))
    }


def pytest_itemcollected(item: pytest.Item) -> None:
    if item.get_closest_marker("compiled"):
        MARKED.add(item.nodeid)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" and not report.skipped:
        RAN.add(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let the run fail where it did not go through all that is compiled, or left out a test of a compiled form."""
    files = about_compiled() - {name.partition("::")[0] for name in MARKED}
    left_out = there() - in_use() | MARKED - RAN | files
    if left_out or not native.COMPILED or not there():
        print(f"\nnot compiled, not in use, or not run: {sorted(left_out)}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


if __name__ == "__main__":
    for package in PACKAGES:
        for each in iter_modules([str(ROOT / "kamstream" / package)]):
            if not each.name.startswith("_"):
                import_module(f"kamstream.{package}.{each.name}")
    for user in USERS:
        import_module(user)
    print(json.dumps({"there": sorted(there()), "in_use": sorted(in_use())}))
