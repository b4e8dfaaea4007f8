"""Comparing models: what may be compared, seeds of one configuration, configurations, and the Pareto line."""

import shlex
import statistics
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from fer_core.checkpoint import CheckpointEntry, find_checkpoint
from fer_core.errors import DataError, FerError, RunError
from fer_core.evaluation.paired import PairedResult, compare_with_baseline
from fer_core.evaluation.report import Report
from fer_core.evaluation.stored_reports import (
    DEFAULT_SPLIT,
    StoredEvaluation,
    check_conditions,
    load_evaluation,
    locate_report,
)
from fer_core.runs.reader import load_run
from fer_core.runs.run_files import REPORT_FILE
from fer_core.workspace import Workspace

SEED_KEYS: Final[frozenset[str]] = frozenset({"seed"})
"""Settings in which runs of one configuration may differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Models that may be compared, on the same images, and those that may not."""

    evaluations: tuple[StoredEvaluation, ...]
    """At least one; aligned: the same images in the same order, the same classes in the same order."""
    refused: Mapping[str, str]
    """Why a model is left out, by key."""
    results: tuple[PairedResult, ...]
    """Each other model against the baseline, the first."""
    configs: Mapping[str, Mapping[str, Any]]
    """Flat settings of each run; empty for a checkpoint without a run."""

    @property
    def baseline(self) -> str:
        """Key of the model that the others are compared with."""
        return self.evaluations[0].key

    @property
    def reports(self) -> Mapping[str, Report]:
        """The report of each model, by key."""
        return {item.key: item.report for item in self.evaluations}


def align(evaluations: Sequence[StoredEvaluation]) -> tuple[list[StoredEvaluation], dict[str, str]]:
    """Bring evaluations to the first one's images and class order, by name and by row, or refuse them.

    Returns:
        Those that fit, the first always among them, and the reason for each that does not.
    """
    first = evaluations[0]
    aligned, refused = [_sorted_by_row(first)], {}
    for item in evaluations[1:]:
        reason = _explain_mismatch(first, item)
        if reason:
            refused[item.key] = reason
            continue
        classes = first.report.classes
        moved = _sorted_by_row(
            StoredEvaluation(
                item.key, item.report.with_classes(classes), item.predictions.with_classes(classes)
            )
        )
        if np.array_equal(moved.predictions.labels, aligned[0].predictions.labels):
            aligned.append(moved)
        else:
            refused[item.key] = (
                f"the truth of some images differs from that of {first.key}, although data set and protocol "
                "are called the same; evaluate both again"
            )
    return aligned, refused


def _explain_mismatch(first: StoredEvaluation, other: StoredEvaluation) -> str:
    ours, theirs = first.report.subject, other.report.subject
    if ours.data_fingerprint != theirs.data_fingerprint:
        return (
            f"it was evaluated on data set {theirs.dataset!r} ({theirs.data_fingerprint[:8]}), {first.key} "
            f"on {ours.dataset!r} ({ours.data_fingerprint[:8]}); evaluate both on the same data"
        )
    classes, others = first.report.classes, other.report.classes
    if set(classes) != set(others):
        return (
            f"it was scored over {len(others)} classes ({theirs.protocol}), {first.key} over {len(classes)} "
            f"({ours.protocol}); only one of them has {', '.join(sorted(set(classes) ^ set(others)))}. "
            "Figures over different classes can't be compared"
        )
    # Over the same classes it does not matter that one of the models knows more of them.
    if (ours.split, ours.rule or ours.protocol) != (theirs.split, theirs.rule or theirs.protocol):
        return (
            f"it was evaluated on split {theirs.split} by {theirs.protocol}, {first.key} on split "
            f"{ours.split} by {ours.protocol}"
        )
    if ours.tta != theirs.tta:
        return (
            f"it was evaluated with test-time augmentation {theirs.tta!r}, {first.key} with {ours.tta!r}; "
            "evaluate both in the same way"
        )
    if set(first.predictions.rows.tolist()) != set(other.predictions.rows.tolist()):
        return f"it holds predictions for other images than {first.key}; evaluate both again"
    return ""


def _sorted_by_row(item: StoredEvaluation) -> StoredEvaluation:
    data = item.predictions
    order = np.argsort(data.rows)
    if len(np.unique(data.rows)) != len(data.rows):
        raise RunError(f"the predictions of {item.key!r} hold an image twice; evaluate it again")
    if np.array_equal(order, np.arange(len(order))):
        return item
    return StoredEvaluation(item.key, item.report, data.take(order))


def find_evaluation(
    key: str, workspace: Workspace, *, dataset: str = "", split: str = DEFAULT_SPLIT, tta: str = "none"
) -> StoredEvaluation:
    """Read the stored evaluation of a model.

    Args:
        key: what `fer_core.checkpoint.find_checkpoint` understands.
        workspace: where reports lie.
        dataset: name of a data set; the one that the model was trained on, if empty.
        split: split that was scored.
        tta: test-time augmentation of it.

    Raises:
        CheckpointError: no such model.
        RunError: it has no report for that, or a report that can't be trusted.
    """
    entry = find_checkpoint(key, workspace)
    wanted = dataset or own_dataset(entry)
    if not wanted:
        raise RunError(f"{key!r} does not say what it was trained on; name the data set to compare on")
    folder = locate_report(entry, workspace, dataset=wanted, split=split, tta=tta)
    if not (folder / REPORT_FILE).is_file():
        options = [*(["--dataset", dataset] if dataset else []), "--split", split]
        options += [] if tta == "none" else ["--tta", tta]
        command = shlex.join(["fer", "evaluate", key, *options, "--save"])
        raise RunError(f"{key!r} has no evaluation report yet; make one with: {command}")
    found = load_evaluation(folder, key, weights_sha256=entry.info.weights_sha256)
    check_conditions(found.report, key, dataset=wanted, split=split, tta=tta)
    return found


