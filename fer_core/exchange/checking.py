"""Whether a third party's model is what it says: its description, its weights, and that both fit together."""

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fer_core.checkpoint import CheckpointInfo
from fer_core.errors import CheckpointError, ConfigError
from fer_core.io import read_json, sha256_file
from fer_core.workspace import validate_name

if TYPE_CHECKING:
    from fer_core.inference.predictor_base import BatchPredictor

_MAX_INFO_BYTES: Final[int] = 256 * 1024
_MAX_CLASSES: Final[int] = 1000
_MAX_WORDS: Final[int] = 200
"""Characters of a short text: a class, a name, a protocol."""
_MAX_METRICS: Final[int] = 100
_FRACTIONS: Final[frozenset[str]] = frozenset({"accuracy", "balanced_accuracy", "macro_f1", "ece"})
_HALVES: Final[frozenset[str]] = frozenset({"F16", "BF16"})
"""Floats that may stand for fp32: loading widens them."""


def read_foreign_info(path: Path) -> CheckpointInfo:
    """Read a description that somebody else wrote, more strictly than our own.

    Raises:
        CheckpointError: damaged, of another schema, or a field that is not what it should be.
    """
    value = read_json(path, CheckpointError)
    info = CheckpointInfo.from_dict(value, source=path.name)
    check_info(info, raw_classes=value["classes"])
    return info


def check_info(info: CheckpointInfo, *, raw_classes: list[Any] | None = None) -> None:
    """Check what a page, a chart or a file name will be made of.

    Args:
        info: the description.
        raw_classes: the classes as they stood in the file, where they came from one.

    Raises:
        CheckpointError: a text that is too long or not printable, a figure that is none, a path in a name.
    """
    num_bytes = len(json.dumps(info.to_dict(), default=str))
    if num_bytes > _MAX_INFO_BYTES:
        raise CheckpointError(f"the model's description has {num_bytes:,} bytes; expected a few thousand")
    classes = info.classes if raw_classes is None else raw_classes
    if len(classes) > _MAX_CLASSES:
        raise CheckpointError(f"the model has {len(classes):,} classes; at most {_MAX_CLASSES:,} are taken")
    for name in classes:
        _check_words(name, "a class name")
    _check_words(info.architecture, "the architecture")
    if info.num_parameters < 0:
        raise CheckpointError(f"num_parameters is {info.num_parameters}; expected a count")
    if "name" in info.data:
        try:
            validate_name(str(info.data["name"]), "data set")
        except ConfigError as cause:
            raise CheckpointError(f"the model's data.name is unsafe: {cause}") from cause
    terms = [pair for item in info.terms for pair in dataclasses.asdict(item).items() if pair[1]]
    for key, value in [*info.data.items(), *info.origin.items(), *terms]:
        if isinstance(value, str):
            _check_words(value, key, longest=10 * _MAX_WORDS)
    if len(info.metrics) > _MAX_METRICS:
        raise CheckpointError(f"the model states {len(info.metrics):,} metrics; at most {_MAX_METRICS}")
    for metric in info.metrics:
        _check_metric(metric)


def _check_words(value: object, what: str, *, longest: int = _MAX_WORDS) -> None:
    good = isinstance(value, str) and 0 < len(value) <= longest and value.isprintable()
    if not good or value != str(value).strip():
        shown = repr(value)[:60]
        raise CheckpointError(
            f"{what} is {shown}; expected 1 to {longest:,} printable characters without space around them"
        )


def _check_metric(metric: Mapping[str, Any]) -> None:
    for key, value in metric.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise CheckpointError(f"metric {key} is {value}; expected a finite number")
        if key in _FRACTIONS and value is not None:
            good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
            if not good:
                raise CheckpointError(f"metric {key} is {value!r}; expected a fraction from 0 to 1")
        elif isinstance(value, str) and value:
            _check_words(value, f"metric {key}")
        elif not isinstance(value, int | float | str | None):
            raise CheckpointError(f"metric {key} is a {type(value).__name__}; expected a number or a text")


