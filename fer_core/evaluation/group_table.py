"""Groups of several models at once: computing them from stored evaluations, and the table of all figures."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from fer_core.data.store import Dataset, load_dataset
from fer_core.errors import DataError
from fer_core.evaluation.groups import (
    AGREEMENT,
    GROUP_FIGURES,
    GroupReport,
    compute_groups,
    list_group_columns,
    read_groups,
)
from fer_core.evaluation.report import Subject
from fer_core.evaluation.stored_reports import StoredEvaluation
from fer_core.results import name_columns
from fer_core.workspace import Workspace


def find_scored_dataset(subject: Subject, workspace: Workspace) -> Dataset | None:
    """The data set that was evaluated, if it is still on this machine and was not changed.

    Raises:
        DataError: it is damaged.
    """
    folder = workspace.dataset(subject.dataset)
    if not folder.is_dir():
        return None
    dataset = load_dataset(folder)
    return dataset if dataset.info.fingerprint == subject.data_fingerprint else None


def list_groupings(evaluation: StoredEvaluation, dataset: Dataset | None) -> list[str]:
    """What the scored images can be grouped by: `agreement` where votes are known, then columns."""
    found = [] if evaluation.predictions.agreement is None else [AGREEMENT]
    if dataset is not None:
        found += list_group_columns(dataset.samples, evaluation.predictions.rows)
    return found


def compute_all_groups(
    evaluations: Sequence[StoredEvaluation], column: str, workspace: Workspace
) -> list[GroupReport]:
    """Score every group of a column for every model.

    Args:
        evaluations: at least one, aligned (`fer_core.evaluation.comparison.align`).
        column: `agreement`, or a column of the data set.
        workspace: where the data set is.

    Raises:
        DataError: images can't be grouped by that.
    """
    first = evaluations[0]
    subject = first.report.subject
    dataset = None if column == AGREEMENT else find_scored_dataset(subject, workspace)
    if column != AGREEMENT and dataset is None:
        state = (
            "was changed since" if workspace.dataset(subject.dataset).is_dir() else "is not on this machine"
        )
        raise DataError(
            f"data set {subject.dataset!r} {state}, so its columns can't be looked up; import it again, or "
            "evaluate the models again"
        )
    names = read_groups(first.predictions, dataset, column)
    return [
        replace(
            compute_groups(item.predictions, names, key=item.key, column=column),
            protocol=item.report.subject.describe(),
        )
        for item in evaluations
    ]


def build_group_table(reports: Sequence[GroupReport]) -> pd.DataFrame:
    """A row per model and group: `model`, `protocol`, group, `n`, `classes`; value, low, high of figures."""
    rows = []
    figures = [f"{name}{end}" for name in GROUP_FIGURES for end in ("", "_low", "_high")]
    for report in reports:
        (column,) = name_columns(
            [report.column], ["model", "protocol", "n", "classes", *figures], kind="group"
        )
        for group in report.groups:
            row: dict[str, object] = {
                "model": report.key,
                "protocol": report.protocol,
                column: group.name,
                "n": group.n,
                "classes": group.num_classes,
            }
            for name in GROUP_FIGURES:
                figure = group.figures[name]
                row |= {name: figure.value, f"{name}_low": figure.low, f"{name}_high": figure.high}
            rows.append(row)
    return pd.DataFrame(rows)
