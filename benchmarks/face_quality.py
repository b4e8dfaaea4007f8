"""Fit and check what a face's quality says: softening, expected correctness, the limits of what is usable.

    python benchmarks/face_quality.py --write            # refit for the shipped models; some minutes
    python benchmarks/face_quality.py --photos ../shared/data/press_photos_dev.zip   # measure only

Fitted on the validation faces of FER2013 (without copies of training faces), each placed in a picture as it
is, made small, corrupted as by `fer robustness`, cut off centre, and found by YuNet again; where that fails,
the box of the clean face is taken, as a tracker would. What is right is told by two sources at once, FER+
and FER2013's own labels, so that neither is taken for the world. Photographs are never fitted to.
"""

import csv
import dataclasses
import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import tyro
from scipy.optimize import minimize

from fer_core.data.builtin import open_dataset
from fer_core.data.duplicates import mark_training_copies
from fer_core.data.label_quality import name_majority
from fer_core.evaluation.calibration import compute_ece
from fer_core.evaluation.corruptions import CORRUPTIONS, NUM_SEVERITIES
from fer_core.evaluation.risk_coverage import compute_risk_coverage
from fer_core.images import load_image
from fer_core.inference.class_prior import GENERAL_PRIOR, with_prior
from fer_core.inference.crop import extract_crops
from fer_core.inference.detectors import build_detector
from fer_core.inference.face_quality import (
    COEFFICIENTS,
    MEASURES,
    compute_burdens,
    expect_correct,
    find_flaws,
    load_quality_model,
    measure_quality,
    soften,
)
from fer_core.inference.predictor import load_predictor
from fer_core.io import write_json
from fer_core.types import FaceBox
from fer_core.workspace import Workspace

BORDER_PX = 12
LARGE_PX = 184
"""Height of a clean face; FER2013's faces are four times enlarged then."""
SIZES_PX = (10, 150)
VIEWS = 4
CROP_CORRUPTIONS = ("misplaced-crop", "wrong-size-crop")
RIDGE = 1e-5


def main(
    models: Annotated[tuple[str, ...], tyro.conf.Positional] = ("fer-small", "fer-tiny", "fer-seven"),
    *,
    prior: str = GENERAL_PRIOR,
    photos: tuple[Path, ...] = (),
    cache: Path = Path("/tmp/fer-face-quality.json"),
    num_faces: int = 0,
    write: bool = False,
) -> None:
    """Fit, write and check.

    Args:
        models: Checkpoints; all weigh the same.
        prior: Expected shares with which their probabilities are read.
        photos: Zips of whole photographs with a labels.csv, to check on.
        cache: Where the boxes of the made pictures are kept: they depend on no model.
        num_faces: Only so many faces; 0 is all.
        write: Replace the numbers in the package by those fitted here.
    """
    workspace = Workspace.default()
    data = open_dataset("ferplus", workspace)
    rows = np.flatnonzero((data.samples["split"] == "valid").to_numpy())
    rows = rows[~mark_training_copies(data, rows)][: num_faces or None]
    detector = build_detector("yunet", workspace)
    views = find_views(data, rows, detector, cache)
    truths = {
        "FER+": name_majority(data),
        "FER2013": data.samples["label"].to_numpy(object),
    }
    predictors = [
        with_prior(load_predictor(name, workspace, device="cpu", runtime="torch"), prior) for name in models
    ]
    read = [read_views(data, views, predictor) for predictor in predictors]
    kept = {name: labels[[view.row for view in views]] for name, labels in truths.items()}
    if write:
        fit = fit_model(read, predictors, kept)
        fit |= {"models": [Path(name).name for name in models], "prior": prior, "n": len(views)}
        write_json(COEFFICIENTS, fit)
        load_quality_model.cache_clear()
        print(json.dumps(fit, indent=1))
    for name, predictor, (chances, qualities) in zip(models, predictors, read, strict=True):
        for source, labels in kept.items():
            for title, chosen in {
                "clean": [view.is_clean for view in views],
                "hard": [not view.is_clean for view in views],
            }.items():
                known = np.flatnonzero((labels != "") & np.array(chosen))
                check(f"{name} {source} {title}", chances, qualities, labels, predictor, known)
        for photo_set in photos:
            check_photos(name, photo_set, predictor, detector)


