"""What the audit of a data set reads, kept between reruns. Never loads torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from fer_core.data.flaws import Flaws, flaws_path, load_flaws
from fer_core.data.store import INFO_FILE, Dataset, load_dataset, load_dataset_info
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Audited:
    """A data set with what every gallery asks of it."""

    dataset: Dataset
    splits: "npt.NDArray[np.object_]"
    """Of all rows, N."""
    classes: "npt.NDArray[np.object_]"
    """What each image counts as, N: FER+ majority or label; empty where the protocol discards it."""

    @property
    def key(self) -> str:
        """Changes with the content; part of the keys of widgets."""
        return self.dataset.info.fingerprint[:8]


def open_audited(name: str, workspace: Workspace) -> Audited:
    """Open a data set once for all sessions, and again only when it changes.

    Raises:
        DataError: it is not there, or damaged.
    """
    folder = workspace.dataset(name)
    info = load_dataset_info(folder)
    return _open(str(folder), info.fingerprint, (folder / INFO_FILE).stat().st_mtime_ns)


@st.cache_resource(max_entries=4, show_spinner=False)
def _open(folder: str, fingerprint: str, _changed: int) -> Audited:
    from fer_core.data.label_quality import name_classes

    dataset = load_dataset(Path(folder))
    return Audited(dataset, dataset.samples["split"].to_numpy(object), name_classes(dataset))


def known_flaws(audited: Audited, workspace: Workspace) -> Flaws | None:
    """Copies and blank images, if somebody looked for them."""
    path = flaws_path(audited.dataset, workspace)
    return _load(audited, str(path), path.stat().st_mtime_ns) if path.is_file() else None


@st.cache_resource(max_entries=4, show_spinner=False)
def _load(_audited: Audited, path: str, _changed: int) -> Flaws | None:
    return load_flaws(_audited.dataset, Workspace(Path(path).parents[2]))


@st.cache_resource(max_entries=4, show_spinner=False)
def load_entropy(_audited: Audited, key: str) -> "npt.NDArray[np.float64]":
    """Entropy in bits of each image's votes, N; the data set must have votes."""
    from fer_core.data.label_quality import compute_vote_entropy

    return compute_vote_entropy(_audited.dataset.votes)
