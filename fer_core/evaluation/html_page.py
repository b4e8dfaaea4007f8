"""One self-contained HTML file with tables and charts; it needs no network. The frame of every report."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from fer_core.escaping import escape_html, neutralise_cell

if TYPE_CHECKING:
    import plotly.graph_objects as go

_STYLE: Final[
    str
] = """body{font:15px/1.5 system-ui,sans-serif;max-width:1100px;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.25rem .7rem;border-bottom:1px solid #ddd;
text-align:left}.wide{overflow-x:auto}.wide td{white-space:nowrap}small{color:#666}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(30rem,100%),1fr));gap:1rem}
.charts>div{min-width:0}.charts>div:first-child{grid-column:1/-1}"""


def show_text(text: str) -> str:
    """Foreign words as HTML and, when they are pasted into one, a spreadsheet show them."""
    return escape_html(neutralise_cell(text))


def render_page(title: str, body: str) -> str:
    """A whole page: a title and, below it, what is HTML already."""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{show_text(title)}</title>
<meta name="viewport" content="width=device-width,initial-scale=1">
<style>{_STYLE}</style></head>
<body>
<h1>{show_text(title)}</h1>
{body}</body></html>
"""


def render_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are HTML already, under a header of plain words."""
    head = "".join(f"<th>{show_text(name)}</th>" for name in header)
    lines = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{head}</tr>{lines}</table></div>'


def render_charts(figures: "Sequence[go.Figure | Any]") -> str:
    """Charts beside each other, the first over the whole width; the first also brings Plotly's script."""
    import plotly.io

    for figure in figures:
        figure.update_layout(template="plotly_white")
    charts = "".join(
        "<div>"
        + plotly.io.to_html(figure, full_html=False, include_plotlyjs=index == 0, config={"responsive": True})
        + "</div>"
        for index, figure in enumerate(figures)
    )
    return f'<div class="charts">{charts}</div>'
