"""Who is who in composed clips: IDF1 of tracking alone, and with every proposal accepted unseen.

python -m benchmarks.study_persons ../shared/media ../shared/models/face_detection_yunet_2023mar.onnx

Weights and thresholds are fitted on clips of one cast, without the lookalikes, and measured on clips of
another one, before other backgrounds. So are each of the features alone, and the network's own embedding
(which needs torch).
IDF1 is that of Ristani et al., "Performance Measures and a Data Set for Multi-Target, Multi-Camera Tracking"
(2016): identities are paired one to one so that most boxes agree (IoU of at least 0.5). Nothing is kept.
"""

import itertools
import json
import math
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import tyro
from tyro.conf import Positional

from benchmarks.composed_clips import CASTS, CLIPS, FPS, Clip, compose, cut_out
from fer_core.checkpoint import find_checkpoint
from fer_core.inference.downloads import YUNET, weights_path
from fer_core.inference.tracker import assign, compute_iou
from fer_core.studies import Study, create_study
from fer_core.studies.adding import add_recordings
from fer_core.studies.analyzing import analyze
from fer_core.studies.faces import load_faces
from fer_core.studies.looks import WEIGHTS, average, describe
from fer_core.studies.new_recordings import NewRecording
from fer_core.studies.persons import Face, rename
from fer_core.studies.proposals import OTHER, SAME, KnownFace, Proposal, compare, group_faces, look_at
from fer_core.studies.running import list_jobs
from fer_core.types import FaceBox, Float32Array, UInt8Array
from fer_core.workspace import Workspace
from tests.e2e.dashboard import write_clip

Boxes = Sequence[Mapping[str, FaceBox]]
"""Whose face is where, frame by frame."""
STEPS: Final = 5
"""Weights are fifths."""
MOST_OF_PATTERN: Final = 2
"""Fifths. In these clips a face keeps the pattern of one photo; elsewhere pose and expression change it."""
SAMES: Final = tuple(np.arange(0.15, 0.51, 0.05).round(2).tolist())
OTHERS: Final = tuple(np.arange(0.3, 0.61, 0.05).round(2).tolist())


@dataclass(frozen=True)
class Scene:
    """A clip as a study read it."""

    clip: Clip
    study: Study
    recording: str
    path: str
    truths: Boxes
    known: list[KnownFace]
    matches: list[tuple[int, int, str]]
    """Frame, track and person of boxes that agree."""
    num_boxes: int
    """True ones and found ones."""
    pieces: dict[tuple[Face, ...], "Pieces"] = field(default_factory=dict)
    """Known already, by the faces that begin where one is divided."""


def match(truths: Boxes, found: Boxes) -> Iterator[tuple[int, str, str]]:
    """Frame, person and name of boxes that agree."""
    for number, (truth, here) in enumerate(zip(truths, found, strict=True)):
        if truth and here:
            iou = compute_iou(list(truth.values()), list(here.values())) >= 0.5
            persons, names = list(truth), list(here)
            yield from ((number, persons[row], names[column]) for row, column in np.argwhere(iou))


def pair(matches: Sequence[tuple[str, Any]]) -> int:
    """How many matches of a person and a name agree, if each person has one name, for the best pairing."""
    persons, names = (sorted(set(column)) for column in zip(*matches, strict=True)) if matches else ((), ())
    agreed = np.zeros((len(persons), len(names)))
    for who, name in matches:
        agreed[persons.index(who), names.index(name)] += 1
    return int(sum(agreed[row, column] for row, column in assign(-agreed).items())) if agreed.size else 0


def compute_idf1(truths: Boxes, found: Boxes) -> float:
    """2 IDTP / (number of true boxes + number of found boxes), for the best pairing of identities.

    NaN (0/0) where nobody is seen and nobody found, as in py-motmetrics; such a clip is left out of means.
    """
    total = sum(map(len, truths)) + sum(map(len, found))
    agreed = pair([(who, name) for _, who, name in match(truths, found)])
    return 2 * agreed / total if total else math.nan


