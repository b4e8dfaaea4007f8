"""What the comparison page reads: models, their reports, comparisons and explanations. Never loads torch."""

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from fer_core.checkpoint import CheckpointEntry, find_checkpoint, list_checkpoints
from fer_core.errors import FerError, RunError
from fer_core.evaluation.comparison import Comparison, compare, find_evaluation, own_dataset
from fer_core.evaluation.stored import StoredEvaluation, locate_report
from fer_core.runs.layout import REPORT_FILE
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np

_EXPLAIN_TIMEOUT_S = 180


def list_models(workspace: Workspace) -> dict[str, CheckpointEntry]:
    """Every model by the key that people know it by: a run's name, or a shipped checkpoint's."""
    return {entry.key.removesuffix("/best"): entry for entry in list_checkpoints(workspace)}


def report_stamp(entry: CheckpointEntry, workspace: Workspace) -> tuple[str, int, int]:
    """Changes when the report or the weights do; a report that is not there has stamp 0."""
    name = own_dataset(entry)
    if not name:
        return (entry.info.weights_sha256, 0, 0)
    path = locate_report(entry, workspace, dataset=name, split="valid") / REPORT_FILE
    try:
        stat = path.stat()
    except OSError:
        return (entry.info.weights_sha256, 0, 0)
    return (entry.info.weights_sha256, stat.st_mtime_ns, stat.st_size)


@st.cache_data(max_entries=64, show_spinner=False)
def load_stored(key: str, stamp: tuple[str, int, int], root: str) -> StoredEvaluation | str:
    """The evaluation of a model, or why there is none that can be used."""
    try:
        return find_evaluation(key, Workspace(Path(root)))
    except FerError as error:
        return str(error)


@st.cache_data(max_entries=16, show_spinner="Comparing on 2,000 resamples…")
def load_comparison(keys: tuple[str, ...], stamps: tuple[tuple[str, int, int], ...], root: str) -> Comparison:
    """Compare models that have reports; the first is the baseline."""
    workspace = Workspace(Path(root))
    found = [load_stored(key, stamp, root) for key, stamp in zip(keys, stamps, strict=True)]
    return compare([item for item in found if not isinstance(item, str)], workspace)


def start_evaluation(key: str) -> "subprocess.Popen[bytes]":
    """Evaluate a model in a process of its own, with its report saved."""
    return subprocess.Popen(
        [sys.executable, "-m", "fer_core", "evaluate", key, "--save"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


@st.cache_data(max_entries=64, show_spinner="Looking where the model looked…")
def load_maps(key: str, weights_sha256: str, dataset: str, rows: tuple[int, ...]) -> tuple[Any, str]:
    """Grad-CAM maps of some rows, N x height x width in 0 to 1, and the method; made in a subprocess.

    Raises:
        RunError: it failed.
    """
    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "maps.npz"
        command = [sys.executable, "-m", "fer_core", "explain", key, "--dataset", dataset]
        command += ["--output", str(output), "--rows", *map(str, rows)]
        try:
            done = subprocess.run(
                command, check=False, capture_output=True, text=True, timeout=_EXPLAIN_TIMEOUT_S
            )
        except subprocess.TimeoutExpired as cause:
            raise RunError(f"explaining {key!r} took over {_EXPLAIN_TIMEOUT_S} s; try fewer faces") from cause
        if done.returncode:
            raise RunError(f"{key!r} could not be explained: {done.stderr.strip()[-400:]}")
        with np.load(output, allow_pickle=False) as file:
            return file["maps"], str(file["method"])


def blend(image: "np.ndarray[Any, Any]", heat: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """A face with its map in orange over it: H x W x 3 uint8 of the map's size."""
    import numpy as np
    from PIL import Image

    size = (heat.shape[1], heat.shape[0])
    face = np.asarray(Image.fromarray(image).convert("RGB").resize(size), dtype=np.float32)
    share = 0.65 * heat[..., None]
    blended: np.ndarray[Any, Any] = face * (1 - share) + np.array([255, 110, 0], np.float32) * share
    return blended.astype(np.uint8)


def choose_metrics(keys: Sequence[str], workspace: Workspace) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """Records of each run's epochs; shipped checkpoints have none."""
    from app.ui.run_data import load_metrics
    from fer_core.runs.reader import load_run

    records = {}
    for key in keys:
        try:
            records[key] = load_metrics(load_run(workspace.run(key)))
        except FerError:
            continue
    return {key: item for key, item in records.items() if item}


def find_entry(key: str, workspace: Workspace) -> CheckpointEntry:
    """The checkpoint of a key."""
    return find_checkpoint(key, workspace)
