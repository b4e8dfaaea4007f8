"""Likely label errors of a data set, by a model that is at hand: no run of its own is needed.

Confident learning (Northcutt et al., 2021, cleanlab) wants probabilities of images that the judge was not
trained on. Two ways to them: a checkpoint's own, and a logistic regression on its embeddings that judges each
image from folds in which that image, and its exact copies, did not occur.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from fer_core.checkpoint import CheckpointEntry, CheckpointInfo, require_kind
from fer_core.data.duplicates import find_duplicates
from fer_core.data.label_quality import find_label_errors
from fer_core.data.store import Dataset
from fer_core.data.suspected_labels import Suspect, note_suspects
from fer_core.data.targets import compute_targets
from fer_core.errors import ConfigError, DataError
from fer_core.evaluation.common_classes import find_columns
from fer_core.words import count
from fer_core.workspace import Workspace

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]
Method = Literal["cross-validation", "model"]
Progress = Callable[[int, int], None]
"""Called with (done, total); whatever it raises ends the work and leaves nothing."""

NUM_FOLDS: Final[int] = 5
METHODS: Final[dict[Method, str]] = {
    "cross-validation": "a cheap classifier on the model's embeddings, which never saw the image it judges",
    "model": "the model's own probabilities",
}
"""What each method judges by."""
_FOLD_COST: Final[float] = 0.1
"""Steps of progress a fold takes, as a share of the images."""
assert set(METHODS) == set(get_args(Method))


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelErrors:
    """What was found."""

    suspects: tuple[Suspect, ...]
    """Most suspicious first."""
    num_checked: int
    """Images that were judged."""
    splits: tuple[str, ...]
    """Where."""
    cautions: tuple[str, ...]
    """What limits the finding, in sentences: above all whether the model was trained on these images."""


@dataclass(frozen=True, slots=True)
class _Material:
    """Images to judge, with their class by name."""

    rows: Int64Array
    names: npt.NDArray[np.object_]

    def keep(self, wanted: npt.NDArray[np.bool_]) -> "_Material":
        return _Material(self.rows[wanted], self.names[wanted])


def default_splits(info: CheckpointInfo, dataset: Dataset, method: Method) -> tuple[str, ...]:
    """Splits that are worth judging: all, but for a model's own probabilities not those it was trained on."""
    present = tuple(dataset.info.split_counts)
    if method == "model" and is_trained_on(info, dataset):
        return tuple(name for name in present if name != "train") or present
    return present


def is_trained_on(info: CheckpointInfo, dataset: Dataset) -> bool:
    """Whether the model was trained on the training split of this data set, or of one it was derived from."""
    lineage = {dataset.info.fingerprint, *(str(step.get("fingerprint")) for step in dataset.info.history)}
    seen = {info.data.get("fingerprint"), *(item.get("fingerprint") for item in info.earlier)}
    return not lineage.isdisjoint(seen)


def describe_exposure(
    info: CheckpointInfo, dataset: Dataset, method: Method, splits: Sequence[str]
) -> list[str]:
    """Say honestly what the model knows of the images it is to judge."""
    trained_on = str(info.data.get("name") or "")
    if not trained_on:
        return [f"{info.name} does not say what it was trained on; it may know these images."]
    if not is_trained_on(info, dataset):
        return [
            f"{info.name} was trained on {trained_on!r}. If that holds some of the same images, it knows "
            "their labels, and errors in them show less."
        ]
    cautions = []
    if "train" in splits:
        cautions.append(
            f"{info.name} was trained on these training images with these labels. "
            + (
                "It has memorised many of the wrong ones, so most errors in the training split stay hidden; "
                "cross-validation, or a model trained on other images, shows more."
                if method == "model"
                else "The classifier never saw the image it judges, but the embedding did: errors in the "
                "training split show less than they should."
            )
        )
    if "valid" in splits:
        cautions.append(
            f"The best epoch of {info.name} was chosen on the validation split, which flatters its labels a "
            "little."
        )
    return cautions