def watch(clip: Clip, seed: int, people: Any, workspace: Workspace, look: Callable[..., Any]) -> Scene:
    """Compose a clip, and let a study read it."""
    frames, truths = compose(clip, people, seed)
    path = write_clip(workspace.root / f"clip{seed}.mp4", iter(frames), fps=FPS)
    study = create_study(workspace, path.stem, detector="yunet")
    recording = add_recordings(study, [NewRecording(path=path)]).recordings[0]
    if reason := analyze(list_jobs(study)[0]):
        raise RuntimeError(reason)
    tracked = read_boxes(study, recording, len(truths), named=False)
    return Scene(
        clip,
        study,
        recording,
        str(path),
        truths,
        look_at(study, recording, str(path), look),
        [(frame, int(name), who) for frame, who, name in match(truths, tracked)],
        sum(map(len, truths)) + sum(map(len, tracked)),
    )


def read_boxes(study: Study, recording: str, num_frames: int, *, named: bool) -> list[dict[str, FaceBox]]:
    """Whose face is where, by the name of the person, or by track."""
    found: list[dict[str, FaceBox]] = [{} for _ in range(num_frames)]
    for row in load_faces(study, recording).dropna(subset=["track_id"]).itertuples():
        person = getattr(row, "person", None)
        name = person if named and isinstance(person, str) else str(int(row.track_id))
        found[int(row.frame)][name] = FaceBox(x=row.x, y=row.y, width=row.width, height=row.height, score=1.0)
    return found


@dataclass(frozen=True)
class Pieces:
    """The faces of a scene, some of them divided, and what does not depend on weights and thresholds."""

    known: list[KnownFace]
    looks: list[dict[str, Float32Array]]
    strangers: set[tuple[int, int]]
    matches: list[tuple[int, str]]
    """Piece and person of boxes that agree."""

    @classmethod
    def of(cls, scene: Scene, splits: Mapping[Face, Face]) -> "Pieces":
        known = [piece for item in scene.known for piece in divide(item, splits.get(item.face))]
        seen = {
            (item.face.track_id, frame): place for place, item in enumerate(known) for frame in item.frames
        }
        pairs = itertools.combinations(enumerate(known), 2)
        return cls(
            known,
            [average(item.looks) for item in known],
            {(one, other) for (one, first), (other, second) in pairs if first.frames & second.frames},
            [(seen.get((track, frame), -track), who) for frame, track, who in scene.matches],
        )


def divide(item: KnownFace, later: Face | None) -> list[KnownFace]:
    if later is None:
        return [item]
    frames = {frame for frame in item.frames if frame / FPS >= later.from_s}
    looks = [look for look in item.looks if look.time_s >= later.from_s]
    first = [look for look in item.looks if look.time_s < later.from_s]
    return [KnownFace(item.face, item.frames - frames, first), KnownFace(later, frames, looks)]


class Trial:
    """IDF1 of a scene if all proposals are accepted, for any thresholds; nothing is written down."""

    def __init__(self, scene: Scene, weights: Mapping[str, float]) -> None:
        self.scene, self.weights = scene, weights
        found = compare(scene.known, weights, same=-1.0, other=0.0)
        self.splits = [item for item in found if item.kind == "other"]

    def score(self, same: float, other: float) -> float:
        splits = {item.faces[0]: item.faces[1] for item in self.splits if item.distance >= other}
        kept = self.scene.pieces
        key = tuple(sorted(splits.values()))
        pieces = kept[key] if key in kept else kept.setdefault(key, Pieces.of(self.scene, splits))
        names = [""] * len(pieces.known)
        groups, _ = group_faces(pieces.looks, pieces.strangers, names, self.weights, same)
        group_of = {piece: group[0] for group in groups for piece in group}
        return (
            2
            * pair([(who, group_of.get(piece, piece)) for piece, who in pieces.matches])
            / self.scene.num_boxes
        )


