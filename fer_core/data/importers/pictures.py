"""Importing pictures and sounds: scan, map class names, decode, size, split and store."""

import dataclasses
import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pandas as pd

from fer_core.checkpoint import ColorMode, SoundSpec
from fer_core.data.image_writer import StreamItem, write_stream
from fer_core.data.importers.base import IMPORTERS, Item, Scan
from fer_core.data.importers.choosing import find_source
from fer_core.data.importers.decoding import Cropper, NoFaceError, Prepared, Result, decode_all
from fer_core.data.importers.numberings import list_numberings, read_number
from fer_core.data.importers.people import group_by, keep_photos_together
from fer_core.data.importers.raters import describe_votes, find_meaning, keep_agreed
from fer_core.data.importers.review import describe_done, find_leaks, require_speakers
from fer_core.data.splits import SplitPlan, assign_splits
from fer_core.data.store import RATE_COLUMN, SPLITS, DatasetInfo, load_dataset
from fer_core.data.tree import make_readable, open_tree
from fer_core.errors import DataError, MediaError, PluginError
from fer_core.escaping import escape_unseen
from fer_core.labels import EXPRESSIONS, canonical_emotion

_SHOWN: Final[int] = 12
Progress = Callable[[int, int], None]
"""Called with (pictures done, total). Whatever it raises ends the import and leaves nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureOptions:
    """How pictures become a data set."""

    width: int = 48
    height: int = 48
    color: ColorMode = "gray"
    class_map: Mapping[str, str] = field(default_factory=dict)
    """Source's class name -> emotion, over the suggested mapping; an empty emotion leaves the class out."""
    classes: tuple[str, ...] = ()
    """Emotions to keep; all that occur if empty."""
    numbers: str = ""
    """Data set in `NUMBERINGS` whose numbers the class names are; empty: what the source proves."""
    split_map: Mapping[str, str] = field(default_factory=dict)
    """Source's word for a part -> `train`, `valid` or `test`; an empty one leaves the part out."""
    group_by: str = ""
    """Column, or regular expression over paths, that says who is on a picture or which clip it is from."""
    splits: SplitPlan = field(default_factory=SplitPlan)
    use_boxes: bool = True
    """Cut out the source's face boxes, where it has some."""
    crop: Cropper | None = None
    """Finds the face on pictures; without it those that have no box are taken whole."""
    sound: SoundSpec = field(default_factory=SoundSpec)
    """How sound becomes pictures, in place of size and colour."""

    def __post_init__(self) -> None:
        if not (24 <= self.width <= 1024 and 24 <= self.height <= 1024):
            raise DataError(f"size is {self.height}x{self.width} px; expected 24 to 1024 a side")


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did."""

    info: DatasetInfo
    skipped: tuple[tuple[str, str], ...]
    """(file, reason)."""
    num_without_face: int
    """Pictures left out because the face detection found none."""
    notes: tuple[str, ...] = ()
    """What was done that was not asked for."""
    warnings: tuple[str, ...] = ()
    """Why scores on this data set would be too good."""


def resolve_mapping(scan: Scan, changes: Mapping[str, str] = {}, numbers: str = "") -> dict[str, str]:
    """Emotion of each of the source's class names; empty for those to leave out.

    Args:
        scan: what the source holds.
        changes: meanings over the suggested ones.
        numbers: the data set whose numbers the class names are.

    Raises:
        ConfigError: no numbering is called like that.
        DataError: a name is unknown and not mapped, or `changes` names what is not there.
    """
    mapping = scan.suggest_mapping(numbers)
    if numbers and not any(map(read_number, mapping)):
        raise DataError(f"--numbers {numbers}, but no class name is a number: {', '.join(mapping)}")
    changes = _find_printed(changes, mapping)
    strangers = sorted(set(changes) - set(mapping))
    if strangers:
        raise DataError(f"the source has no class {', '.join(strangers)}; it has {', '.join(mapping)}")
    resolved = {
        name: canonical_emotion(changes[name], scan.kind)
        if changes.get(name)
        else ""
        if name in changes
        else found
        for name, found in mapping.items()
    }
    unknown = [name for name, emotion in resolved.items() if emotion is None]
    if unknown:
        raise DataError(describe_unknown(unknown, EXPRESSIONS[scan.kind]))
    return {name: emotion or "" for name, emotion in resolved.items()}


def _find_printed(changes: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Changes by the source's own names, where the user copied a name as a terminal prints it."""
    known = list(names)
    printed = Counter(map(escape_unseen, known))
    own = {escape_unseen(name): name for name in known if printed[escape_unseen(name)] == 1}
    return {key if key in known else own.get(key, key): value for key, value in changes.items()}


