"""The two forms of a hot part, side by side in one process.

A test that needs the compiled form has the mark ``compiled``: it is no part of a run where that was not built.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from unittest import mock

import pytest

import kamstream
from kamstream import native

ROOT = Path(kamstream.__file__).parent


@cache
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
    """A module's compiled form, which must have been built."""
    package, _, twin = f"kamstream.{name}".rpartition(".")
    return import_module(f"{package}._{twin}")


#: For what is tested of each form by itself.
FORMS = [pytest.param(pure, id="pure"), pytest.param(compiled, id="compiled", marks=pytest.mark.compiled)]
