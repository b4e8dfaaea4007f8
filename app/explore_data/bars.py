"""Bar charts as plain HTML: read in one look and drawn at once; Plotly's script alone takes a second."""

from collections.abc import Sequence
from dataclasses import dataclass

from fer_core.escaping import escape_html


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a chart."""

    value: float
    """Its length, 0 or more; of a chart's bars the largest fills the room."""
    color: str
    """As CSS has it."""
    text: str = ""
    """What stands at its end, or below an upright one."""
    hint: str = ""
    """What is said of it under the mouse."""
    opacity: float = 1.0


def build_rows(groups: Sequence[tuple[str, Sequence[Bar]]], alt: str) -> str:
    """Horizontal bars below each other, with the name of their group before them.

    Args:
        groups: names and bars, from top to bottom.
        alt: the chart in words, for people who do not see it.
    """
    largest = _largest([bar for _, bars in groups for bar in bars])
    rows = []
    for name, bars in groups:
        lines = [
            f'<div title="{escape_html(bar.hint)}" style="display:flex;align-items:center;gap:.4em">'
            f'<i style="width:{85 * bar.value / largest:.2f}%;min-width:1px;height:.75em;border-radius:2px;'
            f'background:{bar.color};opacity:{bar.opacity:.2f}"></i>{escape_html(bar.text)}</div>'
            for bar in bars
        ]
        rows.append(
            f'<b style="font-weight:400;text-align:right">{escape_html(name)}</b><div>{"".join(lines)}</div>'
        )
    grid = "display:grid;grid-template-columns:fit-content(40%) 1fr;gap:.45em .7em"
    return _frame("".join(rows), alt, style=f"{grid};align-items:center;line-height:1.15")


def build_columns(bars: Sequence[Bar], ticks: Sequence[str], alt: str, *, height_px: int) -> str:
    """Upright bars side by side, as of a histogram.

    Args:
        bars: from left to right.
        ticks: what is written below them, evenly from the left end to the right one.
        alt: the chart in words, for people who do not see it.
        height_px: of the highest bar.
    """
    largest = _largest(bars)
    columns = [
        f'<div title="{escape_html(bar.hint)}" style="flex:1;min-width:0;text-align:center">'
        f'<div style="height:{height_px * bar.value / largest:.1f}px;background:{bar.color};'
        f'opacity:{bar.opacity:.2f}"></div>{escape_html(bar.text)}</div>'
        for bar in bars
    ]
    marks = [f"<span>{escape_html(tick)}</span>" for tick in ticks]
    return _frame(
        '<div style="display:flex;align-items:flex-end;gap:1px">'
        f"{''.join(columns)}</div>"
        f'<div style="display:flex;justify-content:space-between">{"".join(marks)}</div>',
        alt,
    )


def _largest(bars: Sequence[Bar]) -> float:
    return max((bar.value for bar in bars), default=0.0) or 1.0


def _frame(inside: str, alt: str, *, style: str = "") -> str:
    return f'<div role="img" aria-label="{escape_html(alt)}" style="font-size:.8rem;{style}">{inside}</div>'