def check_weights(path: Path, info: CheckpointInfo) -> int:
    """Check weights before any is loaded; returns the number of trained parameters.

    The header must name exactly the tensors of the architecture, with their shapes and types. The network is
    built without memory or values (torch's `meta` device): arguments which ask for a giant cost nothing.

    Raises:
        CheckpointError: another checksum, no safetensors, an unknown architecture, or another's weights.
    """
    seen = sha256_file(path)
    if seen != info.weights_sha256:
        raise CheckpointError(
            f"{path.name} has SHA-256 {seen[:12]}…, but model.json says {info.weights_sha256[:12]}…: the "
            "file is damaged or belongs to another model; ask for both again"
        )
    found = read_header(path)
    expected, num_parameters = _describe_network(info)
    missing, strange = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
    if missing or strange:
        words = [f"lacks {name}" for name in missing[:1]] + [f"has {name[:80]}" for name in strange[:1]]
        raise CheckpointError(
            f"{path.name} does not fit {info.architecture}: it {' and '.join(words)} "
            f"({len(missing)} missing, {len(strange)} too many)"
        )
    for name, (dtype, shape) in expected.items():
        seen_dtype, seen_shape = found[name]
        if seen_shape != shape or (seen_dtype != dtype and not (dtype == "F32" and seen_dtype in _HALVES)):
            raise CheckpointError(
                f"{path.name} does not fit {info.architecture}: {name} is {seen_dtype} {list(seen_shape)}, "
                f"expected {dtype} {list(shape)}"
            )
    return num_parameters


def read_header(path: Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Type and shape of each tensor in a safetensors file. The library checks offsets and sizes; no torch.

    Raises:
        CheckpointError: it is no such file, or a damaged one.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            tensors = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
            return {name: (item.get_dtype(), tuple(item.get_shape())) for name, item in tensors.items()}
    except (SafetensorError, OSError) as cause:
        raise CheckpointError(f"{path.name} can't be read as safetensors: {cause}") from cause


def _describe_network(info: CheckpointInfo) -> tuple[dict[str, tuple[str, tuple[int, ...]]], int]:
    """Type and shape of each tensor that the architecture has, and its number of parameters."""
    import torch

    from fer_core.models import count_parameters
    from fer_core.models.checkpoint_files import build_described

    try:
        with torch.device("meta"):
            network = build_described(info)
    except (ConfigError, TypeError) as cause:
        raise CheckpointError(f"the model's architecture can't be built here: {cause}") from cause
    names = {
        torch.float32: "F32",
        torch.float64: "F64",
        torch.float16: "F16",
        torch.bfloat16: "BF16",
        torch.int64: "I64",
        torch.int32: "I32",
        torch.bool: "BOOL",
    }
    tensors = {
        name: (names.get(item.dtype, str(item.dtype)), tuple(item.shape))
        for name, item in network.state_dict().items()
    }
    return tensors, count_parameters(network)


def check_prediction(folder: Path) -> None:
    """Load the checkpoint in `folder` and let it see a few images.

    Raises:
        CheckpointError: it can't be loaded, or what it says are no finite probabilities.
    """
    from fer_core.inference.torch_predictor import TorchPredictor
    from fer_core.models import load_checkpoint

    _try_images(TorchPredictor(*load_checkpoint(folder), device="cpu"))


def check_onnx_prediction(path: Path) -> None:
    """Let an ONNX file, checked by `load_onnx_info` before, see a few images.

    Raises:
        CheckpointError: onnxruntime can't run it, or what it says are no finite probabilities.
    """
    from onnxruntime.capi import onnxruntime_pybind11_state as runtime

    from fer_core.inference.onnx_predictor import OnnxPredictor

    errors = (runtime.Fail, runtime.InvalidArgument, runtime.RuntimeException, runtime.NotImplemented)
    try:
        _try_images(OnnxPredictor(path, device="cpu"))
    except errors as cause:
        raise CheckpointError(f"{path.name} can't be run: {str(cause).splitlines()[0]}") from cause


def _try_images(predictor: "BatchPredictor") -> None:
    """Black, grey, white and noise, prepared as faces are: all that the description says takes part."""
    import numpy as np

    spec, num_classes = predictor.info.input, len(predictor.info.classes)
    shape = (spec.height, spec.width) if spec.color == "gray" else (spec.height, spec.width, 3)
    plain = [np.full(shape, shade, np.uint8) for shade in (0, 128, 255)]
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    found = predictor.predict_crops(np.stack([*plain, noise]))
    if found.shape != (4, num_classes) or float(np.abs(found.sum(axis=1) - 1).max()) > 0.01:
        raise CheckpointError(
            "the model gives no probabilities, one per class, for the images it is tried on; it is unusable"
        )
