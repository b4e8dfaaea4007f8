"""What the Analyze media page computes once per picture, and keeps for the session."""

import functools
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import streamlit as st

from app.analyze_media.state import Key
from app.shared.memory import return_memory
from app.shared.messages import show_error
from app.shared.session_cache import SessionCache, checkpoint_fingerprint, load_shared_predictor
from app.shared.session_end import at_session_end
from app.shared.uploads import Upload
from fer_core.checkpoint import CheckpointEntry
from fer_core.errors import MediaError, leave_out_path
from fer_core.framing import compute_square, extract_square
from fer_core.images import describe_rest, load_image
from fer_core.inference.pipeline import FacePipeline, ImageAnalysis, build_pipeline
from fer_core.inference.sample import sample_path
from fer_core.io import sha256_file
from fer_core.types import UInt8Array
from fer_core.words import count
from fer_core.workspace import Workspace

MAX_PICTURES: Final[int] = 30
MAX_PICTURE_MB: Final[int] = 50

_MIN_PREVIEW_PX: Final[int] = 640
"""A small picture is enlarged to this, so that what is drawn on it can be read."""
_MAX_PREVIEW_PX: Final[int] = 1600
_THUMBNAIL_PX: Final[int] = 160
_MAX_CACHED: Final[int] = 2 * MAX_PICTURES
"""Enough to compare two models on the most pictures without computing again; about 0.5 MB each."""
_FREED_AFTER_S: Final[float] = 30.0
"""Without its browser, a session's results are forgotten; its pictures stay on the disk a little longer."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture on the disk, read when it is analyzed."""

    name: str
    path: Path
    digest: str
    """SHA-256 of the file."""
    upload: Upload | None = None

    @property
    def key(self) -> str:
        """Tells it from every other picture of the session."""
        return self.digest if self.upload is None else self.upload.file_id


@dataclass(frozen=True, slots=True)
class PictureResult:
    """What was found on a picture, and what the page shows of it; no pixels."""

    analysis: ImageAnalysis
    preview_jpeg: bytes
    """The picture, scaled for the screen."""
    scale: float
    """Preview pixels per picture pixel."""
    thumbnails_jpeg: tuple[bytes, ...]
    """The square around each face, as the model frames it."""
    note: str = ""
    """What of the file was not read."""


Results = Sequence[tuple[Picture, PictureResult]]


def count_faces(result: PictureResult) -> str:
    """How many faces were found, in words."""
    num_faces = len(result.analysis.faces)
    return count(num_faces, "face") if num_faces else "no faces"


@functools.cache
def load_sample() -> Picture:
    """The sample picture."""
    return Picture("sample.png", sample_path(), sha256_file(sample_path()))


def analyze_picture(path: Path, pipeline: FacePipeline) -> PictureResult:
    """Decode a picture and find and classify its faces.

    Raises:
        MediaError: it can't be decoded.
    """
    image_rgb = load_image(path)
    analysis = pipeline.examine(image_rgb)
    framing = pipeline.predictor.info.input.framing
    squares = [compute_square(face.box, framing) for face in analysis.faces]
    preview_rgb = resize_preview(image_rgb)
    return PictureResult(
        analysis,
        encode_jpeg(preview_rgb),
        preview_rgb.shape[1] / analysis.width_px,
        tuple(
            encode_jpeg(extract_square(image_rgb, square, width=_THUMBNAIL_PX, height=_THUMBNAIL_PX))
            for square in squares
        ),
        describe_rest(path),
    )


def encode_jpeg(image_rgb: UInt8Array) -> bytes:
    """An H x W x 3 RGB picture as a JPEG."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image_rgb).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def resize_preview(image_rgb: UInt8Array) -> UInt8Array:
    """A picture as large as the page shows it, H x W x 3."""
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
) -> Results:
    """Analyze the new pictures, and show the progress.

    A picture that can't be read becomes a message and is left out; the others are returned in order.
    """
    cache: SessionCache[PictureResult | MediaError] = st.session_state.setdefault(
        Key.ANALYSES, SessionCache[PictureResult | MediaError](_MAX_CACHED)
    )
    model = checkpoint_fingerprint(entry)
    at_session_end("pictures", cache.clear, after_s=_FREED_AFTER_S)  # pictures can be analyzed again
    keys = [(item.digest, model, detector, prior) for item in pictures]
    new = {key: picture for picture, key in zip(pictures, keys, strict=True) if key not in cache}
    if new:
        bar = st.progress(0.0, "Loading the model…")
        try:
            pipeline = build_pipeline(detector, load_shared_predictor(entry, prior), workspace)
            for index, (key, picture) in enumerate(new.items()):
                bar.progress(index / len(new), f"Picture {index + 1} of {len(new)}")
                cache.put(key, _try_picture(picture, pipeline))
        finally:
            bar.empty()
            return_memory()
    results = []
    for picture, key in zip(pictures, keys, strict=True):
        found = cache.get(key)
        if isinstance(found, MediaError):
            show_error(found, about=picture.name)
        else:
            results.append((picture, found))
    return results


def _try_picture(picture: Picture, pipeline: FacePipeline) -> PictureResult | MediaError:
    """What was found, or why it can't be read: one bad file must not hide the others."""
    try:
        return analyze_picture(picture.path, pipeline)
    except MediaError as error:
        # Without its traceback, which would keep the pixels alive.
        return MediaError(leave_out_path(error, picture.path))
