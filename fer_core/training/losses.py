"""Losses on label distributions."""

import torch
import torch.nn.functional as F
from torch import Tensor

from fer_core.config import LabelMode


def draw_targets(distributions: Tensor, mode: LabelMode) -> Tensor:
    """What a batch is trained on this time: probabilistic label drawing picks one label a face anew.

    Args:
        distributions: N x K, rows sum to 1.
        mode: any; all but `probability` leave the distributions as they are.
    """
    if mode != "probability":
        return distributions
    drawn = torch.multinomial(distributions, 1).squeeze(1)
    return F.one_hot(drawn, distributions.shape[1]).to(distributions.dtype)


def compute_loss(logits: Tensor, targets: Tensor, mode: LabelMode) -> Tensor:
    """Mean loss of a batch, a scalar (Barsoum et al., 2016, section 3).

    Args:
        logits: N x K.
        targets: N x K, rows sum to 1.
        mode: `multi_target` takes `-log max_k p_k` over the classes that annotators named; every other mode
            takes the cross-entropy `-sum_k t_k log p_k`.
    """
    log_probabilities = F.log_softmax(logits.float(), dim=1)
    if mode == "multi_target":
        named = log_probabilities.masked_fill(targets <= 0, -torch.inf)
        return -named.amax(dim=1).mean()
    return -(targets * log_probabilities).sum(dim=1).mean()
