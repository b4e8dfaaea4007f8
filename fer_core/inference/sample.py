"""A picture to try things out with that needs no download."""

from importlib.resources import files
from pathlib import Path
from typing import Final

from fer_core.errors import MediaError
from fer_core.images import load_image
from fer_core.types import UInt8Array

SAMPLE_CREDIT: Final[str] = "Eileen Collins, NASA, public domain (from scikit-image)"


def sample_path() -> Path:
    """Where the sample picture is: inside scikit-image's wheel.

    Raises:
        MediaError: this scikit-image does not carry it.
    """
    # Not skimage.data.astronaut(): should a release stop carrying the file, that would download it.
    path = Path(str(files("skimage.data"))) / "astronaut.png"
    if not path.is_file():
        raise MediaError(
            f"the sample picture {path} is missing; reinstall scikit-image, or take a picture of your own"
        )
    return path


def load_sample() -> UInt8Array:
    """Return the sample picture, 512 x 512 x 3 RGB: one face, looking at the camera.

    Raises:
        MediaError: this scikit-image does not carry it.
    """
    return load_image(sample_path())
