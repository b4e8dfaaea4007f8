"""A model on data of several sources: is it right, and does it know how sure to be, where it was not trained?

The figures are those of an evaluation report. What is added is what differs between sources: which shares of
the classes are expected (`class_prior`), and who cut the faces.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from fer_core.checkpoint import CheckpointEntry
from fer_core.data.store import Dataset
from fer_core.errors import DataError
from fer_core.evaluation.common_classes import find_columns
from fer_core.evaluation.evaluator import Evaluation
from fer_core.evaluation.predictions import Float64Array
from fer_core.evaluation.report import Report, build_report
from fer_core.evaluation.sources import evaluate_source
from fer_core.inference.class_prior import (
    GENERAL_PRIOR,
    TRAINING_PRIOR,
    UNIFORM_PRIOR,
    build_adjustment,
)
from fer_core.inference.interfaces import FaceDetector, Predictor

FIGURES: Final[tuple[str, ...]] = ("accuracy", "balanced_accuracy", "macro_f1", "ece", "brier")
PRIORS: Final[tuple[str, ...]] = (GENERAL_PRIOR, TRAINING_PRIOR, UNIFORM_PRIOR)
_TINY: Final[float] = 1e-30
Progress = Callable[[int, int], None]


def crosscheck(  # noqa: PLR0913 - what is scored, and how, each by name
    entry: CheckpointEntry,
    dataset: Dataset,
    *,
    training: Dataset | None = None,
    split: str = "",
    priors: Sequence[str] = PRIORS,
    cutter: tuple[FaceDetector, Predictor] | None = None,
    device: str = "auto",
    num_resamples: int = 0,
    on_progress: Progress | None = None,
) -> list[Report]:
    """Score a model on a source, once for every prior, over the classes that both have.

    Args:
        entry: the model.
        dataset: the source.
        training: the model's training data, as for `evaluate_source`.
        split: of it; `choose_split` if empty.
        priors: expected shares, as for `fer_core.inference.class_prior.with_prior`.
        cutter: finds the largest face on each stored image and reads it as on a photograph; images without
            a found face are left out. None takes the stored images as faces.
        device: auto, cpu or cuda.
        num_resamples: of the bootstrap; 0 leaves the intervals out.
        on_progress: called with images done and images in all.

    Raises:
        CheckpointError: the model is damaged.
        ConfigError: a prior can't be read, or the model does not say which shares it learnt from.
        DataError: fewer than two classes are common, or no face was found.
    """
    tell = None if cutter else on_progress
    found = evaluate_source(
        entry.folder, dataset, training=training, split=split, device=device, on_progress=tell
    )
    if cutter is not None:
        found = _cut_again(found, dataset, *cutter, on_progress or (lambda _done, _total: None))
    return [_report(found, prior, num_resamples) for prior in priors]


def _report(evaluation: Evaluation, prior: str, num_resamples: int) -> Report:
    data, subject = evaluation.data, evaluation.subject
    columns = find_columns(evaluation.info.classes, data.classes)
    # The exchange of the prior and the choice among common classes commute: both scale columns.
    adjust = build_adjustment(evaluation.info, prior, columns.tolist())
    if adjust is not None:
        wide: Float64Array = adjust(data.probabilities.astype(np.float32)).astype(np.float64)
        data = dataclasses.replace(data, probabilities=wide / wide.sum(axis=1, keepdims=True))
        subject = dataclasses.replace(subject, protocol=f"{subject.protocol}, expecting {prior} shares")
    return build_report(data, subject, metrics=FIGURES, num_resamples=num_resamples)


def _cut_again(
    evaluation: Evaluation, dataset: Dataset, detector: FaceDetector, predictor: Predictor, tell: Progress
) -> Evaluation:
    """The same images, each read from the largest face that the detector finds on it."""
    data = evaluation.data
    places, answers = [], []
    for place, row in enumerate(data.rows):
        stored = np.asarray(dataset.images[row])
        image = np.stack([stored] * 3, axis=-1) if stored.ndim == 2 else stored
        faces = detector.detect(image)
        if faces:
            largest = max(faces, key=lambda item: item.width * item.height)
            places.append(place)
            answers.append(predictor.predict(image, [largest])[0].probabilities)
        tell(place + 1, len(data.rows))
    if not places:
        raise DataError(
            f"no face was found on any of {len(data.rows):,} images of {dataset.name!r}; take them as they "
            "are, or import the pictures larger and uncut (--size)"
        )
    columns = find_columns(predictor.info.classes, data.classes)
    chances = np.maximum(np.asarray(answers, dtype=np.float64)[:, columns], _TINY)
    kept = data.take(np.array(places, dtype=np.int64))
    words = f", faces cut by the detector ({len(data.rows) - len(places):,} images without one left out)"
    return dataclasses.replace(
        evaluation,
        subject=dataclasses.replace(evaluation.subject, protocol=evaluation.subject.protocol + words),
        data=dataclasses.replace(kept, probabilities=chances / chances.sum(axis=1, keepdims=True)),
    )
