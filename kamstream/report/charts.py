"""Histories and scores as SVG drawings inside the page."""

from itertools import pairwise
from math import ceil, floor, log10

from kamstream.report.html import Html, element, join
from kamstream.report.language import Language
from kamstream.report.material import Points

WIDTH, HEIGHT = 340, 128
LEFT, RIGHT, TOP, BOTTOM = 50, 10, 10, 20
#: Points further apart (seconds) are not joined: weekly ones, and those that are written when a value changes.
GAP_OF_WEEKS, GAP = 8 * 86_400, 45 * 86_400


def history(points: Points, unit: str, label: str, language: Language) -> Html:
    """A line over time with a scale on both sides; ``label`` says the same in words."""
    scale, shown = _scaling(unit, [value for _, value in points])
    values = [(at, value * scale) for at, value in points]
    ticks = _ticks([value for _, value in values], zero=unit != "points", top=100 if unit == "ratio" else None)
    first, last = values[0][0], max(values[-1][0], values[0][0] + 1)
    low, high = ticks[0], ticks[-1]

    def x(at: float) -> float:
        return LEFT + (at - first) / (last - first) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = [_line_across(y(tick), language.axis(tick, shown)) for tick in ticks]
    parts += [_month(x(at), place, language.month(int(at * 1000))) for at, place in _dates(first, last)]
    for run in _runs(values):
        steps = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in run)
        floor_ = f"{x(run[-1][0]):.1f},{y(low):.1f} {x(run[0][0]):.1f},{y(low):.1f}"
        if len(run) == 1:
            parts.append(element("circle", cx=f"{x(run[0][0]):.1f}", cy=f"{y(run[0][1]):.1f}", r=1.5, class_="alone"))
            continue
        parts.append(element("polyline", points=f"{steps} {floor_}", class_="area"))
        parts.append(element("polyline", points=steps, class_="line"))
    parts.append(element("circle", cx=f"{x(values[-1][0]):.1f}", cy=f"{y(values[-1][1]):.1f}", r=3, class_="dot"))
    return element(
        "svg", *parts, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=label, class_="history"
    )  # fmt: skip


def bar(share: float, css: str = "") -> Html:
    """A bar for a share of one, at most full; the number stands beside it."""
    width = min(max(share, 0.0), 1.0) * 100
    filled = element("rect", width=f"{width:.1f}", height=8, class_="fill")
    return element(
        "svg", element("rect", width=100, height=8, class_="rail"), filled,
        viewBox="0 0 100 8", preserveAspectRatio="none", class_=f"bar {css}".strip(), aria_hidden="true",
    )  # fmt: skip


def ring(score: float | None, language: Language) -> Html:
    """A score of 100 as a ring with its number."""
    length = 2 * 3.14159265 * 42
    done = (score or 0) / 100 * length
    parts = [element("circle", cx=50, cy=50, r=42, class_="rail")]
    if score:
        parts.append(
            element("circle", cx=50, cy=50, r=42, class_="fill", stroke_dasharray=f"{done:.1f} {length:.1f}",
                    transform="rotate(-90 50 50)")
        )  # fmt: skip
    number = "—" if score is None else language.number(score)
    parts.append(element("text", number, x=50, y=52, class_="big"))
    parts.append(element("text", language.say("of-100"), x=50, y=67, class_="small"))
    return element("svg", *parts, viewBox="0 0 100 100", class_="ring", aria_hidden="true")


def _line_across(at: float, label: str) -> Html:
    line = element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=f"{at:.1f}", y2=f"{at:.1f}", class_="grid")
    return join([line, element("text", label, x=LEFT - 6, y=f"{at + 3:.1f}", class_="tick end")])


def _month(at: float, place: str, label: str) -> Html:
    return element("text", label, x=f"{at:.1f}", y=HEIGHT - 5, class_=f"tick {place}".strip())


def _dates(first: float, last: float) -> list[tuple[float, str]]:
    """Three moments to name below a chart, and where their text is anchored; one for a short stretch."""
    if last - first < 60 * 86_400:
        return [(first, "begin")]
    return [(first, "begin"), ((first + last) / 2, "middle"), (last, "end")]


def _runs(values: Points) -> list[list[tuple[float, float]]]:
    """The points in stretches without a gap."""
    runs: list[list[tuple[float, float]]] = []
    closest = min((b[0] - a[0] for a, b in pairwise(values)), default=0)
    gap = GAP_OF_WEEKS if closest > GAP_OF_WEEKS - 2 * 86_400 else GAP
    for at, value in values:
        if runs and at - runs[-1][-1][0] <= gap:
            runs[-1].append((at, value))
        else:
            runs.append([(at, value)])
    return runs


def _scaling(unit: str, values: list[float]) -> tuple[float, str]:
    """The factor that values are drawn with, and the unit that the scale is then in."""
    if unit == "ratio":
        return 100.0, "ratio"
    if unit == "s":
        return (1 / 3600, "h") if max(values) < 3 * 86_400 else (1 / 86_400, "d")
    return 1.0, unit


def _ticks(values: list[float], *, zero: bool, top: float | None) -> list[float]:
    """Three to six round numbers that enclose the values, from 0 on where ``zero``.

    >>> _ticks([3, 8.5], zero=True, top=None), _ticks([-12, 40], zero=False, top=None)
    ([0.0, 5.0, 10.0], [-20.0, 0.0, 20.0, 40.0])
    >>> _ticks([97, 100], zero=True, top=100)
    [0.0, 50.0, 100.0]
    """
    low, high = float(min(values)), float(max(values))
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if high == low:
        high = top or low + 1
    rough = (high - low) / 3
    size = 10.0 ** floor(log10(rough))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough)
    first, last = floor(low / step), ceil(high / step - 1e-9)
    ticks = [round(number * step, 10) for number in range(first, last + 1)]
    if top is not None and ticks[-1] > top:
        return [tick for tick in ticks if tick < top] + [top] if top - ticks[-2] >= step / 2 else [*ticks[:-1]]
    return ticks
