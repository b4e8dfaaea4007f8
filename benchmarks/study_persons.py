"""Who is who in composed clips: IDF1 of tracking alone, and with every proposal accepted unseen.

python -m benchmarks.study_persons ../shared/media ../shared/models/face_detection_yunet_2023mar.onnx

People are cut out of photos, sway, are lit differently from moment to moment, and leave, cross or are cut to.
Each of the features is measured alone, too, and the network's own embedding beside them (which needs torch).
IDF1 is that of Ristani et al., "Performance Measures and a Data Set for Multi-Target, Multi-Camera Tracking"
(2016): identities are paired one to one so that most boxes agree (IoU of at least 0.5). Nothing is kept.
"""

import itertools
import json
import math
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import tyro
from tyro.conf import Positional

from fer_core.checkpoint import find_checkpoint
from fer_core.inference.detectors import build_detector
from fer_core.inference.downloads import YUNET, weights_path
from fer_core.inference.tracker import assign, compute_iou
from fer_core.studies import Study, create_study
from fer_core.studies.adding import NewRecording, add_recordings
from fer_core.studies.analyzing import analyze
from fer_core.studies.faces import load_faces
from fer_core.studies.looks import WEIGHTS, describe
from fer_core.studies.persons import Face, rename
from fer_core.studies.proposals import KnownFace, Proposal, compare, look_at
from fer_core.studies.running import list_jobs
from fer_core.types import FaceBox, UInt8Array
from fer_core.workspace import Workspace
from tests.e2e.dashboard import write_clip

SIZE: Final = (640, 360)
FPS: Final = 15
FACE_PX: Final = 84.0
PHOTOS: Final = {
    "angry": ("faceapi_angry.jpg", 0),
    "happy": ("faceapi_happy.jpg", 0),
    "sad": ("faceapi_sad.jpg", 0),
    "surprised": ("faceapi_surprised.jpg", 0),
    "group1": ("human_group-3.jpg", 0),
    "group2": ("human_group-3.jpg", 1),
    "group3": ("human_group-3.jpg", 2),
    "group4": ("human_group-3.jpg", 3),
    "beach": ("pyfeat_multi_face.jpg", 1),
    "bar1": ("vlfaceapi_sample3.jpg", 0),
    "bar2": ("vlfaceapi_sample3.jpg", 1),
    "bar3": ("vlfaceapi_sample3.jpg", 2),
}
"""Photo, and which of its faces from the left."""


@dataclass(frozen=True)
class Cutout:
    """A person on nothing."""

    image: UInt8Array
    alpha: "np.typing.NDArray[np.float32]"
    face: tuple[float, float, float, float]
    """x, y, width and height in it."""


@dataclass(frozen=True)
class Walk:
    """A person's way: seconds, and the centre of the face in shares of the picture, from scene to scene."""

    who: str
    way: tuple[tuple[float, float, float], ...]
    scale: float = 1.0
    first_s: float = 0.0
    last_s: float = math.inf


@dataclass(frozen=True)
class Clip:
    """People on their ways; who comes later in the list is in front."""

    name: str
    seconds: float
    walks: tuple[Walk, ...]
    has_lookalikes: bool = False
    cuts: tuple[float, ...] = ()
    """When the background changes."""


def stand(who: str, x: float, *, first_s: float = 0.0, last_s: float = math.inf, scale: float = 1.0) -> Walk:
    return Walk(who, ((0, x, 0.42),), scale, first_s, last_s)


