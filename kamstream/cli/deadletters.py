"""`kamstream dead-letters`: look at refused records, repair them, send them again."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from kamstream.errors import UserError
from kamstream.events import ErrorCode
from kamstream.publish import deadletters as letters
from kamstream.publish.deadletters import DeadLetter, Repair, Selection
from kamstream.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Look at refused records, repair them, send them again.")

Ids = Annotated[list[str] | None, typer.Argument(help="topic/partition/offset of the original, from the list.")]
Codes = Annotated[list[str] | None, typer.Option("--code", help="Only these codes; repeat it or use commas.")]
Topic = Annotated[str | None, typer.Option(help="Only originals of this topic.")]
SettingsFile = Annotated[Path | None, typer.Option("--settings", help="Settings file.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON lines.")]


@app.command("list")
def list_letters(
    *,
    code: Codes = None,
    topic: Topic = None,
    summary: Annotated[bool, typer.Option("--summary", help="Only how many of each code and topic.")] = False,
    as_json: AsJson = False,
    settings_file: SettingsFile = None,
) -> None:
    """List dead letters, the oldest of each partition first."""
    found = letters.read(Settings.load(settings_file), selection(None, code, topic))
    if summary:
        counts = Counter((letter.code, letter.topic) for letter in found)
        rows = [{"code": kind, "topic": where, "count": count} for (kind, where), count in counts.most_common()]
        show_rows(rows, as_json=as_json)
    elif as_json:
        for letter in found:
            print(json.dumps(letter.row(), ensure_ascii=False))
    else:
        show_rows([brief(letter) for letter in found], as_json=False)


@app.command()
def show(
    ids: Ids = None,
    *,
    code: Codes = None,
    topic: Topic = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Only the originals' bytes, one a line: edit and publish them.")
    ] = False,
    as_json: AsJson = False,
    settings_file: SettingsFile = None,
) -> None:
    """Print dead letters in full: the reason, where the original lies, its headers, its content."""
    wanted = chosen(ids, code, topic, everything=raw or as_json)
    found = 0
    for letter in letters.read(Settings.load(settings_file), wanted):
        found += 1
        if raw:
            # An original may contain line ends; as JSON it means the same without them.
            sys.stdout.buffer.write((letter.value or b"").replace(b"\r", b" ").replace(b"\n", b" ") + b"\n")
        elif as_json:
            print(json.dumps(letter.row(), ensure_ascii=False))
        else:
            print(readable(letter))
    if ids and not found:
        raise UserError(f"no such dead letter: {', '.join(ids)}")


@app.command()
def redrive(
    ids: Ids = None,
    *,
    code: Codes = None,
    topic: Topic = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="Repair: field=value, such as data.currency=EUR; null removes; repeat it."),
    ] = None,
    readdress: Annotated[
        bool,
        typer.Option("--readdress", help="Repair: to the topic and under the key the event itself names."),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Also those that would be refused again.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list which ones are meant.")] = False,
    as_json: AsJson = False,
    settings_file: SettingsFile = None,
) -> None:
    """Send originals again to their topics; a second time changes nothing more.

    Those that would be refused again are told on stderr and not sent.
    """
    wanted = chosen(ids, code, topic, everything=everything)
    repair = Repair(letters.parse_changes(changes or []), readdress)
    settings = Settings.load(settings_file)
    found = letters.read(settings, wanted)
    if dry_run:
        show_rows([brief(letter) for letter in found], as_json=as_json)
        return
    sent = kept = 0
    for redriven in letters.redrive(settings, found, repair, force=force):
        if redriven.refusal is None:
            sent += 1
            if as_json:
                print(json.dumps({"id": redriven.letter.id, "topic": redriven.letter.topic}))
        else:
            kept += 1
            refusal = redriven.refusal
            print(f"{redriven.letter.id}: not sent: {refusal.code}: {refusal.detail}", file=sys.stderr)
    if ids and not sent + kept:
        raise UserError(f"no such dead letter: {', '.join(ids)}")
    if not as_json:
        print(f"{sent} sent again, {kept} not sent")


def chosen(ids: list[str] | None, code: list[str] | None, topic: str | None, *, everything: bool) -> Selection:
    """The selection; UserError when it would mean all of them without saying so."""
    if not (ids or code or topic or everything):
        raise UserError("say which: ids, --code, --topic or --all", exit_code=2)
    return selection(ids, code, topic)


def selection(ids: list[str] | None, code: list[str] | None, topic: str | None) -> Selection:
    """The selection; UserError for a code that does not exist."""
    codes = frozenset(part.strip() for text in code or [] for part in text.split(",") if part.strip())
    if unknown := codes - {known.value for known in ErrorCode}:
        known_codes = ", ".join(known.value for known in ErrorCode)
        raise UserError(f"no such code: {', '.join(sorted(unknown))} (there are {known_codes})", exit_code=2)
    return Selection(frozenset(ids or ()), codes, topic)


def brief(letter: DeadLetter) -> dict[str, object]:
    """One row of the list."""
    return {
        "id": letter.id,
        "failed_at": letter.failed_at,
        "code": letter.code,
        "key": letters.text(letter.key),
        "detail": letter.detail,
    }


def readable(letter: DeadLetter) -> str:
    """One dead letter for a person."""
    row = letter.row()
    try:
        content = json.dumps(json.loads(letter.value or b""), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        content = repr(letter.value) if letter.value is not None else "(no value)"
    headers = "".join(f"\n  {name}: {value}" for name, value in row["headers"].items())
    lines = [
        f"{letter.id}  {letter.code}: {letter.detail}",
        f"failed at {letter.failed_at}, key {row['key']!r}" + (", cut" if letter.truncated else ""),
        f"headers:{headers}" if headers else "no headers",
        content,
        "",
    ]
    return "\n".join(lines)


def show_rows(rows: list[dict[str, object]], *, as_json: bool) -> None:
    """Rows as JSON lines, else as a table; on a pipe the table is as wide as its content."""
    if as_json:
        for row in rows:
            print(json.dumps(row, ensure_ascii=False))
        return
    if not rows:
        print("no dead letters")
        return
    table = Table(*rows[0], box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(str(value if value is not None else "") for value in row.values()))
    console = Console(soft_wrap=not sys.stdout.isatty(), width=None if sys.stdout.isatty() else 1000)
    console.print(table)
