"""Writing a data set image by image: memory stays flat, and it appears whole or not at all."""

import contextlib
import errno
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import filelock
import numpy as np
import numpy.typing as npt
import pandas as pd

from fer_core.data.store import CLIPS_FILE, IMAGES_FILE, DatasetInfo, finish_dataset
from fer_core.errors import DataError, FerError, StorageError
from fer_core.io import atomic_directory, hold_lock
from fer_core.types import UInt8Array

_SPARE_BYTES = 64 * 1024 * 1024
_BUFFER_BYTES = 1024 * 1024


class ImageWriter:
    """Appends arrays of one shape, such as images, to an .npy file whose length is not known beforehand."""

    def __init__(self, file: IO[bytes], shape: tuple[int, ...], dtype: npt.DTypeLike = np.uint8) -> None:
        """Begin the file; `shape` is that of one image."""
        self._file, self._shape, self._dtype, self.num_images = file, shape, np.dtype(dtype), 0
        self._header_bytes = self._write_header()

    def append(self, image: npt.NDArray[Any]) -> None:
        """Add one image.

        Raises:
            DataError: the disk is full.
        """
        assert image.shape == self._shape and image.dtype == self._dtype, (
            image.shape,
            image.dtype,
            self._shape,
        )
        with full_disk_as_error():
            self._file.write(np.ascontiguousarray(image).data)
        self.num_images += 1

    def finish(self) -> None:
        """Write the final number of images into the header."""
        with full_disk_as_error():
            self._file.seek(0)
            # NumPy pads the header so that the first axis may grow without moving the data.
            assert self._write_header() == self._header_bytes
            self._file.flush()

    def _write_header(self) -> int:
        np.lib.format.write_array_header_1_0(
            self._file,
            {"descr": self._dtype.str, "fortran_order": False, "shape": (self.num_images, *self._shape)},
        )
        return self._file.tell()


@contextlib.contextmanager
def full_disk_as_error() -> Iterator[None]:
    """Turn "no space left" into a message.

    Raises:
        DataError: the disk, or the user's share of it, is full.
    """
    try:
        yield
    except StorageError:  # names the file
        raise
    except OSError as cause:
        if cause.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DataError("the disk is full; nothing was kept. Free some space and start again") from cause


def check_disk_space(folder: Path, num_bytes: int) -> None:
    """Refuse early what can't fit.

    Raises:
        DataError: the file system of `folder` has less than `num_bytes` free.
    """
    place = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(place).free
    if num_bytes + _SPARE_BYTES > free:
        raise DataError(
            f"the data set needs {(num_bytes + _SPARE_BYTES) / 1e9:,.2f} GB, with some to spare, but {place} "
            f"has {free / 1e9:,.2f} GB free; "
            "free some space, or choose a smaller size or grey"
        )


@contextlib.contextmanager
def claim_name(folder: Path, *, replace: bool = False, wait_s: float = 0) -> Iterator[None]:
    """Hold the right to write a data set folder, and clear away what a killed import left.

    Args:
        folder: of the data set.
        replace: whether it may exist.
        wait_s: how long to wait for another one that writes it.

    Raises:
        FerError: it exists and is not to be replaced, or another process writes it now.
    """
    refuse_existing(folder, replace)
    try:
        with hold_lock(folder.parent / f".{folder.name}.lock", timeout_s=wait_s):
            refuse_existing(folder, replace)  # it may have been finished while we waited
            _clear_leftovers(folder)
            yield
    except filelock.Timeout as cause:
        raise FerError(
            f"data set {folder.name!r} is being written by another import; wait for it or choose another name"
        ) from cause


def _clear_leftovers(folder: Path) -> None:
    for left in folder.parent.glob(f".{folder.name}.*.tmp"):
        # mkdtemp adds eight characters: `.a.b.12345678.tmp` belongs to `a.b`, not to `a`.
        if len(left.name) == len(folder.name) + 14:
            shutil.rmtree(left, ignore_errors=True)


def refuse_existing(folder: Path, replace: bool = False) -> None:
    """Make sure that a data set may be written.

    Raises:
        FerError: it exists and is not to be replaced.
    """
    if folder.exists() and not replace:
        raise FerError(f"data set {folder.name!r} exists already; choose another name or replace it")


@dataclass(frozen=True, slots=True)
class StreamItem:
    """One sample on its way to the disk."""

    image: UInt8Array
    row: Mapping[str, Any]
    """Its columns in the table of samples."""
    clip: npt.NDArray[np.int16] | None = None
    """Of sound: what the image was computed from."""


def write_stream(
    folder: Path,
    items: Iterator[StreamItem],
    *,
    shape: tuple[int, ...],
    describe: Mapping[str, Any],
    classes: Sequence[str],
    replace: bool = False,
    expected_images: int = 0,
    complete_samples: Any = None,
) -> DatasetInfo:
    """Write a data set from an iterator, whole or not at all.

    Args:
        folder: of the data set.
        items: images and sample rows; of sound with their clips.
        shape: of one image: H x W or H x W x 3.
        describe: importer, source, terms, history and sound, as `finish_dataset` takes them.
        classes: class names in order.
        replace: exchange an existing folder.
        expected_images: at most so many images come; checked against the free disk space.
        complete_samples: called with the table of samples when all are there; returns the final one.

    Raises:
        DataError: no image came, the disk is full, or the samples do not go together.
        FerError: the folder exists or is being written.
    """
    sound = describe.get("sound")
    num_bytes = int(np.prod(shape)) + (2 * sound.num_samples if sound else 0)
    check_disk_space(folder, expected_images * num_bytes)
    with claim_name(folder, replace=replace), atomic_directory(folder, replace=replace) as temporary:
        rows = []
        with contextlib.ExitStack() as opened:
            images = _open_writer(opened, temporary / IMAGES_FILE, shape)
            clips = (
                _open_writer(opened, temporary / CLIPS_FILE, (sound.num_samples,), np.int16)
                if sound
                else None
            )
            for item in items:
                images.append(item.image)
                if clips is not None and item.clip is not None:
                    clips.append(item.clip)
                rows.append(dict(item.row))
            if not rows:
                raise DataError(f"nothing in {describe['source']} could be used; nothing was imported")
            images.finish()
            if clips is not None:
                clips.finish()
        samples = pd.DataFrame(rows)
        if complete_samples is not None:
            samples = complete_samples(samples)
        with full_disk_as_error():
            return finish_dataset(temporary, folder.name, samples=samples, classes=classes, **describe)


def _open_writer(
    opened: contextlib.ExitStack, path: Path, shape: tuple[int, ...], dtype: npt.DTypeLike = np.uint8
) -> ImageWriter:
    return ImageWriter(opened.enter_context(path.open("wb", buffering=_BUFFER_BYTES)), shape, dtype)
