"""Whose terms a model inherits: those of its data, of the weights it starts from, and of its teachers."""

from collections.abc import Iterable

from fer_core.checkpoint import HUB, find_checkpoint
from fer_core.config import TrainConfig
from fer_core.data.store import DatasetInfo
from fer_core.errors import CheckpointError
from fer_core.provenance import Terms, join_terms
from fer_core.workspace import Workspace


def gather_terms(
    config: TrainConfig, datasets: Iterable[DatasetInfo], workspace: Workspace
) -> tuple[Terms, ...]:
    """Terms of everything that a run learns from, each once: the data set's first.

    Args:
        config: the settings.
        datasets: that it learns from.
        workspace: where the models are.
    """
    parts = [item for info in datasets for item in info.terms or (Terms(source=info.name),)]
    for name in (config.transfer.weights, *config.distill.teacher_names):
        if name:
            parts += _find_terms(name, config.model.name, workspace)
    return join_terms(parts)


def _find_terms(name: str, architecture: str, workspace: Workspace) -> tuple[Terms, ...]:
    unknown = Terms(source=f"the weights {name}")
    if name == HUB:
        return (
            Terms(
                source=f"timm's weights of {architecture}",
                unresolved=f"what timm's weights of {architecture} were trained on, their card must say",
                reference="huggingface.co/timm",
            ),
        )
    try:
        return find_checkpoint(name, workspace).info.terms or (unknown,)
    except CheckpointError:  # a file of weights alone, or a run goes on after its teacher was deleted
        return (unknown,)
