"""`kamstream topics create`: the topics of an installation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kamstream.publish.topics import TopicReport
from kamstream.publish.topics import create as create_topics
from kamstream.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Make and check the topics.")


@app.callback()
def topics() -> None:
    """Make and check the topics."""


@app.command()
def create(
    *,
    partitions: Annotated[
        int | None,
        typer.Option(min=1, max=10_000, help="Partition count of all topics (default: the settings')."),
    ] = None,
    prefix: Annotated[str | None, typer.Option(help="Topic prefix (default: the settings').")] = None,
    settings_file: Annotated[Path | None, typer.Option("--settings", help="Settings file.")] = None,
) -> None:
    """Make the topics that are missing and check the others; never shrinks or deletes one."""
    for report in create_topics(Settings.load(settings_file, partitions=partitions, prefix=prefix)):
        print(sentence(report))


def sentence(report: TopicReport) -> str:
    """One line on one topic.

    >>> sentence(TopicReport("kam.deals", True, 8))
    'kam.deals: made, 8 partitions'
    """
    done = "made" if report.created else "fits"
    note = f" ({report.note})" if report.note else ""
    return f"{report.name}: {done}, {report.partitions} partitions{note}"
