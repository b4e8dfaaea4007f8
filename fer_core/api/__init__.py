"""The library in two lines: `fer_core.read`, `read_video`, `load` and what they return."""

from fer_core.api.folder import load_folder
from fer_core.api.model import Model, load
from fer_core.api.reading import read
from fer_core.api.video import VideoReading, read_video

__all__ = ["Model", "VideoReading", "load", "load_folder", "read", "read_video"]
