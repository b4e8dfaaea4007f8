"""Does an exported file compute what the network computes?"""

from typing import Final

import numpy as np
import torch

from fer_core.checkpoint import CheckpointInfo
from fer_core.errors import ExportError
from fer_core.export.faces import Faces
from fer_core.export.formats import EXPORTS
from fer_core.exported import Parity
from fer_core.inference.onnx_predictor import OnnxPredictor
from fer_core.models import FerModel
from fer_core.onnx_file import LOGITS, PROBABILITIES
from fer_core.types import Float32Array

_BATCH_SIZE: Final[int] = 64


@torch.inference_mode()
def compute_torch_outputs(
    model: FerModel, info: CheckpointInfo, faces: Faces
) -> tuple[Float32Array, Float32Array]:
    """Logits and calibrated probabilities, each N x K, by torch in fp32 on the CPU."""
    shape = (1, -1, 1, 1)
    mean, std = torch.tensor(info.input.mean).view(shape), torch.tensor(info.input.std).view(shape)
    pixels = torch.from_numpy(faces.crops[..., None] if faces.crops.ndim == 3 else faces.crops)
    parts = []
    for batch in torch.split(pixels, _BATCH_SIZE):
        x = (batch.permute(0, 3, 1, 2).float() / 255 - mean) / std
        parts.append(model.eval().cpu()(x.contiguous()))
    logits = torch.cat(parts).float()
    return logits.numpy(), torch.softmax(logits / info.temperature, dim=1).numpy()


def compute_onnx_outputs(predictor: OnnxPredictor, faces: Faces) -> tuple[Float32Array, Float32Array]:
    """Logits and probabilities, each N x K, by the exported file."""
    starts = range(0, len(faces.crops), _BATCH_SIZE)
    parts = [
        predictor.run(faces.crops[start : start + _BATCH_SIZE], (LOGITS, PROBABILITIES)) for start in starts
    ]
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def compare_outputs(
    expected: tuple[Float32Array, Float32Array], found: tuple[Float32Array, Float32Array], faces: Faces
) -> Parity:
    """Put the outputs of network and file, (logits, probabilities) each, side by side."""
    differences = np.abs(expected[0] - found[0])
    labels = expected[0].argmax(axis=1), found[0].argmax(axis=1)
    expected_labels, found_labels = (
        outputs[0][:, faces.columns].argmax(axis=1) for outputs in (expected, found)
    )
    return Parity(
        dataset=faces.dataset,
        split=faces.split,
        num_images=len(faces.crops),
        max_difference=float(differences.max()),
        max_probability_difference=float(np.abs(expected[1] - found[1]).max()),
        label_agreement=float((labels[0] == labels[1]).mean()),
        accuracy=float((found_labels == faces.labels).mean()),
        accuracy_torch=float((expected_labels == faces.labels).mean()),
        protocol=faces.protocol,
    )


def require_parity(parity: Parity, name: str) -> None:
    """Refuse a file that differs by more than its format allows.

    Args:
        parity: the figures.
        name: of the format, a key of `EXPORTS`.

    Raises:
        ExportError: it does; the message has the figures.
    """
    tolerance = EXPORTS[name].tolerance
    if not tolerance.allows(parity):
        raise ExportError(
            f"the {name} file does not predict as the network does: logits differ by up to "
            f"{parity.max_difference:.2g}, {parity.label_agreement:.2%} of the labels agree, accuracy "
            f"{parity.accuracy:.2%} instead of {parity.accuracy_torch:.2%} on {parity.num_images:,} faces of "
            f"{parity.dataset} {parity.split}; expected {tolerance.describe()}. Nothing was written."
        )
