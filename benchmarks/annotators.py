"""How well annotators agree with each other: what a model's accuracy on FER+ can be held against.

    python benchmarks/annotators.py --dataset ferplus
    python benchmarks/annotators.py --models fer-small fer-tiny --photos ../shared/data/press_photos_dev.zip

Faces of the validation split that the majority rule keeps. Three figures:

- one annotator against the most frequent answer of the others
- half of a face's annotators against the other half, most frequent answers, ties broken at random
- the most frequent answer against that of as many new annotators, drawn from the votes with a little of the
  whole set's shares mixed in: an upper bound, since it takes the votes for the truth

With models: how often they, and the most frequent answer itself, give what one annotator says, on the classes
that FER+ and FER2013 share. Then the same at the class shares of photographs which one person labelled: what
a model would reach there if it read them as well as the pictures that it learned from, and the person were
as steady as FER+'s annotators.
"""

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import tyro

from fer_core.data.builtin import open_dataset
from fer_core.data.store import Dataset
from fer_core.data.targets import compute_targets
from fer_core.inference.predictor import load_predictor
from fer_core.labels import EMOTIONS
from fer_core.workspace import Workspace

Votes = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]
SHARED = tuple(name for name in EMOTIONS if name != "contempt")
"""The classes of FER2013, and of photographs labelled alike."""


def score_one_against_rest(votes: Votes) -> float:
    """Chance that a random vote is the most frequent among the others; shared first places count in part."""
    hits = 0.0
    for chosen in range(votes.shape[1]):
        rest = votes.copy()
        rest[:, chosen] -= 1
        best = rest == rest.max(axis=1, keepdims=True)
        hits += float((votes[:, chosen] * best[:, chosen] / best.sum(axis=1)).sum())
    return hits / votes.sum()


def score_halves(votes: Votes, generator: np.random.Generator) -> float:
    """Chance that two halves of a face's annotators give the same most frequent answer."""
    agree = 0
    for row in votes:
        size = row.sum() // 2
        first = generator.multivariate_hypergeometric(row, size)
        second = generator.multivariate_hypergeometric(row - first, size)
        agree += int(_pick_most(first, generator) == _pick_most(second, generator))
    return agree / len(votes)


def _pick_most(counts: Votes, generator: np.random.Generator) -> int:
    return int(generator.choice(np.flatnonzero(counts == counts.max())))


def score_new_panel(votes: Votes, generator: np.random.Generator, *, pseudo_votes: float = 1.0) -> float:
    """Chance that a new panel, where it has a majority, confirms the likeliest answer."""
    shares = votes.sum(axis=0) / votes.sum()
    chances = (votes + pseudo_votes * shares) / (votes.sum(axis=1, keepdims=True) + pseudo_votes)
    confirmed = []
    for row, chance in zip(votes, chances, strict=True):
        drawn = generator.multinomial(row.sum(), chance, size=40)
        decided = drawn.max(axis=1) * 2 > row.sum()
        confirmed += (drawn[decided].argmax(axis=1) == chance.argmax()).tolist()
    return float(np.mean(confirmed))


def score_against_one(answers: npt.NDArray[np.int64], votes: Votes, shares: Shares) -> tuple[float, ...]:
    """Accuracy, mean recall, and accuracy at other class shares, of answers against one annotator's.

    Args:
        answers: N class numbers.
        votes: N x K; a face counts once, shared by its annotators.
        shares: of the K classes.
    """
    counts = votes / votes.sum(axis=1, keepdims=True)
    hits = counts * (answers[:, None] == np.arange(votes.shape[1]))
    recalls = hits.sum(axis=0) / counts.sum(axis=0)
    return float(hits.sum() / len(votes)), float(recalls.mean()), float(recalls @ shares)


def read_shares(photos: Path, classes: Sequence[str]) -> Shares:
    """Of the classes among photographs: a zip with a labels.csv."""
    with zipfile.ZipFile(photos) as archive:
        labels = pd.read_csv(archive.open("labels.csv"))["label"]
    counts = np.array([(labels == name).sum() for name in classes])
    return counts / counts.sum()


def compare_with_one(
    data: Dataset, rows: npt.NDArray[np.int64], models: Sequence[str], photos: Path | None
) -> None:
    """Print how often models give one annotator's answer."""
    columns = [data.info.classes.index(name) for name in SHARED]
    votes = data.votes[rows][:, columns].astype(np.int64)
    rows, votes = rows[votes.sum(axis=1) > 0], votes[votes.sum(axis=1) > 0]
    shares = votes.sum(axis=0) / votes.sum() if photos is None else read_shares(photos, SHARED)
    print("against one annotator: accuracy, mean recall, accuracy at the photographs' class shares")
    answers = {"the most frequent answer": votes.argmax(axis=1)}
    for name in models:
        predictor = load_predictor(name, Workspace.default(), runtime="onnx")
        places = [predictor.info.classes.index(label) for label in SHARED]
        answers[name] = predictor.predict_crops(data.images[rows])[:, places].argmax(axis=1)
    for name, given in answers.items():
        figures = score_against_one(given, votes, shares)
        print(f"{name:35s} {'  '.join(f'{figure:.1%}' for figure in figures)}")


def main(
    dataset: str = "ferplus",
    split: str = "valid",
    repeats: int = 20,
    models: tuple[str, ...] = (),
    photos: Path | None = None,
) -> None:
    """Print the three figures, and those of models.

    Args:
        dataset: A data set with votes.
        split: Which split.
        repeats: Divisions into halves to average over.
        models: Shipped models or runs.
        photos: Photographs whose class shares are taken.
    """
    data = open_dataset(dataset, Workspace.default())
    targets = compute_targets(data, split, "majority")
    votes = data.votes[targets.indices][:, : len(data.info.classes)].astype(np.int64)
    generator = np.random.default_rng(0)
    print(f"{dataset} {split}, {targets.protocol}, n = {len(targets):,}")
    print(f"one annotator against the rest      {score_one_against_rest(votes):.1%}")
    print(f"half of the annotators against half "
          f"{np.mean([score_halves(votes, generator) for _ in range(repeats)]):.1%}")  # fmt: skip
    print(f"a new panel, at best                {score_new_panel(votes, generator):.1%}")
    if models:
        compare_with_one(data, data.split_indices(split), models, photos)


if __name__ == "__main__":
    tyro.cli(main)
