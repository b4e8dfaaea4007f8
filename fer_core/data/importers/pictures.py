"""Importing pictures: scan, map class names, decode, size, split and store."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from fer_core.checkpoint import ColorMode
from fer_core.data.image_writer import write_stream
from fer_core.data.importers.base import Item, Scan
from fer_core.data.importers.choosing import find_source
from fer_core.data.splits import SplitPlan, assign_splits
from fer_core.data.store import DatasetInfo
from fer_core.data.tree import FileTree, open_tree
from fer_core.errors import DataError, MediaError
from fer_core.images import load_image
from fer_core.labels import EMOTIONS, canonical_emotion
from fer_core.types import UInt8Array

_MOST_THREADS: Final[int] = 4
_PART: Final[int] = 32
"""Pictures that a thread takes at once: handing over single ones costs more than decoding them."""
Cropper = Callable[[UInt8Array, tuple[float, float, float, float] | None], UInt8Array | None]
"""Cuts the face out of an H x W x 3 RGB picture; given the source's box, if any; None: no face found."""
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
    splits: SplitPlan = field(default_factory=SplitPlan)
    crop: Cropper | None = None

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


def resolve_mapping(scan: Scan, changes: Mapping[str, str] = {}) -> dict[str, str]:
    """Emotion of each of the source's class names; empty for those to leave out.

    Raises:
        DataError: a name is unknown and not mapped, or `changes` names what is not there.
    """
    mapping = scan.suggest_mapping()
    strangers = sorted(set(changes) - set(mapping))
    if strangers:
        raise DataError(f"the source has no class {', '.join(strangers)}; it has {', '.join(mapping)}")
    resolved = {
        name: canonical_emotion(changes[name]) if changes.get(name) else "" if name in changes else found
        for name, found in mapping.items()
    }
    unknown = [name for name, emotion in resolved.items() if emotion is None]
    if unknown:
        raise DataError(
            f"unknown class names {', '.join(map(repr, unknown[:12]))}; say what they mean with "
            f"--map {unknown[0]}=happiness, or leave them out with --map {unknown[0]}="
        )
    return {name: emotion or "" for name, emotion in resolved.items()}


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
        mapping = resolve_mapping(scan, options.class_map)
        wanted = {canonical_emotion(name) for name in options.classes} or set(EMOTIONS)
        items = [item for item in scan.items if mapping[item.label] in wanted]
        present = {mapping[item.label] for item in items}
        classes = [name for name in EMOTIONS if name in present]
        if len(classes) < 2:
            raise DataError(
                f"{source} gives pictures of {', '.join(classes) or 'no emotion'} only; a data set needs two "
                "classes or more. Check the class folders and the mapping"
            )
        skipped = list(scan.skipped)
        counter = _Counter()
        report = on_progress or (lambda done, total: None)
        decoded = _decode_all(
            scan.open_pictures(tree), items, options, num_threads or count_threads(), report
        )
        rows = (
            (
                image,
                {
                    "split": item.split,
                    "label": mapping[item.label],
                    "source": f"{source.name}:{item.path}",
                    "image_name": item.path.rpartition("/")[2],
                    "group": item.group,
                    **item.facts,
                },
            )
            for item, image in _keep_good(decoded, skipped, counter)
        )
        shape = (options.height, options.width) + ((3,) if options.color == "rgb" else ())
        info = write_stream(
            target,
            rows,
            shape=shape,
            describe={
                "importer": found.kind,
                "source": source.name,
                "licence": "not stated by the source",
            },
            classes=classes,
            replace=replace,
            expected_images=len(items),
            complete_samples=lambda samples: _complete(samples, options.splits, classes),
        )
    return ImportReport(info, tuple(skipped), counter.num_without_face)


