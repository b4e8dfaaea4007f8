"""Sets of faces that stand in for a user's own: drawn people, shifted validation faces, press photos."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from fer_core.checkpoint import CheckpointInfo
from fer_core.data.schematic.actions import draw_actions
from fer_core.data.schematic.canvas import View
from fer_core.data.schematic.drawing import render_face
from fer_core.data.schematic.person import Person
from fer_core.data.store import Dataset
from fer_core.images import load_image
from fer_core.inference.crop import extract_crops
from fer_core.inference.detectors import build_detector
from fer_core.types import UInt8Array
from fer_core.workspace import Workspace

FACES_EACH = 12
HELD_OUT = 1 / 3


@dataclass(frozen=True, slots=True)
class StandIn:
    """Faces that stand in for a user's own."""

    name: str
    images: UInt8Array
    labels: list[str]
    groups: list[str]
    is_held_out: npt.NDArray[np.bool_]


def draw_people(classes: Sequence[str], num_people: int) -> StandIn:
    """People who are drawn again and again, in light and from a side that no data set here has."""
    images, labels, groups, held_out = [], [], [], []
    for number in range(num_people):
        person = Person.random(np.random.default_rng((27, number)))
        for face in range(FACES_EACH):
            rng = np.random.default_rng((27, number, face))
            label = classes[int(rng.integers(len(classes)))]
            view = View(
                side=float(rng.uniform(1.9, 2.6)),
                center=(float(rng.normal(0.1, 0.06)), float(rng.normal(0.0, 0.06))),
                tilt_deg=float(rng.normal(8, 5)),
                yaw_deg=float(rng.uniform(5, 18)),
                pitch_deg=float(rng.uniform(-10, -3)),
            )
            actions = draw_actions(label, float(rng.uniform(0.5, 1.0)), rng)
            color = render_face(person, actions, view, height_px=48, width_px=48)
            grey = np.asarray(cv2.cvtColor(color, cv2.COLOR_RGB2GRAY), np.float32)
            light = np.linspace(1.2, 0.35, 48, dtype=np.float32)[None]
            noisy = grey * light + rng.normal(0, 6, grey.shape)
            images.append(noisy.clip(0, 255).astype(np.uint8))
            labels.append(label)
            groups.append(f"person {number}")
            held_out.append(number >= num_people * (1 - HELD_OUT))
    return StandIn("drawn", np.stack(images), labels, groups, np.array(held_out))


def shift_faces(known: Dataset, rows: npt.NDArray[np.int64]) -> StandIn:
    """Validation faces of FER+ under other light, cropped otherwise, labelled by another habit."""
    images = []
    for row in rows.tolist():
        rng = np.random.default_rng((27, row))
        face = np.asarray(known.images[row], np.float32)
        light = np.linspace(0.25, 0.8, 48, dtype=np.float32)[:, None]
        dim = 255 * (face / 255) ** 1.4 * light + 12
        scale, down = rng.uniform(0.68, 0.8), rng.uniform(2, 6)
        matrix = np.array([[scale, 0, 24 * (1 - scale)], [0, scale, 24 * (1 - scale) + down]], np.float32)
        moved = cv2.warpAffine(dim, matrix, (48, 48), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
        images.append((moved + rng.normal(0, 4, moved.shape)).clip(0, 255).astype(np.uint8))
    labels = known.samples["label"].iloc[rows].tolist()
    held_out = np.arange(len(rows)) % 2 == 1
    return StandIn("shifted", np.stack(images), labels, [f"face {row}" for row in rows], held_out)


def read_photos(path: Path, info: CheckpointInfo, workspace: Workspace) -> list[StandIn]:
    """The press photos as their two sources, cropped as the model wants them."""
    detector = build_detector("yunet", workspace)
    found: dict[str, list[tuple[UInt8Array, str]]] = {"350 x 350": [], "other sizes": []}
    with zipfile.ZipFile(path) as archive:
        table = pd.read_csv(archive.open("labels.csv"))
        for name, label in zip(table["path"], table["label"], strict=True):
            pixels = load_image(archive.read(name))
            boxes = detector.detect(pixels)
            if not boxes or label not in info.classes:
                continue
            largest = max(boxes, key=lambda box: box.width * box.height)
            (crop,) = extract_crops(pixels, [largest], info.input)
            found["350 x 350" if pixels.shape[:2] == (350, 350) else "other sizes"].append((crop, label))
    return [
        StandIn(
            f"press, {source}",
            np.stack([image for image, _ in items]),
            [label for _, label in items],
            [str(number) for number in range(len(items))],
            np.ones(len(items), bool),
        )
        for source, items in found.items()
        if items
    ]