def detect_label_errors(
    entry: CheckpointEntry,
    dataset: Dataset,
    *,
    method: Method = "cross-validation",
    splits: Sequence[str] = (),
    seed: int = 0,
    device: str = "auto",
    on_progress: Progress | None = None,
) -> LabelErrors:
    """Judge the labels of a data set by a checkpoint.

    With annotators' votes the label is the FER+ majority, and images without one are left out.

    Args:
        entry: the checkpoint.
        dataset: what to judge.
        method: a key of `METHODS`.
        splits: where; `default_splits` if empty.
        seed: of the folds.
        device: where the model computes: auto, cpu or cuda.
        on_progress: called as images are judged.

    Raises:
        CheckpointError: the checkpoint is damaged.
        ConfigError: there is no such method.
        DataError: a split is not there, or fewer than two classes can be judged.
    """
    if method not in METHODS:
        raise ConfigError(f"unknown method {method!r}; expected {' or '.join(METHODS)}")
    require_kind(entry.info, dataset.info.kind)
    dataset.info.require_same_sound(f"{entry.info.name} learned from", entry.info.input.sound)
    splits = tuple(splits) or default_splits(entry.info, dataset, method)
    cautions = describe_exposure(entry.info, dataset, method, splits)
    material = _gather(dataset, splits)
    report = on_progress or (lambda done, total: None)
    if method == "model":
        material = _drop_unknown(material, entry.info.classes, cautions)
        classes, chances = _ask_model(entry, dataset, material, device, report)
    else:
        material, groups = _drop_rare(material, _group_copies(dataset, material.rows), cautions)
        classes, chances = _cross_validate(entry, dataset, material, groups, seed, device, report)
    labels = np.array([classes.index(name) for name in material.names], np.int64)
    found = find_label_errors(labels, chances)
    suspects = [
        _describe(int(material.rows[place]), classes, int(labels[place]), chances[place], entry.key, method)
        for place in found
    ]
    return LabelErrors(
        suspects=tuple(suspects), num_checked=len(material.rows), splits=splits, cautions=tuple(cautions)
    )


def save_label_errors(
    found: LabelErrors, dataset: Dataset, workspace: Workspace, *, model: str, method: Method
) -> int:
    """Note the suspects for the data page, in place of earlier ones of the same model and method.

    Returns:
        How many suspects the data set has now.
    """
    return note_suspects(
        workspace,
        dataset.name,
        dataset.info.fingerprint,
        found.suspects,
        in_place_of=_origin(model, method),
    )


def _origin(model: str, method: Method) -> str:
    return f"{model}, {method}: "


def _describe(
    row: int, classes: list[str], given: int, chances: Float64Array, model: str, method: Method
) -> Suspect:
    best = int(chances.argmax())
    text = f"looks like {classes[best]} {chances[best]:.0%}, {classes[given]} {chances[given]:.0%}"
    return Suspect(
        row=row,
        source=_origin(model, method) + text,
        suggestion="" if best == given else classes[best],
        confidence=float(chances[given]),
    )


def _gather(dataset: Dataset, splits: Sequence[str]) -> _Material:
    targets = [compute_targets(dataset, split, "majority") for split in splits]
    rows = np.concatenate([item.indices for item in targets])
    labels = np.concatenate([item.labels for item in targets])
    return _Material(rows, np.array(dataset.info.classes, object)[labels])


def _drop_unknown(material: _Material, known: Sequence[str], cautions: list[str]) -> _Material:
    is_known = np.isin(material.names.astype(str), list(known))
    if not is_known.all():
        strangers = ", ".join(sorted(set(material.names[~is_known])))
        cautions.append(f"The model knows no {strangers}; {(~is_known).sum():,} such images were left out.")
    if missing := [name for name in known if name not in set(material.names)]:
        cautions.append(f"No image here is {', '.join(missing)}: the model was not offered that choice.")
    return _require_classes(material.keep(is_known))


