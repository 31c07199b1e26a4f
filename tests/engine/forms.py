"""The two forms of a hot part, side by side in one process."""

from __future__ import annotations

from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from unittest import mock

import pytest

import kamstream
from kamstream import native

ROOT = Path(kamstream.__file__).parent


def pure(name: str) -> ModuleType:
    """A module's Python form, whatever the tree has compiled; ``name`` is like ``engine.seen``."""
    spec = spec_from_file_location(f"pure.{name}", ROOT.joinpath(*name.split(".")).with_suffix(".py"))
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    with mock.patch.object(native, "COMPILED", False):
        spec.loader.exec_module(module)
    return module


def compiled(name: str) -> ModuleType:
    """A module's compiled form; skips the test where it was not built."""
    package, _, twin = f"kamstream.{name}".rpartition(".")
    spec = find_spec(f"{package}._{twin}")
    if spec is None:
        pytest.skip("not compiled; tests/engine/test_compiled.py builds and tests a copy")
    return pytest.importorskip(f"{package}._{twin}")
