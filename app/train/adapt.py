"""Adapting a model to own faces: the choice, and the start. What came of it stands on the page of the run."""

import shlex

import streamlit as st

from app.shared.messages import empty_state, show_error, warn_missing
from app.shared.model_picker import choose_model
from app.shared.navigation import EXPLORE_DATA, PAGES
from app.train.run_actions import open_run
from app.train.state import Key
from fer_core.checkpoint import CheckpointEntry
from fer_core.data.builtin import open_dataset
from fer_core.data.store import OWN_COLUMNS, SCHEMATIC_FACES, VOTE_PREFIX, DatasetInfo, list_datasets
from fer_core.errors import FerError
from fer_core.escaping import escape_markdown
from fer_core.jobs.adapting import submit_adaptation
from fer_core.training.adapting import EVERY_FACE, AdaptOptions, Layers
from fer_core.words import count
from fer_core.workspace import Workspace

_LAYERS: dict[Layers, str] = {"all": "The whole model", "head": "Only its last layer"}
_AUTOMATIC = ""


def render_adapt(workspace: Workspace) -> None:
    """Choose a model and own faces, and begin."""
    st.markdown(
        "A model learns **the faces that you labelled**. It is then tested on people or clips that it has "
        "not seen, and on what it knew before. The model that you have stays as it is."
    )
    choice, start = st.columns([5, 3], gap="large")
    with choice:
        entry = choose_model(workspace, label="Model to adapt")
        info = _choose_faces(entry, workspace) if entry is not None else None
        if entry is None or info is None:
            return
        options = _choose_rest(entry, info, workspace)
    with start, st.container(border=True):
        _render_start(options, info, workspace)


def _choose_faces(entry: CheckpointEntry, workspace: Workspace) -> DatasetInfo | None:
    known = {item.get("fingerprint") for item in (entry.info.data, *entry.info.earlier)}
    here = {info.name: info for info in list_datasets(workspace)}
    asked = st.query_params.get("dataset", "")
    warn_missing("data set", [asked], here)
    found = {
        name: info for name, info in here.items() if name != SCHEMATIC_FACES and info.fingerprint not in known
    }
    if not found:
        _render_nothing()
        return None
    if asked in found and Key.ADAPT_DATASET not in st.session_state:
        st.session_state[Key.ADAPT_DATASET] = asked
    if st.session_state.get(Key.ADAPT_DATASET) not in found:
        st.session_state.pop(Key.ADAPT_DATASET, None)
    name = st.selectbox("Your faces", list(found), key=Key.ADAPT_DATASET, persist_state="session")
    info = found[name]
    st.caption(f"{count(info.num_images, 'face')} · {escape_markdown(', '.join(info.classes))}")
    return info


def _render_nothing() -> None:
    empty_state(
        "No labelled faces of yours yet",
        "Label some first, or import pictures that are sorted into folders by expression, with a column or "
        "folder that says who is on them. Sixty faces of a few people are enough to begin.",
        icon=":material/face:",
    )
    with st.container(horizontal=True):
        if label := PAGES.get("label"):
            st.page_link(label.build(), label="Label faces", icon=label.icon)
        st.page_link(EXPLORE_DATA.build(), label="Import pictures", icon=EXPLORE_DATA.icon)


def _choose_rest(entry: CheckpointEntry, info: DatasetInfo, workspace: Workspace) -> AdaptOptions:
    layers = st.segmented_control(
        "What learns",
        list(_LAYERS),
        required=True,
        default="all",
        format_func=_LAYERS.__getitem__,
        key=Key.ADAPT_LAYERS,
        persist_state="session",
        help="The whole model gains more. The last layer alone takes seconds and forgets less.",
    )
    columns = open_dataset(info.name, workspace).samples.columns
    usable = [name for name in columns if name not in OWN_COLUMNS - {"group"}]
    options = [_AUTOMATIC, *(name for name in usable if not name.startswith(VOTE_PREFIX)), EVERY_FACE]
    if st.session_state.get(Key.ADAPT_GROUP) not in options:
        st.session_state.pop(Key.ADAPT_GROUP, None)
    titles = {_AUTOMATIC: "found by itself", EVERY_FACE: "nobody is in it twice"}
    group = st.selectbox(
        "Who is on a face",
        options,
        format_func=lambda name: titles.get(name, name),
        key=Key.ADAPT_GROUP,
        persist_state="session",
        help="The column that names the person or the clip. Nobody is learned and tested at once, or the "
        "test would only show that faces were remembered.",
    )
    return AdaptOptions(model=entry.key, dataset=info.name, layers=layers or "all", group=group)


def _render_start(options: AdaptOptions, info: DatasetInfo, workspace: Workspace) -> None:
    if st.button("Adapt the model", type="primary", icon=":material/face:", width="stretch"):
        try:
            with st.spinner("Dividing the faces…"):
                run = submit_adaptation(options, workspace)
        except FerError as error:
            show_error(error)
        else:
            open_run(run.name)
            st.rerun()
    st.caption("About two minutes for 500 faces on two cores. It continues when this page is closed.")
    command = ["fer", "adapt", options.model, "--dataset", info.name]
    command += [] if options.layers == "all" else ["--layers", options.layers]
    command += ["--group", options.group] if options.group else []
    st.markdown("##### :material/terminal: The same in a terminal")
    st.code(shlex.join(command), language="bash", wrap_lines=True)
