"""The table of models under one set of conditions: search it, sort it, choose from it.

What is compared is in the URL, so a comparison can be bookmarked and sent to a colleague.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import streamlit as st

from app.compare_runs.state import Key
from app.shared.reports import TTA_TITLES, Conditions, load_summary
from fer_core.checkpoint import CheckpointEntry
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
_MAX_ROWS_SHOWN: Final[int] = 10


def choose_conditions(models: Mapping[str, CheckpointEntry], workspace: Workspace) -> Conditions:
    """Let the user choose data set, split and test-time augmentation.

    First comes the data set that most models learnt from, of those that are here: shipped models learnt from
    sets that a newcomer does not have.
    """
    trained_on = Counter(own_dataset(entry) for entry in models.values())
    installed = [info.name for info in list_datasets(workspace)]
    names = [name for name, _ in trained_on.most_common() if name]
    names.sort(key=lambda name: name not in installed)
    # A data set that is gone still has reports; one that nothing was trained on can still be scored.
    names += [name for name in (*installed, SCHEMATIC_FACES) if name not in names]
    row = st.container(horizontal=True, gap="medium")
    chosen = row.selectbox(
        "Data set",
        names,
        format_func=lambda name: _describe_place(name, installed),
        key=_known(Key.COMPARE_DATASET, names),
        bind="query-params",
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
    augmentation = row.segmented_control(
        "Faces",
        list(TTA_TITLES),
        default="none",
        required=True,
        format_func=TTA_TITLES.__getitem__,
        key=Key.COMPARE_TTA,
        bind="query-params",
        help="Averaging the answers for a face and its mirror image (test-time augmentation) takes twice the "
        "time and is often a little better. Reports with and without are kept apart.",
    )
    return Conditions(chosen, part or DEFAULT_SPLIT, augmentation or "none")


def _describe_place(name: str, installed: Sequence[str]) -> str:
    if name in installed:
        return name
    return f"{name} ({'built in' if name == SCHEMATIC_FACES else 'not on this machine'})"


def _known(key: Key, options: Sequence[str]) -> Key:
    """The key of a widget, after forgetting a choice that is gone."""
    if key in st.session_state and st.session_state[key] not in options:
        del st.session_state[key]
    return key


def choose_models(
    models: Mapping[str, CheckpointEntry], conditions: Conditions, workspace: Workspace
) -> list[str]:
    """Show the table and return the chosen models; they may lack reports."""
    rows = [_describe(key, entry, conditions, workspace) for key, entry in models.items()]
    search, columns = st.columns([2, 3], gap="medium")
    words = search.text_input(
        "Search",
        key=Key.COMPARE_SEARCH,
        icon=":material/search:",
        placeholder="name, tag or setting=value",
        help="All words must match, for example `vit seed=1`.",
        persist_state="session",
    )
    titles = list_titles()
    figures = columns.multiselect(
        "Columns; the first sorts the table",
        list(titles),
        default=_DEFAULT_FIGURES,
        format_func=titles.__getitem__,
        key=Key.COMPARE_COLUMNS,
        persist_state="session",
    )
    shown = [row for row in rows if all(_matches(row, word) for word in words.lower().split())]
    for title, part in _split_by_classes(shown):
        if title:
            st.caption(escape_markdown(title))
        _render(_sort(part, figures), figures)
        _render_seeds(part, figures)
    if not shown:
        st.caption(f"None of the {len(rows):,} models matches; change the search.")
    return _choose([row["model"] for row in shown], list(models))


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


def _choose(shown: list[str], known: list[str]) -> list[str]:
    kept = [key for key in st.session_state.get(Key.COMPARE_MODELS, ()) if key in known]
    if Key.COMPARE_MODELS in st.session_state:
        st.session_state[Key.COMPARE_MODELS] = kept
    chosen: list[str] = st.multiselect(
        "Models to compare; the first is the baseline",
        [*shown, *(key for key in kept if key not in shown)],
        key=Key.COMPARE_MODELS,
        placeholder="Choose two or more",
        bind="query-params",
        select_all=8,
    )
    return chosen


def _describe(
    key: str, entry: CheckpointEntry, conditions: Conditions, workspace: Workspace
) -> dict[str, Any]:
    row: dict[str, Any] = {"model": key, "architecture": entry.info.architecture}
    row |= {"_config": {}, "_classes": ()}
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
    else:
        row["report"] = "unusable" if report else "missing"
    row["_settings"] = [f"{name}={value}".lower() for name, value in row["_config"].items()]
    row["_text"] = " ".join([key, entry.info.architecture, *row["tags"]]).lower()
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


def _render(rows: list[dict[str, Any]], figures: Sequence[str]) -> None:
    import pandas as pd

    columns = ["model", *figures, "report", "architecture", "parameters", "tags"]
    table = pd.DataFrame(rows).reindex(columns=columns)
    column = st.column_config
    titles = list_titles()
    formats: dict[str, Any] = {name: column.NumberColumn(titles[name], format="%.4f") for name in figures}
    formats["model"] = column.TextColumn("model", pinned=True)
    formats["tags"] = column.ListColumn("tags", width="medium")
    formats["parameters"] = column.NumberColumn("parameters", format="localized")
    height = 38 + 35 * min(len(table), _MAX_ROWS_SHOWN)
    st.dataframe(table, column_config=formats, hide_index=True, height=height, placeholder="")


def _render_seeds(rows: list[dict[str, Any]], figures: Sequence[str]) -> None:
    values = {row["model"]: {name: row[name] for name in figures if name in row} for row in rows}
    values = {model: item for model, item in values.items() if item}
    for group in group_seeds({row["model"]: row["_config"] for row in rows}, values):
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
