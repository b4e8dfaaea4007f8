"""`fer import`: bring a data set into the workspace."""

import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, UseAppendAction, arg

from fer_core.checkpoint import SoundSpec
from fer_core.cli.terminal import say, show_progress
from fer_core.errors import ConfigError
from fer_core.labels import canonical_emotion
from fer_core.progress import keep_result
from fer_core.provenance import Statement, answer_use
from fer_core.words import count as count_words
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from fer_core.data.importers.base import Scan
    from fer_core.data.importers.decoding import Cropper
    from fer_core.data.importers.pictures import ImportReport
    from fer_core.data.importing import Source
    from fer_core.data.store import DatasetInfo

_SHOWN_SKIPPED = 20
_KEPT_SKIPPED = 1000
_ITEMS = {"image": "pictures", "sound": "sounds"}


def _describe_importer() -> str:
    from fer_core.data.importers.base import list_importers

    return f"What the source is: {', '.join(list_importers())}; found out if `auto`."


def _describe_numbers() -> str:
    from fer_core.data.importers.numberings import NUMBERINGS

    return (
        f"The data set whose numbers the numeric class names are: {', '.join(NUMBERINGS)}. Needed where the "
        "source itself does not show it."
    )


def _describe_detector() -> str:
    from fer_core.inference.detectors import DETECTORS

    return (
        f"Find the face on each picture and cut it out: {', '.join(DETECTORS)}, or none. Boxes of the "
        "source are used where there are any."
    )


def main(  # noqa: PLR0913, PLR0917 - the options of the command
    source: Annotated[Positional[str], arg(metavar="SOURCE")],
    votes: Path | None = None,
    name: str | None = None,
    replace: bool = False,
    importer: Annotated[str, arg(help=_describe_importer)] = "auto",
    class_map: Annotated[UseAppendAction[tuple[str, ...]], arg(name="map", metavar="NAME=EMOTION")] = (),
    numbers: Annotated[str, arg(help=_describe_numbers)] = "",
    classes: tuple[str, ...] = (),
    split_map: Annotated[UseAppendAction[tuple[str, ...]], arg(name="split", metavar="NAME=SPLIT")] = (),
    group_by: str = "",
    size: tuple[int, int] = (48, 48),
    window: float = SoundSpec().window_s,
    color: Literal["gray", "rgb"] = "gray",
    detector: Annotated[str, arg(help=_describe_detector)] = "none",
    boxes: bool = True,
    valid: float = 0.1,
    test: float = 0.1,
    seed: int = 0,
    licence: str = "",
    pictures_from: str = "",
    commercial: Literal["", "yes", "no", "unresolved"] = "",
    dry_run: bool = False,
    samples: Path | None = None,
) -> int:
    """Import FER2013, class folders, a CSV or list, Parquet, or a zip or tar of these; pictures or voices.

    Args:
        source: File or folder, `schematic-faces` for the built-in data set, `kaggle:owner/name` or
            `hf:owner/name`.
        votes: fer2013new.csv: the FER+ votes of exactly the same rows (FER2013 only).
        name: Name of the data set; made from the source if not given.
        replace: Exchange an existing data set of that name.
        importer: What the source is.
        class_map: What a class name of the source means, once a name: --map joy=happiness; --map other=
            leaves a class out.
        numbers: The data set whose numbers the numeric class names are.
        classes: Emotions to keep; all if not given.
        split_map: Which split a part of the source is, if its name does not say so: --split eval=valid;
            --split extra= leaves a part out.
        group_by: Who is on a picture, or which clip it is from: a column of the source, or a regular
            expression that is searched in the paths (its first group). Each stays on one side of the
            division. Known without it for CK+, JAFFE, KDEF and Oulu-CASIA, and for EmoDB, CREMA-D, RAVDESS,
            TESS and SAVEE; voices whose speaker is not known are refused.
        size: Rows and columns of the stored images.
        window: Seconds of sound in each sample, 1 to 3; longer clips give several.
        color: Grey or RGB.
        detector: Find the face on each picture and cut it out.
        boxes: Cut out the face boxes that the source has; --no-boxes takes its pictures whole.
        valid: Share for validation, of pictures whose source names no split.
        test: Share for testing, of those.
        seed: Of the division.
        licence: Of pictures and labels, by name ("CC BY 4.0") or in words; it goes with every model that
            learns from them. What a known data set's authors state, if not given.
        pictures_from: Where the pictures come from, in words ("own photographs, everyone agreed").
        commercial: Whether the terms allow commercial use; by the licence's name if not given.
        dry_run: Only show what is there and how classes would be mapped.
        samples: Folder to write a small picture of each class name to; with `--dry-run`.
    """
    from fer_core.data.download import fetch_source, is_remote
    from fer_core.data.importers.pictures import PictureOptions, resolve_mapping, resolve_splits
    from fer_core.data.importing import import_source, inspect_source
    from fer_core.data.splits import SplitPlan
    from fer_core.data.store import SCHEMATIC_FACES

    workspace = Workspace.default()
    changes = {
        name: canonical_emotion(value, "sound")
        if value
        else ""  # all names; the source's kind is not known yet
        for name, value in _parse_pairs("--map", class_map).items()
    }
    split_changes = _parse_pairs("--split", split_map)
    if source == SCHEMATIC_FACES:
        if changes or classes:
            raise ConfigError(f"--map and --classes do not go with {SCHEMATIC_FACES}: it is drawn, not read")
        _print_info(_draw(workspace, name or SCHEMATIC_FACES, replace=replace), workspace)
        return 0
    with show_progress(f"fetching {source}" if is_remote(source) else "looking into it"):
        path = fetch_source(source) if is_remote(source) else Path(source)
        found = inspect_source(path, "" if importer == "auto" else importer)
    if found.votes is not None and votes is None:
        say(f"{found.votes} has FER+ votes; --votes {shlex.quote(str(found.votes))} imports them, too")
    if dry_run:
        return _look(found, changes, numbers, samples)
    options = None
    if found.scan is not None:
        _print_mapping(found.kind, found.scan, changes, numbers)
        resolve_mapping(found.scan, changes, numbers)
        resolve_splits(found.scan, split_changes)
        rows, columns = size
        options = PictureOptions(
            width=columns,
            height=rows,
            color=color,
            class_map=changes,
            numbers=numbers,
            classes=classes,
            split_map=split_changes,
            group_by=group_by,
            splits=SplitPlan(valid=valid, test=test, seed=seed),
            use_boxes=boxes,
            crop=_build_cropper(detector, workspace, width=columns, height=rows),
            sound=SoundSpec(window_s=window),
        )
    target = workspace.dataset(name or found.suggest_name(with_votes=votes is not None))
    with show_progress(f"importing {path.name}") as report_progress:
        report = import_source(
            found,
            target,
            options,
            votes=votes,
            stated=Statement(licence=licence, pictures=pictures_from, commercial=commercial),
            replace=replace,
            on_progress=report_progress,
        )
    keep_result(
        {
            "dataset": report.info.name,
            "num_without_face": report.num_without_face,
            "num_skipped": len(report.skipped),
            "skipped": report.skipped[:_KEPT_SKIPPED],
            "notes": report.notes,
            "warnings": report.warnings,
        }
    )
    _print_info(report.info, workspace)
    for note in report.notes:
        say(f"note: {note}")
    for warning in report.warnings:
        say(f"warning: {warning}", file=sys.stderr)
    _print_losses(report, has_detector=detector != "none" and found.scan is not None)
    return 0