def count_threads() -> int:
    """Threads that decode by default: one a core of this process, at most four."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, _MOST_THREADS)


@dataclass
class _Counter:
    num_without_face: int = 0


def _complete(samples: pd.DataFrame, plan: SplitPlan, classes: list[str]) -> pd.DataFrame:
    gone = [name for name in classes if name not in set(samples["label"])]
    if gone:
        raise DataError(
            f"no picture of {', '.join(gone)} could be decoded; check the files, or leave them out"
        )
    has_groups = bool((samples["group"] != "").any())
    groups = samples["group"].to_numpy(object) if has_groups else None
    splits = assign_splits(
        samples["label"].to_numpy(object), samples["split"].to_numpy(object), plan, groups=groups
    )
    samples = samples.assign(split=splits).fillna("")  # a source may say more of one picture than of another
    return samples if has_groups else samples.drop(columns="group")


class _NoFaceError(MediaError):
    pass


Result = UInt8Array | MediaError
"""A picture, or why there is none."""


def _decode_all(
    tree: FileTree, items: list[Item], options: PictureOptions, num_threads: int, on_progress: Progress
) -> Iterator[tuple[Item, Result]]:
    """Decode in order, a few parts ahead in threads (decoders release the interpreter's lock)."""
    done = 0
    # Face detectors are not thread-safe: with one, this thread does all.
    parts = _split(items)
    run = _run_here if num_threads == 1 or options.crop is not None else _run_ahead
    for part, results in run(tree, parts, options, num_threads):
        yield from zip(part, results, strict=True)
        done += len(part)
        on_progress(done, len(items))


def _split(items: list[Item]) -> Iterator[list[Item]]:
    for start in range(0, len(items), _PART):
        yield items[start : start + _PART]


Part = tuple[list[Item], list[Result]]


def _run_here(
    tree: FileTree, parts: Iterator[list[Item]], options: PictureOptions, _num_threads: int
) -> Iterator[Part]:
    for part in parts:
        yield part, _prepare_part(_read_part(tree, part), part, options)


def _run_ahead(
    tree: FileTree, parts: Iterator[list[Item]], options: PictureOptions, num_threads: int
) -> Iterator[Part]:
    waiting: deque[tuple[list[Item], Future[list[Result]]]] = deque()
    with ThreadPoolExecutor(num_threads) as pool:
        try:
            for part in parts:
                # Archives are read by this thread alone: their readers share one file position.
                data = _read_part(tree, part)
                waiting.append((part, pool.submit(_prepare_part, data, part, options)))
                if len(waiting) > 2 * num_threads:
                    done, pending = waiting.popleft()
                    yield done, pending.result()
            while waiting:
                done, pending = waiting.popleft()
                yield done, pending.result()
        finally:
            for _, pending in waiting:
                pending.cancel()


def _read_part(tree: FileTree, part: list[Item]) -> list[bytes | MediaError]:
    found: list[bytes | MediaError] = []
    for item in part:
        try:
            found.append(tree.read(item.path))
        except DataError as cause:
            found.append(MediaError(str(cause)))
    return found


def _prepare_part(data: list[bytes | MediaError], part: list[Item], options: PictureOptions) -> list[Result]:
    return [_try_prepare(content, item, options) for content, item in zip(data, part, strict=True)]


def _try_prepare(content: bytes | MediaError, item: Item, options: PictureOptions) -> Result:
    """The picture, or why there is none: one bad file must not end the import."""
    if isinstance(content, MediaError):
        return content
    try:
        return _prepare(content, item, options)
    except MediaError as cause:
        return type(cause)(str(cause))  # without its traceback, which would keep the pixels alive


def _prepare(data: bytes, item: Item, options: PictureOptions) -> UInt8Array:
    import cv2

    if options.crop is None:
        image = load_image(data, color=options.color, target_px=max(options.height, options.width))
    else:
        cropped = options.crop(load_image(data), item.box)
        if cropped is None:
            raise _NoFaceError("no face was found")
        image = cropped
        if options.color == "gray":
            image = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
    if image.shape[:2] != (options.height, options.width):
        is_smaller = image.shape[0] > options.height
        method = cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR
        image = np.asarray(cv2.resize(image, (options.width, options.height), interpolation=method), np.uint8)
    return image


def _keep_good(
    decoded: Iterator[tuple[Item, Result]], skipped: list[tuple[str, str]], counter: _Counter
) -> Iterator[tuple[Item, UInt8Array]]:
    for item, result in decoded:
        if isinstance(result, MediaError):
            skipped.append((item.path, str(result)))
            counter.num_without_face += isinstance(result, _NoFaceError)
        else:
            yield item, result
