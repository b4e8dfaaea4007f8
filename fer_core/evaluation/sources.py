"""Scoring a model on data of other sources than its own: never on images that it was trained on."""

from collections.abc import Callable
from pathlib import Path

from fer_core.checkpoint import CheckpointInfo, load_checkpoint_info
from fer_core.data.builtin import open_dataset
from fer_core.data.store import ALL_SPLITS, Dataset
from fer_core.errors import FerError
from fer_core.evaluation.evaluator import Evaluation, evaluate_checkpoint
from fer_core.evaluation.label_errors import is_trained_on
from fer_core.evaluation.stored_reports import DEFAULT_SPLIT
from fer_core.workspace import Workspace


def choose_split(info: CheckpointInfo, dataset: Dataset) -> str:
    """All images, but of a data set that the model was trained on only the validation split."""
    return DEFAULT_SPLIT if is_trained_on(info, dataset) else ALL_SPLITS


def find_training_data(info: CheckpointInfo, workspace: Workspace) -> Dataset | None:
    """The data set that a model was trained on, if it is in the workspace as it was then."""
    name = str(info.data.get("name") or "")
    if not name or not workspace.dataset(name).is_dir():
        return None
    try:
        dataset = open_dataset(name, workspace)
    except FerError:  # a damaged one tells nothing
        return None
    return dataset if is_trained_on(info, dataset) else None


def evaluate_source(
    folder: Path,
    dataset: Dataset,
    *,
    training: Dataset | None = None,
    split: str = "",
    device: str = "auto",
    on_progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Score the checkpoint in `folder` on a source, without the images that it was trained on.

    Args:
        folder: of the checkpoint.
        dataset: the source.
        training: the model's training data, where it is at hand. Images of another data set with exactly the
            pixels of one of its training images are left out, and the protocol counts them: FER2013 and FER+
            are the same pictures under other labels.
        split: of the source; `choose_split` if empty.
        device: auto, cpu or cuda.
        on_progress: called with images done and images in all.

    Raises:
        CheckpointError: the model is damaged.
        DataError: fewer than two classes are common, or all images were trained on.
    """
    info = load_checkpoint_info(folder)
    return evaluate_checkpoint(
        folder,
        dataset,
        split or choose_split(info, dataset),
        training=None if is_trained_on(info, dataset) else training,
        device=device,
        on_progress=on_progress,
    )
