"""8-bit integers."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fer_core.checkpoint import InputSpec
from fer_core.export.formats.base import EXPORTS, ExportFormat, ExportSource, Tolerance, quiet
from fer_core.types import UInt8Array

if TYPE_CHECKING:
    from onnx import ModelProto

    from fer_core.export.faces import Faces

_BATCH_SIZE: Final[int] = 32


def convert_to_int8(source: Path, faces: "Faces", spec: InputSpec, *, uint8_input: bool) -> "ModelProto":
    """Return the graph at `source` with 8-bit weights.

    Convolutional networks get 8-bit activations too, their ranges learnt from `faces` (static, QDQ, one scale
    a channel of weights; the classifier, a thousandth of the work, stays in floating point). In transformers
    the ranges differ too much from face to face, so there the activations are measured anew each time
    (dynamic) and only matrix products change. Weights use 7 of the 8 bits, see `require_no_saturation`.
    """
    import onnx
    from onnxruntime.quantization import (
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_dynamic,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared = source.with_name("prepared.onnx")
    target = source.with_name("quantised.onnx")
    with _quiet_root_logger():
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        proto = onnx.load(str(prepared))
        # The optimiser transposes weights but leaves their old shapes here, which the next step trips over.
        del proto.graph.value_info[:]
        onnx.save(proto, str(prepared))
        if is_transformer(proto):
            quantize_dynamic(
                str(prepared), str(target), weight_type=QuantType.QInt8, per_channel=True, reduce_range=True
            )
        else:
            products = [node.name for node in proto.graph.node if node.op_type in ("Conv", "Gemm", "MatMul")]
            quantize_static(
                str(prepared),
                str(target),
                CropReader(faces.crops, proto.graph.input[0].name, spec, uint8_input=uint8_input),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                reduce_range=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod.MinMax,
                # The mean of the batches' ranges: one odd face does not stretch the range of all.
                extra_options={"CalibMovingAverage": True},
                nodes_to_exclude=products[-1:],
                op_types_to_quantize=["Conv", "Gemm", "MatMul", "MaxPool", "Add"],
            )
    return onnx.load(str(target))


def is_transformer(proto: "ModelProto") -> bool:
    """Whether matrix products outnumber convolutions."""
    kinds = [node.op_type for node in proto.graph.node]
    return sum(kind in ("MatMul", "Gemm") for kind in kinds) > 2 * kinds.count("Conv") + 3


class CropReader:
    """Hands crops to onnxruntime's calibration, a batch at a time (its CalibrationDataReader interface)."""

    def __init__(self, crops: UInt8Array, input_name: str, spec: InputSpec, *, uint8_input: bool) -> None:
        """Read `crops`, N x H x W or N x H x W x 3."""
        self._crops = crops[..., None] if crops.ndim == 3 else crops
        self._input_name = input_name
        self._mean = np.asarray(spec.mean, dtype=np.float32) * 255
        self._scale = 1 / (np.asarray(spec.std, dtype=np.float32) * 255)
        self._uint8_input = uint8_input
        self.rewind()

    def rewind(self) -> None:
        """Begin again."""
        self._starts = iter(range(0, len(self._crops), _BATCH_SIZE))

    def get_next(self) -> dict[str, Any] | None:
        """The next batch as a feed, or None at the end."""
        start = next(self._starts, None)
        if start is None:
            return None
        batch = self._crops[start : start + _BATCH_SIZE]
        if self._uint8_input:
            return {self._input_name: batch}
        standardised = (batch.astype(np.float32) - self._mean) * self._scale
        return {self._input_name: np.ascontiguousarray(standardised.transpose(0, 3, 1, 2))}


@contextlib.contextmanager
def _quiet_root_logger() -> Iterator[None]:
    """Advice that onnxruntime's tools give on the root logger does not apply here."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(before)


def _write(source: ExportSource) -> str:
    plain = source.export_graph()
    faces = source.load_calibration_faces()
    with quiet():
        proto = convert_to_int8(plain, faces, source.info.input, uint8_input=source.options.uint8_input)
    return source.save_graph(proto)


EXPORTS.register("int8")(
    ExportFormat(
        summary="a quarter of the size, faster on CPUs with VNNI (2019 on)",
        write=_write,
        tolerance=Tolerance(max_accuracy_loss=0.005),
    )
)
