"""`kamstream worker`: one worker; start more of them to share the partitions."""

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from kamstream.settings import Settings


def worker(
    *,
    restart: Annotated[bool, typer.Option("--restart", help="Start it again when it crashes.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Also say what goes well.")] = False,
    settings_file: Annotated[Path | None, typer.Option("--settings", help="Settings file.")] = None,
) -> None:
    """Consume events, keep the values up to date, raise alerts; SIGTERM or Ctrl-C ends it in good order."""
    # Read here too with --restart: what is wrong with them is said once.
    settings = Settings.load(settings_file)
    if restart:
        supervise(verbose, settings_file)
    # Loaded late: Faust takes a while, and a wrong flag should be told at once.
    from kamstream.worker.entry import run_worker  # noqa: PLC0415 (see above)

    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    logging.getLogger("kamstream").setLevel(logging.INFO)
    # Says for every topic, each time, that it may not create it; `topics create` does.
    logging.getLogger("faust.transport.drivers.aiokafka").setLevel(logging.ERROR)
    run_worker(settings)


def supervise(verbose: bool, settings_file: Path | None) -> None:
    """Run a worker in a process of its own, again after every crash."""
    from kamstream.worker.supervisor import Supervisor  # noqa: PLC0415 (without --restart it is not needed)

    command = [sys.executable, "-m", "kamstream", "worker"]
    command += ["--verbose"] if verbose else []
    command += ["--settings", str(settings_file)] if settings_file else []
    raise typer.Exit(Supervisor(command).run())
