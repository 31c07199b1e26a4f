"""What came out: tables on the terminal, JSON in ``results``, Markdown and SVG for the README."""

import json
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).with_name("results")
#: Columns of words, not figures.
WORDS = ("contender", "from append to", "results", "KPI", "of kamstream's engine")
Report = dict[str, Any]


def medians(report: Report) -> list[dict[str, Any]]:
    """The runs of each contender and size as one row: the median of every figure, and whether all were right."""
    groups: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for run in report["throughput"]:
        groups.setdefault((run["accounts"], run["contender"]), []).append(run)
    rows = []
    for (accounts, contender), runs in groups.items():
        row: dict[str, Any] = {"accounts": accounts, "contender": contender, "runs": len(runs)}
        for name in ("events", "rate", "cpu", "peak"):
            row[name] = median(run[name] for run in runs)
        said = {run["correct"] for run in runs}
        row["correct"] = None if said == {None} else said == {True}
        rows.append(row)
    return rows


def throughput_table(report: Report) -> tuple[list[str], list[list[str]]]:
    """Heading and rows."""
    words = {True: "equal", False: "DIFFERENT", None: "–"}
    heading = ["accounts", "contender", "events/s", "CPU-s per million", "peak memory", "results", "events, runs"]
    rows = [
        [
            f"{row['accounts']:,}",
            row["contender"],
            f"{row['rate']:,.0f}",
            f"{row['cpu']:.1f}",
            megabytes(row["peak"]),
            words[row["correct"]],
            f"{row['events']:,.0f} × {row['runs']}",
        ]
        for row in medians(report)
    ]
    return heading, rows


def recovery_table(report: Report) -> tuple[list[str], list[list[str]]]:
    """Heading and rows."""
    heading = [
        "accounts",
        "contender",
        "changelog rows",
        "rows/s",
        "ready",
        "Redis whole",
        "memory before, after",
        "results",
    ]
    rows = [
        [
            f"{each['accounts']:,}",
            each["contender"],
            f"{each['rows']:,}",
            f"{each['rate']:,.0f}",
            f"{each['ready']:.1f} s",
            f"{each['whole']:.1f} s",
            f"{megabytes(each['peak'])} → {megabytes(each['peak_back'])}" if "peak" in each else "–",
            "equal" if each["correct"] else "DIFFERENT",
        ]
        for each in report.get("recovery", ())
    ]
    return heading, rows


def latency_table(report: Report) -> tuple[list[str], list[list[str]]]:
    """Heading and rows."""
    heading = ["events/s", "contender", "from append to", "p50", "p99", "max", "probes"]
    rows = []
    for each in report.get("latency", ()):
        for what, (p50, p99, most) in each["milliseconds"].items():
            figures = [f"{value:,.0f} ms" for value in (p50, p99, most)]
            rows.append([f"{each['rate']:,}", each["contender"], what, *figures, f"{each['probes']:,}"])
    return heading, rows


def failover_table(report: Report) -> tuple[list[str], list[list[str]]]:
    """Heading and rows."""
    heading = ["accounts", "changelog rows", "session timeout", "partitions moved", "first back", "all back", "others"]
    rows = [
        [
            f"{each['accounts']:,}",
            f"{each['rows']:,}",
            f"{each['session']:.0f} s",
            f"{each['moved']}",
            *(f"{each[name]:.1f} s" for name in ("first", "last", "others")),
        ]
        for each in report.get("failover", ())
    ]
    return heading, rows


def memory_table(report: Report) -> tuple[list[str], list[list[str]]]:
    """Heading and rows."""
    found = report.get("memory", {})
    names = {
        "accounts": "an account with one interaction",
        "tickets": "an open ticket",
        "events": "one more interaction of an account",
    }
    return ["of kamstream's engine", "bytes"], [[names[kind], f"{value:,.0f}"] for kind, value in found.items()]


def scale_table(report: Report) -> tuple[list[str], list[list[str]]]:
    """Heading and rows."""
    found = report.get("scale", ())
    heading = ["accounts", "events", "CPU-s per million", "of them values", "times the least", "bytes an account"]
    rows = [
        [
            f"{each['accounts']:,}",
            f"{each['events']:,}",
            f"{each['cpu']:.1f}",
            f"{each['values']:.1f}",
            f"{each['cpu'] / found[0]['cpu']:.2f}",
            f"{each['bytes']:,.0f}",
        ]
        for each in found
    ]
    return heading, rows


def bounded_table(report: Report) -> tuple[list[str], list[list[str]]]:
    """Heading and rows."""
    heading = ["events", "accounts", "after a fifth", "at the end", "growth", "peak", "CPU-s per million"]
    rows = [
        [
            f"{each['events']:,}",
            f"{each['accounts']:,}",
            megabytes(each["fifth"]),
            megabytes(each["end"]),
            f"{each['growth']:+.1f} %",
            megabytes(each["peak"]),
            f"{each['cpu']:.1f}",
        ]
        for each in report.get("bounded", ())
    ]
    return heading, rows


def price_table(report: Report) -> tuple[list[str], list[list[str]]]:
    """Heading and rows."""
    found = report.get("price")
    heading = ["KPI", "µs of CPU an event"]
    if not found:
        return heading, []
    core = f"the core job ({found['events']:,} events of a portfolio; ± {found['noise']:.2f})"
    dearest = sorted(found["kpis"].items(), key=lambda each: -each[1])
    return heading, [[core, f"{found['core']:.2f}"], *([name, f"{price:+.2f}"] for name, price in dearest)]