OUT_LEFT, OUT_RIGHT = -0.25, 1.25
CLIPS: Final = (
    Clip("two stay", 6, (stand("angry", 0.3), stand("surprised", 0.7))),
    Clip(
        "one leaves and comes back",
        9,
        (
            stand("happy", 0.3),
            Walk(
                "sad", ((0, 0.7, 0.4), (2, 0.7, 0.4), (3, OUT_RIGHT, 0.4), (6, OUT_RIGHT, 0.4), (7, 0.7, 0.4))
            ),
        ),
    ),
    Clip(
        "one comes back on the other side",
        9,
        (
            stand("group1", 0.5),
            Walk(
                "surprised",
                ((0, 0.8, 0.4), (2, 0.8, 0.4), (3, OUT_RIGHT, 0.4), (5, OUT_LEFT, 0.4), (6.5, 0.2, 0.4)),
            ),
        ),
    ),
    Clip(
        "two cross",
        8,
        (
            Walk("surprised", ((0, 0.2, 0.45), (2, 0.2, 0.45), (5, 0.8, 0.45))),
            Walk("angry", ((0, 0.8, 0.4), (2, 0.8, 0.4), (5, 0.2, 0.4))),
        ),
    ),
    Clip(
        "three, one crosses and leaves",
        10,
        (
            stand("bar1", 0.25),
            stand("happy", 0.75),
            Walk(
                "group3",
                ((0, 0.5, 0.4), (2, 0.5, 0.4), (4, OUT_LEFT, 0.4), (7, OUT_LEFT, 0.4), (8.5, 0.5, 0.4)),
            ),
        ),
    ),
    Clip(
        "cut and back",
        9,
        (
            stand("angry", 0.3, last_s=3),
            stand("surprised", 0.7, last_s=3),
            stand("happy", 0.5, first_s=3, last_s=6, scale=1.5),
            stand("angry", 0.3, first_s=6),
            stand("surprised", 0.7, first_s=6),
        ),
        cuts=(3, 6),
    ),
    Clip(
        "interview, cut to and fro at one place",
        10,
        tuple(
            stand(who, 0.5, first_s=start, last_s=start + 2, scale=1.3)
            for start, who in zip(range(0, 10, 2), itertools.cycle(("bar2", "sad")), strict=False)
        ),
        cuts=(2, 4, 6, 8),
    ),
    Clip(
        "four enter",
        10,
        tuple(
            Walk(
                who,
                (
                    (0, OUT_LEFT if x < 0.5 else OUT_RIGHT, 0.42),
                    (start, OUT_LEFT if x < 0.5 else OUT_RIGHT, 0.42),
                    (start + 1, x, 0.42),
                ),
            )
            for who, x, start in (
                ("angry", 0.4, 0.0),
                ("group2", 0.62, 1.5),
                ("happy", 0.85, 3.0),
                ("bar1", 0.14, 4.5),
            )
        ),
    ),
    Clip(
        "places swapped by a cut",
        8,
        (
            stand("bar3", 0.3, last_s=4),
            stand("sad", 0.7, last_s=4),
            stand("sad", 0.3, first_s=4),
            stand("bar3", 0.7, first_s=4),
        ),
        cuts=(4,),
    ),
    Clip(
        "two leave one after the other",
        11,
        (
            Walk(
                "group4",
                ((0, 0.3, 0.4), (2, 0.3, 0.4), (3, OUT_LEFT, 0.4), (6, OUT_LEFT, 0.4), (7, 0.3, 0.4)),
            ),
            Walk(
                "beach",
                ((0, 0.7, 0.4), (4, 0.7, 0.4), (5, OUT_RIGHT, 0.4), (8, OUT_RIGHT, 0.4), (9, 0.7, 0.4)),
            ),
        ),
    ),
    Clip(
        "lookalikes cross",
        8,
        (
            Walk("angry", ((0, 0.2, 0.45), (2, 0.2, 0.45), (5, 0.8, 0.45))),
            Walk("sad", ((0, 0.8, 0.4), (2, 0.8, 0.4), (5, 0.2, 0.4))),
        ),
        has_lookalikes=True,
    ),
    Clip(
        "lookalikes leave and come back",
        9,
        (
            Walk(
                "angry",
                ((0, 0.3, 0.4), (2, 0.3, 0.4), (3, OUT_LEFT, 0.4), (6, OUT_LEFT, 0.4), (7, 0.3, 0.4)),
            ),
            Walk(
                "sad",
                ((0, 0.7, 0.4), (2.5, 0.7, 0.4), (3.5, OUT_RIGHT, 0.4), (5, OUT_RIGHT, 0.4), (6, 0.7, 0.4)),
            ),
        ),
        has_lookalikes=True,
    ),
)


