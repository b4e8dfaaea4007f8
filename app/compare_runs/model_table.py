"""The table of models under one set of conditions: search it, sort it, tick what is compared.

What is compared is in the URL, so a comparison can be bookmarked and sent to a colleague.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import streamlit as st

from app.compare_runs.published import describe_published, find_published
from app.compare_runs.state import Key
from app.shared.callbacks import uninterrupted
from app.shared.messages import warn_missing
from app.shared.reports import TTA_TITLES, Conditions, list_names, load_summary
from app.shared.samples import find_kind
from fer_core.checkpoint import KIND_WORDS, CheckpointEntry
from fer_core.data.store import SCHEMATIC_FACES, SPLITS, list_datasets
from fer_core.errors import FerError
from fer_core.escaping import escape_markdown
from fer_core.evaluation.comparison import flatten, group_seeds, own_dataset
from fer_core.evaluation.metrics import METRICS, list_titles
from fer_core.evaluation.report import Report
from fer_core.evaluation.stored_reports import DEFAULT_SPLIT
from fer_core.runs.reader import load_run
from fer_core.workspace import Workspace

_DEFAULT_FIGURES: Final[tuple[str, ...]] = ("accuracy", "macro_f1", "log_loss", "ece")
_MAX_ROWS_SHOWN: Final[int] = 7
MAX_COMPARED: Final[int] = 8
"""As many as there are colours."""
_GRAY: Final[Mapping[str, str]] = {"light": "#737373", "dark": "#8c8c8c"}
"""Of figures that were not measured here: readable on the other theme, too, until the page is drawn anew."""


def choose_conditions(models: Mapping[str, CheckpointEntry], workspace: Workspace) -> Conditions:
    """Let the user choose data set, split and test-time augmentation; and what the table shows.

    First comes the data set that most models learnt from, of those that are here: shipped models learnt from
    sets that a newcomer does not have.
    """
    trained_on = Counter(own_dataset(entry) for entry in models.values())
    installed = [info.name for info in list_datasets(workspace)]
    names = [name for name, _ in trained_on.most_common() if name]
    names.sort(key=lambda name: name not in installed)
    # A data set that is gone still has reports; one that nothing was trained on can still be scored.
    names += [name for name in (*installed, SCHEMATIC_FACES) if name not in names]
    asked = st.query_params.get(Key.COMPARE_DATASET, "")
    warn_missing("data set", [asked], names)
    wanted = asked if asked in names else names[0]
    if st.session_state.get(Key.COMPARE_DATASET) != wanted:
        st.session_state[Key.COMPARE_DATASET] = wanted
    row = st.container(horizontal=True, gap="medium", vertical_alignment="bottom")
    chosen = row.selectbox(
        "Data set",
        names,
        format_func=lambda name: _describe_place(name, installed),
        key=Key.COMPARE_DATASET,
        on_change=_take_dataset,
        width=300,
    )
    part = row.segmented_control(
        "Split",
        [DEFAULT_SPLIT, *(split for split in SPLITS if split != DEFAULT_SPLIT)],
        default=DEFAULT_SPLIT,
        required=True,
        key=Key.COMPARE_SPLIT,
        bind="query-params",
        help="`valid` is for choosing between models, `test` for the final figure, `train` to see "
        "overfitting.",
    )
    row.text_input(
        "Search",
        key=Key.COMPARE_SEARCH,
        icon=":material/search:",
        placeholder="name, tag or setting=value",
        help="All words must match, for example `vit seed=1`.",
        persist_state="session",
        width=300,
    )
    with row.popover("More", icon=":material/tune:", help="Mirror images, and the table's columns."):
        augmentation = "none" if find_kind(chosen, workspace) == "sound" else _choose_augmentation()
        st.multiselect(
            "Columns; the first sorts the table",
            list(list_titles()),
            default=_DEFAULT_FIGURES,
            format_func=list_titles().__getitem__,
            key=Key.COMPARE_COLUMNS,
            persist_state="session",
        )
    return Conditions(chosen, part or DEFAULT_SPLIT, augmentation or "none")


def _choose_augmentation() -> str:
    return st.segmented_control(
        "Faces",
        list(TTA_TITLES),
        default="none",
        required=True,
        format_func=TTA_TITLES.__getitem__,
        key=Key.COMPARE_TTA,
        bind="query-params",
        help="Averaging the answers for a face and its mirror image (test-time augmentation) takes twice "
        "the time and is often a little better. Reports with and without are kept apart.",
    )


def _describe_place(name: str, installed: Sequence[str]) -> str:
    if name in installed:
        return name
    return f"{name} ({'built in' if name == SCHEMATIC_FACES else 'not on this machine'})"


@uninterrupted
def _take_dataset() -> None:
    """Write the data set into the address, the first one, too: elsewhere another may be the first."""
    st.query_params[Key.COMPARE_DATASET] = st.session_state[Key.COMPARE_DATASET]


def choose_models(
    models: Mapping[str, CheckpointEntry], conditions: Conditions, workspace: Workspace
) -> list[str]:
    """Show the table and return the models that are ticked in it; they may lack reports.

    Those of the address that a search hides stay chosen.
    """
    names, kind = list_names(workspace), find_kind(conditions.dataset, workspace)
    rows = [
        _describe(key, names[key], entry, conditions, workspace)
        for key, entry in models.items()
        if entry.info.input.kind == kind
    ]
    words = str(st.session_state[Key.COMPARE_SEARCH] or "").lower().split()
    figures = list(st.session_state[Key.COMPARE_COLUMNS])
    shown = [row for row in rows if all(_matches(row, word) for word in words)]
    known = {row["model"] for row in rows}
    asked = list(dict.fromkeys(st.query_params.get_all(Key.COMPARE_MODELS)))
    warn_missing("model", asked, models)
    if asked and Key.COMPARE_DATASET not in st.query_params:
        st.query_params[Key.COMPARE_DATASET] = conditions.dataset
    chosen = [key for key in asked if key in known]
    for index, (title, part) in enumerate(_split_by_classes(shown)):
        if title:
            st.caption(escape_markdown(title))
        _render(_sort(part, figures), figures, chosen, f"{Key.COMPARE_TABLE}_{index}")
        _render_seeds(part, figures)
    if not rows:
        st.caption(f"No model here reads {KIND_WORDS[kind]} yet; train one on this data set.")
    elif not shown:
        st.caption(f"None of the {len(rows):,} models matches; change the search.")
    if len(chosen) > MAX_COMPARED:
        st.caption(f"The first {MAX_COMPARED} of {len(chosen)} ticked models are compared.")
    return chosen[:MAX_COMPARED]


def _split_by_classes(rows: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """A table for each set of scored classes, with its title where there is more than one.

    Models without a report go with the most classes.
    """
    sets = sorted({row["_classes"] for row in rows if row["_classes"]}, key=lambda item: (-len(item), item))
    if len(sets) < 2:
        return [("", rows)] if rows else []
    return [
        (
            f"Scored over the **{len(names)} classes** {escape_markdown(', '.join(names))}. Figures over "
            "different classes can't be compared, so they stand in tables of their own.",
            [row for row in rows if (row["_classes"] or sets[0]) == names],
        )
        for names in sets
    ]


def _describe(
    key: str, name: str, entry: CheckpointEntry, conditions: Conditions, workspace: Workspace
) -> dict[str, Any]:
    row: dict[str, Any] = {"model": key, "architecture": entry.info.architecture}
    row |= {"_config": {}, "_classes": (), "_is_published": False}
    try:
        run = load_run(workspace.run(key.removesuffix("/best")))
        row |= {"_config": flatten(run.config), "tags": list(run.tags)}
    except FerError:
        row["tags"] = ["shipped" if entry.folder.parent == workspace.checkpoints else "no run"]
    row["parameters"] = entry.info.num_parameters
    report = load_summary(key, entry, conditions, workspace)
    if isinstance(report, Report):
        row |= {name: report.figures[name].value for name in list_titles() if name in report.figures}
        row["report"] = f"{report.subject.protocol}, n = {report.n:,}"
        row["_classes"] = tuple(sorted(report.classes))
    elif not report and (published := find_published(entry, conditions)):
        row |= {**published, "report": describe_published(entry, published, workspace)}
        row |= {"_classes": tuple(sorted(entry.info.classes)), "_is_published": True}
    else:
        row["report"] = "unusable" if report else "not evaluated"
    row["_settings"] = [f"{name}={value}".lower() for name, value in row["_config"].items()]
    row["_called"] = name
    row["_text"] = " ".join([key, row["_called"], entry.info.architecture, *row["tags"]]).lower()
    return row


def _matches(row: dict[str, Any], word: str) -> bool:
    """Whether a word is part of name, architecture or tags, or `setting=value` is one of the settings.

    The setting's section may be left out: `name=vit` finds `model.name=vit`, and `seed=1` not `seed=10`.
    """
    if "=" in word:
        return any(setting == word or setting.endswith(f".{word}") for setting in row["_settings"])
    return word in row["_text"]


def _sort(rows: list[dict[str, Any]], figures: Sequence[str]) -> list[dict[str, Any]]:
    """Best of the first figure on top; without a value last."""
    if not figures:
        return rows
    sign = 1 if METRICS[figures[0]].lower_is_better else -1

    def rank(row: dict[str, Any]) -> tuple[bool, float]:
        value = float(row.get(figures[0], math.nan))
        return (math.isnan(value), 0.0 if math.isnan(value) else sign * value)

    return sorted(rows, key=rank)


def _render(rows: list[dict[str, Any]], figures: Sequence[str], chosen: Sequence[str], key: str) -> None:
    """A table whose ticks are what the address says."""
    import pandas as pd

    names = [row["model"] for row in rows]
    columns = ["model", *figures, "report", "architecture", "parameters", "tags"]
    gray = f"color: {_GRAY[st.context.theme.type or 'light']}"
    style = pd.DataFrame([{**row, "model": row["_called"]} for row in rows]).reindex(columns=columns).style
    style = style.apply(
        lambda row: [gray if rows[row.name]["_is_published"] else ""] * len(row),
        axis=1,
        subset=[*figures, "report"],
    )
    column = st.column_config
    titles = list_titles()
    formats: dict[str, Any] = {name: column.NumberColumn(titles[name], format="%.4f") for name in figures}
    formats["model"] = column.TextColumn("model", pinned=True)
    formats["tags"] = column.ListColumn("tags", width="medium")
    formats["parameters"] = column.NumberColumn("parameters", format="localized")
    wanted = [index for index, name in enumerate(names) if name in chosen]
    if sorted(_get_rows(key)) != wanted:
        st.session_state[key] = {"selection": {"rows": wanted, "columns": [], "cells": []}}
    st.dataframe(
        style,
        column_config=formats,
        hide_index=True,
        height=38 + 35 * min(len(rows), _MAX_ROWS_SHOWN),
        placeholder="",
        key=key,
        on_select=lambda: _take_ticks(key, names, chosen),
        selection_mode="multi-row",
        alt="Models with their figures; tick those to compare",
    )


def _get_rows(key: str) -> list[int]:
    state = st.session_state.get(key)
    return list(state["selection"]["rows"]) if state else []


@uninterrupted
def _take_ticks(key: str, names: Sequence[str], chosen: Sequence[str]) -> None:
    """Write the ticks of a table into the address, with the data set; what was ticked first stays first."""
    ticked = [names[row] for row in _get_rows(key) if row < len(names)]
    kept = [name for name in chosen if name in ticked or name not in names]
    models = [*kept, *(name for name in ticked if name not in kept)]
    dataset = st.session_state[Key.COMPARE_DATASET]
    # In one step, so that Back leads to the ticks before.
    st.query_params.update({Key.COMPARE_DATASET: dataset, Key.COMPARE_MODELS: models})


def _render_seeds(rows: list[dict[str, Any]], figures: Sequence[str]) -> None:
    values = {row["_called"]: {name: row[name] for name in figures if name in row} for row in rows}
    values = {model: item for model, item in values.items() if item}
    for group in group_seeds({row["_called"]: row["_config"] for row in rows}, values):
        parts = [
            _describe_spread(name, group.mean[name], group.sd[name]) for name in figures if name in group.mean
        ]
        names = escape_markdown(", ".join(group.keys))
        st.caption(
            f"{len(group.keys)} seeds of one configuration ({names}), mean ± standard deviation: "
            + ", ".join(parts)
        )


def _describe_spread(name: str, mean: float, sd: float) -> str:
    title = list_titles()[name]
    if METRICS[name].is_percent:
        return f"{title} {100 * mean:.2f} ± {100 * sd:.2f} %"
    return f"{title} {mean:.4f} ± {sd:.4f}"