def score_all(
    scenes: Sequence[Scene], weights: Mapping[str, float], sames: Sequence[float], others: Sequence[float]
) -> "np.typing.NDArray[np.float64]":
    """Mean IDF1 over scenes, for thresholds of joining (rows) and dividing (columns)."""
    trials = [Trial(scene, weights) for scene in scenes]
    table = [[[trial.score(same, other) for trial in trials] for other in others] for same in sames]
    return np.mean(table, axis=2)


def list_weights() -> Iterator[dict[str, float]]:
    """Every way to share a whole among the features in fifths."""
    names = sorted(WEIGHTS)
    for shares in itertools.product(range(STEPS + 1), repeat=len(names)):
        weights = dict(zip(names, shares, strict=True))
        if sum(shares) == STEPS and weights["pattern"] <= MOST_OF_PATTERN:
            yield {name: value / STEPS for name, value in weights.items()}


def fit(scenes: Sequence[Scene], ways: Sequence[dict[str, float]]) -> tuple[dict[str, float], float, float]:
    """Weights and thresholds with the best mean IDF1 of their surroundings: thresholds and those beside."""
    best: tuple[float, tuple[dict[str, float], float, float]] | None = None
    for weights in ways:
        table = score_all(scenes, weights, SAMES, OTHERS)
        padded = np.pad(table, 1, mode="edge")
        around = np.lib.stride_tricks.sliding_window_view(padded, (3, 3)).mean((2, 3))
        row, column = np.unravel_index(around.argmax(), around.shape)
        if best is None or around[row, column] > best[0] + 1e-9:
            best = float(around[row, column]), (weights, SAMES[row], OTHERS[column])
    assert best is not None
    return best[1]


def accept(study: Study, proposals: Sequence[Proposal], prefix: str) -> None:
    for number, item in enumerate(proposals):
        if item.kind == "other":
            names = [f"{prefix}{number}a", f"{prefix}{number}b"]
        else:
            names = [item.person or f"{prefix}{number}"] * len(item.faces)
        rename(study, dict(zip(item.faces, names, strict=True)))


def measure(scene: Scene) -> dict[str, Any]:
    """IDF1 of tracking alone, and after all proposals were accepted as on the page, those to divide first.

    `most` is what boxes that were found allow for, if everybody had one name.
    """
    splits = [item for item in compare(scene.known) if item.kind == "other"]
    accept(scene.study, splits, "part ")
    again = look_at(scene.study, scene.recording, scene.path)
    merges = [item for item in compare(again) if item.kind == "same"]
    accept(scene.study, merges, "person ")
    found = {
        way: compute_idf1(
            scene.truths, read_boxes(scene.study, scene.recording, len(scene.truths), named=named)
        )
        for way, named in (("tracking", False), ("proposals", True))
    }
    return {
        "clip": scene.clip.name,
        "lookalikes": scene.clip.has_lookalikes,
        "people": len({walk.who for walk in scene.clip.walks}),
        "tracks": len(scene.known),
        "splits": len(splits),
        "merges": len(merges),
        **{way: round(value, 3) for way, value in found.items()},
        "most": round(2 * len(scene.matches) / scene.num_boxes, 3),
    }


