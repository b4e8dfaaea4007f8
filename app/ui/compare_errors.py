"""The way into the errors: the faces of a cell, a class, a confidence band, or "only one is right"."""

import streamlit as st

from app.ui.compare_data import blend, find_entry, load_maps
from app.ui.messages import error_boundary, escape_markdown
from fer_core.data.store import Dataset, load_dataset
from fer_core.errors import DataError, FerError
from fer_core.evaluation.comparison import Comparison
from fer_core.evaluation.stored import StoredEvaluation
from fer_core.evaluation.suspects import Selection, add_suspects
from fer_core.labels import FERPLUS_COLUMNS
from fer_core.workspace import Workspace

_FACES_SHOWN = 12
_ANY = "any"


def render_errors(comparison: Comparison, cell: tuple[int, int, str] | None, workspace: Workspace) -> None:
    """Let the person choose faces and show them with votes, both models' probabilities, and maps."""
    by_key = {item.key: item for item in comparison.evaluations}
    first = by_key[cell[2]] if cell else comparison.evaluations[0]
    second = next((item for item in comparison.evaluations if item.key != first.key), None)
    selection = _choose(first, second, cell)
    positions = selection.find(first.predictions, second.predictions if second else None)
    st.markdown(f"**{len(positions):,} faces** of {escape_markdown(first.key)}: {selection.describe()}")
    if len(positions) == 0:
        st.caption("No face matches; choose another cell or widen the choice.")
        return
    subject = first.report.subject
    chosen = first.predictions.to_frame().iloc[positions]
    rows = chosen["row"].tolist()
    with st.container(horizontal=True):
        st.download_button(
            "Selection (CSV)", chosen.to_csv(index=False), "selection.csv", "text/csv", key="compare_csv"
        )
        if st.button("Send to the data page as suspects", key="compare_suspects"):
            source = f"{first.key}: {selection.describe()}"
            count = add_suspects(workspace, subject.dataset, subject.data_fingerprint, rows, source)
            st.toast(f"{count:,} suspects of {subject.dataset} now wait on the data page.")
    try:
        dataset = _open(workspace, first)
    except FerError as error:
        st.warning(f"The faces can't be shown: {escape_markdown(str(error))}")
        return
    _render_faces(dataset, first, second, positions.tolist()[:_FACES_SHOWN])
    if len(positions) > _FACES_SHOWN:
        st.caption(f"The {_FACES_SHOWN} of which it is most sure; the CSV holds all.")


def _choose(
    first: StoredEvaluation, second: StoredEvaluation | None, cell: tuple[int, int, str] | None
) -> Selection:
    if cell is not None:
        classes = first.report.classes
        return Selection(truth=classes[cell[0]], prediction=classes[cell[1]])
    st.caption("Click a cell of a matrix, or choose here.")
    names = [_ANY, *first.report.classes]
    outcomes = ["wrong", "right", "all"]
    if second is not None:
        outcomes = ["only first right", "only second right", "both wrong", *outcomes]
    truth, prediction, outcome, band = st.columns(4)
    wanted = truth.selectbox("Truth", names, key="compare_truth")
    said = prediction.selectbox("Predicted", names, key="compare_prediction")
    chosen = outcome.selectbox("Who is right", outcomes, key="compare_outcome")
    confidence = band.slider("Confidence", 0.0, 1.0, (0.0, 1.0), step=0.05, key="compare_confidence")
    return Selection(
        truth="" if wanted == _ANY else wanted,
        prediction="" if said == _ANY else said,
        outcome=chosen,
        confidence=confidence,
    )


def _open(workspace: Workspace, item: StoredEvaluation) -> Dataset:
    subject = item.report.subject
    dataset = load_dataset(workspace.dataset(subject.dataset))
    if dataset.info.fingerprint != subject.data_fingerprint:
        raise DataError(f"data set {subject.dataset!r} has changed since the evaluation; evaluate again")
    return dataset


@st.fragment
def _render_faces(
    dataset: Dataset, first: StoredEvaluation, second: StoredEvaluation | None, positions: list[int]
) -> None:
    with error_boundary():
        shown = [item for item in (first, second) if item is not None]
        with_maps = st.toggle("Show where each model looked", key="compare_maps")
        rows = tuple(int(first.predictions.rows[place]) for place in positions)
        maps = {}
        if with_maps:
            for item in shown:
                entry = find_entry(item.key, Workspace.default())
                maps[item.key] = load_maps(item.key, entry.info.weights_sha256, dataset.name, rows)
        columns = st.columns(4)
        for index, (place, row) in enumerate(zip(positions, rows, strict=True)):
            with columns[index % 4], st.container(border=True, gap="xsmall"):
                pictures = [dataset.images[row]]
                pictures += [blend(dataset.images[row], maps[item.key][0][index]) for item in shown if maps]
                st.image(pictures, width=84)
                st.caption(_describe(dataset, row, place, shown))
        for key, (_, method) in maps.items():
            st.caption(f"{escape_markdown(key)}: {method} of the predicted class.")


def _describe(dataset: Dataset, row: int, place: int, shown: list[StoredEvaluation]) -> str:
    data = shown[0].predictions
    lines = [f"row {row}, truth **{data.classes[data.labels[place]]}**"]
    if dataset.info.has_votes:
        votes = dataset.samples.iloc[row][[f"votes_{name}" for name in FERPLUS_COLUMNS]]
        counts = [f"{name} {int(count)}" for name, count in zip(FERPLUS_COLUMNS, votes, strict=True) if count]
        lines.append("votes: " + ", ".join(counts))
    for item in shown:
        chances = item.predictions.probabilities[place]
        best = sorted(zip(chances, data.classes, strict=True), reverse=True)[:3]
        text = ", ".join(f"{name} {100 * chance:.0f} %" for chance, name in best)
        lines.append(f"{escape_markdown(item.key)}: {text}")
    return "  \n".join(lines)
