"""The log of all runs, and the table made of it."""

import csv
import hashlib
import subprocess
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

from tests.faults.crew import ROOT
from tests.faults.run import Outcome

RUNS = Path(__file__).with_name("runs.csv")
COLUMNS = ("at", "commit", "engine", "kind", "seed", "workers", "records", "fail_stops", "outcome", "seconds", "why")
#: What decides whether a run is exact: a change of these makes earlier runs those of an older engine.
ENGINE = ("alerts", "engine", "entities", "events", "kpis", "live", "worker", "sketch.py", "windows.py")
#: What it is written in.
SOURCES = (".py", ".pyx", ".pxd")


def commit() -> str:
    """The commit of the tree, with ``+`` where the engine has been changed since."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "--", "kamstream") else "")


def engine() -> str:
    """A fingerprint of the engine's sources."""
    digest = hashlib.sha256()
    for name in ENGINE:
        path = ROOT / "kamstream" / name
        within = path.rglob("*") if path.is_dir() else [path]
        for file in sorted(each for each in within if each.suffix in SOURCES):
            digest.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:8]


def note(outcome: Outcome, path: Path = RUNS) -> None:
    """Add a run to the log."""
    fresh = not path.exists()
    with path.open("a", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        if fresh:
            rows.writerow(COLUMNS)
        plan = outcome.plan
        rows.writerow(
            (
                *(datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), commit(), engine(), plan.kind, plan.seed),
                *(outcome.workers, outcome.records, outcome.fail_stops, outcome.result, round(outcome.seconds)),
                "; ".join(outcome.why)[:200],
            )
        )


def table(path: Path = RUNS) -> str:
    """The runs by kind as a Markdown table; those on an older engine are counted apart."""
    now = engine()
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            which = "now" if row["engine"] == now else "older"
            for kind in (row["kind"], "all"):
                counts[kind][which] += 1
                counts[kind][f"{which} {row['outcome']}"] += 1
                counts[kind]["kills"] += max(0, int(row["workers"]))
                counts[kind]["records"] += int(row["records"])
    lines = [
        "| faults | runs | exact | wrong | hung | on an older engine (exact) | workers started | records |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for kind in (*sorted(counts.keys() - {"all"}), *(["all"] if "all" in counts else [])):
        c = counts[kind]
        lines.append(
            f"| {kind} | {c['now']} | {c['now exact']} | {c['now wrong']} | {c['now hung']} "
            f"| {c['older']} ({c['older exact']}) | {c['kills']:,} | {c['records']:,} |"
        )
    return "\n".join(lines)
