"""When to stop before the last epoch."""

import dataclasses
from dataclasses import dataclass

from fer_core.config import EarlyStoppingConfig


@dataclass(frozen=True, slots=True)
class StopState:
    """What early stopping remembers between epochs. Scores: higher is better."""

    best_score: float = float("-inf")
    best_epoch: int = 0
    epochs_without_gain: int = 0

    def after(self, epoch: int, score: float, config: EarlyStoppingConfig) -> "StopState":
        """The state after an epoch's score. A NaN score is never better."""
        if score > self.best_score + (config.min_delta if self.best_epoch else 0.0):
            return StopState(score, epoch, 0)
        return dataclasses.replace(self, epochs_without_gain=self.epochs_without_gain + 1)

    def should_stop(self, config: EarlyStoppingConfig) -> bool:
        """Whether patience and the confirming epochs after it have passed without a better score."""
        return config.patience > 0 and self.epochs_without_gain >= config.patience + config.confirm_epochs
