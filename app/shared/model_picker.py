"""Choosing a model and a face detector, with the facts that the choice needs. Never loads torch."""

import streamlit as st

from app.shared.messages import empty_state, show_error
from app.shared.run_data import name_model
from app.shared.state import SharedKey
from fer_core.checkpoint import CheckpointEntry, CheckpointInfo, InputKind, InputSpec, list_checkpoints
from fer_core.errors import FerError
from fer_core.escaping import escape_markdown
from fer_core.inference.detectors import DETECTORS, default_detector, list_usable_detectors
from fer_core.inference.downloads import YUNET, fetch_file
from fer_core.workspace import Workspace


def describe_accuracy(info: CheckpointInfo) -> str:
    """The first measured accuracy with its protocol and n, as Markdown; says so if nothing was measured."""
    for metric in info.metrics:
        if isinstance(accuracy := metric.get("accuracy"), int | float):
            facts = [str(metric[key]) for key in ("protocol", "split") if metric.get(key)]
            if isinstance(num_images := metric.get("n"), int):
                facts.append(f"n = {num_images:,}")
            return f"{100 * accuracy:.1f} % accuracy ({escape_markdown(', '.join(facts))})"
    return "accuracy not measured"


def describe_input(spec: InputSpec) -> str:
    """What a model sees or hears at a time."""
    if spec.sound is not None:
        return f"{spec.sound.window_s:g} s of sound"
    return f"{spec.width:d} × {spec.height:d} px {'grey' if spec.color == 'gray' else 'RGB'}"


def describe_model(info: CheckpointInfo) -> str:
    """One line of facts on a model, as Markdown."""
    facts = f"{len(info.classes)} classes · {describe_input(info.input)}"
    return f"{facts} · {info.num_parameters / 1e6:.2f} M parameters · {describe_accuracy(info)}"


def choose_model(
    workspace: Workspace, *, key: str = SharedKey.MODEL, label: str = "Model", kind: InputKind = "image"
) -> CheckpointEntry | None:
    """Let the user choose a checkpoint; without one, say how to get one and return None.

    Args:
        workspace: where to look.
        key: of the widget; pages that share it share the choice.
        label: of the widget.
        kind: what the model must read.
    """
    entries = {entry.key: entry for entry in list_checkpoints(workspace, kind)}
    if not entries:
        empty_state(
            "No model on this machine yet",
            "Train one in a terminal, then reload this page:\n\n"
            "```text\nfer train --preset quick\n```\n\n"
            "or import one on the **Models** page.",
            icon=":material/neurology:",
        )
        return None
    _forget_unless(key, entries)
    chosen = st.selectbox(
        label,
        list(entries),
        format_func=lambda entry: name_model(entry, workspace),
        key=key,
        persist_state="session",
        help="Shipped models first, then the best checkpoint of each training run, newest first.",
    )
    entry = entries[chosen]
    st.caption(describe_model(entry.info))
    return entry


def choose_detector(workspace: Workspace, *, key: str = SharedKey.DETECTOR) -> str:
    """Let the user choose a face detector; offers to fetch YuNet where it is absent.

    Returns:
        A name in the detector registry that can be built here.
    """
    picker, note = st.container(), st.container()
    names = list_usable_detectors(workspace)
    with note:
        if "yunet" not in names:
            render_fetch_button(workspace)
    _forget_unless(key, names)
    with picker:
        name: str = st.selectbox(
            "Face detector",
            names,
            index=names.index(default_detector(workspace)),
            format_func=detector_title,
            key=key,
            persist_state="session",
        )
        st.caption(escape_markdown(DETECTORS[name].hint))
    return name


def detector_title(name: str) -> str:
    """What a detector is called on pages."""
    return DETECTORS[name].title


def render_fetch_button(workspace: Workspace) -> None:
    """Offer to download YuNet; reruns the page when it is there, says what to do when it can't be had."""
    size_kb = YUNET.num_bytes / 1000
    if not st.button(
        f"Get YuNet ({size_kb:.0f} KB)",
        icon=":material/download:",
        help=f"Downloads and verifies the better face detector. It finds small and rotated faces.\n\n"
        f"Source: {YUNET.source} ({YUNET.license})",
    ):
        return
    try:
        with st.spinner("Downloading YuNet…"):
            fetch_file(YUNET, workspace)
    except FerError as error:  # shown here, so that the rest of the page stays usable without it
        show_error(error)
        return
    st.session_state.pop(SharedKey.DETECTOR, None)  # YuNet is the default where it is installed
    st.rerun()


def _forget_unless(key: str, options: object) -> None:
    """Drop a remembered choice that is gone, for example the model of a run that was removed."""
    assert hasattr(options, "__contains__")
    if key in st.session_state and st.session_state[key] not in options:
        del st.session_state[key]
