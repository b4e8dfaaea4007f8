"""`fer datasets`: list, show, verify, export, derive and check data sets."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

from tyro.conf import Positional, arg
from tyro.extras import SubcommandApp

from fer_core.checkpoint import DEFAULT_CHECKPOINT
from fer_core.cli.terminal import build_console, say, show_progress
from fer_core.errors import ConfigError
from fer_core.progress import keep_result
from fer_core.words import count as count_words
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from fer_core.data.store import Dataset

_APP: Final = SubcommandApp()


def parse(arguments: list[str]) -> int:
    """Run one of the subcommands; without one the data sets are listed."""
    if not arguments:
        arguments = ["list"]
    return int(_APP.cli(prog="fer datasets", description="Data sets of the workspace.", args=arguments) or 0)


def _load(name: str) -> "Dataset":
    from fer_core.data.builtin import open_dataset

    return open_dataset(name, Workspace.default())


@_APP.command(name="list")
def list_all() -> int:
    """List the data sets."""
    from rich.table import Table

    from fer_core.data.store import list_datasets

    workspace = Workspace.default()
    infos = list_datasets(workspace)
    if not infos:
        say(f"no data sets in {workspace.datasets}; import one with: fer import SOURCE")
        return 0
    table = Table("data set", "images", "size", "splits", "classes", "fingerprint", "derived from")
    for info in infos:
        table.add_row(
            info.name,
            f"{info.num_images:,}",
            f"{info.height}x{info.width} {info.color}",
            ", ".join(f"{split} {count:,}" for split, count in info.split_counts.items()),
            str(len(info.classes)),
            info.fingerprint[:12],
            str(info.history[-1]["parent"]) if info.history else "",
        )
    build_console().print(table)
    return 0


@_APP.command
def show(name: Positional[str]) -> int:
    """Print all that dataset.json says, with the history.

    Args:
        name: The data set.
    """
    import dataclasses

    say(json.dumps(dataclasses.asdict(_load(name).info), indent=2, ensure_ascii=False))
    return 0


@_APP.command
def verify(name: Positional[str]) -> int:
    """Compare pixels and samples with the fingerprint.

    Args:
        name: The data set.
    """
    from fer_core.data.store import verify_dataset

    dataset = _load(name)
    verify_dataset(dataset)
    say(
        f"{name}: {len(dataset.images):,} images are as written (fingerprint {dataset.info.fingerprint[:12]})"
    )
    return 0


@_APP.command
def export(
    name: Positional[str], target: Positional[Path], kind: Literal["folders", "csv"] = "folders"
) -> int:
    """Write a data set as class folders of PNG, or as one CSV.

    Args:
        name: The data set.
        target: Folder or file to make.
        kind: `folders` (split/class/row.png) or `csv`. Signs that lead elsewhere are encoded in folders
            (`%2F`), and texts that begin a formula have an apostrophe before them in the CSV.
    """
    from fer_core.data.exporting import export_dataset

    with show_progress(f"exporting {name}") as show:
        export_dataset(_load(name), target, kind, show)
    say(f"{name} is at {target}")
    return 0


@_APP.command
def derive(  # noqa: PLR0913 - the options of the command
    name: Positional[str],
    new_name: Positional[str],
    *,
    exclude: tuple[int, ...] = (),
    exclude_duplicates: bool = False,
    exclude_blank: bool = False,
    relabel: Annotated[tuple[str, ...], arg(metavar="ROW=LABEL")] = (),
    classes: tuple[str, ...] = (),
    balance: bool = False,
    resplit: tuple[float, float] | None = None,
    seed: int = 0,
    reason: str = "",
    decisions: bool = False,
) -> int:
    """Make a new data set from one; it records its parent and what was changed.

    Args:
        name: The data set to begin with.
        new_name: Name of the new one.
        exclude: Rows to leave out.
        exclude_duplicates: Leave out exact repeats: one of each group stays, test before valid before train.
        exclude_blank: Leave out images that show nothing but an even gradient.
        relabel: New labels of rows, as 17=anger.
        classes: Classes to keep.
        balance: As many training images of each class as of the rarest.
        resplit: Divide all anew: shares of validation and test.
        seed: Of balancing and dividing.
        reason: Why, in words.
        decisions: Carry out what was decided about single images under Explore data, Clean up.
    """
    from dataclasses import replace

    import numpy as np

    from fer_core.data.builtin import describe_dataset
    from fer_core.data.decisions import build_derivation, load_decisions
    from fer_core.data.derive import Derivation, check_derivation, derive_dataset
    from fer_core.data.duplicates import compute_marks, find_duplicates
    from fer_core.data.image_writer import refuse_existing
    from fer_core.data.splits import SplitPlan

    workspace = Workspace.default()
    plan = None if resplit is None else SplitPlan(valid=resplit[0], test=resplit[1], seed=seed)
    asked = Derivation(
        exclude=frozenset(exclude),
        relabel=_parse_labels(relabel),
        classes=classes,
        balance=balance,
        split=plan,
        seed=seed,
        reason=reason,
    )
    check_derivation(describe_dataset(name, workspace), asked)  # before anything is drawn
    refuse_existing(workspace.dataset(new_name))
    dataset = _load(name)
    base = Derivation(reason=reason)
    if decisions:
        base = build_derivation(load_decisions(dataset, workspace), reason=reason)
    dropped = {*base.exclude, *exclude}
    if exclude_duplicates or exclude_blank:
        marks = compute_marks(dataset.images)
        if exclude_duplicates:
            splits = dataset.samples["split"].to_numpy(object)
            dropped.update(find_duplicates(dataset.images, marks=marks, max_bits=-1).repeats(splits))
        if exclude_blank:
            dropped.update(np.flatnonzero(marks.is_blank).tolist())
    derivation = replace(
        asked, exclude=frozenset(dropped), relabel={**base.relabel, **asked.relabel}, reason=base.reason
    )
    with show_progress(f"deriving {new_name}") as show:
        info = derive_dataset(dataset, workspace.dataset(new_name), derivation, on_progress=show)
    keep_result({"dataset": info.name})
    say(f"{info.name}: {info.num_images:,} of {len(dataset.images):,} images; parent {name}")
    return 0


def _parse_labels(pairs: tuple[str, ...]) -> dict[int, str]:
    result = {}
    for pair in pairs:
        row, _, label = pair.partition("=")
        if not row.isdecimal() or not label:
            raise ConfigError(f"--relabel {pair!r}; expected ROW=LABEL, for example 17=anger")
        result[int(row)] = label
    return result


@_APP.command
def quality(
    name: Positional[str],
    *,
    predictions: Path | None = None,
    json_output: Annotated[bool, arg(name="json")] = False,
) -> int:
    """Report repeats, blank images, and likely label errors where a model's probabilities are given.

    Repeats and blank images are looked for once and kept until the data set changes.

    Args:
        name: The data set.
        predictions: predictions.parquet of a run on this data set.
        json_output: Print JSON.
    """
    from fer_core.data.flaws import find_flaws, summarise_quality
    from fer_core.data.suspected_labels import find_suspects

    dataset = _load(name)
    with show_progress(f"looking at {name}") as show:
        flaws = find_flaws(dataset, Workspace.default(), show)
    summary = dict(summarise_quality(dataset, flaws))
    if predictions is not None:
        suspects = find_suspects(dataset, predictions)
        summary["likely_label_errors"] = len(suspects)
        summary["most_suspicious_rows"] = suspects[:20].tolist()
    if json_output:
        say(json.dumps(summary))
        return 0
    for key, value in summary.items():
        say(f"{key.replace('_', ' ')}: {f'{value:,}' if isinstance(value, int) else value}")
    return 0


@_APP.command(name="label-errors")
def label_errors(
    name: Positional[str],
    *,
    model: str = DEFAULT_CHECKPOINT,
    method: Literal["cross-validation", "model"] = "cross-validation",
    splits: tuple[str, ...] = (),
    device: str = "auto",
    seed: int = 0,
) -> int:
    """Look for likely label errors with a model that is at hand, and note them for the data page.

    Args:
        name: The data set.
        model: A shipped checkpoint's name, a run's name, or a checkpoint folder.
        method: `cross-validation` of a cheap classifier on the model's embeddings, or the `model`'s own
            probabilities, for splits that it was not trained on.
        splits: Which splits to judge; all, or for `model` those it was not trained on, if not given.
        device: Where to compute: auto, cpu or cuda.
        seed: Of the folds.
    """
    from fer_core.checkpoint import find_checkpoint
    from fer_core.data.suspected_labels import suspects_path
    from fer_core.evaluation.label_errors import detect_label_errors, save_label_errors

    workspace = Workspace.default()
    dataset = _load(name)
    entry = find_checkpoint(model, workspace)
    with show_progress("loading the model") as show:
        found = detect_label_errors(
            entry,
            dataset,
            method=method,
            splits=splits,
            seed=seed,
            device=device,
            on_progress=lambda done, total: show(done, total, f"judging the labels of {name}"),
        )
    save_label_errors(found, dataset, workspace, model=entry.key, method=method)
    text = (
        f"{len(found.suspects):,} of {found.num_checked:,} images of {name} ({', '.join(found.splits)}) "
        f"have a doubtful label by {entry.key}, {method}"
    )
    keep_result({"text": text, "cautions": found.cautions})
    say(f"{text}; noted in {suspects_path(workspace, name)}")
    for caution in found.cautions:
        say(f"note: {caution}")
    for item in found.suspects[:20]:
        say(f"  row {item.row}: {item.source}")
    return 0


@_APP.command(name="map")
def map_images(
    name: Positional[str],
    *,
    model: str = DEFAULT_CHECKPOINT,
    split: str = "valid",
    count: int = 2000,
    method: Literal["PCA", "t-SNE"] = "PCA",
) -> int:
    """Lay images out as a model sees them, for the embedding map of the data page; it is kept.

    Args:
        name: The data set.
        model: A shipped checkpoint's name, a run's name, or a checkpoint folder.
        split: Whose images.
        count: At most so many of them, drawn at random, always the same.
        method: `PCA`, or `t-SNE`, which shows groups more clearly and takes up to a minute.
    """
    from fer_core.checkpoint import find_checkpoint
    from fer_core.data.label_quality import name_classes
    from fer_core.evaluation.embedding_map import build_map, choose_rows, locate_map

    workspace = Workspace.default()
    dataset = _load(name)
    candidates = dataset.split_indices(split)
    entry = find_checkpoint(model, workspace)
    rows = choose_rows(candidates[name_classes(dataset)[candidates] != ""], count)
    with show_progress(f"mapping {name}") as show:
        build_map(
            entry, dataset, rows, method, workspace, on_progress=lambda share, text: show(share, 1, text)
        )
    say(
        f"{count_words(len(rows), 'image')} of {name}, {split}; "
        f"{locate_map(entry, dataset, rows, method, workspace)}"
    )
    return 0
