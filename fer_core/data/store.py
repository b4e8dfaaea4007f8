"""The on-disk data set: import once, train many times.

A folder with `images.npy` (uint8, opened as a memory map), `samples.parquet` (one row per image) and
`dataset.json`. Sound is stored as log-mel pictures (`fer_core.log_mel`), with what is heard in `clips.npy`.
Columns of the samples: `split`, `label` (canonical name, empty where the source has none), `source` (where
the row comes from), `image_name`, and `votes_<column>` where annotators' votes are known.
"""

import dataclasses
import hashlib
import mmap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from fer_core.checkpoint import ColorMode, InputKind, SoundSpec, check_kind
from fer_core.data.table_files import ARRAY_DAMAGE, load_frame
from fer_core.errors import CheckpointError, DataError
from fer_core.io import atomic_directory, read_json, read_record, write_json
from fer_core.labels import FERPLUS_COLUMNS, validate_classes
from fer_core.plain import Count
from fer_core.provenance import Terms, read_former
from fer_core.types import UInt8Array
from fer_core.workspace import Workspace

SCHEMA_VERSION: Final[int] = 2
"""1 had one line `licence` in place of `terms`; it is read, too."""
SCHEMATIC_FACES: Final[str] = "schematic-faces"
"""Name of the built-in data set, which is drawn on first use."""
INFO_FILE: Final[str] = "dataset.json"
IMAGES_FILE: Final[str] = "images.npy"
SAMPLES_FILE: Final[str] = "samples.parquet"
CLIPS_FILE: Final[str] = "clips.npy"
"""Of sound: the samples that each picture was computed from, N x S int16, to be listened to."""
SPLITS: Final[tuple[str, ...]] = ("train", "valid", "test")
ALL_SPLITS: Final[str] = "all"
"""In place of a split: every image, whichever split it is in."""
VOTE_PREFIX: Final[str] = "votes_"
VOTE_COLUMNS: Final[tuple[str, ...]] = tuple(VOTE_PREFIX + name for name in FERPLUS_COLUMNS)
_HASHED_ROWS: Final[int] = 1024
_REQUIRED_COLUMNS: Final[tuple[str, ...]] = ("split", "label", "source", "image_name")
RATE_COLUMN: Final[str] = "label_rate"
"""Share of listeners who chose the label, in [0, 1], where nothing else is known of their votes."""
OWN_COLUMNS: Final[frozenset[str]] = frozenset({*_REQUIRED_COLUMNS, "group", RATE_COLUMN})
"""Columns with a meaning of their own; the others, votes aside, are what the source said besides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetInfo:
    """What `dataset.json` says."""

    name: str
    """Name of the data set, that of its folder."""
    classes: tuple[str, ...]
    """Classes that a model of this data predicts, in order."""
    color: ColorMode
    """`gray` (N x H x W) or `rgb` (N x H x W x 3)."""
    height: Count
    """Rows in pixels."""
    width: Count
    """Columns in pixels."""
    num_images: Count
    """Number of rows."""
    split_counts: Mapping[str, Count]
    """Images per split."""
    has_votes: bool
    """Whether annotators' votes are stored."""
    importer: str
    """What made this folder."""
    source: str
    """File or generator it was made from."""
    terms: tuple[Terms, ...]
    """Where the pictures come from and on what terms, of every source; empty if nothing is known."""
    fingerprint: str
    """SHA-256 over pixels and samples: equal means the same data."""
    kind: InputKind = "image"
    """What a sample is."""
    sound: SoundSpec | None = None
    """How sound became the pictures; None for images."""
    history: tuple[Mapping[str, Any], ...] = ()
    """What it was derived by, oldest step first: `parent`, `fingerprint` of the parent, `operation`."""

    def __post_init__(self) -> None:
        if (self.kind == "sound") != (self.sound is not None):
            raise DataError(
                f"kind is {self.kind!r}; expected `sound` to be described with sound, and only then"
            )

    def describe_format(self) -> str:
        """What a sample is, in words: `images of 48x48 px`."""
        if self.sound is None:
            return f"images of {self.height}x{self.width} px"
        return f"clips of {self.sound.window_s:g} s at {self.sound.sample_rate:,} Hz"

    def require_same_sound(self, who: str, sound: SoundSpec | None) -> None:
        """Refuse spectrograms made otherwise: brought to one size, they would sound at another tempo.

        Args:
            who: what they belong to, and `has` or another verb, for the message.
            sound: how they are made; None for images, which always pass.

        Raises:
            DataError: they are made otherwise.
        """
        if sound is None or self.sound is None or sound == self.sound:
            return
        other, own = (
            (f"windows of {sound.window_s:g} s", f"windows of {self.sound.window_s:g} s")
            if sound.window_s != self.sound.window_s
            else ("spectrograms made otherwise", "its own")
        )
        raise DataError(
            f"{who} {other}, but {self.name!r} has {own}; import one of them anew with the same --window, or "
            "choose another"
        )


