"""What a model is scored on: the classes that it and the data set both have, and the images of those.

A model of eight classes on data of seven may choose among the seven only: its probabilities are brought to
sum 1 over them. Images of a class that the model does not know are left out and counted. The protocol says
both, so that figures over different classes are never taken for each other. All scoring goes through here.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from fer_core.checkpoint import KIND_WORDS, InputSpec
from fer_core.data.store import Dataset
from fer_core.data.targets import compute_targets
from fer_core.errors import DataError
from fer_core.words import count as count_words

Int64Array = npt.NDArray[np.int64]

MIN_CLASSES: Final[int] = 2
_NAMED: Final[int] = 4
"""Classes that a protocol names before it only counts them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredSplit:
    """The images of a split that a model can be scored on."""

    classes: tuple[str, ...]
    """K names that both have, in the model's order."""
    columns: Int64Array
    """Their places among the model's outputs, K, ascending."""
    rows: Int64Array
    """Row numbers in the data set, N, ascending."""
    labels: Int64Array
    """Class of each image, a place in `classes`, N."""
    rule: str
    """How images and labels were chosen, without what follows from the classes."""
    protocol: str
    """The rule, and over which classes where they differ: the words beside every figure."""

    def take(self, places: npt.NDArray[np.integer] | npt.NDArray[np.bool_], words: str = "") -> "ScoredSplit":
        """Some of the images; `words` is added to the rule."""
        return replace(
            self,
            rows=self.rows[places],
            labels=self.labels[places],
            rule=self.rule + words,
            protocol=self.protocol + words,
        )

    def spread(self, num_images: int) -> "ScoredSplit":
        """At most so many images, spread evenly over the split; 0 takes all."""
        count = min(num_images, len(self.rows)) or len(self.rows)
        return self.take(np.linspace(0, len(self.rows) - 1, count).round().astype(np.int64))


def find_columns(classes: Sequence[str], others: Collection[str]) -> Int64Array:
    """Places of the classes that are among `others`, ascending."""
    return np.array([place for place, name in enumerate(classes) if name in others], dtype=np.int64)


def find_choices(classes: Sequence[str], others: Collection[str]) -> Int64Array:
    """Places of the classes that a model chooses among on data of `others`: those that both have.

    All of them where fewer than two are common, for then nothing can be scored, but still be shown.
    """
    columns = find_columns(classes, others)
    return columns if len(columns) >= MIN_CLASSES else np.arange(len(classes), dtype=np.int64)


def select_scored(
    model: str, classes: Sequence[str], dataset: Dataset, split: str, *, spec: InputSpec | None = None
) -> ScoredSplit:
    """The images of a split whose class, by majority, a model knows.

    Args:
        model: what it is called, for messages.
        classes: those that it predicts, in the order of its outputs.
        dataset: of any classes; they are matched by name.
        split: which split.
        spec: what the model reads; images, if not given.

    Raises:
        DataError: the data set holds something else, or sound of another window, fewer than two classes are
            common, the split does not exist, or nothing of it is left.
    """
    kind, sound = ("image", None) if spec is None else (spec.kind, spec.sound)
    if dataset.info.kind != kind:
        raise DataError(
            f"{model} reads {KIND_WORDS[kind]}, but data set {dataset.name!r} holds "
            f"{KIND_WORDS[dataset.info.kind]}; name one that holds {KIND_WORDS[kind]}"
        )
    dataset.info.require_same_sound(f"{model} learned from", sound)
    columns = find_columns(classes, dataset.info.classes)
    common = tuple(classes[column] for column in columns)
    if len(common) < MIN_CLASSES:
        raise DataError(
            f"{model} predicts {', '.join(classes)}, but data set {dataset.name!r} has "
            f"{', '.join(dataset.info.classes)}: {', '.join(common) or 'none'} in common. Scoring needs at "
            "least two common classes; choose another data set, or rename its classes at import (--map)"
        )
    targets = compute_targets(dataset, split, "majority")
    places = np.array([common.index(name) if name in common else -1 for name in dataset.info.classes])
    labels = places[targets.labels]
    kept = labels >= 0
    if not kept.any():
        raise DataError(
            f"split {split!r} of {dataset.name!r} has no image of {', '.join(common)}, the classes that it "
            f"and {model} both have; choose another split"
        )
    return ScoredSplit(
        classes=common,
        columns=columns,
        rows=targets.indices[kept],
        labels=labels[kept],
        rule=targets.protocol,
        protocol=targets.protocol
        + _describe_classes(
            common,
            only_model=[name for name in classes if name not in common],
            only_data=[name for name in dataset.info.classes if name not in common],
            num_left_out=int((~kept).sum()),
        ),
    )


def _describe_classes(
    common: Sequence[str], *, only_model: Sequence[str], only_data: Sequence[str], num_left_out: int
) -> str:
    """What the protocol says of the classes; nothing where they are the same."""
    if not only_model and not only_data:
        return ""
    parts = [f"over the {len(common)} classes that both have"]
    if only_model:
        parts.append(f"the model's {_name(only_model)} not offered")
    if only_data:
        images = count_words(num_left_out, "image")
        parts.append(f"{images} of {_name(only_data)} left out")
    return ", " + ", ".join(parts)


def _name(classes: Sequence[str]) -> str:
    more = len(classes) - _NAMED
    return " and ".join([", ".join(classes[:_NAMED]), *([f"{more} more"] if more > 0 else [])])
