"""One collection: label its faces, collect more, see who agrees, and what becomes of it."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from app.label.collecting import render_collecting, render_progress
from app.label.collection_list import open_collection
from app.label.labelling import render_labelling
from app.label.state import Key
from app.shared.messages import empty_state, error_boundary
from app.shared.navigation import TRAIN
from app.shared.page_header import page_header
from app.shared.tabs import render_tabs
from app.shared.uploads import ask_for_files, forget_uploads
from app.shared.visitor import get_visitor
from fer_core.collecting import Collection, delete_collection, load_collection
from fer_core.collecting.collection import remove_person
from fer_core.collecting.label_studio import read_face_tasks, write_face_tasks
from fer_core.collecting.labels import open_labels
from fer_core.collecting.queues import compare_annotators, find_disagreements
from fer_core.errors import CollectionError
from fer_core.escaping import escape_markdown
from fer_core.scratch import scratch_folder
from fer_core.words import count
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

_TABS: Final[tuple[str, ...]] = ("Label", "Collect", "Agreement", "Manage")
_GOOD_FROM: Final[float] = 0.667
"""Krippendorff's own bound, below which conclusions are not tentative but baseless."""


def render_collection(name: str, workspace: Workspace) -> None:
    """Show a collection.

    Raises:
        FerError: there is none, it is another visitor's, or it is damaged.
    """
    collection = load_collection(workspace, name)
    if not collection.is_of(get_visitor()):
        raise CollectionError(f"there is no collection {name!r}")
    page_header(escape_markdown(name))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "All collections",
            icon=":material/arrow_back:",
            type="tertiary",
            on_click=open_collection,
            args=("",),
        )
        _render_adapting(collection, workspace)
    render_progress(collection, workspace)
    for tab, place in render_tabs(_TABS, key=f"{Key.TAB}_{name}"):
        with place, error_boundary():
            if tab == "Label":
                render_labelling(collection)
            elif tab == "Collect":
                render_collecting(collection, workspace)
            elif tab == "Agreement":
                _render_agreement(collection)
            else:
                _render_manage(collection, workspace)


def _render_adapting(collection: Collection, workspace: Workspace) -> None:
    """The way on: a data set of what is labelled, and the page that adapts a model to it."""
    if st.button(
        "Adapt the model",
        icon=":material/model_training:",
        help="Makes a data set of the labelled faces; sixty of three clips or people are enough to begin.",
    ):
        from fer_core.checkpoint import default_checkpoint
        from fer_core.collecting.dataset import build_dataset

        with error_boundary(), st.spinner("Making a data set of the labels…"):
            info = build_dataset(workspace, collection, default_checkpoint(workspace).info.input)
            st.switch_page(TRAIN.build(), query_params={"part": "adapt", "dataset": info.name})


def _render_agreement(collection: Collection) -> None:
    votes = open_labels(collection).read()
    table = compare_annotators(votes)
    if table.empty:
        empty_state(
            "One person has labelled so far",
            "Let a second one label the same faces, under another name: then you see how far people agree at "
            "all, which no model can surpass.",
            icon=":material/group:",
        )
        return
    faces = list(map(str, collection.load_faces()["face"]))
    num_open = len(find_disagreements(faces, votes))
    last = table.iloc[-1]
    with st.container(horizontal=True):
        st.metric("Krippendorff's alpha", _format(last["alpha"]), border=True)
        st.metric(
            "Same label",
            "–" if math.isnan(last["observed"]) else f"{100 * last['observed']:.0f} %",
            border=True,
        )
        st.metric("Disagreements", f"{num_open:,}", border=True)
    if last["alpha"] < _GOOD_FROM:
        st.info(
            "Below 0.67 people mean different things by these words. Talk about a few disagreements, then "
            "look at them again: **Label**, *Show: Disagreements*.",
            icon=":material/forum:",
        )
    st.dataframe(
        table,
        hide_index=True,
        column_config={
            "num_faces": st.column_config.NumberColumn("faces", width="small"),
            "observed": st.column_config.NumberColumn("same label", format="percent"),
            "kappa": st.column_config.NumberColumn("Cohen's kappa", format="%.2f"),
            "alpha": st.column_config.NumberColumn("Krippendorff's alpha", format="%.2f"),
        },
        alt="Agreement of every two annotators",
    )
    st.caption(
        "1 is full agreement, 0 is what chance would give. A face that somebody was unsure of does not count."
    )


