"""OpenCV where it is installed, else the few functions of it that reading faces needs.

Import it where it is used, `from fer_core.opencv import cv2`: OpenCV takes a while to load. What needs all of
it (cameras, Haar, studies) imports it itself, so that a person is told which extra brings it.
"""

from typing import TYPE_CHECKING

__all__ = ["cv2"]

if TYPE_CHECKING:
    import cv2
else:
    try:
        import cv2
    except ModuleNotFoundError:
        from fer_core import plain_cv as cv2