def own_dataset(entry: CheckpointEntry) -> str:
    """Name of the data set that a checkpoint was trained on; empty if it does not say."""
    return str(entry.info.data.get("name", ""))


def compare(
    evaluations: Sequence[StoredEvaluation],
    workspace: Workspace,
    *,
    baseline: str | None = None,
    num_resamples: int = 2000,
    names: Mapping[str, str] | None = None,
) -> Comparison:
    """Compare models that were evaluated.

    Args:
        evaluations: at least one, each key once.
        workspace: where the runs' configurations are.
        baseline: key of the model that the others are compared with; the first if not given.
        num_resamples: of the paired bootstrap.
        names: what the comparison calls models in place of their keys, such as the titles of runs; each once.

    Raises:
        DataError: nothing to compare, or a key that is not among them.
    """
    keys = [item.key for item in evaluations]
    if not keys or len(set(keys)) != len(keys):
        raise DataError(f"expected one or more different models to compare, got {keys}")
    if baseline is not None:
        if baseline not in keys:
            raise DataError(f"baseline {baseline!r} is none of {', '.join(keys)}")
        evaluations = sorted(evaluations, key=lambda item: item.key != baseline)
    names = {key: (names or {}).get(key, key) for key in keys}
    aligned, refused = align([replace(item, key=names[item.key]) for item in evaluations])
    predictions = {item.key: item.predictions for item in aligned}
    return Comparison(
        evaluations=tuple(aligned),
        refused=refused,
        results=tuple(compare_with_baseline(predictions, aligned[0].key, num_resamples=num_resamples)),
        configs={names[key]: load_flat_config(key, workspace) for key in keys if names[key] in predictions},
    )


def load_flat_config(key: str, workspace: Workspace) -> dict[str, Any]:
    """Settings of the run `key` (or `<run>/best`), nested names joined by dots; empty if it has none."""
    name = key.removesuffix("/best")
    try:
        return flatten(load_run(workspace.run(name)).config)
    except FerError:  # a shipped checkpoint, or a run whose settings are gone
        return {}


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as one level.

    Examples:
        >>> flatten({"seed": 1, "model": {"name": "vit", "arguments": {}}})
        {'seed': 1, 'model.name': 'vit'}
    """
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def diff_configs(configs: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Settings in which runs differ: setting, then run, then value; None where a run does not name it.

    Runs without any settings (shipped checkpoints) are left out.

    Examples:
        >>> diff_configs({"a": {"seed": 1, "epochs": 5}, "b": {"seed": 2, "epochs": 5}})
        {'seed': {'a': 1, 'b': 2}}
    """
    known = {key: config for key, config in configs.items() if config}
    names = sorted({name for config in known.values() for name in config})
    table = {name: {key: config.get(name) for key, config in known.items()} for name in names}
    return {name: row for name, row in table.items() if len({repr(value) for value in row.values()}) > 1}


def list_varied_settings(configs: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Settings that every run with settings names, and in which they differ.

    Runs of earlier versions of the program do not name what came later.

    Examples:
        >>> list_varied_settings({"a": {"seed": 1, "epochs": 5, "new": 0}, "b": {"seed": 2, "epochs": 5}})
        ['seed']
    """
    table = diff_configs(configs)
    return [name for name, row in table.items() if all(name in configs[key] for key in row)]


@dataclass(frozen=True, slots=True)
class SeedGroup:
    """Runs that differ in nothing but the seed."""

    keys: tuple[str, ...]
    seeds: tuple[Any, ...]
    mean: Mapping[str, float]
    """Mean of each figure over the runs."""
    sd: Mapping[str, float]
    """Sample standard deviation of each."""


def group_seeds(
    configs: Mapping[str, Mapping[str, Any]], figures: Mapping[str, Mapping[str, float]]
) -> list[SeedGroup]:
    """Groups of two or more runs of one configuration, with mean and standard deviation of their figures.

    Args:
        configs: flat settings by run.
        figures: values by run and figure; a figure that is missing or NaN for one run is left out.
    """
    groups: dict[Hashable, list[str]] = {}
    for key, config in configs.items():
        if config and key in figures:
            rest = tuple(
                sorted((name, repr(value)) for name, value in config.items() if name not in SEED_KEYS)
            )
            groups.setdefault(rest, []).append(key)
    found = []
    for keys in groups.values():
        seeds = tuple(configs[key].get("seed") for key in keys)
        if len(keys) < 2 or len(set(seeds)) < 2:
            continue
        shared = set.intersection(*(set(figures[key]) for key in keys))
        values = {name: [figures[key][name] for key in keys] for name in sorted(shared)}
        values = {name: item for name, item in values.items() if np.isfinite(item).all()}
        mean = {name: statistics.fmean(item) for name, item in values.items()}
        sd = {name: statistics.stdev(item) for name, item in values.items()}
        found.append(SeedGroup(tuple(keys), seeds, mean, sd))
    return found


def find_pareto(points: Mapping[str, tuple[float, float]]) -> list[str]:
    """Keys that no other beats: cost ascending, each with more value than all that cost less.

    Args:
        points: (cost, value) by key; lower cost and higher value are better.

    Examples:
        >>> find_pareto({"a": (1, 0.8), "b": (2, 0.7), "c": (3, 0.9)})
        ['a', 'c']
    """
    line: list[str] = []
    best = -np.inf
    for key, (_, value) in sorted(points.items(), key=lambda item: (item[1][0], -item[1][1], item[0])):
        if value > best:
            line.append(key)
            best = value
    return line