@dataclass(frozen=True, slots=True)
class Dataset:
    """An opened data set. Pixels stay on disk until indexed."""

    folder: Path
    info: DatasetInfo
    images: UInt8Array
    """N x H x W or N x H x W x 3, uint8, memory-mapped and read-only."""
    samples: pd.DataFrame
    """N rows, in the order of the images."""
    clips: npt.NDArray[np.int16] | None = None
    """Of sound: N x S, int16, memory-mapped and read-only."""

    @property
    def name(self) -> str:
        """Name of the data set."""
        return self.info.name

    @property
    def votes(self) -> npt.NDArray[np.float64]:
        """Annotators' votes, N x 10, columns as in `FERPLUS_COLUMNS`.

        Raises:
            DataError: this data set has none.
        """
        if not self.info.has_votes:
            raise DataError(f"data set {self.name!r} has no annotators' votes; import it with a votes file")
        return self.samples[list(VOTE_COLUMNS)].to_numpy(np.float64)

    def split_indices(self, split: str) -> npt.NDArray[np.int64]:
        """Row numbers of a split, or of all for `ALL_SPLITS`, ascending.

        Raises:
            DataError: the split is empty or unknown.
        """
        if split == ALL_SPLITS:
            return np.arange(len(self.samples), dtype=np.int64)
        rows = np.flatnonzero((self.samples["split"] == split).to_numpy())
        if len(rows) == 0:
            known = ", ".join(f"{name} ({count:,})" for name, count in self.info.split_counts.items())
            raise DataError(f"data set {self.name!r} has no split {split!r}; it has {known}")
        return rows


def write_dataset(
    folder: Path,
    *,
    images: UInt8Array,
    samples: pd.DataFrame,
    classes: Sequence[str],
    importer: str,
    source: str,
    terms: Sequence[Terms] = (),
    replace: bool = False,
) -> DatasetInfo:
    """Write a data set folder, whole or not at all; the folder's name is the data set's.

    Args:
        folder: where; must not exist unless `replace`.
        images: N x H x W or N x H x W x 3, uint8.
        samples: N rows with the columns that this module's docstring names.
        classes: class names in the order a model will use.
        importer: name of what makes it.
        source: where the data comes from.
        terms: origin and terms of use, as far as known.
        replace: exchange an existing folder.

    Raises:
        DataError: no images, or images and samples that do not go together.
        FerError: the folder exists.
    """
    classes = validate_classes(classes)
    samples = samples.reset_index(drop=True)
    _check_consistency(images, samples, classes)
    with atomic_directory(folder, replace=replace) as temporary:
        _write_images(temporary / IMAGES_FILE, images)
        return finish_dataset(
            temporary,
            folder.name,
            samples=samples,
            classes=classes,
            importer=importer,
            source=source,
            terms=terms,
            images=images,
        )


def _write_images(path: Path, images: UInt8Array) -> None:
    """As `np.save`, which hides why a disk does not take the pixels."""
    header = {"descr": "|u1", "fortran_order": False, "shape": images.shape}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.write(np.ascontiguousarray(images).data)


