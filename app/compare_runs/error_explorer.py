"""The way into the errors: the faces of a cell, a class, a confidence band, or "only one is right"."""

from collections.abc import Sequence
from typing import Any, Final

import streamlit as st

from app.compare_runs.confusion_matrices import ANY, render_matrices
from app.compare_runs.heat_maps import blend, render_maps
from app.compare_runs.state import Key
from app.shared.grid import iterate_cells
from app.shared.messages import describe_error
from app.shared.reports import find_key
from app.shared.samples import FACES, find_kind, play_sample
from fer_core.data.store import Dataset, load_dataset
from fer_core.errors import DataError, FerError
from fer_core.escaping import escape_markdown
from fer_core.evaluation.comparison import Comparison
from fer_core.evaluation.error_selection import Selection, add_suspects
from fer_core.evaluation.stored_reports import StoredEvaluation
from fer_core.labels import FERPLUS_COLUMNS
from fer_core.results import format_frame
from fer_core.workspace import Workspace

_FACES_SHOWN: Final[int] = 12
_FACE_PX: Final[int] = 96
_CHIPS_PX: Final[int] = 190
"""As wide as fits beside the face."""
_NUM_COLUMNS: Final[int] = 3
_NUM_RANKED: Final[int] = 3
"""Classes of a prediction that are told, the most probable first."""
_OUTCOMES: Final[tuple[str, ...]] = ("all", "wrong", "right")
_PAIRED: Final[tuple[str, ...]] = ("only first right", "only second right", "both wrong")


def render_explorer(comparison: Comparison, workspace: Workspace) -> None:
    """Matrices, and the faces that are chosen in them or beneath them."""
    first, second = _prepare(comparison)
    what = FACES[find_kind(first.report.subject.dataset, workspace)]
    render_matrices(comparison, what)
    selection = _choose(comparison, first, second, what)
    _render_selection(selection, first, second, workspace)


def _prepare(comparison: Comparison) -> tuple[StoredEvaluation, StoredEvaluation | None]:
    """The model whose faces are shown and the one beside it; choices that are gone begin anew."""
    by_key = {item.key: item for item in comparison.evaluations}
    state = st.session_state
    if state.get(Key.COMPARE_FIRST) not in by_key:
        state[Key.COMPARE_FIRST] = comparison.baseline
    others = [key for key in by_key if key != state[Key.COMPARE_FIRST]]
    if state.get(Key.COMPARE_SECOND) not in others:
        state[Key.COMPARE_SECOND] = others[0] if others else None
    classes = comparison.evaluations[0].report.classes
    for key in (Key.COMPARE_TRUTH, Key.COMPARE_PREDICTION):
        if state.get(key) not in (ANY, *classes):
            state[key] = ANY
    outcomes = (*_PAIRED, *_OUTCOMES) if others else _OUTCOMES
    if state.get(Key.COMPARE_OUTCOME) not in outcomes:
        state[Key.COMPARE_OUTCOME] = "only first right" if others else "wrong"
    state.setdefault(Key.COMPARE_CONFIDENCE, (0.0, 1.0))
    return by_key[state[Key.COMPARE_FIRST]], by_key.get(state[Key.COMPARE_SECOND])


def _choose(
    comparison: Comparison, first: StoredEvaluation, second: StoredEvaluation | None, what: str
) -> Selection:
    keys = [item.key for item in comparison.evaluations]
    names = [ANY, *first.report.classes]
    places = iter(st.columns(6 if second else 4, gap="small"))
    if second is not None:
        next(places).selectbox(f"{what.capitalize()} of", keys, key=Key.COMPARE_FIRST)
        next(places).selectbox("beside", [key for key in keys if key != first.key], key=Key.COMPARE_SECOND)
    truth, prediction, outcome, band = places
    wanted = truth.selectbox("Truth", names, key=Key.COMPARE_TRUTH)
    said = prediction.selectbox("Predicted", names, key=Key.COMPARE_PREDICTION)
    titles = {
        "only first right": f"only {first.key}",
        "only second right": f"only {second.key}" if second else "",
        "both wrong": "neither",
        "all": "does not matter",
        "wrong": f"not {first.key}",
        "right": first.key,
    }
    chosen = outcome.selectbox(
        "Who is right",
        (*_PAIRED, *_OUTCOMES) if second else _OUTCOMES,
        format_func=titles.__getitem__,
        key=Key.COMPARE_OUTCOME,
    )
    # The range comes from the session's state; a default beside it would be warned of.
    confidence: Any = band.slider("Its confidence", 0.0, 1.0, step=0.05, key=Key.COMPARE_CONFIDENCE)
    return Selection(
        truth="" if wanted == ANY else wanted,
        prediction="" if said == ANY else said,
        outcome=chosen,
        confidence=confidence,
    )


