"""Faces that were seen and may be picked: on the disk while they wait, and gone if they are not."""

import io
import threading
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from fer_core.checkpoint import InputSpec
from fer_core.collecting.crops import cut_for_model, cut_wide
from fer_core.images import load_image
from fer_core.io import storage_errors
from fer_core.types import FaceBox, UInt8Array

if TYPE_CHECKING:
    from collections.abc import Iterator

FRAME_SIDE_PX: Final[int] = 480
"""Longest side of the picture that is kept beside a face, to see what it is part of."""
MAX_CANDIDATES: Final[int] = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What faces are from: a file, a recording of a study, a stretch of a camera's pictures."""

    key: str
    """The same wherever it lies and whatever it is called: the SHA-256 of a file. A camera never shows the
    same twice, so each stretch gets one of its own."""
    name: str
    """What people call it."""
    long_name: str = ""
    """What to call it where another one has that name; empty if nothing but a number tells them apart."""
    origin: str
    """Where it is, or was: a path, a study, `camera`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A face that may be picked."""

    box: FaceBox
    source: Source
    person: str
    """Who it is, as far as somebody said; else empty."""
    track_id: int | None
    time_s: float
    """Since the beginning of the clip; 0 for pictures."""
    png: Path
    jpeg: Path
    """The wide crop, and the picture around it."""


@dataclass(slots=True)
class CandidateStore:
    """Candidates in a folder that the caller removes. Safe to add to from several threads."""

    folder: Path
    found: list[Candidate] = field(default_factory=list)
    _keys: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_full(self) -> bool:
        """Whether no more are taken."""
        return len(self.found) >= MAX_CANDIDATES

    def has(self, source: Source) -> bool:
        """Whether it holds faces of a source: then a copy of that would only double them."""
        return source.key in self._keys

    def add(
        self,
        image_rgb: UInt8Array,
        faces: Sequence[tuple[FaceBox, int | None, str]],
        source: Source,
        *,
        time_s: float = 0.0,
    ) -> None:
        """Keep the faces of one picture.

        Args:
            image_rgb: H x W x 3.
            faces: (box, track, person) each; the person is empty where nobody said who it is.
            source: what the picture is from.
            time_s: when in the source.

        Raises:
            StorageError: the disk is full.
        """
        frame = _shrink(image_rgb) if faces else None
        for box, track_id, person in faces:
            with self._lock:
                number = len(self.found)
                if number >= MAX_CANDIDATES:
                    return
                candidate = Candidate(
                    box=box,
                    source=source,
                    person=person,
                    track_id=track_id,
                    time_s=time_s,
                    png=self.folder / f"{number}.png",
                    jpeg=self.folder / f"{number}.jpg",
                )
                with storage_errors(candidate.png):
                    candidate.png.write_bytes(_encode(cut_wide(image_rgb, box), "PNG"))
                    candidate.jpeg.write_bytes(_encode(frame, "JPEG"))
                self.found.append(candidate)
                self._keys.add(source.key)

    def load_crops(self, spec: InputSpec) -> UInt8Array:
        """All candidates as a model takes them, N x H x W or N x H x W x 3."""
        return np.stack([cut_for_model(load_image(item.png), spec) for item in self.found])


def _shrink(image_rgb: UInt8Array) -> UInt8Array:
    import cv2

    factor = FRAME_SIDE_PX / max(image_rgb.shape[:2])
    if factor >= 1:
        return image_rgb
    small = cv2.resize(image_rgb, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def _encode(image_rgb: UInt8Array | None, kind: str) -> bytes:
    from PIL import Image

    assert image_rgb is not None
    buffer = io.BytesIO()
    options = {"quality": 80} if kind == "JPEG" else {"compress_level": 3}
    Image.fromarray(image_rgb).save(buffer, kind, **options)
    return buffer.getvalue()


@contextmanager
def keep_candidates() -> "Iterator[CandidateStore]":
    """A store in a temporary folder, which is removed when the block ends."""
    from fer_core.scratch import scratch_folder

    with scratch_folder() as folder:
        yield CandidateStore(folder)