def finish_dataset(  # noqa: PLR0913 - the facts of dataset.json, each by name
    folder: Path,
    name: str,
    *,
    samples: pd.DataFrame,
    classes: Sequence[str],
    importer: str,
    source: str,
    terms: Sequence[Terms] = (),
    history: Sequence[Mapping[str, Any]] = (),
    images: UInt8Array | None = None,
    sound: SoundSpec | None = None,
) -> DatasetInfo:
    """Complete a folder that holds `images.npy` already: write samples and description.

    Args:
        folder: where the images are, usually a temporary folder.
        name: what the data set will be called.
        samples: a row per image.
        classes: class names in the order a model will use.
        importer: name of what makes it.
        source: where the data comes from.
        terms: origin and terms of use, as far as known.
        history: the steps by which it was derived.
        images: the content of `images.npy`, if it is in memory.
        sound: how sound became the pictures, if they are of sound.

    Raises:
        DataError: images and samples that do not go together.
    """
    classes = validate_classes(classes)
    samples = samples.reset_index(drop=True)
    if images is None:
        images = np.load(folder / IMAGES_FILE, mmap_mode="r", allow_pickle=False)
    _check_consistency(images, samples, classes)
    counts = samples["split"].value_counts()
    info = DatasetInfo(
        name=name,
        classes=classes,
        color="gray" if images.ndim == 3 else "rgb",
        height=images.shape[1],
        width=images.shape[2],
        num_images=len(images),
        split_counts={split: int(counts[split]) for split in SPLITS if split in counts},
        has_votes=VOTE_COLUMNS[0] in samples,
        importer=importer,
        source=source,
        terms=tuple(terms),
        fingerprint=compute_fingerprint(images, samples),
        history=tuple(history),
        kind="image" if sound is None else "sound",
        sound=sound,
    )
    samples.to_parquet(folder / SAMPLES_FILE, index=False)
    value = {"schema_version": SCHEMA_VERSION, **dataclasses.asdict(info)}
    write_json(folder / INFO_FILE, value)
    return info


def _check_consistency(images: UInt8Array, samples: pd.DataFrame, classes: Sequence[str]) -> None:
    is_image_array = images.dtype == np.uint8 and (
        images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 3)
    )
    if not is_image_array or len(images) == 0:
        raise DataError(
            f"expected N x H x W or N x H x W x 3 uint8 images, N >= 1; got {images.dtype} {images.shape}"
        )
    if len(images) != len(samples):
        raise DataError(f"{len(images):,} images but {len(samples):,} sample rows")
    missing = [name for name in _REQUIRED_COLUMNS if name not in samples]
    votes_present = [name for name in VOTE_COLUMNS if name in samples]
    if missing or 0 < len(votes_present) < len(VOTE_COLUMNS):
        raise DataError(f"samples lack columns: {missing or set(VOTE_COLUMNS) - set(votes_present)}")
    unknown_splits = set(samples["split"].unique()) - set(SPLITS)
    if unknown_splits:
        raise DataError(f"unknown splits {sorted(unknown_splits)}; expected {', '.join(SPLITS)}")
    if not votes_present:
        strangers = set(samples["label"].unique()) - set(classes)
        if strangers:
            raise DataError(f"labels {sorted(map(str, strangers))} are not among the classes {list(classes)}")


def compute_fingerprint(
    images: UInt8Array, samples: pd.DataFrame, on_progress: Callable[[int, int], None] | None = None
) -> str:
    """SHA-256 over the shape, the pixels and the samples as CSV."""
    digest = hashlib.sha256(f"{images.shape}".encode())
    for start in range(0, len(images), _HASHED_ROWS):
        part = images[start : start + _HASHED_ROWS]
        digest.update(np.ascontiguousarray(part).data)
        _release_pages(images)
        if on_progress is not None:
            on_progress(min(start + _HASHED_ROWS, len(images)), len(images))
    digest.update(samples.to_csv(index=False).encode())
    return digest.hexdigest()


def _release_pages(images: UInt8Array) -> None:
    """Let go of what was read of a read-only map, or a large set would count as this process's memory."""
    if isinstance(images, np.memmap) and images.mode == "r" and hasattr(mmap, "MADV_DONTNEED"):
        images._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined]


def verify_dataset(dataset: Dataset, on_progress: Callable[[int, int], None] | None = None) -> None:
    """Compare the content of a data set with its fingerprint.

    Raises:
        DataError: pixels or samples are not those that were imported.
    """
    found = compute_fingerprint(dataset.images, dataset.samples, on_progress)
    if found != dataset.info.fingerprint:
        raise DataError(
            f"{dataset.folder}: {IMAGES_FILE} or {SAMPLES_FILE} is not what was written: the content has the "
            f"fingerprint {found[:12]}…, {INFO_FILE} says {dataset.info.fingerprint[:12]}…; import or derive "
            "it again"
        )


