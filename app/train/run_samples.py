"""A few validation images of a run's data set, with what its best epoch says about them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from app.shared.run_data import load_meta
from fer_core.errors import DataError
from fer_core.escaping import escape_markdown
from fer_core.runs.reader import Run
from fer_core.runs.records import SampleRecord, ValidationRecord
from fer_core.types import UInt8Array
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np

_SIDE_PX = 84


def render_samples(run: Run, validation: ValidationRecord, workspace: Workspace) -> None:
    """The sample images in a row that wraps, with truth and prediction beneath each.

    Args:
        run: whose data set they are from.
        validation: as `Run.load_validation` gives it.
        workspace: where data sets are.
    """
    name = str(run.config.get("data", {}).get("dataset", ""))
    try:
        images = _open_images(workspace, name, run)
    except DataError as error:
        st.caption(f"The sample images can't be shown: {escape_markdown(str(error))}")
        return
    with st.container(horizontal=True, gap="small"):
        for sample in validation.samples:
            _render_sample(images, sample, validation.classes)
    st.caption("Always the same validation images: apparent expression, truth above and prediction below.")


def _open_images(workspace: Workspace, name: str, run: Run) -> "np.ndarray[Any, Any]":
    """The images of the data set as they were trained on.

    Raises:
        DataError: the data set is gone or has changed since.
    """
    from fer_core.data.store import load_dataset_info

    folder = workspace.dataset(name)
    info = load_dataset_info(folder)
    recorded = load_meta(run).data_fingerprint
    if recorded is not None and recorded != info.fingerprint:
        raise DataError(f"data set {name!r} has changed since this run began")
    return _map_images(folder, info.fingerprint)


@st.cache_resource(max_entries=8, show_spinner=False)
def _map_images(folder: Path, fingerprint: str) -> "np.ndarray[Any, Any]":
    """The memory map of a data set, without its table."""
    import numpy as np

    from fer_core.data.store import IMAGES_FILE

    try:
        images: np.ndarray[Any, Any] = np.load(folder / IMAGES_FILE, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as cause:
        raise DataError(f"data set {folder} is damaged: {cause}; import it again") from cause
    return images


def _render_sample(images: UInt8Array, sample: SampleRecord, classes: Sequence[str]) -> None:
    row, truth, probabilities = sample.row, sample.truth, sample.probabilities
    best = max(range(len(classes)), key=probabilities.__getitem__)
    is_right = classes[best] == truth
    if row >= len(images):
        return
    with st.container(width=_SIDE_PX + 24, gap=None):
        st.image(images[row], width=_SIDE_PX, alt=f"Validation image {row}, {truth}")
        color = "green" if is_right else "red"
        share = f"{100 * probabilities[best]:.0f} %"
        st.markdown(
            f":small[{escape_markdown(truth)}]  \n:{color}[:small[{escape_markdown(classes[best])} {share}]]"
        )