class Network:
    """The embedding of the model that ships."""

    def __init__(self, workspace: Workspace) -> None:
        from fer_core.inference.torch_predictor import TorchPredictor
        from fer_core.models.checkpoint_files import load_checkpoint

        folder = find_checkpoint("fer-small", workspace).folder
        self.predictor: Any = TorchPredictor(*load_checkpoint(folder), device="cpu")

    def describe(self, image_rgb: UInt8Array, face: Any) -> dict[str, Any]:
        import torch

        from fer_core.inference.crop import extract_crops

        place = {name: face[name] for name in ("x", "y", "width", "height")}
        box = FaceBox(**place, score=1.0, roll=float(face["roll"] or 0))
        crop = torch.from_numpy(extract_crops(image_rgb, [box], self.predictor.info.input))
        x = crop[:, None] if crop.ndim == 3 else crop.permute(0, 3, 1, 2)
        with torch.inference_mode():
            x = (x.float() - self.predictor._mean) * self.predictor._scale
            values = self.predictor._model.forward_outputs(x).embedding[0].numpy()
        return {**describe(image_rgb, face), "network": values / max(1e-6, float(np.linalg.norm(values)))}


def main(
    media: Positional[Path],
    yunet: Positional[Path],
    weights: bool = True,
    network: bool = True,
    keep: Path | None = None,
) -> int:
    """Compose, analyze, fit, propose, compare; print tables.

    Args:
        media: the folder with `photos`.
        yunet: the detector's file.
        weights: fit those of the features, too, which takes minutes, not each feature alone only.
        network: measure the network's own embedding, too.
        keep: a folder for the clips, to look at.
    """
    with tempfile.TemporaryDirectory() as name:
        workspace = Workspace(Path(name))
        path = weights_path(YUNET, workspace)
        path.parent.mkdir(parents=True)
        shutil.copy(yunet, path)
        look = Network(workspace).describe if network else describe
        parts = {
            part: [
                watch(clip, number + first, people, workspace, look)
                for number, clip in enumerate(CLIPS)
                if part == "test" or not clip.has_lookalikes
            ]
            for part, first in (("fit", 100), ("test", 0))
            for people in [cut_out(media / "photos", CASTS[part], workspace)]
        }
        if keep is not None:
            for file in workspace.root.glob("clip*.mp4"):
                shutil.copy(file, keep)
        plain = [scene for scene in parts["test"] if not scene.clip.has_lookalikes]
        features = sorted({name for item in plain[0].known for look in item.looks for name in look.features})
        for feature in features:
            fitted = fit(parts["fit"], [{feature: 1.0}])
            facts = {"alone": feature, "same": fitted[1], "other": fitted[2]}
            print(json.dumps({**facts, **compare_parts(parts["fit"], plain, fitted)}), flush=True)
        if weights:
            fitted = fit(parts["fit"], list(list_weights()))
            facts = {"fitted": fitted[0], "same": fitted[1], "other": fitted[2]}
            print(json.dumps({**facts, **compare_parts(parts["fit"], plain, fitted)}), flush=True)
        facts = {"shipped": dict(WEIGHTS), "same": SAME, "other": OTHER}
        shipped = (dict(WEIGHTS), SAME, OTHER)
        print(json.dumps({**facts, **compare_parts(parts["fit"], plain, shipped)}), flush=True)
        rows = []
        for scene in parts["test"]:
            seen = look_at(scene.study, scene.recording, scene.path)
            rows.append(measure(replace(scene, known=seen)))
            print(json.dumps(rows[-1]), flush=True)
        seen = [row for row in rows if not row["lookalikes"]]
        means = {
            way: round(float(np.mean([row[way] for row in seen])), 3) for way in ("tracking", "proposals")
        }
        print(json.dumps({"mean without lookalikes": means, "least": min(row["proposals"] for row in seen)}))
    return 0


def compare_parts(
    fit_on: Sequence[Scene], tested_on: Sequence[Scene], fitted: tuple[dict[str, float], float, float]
) -> dict[str, float]:
    """Mean IDF1 on the part that was fitted to, and on the other."""
    weights, same, other = fitted
    parts = {"idf1_fit": fit_on, "idf1_test": tested_on}
    return {
        name: round(float(score_all(scenes, weights, [same], [other])[0, 0]), 3)
        for name, scenes in parts.items()
    }


if __name__ == "__main__":
    sys.exit(tyro.cli(main, description=__doc__))
