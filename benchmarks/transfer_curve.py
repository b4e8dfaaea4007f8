"""Do more pictures of the same source help on another one? The curve, at equal numbers of steps.

    python benchmarks/transfer_curve.py --photos ../shared/data/press_photos_dev.zip --out curve.json

`fer-tiny`'s recipe learns from an eighth, a quarter, half and all of FER+'s training faces, for as many steps
each, in one cycle. Then it reads FER+'s validation faces, and press photos that no network saw, on the seven
classes that both have: as it is, and with three quarters of FER+'s shares taken off. Needs YuNet and ferplus.
An hour of one core; a run that was stopped goes on where `--out` ends.
"""

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tyro

from benchmarks.adapt_faces import read_photos
from benchmarks.annotators import SHARED
from benchmarks.voice import train
from fer_core.checkpoint import find_checkpoint
from fer_core.config import load_preset
from fer_core.data.builtin import open_dataset
from fer_core.data.store import Dataset
from fer_core.data.targets import compute_targets, match_classes
from fer_core.evaluation.scoring import compute_logits
from fer_core.io import write_json
from fer_core.types import Float32Array
from fer_core.workspace import Workspace

SHARE_TAKEN_OFF = 0.75


def main(
    photos: Path,
    fractions: tuple[float, ...] = (0.125, 0.25, 0.5, 1.0),
    epochs: int = 20,
    seed: int = 1,
    threads: int = 1,
    out: Path | None = None,
) -> None:
    """Train, read, and print a line for each fraction.

    Args:
        photos: zip of photographs with a labels.csv.
        fractions: of FER+'s training faces; each of them holds those before.
        epochs: over all faces; a fraction is seen more often, so that all learn for as many steps.
        seed: of the choice and the network.
        threads: for the arithmetic.
        out: JSON of what was found.
    """
    workspace = Workspace.default()
    dataset = open_dataset("ferplus", workspace)
    info = find_checkpoint("fer-tiny", workspace).info
    sets = read_photos(photos, info, workspace)
    images = np.concatenate([item.images for item in sets])
    labels = [label for item in sets for label in item.labels]
    found: dict[str, Any] = json.loads(out.read_text()) if out and out.exists() else {}
    for fraction in fractions:
        if str(fraction) not in found:
            begun = time.process_time()
            scores = train_and_read(dataset, images, labels, fraction, epochs, seed, threads)
            found[str(fraction)] = {**scores, "CPU s": time.process_time() - begun}
            if out is not None:
                write_json(out, found)
        print(fraction, found[str(fraction)], flush=True)


def train_and_read(
    dataset: Dataset,
    images: npt.NDArray[np.uint8],
    labels: list[str],
    fraction: float,
    epochs: int,
    seed: int,
    threads: int,
) -> dict[str, float]:
    """Accuracy and balanced accuracy on both sets, in percent."""
    preset = load_preset("tiny")
    part = keep_part(dataset, fraction, seed)
    config = dataclasses.replace(
        preset,
        epochs=round(epochs / fraction),
        batch_size=min(preset.batch_size, len(part.split_indices("train")) // 2),
        seed=seed,
        threads=threads,
        optimizer=dataclasses.replace(preset.optimizer, cycles=1),
    )
    task, setup = train(config, part)
    classes, shares = task.classes, task.train.distributions.mean(axis=0)
    known = match_classes(compute_targets(dataset, "valid", "majority"), classes, SHARED)
    truth = np.array([classes.index(SHARED[label]) for label in known.labels])
    there = np.array([classes.index(label) for label in labels])
    read = [
        compute_logits(setup.model_to_keep, pixels, rows, task.spec, device=setup.device)
        for pixels, rows in ((dataset.images, known.indices), (images, np.arange(len(images))))
    ]
    setup.release()
    return {
        f"{name}, {share} of the shares off: {kind}": value
        for share in (0.0, SHARE_TAKEN_OFF)
        for name, logits, right in zip(("FER+", "press"), read, (truth, there), strict=True)
        for kind, value in score(logits - share * np.log(shares), right, classes).items()
    }


def keep_part(dataset: Dataset, fraction: float, seed: int) -> Dataset:
    """The data set with so many of its training faces; nothing is learned from the others."""
    rows = dataset.split_indices("train")
    chosen = np.random.default_rng(seed).permutation(rows)[round(fraction * len(rows)) :]
    splits = dataset.samples["split"].to_numpy(object).copy()
    splits[chosen] = "test"
    counts = {name: int((splits == name).sum()) for name in dataset.info.split_counts}
    return dataclasses.replace(
        dataset,
        samples=dataset.samples.assign(split=splits),
        info=dataclasses.replace(dataset.info, split_counts=counts),
    )


def score(logits: Float32Array, right: npt.NDArray[np.int64], classes: tuple[str, ...]) -> dict[str, float]:
    """Accuracy and mean recall in percent, of the classes that both sets have."""
    columns = [classes.index(name) for name in SHARED]
    hits = np.array(columns)[logits[:, columns].argmax(axis=1)] == right
    return {
        "accuracy": 100 * float(hits.mean()),
        "balanced": 100 * float(np.mean([hits[right == label].mean() for label in np.unique(right)])),
    }


if __name__ == "__main__":
    tyro.cli(main)
