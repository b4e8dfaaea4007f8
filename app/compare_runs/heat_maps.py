"""Grad-CAM maps for the comparison page, made in a separate process. Never loads torch."""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from fer_core.errors import RunError
from fer_core.jobs.launch import build_environment
from fer_core.workspace import PROJECT_ROOT, Workspace

if TYPE_CHECKING:
    from fer_core.types import Float32Array, UInt8Array

_TIMEOUT_S: Final[float] = 180.0
_MIN_SIDE_PX: Final[int] = 96


@st.cache_data(max_entries=64, show_spinner=False)
def load_maps(
    key: str, weights_sha256: str, dataset: str, rows: tuple[int, ...], root: str
) -> tuple[Any, str]:
    """Maps of some rows, N x height x width in 0 to 1, and the method.

    Args:
        key: of the model.
        weights_sha256: of its weights: other ones, other maps.
        dataset: name of the data set.
        rows: of it.
        root: of the workspace.

    Raises:
        RunError: it failed.
    """
    import numpy as np

    with tempfile.TemporaryDirectory(prefix="fer-maps-") as folder:
        output = Path(folder) / "maps.npz"
        command = [sys.executable, "-m", "fer_core", "explain", key, "--dataset", dataset]
        command += ["--output", str(output), "--rows", *map(str, rows)]
        try:
            done = subprocess.run(
                command,
                check=False,
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_S,
                cwd=PROJECT_ROOT,
                env=build_environment(Workspace(Path(root))),
            )
        except subprocess.TimeoutExpired as cause:
            raise RunError(f"explaining {key!r} took over {_TIMEOUT_S:.0f} s; try fewer faces") from cause
        if done.returncode:
            raise RunError(f"{key!r} could not be explained: {done.stderr.strip()[-400:]}")
        with np.load(output, allow_pickle=False) as file:
            return file["maps"], str(file["method"])


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
