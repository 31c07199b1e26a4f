"""Histories as pictures: options for ECharts, and the small lines on the cards."""

from collections.abc import Sequence
from typing import Any

#: A point of a history: start of its pane in epoch seconds, and the value last published in it.
Point = tuple[float, float]
Points = Sequence[Point]

_SCALE = {"ratio": 100.0, "s": 1 / 3600}
_AXIS = {"ratio": "%", "s": "hours", "per week": "per week", "days": "days"}


def history_options(points: Points, unit: str, label: str, currency: str) -> dict[str, Any]:
    """ECharts options of a line over time; ratios in percent, durations in hours, neutral in light and dark."""
    scale = _SCALE.get(unit, 1.0)
    grey = "#8592a6"
    quiet = {"lineStyle": {"color": "rgba(133,146,166,.22)"}}
    return {
        "animation": False,
        "aria": {"enabled": True},
        "grid": {"left": 8, "right": 20, "top": 34, "bottom": 8, "containLabel": True},
        "textStyle": {"fontFamily": "inherit"},
        "tooltip": {"trigger": "axis", "confine": True},
        "xAxis": {
            "type": "time",
            "axisLabel": {"color": grey, "hideOverlap": True},
            "axisLine": quiet,
            "axisTick": {"show": False},
        },
        "yAxis": {
            "type": "value",
            "scale": True,
            "name": currency if unit == "money" else _AXIS.get(unit, ""),
            "nameTextStyle": {"color": grey, "align": "left"},
            "axisLabel": {"color": grey},
            "splitLine": quiet,
        },
        "series": [
            {
                "name": label,
                "type": "line",
                "showSymbol": len(points) < 40,
                "symbolSize": 5,
                "lineStyle": {"width": 2},
                "areaStyle": {"opacity": 0.08},
                "color": "#3b74d9",
                "data": [[at * 1000, round(value * scale, 4)] for at, value in points],
            }
        ],
    }


def sparkline(points: Points, width: int = 96, height: int = 28) -> str:
    """A small SVG line of a history, empty for fewer than two points; decoration, hidden from screen readers.

    >>> sparkline([(0, 1), (10, 3)], 10, 10).count("polyline")
    1
    """
    if len(points) < 2:
        return ""
    times, values = [at for at, _ in points], [value for _, value in points]
    wide, high = max(times) - min(times) or 1, max(values) - min(values)
    steps = " ".join(
        f"{(at - min(times)) / wide * width:.1f},"
        f"{height - 2 - ((value - min(values)) / high * (height - 4) if high else (height - 4) / 2):.1f}"
        for at, value in points
    )
    return (
        f'<svg class="spark" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'preserveAspectRatio="none" aria-hidden="true" focusable="false">'
        f'<polyline points="{steps}" fill="none" stroke="currentColor" stroke-width="1.5" '
        f'stroke-linejoin="round" vector-effect="non-scaling-stroke"/></svg>'
    )