@dataclasses.dataclass(frozen=True)
class View:
    """A face as a picture shows it."""

    row: int
    corruption: str
    severity: int
    height_px: float
    box: tuple[float | None, ...]

    @property
    def is_clean(self) -> bool:
        return not self.corruption and self.height_px == LARGE_PX

    def picture(self, face: np.ndarray) -> np.ndarray:
        """The face with its edge repeated, corrupted, in its size."""
        changes = {item.name: item for item in CORRUPTIONS}
        if self.corruption and self.corruption not in CROP_CORRUPTIONS:
            face = changes[self.corruption].apply(face[None], self.severity, seed=self.row)[0]
        framed = cv2.copyMakeBorder(face, *[BORDER_PX] * 4, cv2.BORDER_REPLICATE)
        side = max(16, round(framed.shape[0] * self.height_px * 4 / LARGE_PX))
        mode = cv2.INTER_CUBIC if side > framed.shape[0] else cv2.INTER_AREA
        return cv2.cvtColor(cv2.resize(framed, (side, side), interpolation=mode), cv2.COLOR_GRAY2RGB)

    def face(self) -> FaceBox:
        """The box as it is cut: off centre where that is the corruption."""
        values = dict(zip(BOX_FIELDS, self.box, strict=True))
        box = FaceBox(**values)
        if self.corruption not in CROP_CORRUPTIONS:
            return box
        strength = next(item for item in CORRUPTIONS if item.name == self.corruption).strengths[
            self.severity - 1
        ]
        across, down = np.random.default_rng(self.row).choice([-1, 1], 2)
        if self.corruption == "misplaced-crop":
            return dataclasses.replace(
                box, x=box.x + across * strength * box.height, y=box.y + down * strength * box.height
            )
        factor = 1 + strength if across > 0 else 1 / (1 + strength)
        x, y = box.center
        width, height = box.width * factor, box.height * factor
        return dataclasses.replace(box, x=x - width / 2, y=y - height / 2, width=width, height=height)


BOX_FIELDS = ("x", "y", "width", "height", "score", "roll", "yaw", "pitch")


def find_views(data, rows, detector, cache: Path) -> list[View]:
    """Every face clean and large, and in other sizes and states; a face that is never found is left out."""
    key = [data.info.fingerprint, len(rows), VIEWS]
    if cache.exists() and (stored := json.loads(cache.read_text()))["key"] == key:
        return [View(**{**item, "box": tuple(item["box"])}) for item in stored["views"]]
    views: list[View] = []
    for row in rows.tolist():
        face, rng = np.asarray(data.images[row]), np.random.default_rng(row)
        clean = locate(View(row, "", 0, LARGE_PX, ()), face, detector)
        if clean is None:
            continue
        views.append(clean)
        for number in range(VIEWS - 1):
            is_small = number == 0 or rng.random() < 0.3
            height = float(np.exp(rng.uniform(*np.log(SIZES_PX)))) if is_small else LARGE_PX
            kind = CORRUPTIONS[rng.integers(len(CORRUPTIONS))].name if number else ""
            view = View(row, kind, int(rng.integers(1, NUM_SEVERITIES + 1)), height, ())
            views.append(locate(view, face, detector) or scale_from(clean, view))
    cache.write_text(json.dumps({"key": key, "views": [dataclasses.asdict(view) for view in views]}))
    return views


def locate(view: View, face: np.ndarray, detector) -> View | None:
    found = detector._find_upright(view.picture(face))
    if not found:
        return None
    box = max(found, key=lambda item: item.width * item.height)
    return dataclasses.replace(view, box=tuple(getattr(box, name) for name in BOX_FIELDS))


def scale_from(clean: View, view: View) -> View:
    box = clean.face().scaled(view.height_px / LARGE_PX)
    return dataclasses.replace(view, box=tuple(getattr(box, name) for name in BOX_FIELDS))


def read_views(data, views, predictor):
    """Probabilities as the model says them, N x K, and qualities."""
    crops, qualities = [], []
    for view in views:
        box = view.face()
        crop = extract_crops(view.picture(np.asarray(data.images[view.row])), [box], predictor.info.input)
        crops.append(crop[0])
        qualities += measure_quality(crop, [box])
    return predictor.predict_crops(np.stack(crops)), qualities


