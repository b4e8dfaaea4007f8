"""Which of onnxruntime's execution providers can really be used here, and sessions that use them.

The package onnxruntime-gpu lists CUDA and TensorRT on every machine, whether or not there is a GPU, a driver
or their libraries, and falls back with a line on stderr. Here a fall-back is either asked for (`auto`) and
told, or an error.
"""

import ctypes
import logging
import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fer_core.errors import CheckpointError, ConfigError
from fer_core.inference.threads import chosen_threads
from fer_core.io import sha256_file

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, SessionOptions

logger = logging.getLogger(__name__)

ONNX_DEVICES: Final[tuple[str, ...]] = ("auto", "cpu", "cuda", "tensorrt")
"""What can be asked for: `auto` is CUDA where it works, else the CPU. TensorRT has to be asked for: building
an engine for a new model takes minutes."""

_PROVIDERS: Final[dict[str, str]] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
_ERRORS_ONLY: Final[int] = 3
_FATAL_ONLY: Final[int] = 4


@lru_cache(maxsize=1)
def count_nvidia_gpus() -> int:
    """Number of GPUs that NVIDIA's driver offers; 0 without a driver. Loads no torch."""
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(name)
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value


def explain_unusable(device: str) -> str:
    """Why `cuda` or `tensorrt` can't be used here, as far as that shows without a model; empty if it may."""
    import onnxruntime

    if device == "cpu":
        return ""
    if _PROVIDERS[device] not in onnxruntime.get_available_providers():
        return f"this onnxruntime was built without {device}; install onnxruntime-gpu"
    if not count_nvidia_gpus():
        return "no NVIDIA GPU answers"
    if device == "tensorrt" and not _has_tensorrt():
        return "the TensorRT libraries are missing; install them with: pip install tensorrt"
    return ""


def _has_tensorrt() -> bool:
    try:
        import tensorrt  # noqa: F401  importing it makes its libraries known to the loader
    except ImportError:
        from ctypes.util import find_library

        return find_library("nvinfer") is not None
    return True


def open_session(
    path: Path, *, device: str = "auto", num_threads: int = 0, engine_cache: Path | None = None
) -> "InferenceSession":
    """Open an ONNX file on a device.

    Args:
        path: the file; check it first, this hands it to onnxruntime as it is.
        device: one of `ONNX_DEVICES`.
        num_threads: CPU threads; 0 takes what `limit_threads` chose, else half the cores.
        engine_cache: folder in which TensorRT keeps the engines it built; without one they are built anew.

    Raises:
        ConfigError: the device is unknown or can't be used here.
        CheckpointError: onnxruntime can't load the file.
    """
    if device not in ONNX_DEVICES:
        raise ConfigError(f"ONNX device {device!r} is unknown; expected one of {', '.join(ONNX_DEVICES)}")
    wanted = [device] if device != "auto" else [*(["cuda"] if not explain_unusable("cuda") else []), "cpu"]
    for candidate in wanted:
        reason = explain_unusable(candidate) or None
        session = None if reason else _try_session(path, candidate, num_threads, engine_cache)
        if session is not None and (
            candidate == "cpu" or session.get_providers()[0] == _PROVIDERS[candidate]
        ):
            return session
        reason = (
            reason or "its libraries could not be loaded (onnxruntime needs CUDA and cuDNN of its version)"
        )
        if device != "auto":
            raise ConfigError(f"{device} can't be used with onnxruntime here: {reason}. Use device 'cpu'.")
        logger.warning(
            "%s can't be used with onnxruntime here (%s); the CPU computes instead", candidate, reason
        )
    raise AssertionError("the CPU is always usable")


def open_on_cpu(model: bytes) -> "InferenceSession":
    """Open the content of an ONNX file whose checksum is known on the CPU; pictures may have any size."""
    import onnxruntime

    options = _build_options(0)
    options.enable_mem_pattern = False  # one plan of the memory a size of picture would be kept for good
    return onnxruntime.InferenceSession(model, options, providers=[_PROVIDERS["cpu"]])


def _build_options(num_threads: int) -> "SessionOptions":
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads or chosen_threads()
    options.inter_op_num_threads = 1
    # Waiting threads must sleep: spinning takes the cores that decoding and the browser need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _try_session(path: Path, device: str, num_threads: int, engine_cache: Path | None) -> "InferenceSession":
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as errors

    options = _build_options(num_threads)
    # For files whose 8-bit weights use the whole range: they saturate without VNNI (see export.saturation).
    options.add_session_config_entry("session.x64quantprecision", "1")
    options.log_severity_level = _FATAL_ONLY if device != "cpu" else _ERRORS_ONLY
    if device != "cpu" and hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls()  # finds the CUDA libraries that pip installed beside torch
    try:
        return onnxruntime.InferenceSession(
            str(path), options, providers=_describe_providers(path, device, engine_cache)
        )
    except (
        errors.Fail,
        errors.InvalidArgument,
        errors.InvalidGraph,
        errors.InvalidProtobuf,
        errors.NotImplemented,
        errors.RuntimeException,
    ) as cause:
        raise CheckpointError(f"onnxruntime can't load {path}: {cause}") from cause


def _describe_providers(path: Path, device: str, engine_cache: Path | None) -> list[Any]:
    if device == "cpu":
        return [_PROVIDERS["cpu"]]
    if device == "cuda":
        return [_PROVIDERS["cuda"], _PROVIDERS["cpu"]]
    options: dict[str, Any] = {"trt_fp16_enable": True}
    if engine_cache is not None:
        # An engine belongs to one file: another one of the same name must not find it.
        folder = engine_cache / sha256_file(path)[:16]
        folder.mkdir(parents=True, exist_ok=True)
        options |= {"trt_engine_cache_enable": True, "trt_engine_cache_path": str(folder)}
        options |= {"trt_timing_cache_enable": True, "trt_timing_cache_path": str(folder)}
    return [(_PROVIDERS["tensorrt"], options), _PROVIDERS["cuda"], _PROVIDERS["cpu"]]


def name_device(session: "InferenceSession") -> str:
    """The device that a session really uses: `cpu`, `cuda` or `tensorrt`."""
    first = session.get_providers()[0]
    return next(name for name, provider in _PROVIDERS.items() if provider == first)
