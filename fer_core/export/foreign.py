"""Running any ONNX file that takes one picture a face, ours or not, for its speed only."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fer_core.checkpoint import ColorMode, InputSpec
from fer_core.errors import CheckpointError
from fer_core.inference.providers import name_device, open_session
from fer_core.onnx_file import list_external_data, parse_graph
from fer_core.onnx_schema import FLOAT16
from fer_core.types import UInt8Array

_KINDS: Final[dict[str, type[np.generic]]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
}
_INTEGER_OPERATORS: Final[frozenset[str]] = frozenset(
    {"QuantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "ConvInteger", "MatMulInteger"}
)


class ForeignNetwork:
    """An ONNX file whose meaning is not known, only its shape."""

    def __init__(self, path: Path, *, device: str, num_threads: int, engine_cache: Path | None) -> None:
        """Open the file; arguments as for `open_session`.

        Raises:
            CheckpointError: it is damaged, or does not take one batch of pictures.
            ConfigError: the device can't be used here.
        """
        proto = parse_graph(path)
        self._session = open_session(path, device=device, num_threads=num_threads, engine_cache=engine_cache)
        self.device = name_device(self._session)
        self.precision = _name_precision(proto)
        files = [path, *(path.with_name(name) for name in list_external_data(proto))]
        self.num_bytes = sum(item.stat().st_size for item in files)
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or inputs[0].type not in _KINDS or len(inputs[0].shape) != 4:
            seen = "; ".join(f"{item.name} {item.type} {item.shape}" for item in inputs)
            raise CheckpointError(
                f"{path} takes {seen or 'nothing'}; expected one input of rank 4 (a batch of "
                f"pictures), of type {', '.join(_KINDS)}"
            )
        self._input = inputs[0]
        self._channels_last = self._input.shape[3] in (1, 3) and self._input.shape[1] not in (1, 3)
        self.spec = self._read_spec(path)
        batch = self._input.shape[0]
        self._fixed_batch = batch if isinstance(batch, int) and batch > 0 else 0

    def _read_spec(self, path: Path) -> InputSpec:
        shape = self._input.shape
        height, width, channels = shape[1:] if self._channels_last else (shape[2], shape[3], shape[1])
        if channels not in (1, 3) or not (isinstance(height, int) and isinstance(width, int)):
            raise CheckpointError(
                f"{path} takes pictures of shape {shape[1:]}; expected a fixed height and width, and 1 or 3 "
                "channels"
            )
        color: ColorMode = "gray" if channels == 1 else "rgb"
        return InputSpec(
            height=height, width=width, color=color, mean=(0.0,) * channels, std=(1.0,) * channels
        )

    def build_feed(self, pixels: UInt8Array) -> npt.NDArray[np.generic]:
        """Bring N x H x W x C pixels into the layout and type of the input."""
        ordered = pixels if self._channels_last else pixels.transpose(0, 3, 1, 2)
        kind = _KINDS[self._input.type]
        values = ordered if kind is np.uint8 else ordered.astype(np.float32) / 255
        return np.ascontiguousarray(values.astype(kind))

    def run(self, feed: npt.NDArray[np.generic]) -> None:
        """Run the batch, in parts where the file takes batches of one size only."""
        if not self._fixed_batch:
            self._session.run(None, {self._input.name: feed})
            return
        for start in range(0, len(feed), self._fixed_batch):
            part = feed[start : start + self._fixed_batch]
            if len(part) < self._fixed_batch:
                part = np.resize(part, (self._fixed_batch, *part.shape[1:]))
            self._session.run(None, {self._input.name: part})


def _name_precision(proto: Any) -> str:
    if any(node.op_type in _INTEGER_OPERATORS for node in proto.graph.node):
        return "int8"
    if any(tensor.data_type == FLOAT16 for tensor in proto.graph.initializer):
        return "fp16"
    return "fp32"
