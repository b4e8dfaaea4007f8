"""Export formats of installed packages: what they write and predict is checked; a fault names them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fer_core.errors import ExportError, FerError
from fer_core.export.formats.base import EXPORTS
from fer_core.io import sha256_file
from fer_core.onnx_file import BLANK_CHECKSUM, compute_checksum
from fer_core.types import Float32Array

if TYPE_CHECKING:
    from fer_core.export.faces import Faces


def require_file(name: str, target: Path, sha256: object) -> None:
    """Refuse what the format called `name` left, if it is no file of the checksum that it told.

    Raises:
        ExportError: there is no file, an empty one, or one of another checksum.
    """
    whose = EXPORTS.describe(name)
    if not target.is_file() or not target.stat().st_size:
        seen = "an empty file" if target.is_file() else "no file"
        raise ExportError(f"{whose} wrote {seen}; expected {target.name}. Nothing was exported")
    if not _is_checksum(target, sha256):
        raise ExportError(
            f"{whose} gives {sha256!r:.80} as checksum; expected what `save_graph` or `sha256_file` returns "
            f"for {target.name}. Nothing was exported"
        )


def _is_checksum(target: Path, sha256: object) -> bool:
    if not isinstance(sha256, str) or len(sha256) != len(BLANK_CHECKSUM):
        return False
    # A described graph holds its own checksum, which was computed with zeros in its place.
    return sha256 in (sha256_file(target), compute_checksum(target, sha256))


def predict_by_foreign(
    name: str, path: Path, faces: "Faces", shape: tuple[int, ...]
) -> tuple[Float32Array, Float32Array]:
    """Logits and probabilities of the faces by the file that the format called `name` wrote.

    Args:
        name: of the format.
        path: the file.
        faces: N of them.
        shape: N x K.

    Raises:
        ExportError: the file can't be used, or the outputs are no finite numbers of that shape.
    """
    whose = EXPORTS.describe(name)
    try:
        with EXPORTS.blame(name, ExportError, f"predict by {path.name}"):
            return _read_outputs(whose, EXPORTS[name].predict(path, faces), shape)
    except ExportError:
        raise
    except FerError as problem:  # of our own reading: it knows the file, but not whose fault that is
        raise ExportError(f"{whose} wrote a file that can't be used: {problem}") from problem


def _read_outputs(whose: str, found: Any, shape: tuple[int, ...]) -> tuple[Float32Array, Float32Array]:
    expected = f"logits and probabilities, finite numbers of shape {' x '.join(map(str, shape))} each"
    if not isinstance(found, tuple | list) or len(found) != 2:
        raise ExportError(f"{whose} predicts {found!r:.80}; expected {expected}. Nothing was exported")
    logits, probabilities = (np.asarray(item, dtype=np.float32) for item in found)
    for item in (logits, probabilities):
        if item.shape != shape:
            seen = " x ".join(map(str, item.shape)) or "a single number"
            raise ExportError(f"{whose} predicts {seen}; expected {expected}. Nothing was exported")
        if not np.isfinite(item).all():
            raise ExportError(f"{whose} predicts NaN or infinity; expected {expected}. Nothing was exported")
    return logits, probabilities
