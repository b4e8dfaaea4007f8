"""What the Analyze media page computes once per picture, and keeps for the session."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import streamlit as st

from app.analyze_media.state import Key
from app.shared.messages import show_error
from app.shared.session_cache import SessionCache, checkpoint_fingerprint, load_shared_predictor
from fer_core.checkpoint import CheckpointEntry
from fer_core.errors import MediaError
from fer_core.framing import compute_square, extract_square
from fer_core.images import describe_rest, load_image
from fer_core.inference.pipeline import FacePipeline, ImageAnalysis, build_pipeline
from fer_core.types import UInt8Array
from fer_core.workspace import Workspace

MAX_PICTURES: Final[int] = 30
MAX_PICTURE_MB: Final[int] = 50

_MIN_PREVIEW_PX: Final[int] = 640
"""A small picture is enlarged to this, so that what is drawn on it can be read."""
_MAX_PREVIEW_PX: Final[int] = 1600
_THUMBNAIL_PX: Final[int] = 160
_MAX_CACHED: Final[int] = 2 * MAX_PICTURES
"""Enough to compare two models on the most pictures without computing again; about 6 MB each."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded picture as it came."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class PictureResult:
    """What was found on a picture, and the pixels that the page shows."""

    analysis: ImageAnalysis
    preview_rgb: UInt8Array
    """The picture, scaled for the screen."""
    thumbnails: tuple[UInt8Array, ...]
    """The square around each face, as the model frames it."""
    note: str = ""
    """What of the file was not read."""

    @property
    def scale(self) -> float:
        """Preview pixels per picture pixel."""
        return float(self.preview_rgb.shape[1] / self.analysis.width_px)


def analyze_picture(data: bytes, pipeline: FacePipeline) -> PictureResult:
    """Decode a picture and find and classify its faces.

    Raises:
        MediaError: it can't be decoded.
    """
    image_rgb = load_image(data)
    analysis = pipeline.examine(image_rgb)
    framing = pipeline.predictor.info.input.framing
    squares = [compute_square(face.box, framing) for face in analysis.faces]
    return PictureResult(
        analysis,
        _resize_preview(image_rgb),
        tuple(
            extract_square(image_rgb, square, width=_THUMBNAIL_PX, height=_THUMBNAIL_PX) for square in squares
        ),
        describe_rest(data),
    )


def _resize_preview(image_rgb: UInt8Array) -> UInt8Array:
    import cv2

    height, width = image_rgb.shape[:2]
    longest = max(height, width)
    scale = min(max(longest, _MIN_PREVIEW_PX), _MAX_PREVIEW_PX) / longest
    if scale == 1:
        return image_rgb
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    mode = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image_rgb, size, interpolation=mode), dtype=np.uint8)


def analyze_pictures(
    pictures: Sequence[Picture], entry: CheckpointEntry, detector: str, prior: str, workspace: Workspace
) -> list[tuple[Picture, PictureResult]]:
    """Analyze the new pictures, and show the progress.

    A picture that can't be read becomes a message and is left out; the others are returned in order.
    """
    cache: SessionCache[PictureResult | MediaError] = st.session_state.setdefault(
        Key.ANALYSES, SessionCache[PictureResult | MediaError](_MAX_CACHED)
    )
    model = checkpoint_fingerprint(entry)
    keys = [(hashlib.sha256(item.data).hexdigest(), model, detector, prior) for item in pictures]
    new = {key: picture for picture, key in zip(pictures, keys, strict=True) if key not in cache}
    if new:
        bar = st.progress(0.0, "Loading the model…")
        try:
            pipeline = build_pipeline(detector, load_shared_predictor(entry, prior), workspace)
            for index, (key, picture) in enumerate(new.items()):
                bar.progress(index / len(new), f"Picture {index + 1} of {len(new)}")
                cache.put(key, _try_picture(picture.data, pipeline))
        finally:
            bar.empty()
    results = []
    for picture, key in zip(pictures, keys, strict=True):
        found = cache.get(key)
        if isinstance(found, MediaError):
            show_error(found, about=picture.name)
        else:
            results.append((picture, found))
    return results


def _try_picture(data: bytes, pipeline: FacePipeline) -> PictureResult | MediaError:
    """What was found, or why it can't be read: one bad file must not hide the others."""
    try:
        return analyze_picture(data, pipeline)
    except MediaError as error:
        return MediaError(str(error))  # without its traceback, which would keep the pixels alive
