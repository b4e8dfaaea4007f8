"""A model on data of several sources: is it right, and does it know how sure to be, where it was not trained?

The figures are those of an evaluation report. What is added is what differs between sources: which shares of
the classes are expected (`class_prior`), and who cut the faces; and whether a model knows which of its labels
are right (`risk_coverage`), by its confidence and by the expected correctness (`face_quality`).
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np

from fer_core.checkpoint import CheckpointEntry
from fer_core.data.store import Dataset
from fer_core.errors import DataError
from fer_core.evaluation.common_classes import find_columns
from fer_core.evaluation.evaluator import Evaluation
from fer_core.evaluation.predictions import Float64Array
from fer_core.evaluation.report import Report, build_report
from fer_core.evaluation.risk_coverage import RiskCoverage, compute_risk_coverage
from fer_core.evaluation.sources import evaluate_source
from fer_core.inference.class_prior import (
    GENERAL_PRIOR,
    TRAINING_PRIOR,
    UNIFORM_PRIOR,
    build_adjustment,
)
from fer_core.inference.crop import extract_crops
from fer_core.inference.detectors.whole_image import WholeImageDetector
from fer_core.inference.face_quality import expect_correct, measure_quality, soften
from fer_core.inference.interfaces import FaceDetector, Predictor
from fer_core.types import FaceQuality

FIGURES: Final[tuple[str, ...]] = ("accuracy", "balanced_accuracy", "macro_f1", "ece", "brier")
PRIORS: Final[tuple[str, ...]] = (GENERAL_PRIOR, TRAINING_PRIOR, UNIFORM_PRIOR)
_TINY: Final[float] = 1e-30
Progress = Callable[[int, int], None]


class SourceScore(NamedTuple):
    """A model on one source under one prior."""

    report: Report
    by_confidence: RiskCoverage
    """The surest faces first, by their best probability."""
    by_expected: RiskCoverage
    """The same, by the expected correctness, which knows how well a face can be read."""


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
) -> list[SourceScore]:
    """Score a model on a source, once for every prior, over the classes that both have.

    Args:
        entry: the model.
        dataset: the source.
        training: the model's training data, as for `evaluate_source`.
        split: of it; `choose_split` if empty.
        priors: expected shares, as for `fer_core.inference.class_prior.with_prior`.
        cutter: finds the largest face on each stored image and reads it as on a photograph, softening what
            is hard to read; images without a found face are left out. None takes the stored images as faces.
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
        found, qualities = _cut_again(found, dataset, *cutter, on_progress or (lambda _done, _total: None))
    else:
        whole = WholeImageDetector(framing=found.info.input.framing)
        images = (np.asarray(dataset.images[row]) for row in found.data.rows)
        qualities = [measure_quality(image[None], whole.detect(image))[0] for image in images]
    is_cut = cutter is not None
    return [_score(found, qualities, prior, num_resamples, is_softened=is_cut) for prior in priors]


def _score(
    evaluation: Evaluation,
    qualities: Sequence[FaceQuality],
    prior: str,
    num_resamples: int,
    *,
    is_softened: bool,
) -> SourceScore:
    data, subject = evaluation.data, evaluation.subject
    columns = find_columns(evaluation.info.classes, data.classes)
    # The exchange of the prior and the choice among common classes commute: both scale columns.
    adjust = build_adjustment(evaluation.info, prior, columns.tolist())
    if adjust is not None:
        wide: Float64Array = adjust(data.probabilities.astype(np.float32)).astype(np.float64)
        data = dataclasses.replace(data, probabilities=wide / wide.sum(axis=1, keepdims=True))
        subject = dataclasses.replace(subject, protocol=f"{subject.protocol}, expecting {prior} shares")
    softened = soften(data.probabilities.astype(np.float32), qualities).astype(np.float64)
    if is_softened:
        data = dataclasses.replace(data, probabilities=softened / softened.sum(axis=1, keepdims=True))
    is_right = data.probabilities.argmax(axis=1) == data.labels
    expected = [
        expect_correct(row, quality) for row, quality in zip(softened.tolist(), qualities, strict=True)
    ]
    return SourceScore(
        build_report(data, subject, metrics=FIGURES, num_resamples=num_resamples),
        by_confidence=compute_risk_coverage(data.probabilities.max(axis=1), is_right),
        by_expected=compute_risk_coverage(expected, is_right),
    )


def _cut_again(
    evaluation: Evaluation, dataset: Dataset, detector: FaceDetector, predictor: Predictor, tell: Progress
) -> tuple[Evaluation, list[FaceQuality]]:
    """The same images, each read from the largest face that is found on it, and the quality of these."""
    data = evaluation.data
    places, answers = [], []
    qualities: list[FaceQuality] = []
    for place, row in enumerate(data.rows):
        stored = np.asarray(dataset.images[row])
        image = np.stack([stored] * 3, axis=-1) if stored.ndim == 2 else stored
        faces = detector.detect(image)
        if faces:
            largest = max(faces, key=lambda item: item.width * item.height)
            places.append(place)
            answers.append(predictor.predict(image, [largest])[0].probabilities)
            qualities += measure_quality(extract_crops(image, [largest], predictor.info.input), [largest])
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
    cut = dataclasses.replace(
        evaluation,
        subject=dataclasses.replace(evaluation.subject, protocol=evaluation.subject.protocol + words),
        data=dataclasses.replace(kept, probabilities=chances / chances.sum(axis=1, keepdims=True)),
    )
    return cut, qualities
