"""A few validation images or clips of a run's data set, with what its best epoch says about them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from app.shared.messages import describe_error
from app.shared.run_data import load_meta
from app.shared.samples import IMAGES, play_clip
from fer_core.errors import DataError
from fer_core.escaping import escape_markdown
from fer_core.runs.reader import Run
from fer_core.runs.records import SampleRecord, ValidationRecord
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np

    from fer_core.data.store import DatasetInfo

_SIDE_PX = 84
_PLAYER_PX = 200


def render_samples(run: Run, validation: ValidationRecord, workspace: Workspace) -> None:
    """The samples in a row that wraps, to be seen or heard, with truth and prediction beneath each.

    Args:
        run: whose data set they are from.
        validation: as `Run.load_validation` gives it.
        workspace: where data sets are.
    """
    name = str(run.config.get("data", {}).get("dataset", ""))
    try:
        info, samples = _open_samples(workspace, name, run)
    except DataError as error:
        st.caption(f"The samples can't be shown: {describe_error(error)}")
        return
    with st.container(horizontal=True, gap="small"):
        for sample in validation.samples:
            _render_sample(info, samples, sample, validation.classes)
    st.caption(
        f"Always the same validation {IMAGES[info.kind]}: apparent expression, truth above and prediction "
        "below."
    )


def _open_samples(workspace: Workspace, name: str, run: Run) -> "tuple[DatasetInfo, np.ndarray[Any, Any]]":
    """The images or clips of the data set as they were trained on.

    Raises:
        DataError: the data set is gone or has changed since.
    """
    from fer_core.data.store import CLIPS_FILE, IMAGES_FILE, load_dataset_info

    folder = workspace.dataset(name)
    info = load_dataset_info(folder)
    recorded = load_meta(run).data_fingerprint
    if recorded is not None and recorded != info.fingerprint:
        raise DataError(f"data set {name!r} has changed since this run began")
    return info, _map_samples(folder / (IMAGES_FILE if info.sound is None else CLIPS_FILE), info.fingerprint)


@st.cache_resource(max_entries=8, show_spinner=False)
def _map_samples(file: Path, fingerprint: str) -> "np.ndarray[Any, Any]":
    """The memory map of a data set, without its table."""
    import numpy as np

    try:
        samples: np.ndarray[Any, Any] = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as cause:
        raise DataError(f"data set {file.parent} is damaged: {cause}; import it again") from cause
    return samples


def _render_sample(
    info: "DatasetInfo", samples: "np.ndarray[Any, Any]", sample: SampleRecord, classes: Sequence[str]
) -> None:
    row, truth, probabilities = sample.row, sample.truth, sample.probabilities
    best = max(range(len(classes)), key=probabilities.__getitem__)
    is_right = classes[best] == truth
    if row >= len(samples):
        return
    with st.container(width=_SIDE_PX + 24 if info.sound is None else _PLAYER_PX, gap=None):
        if info.sound is None:
            st.image(samples[row], width=_SIDE_PX, alt=f"Validation image {row}, {truth}")
        else:
            play_clip(samples, row, info.sound.sample_rate)
        color = "green" if is_right else "red"
        share = f"{100 * probabilities[best]:.0f} %"
        st.markdown(
            f":small[{escape_markdown(truth)}]  \n:{color}[:small[{escape_markdown(classes[best])} {share}]]"
        )