def megabytes(size: float) -> str:
    """A size in bytes, as it is shown."""
    return f"{size / 2**20:,.0f} MB"


LATENCY = "Latency, open loop"
TABLES = {
    "Throughput": throughput_table,
    "Recovery after kill -9": recovery_table,
    "Failover: kill -9 of one of two workers": failover_table,
    LATENCY: latency_table,
    "Memory": memory_table,
    "More accounts, 20 events of each": scale_table,
    "A long backlog": bounded_table,
    "What a KPI costs": price_table,
}


def show(report: Report, console: Console) -> None:
    """Print everything."""
    for title, make in TABLES.items():
        heading, rows = make(report)
        if rows:
            table = Table(title=title, title_justify="left")
            for name in heading:
                table.add_column(name, justify="left" if name in WORDS else "right")
            for row in rows:
                table.add_row(*row)
            console.print(table)
    console.print(" · ".join(f"{name} {value}" for name, value in report["machine"].items()))


def save(report: Report) -> Path:
    """Keep it as JSON."""
    RESULTS.mkdir(exist_ok=True)
    stamp = report["date"].replace(":", "").replace("-", "")
    path = RESULTS / f"{stamp}-{report['commit']}.json"
    path.write_text(json.dumps(report, indent=1) + "\n")
    return path


def newest() -> Path | None:
    """The last saved full run, else the last saved run."""
    files = sorted(RESULTS.glob("*.json"))
    full = [path for path in files if not json.loads(path.read_text())["quick"]]
    chosen = full or files
    return chosen[-1] if chosen else None


def markdown(report: Report) -> str:
    """The tables for the README."""
    machine = report["machine"]
    parts = [
        f"Measured {report['date'][:10]} at `{report['commit']}` on {machine['cores']} cores ({machine['cpu']}, "
        f"{machine['memory_gb']} GB), shared with the broker and Redis; medians; `make bench` repeats it.\n"
    ]
    for title, make in TABLES.items():
        heading, rows = make(report)
        if rows:
            lines = [heading, ["---"] * len(heading), *rows]
            parts.append(f"**{title}**\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n")
            if title == LATENCY and report.get("followed"):
                parts.append(f"The highest rate tried that kamstream follows: {report['followed']:,} events/s.\n")
    return "\n".join(parts)


def plots(report: Report) -> dict[str, str]:
    """SVG by file name: events a second and CPU seconds per million events, by size; what each KPI costs."""
    found = {}
    # A job so short that everything was committed at once has no rate.
    rows = [row for row in medians(report) if row["correct"] is not False and row["rate"] == row["rate"]]
    for accounts in dict.fromkeys(row["accounts"] for row in rows):
        here = [row for row in rows if row["accounts"] == accounts]
        for name, form, title in (
            ("cpu", "{:.1f}", "CPU seconds per million events (less is better)"),
            ("rate", "{:,.0f}", "Events per second (more is better)"),
        ):
            found[f"{name}-{accounts}.svg"] = bars(f"{title}, {accounts:,} accounts", here, name, form)
    if price := report.get("price"):
        priced = [{"contender": name, "price": max(0.0, each)} for name, each in price["kpis"].items()]
        found["price.svg"] = bars("Microseconds of CPU an event that a KPI costs", priced, "price", "{:.2f}")
    return found


def bars(title: str, rows: Iterable[Mapping[str, Any]], name: str, form: str) -> str:
    """A bar chart as SVG text."""
    rows = sorted(rows, key=lambda row: row[name])
    most, height, left, width = max(row[name] for row in rows) or 1, 26, 190, 420
    parts = [f'<text x="8" y="20" font-size="14" font-weight="600">{escape(title)}</text>']
    for place, row in enumerate(rows):
        y, long = 34 + place * height, max(1, round(width * row[name] / most))
        fill = "#0b6bcb" if row["contender"].startswith("kamstream") or name == "price" else "#9aa5b1"
        parts.append(f'<text x="{left - 8}" y="{y + 14}" text-anchor="end">{escape(row["contender"])}</text>')
        parts.append(f'<rect x="{left}" y="{y}" width="{long}" height="{height - 8}" rx="2" fill="{fill}"/>')
        parts.append(f'<text x="{left + long + 6}" y="{y + 14}">{form.format(row[name])}</text>')
    size = f'width="{left + width + 90}" height="{44 + len(rows) * height}"'
    style = 'font-family="system-ui, sans-serif" font-size="12" fill="#1f2933"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" {style}>'
        f'<rect width="100%" height="100%" fill="#ffffff"/>{"".join(parts)}</svg>\n'
    )


def write_report(report: Report) -> list[Path]:
    """Write ``results/README.md`` and the plots; what was written."""
    RESULTS.mkdir(exist_ok=True)
    written = [RESULTS / "README.md"]
    pictures = plots(report)
    text = markdown(report) + "\n" + "\n".join(f"![{name.removesuffix('.svg')}]({name})" for name in pictures) + "\n"
    written[0].write_text(text)
    for name, svg in pictures.items():
        written.append(RESULTS / name)
        written[-1].write_text(svg)
    return written