def cut_out(photos: Path, workspace: Workspace) -> dict[str, Cutout]:
    import cv2
    from PIL import Image, ImageOps

    detector = build_detector("yunet", workspace)
    found: dict[str, Cutout] = {}
    for who, (name, number) in PHOTOS.items():
        image = np.asarray(ImageOps.exif_transpose(Image.open(photos / name)).convert("RGB"))
        boxes = sorted(detector.detect(image), key=lambda box: box.x)
        face = boxes[number]
        zoom = FACE_PX / face.height
        top, left = face.y - 0.7 * face.height, face.x - 1.1 * face.width
        width, height = 3.2 * face.width, 3.4 * face.height
        matrix = np.array([[zoom, 0, -zoom * left], [0, zoom, -zoom * top]])
        size = round(width * zoom), round(height * zoom)
        picture = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
        box = tuple(zoom * value for value in (face.x - left, face.y - top, face.width, face.height))
        alpha = np.zeros(size[::-1], np.float32)
        x, y, w, h = box
        center = round(x + w / 2), round(y + 0.4 * h)
        cv2.ellipse(alpha, center, (round(0.85 * w), round(0.95 * h)), 0, 0, 360, 1.0, -1)
        torso = [
            (x + 0.2 * w, y + 0.9 * h),
            (x + 0.8 * w, y + 0.9 * h),
            (x + 1.75 * w, y + 1.6 * h),
            (x + 1.75 * w, y + 3 * h),
            (x - 0.75 * w, y + 3 * h),
            (x - 0.75 * w, y + 1.6 * h),
        ]
        cv2.fillPoly(alpha, [np.array(torso).round().astype(np.int32)], 1.0)
        found[who] = Cutout(picture, cv2.GaussianBlur(alpha, (0, 0), 2.0), box)
    return found


def compose(
    clip: Clip, people: Mapping[str, Cutout], seed: int
) -> tuple[list[UInt8Array], list[dict[str, FaceBox]]]:
    """The frames, and where whose face is on each, if at least half of it can be seen."""
    import cv2

    chance = np.random.default_rng(seed)
    grounds = [_draw_ground(chance) for _ in range(len(clip.cuts) + 1)]
    noise = [chance.normal(0, 4, (*SIZE[::-1], 3)).astype(np.float32) for _ in range(7)]
    phases = {walk.who: chance.uniform(0, 2 * np.pi, 5) for walk in clip.walks}
    frames, truths = [], []
    for number in range(round(clip.seconds * FPS)):
        time_s = number / FPS
        picture = grounds[sum(time_s >= cut for cut in clip.cuts)].copy()
        truth: dict[str, FaceBox] = {}
        for walk in clip.walks:
            if not walk.first_s <= time_s < walk.last_s:
                continue
            times, xs, ys = zip(*walk.way, strict=True)
            phase = phases[walk.who]
            x = SIZE[0] * np.interp(time_s, times, xs) + 4 * math.sin(1.7 * time_s + phase[0])
            y = SIZE[1] * np.interp(time_s, times, ys) + 3 * math.sin(2.3 * time_s + phase[1])
            angle, scale = (
                5 * math.sin(1.1 * time_s + phase[2]),
                walk.scale * (1 + 0.05 * math.sin(0.9 * time_s + phase[3])),
            )
            person = people[walk.who]
            fx, fy, fw, fh = person.face
            matrix = cv2.getRotationMatrix2D((fx + fw / 2, fy + fh / 2), angle, scale)
            matrix[:, 2] += (x - fx - fw / 2, y - fy - fh / 2)
            light = 1 + 0.18 * math.sin(0.8 * time_s + phase[4])
            drawn = cv2.warpAffine(person.image, matrix, SIZE).astype(np.float32) * light
            alpha = cv2.warpAffine(person.alpha, matrix, SIZE)[..., None]
            picture = picture * (1 - alpha) + drawn.clip(0, 255) * alpha
            box = FaceBox(
                x=x - scale * fw / 2, y=y - scale * fh / 2, width=scale * fw, height=scale * fh, score=1.0
            )
            truth = {who: other for who, other in truth.items() if _share_covered(other, box) < 0.5}
            if 0.0 <= x < SIZE[0] and 0 <= y < SIZE[1]:
                truth[walk.who] = box
        frames.append((picture + noise[number % len(noise)]).clip(0, 255).astype(np.uint8))
        truths.append(truth)
    return frames, truths