def _format(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"


def _render_manage(collection: Collection, workspace: Workspace) -> None:
    faces = collection.load_faces()
    if len(faces):
        st.dataframe(_count_persons(collection, faces), hide_index=True, alt="Who is in the collection")
    st.caption(
        f"Everything is in `{escape_markdown(str(collection.folder))}`: pictures, a table, a line a label."
    )
    with st.container(horizontal=True):
        _render_label_studio(collection)
        _render_deletion(collection, workspace, sorted(set(map(str, faces["person"]))))


def _count_persons(collection: Collection, faces: "pd.DataFrame") -> "pd.DataFrame":
    labelled = {face for face, _ in open_labels(collection).read()}
    table = faces.assign(labelled=faces["face"].isin(labelled))
    grouped = table.groupby("person", sort=True)
    found = grouped.agg(faces=("face", "size"), labelled=("labelled", "sum"), clips=("clip", "nunique"))
    return found.reset_index()


def _render_label_studio(collection: Collection) -> None:
    with st.popover("Label Studio", icon=":material/sync_alt:"):
        st.download_button(
            "Tasks (JSON)",
            data=lambda: _build_tasks(collection)[0],
            file_name=f"{collection.name}.json",
            mime="application/json",
            icon=":material/download:",
            on_click="ignore",
        )
        st.download_button(
            "Labelling interface (XML)",
            data=lambda: _build_tasks(collection)[1],
            file_name=f"{collection.name}.xml",
            mime="application/xml",
            icon=":material/download:",
            on_click="ignore",
        )
        number = st.session_state.setdefault(Key.UPLOAD, 0)
        found = ask_for_files("Its export (JSON)", types=["json"], max_mb=200, key=f"label_studio_{number}")
        if found:
            with error_boundary():
                taken = read_face_tasks(collection, found[0].path)
                forget_uploads(found)
                st.session_state[Key.UPLOAD] = number + 1
                st.toast(f"{count(taken, 'label')} taken over", icon=":material/check:")
                st.rerun()


def _build_tasks(collection: Collection) -> tuple[bytes, bytes]:
    with scratch_folder() as folder:
        path = Path(folder, "tasks.json")
        write_face_tasks(collection, path)
        return path.read_bytes(), path.with_suffix(".xml").read_bytes()


def _render_deletion(collection: Collection, workspace: Workspace, persons: list[str]) -> None:
    with st.popover("Delete", icon=":material/delete:"):
        st.caption(
            "Faces and labels go for good, and so do the data sets made of them. A model that learnt from "
            "them keeps what it learnt: delete it on the **Models** page."
        )
        person = st.selectbox(
            "One person", persons, index=None, placeholder="Who?", key=f"forget_{collection.name}"
        )
        if st.button("Delete this person", disabled=person is None, icon=":material/person_remove:"):
            with error_boundary():
                _tell(remove_person(workspace, collection, str(person)), f"all faces of {person}")
                st.rerun()
        if st.button("Delete the collection", type="primary", icon=":material/delete_forever:"):
            with error_boundary():
                _tell(delete_collection(workspace, collection.name), f"the collection {collection.name}")
                open_collection("")
                st.rerun()


def _tell(datasets: list[str], what: Any) -> None:
    more = f", and the data sets {', '.join(datasets)}" if datasets else ""
    st.toast(escape_markdown(f"Deleted {what}{more}"), icon=":material/delete:")
