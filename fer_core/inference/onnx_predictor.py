"""Classification of face crops by an exported ONNX file. Needs no torch."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fer_core.checkpoint import CheckpointInfo
from fer_core.inference.predictor_base import BatchPredictor
from fer_core.inference.providers import name_device, open_session
from fer_core.onnx_file import PROBABILITIES, OnnxInfo, load_onnx_info
from fer_core.types import Float32Array, UInt8Array


class OnnxPredictor(BatchPredictor):
    """An exported network. Safe to call from several threads at once: an onnxruntime session is."""

    def __init__(
        self,
        path: Path,
        *,
        device: str = "auto",
        num_threads: int = 0,
        engine_cache: Path | None = None,
        info: CheckpointInfo | None = None,
    ) -> None:
        """Check the file and open it.

        Args:
            path: the .onnx file; its own description says how faces are prepared and what the classes are.
            device: `auto`, `cpu`, `cuda` or `tensorrt`.
            num_threads: CPU threads; 0 takes what `limit_threads` chose, else half the cores.
            engine_cache: where TensorRT keeps the engines it built.
            info: the checkpoint that the file was exported from, which may have been told more since
                (`CheckpointInfo.general`); the file's own description if not given.

        Raises:
            CheckpointError: the file is damaged, changed, not ours, or onnxruntime can't load it.
            ConfigError: the device can't be used here.
        """
        self.onnx_info: OnnxInfo = load_onnx_info(path)
        self._info = info or self.onnx_info.checkpoint
        self._session = open_session(path, device=device, num_threads=num_threads, engine_cache=engine_cache)
        self.device = name_device(self._session)
        spec = self.info.input
        shape = (1, spec.channels, 1, 1)
        self._mean = (np.asarray(spec.mean) * 255).astype(np.float32).reshape(shape)
        self._scale = (1 / (np.asarray(spec.std) * 255)).astype(np.float32).reshape(shape)

    @property
    def info(self) -> CheckpointInfo:
        """The checkpoint that predicts."""
        return self._info

    @property
    def runtime(self) -> str:
        """What computes, for people: `onnxruntime cpu, int8`."""
        return f"onnxruntime {self.device}, {self.onnx_info.precision}"

    def run(self, crops: UInt8Array, outputs: Sequence[str]) -> list[Float32Array]:
        """Run one batch of crops and return the named outputs, such as `logits` or `embedding`.

        Args:
            crops: as for `predict_crops`, already checked.
            outputs: names of outputs that the file has.
        """
        pixels = crops[..., None] if crops.ndim == 3 else crops
        feed = pixels if self.onnx_info.uint8_input else self._standardise(pixels)
        results = self._session.run(list(outputs), {self.onnx_info.input_name: np.ascontiguousarray(feed)})
        return [np.asarray(item, dtype=np.float32) for item in results]

    def _predict_batch(self, crops: UInt8Array) -> Float32Array:
        return self.run(crops, (PROBABILITIES,))[0]

    def _standardise(self, pixels: UInt8Array) -> Float32Array:
        x: Float32Array = (pixels.transpose(0, 3, 1, 2).astype(np.float32) - self._mean) * self._scale
        return x
