"""Facial expression recognition: data, models, training, evaluation, inference.

Two lines do the usual work; everything heavy is imported when it is first used:

    import fer_core as fer
    faces = fer.read("photo.jpg")

`read`, `read_video`, `load`, `load_folder`, `Model`, `VideoReading` and `FerError` are the whole of this
interface (docs/PYTHON.md).
"""

import os

TYPE_CHECKING = False  # not typing's, whose import takes longer than all the rest
if TYPE_CHECKING:
    from typing import Any

    from fer_core.api import Model, VideoReading, load, load_folder, read, read_video
    from fer_core.errors import FerError

__version__ = "0.1.0"
__all__ = ["FerError", "Model", "VideoReading", "__version__", "load", "load_folder", "read", "read_video"]

# Libraries that report to their makers look here when they are first imported, so it stands before them all.
# onnxruntime (since 1.29) writes a device id and sends events from native code; the hub's client adds a
# session's id to what it asks for.
for _variable in ("ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY"):
    os.environ[_variable] = "1"


def __getattr__(name: str) -> "Any":
    """Import what is asked for (PEP 562), so that `import fer_core` costs a millisecond."""
    if name == "FerError":
        from fer_core.errors import FerError

        return FerError
    if name in __all__:
        from fer_core import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
