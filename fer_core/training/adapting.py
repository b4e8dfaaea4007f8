"""Adapting a model to own faces: what is learned, what is held out, and with which settings. No torch.

The result is an ordinary configuration; `fer_core.training.adaptation_cost` measures what became of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from fer_core.checkpoint import KIND_WORDS, CheckpointEntry, find_checkpoint, require_kind
from fer_core.config import (
    AugmentConfig,
    DataConfig,
    DistillConfig,
    LogConfig,
    ModelConfig,
    OptimizerConfig,
    TrainConfig,
    TransferConfig,
)
from fer_core.data.builtin import describe_dataset, open_dataset
from fer_core.data.derive import Derivation, derive_dataset
from fer_core.data.splits import SplitPlan
from fer_core.data.store import ALL_SPLITS, SPLITS, Dataset, list_datasets, load_dataset_info
from fer_core.data.targets import Targets, compute_targets
from fer_core.errors import CheckpointError, ConfigError, DataError
from fer_core.titles import name_after
from fer_core.words import count
from fer_core.workspace import Workspace

Layers = Literal["all", "head"]
FEWEST_FACES: Final[int] = 20
"""Labelled faces below which nothing is learned that would not be chance."""
FEWEST_GROUPS: Final[int] = 3
"""People or clips: at least one each to learn from, to validate on and to hold out."""
GROUP_COLUMNS: Final[tuple[str, ...]] = ("person", "subject", "group", "clip", "video")
"""Columns that say who or which clip a face is of; the first with enough of them is taken."""
EVERY_FACE: Final[str] = "none"
"""In place of a column: every face is of somebody else."""
NO_REPLAY: Final[str] = "none"
_PLAN: Final = SplitPlan(valid=0.15, test=0.25)
_REPLAY_SHARE: Final[float] = 0.75
_SHOWN_OWN: Final[int] = 3000
"""Own faces shown in all; with the replay share it sets the time."""
_EPOCHS: Final[tuple[int, int]] = (6, 12)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptOptions:
    """What the user chooses."""

    model: str
    """The model to adapt."""
    dataset: str
    """Own faces, as a data set of the workspace."""
    layers: Layers = "all"
    """What learns: every layer, or the `head` alone, which forgets less and gains less."""
    group: str = ""
    """Column that says who or which clip is on a face; a usual one if empty, `none` if nobody is twice."""
    replay: str = ""
    """Data set to learn again beside; what the model was trained on if empty, `none` for none."""
    epochs: int = 0
    """Passes over the own faces; by their number if 0."""
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptPlan:
    """What will be done."""

    config: TrainConfig
    name: str
    """For the run; its number is open."""
    counts: dict[str, int]
    """Labelled faces by split."""
    column: str
    """What the splits keep together; empty if every face stands alone."""
    num_groups: int
    notes: tuple[str, ...] = ()
    """What the user should know before it begins, as sentences."""


def plan_adaptation(options: AdaptOptions, workspace: Workspace) -> AdaptPlan:
    """Check what a model is to be adapted to, and choose the settings of the run.

    Faces of one person or clip must not be learned and held out at once. Where the data set's own splits do
    that, or lack one, a copy is written that is divided by `group`: `<data set>-by-<column>`.

    Args:
        options: the choice.
        workspace: where models and data sets are.

    Raises:
        CheckpointError: there is no such model, or it can't be trained further.
        ConfigError: the model lacks a class of the faces, or a setting does not work.
        DataError: there is no such data set, or its faces are too few, unlabelled, of one class, or of too
            few people or clips; or it holds voices.
    """
    entry = find_checkpoint(options.model, workspace)
    if not (entry.folder / entry.info.weights_file).is_file():
        raise CheckpointError(
            f"{options.model} is an ONNX file without weights, which can't learn; choose another model"
        )
    require_kind(entry.info, "image")
    dataset = open_dataset(describe_dataset(options.dataset, workspace).name, workspace)
    if dataset.info.kind != "image":
        raise DataError(
            f"data set {dataset.name!r} holds {KIND_WORDS[dataset.info.kind]}; only models that read faces "
            "can be adapted: name a data set of faces"
        )
    labelled = _find_labelled(dataset, entry)
    column = _choose_column(dataset, labelled, options.group)
    dataset = _divide(dataset, column, labelled, workspace)
    labelled = compute_targets(dataset, ALL_SPLITS, "majority")
    splits = dataset.samples["split"].to_numpy(object)[labelled.indices]
    counts = {name: int((splits == name).sum()) for name in SPLITS}
    replay = _choose_replay(options, entry, dataset, workspace)
    return AdaptPlan(
        config=_configure(options, entry, dataset, counts["train"], replay),
        name=name_after(f"{options.model.partition('/')[0]}-{options.dataset}"[:60]),
        counts=counts,
        column=column,
        num_groups=len(set(_read_groups(dataset, column, labelled.indices))),
        notes=tuple(_list_notes(dataset, labelled, entry, replay)),
    )


def _find_labelled(dataset: Dataset, entry: CheckpointEntry) -> Targets:
    """The faces that have a label which most annotators agree on, of classes that the model knows."""
    name, known = dataset.name, entry.info.classes
    try:
        labelled = compute_targets(dataset, ALL_SPLITS, "majority")
    except DataError:
        raise DataError(f"no face of {name!r} has a label yet; label at least {FEWEST_FACES}") from None
    counts = np.bincount(labelled.labels, minlength=len(dataset.info.classes))
    shown = [item for item, count in zip(dataset.info.classes, counts, strict=True) if count]
    if len(labelled) < FEWEST_FACES:
        raise DataError(
            f"{name!r} has {count(len(labelled), 'labelled face')}; label at least {FEWEST_FACES} before a "
            "model learns from them"
        )
    if len(shown) < 2:
        raise DataError(
            f"every labelled face of {name!r} shows {shown[0]}: nothing can be told apart; label faces of at "
            "least two expressions"
        )
    foreign = [item for item in shown if item not in known]
    if foreign:
        kept = " ".join(item for item in dataset.info.classes if item in known)
        raise ConfigError(
            f"{entry.key} predicts {', '.join(known)}, but faces of {name!r} show {', '.join(foreign)} too. "
            f"Adapting keeps a model's classes: leave those faces out with `fer datasets derive {name} NEW "
            f"--classes {kept}`, or train a new model"
        )
    return labelled


def _read_groups(dataset: Dataset, column: str, rows: npt.NDArray[np.int64]) -> list[str]:
    """Who is on each row; a row that does not say stands alone."""
    if column not in dataset.samples:
        return [f"\0{row}" for row in rows]
    words = dataset.samples[column].iloc[rows].astype("string").fillna("").str.strip()
    return [word or f"\0{row}" for word, row in zip(words, rows, strict=True)]


def _choose_column(dataset: Dataset, labelled: Targets, wanted: str) -> str:
    columns = list(dataset.samples.columns)
    if wanted == EVERY_FACE:
        return ""
    if wanted and wanted not in columns:
        raise DataError(
            f"{dataset.name!r} has no column {wanted!r} that says who is on a face; it has "
            f"{', '.join(columns)}"
        )
    present = [wanted] if wanted else [name for name in GROUP_COLUMNS if _is_stated(dataset, name, labelled)]
    found = {name: len(set(_read_groups(dataset, name, labelled.indices))) for name in present}
    for name, number in found.items():
        if number >= FEWEST_GROUPS:
            return name
    if found:
        facts = ", ".join(f"{number} by {name!r}" for name, number in found.items())
        raise DataError(
            f"the labelled faces of {dataset.name!r} are of too few people or clips ({facts}): at least "
            f"{FEWEST_GROUPS} are needed, to learn from some and judge on others; collect from another clip"
        )
    raise DataError(
        f"{dataset.name!r} does not say which faces are of one person or clip, so a model could be judged on "
        f"faces that it learned. Name a column with --group (there are {', '.join(columns)}), or "
        f"--group {EVERY_FACE} if nobody is in it twice"
    )


def _is_stated(dataset: Dataset, column: str, labelled: Targets) -> bool:
    """Whether it says of every face whose it is; in `group` an empty place is a statement, too."""
    names = _read_groups(dataset, column, labelled.indices)
    return column in dataset.samples and (column == "group" or not any(name[0] == "\0" for name in names))


def _divide(dataset: Dataset, column: str, labelled: Targets, workspace: Workspace) -> Dataset:
    """The data set itself where its splits keep groups apart, else a copy that does."""
    # `group` is where everything else looks for what belongs together.
    if column in ("", "group") and _is_divided(dataset, column, labelled):
        return dataset
    derivation = Derivation(
        split=_PLAN, split_by=column, reason="to adapt a model: held out by person or clip"
    )
    step = {
        "parent": dataset.name,
        "fingerprint": dataset.info.fingerprint,
        "operation": derivation.to_dict(),
    }
    base = f"{dataset.name}-by-{column or 'image'}"
    for number in range(1, 1000):
        name = base if number == 1 else f"{base}-{number}"
        folder = workspace.dataset(name)
        if not folder.exists():
            derive_dataset(dataset, folder, derivation)
        elif load_dataset_info(folder).history[-1:] != (step,):
            continue  # of an earlier state of the data set, which a run may still need
        divided = open_dataset(name, workspace)
        if not _is_divided(divided, column, labelled):
            raise DataError(
                f"the labelled faces of {dataset.name!r} can't be divided by {column or 'image'!r} into faces"
                " to learn from, to validate on and to hold out; collect faces of more people or clips"
            )
        return divided
    raise DataError(f"there are too many data sets called {base}-…; delete some")


def _is_divided(dataset: Dataset, column: str, labelled: Targets) -> bool:
    splits = dataset.samples["split"].to_numpy(object)[labelled.indices]
    pairs = set(zip(_read_groups(dataset, column, labelled.indices), splits, strict=True))
    return set(splits) == set(SPLITS) and len(pairs) == len({name for name, _ in pairs})


def _choose_replay(
    options: AdaptOptions, entry: CheckpointEntry, dataset: Dataset, workspace: Workspace
) -> str:
    if options.replay == NO_REPLAY:
        return ""
    if options.replay:
        return describe_dataset(options.replay, workspace).name
    info = entry.info
    seen = [str(item.get("fingerprint") or "") for item in (info.data, *info.earlier)]
    named = {item.fingerprint: item.name for item in list_datasets(workspace) if item.name != dataset.name}
    return next((named[mark] for mark in seen if mark in named), "")


def _list_notes(dataset: Dataset, labelled: Targets, entry: CheckpointEntry, replay: str) -> Sequence[str]:
    notes = []
    if not replay:
        notes.append(
            f"The data that {entry.key} was trained on are not on this machine: its own answers stand in for "
            "them, and what it forgets is not measured. Import FER+ to do both."
        )
    samples = dataset.samples
    people = set(samples["person"].iloc[labelled.indices]) - {""} if "person" in samples else set()
    if len(people) == 1:
        notes.append("All faces are of one person: nothing is learned of others.")
    return notes


def _configure(
    options: AdaptOptions, entry: CheckpointEntry, dataset: Dataset, num_train: int, replay: str
) -> TrainConfig:
    info = entry.info
    fewest, most = _EPOCHS
    epochs = options.epochs or min(most, max(fewest, _SHOWN_OWN // num_train))
    return TrainConfig(
        data=DataConfig(
            dataset=dataset.name,
            label_mode="crossentropy",
            replay=replay,
            replay_share=_REPLAY_SHARE,
        ),
        model=ModelConfig(
            name=info.architecture,
            arguments=dict(info.arguments),
            height=info.input.height,
            width=info.input.width,
            color=info.input.color,
        ),
        transfer=TransferConfig(
            weights=entry.key, adapt=True, freeze_epochs=epochs if options.layers == "head" else 0
        ),
        # Learning without forgetting (Li and Hoiem, 2016): the model's own answers to the new faces.
        distill=DistillConfig(teachers="" if replay else entry.key, weight=0.5, temperature=2.0),
        augment=AugmentConfig(rotation_deg=10, scale=0.1, shift=0.05, erasing_probability=0, mixup_alpha=0),
        optimizer=OptimizerConfig(
            learning_rate=0.02 if options.layers == "head" else 0.002, weight_decay=1e-4, warmup_fraction=0.1
        ),
        log=LogConfig(tensorboard=False, gradients=False),
        epochs=epochs,
        batch_size=max(2, min(32, num_train)),
        ema_decay=0.99,
        monitor="loss",
        seed=options.seed,
    )