def load_dataset_info(folder: Path) -> DatasetInfo:
    """Read what `dataset.json` in `folder` says, without opening the images.

    Raises:
        DataError: the folder is no data set, or a newer schema.
    """
    if not (folder / INFO_FILE).is_file():
        raise DataError(
            f"there is no data set at {folder} ({INFO_FILE} is missing); `fer import --help` says how to "
            "import one"
        )
    path = folder / INFO_FILE
    check_kind(read_json(path, DataError).get("kind", "image"), f"{path}: kind", DataError)
    advice = "import the data set again"
    try:
        info = read_record(
            path, DatasetInfo, DataError, advice=advice, schema_version=SCHEMA_VERSION, upgrade=_upgrade
        )
    except CheckpointError as cause:  # of its description of sound
        raise DataError(f"{path}: {cause}; {advice}") from cause
    # A folder may have been renamed.
    return dataclasses.replace(info, name=folder.name, classes=validate_classes(info.classes))


def _upgrade(value: dict[str, Any]) -> dict[str, Any]:
    if value.get("schema_version") != 1:
        return value
    rest = {name: item for name, item in value.items() if name != "licence"}
    terms = [dataclasses.asdict(item) for item in read_former(value.get("licence"), value.get("name"))]
    return {**rest, "terms": terms, "schema_version": SCHEMA_VERSION}


def save_terms(folder: Path, terms: Sequence[Terms]) -> DatasetInfo:
    """Replace what a data set says about its origin and terms; the fingerprint does not change.

    Raises:
        DataError: the folder is no data set, or damaged.
    """
    info = dataclasses.replace(load_dataset_info(folder), terms=tuple(terms))
    write_json(folder / INFO_FILE, {"schema_version": SCHEMA_VERSION, **dataclasses.asdict(info)})
    return info


def load_dataset(folder: Path) -> Dataset:
    """Open the data set in `folder`.

    Raises:
        DataError: the folder is no data set, is damaged, or its files do not go together.
    """
    while True:
        info = load_dataset_info(folder)
        try:
            dataset = _open_files(folder, info)
        except DataError:
            if load_dataset_info(folder).fingerprint == info.fingerprint:
                raise
            continue  # it was replaced while we read
        if load_dataset_info(folder).fingerprint == info.fingerprint:
            return dataset


def _open_files(folder: Path, info: DatasetInfo) -> Dataset:
    table = folder / SAMPLES_FILE
    if not table.is_file():  # pandas reads a folder as a table in parts
        raise DataError(f"{table} is missing; import the data set again")
    path = folder / IMAGES_FILE
    try:
        # Unlike np.load it takes nothing but one array: no archive, and never a pickle.
        images = np.lib.format.open_memmap(path, mode="r")
    except ARRAY_DAMAGE as cause:
        raise DataError(f"{path} is damaged: {cause}; import the data set again") from cause
    try:
        samples = load_frame(table, DataError)
    except DataError as cause:
        raise DataError(f"{cause}; import the data set again") from cause
    try:
        _check_consistency(images, samples, info.classes)
    except DataError as cause:
        raise DataError(f"data set {folder} is damaged: {cause}; import it again") from cause
    shape = (info.num_images, info.height, info.width) + ((3,) if info.color == "rgb" else ())
    if images.shape != shape:
        raise DataError(
            f"{folder / IMAGES_FILE} holds {images.shape}, but {INFO_FILE} says {shape}; import it again"
        )
    return Dataset(folder, info, images, samples, _open_clips(folder, info))


def _open_clips(folder: Path, info: DatasetInfo) -> npt.NDArray[np.int16] | None:
    if info.sound is None:
        return None
    path = folder / CLIPS_FILE
    try:
        clips: npt.NDArray[np.int16] = np.lib.format.open_memmap(path, mode="r")
    except ARRAY_DAMAGE as cause:
        raise DataError(f"{path} is damaged: {cause}; import the data set again") from cause
    expected = info.num_images, info.sound.num_samples
    if clips.shape != expected or clips.dtype != np.int16:
        raise DataError(
            f"{path} holds {clips.dtype} {clips.shape}; expected int16 {expected}; import it again"
        )
    return clips


def list_datasets(workspace: Workspace) -> list[DatasetInfo]:
    """Every readable data set of the workspace, by name; damaged folders are left out."""
    infos = []
    for path in sorted(workspace.datasets.glob(f"*/{INFO_FILE}")):
        if path.parent.name.startswith("."):
            continue
        try:
            infos.append(load_dataset_info(path.parent))
        except DataError:
            continue
    return infos
