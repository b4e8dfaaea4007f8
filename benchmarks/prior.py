"""What expecting other shares of the classes costs and brings: accuracy against balanced accuracy.

    python benchmarks/prior.py fer-small --dataset ferplus

The expected share of class k is p_k^(1 - s) / sum: s = 0 keeps the training data's shares, s = 1 expects all
classes equally often (`--prior uniform`), what lies between goes part of the way. For a model that was
trained on other shares than the data's (`--data.sampling balanced`), name one that was not:

    python benchmarks/prior.py my-balanced-run --shares-of fer-small
"""

from typing import Annotated

import numpy as np
import tyro

from fer_core.checkpoint import find_checkpoint
from fer_core.data.builtin import open_dataset
from fer_core.evaluation.evaluator import evaluate_checkpoint
from fer_core.evaluation.scores import compute_scores
from fer_core.inference.class_prior import adjust_prior
from fer_core.workspace import Workspace

STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)


def main(
    model: Annotated[str, tyro.conf.Positional] = "fer-small",
    dataset: str = "ferplus",
    split: str = "valid",
    shares_of: str = "",
) -> None:
    """Score one checkpoint under several priors.

    Args:
        model: A checkpoint that says which shares it learnt.
        dataset: Data set to score it on.
        split: Which split.
        shares_of: A checkpoint whose training shares s = 0 stands for; the model's own if not given.
    """
    workspace = Workspace.default()
    entry = find_checkpoint(model, workspace)
    shares = find_checkpoint(shares_of or model, workspace).info.class_prior
    learned = entry.info.class_prior or shares  # older runs do not say
    if shares is None or learned is None:
        raise SystemExit(
            f"{shares_of or model} does not say how often it saw each class; publish it again, or name "
            "another, trained on the same data, with --shares-of"
        )
    evaluation = evaluate_checkpoint(entry.folder, open_dataset(dataset, workspace), split)
    data = evaluation.data
    print(f"{model}, {evaluation.subject.describe()}, n = {len(data):,}")
    print("   s   accuracy   balanced   macro-F1   rare classes' recall (fear, disgust, contempt)")
    for step in STEPS:
        expected = np.asarray(shares) ** (1 - step)
        chances = adjust_prior(data.probabilities.astype(np.float32), learned, expected / expected.sum())
        scores = compute_scores(data.labels, chances, data.classes)
        recall = {item.name: item.recall for item in scores.classes}
        rare = ", ".join(f"{recall.get(name, float('nan')):.2f}" for name in ("fear", "disgust", "contempt"))
        print(f"{step:4.2f}   {scores.accuracy:8.2%}   {scores.balanced_accuracy:8.2%}   "
              f"{scores.macro_f1:8.3f}   {rare}")  # fmt: skip


if __name__ == "__main__":
    tyro.cli(main)
