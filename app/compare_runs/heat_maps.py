"""Grad-CAM maps for the comparison page, made in the background. Never loads torch."""

import shlex
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from app.shared.background import render_dismiss, render_task
from app.shared.navigation import COMPARE_RUNS
from fer_core.checkpoint import find_checkpoint
from fer_core.errors import RunError
from fer_core.jobs.tasks import BackgroundTask, start_task
from fer_core.words import count
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from fer_core.types import Float32Array, UInt8Array

_MIN_SIDE_PX: Final[int] = 96
_FILE: Final[str] = "maps.npz"


def render_maps(
    key: str, dataset: str, rows: tuple[int, ...], workspace: Workspace
) -> tuple[Any, str] | None:
    """Maps of some rows, N x height x width in 0 to 1, and the method; they are begun when first asked for.

    Args:
        key: of the model.
        dataset: name of the data set.
        rows: of it.
        workspace: where they are.

    Returns:
        None while they are made, and if that failed: both is shown.
    """
    facts = {
        "model": key,
        "weights": find_checkpoint(key, workspace).info.weights_sha256,
        "dataset": dataset,
        "rows": rows,
    }
    task = render_task(workspace, "explain", facts)
    if task is None:
        command = ["explain", key, "--dataset", dataset, "--output", f"{{files}}/{_FILE}"]
        start_task(
            workspace,
            kind="explain",
            title=f"Where {key} looked on {count(len(rows), 'face')}",
            command=[*command, "--rows", *map(str, rows)],
            page=COMPARE_RUNS.address_here(),
            facts=facts,
        )
        st.rerun()
    if task.state == "cancelled":
        render_dismiss(workspace, task, "Make the maps")
    return _load_maps(task) if task.state == "finished" else None


def _load_maps(task: BackgroundTask) -> tuple[Any, str]:
    import numpy as np

    try:
        with np.load(task.files / _FILE, allow_pickle=False) as file:
            return file["maps"], str(file["method"])
    except (OSError, ValueError, KeyError) as cause:
        raise RunError(
            f"{task.files / _FILE} holds no maps ({cause}); `fer tasks delete {shlex.quote(task.name)}`"
        ) from cause


def blend(image: "UInt8Array", heat: "Float32Array") -> "UInt8Array":
    """A face with its map in orange over it: H x W x 3 uint8, the face's proportions, at least 96 px wide.

    Args:
        image: H x W or H x W x 3.
        heat: of any size and proportions, 0 to 1: a network may see faces stretched.
    """
    import numpy as np
    from PIL import Image

    scale = -(-_MIN_SIDE_PX // image.shape[1])
    size = (image.shape[1] * scale, image.shape[0] * scale)
    face = np.asarray(Image.fromarray(image).convert("RGB").resize(size), dtype=np.float32)
    share = 0.65 * np.asarray(Image.fromarray(heat).resize(size), dtype=np.float32)[..., None]
    blended = face * (1 - share) + np.array([255, 110, 0], np.float32) * share
    return blended.clip(0, 255).astype(np.uint8)
