"""How well annotators agree with each other: what a model's accuracy on FER+ can be held against.

    python benchmarks/annotators.py --dataset ferplus

Faces of the validation split that the majority rule keeps. Three figures:

- one annotator against the most frequent answer of the others
- half of a face's annotators against the other half, most frequent answers, ties broken at random
- the most frequent answer against that of as many new annotators, drawn from the votes with a little of the
  whole set's shares mixed in: an upper bound, since it takes the votes for the truth
"""

import numpy as np
import numpy.typing as npt
import tyro

from fer_core.data.builtin import open_dataset
from fer_core.data.targets import compute_targets
from fer_core.workspace import Workspace

Votes = npt.NDArray[np.int64]


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


def main(dataset: str = "ferplus", split: str = "valid", repeats: int = 20) -> None:
    """Print the three figures.

    Args:
        dataset: A data set with votes.
        split: Which split.
        repeats: Divisions into halves to average over.
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


if __name__ == "__main__":
    tyro.cli(main)
