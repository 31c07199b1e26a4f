"""A worker process of the harness.

It is `kamstream worker` with three things that no user needs. ``FAULTS_SESSION``: the session timeout in seconds, so
that more faults fit into a run. ``FAULTS_CLOCK``: a file with the seconds by which the wall clock is ahead, or after
``=`` the time it shows. ``FAULTS_PLANTED``: the name of a bug in ``tests.faults.planted`` that is put in first.
"""

import importlib
import os
import sys
import time
from functools import partial
from pathlib import Path

from kamstream.cli.main import main
from kamstream.worker import entry, serve
from kamstream.worker.config import WorkerConfig
from kamstream.worker.timekeeper import Timekeeper


def shifted_clock(file: Path) -> float:
    """The time that the file makes of the wall clock's."""
    said = file.read_text().strip()
    return float(said[1:]) if said.startswith("=") else time.time() + float(said)


def prepare() -> None:
    """Change what the environment asks for."""
    if session := os.environ.get("FAULTS_SESSION"):
        quick = partial(WorkerConfig, session_timeout=float(session), idle_watermark=1.0)
        entry.WorkerConfig = quick  # type: ignore[assignment,misc]
    if clock := os.environ.get("FAULTS_CLOCK"):
        serve.Timekeeper = partial(Timekeeper, now=partial(shifted_clock, Path(clock)))  # type: ignore[assignment,misc]
    if planted := os.environ.get("FAULTS_PLANTED"):
        importlib.import_module(f"tests.faults.planted.{planted}").plant()


def born(arguments: list[str], environment: dict[str, str], log: Path) -> None:
    """Become ``kamstream`` with these arguments in a process just forked; what it says goes to ``log``."""
    out = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["kamstream", *arguments]
    prepare()
    main()
