"""The curves of `adapt`, in words and as a picture."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fer_core.data.choosing import CHOICE_METHODS


def print_summary(lines: Sequence[dict[str, Any]]) -> None:
    """Mean over the seeds, and the difference to chance, paired by seed."""
    table = pd.DataFrame(lines)
    before = table[table["method"] == "before"].set_index("faces")
    shown = table[table["method"] != "before"]
    chance = shown[shown["method"] == "random"].set_index(["faces", "labels", "seed"])
    for (faces, size, method), part in shown.groupby(["faces", "labels", "method"], sort=False):
        index = pd.MultiIndex.from_frame(part[["faces", "labels", "seed"]])
        gaps = 100 * (part["own"].to_numpy() - chance.loc[index, "own"].to_numpy())
        error = gaps.std(ddof=1) / np.sqrt(len(gaps)) if len(gaps) > 1 else float("nan")
        gain = 100 * (part["own"].mean() - before.loc[faces, "own"])
        lost = 100 * (part["known"].mean() - before.loc[faces, "known"])
        print(
            f"{faces:8} {size:4} {method:15} own {gain:+6.2f}  known {lost:+6.2f}  "
            f"against random {gaps.mean():+6.2f} +- {error:.2f}"
        )


def plot(lines: Sequence[dict[str, Any]], image: Path) -> None:
    """The curves as a picture: Plotly in Chromium."""
    from plotly.subplots import make_subplots

    table = pd.DataFrame(lines)
    names = list(dict.fromkeys(table["faces"]))
    figure = make_subplots(1, len(names), subplot_titles=[f"{name} faces" for name in names])
    colors = dict(zip(CHOICE_METHODS, ("#8c8c8c", "#0072b2", "#e69f00", "#009e73", "#d55e00"), strict=True))
    for column, name in enumerate(names, 1):
        part = table[table["faces"] == name]
        first = float(part.loc[part["method"] == "before", "own"].iloc[0])
        for method in CHOICE_METHODS:
            mine = 100 * part[part["method"] == method].groupby("labels")["own"].agg(["mean", "min", "max"])
            figure.add_scatter(
                x=[0, *mine.index],
                y=[100 * first, *mine["mean"]],
                error_y={
                    "array": [0, *(mine["max"] - mine["mean"])],
                    "arrayminus": [0, *(mine["mean"] - mine["min"])],
                    "thickness": 1,
                    "width": 3,
                },
                name=method.replace("_", " "),
                line={"color": colors[method], "dash": "dash" if method == "random" else "solid"},
                showlegend=column == 1,
                row=1,
                col=column,
            )
    figure.update_xaxes(title="labels")
    figure.update_yaxes(title="held-out accuracy, %", col=1)
    figure.update_layout(
        template="plotly_white",
        width=1000,
        height=420,
        margin={"l": 60, "r": 10, "t": 40, "b": 50},
        legend={"orientation": "h", "y": -0.2},
    )
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1000, "height": 420})
        page.set_content(figure.to_html(include_plotlyjs=True, config={"staticPlot": True}))
        page.wait_for_selector(".scatterlayer .point", state="attached")
        page.screenshot(path=image)
        browser.close()
