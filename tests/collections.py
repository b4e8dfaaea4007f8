"""Collections that tests make: drawn faces, of several people and clips."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fer_core.collecting import Collection, create_collection
from fer_core.collecting.collection import COLUMNS, add_faces
from fer_core.collecting.labels import Vote, open_labels
from fer_core.labels import EMOTIONS
from fer_core.workspace import Workspace

START = datetime(2026, 1, 1, tzinfo=UTC)
EMPTY = {"source": "", "added": "", "embedding": None}


def make_collection(
    workspace: Workspace, num_faces: int, *, name: str = "own", num_clips: int = 4, side_px: int = 64
) -> Collection:
    """Face i is a grey picture of its own level, of clip i modulo `num_clips`; two clips a person."""
    collection = create_collection(workspace, name)
    folder = workspace.root / "made"
    folder.mkdir(parents=True, exist_ok=True)
    rows, files = [], []
    for number in range(num_faces):
        image = np.full((side_px, side_px, 3), 10 + number % 240, np.uint8)
        paths = folder / f"{number}.png", folder / f"{number}.jpg"
        for path in paths:
            Image.fromarray(image).save(path)
        rows.append(_describe(number, number % num_clips))
        files.append(paths)
    add_faces(collection, rows, files)
    return collection


def _describe(number: int, clip: int) -> dict[str, Any]:
    facts = dict.fromkeys((name for name in COLUMNS if name not in ("face", "embedding")), 0.0)
    words = {"label": "happiness", "model": "fer-small", "model_sha256": "0" * 64, "method": "random"}
    texts = {"clip": f"clip-{clip}.mp4", "origin": "/clips", "person": f"person {clip // 2}"}
    answers = {kind: 0.3 if kind == "happiness" else 0.1 for kind in EMOTIONS}
    return {**facts, "track_id": 1, "time_s": float(number), **words, **texts, **EMPTY, **answers}


def make_vote(number: int | str, face: int, labels: Sequence[str], who: str = "Ann", **facts: Any) -> Vote:
    """Vote `number` (its id and its time), about face `face` (from 1)."""
    return Vote(
        id=f"{who}-{number}",
        face=f"{face:06d}",
        annotator=who,
        labels=tuple(labels),
        time=START + timedelta(seconds=number if isinstance(number, int) else 0),
        **facts,
    )


def label_all(collection: Collection, who: str = "Ann") -> None:
    """Label face i with emotion i modulo 8."""
    faces = range(1, len(collection.load_faces()) + 1)
    open_labels(collection).add([make_vote(face, face, [EMOTIONS[face % 8]], who) for face in faces])


def picture_of(path: Path) -> np.ndarray:
    """Pixels of a file."""
    return np.asarray(Image.open(path))
