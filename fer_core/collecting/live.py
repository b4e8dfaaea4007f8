"""Collecting from a live stream, for as long as its user wants; nothing else is kept."""

import shutil
from collections.abc import Sequence
from typing import Final

from fer_core.collecting.candidates import CandidateStore
from fer_core.collecting.collection import Collection
from fer_core.collecting.picking import DEFAULT_METHOD, Picked, pick_faces
from fer_core.collecting.sources import begin_stretch
from fer_core.errors import StorageError
from fer_core.inference.interfaces import Predictor
from fer_core.scratch import make_scratch_folder
from fer_core.types import FaceResult, UInt8Array

_MOST: Final[int] = 1000
"""Faces that wait to be picked from; later ones are not taken."""


class LiveCollector:
    """Takes faces from the thread of the frames; all else belongs to the thread of the page."""

    def __init__(self, *, person: str = "", every_s: float = 0.5) -> None:
        """Begin a clip.

        Args:
            person: who the largest face in view is; others count as people of their own.
            every_s: time between two pictures that are taken.
        """
        self.source = begin_stretch()
        self.problem = ""
        """Why no more faces are taken; empty as long as they are."""
        self._person, self._every_s = person, every_s
        self._store = CandidateStore(make_scratch_folder())
        self._start_s: float | None = None
        self._due_s = 0.0
        self._is_open = True

    @property
    def num_seen(self) -> int:
        """Faces that were taken."""
        return len(self._store.found)

    def take(self, frame_rgb: UInt8Array, faces: Sequence[FaceResult], time_s: float) -> None:
        """Take the faces of a frame, if it is time to; never raises for want of space.

        Args:
            frame_rgb: H x W x 3.
            faces: in it.
            time_s: from any fixed moment, in seconds.
        """
        self._start_s = time_s if self._start_s is None else self._start_s
        if not self._is_open or not faces or time_s < self._due_s or self.num_seen >= _MOST or self.problem:
            return
        self._due_s = time_s + self._every_s
        main = max(faces, key=lambda face: face.box.width * face.box.height)
        found = [(face.box, face.track_id, self._person if face is main else "") for face in faces]
        try:
            self._store.add(frame_rgb, found, self.source, time_s=time_s - self._start_s)
        except StorageError as error:
            self.problem = str(error)

    def finish(self, collection: Collection, predictor: Predictor, *, count: int) -> Picked:
        """Put the faces that are most worth a label into a collection, and forget all others.

        Raises:
            CollectionError: no face was taken.
        """
        self._is_open = False
        try:
            return pick_faces(collection, self._store, [predictor], count=count, method=DEFAULT_METHOD)
        finally:
            self.close()

    def close(self) -> None:
        """Forget every face; twice is fine."""
        self._is_open = False
        shutil.rmtree(self._store.folder, ignore_errors=True)
