"""Where on a face a model looked: Grad-CAM on its last features, whatever its family."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from fer_core.checkpoint import InputSpec
from fer_core.data.batches import load_batch, normalise
from fer_core.errors import DataError
from fer_core.models.base import FerModel
from fer_core.types import Float32Array, UInt8Array


class Explanation(NamedTuple):
    """Maps of what spoke for a class."""

    maps: Float32Array
    """N x height x width of the model's input, each 0 to 1."""
    method: str
    """`Grad-CAM`, or `input gradient` for a network whose last features have no places that count."""


def explain_rows(
    model: FerModel,
    images: UInt8Array,
    rows: npt.NDArray[np.int64],
    spec: InputSpec,
    choices: npt.NDArray[np.int64] | None = None,
) -> Explanation:
    """Grad-CAM (Selvaraju et al., 2017) of some images of a data set.

    Features are weighted by the mean gradient of the class's logit; what is left above zero spoke for it. For
    transformers and graph networks the places are tokens and nodes.

    Args:
        model: any network of the registry.
        images: of the data set.
        rows: images to explain, N.
        spec: the model's input.
        choices: outputs among which the predicted class, which is explained, is chosen; all if None.

    Raises:
        DataError: a row that the data set does not have.
    """
    if len(rows) == 0 or rows.min() < 0 or rows.max() >= len(images):
        raise DataError(f"expected rows of 0 to {len(images) - 1}, at least one; got {rows.tolist()[:8]}")
    model.eval()
    pixels = normalise(load_batch(images, rows, spec, torch.device("cpu")), spec).requires_grad_()
    features, logits = _run(model, pixels)
    offered = torch.arange(logits.shape[1]) if choices is None else torch.from_numpy(choices)
    chosen = offered[logits[:, offered].argmax(dim=1)]
    score = logits.gather(1, chosen[:, None]).sum()
    slopes, pixel_slopes = torch.autograd.grad(score, [features, pixels])
    places, slope_map = model.to_spatial_map(features), model.to_spatial_map(slopes)
    if places is not None and slope_map is not None and bool(slope_map.abs().sum() > 0):
        weights = slope_map.mean(dim=(2, 3), keepdim=True)
        heat = F.relu((weights * places).sum(dim=1, keepdim=True))
        method = "Grad-CAM"
    else:
        # A class token alone decides: its last layer gives the other tokens no gradient.
        heat = F.avg_pool2d(pixel_slopes.abs().sum(dim=1, keepdim=True), 5, stride=1, padding=2)
        method = "input gradient"
    heat = F.interpolate(heat, size=(spec.height, spec.width), mode="bilinear", align_corners=False)
    heat = heat / heat.amax(dim=(2, 3), keepdim=True).clamp_min(1e-12)
    return Explanation(heat[:, 0].detach().numpy().astype(np.float32), method)


def _run(model: FerModel, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Last features in the network's own layout, and the logits that were made of them."""
    seen: list[Tensor] = []
    original = model.forward_features

    def keep(x: Tensor) -> Tensor:
        seen.append(original(x))
        return seen[-1]

    model.forward_features = keep  # type: ignore[method-assign]
    try:
        logits = model(pixels)
    finally:
        del model.forward_features
    return seen[-1], logits