def _draw_ground(chance: np.random.Generator) -> "np.typing.NDArray[np.float32]":
    import cv2

    coarse = chance.uniform(60, 190, (5, 8, 3)).astype(np.float32)
    return cv2.resize(coarse, SIZE, interpolation=cv2.INTER_CUBIC)


def _share_covered(box: FaceBox, front: FaceBox) -> float:
    """How much of a face a head in front of it hides."""
    grown = replace(front, x=front.x - 0.2 * front.width, width=1.4 * front.width, height=2.5 * front.height)
    width = min(box.x + box.width, grown.x + grown.width) - max(box.x, grown.x)
    height = min(box.y + box.height, grown.y + grown.height) - max(box.y, grown.y)
    return max(0.0, width) * max(0.0, height) / (box.width * box.height)


def compute_idf1(truths: Sequence[Mapping[str, FaceBox]], found: Sequence[Mapping[str, FaceBox]]) -> float:
    """2 IDTP / (number of true boxes + number of found boxes), for the best pairing of identities."""
    persons = sorted({who for frame in truths for who in frame})
    names = sorted({who for frame in found for who in frame})
    agreed = np.zeros((len(persons), len(names)))
    for truth, here in zip(truths, found, strict=True):
        if not truth or not here:
            continue
        iou = compute_iou(list(truth.values()), list(here.values()))
        for row, who in enumerate(truth):
            for column, name in enumerate(here):
                agreed[persons.index(who), names.index(name)] += iou[row, column] >= 0.5
    pairs = assign(-agreed) if agreed.size else {}
    total = sum(map(len, truths)) + sum(map(len, found))
    return 2 * sum(agreed[row, column] for row, column in pairs.items()) / total


def read_boxes(study: Study, recording: str, num_frames: int, *, named: bool) -> list[dict[str, FaceBox]]:
    """Whose face is where, by the name of the person, or by track."""
    found: list[dict[str, FaceBox]] = [{} for _ in range(num_frames)]
    for row in load_faces(study, recording).dropna(subset=["track_id"]).itertuples():
        person = getattr(row, "person", None)
        name = person if named and isinstance(person, str) else f"face {int(row.track_id)}"
        found[int(row.frame)][name] = FaceBox(x=row.x, y=row.y, width=row.width, height=row.height, score=1.0)
    return found


def accept(study: Study, proposals: Sequence[Proposal], prefix: str) -> None:
    for number, item in enumerate(proposals):
        if item.kind == "other":
            names = [f"{prefix}{number}a", f"{prefix}{number}b"]
        else:
            names = [item.person or f"{prefix}{number}"] * len(item.faces)
        rename(study, dict(zip(item.faces, names, strict=True)))


def iterate_ways(known: Sequence[KnownFace]) -> Iterator[tuple[str, list[list[Face]]]]:
    """How each feature alone would join faces, at its best threshold, and those that ship."""
    names = sorted({name for item in known for look in item.looks for name in look.features})
    for name in names:
        for same in (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6):
            found = compare(known, {name: 1.0}, same=same, other=9.0)
            yield f"{name} {same}", [list(item.faces) for item in found]


