"""A model's last layer, adapted on cached features: seconds where the whole model takes minutes."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from fer_core.evaluation.calibration import softmax
from fer_core.models import FerModel
from fer_core.training.taking_over import choose_share, rate_truth

REPLAY_SHARE = 0.75
Floats = npt.NDArray[np.float64]


@dataclass(slots=True)
class Features:
    """What the network before its head says of some faces, and what they show."""

    points: torch.Tensor
    targets: torch.Tensor

    def take(self, rows: npt.ArrayLike) -> "Features":
        """Some of the faces."""
        picked = torch.as_tensor(np.asarray(rows))
        return Features(self.points[picked], self.targets[picked])


class Head:
    """The last layer of a model, adapted on cached features."""

    def __init__(self, model: FerModel) -> None:
        """Begin with the model's own."""
        self.first = [item.detach().clone() for item in model.classifier.parameters()]
        self.now = self.first

    def fit(self, own: Features, old: Features, known: Features) -> None:
        """Least loss on own faces and on what was known before, from the first weights.

        As much of the change is kept as what is told of `known` bears.
        """
        weights = [item.clone().requires_grad_() for item in self.first]
        optimizer = torch.optim.LBFGS(weights, max_iter=20, line_search_fn="strong_wolfe")

        def loss() -> torch.Tensor:
            optimizer.zero_grad()
            losses = [
                torch.nn.functional.cross_entropy(item.points @ weights[0].T + weights[1], item.targets)
                for item in (own, old)
            ]
            distance = sum(
                ((item - first) ** 2).sum() for item, first in zip(weights, self.first, strict=True)
            )
            total = (1 - REPLAY_SHARE) * losses[0] + REPLAY_SHARE * losses[1] + 1e-3 * distance
            total.backward()
            return total

        optimizer.step(loss)
        after, self.now = [item.detach() for item in weights], self.first
        truth = known.targets.argmax(dim=1).numpy()
        before = rate_truth(self.rate(known), truth)

        def lost(share: float) -> float:
            self.now = [old.lerp(new, share) for old, new in zip(self.first, after, strict=True)]
            return before - rate_truth(self.rate(known), truth)

        lost(choose_share(lost))

    def rate(self, features: Features) -> Floats:
        """Logits, N x K."""
        return (features.points @ self.now[0].T + self.now[1]).numpy().astype(np.float64)

    def answer(self, features: Features) -> Floats:
        """Probabilities, N x K."""
        return softmax(self.rate(features))

    def score(self, features: Features) -> float:
        """Accuracy."""
        right = self.answer(features).argmax(axis=1) == features.targets.argmax(dim=1).numpy()
        return float(right.mean())