def _render_selection(
    selection: Selection, first: StoredEvaluation, second: StoredEvaluation | None, workspace: Workspace
) -> None:
    positions = selection.find(first.predictions, second.predictions if second else None)
    words = selection.describe(first.key, second.key if second else "")
    subject = first.report.subject
    kind = find_kind(subject.dataset, workspace)
    what = FACES[kind]
    st.markdown(f"**{len(positions):,} {what}** of {escape_markdown(f'{first.key}: {words}')}")
    if len(positions) == 0:
        st.caption(f"No {what} match; click another cell or widen the choice.")
        return
    chosen = first.predictions.to_frame().iloc[positions]
    with st.container(horizontal=True, vertical_alignment="center"):
        show_maps = kind == "image" and st.toggle(
            "Show where each model looked",
            key=Key.COMPARE_MAPS,
            help="Orange: where the model found evidence for its prediction (Grad-CAM).",
        )
        st.download_button(
            "Selection (CSV)",
            lambda: format_frame(chosen),
            "selection.csv",
            "text/csv",
            key="compare-csv",
            icon=":material/download:",
            on_click="ignore",
        )
        if st.button(
            "Mark as suspected label errors",
            key="compare_suspects",
            icon=":material/flag:",
            help=f"Marks these {what}: their label may be wrong. Review them on Explore data, Clean up.",
        ):
            source = f"{first.key}: {words}"
            rows = chosen["row"].tolist()
            count = add_suspects(workspace, subject.dataset, subject.data_fingerprint, rows, source)
            st.toast(f"{count:,} suspects of {escape_markdown(subject.dataset)} now wait on the data page.")
    try:
        dataset = _open(workspace, first)
    except FerError as error:
        st.warning(f"The {what} can't be shown: {describe_error(error)}")
        return
    shown = [item for item in (first, second) if item is not None]
    _render_faces(dataset, shown, positions.tolist()[:_FACES_SHOWN], workspace, show_maps=show_maps)
    if len(positions) > _FACES_SHOWN:
        st.caption(
            f"The {_FACES_SHOWN} of which {escape_markdown(first.key)} is most sure; the CSV holds all."
        )


def _open(workspace: Workspace, item: StoredEvaluation) -> Dataset:
    subject = item.report.subject
    folder = workspace.dataset(subject.dataset)
    if not folder.is_dir():
        raise DataError(f"data set {subject.dataset!r} is not on this machine; import it again")
    dataset = load_dataset(folder)
    if dataset.info.fingerprint != subject.data_fingerprint:
        raise DataError(f"data set {subject.dataset!r} has changed since the evaluation; evaluate again")
    return dataset


def _render_faces(
    dataset: Dataset,
    shown: Sequence[StoredEvaluation],
    positions: Sequence[int],
    workspace: Workspace,
    *,
    show_maps: bool,
) -> None:
    rows = tuple(int(shown[0].predictions.rows[place]) for place in positions)
    maps = _load_maps(dataset, shown, rows, workspace) if show_maps else {}
    cells = iterate_cells(len(rows), _NUM_COLUMNS)
    for index, (cell, place, row) in enumerate(zip(cells, positions, rows, strict=True)):
        pictures = [dataset.images[row], *(blend(dataset.images[row], maps[key][0][index]) for key in maps)]
        is_beside = not maps and dataset.info.sound is None
        with cell, st.container(border=True, horizontal=is_beside, gap="small"):
            if dataset.info.sound is not None:
                play_sample(dataset, row)
            else:
                st.image(
                    pictures,
                    width=_FACE_PX,
                    alt=[f"face of row {row}", *(f"map of {key}" for key in maps)],
                )
            with st.container(gap="xsmall", width=_CHIPS_PX if is_beside else "stretch"):
                _describe(dataset, row, place, shown)
    if maps:
        order = ", then ".join(
            f"{escape_markdown(key)} ({escape_markdown(method)})" for key, (_, method) in maps.items()
        )
        st.caption(f"Beside each face: {order}, for the class that the model predicted.")


def _load_maps(
    dataset: Dataset, shown: Sequence[StoredEvaluation], rows: tuple[int, ...], workspace: Workspace
) -> dict[str, tuple[Any, str]]:
    maps = {}
    for item in shown:
        found = render_maps(find_key(item.key, workspace), dataset.name, rows, workspace)
        if found is None:  # one after the other: each takes memory and processors
            break
        maps[item.key] = found
    return maps


def _describe(dataset: Dataset, row: int, place: int, shown: Sequence[StoredEvaluation]) -> None:
    """Truth and predictions as chips; votes and the runners-up on demand."""
    data = shown[0].predictions
    truth = data.labels[place]
    chips = [f":gray-badge[truth: {escape_markdown(data.classes[truth])}]"]
    details = []
    if dataset.info.has_votes:
        votes = dataset.samples.iloc[row][[f"votes_{name}" for name in FERPLUS_COLUMNS]]
        counts = [f"{vote} {int(count)}" for vote, count in zip(FERPLUS_COLUMNS, votes, strict=True) if count]
        details.append("votes: " + ", ".join(counts))
    for item in shown:
        chances = item.predictions.probabilities[place]
        ranked = sorted(zip(chances, data.classes, strict=True), reverse=True)[:_NUM_RANKED]
        words = [f"{escape_markdown(name)} {100 * chance:.0f}\u00a0%" for chance, name in ranked]
        is_right = item.predictions.predicted[place] == truth
        chip = ":green-badge[:material/check: " if is_right else ":red-badge[:material/close: "
        chips.append(f":small[{escape_markdown(item.key)}]  \n{chip}{words[0]}]")
        details.append(f"{escape_markdown(item.key)}: {', '.join(words)}")
    st.markdown("  \n".join(chips))
    st.caption(f"row {row}", help="\n\n".join(details))
