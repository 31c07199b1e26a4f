"""The compiled form: a copy of the tree is built, the engine's tests run there, and state goes from form to form."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.support.servers import missing

ROOT = Path(__file__).resolve().parents[2]
#: What is copied; what of it is tested there.
PARTS = ("kamstream", "tests", "schemas", "deploy")
FILES = ("pyproject.toml", "README.md")
TESTED = (
    "tests/events",
    "tests/engine",
    "tests/entities",
    "tests/goals/test_cardtext.py",
    "tests/live/test_packing.py",
    "tests/worker/test_batches.py",
    "tests/worker/test_fetching.py",
    "tests/worker/test_parcels.py",
    "tests/worker/test_values.py",
)
#: Of those, what tests nothing that is compiled.
APART = ("tests/events/test_schemas.py",)


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A compiled copy of this tree."""
    if shutil.which("gcc") is None or not Path(sysconfig.get_path("include"), "Python.h").is_file():
        missing("compiler", "gcc and Python.h are needed to build the extensions")
    copy = tmp_path_factory.mktemp("compiled")
    ignored = shutil.ignore_patterns("*.so", "__pycache__", "test_compiled.py")
    for part in PARTS:
        shutil.copytree(ROOT / part, copy / part, ignore=ignored)
    for file in FILES:
        shutil.copy2(ROOT / file, copy)
    built = run(copy, "deploy/compile_hot.py", "--level", "1")
    assert built.returncode == 0, built.stderr
    return copy


def run(tree: Path, *arguments: str, pure: bool = False, **more: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a copy of the tree."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KAMSTREAM", "PYTEST"))}
    told = kept | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"} | ({"KAMSTREAM_PURE": "1"} if pure else {})
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=tree, env=told | more, capture_output=True, text=True, check=False)


@pytest.mark.timeout(900)
def test_the_compiled_form_passes_the_same_tests(tree: Path) -> None:
    chosen = [*TESTED, *(f"--ignore={each}" for each in APART)]
    done = run(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.engine.compiled", *chosen)
    assert done.returncode == 0, done.stdout[-5_000:] + done.stderr[-2_000:]


@pytest.mark.timeout(900)
def test_all_that_is_compiled_is_in_use_unless_the_python_sources_are_asked_for(tree: Path) -> None:
    compiled, pure = (in_use(tree, pure=each) for each in (False, True))
    assert compiled["there"] == pure["there"] != []
    assert set(compiled["there"]) <= set(compiled["in_use"])
    assert pure["in_use"] == []


def in_use(tree: Path, pure: bool) -> dict[str, list[str]]:
    told = run(tree, "-m", "tests.engine.compiled", pure=pure)
    assert told.returncode == 0, told.stderr
    answer: dict[str, list[str]] = json.loads(told.stdout)
    return answer


@pytest.mark.timeout(900)
def test_the_state_of_one_form_is_taken_over_by_the_other(tree: Path, tmp_path: Path) -> None:
    def work(name: str, pure: bool, *arguments: str) -> str:
        done = run(tree, "-m", "tests.engine.takeover", *arguments, str(tmp_path / name), pure=pure)
        assert done.returncode == 0, done.stderr
        return (tmp_path / name).read_text()

    half = [work(name, pure, "0", "6000", "") for name, pure in (("compiled", False), ("pure", True))]
    assert half[0] == half[1]
    whole = [
        work("whole", pure, "6000", "9000", str(tmp_path / name))
        for name in ("compiled", "pure")
        for pure in (False, True)
    ]
    assert set(whole) == {whole[0]}
    assert len(json.loads(whole[0])["tables"]) > 100