def describe_unknown(names: Sequence[str], known: Sequence[str]) -> str:
    """What to do about class names of unknown meaning, in words. No meaning is suggested for any of them."""
    shown = ", ".join(map(repr, names[:_SHOWN])) + (", ..." if len(names) > _SHOWN else "")
    fitting = list_numberings(names)
    numbers = ", or all numbers at once with --numbers " + ", ".join(fitting) if fitting else ""
    example = shlex.quote(f"{names[0]}=EMOTION"), shlex.quote(f"{names[0]}=")
    return (
        f"unknown class names {shown}; say what each means with --map {example[0]} (EMOTION is one of "
        f"{', '.join(known)}){numbers}; or leave them out with --map {example[1]}"
    )


def resolve_splits(scan: Scan, changes: Mapping[str, str] = {}) -> dict[str, str]:
    """Split of each word by which the source divides its pictures; empty for those to leave out.

    Raises:
        DataError: a word does not say which split it is and is not mapped, or `changes` names what is not
            there or no split.
    """
    changes = _find_printed(changes, scan.split_counts)
    strangers = sorted(set(changes) - set(scan.split_counts))
    if strangers:
        asked = ", ".join(name for name in scan.split_counts if name) or "no part with a name"
        raise DataError(f"the source has no part {', '.join(strangers)}; it has {asked}")
    wrong = sorted({split for split in changes.values() if split and split not in SPLITS})
    if wrong:
        raise DataError(f"no split is called {', '.join(map(repr, wrong))}; expected {', '.join(SPLITS)}")
    unknown = [name for name in scan.asked_splits if name not in changes]
    if unknown:
        example = shlex.quote(f"{unknown[0]}=SPLIT"), shlex.quote(f"{unknown[0]}=")
        raise DataError(
            f"the source divides its pictures, but {', '.join(map(repr, unknown[:_SHOWN]))} does not say "
            f"into which split; say it with --split {example[0]} (SPLIT is train, valid or test), or leave "
            f"those pictures out with --split {example[1]}"
        )
    return {name: changes.get(name, name) for name in scan.split_counts}