def fit_model(read, predictors, truths) -> dict:
    """Both models by maximum likelihood, weights not negative; the second on the first's answers."""
    logits, labels, burdens = [], [], []
    for predictor, (chances, qualities) in zip(predictors, read, strict=True):
        burden = np.array([compute_burdens(item) for item in qualities])
        for truth in truths.values():
            index = [
                predictor.info.classes.index(item) if item in predictor.info.classes else -1 for item in truth
            ]
            known = np.flatnonzero(np.array(index) >= 0)
            logits.append(np.log(np.maximum(chances[known], 1e-30)))
            labels.append(np.array(index)[known])
            burdens.append(burden[known])

    def softening_loss(values) -> float:
        total = 0.0
        for row, label, burden in zip(logits, labels, burdens, strict=True):
            scaled = row * np.exp(-values[0] - burden @ values[1:])[:, None]
            scaled -= scaled.max(axis=1, keepdims=True)
            total -= (scaled[np.arange(len(label)), label] - np.log(np.exp(scaled).sum(axis=1))).mean()
        return total / len(logits) + RIDGE * np.square(values[1:]).sum()

    num = len(MEASURES)
    soft = minimize(softening_loss, np.zeros(num + 1), bounds=[(None, None)] + [(0, None)] * num).x
    print(f"a temperature of {np.exp(soft[0]):.3f} on top would suit these faces; it is left out")
    features, right = [], []
    for row, label, burden in zip(logits, labels, burdens, strict=True):
        scaled = row * np.exp(-burden @ soft[1:])[:, None]
        chances = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        chances /= chances.sum(axis=1, keepdims=True)
        best = np.sort(chances.clip(1e-6, 1 - 1e-6), axis=1)
        first, second = best[:, -1], best[:, -2]
        features.append(np.column_stack([np.log(first / (1 - first)), np.log(first / second), -burden]))
        right.append(chances.argmax(axis=1) == label)

    def odds_loss(values) -> float:
        parts = [
            np.logaddexp(0, -(2.0 * truth - 1) * (values[0] + rows @ values[1:])).mean()
            for rows, truth in zip(features, right, strict=True)
        ]
        return float(np.mean(parts) + RIDGE * np.square(values[3:]).sum())

    start = np.array([0.0, 1.0, 0.1, *[0.0] * num])
    odds = minimize(odds_loss, start, bounds=[(None, None)] + [(0, None)] * (num + 2)).x.round(4).tolist()
    return {
        "softening": dict(zip(MEASURES, soft[1:].round(4).tolist(), strict=True)),
        "intercept": odds[0],
        "log_odds": odds[1],
        "log_ratio": odds[2],
        "burden": dict(zip(MEASURES, odds[3:], strict=True)),
        "fitted_by": "benchmarks/face_quality.py",
    }


def check(title, chances, qualities, labels, predictor, rows) -> None:
    """Calibration before and after, and risk against coverage by confidence and by expected correctness."""
    measured = [qualities[row] for row in rows]
    raw = chances[rows].astype(np.float64)
    shown = soften(chances[rows], measured).astype(np.float64)
    classes = np.array(predictor.info.classes, object)
    right = classes[raw.argmax(axis=1)] == labels[rows]
    index = np.where(right, raw.argmax(axis=1), -1)
    expected = np.array(
        [expect_correct(row.tolist(), item) for row, item in zip(shown, measured, strict=True)]
    )
    odds = np.column_stack([expected, np.zeros(len(rows))])  # the second column is never the best
    print(
        f"{title}: n {len(rows)}, ECE {compute_ece(raw, index):.3f} -> {compute_ece(shown, index):.3f}, "
        f"of expected correctness {compute_ece(odds, right - 1):.3f}"
    )
    for name, score in (("confidence", raw.max(axis=1)), ("expected", expected)):
        print(f"   by {name:12s} {compute_risk_coverage(score, right).describe()}")
    flaws = [find_flaws(item) for item in measured]
    bad = np.array([bool(item) for item in flaws])
    told = [f"usable {right[~bad].mean():.1%} ({(~bad).sum()})"]
    for flaw in MEASURES:
        has = np.array([flaw in item for item in flaws])
        if has.any():
            told.append(f"{flaw} {right[has].mean():.1%} ({has.sum()}), expected {expected[has].mean():.1%}")
    unsure = expected < 0.5
    told.append(
        f"uncertain {unsure.mean():.1%}: right {right[unsure].mean():.1%}, others {right[~unsure].mean():.1%}"
    )
    print("   " + "; ".join(told), flush=True)


def check_photos(name, archive: Path, predictor, detector) -> None:
    """The same on whole photographs, the largest face of each: a zip with a labels.csv (path, label)."""
    chances, qualities, labels = [], [], []
    with zipfile.ZipFile(archive) as pictures, tempfile.TemporaryDirectory() as folder:
        for item in csv.DictReader(io.TextIOWrapper(pictures.open("labels.csv"), "utf-8")):
            image = load_image(Path(pictures.extract(item["path"], folder)))
            boxes = detector.detect(image)
            if boxes:
                box = max(boxes, key=lambda found: found.width * found.height)
                crop = extract_crops(image, [box], predictor.info.input)
                chances.append(predictor.predict_crops(crop)[0])
                qualities += measure_quality(crop, [box])
                labels.append(item["label"])
    rows = np.arange(len(labels))
    check(f"{name} {archive.name}", np.stack(chances), qualities, np.array(labels, object), predictor, rows)


if __name__ == "__main__":
    tyro.cli(main)