def _look(source: "Source", changes: dict[str, str], numbers: str, samples: Path | None) -> int:
    """Say what a source holds, and how its class names would be taken."""
    from fer_core.data.source_facts import describe_source, save_samples

    facts = describe_source(source)
    if samples is not None:
        save_samples(source, samples)
    keep_result(asdict(facts))
    if source.scan is None:
        say(f"{facts.title}: {facts.path}")
    else:
        from fer_core.data.importers.pictures import resolve_mapping

        _print_mapping(source.kind, source.scan, changes, numbers)
        for note in facts.notes:
            say(f"note: {note}")
        unknown = {name: "" for name, meaning in facts.meanings.items() if meaning is None}
        resolve_mapping(source.scan, unknown | changes, numbers)  # tells a mistyped --map
    return 0


def _build_cropper(detector: str, workspace: Workspace, *, width: int, height: int) -> "Cropper | None":
    if detector == "none":
        return None
    from fer_core.inference.face_import import build_cropper

    return build_cropper(detector, workspace, width=width, height=height)


def _print_losses(report: "ImportReport", *, has_detector: bool) -> None:
    for file, reason in report.skipped[:_SHOWN_SKIPPED]:
        say(f"skipped {file}: {reason}", file=sys.stderr)
    if len(report.skipped) > _SHOWN_SKIPPED:
        say(f"and {len(report.skipped) - _SHOWN_SKIPPED:,} more skipped", file=sys.stderr)
    if has_detector:
        total = report.info.num_images + report.num_without_face
        missed = report.num_without_face
        say(f"no face found on {missed:,} of {total:,} ({missed / total:.1%})")


def _draw(workspace: Workspace, name: str, *, replace: bool) -> "DatasetInfo":
    from fer_core.data.builtin import write_schematic_faces

    with show_progress("drawing faces") as show:
        return write_schematic_faces(workspace, name, replace=replace, on_progress=show)


def _parse_pairs(option: str, pairs: tuple[str, ...]) -> dict[str, str]:
    result = {}
    for pair in pairs:
        key, sign, value = pair.rpartition("=")  # what is named on the right has no "=", class names may
        if not sign:
            raise ConfigError(f"{option} {pair!r}; expected NAME=MEANING, or NAME= to leave it out")
        result[key] = value.strip()
    return result


def _print_mapping(kind: str, scan: "Scan", changes: dict[str, str], numbers: str) -> None:
    from fer_core.data.source_facts import offer_numberings

    say(f"{kind}: {len(scan.items):,} {_ITEMS[scan.kind]}, {count_words(len(scan.skipped), 'other file')}")
    suggested = scan.suggest_mapping(numbers)
    for name, count in scan.label_counts.items():
        meaning = changes.get(name, suggested[name])
        words = "unknown" if meaning is None else meaning or "left out"
        say(f"  {name} ({count:,}) -> {words}")
    for name, count in scan.asked_splits.items():
        say(f"  part {name} ({count:,}) -> not known which split")
    if not numbers:
        for name, words in offer_numberings(scan).items():
            say(f"  --numbers {name}  {words}")


def _print_info(info: "DatasetInfo", workspace: Workspace) -> None:
    splits = ", ".join(f"{split} {count:,}" for split, count in info.split_counts.items())
    say(f"{info.name}: {info.num_images:,} {info.describe_format()} ({splits})")
    say(f"classes: {', '.join(info.classes)}")
    for terms in info.terms:
        say(f"terms: {terms.describe()}")
    say(f"may it be used commercially? {answer_use(info.terms)}")
    say(f"at {workspace.dataset(info.name)}")