def import_pictures(
    source: Path,
    target: Path,
    options: PictureOptions,
    *,
    importer: str = "",
    replace: bool = False,
    num_threads: int = 0,
    on_progress: Progress | None = None,
) -> ImportReport:
    """Import a folder, zip or tar of pictures.

    Args:
        source: what to read.
        target: folder of the data set.
        options: size, colour, mapping, splits, crop.
        importer: a name in `IMPORTERS`; found out if empty.
        replace: exchange an existing data set.
        num_threads: that decode; 0 for one per core, at most four.
        on_progress: called as pictures are read.

    Raises:
        DataError: nothing usable, or a setting that does not go with the source. Nothing is written then.
    """
    with open_tree(source) as tree:
        found = find_source(tree, source, importer)
        scan = found.scan
        if scan is None:
            raise DataError(f"{source} holds no pictures but {found.title}; import it with `import_source`")
        mapping = resolve_mapping(scan, options.class_map, options.numbers)
        splits = resolve_splits(scan, options.split_map)
        if options.group_by:
            scan = group_by(scan, options.group_by)
        known = EXPRESSIONS[scan.kind]
        wanted = {canonical_emotion(name, scan.kind) for name in options.classes} or set(known)
        skipped = list(scan.skipped)
        items = [
            dataclasses.replace(item, split=splits[item.split], box=item.box if options.use_boxes else None)
            for item in keep_photos_together(keep_agreed(scan.items, mapping, skipped))
            if find_meaning(item, mapping) in wanted and (splits[item.split] or not item.split)
        ]
        present = {find_meaning(item, mapping) for item in items}
        classes = [name for name in known if name in present]
        if len(classes) < 2:
            raise DataError(
                f"{source} gives pictures of {', '.join(classes) or 'no emotion'} only; a data set needs two "
                "classes or more. Check the class folders and the mapping"
            )
        sound = options.sound if scan.kind == "sound" else None
        if sound is not None:
            require_speakers(items)
        counter = _Counter()
        report = on_progress or (lambda done, total: None)
        with IMPORTERS.blame(found.kind, PluginError, f"open the pictures of {tree.name}"):
            pictures = scan.open_pictures(tree)
        decoded = decode_all(pictures, items, options, num_threads, report)
        rows = (
            StreamItem(
                prepared.image,
                {
                    "split": item.split,
                    "label": find_meaning(item, mapping),
                    "source": _name_source(source, item),
                    "image_name": item.path.rpartition("/")[2],
                    "group": item.group,
                    **item.facts,
                    **prepared.facts,
                    **({} if item.rate is None else {RATE_COLUMN: item.rate}),
                    **describe_votes(item, mapping),
                },
                prepared.clip,
            )
            for item, prepared in _keep_good(decoded, skipped, counter, make_readable(source.name))
        )
        shape = (options.height, options.width) + ((3,) if options.color == "rgb" else ())
        if sound is not None:
            shape = (sound.num_bands, sound.num_frames)
        info = write_stream(
            target,
            rows,
            shape=shape,
            describe={
                "importer": found.kind,
                "source": make_readable(source.name),
                "terms": found.terms,
                "sound": sound,
            },
            classes=classes,
            replace=replace,
            expected_images=len(items),
            complete_samples=lambda samples: _complete(samples, options.splits, classes, skipped),
        )
    dataset = load_dataset(target)
    return ImportReport(
        info,
        tuple(skipped),
        counter.num_without_face,
        notes=(*scan.notes, *describe_done(dataset, num_boxes=counter.num_boxes)),
        warnings=tuple(find_leaks(dataset, items)),
    )


@dataclass
class _Counter:
    num_without_face: int = 0
    num_boxes: int = 0


def _complete(
    samples: pd.DataFrame, plan: SplitPlan, classes: list[str], skipped: Sequence[tuple[str, str]]
) -> pd.DataFrame:
    gone = [name for name in classes if name not in set(samples["label"])]
    if gone:
        raise DataError(
            f"no picture of {', '.join(gone)} could be decoded; check the files, or leave them out"
            f"{_tell_skipped(skipped)}"
        )
    has_groups = bool((samples["group"] != "").any())
    groups = samples["group"].to_numpy(object) if has_groups else None
    splits = assign_splits(
        samples["label"].to_numpy(object), samples["split"].to_numpy(object), plan, groups=groups
    )
    samples = samples.assign(split=splits).fillna("")  # a source may say more of one picture than of another
    return samples if has_groups else samples.drop(columns="group")


def _tell_skipped(skipped: Sequence[tuple[str, str]]) -> str:
    """Why nothing, or nothing of a class, was left: of an import that fails nobody lists what it skipped."""
    if not skipped:
        return ""
    name, why = skipped[0]
    return f". {len(skipped):,} skipped, the first is {name}: {why}"


def _name_source(source: Path, item: Item) -> str:
    name = f"{make_readable(source.name)}:{item.path}"
    return name if item.box is None else f"{name} at {','.join(f'{value:g}' for value in item.box)}"


def _keep_good(
    decoded: Iterator[tuple[Item, Result]], skipped: list[tuple[str, str]], counter: _Counter, source: str
) -> Iterator[tuple[Item, Prepared]]:
    any_good = False
    for item, result in decoded:
        if isinstance(result, MediaError):
            skipped.append((item.path, str(result)))
            counter.num_without_face += isinstance(result, NoFaceError)
        else:
            counter.num_boxes += item.box is not None
            for prepared in result:
                any_good = True
                yield item, prepared
    if not any_good:
        raise DataError(f"nothing in {source} could be used; nothing was imported{_tell_skipped(skipped)}")
