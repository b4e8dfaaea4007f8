"""A picture to try things out with that needs no download."""

from pathlib import Path
from typing import Final

from fer_core.images import load_image
from fer_core.types import UInt8Array

SAMPLE_CREDIT: Final[str] = "Eileen Collins, NASA, public domain (flic.kr/p/r9qvLn)"


def sample_path() -> Path:
    """Where the sample picture is: `astronaut.png` beside this file, as scikit-image ships it, too."""
    return Path(__file__).with_name("astronaut.png")


def load_sample() -> UInt8Array:
    """Return the sample picture, 512 x 512 x 3 RGB: one face, looking at the camera."""
    return load_image(sample_path())