def _drop_rare(material: _Material, groups: Int64Array, cautions: list[str]) -> tuple[_Material, Int64Array]:
    """Leave out classes that can't be in every fold.

    Copies are in one fold, so a class needs different images: one of a single image and its copies would be
    unknown to the classifier that judges it, and everything in it called an error.
    """
    names = material.names.astype(str)
    num_different = {name: len(np.unique(groups[names == name])) for name in np.unique(names).tolist()}
    rare = [name for name, number in num_different.items() if number < 2 * NUM_FOLDS]
    is_rare = np.isin(names, rare)
    if rare:
        cautions.append(
            f"{', '.join(rare)} {'has' if len(rare) == 1 else 'have'} fewer than {2 * NUM_FOLDS} different "
            "images here (exact copies count once), too few to cross-validate; "
            f"{count(int(is_rare.sum()), 'image was', 'images were')} left out."
        )
    if len(num_different) - len(rare) < 2:
        here = ", ".join(f"{name} ({number:,})" for name, number in num_different.items()) or "no images"
        raise DataError(
            f"fewer than two classes can be judged: cross-validation needs {2 * NUM_FOLDS} different images "
            f"of each, where exact copies count once, and here are {here}. Choose more splits, or judge by "
            "the model's own probabilities"
        )
    return material.keep(~is_rare), groups[~is_rare]


def _require_classes(material: _Material) -> _Material:
    if len(set(material.names)) < 2:
        raise DataError(
            "fewer than two classes can be judged; choose more splits, or a model that knows the classes"
        )
    return material


def _ask_model(
    entry: CheckpointEntry, dataset: Dataset, material: _Material, device: str, report: Progress
) -> tuple[list[str], Float64Array]:
    from fer_core.evaluation.scoring import compute_logits, compute_probabilities
    from fer_core.models import load_checkpoint, resolve_device

    model, info = load_checkpoint(entry.folder)
    target = resolve_device(device)
    logits = compute_logits(
        model.to(target), dataset.images, material.rows, info.input, device=target, on_progress=report
    )
    # The classes that occur, renormalised: the model is only asked to choose among these.
    columns = find_columns(info.classes, set(material.names))
    return [info.classes[column] for column in columns], compute_probabilities(
        logits[:, columns], info.temperature
    )


def _cross_validate(
    entry: CheckpointEntry,
    dataset: Dataset,
    material: _Material,
    groups: Int64Array,
    seed: int,
    device: str,
    report: Progress,
) -> tuple[list[str], Float64Array]:
    from fer_core.evaluation.scoring import compute_embeddings
    from fer_core.models import load_checkpoint, resolve_device

    model, info = load_checkpoint(entry.folder)
    target = resolve_device(device)
    num_images = len(material.rows)
    per_fold = max(1, round(_FOLD_COST * num_images))
    total = num_images + NUM_FOLDS * per_fold
    embeddings, _ = compute_embeddings(
        model.to(target),
        dataset.images,
        material.rows,
        info.input,
        device=target,
        rough=True,
        on_progress=lambda done, _: report(done, total),
    )
    classes = [name for name in dataset.info.classes if name in set(material.names)]
    labels = np.array([classes.index(name) for name in material.names], np.int64)
    chances = predict_out_of_fold(
        embeddings,
        labels,
        groups,
        seed=seed,
        on_progress=lambda done, _: report(num_images + done * per_fold, total),
    )
    return classes, chances


def _group_copies(dataset: Dataset, rows: Int64Array) -> Int64Array:
    """A number per image, the same for exact copies: they must not lie in two folds."""
    groups = np.arange(len(rows))
    duplicates = find_duplicates(dataset.images[rows], max_bits=-1)
    for group in duplicates.groups:
        groups[list(group)] = group[0]
    return groups


def predict_out_of_fold(
    features: npt.NDArray[np.float32],
    labels: Int64Array,
    groups: Int64Array,
    *,
    seed: int = 0,
    on_progress: Progress | None = None,
) -> Float64Array:
    """Class probabilities of each sample by a logistic regression that was fitted without its group.

    Args:
        features: N x E.
        labels: N, 0 to K - 1, each at least once.
        groups: N; samples of one group are in one fold.
        seed: of the folds.
        on_progress: called with folds done and folds in all.

    Returns:
        N x K; rows sum to 1.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    folds = StratifiedGroupKFold(NUM_FOLDS, shuffle=True, random_state=seed)
    chances = np.zeros((len(labels), int(labels.max()) + 1))
    for done, (seen, unseen) in enumerate(folds.split(features, labels, groups), start=1):
        classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
        classifier.fit(features[seen], labels[seen])
        chances[np.ix_(unseen, classifier.classes_)] = classifier.predict_proba(features[unseen])
        if on_progress is not None:
            on_progress(done, NUM_FOLDS)
    return chances