class Network:
    """The embedding of the model that ships."""

    def __init__(self, workspace: Workspace) -> None:
        from fer_core.inference.torch_predictor import TorchPredictor
        from fer_core.models.checkpoint_files import load_checkpoint

        folder = find_checkpoint("fer-small", workspace).folder
        self.predictor = TorchPredictor(*load_checkpoint(folder), device="cpu")

    def describe(self, image_rgb: UInt8Array, face: Any) -> dict[str, Any]:
        import torch

        from fer_core.inference.crop import extract_crops

        box = FaceBox(
            x=face["x"],
            y=face["y"],
            width=face["width"],
            height=face["height"],
            score=1.0,
            roll=float(face["roll"] or 0),
        )
        predictor: Any = self.predictor
        crop = torch.from_numpy(extract_crops(image_rgb, [box], predictor.info.input))
        x = crop[:, None] if crop.ndim == 3 else crop.permute(0, 3, 1, 2)
        with torch.inference_mode():
            values = (
                predictor._model.forward_outputs((x.float() - predictor._mean) * predictor._scale)
                .embedding[0]
                .numpy()
            )
        return {**describe(image_rgb, face), "network": values / max(1e-6, float(np.linalg.norm(values)))}


def main(
    media: Positional[Path],
    yunet: Positional[Path],
    clips: tuple[int, ...] = (),
    network: bool = True,
    keep: Path | None = None,
) -> int:
    """Compose, analyze, propose, compare; print a table.

    Args:
        media: the folder with `photos`.
        yunet: the detector's file.
        clips: numbers of clips, from 0; all if not given.
        network: measure the network's own embedding, too.
        keep: a folder for the clips, to look at.
    """
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        workspace = Workspace(root / "workspace")
        weights = weights_path(YUNET, workspace)
        weights.parent.mkdir(parents=True)
        shutil.copy(yunet, weights)
        people = cut_out(media / "photos", workspace)
        measure = Network(workspace).describe if network else describe
        rows: list[dict[str, Any]] = []
        alone: dict[str, list[float]] = {}
        for number in clips or range(len(CLIPS)):
            clip = CLIPS[number]
            frames, truths = compose(clip, people, number)
            path = write_clip(root / f"clip{number}.mp4", iter(frames), fps=FPS)
            if keep is not None:
                shutil.copy(path, keep)
            del frames
            study = create_study(workspace, f"clip{number}", detector="yunet")
            recording = add_recordings(study, [NewRecording(path=path)]).recordings[0]
            assert not analyze(list_jobs(study)[0])
            tracked = read_boxes(study, recording, len(truths), named=False)
            known = look_at(study, recording, str(path), measure)
            for way, groups in iterate_ways(known):
                ids = {
                    f"face {face.track_id}": f"group {place}"
                    for place, group in enumerate(groups)
                    for face in group
                }
                joined = [{ids.get(key, key): box for key, box in frame.items()} for frame in tracked]
                alone.setdefault(way, []).append(compute_idf1(truths, joined))
            splits = [item for item in compare(known) if item.kind == "other"]
            accept(study, splits, "part ")
            merges = [item for item in compare(look_at(study, recording, str(path))) if item.kind == "same"]
            accept(study, merges, "person ")
            rows.append(
                {
                    "clip": clip.name,
                    "lookalikes": clip.has_lookalikes,
                    "people": len({walk.who for walk in clip.walks}),
                    "tracks": len(known),
                    "splits": len(splits),
                    "merges": len(merges),
                    "tracking": round(compute_idf1(truths, tracked), 3),
                    "proposals": round(
                        compute_idf1(truths, read_boxes(study, recording, len(truths), named=True)), 3
                    ),
                }
            )
            print(json.dumps(rows[-1]), flush=True)
        best: dict[str, tuple[float, str]] = {}
        for way, values in alone.items():
            feature, same = way.split()
            best[feature] = max(best.get(feature, (0.0, "")), (round(float(np.mean(values)), 3), same))
        print(
            json.dumps(
                {"each feature alone, mean IDF1 at its best threshold": best, "weights": dict(WEIGHTS)}
            )
        )
        plain = [row for row in rows if not row["lookalikes"]]
        means = {
            key: round(float(np.mean([row[key] for row in plain])), 3) for key in ("tracking", "proposals")
        }
        print(json.dumps({"mean without lookalikes": means, "least": min(row["proposals"] for row in plain)}))
    return 0


if __name__ == "__main__":
    sys.exit(tyro.cli(main, description=__doc__))
