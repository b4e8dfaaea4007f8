"""Images of a data set that repeat others, exactly or nearly, or show nothing."""

import hashlib
import itertools
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fer_core.data.perceptual_hash import HASH_SIDE, compute_hashes, find_blank, shrink
from fer_core.data.store import Dataset
from fer_core.types import UInt8Array

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]

NEAR_BITS: Final[int] = 6
"""Hash bits of 64 in which two images may differ to be compared at all."""
NEAR_CORRELATION: Final[float] = 0.97
"""Least correlation of two candidates' pixels at 32 x 32. A choice that keeps
near repeats few and alike; it has not been fitted to labelled pairs."""
_BLOCK: Final[int] = 128
_PART: Final[int] = 1024
_MAX_COMPARED: Final[int] = 2000
"""Scored images for `count_near_copies`: their share is then known to 2 points."""
_MAX_LEARNT: Final[int] = 50_000
"""Images that are learnt from, for the same: with more, their share is told too low rather than too late."""
_MAX_CANDIDATES: Final[int] = 20
Progress = Callable[[int, int], None]
"""Called with (done, total); whatever it raises ends the work."""


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Images that are the same, or nearly."""

    groups: tuple[tuple[int, ...], ...]
    """Rows of exactly equal pixels, two or more each, ascending."""
    near_pairs: Int64Array
    """P x 2 rows (first < second) that look the same without being equal; of exact copies only the first."""
    near_correlation: Float64Array
    """P correlations in [-1, 1]."""

    @property
    def num_repeats(self) -> int:
        """Images beyond the first of each group of equal ones."""
        return sum(len(group) - 1 for group in self.groups)

    def count_cross_split(self, splits: npt.NDArray[np.object_], of: str, within: str = "train") -> int:
        """Images of split `of` that are exact copies of one in split `within`."""
        return sum(
            int((splits[list(group)] == of).sum())
            for group in self.groups
            if (splits[list(group)] == within).any()
        )

    def find_leaks(self, splits: npt.NDArray[np.object_], within: str = "train") -> list[int]:
        """Rows outside split `within` that are exact copies of an image in it, ascending."""
        return sorted(
            row
            for group in self.groups
            if (splits[list(group)] == within).any()
            for row in group
            if splits[row] != within
        )

    def repeats(self, splits: npt.NDArray[np.object_], kept: Set[int] = frozenset()) -> list[int]:
        """Rows to exclude so that one image of each group remains: test is kept first, then valid, train.

        Leaks are so taken out of the training data, and what models are scored on stays as published.

        Args:
            splits: of all rows, N.
            kept: rows that stay in any case; where a group has some, they are what remains of it.
        """
        rank = {"test": 0, "valid": 1, "train": 2}
        dropped = []
        for group in self.groups:
            ordered = sorted(group, key=lambda row: (rank[str(splits[row])], row))
            staying = kept & set(group) or {ordered[0]}
            dropped += [row for row in ordered if row not in staying]
        return sorted(dropped)


@dataclass(frozen=True, slots=True)
class Marks:
    """What one pass over the pixels says of each of N images."""

    digests: npt.NDArray[np.bytes_]
    """BLAKE2 of the pixels, 16 bytes: a chance match among a million images has odds of 1 to 10^26."""
    hashes: npt.NDArray[np.uint64]
    """Perceptual hashes, `compute_hashes`."""
    is_blank: npt.NDArray[np.bool_]
    """Shows nothing but smooth shading, `find_blank`."""
    is_constant: npt.NDArray[np.bool_]
    """All pixels have one value."""


def compute_marks(images: UInt8Array, on_progress: Progress | None = None) -> Marks:
    """Look at every image once, in parts: memory does not grow with their number."""
    count = len(images)
    digests, hashes = np.zeros(count, "S16"), np.zeros(count, np.uint64)
    is_blank, is_constant = np.zeros(count, bool), np.zeros(count, bool)
    for start in range(0, count, _PART):
        part = np.ascontiguousarray(images[start : start + _PART])
        place = slice(start, start + len(part))
        small = shrink(part)
        hashes[place], is_blank[place] = compute_hashes(small), find_blank(small)
        flat = part.reshape(len(part), -1)
        is_constant[place] = (flat == flat[:, :1]).all(axis=1)
        digests[place] = [hashlib.blake2b(image.data, digest_size=16).digest() for image in part]
        if on_progress is not None:
            on_progress(start + len(part), count)
    return Marks(digests, hashes, is_blank, is_constant)


def mark_training_copies(
    dataset: "Dataset", rows: Int64Array, *, within: str = "train", training: "Dataset | None" = None
) -> npt.NDArray[np.bool_]:
    """Which of some images have exactly the pixels of a training image.

    A model has memorised those, so a score that counts them is a little too good.

    Args:
        dataset: the data set.
        rows: of the images, N.
        within: name of the training split; without such a split nothing is marked.
        training: the data set with that split, if it is another.

    Returns:
        N.
    """

    def digest(image: UInt8Array) -> bytes:
        return hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()

    source = training or dataset
    trained = np.flatnonzero((source.samples["split"] == within).to_numpy())
    known = {digest(source.images[row]) for row in trained.tolist()}
    return np.array([digest(dataset.images[row]) in known for row in rows.tolist()], dtype=np.bool_)


def find_duplicates(
    images: UInt8Array,
    *,
    max_bits: int = NEAR_BITS,
    marks: Marks | None = None,
    on_progress: Progress | None = None,
) -> Duplicates:
    """Find exact and near repeats.

    Args:
        images: N x H x W or N x H x W x 3, uint8.
        max_bits: hash bits in which near repeats may differ; negative: exact ones only.
        marks: of these images, if they are at hand.
        on_progress: called with images compared and images in all.
    """
    marks = compute_marks(images) if marks is None else marks
    rows_of: dict[bytes, list[int]] = {}
    for row, digest in enumerate(marks.digests.tolist()):
        rows_of.setdefault(digest, []).append(row)
    groups = tuple(tuple(rows) for rows in rows_of.values() if len(rows) > 1)
    if max_bits < 0:
        return Duplicates(groups, np.empty((0, 2), np.int64), np.empty(0))
    firsts = np.array([rows[0] for rows in rows_of.values()], np.int64)
    firsts = firsts[~marks.is_blank[firsts]]  # every blank image resembles every other
    copies = _SmallCopies(images, firsts)
    pairs, correlation = _near_pairs(copies, marks.hashes[firsts], max_bits, on_progress)
    return Duplicates(groups, firsts[pairs], correlation)


def count_near_copies(images: UInt8Array, is_scored: npt.NDArray[np.bool_]) -> tuple[int, int]:
    """How many images that a model is scored on are exact or near repeats of one that it learns from.

    A quick look for a warning: of many images a part is drawn, and each of the scored ones is compared with
    the images whose hashes are nearest. FER2013 takes four seconds.

    Args:
        images: N x H x W or N x H x W x 3, uint8.
        is_scored: which are scored, N; the others are learnt from.

    Returns:
        (copies, images compared); blank images are not compared.
    """
    learnt, scored = _draw(~is_scored, _MAX_LEARNT), _draw(is_scored, _MAX_COMPARED)
    (learnt, known), (scored, hashes) = (_hash_detailed(images, rows) for rows in (learnt, scored))
    num_copies = 0
    for row, value in zip(scored, hashes, strict=True):
        distance = np.bitwise_count(known ^ value)
        near = np.flatnonzero(distance <= NEAR_BITS)
        near = learnt[near[np.argsort(distance[near], kind="stable")[:_MAX_CANDIDATES]]]
        correlation = _correlate(*(shrink(images[rows]) for rows in ([row], near)))
        num_copies += bool((correlation >= NEAR_CORRELATION).any())
    return num_copies, len(scored)


def _draw(is_member: npt.NDArray[np.bool_], most: int) -> Int64Array:
    """Rows of the members, ascending; at most so many, drawn by a fixed seed."""
    rows = np.flatnonzero(is_member)
    return rows if len(rows) <= most else np.sort(np.random.default_rng(0).choice(rows, most, replace=False))


def _hash_detailed(images: UInt8Array, rows: Int64Array) -> tuple[Int64Array, npt.NDArray[np.uint64]]:
    """Those of the rows that are not blank, with their hashes."""
    kept, found = [rows[:0]], [np.empty(0, np.uint64)]
    for start in range(0, len(rows), _PART):
        part = rows[start : start + _PART]
        small = shrink(images[part])
        is_detailed = ~find_blank(small)
        kept.append(part[is_detailed])
        found.append(compute_hashes(small[is_detailed]))
    return np.concatenate(kept), np.concatenate(found)


class _SmallCopies:
    """Small grey copies of images, each made once and if it is asked for: few images resemble another."""

    def __init__(self, images: UInt8Array, rows: Int64Array) -> None:
        self._images, self._rows = images, rows
        self._copies = np.empty((len(rows), HASH_SIDE, HASH_SIDE), np.uint8)
        self._is_made = np.zeros(len(rows), bool)

    def take(self, places: Int64Array) -> UInt8Array:
        """The copies at these places of the rows, ascending: their number x side x side."""
        missing = places[~self._is_made[places]]
        if len(missing):
            self._copies[missing] = shrink(self._images[self._rows[missing]])
            self._is_made[missing] = True
        return self._copies[places]


def _near_pairs(
    copies: _SmallCopies,
    hashes: npt.NDArray[np.uint64],
    max_bits: int,
    on_progress: Progress | None = None,
) -> tuple[Int64Array, Float64Array]:
    """Every pair whose hashes differ in at most `max_bits` and whose pixels correlate enough.

    Cut into one band more than bits may differ, two such hashes are equal in a band at least (Norouzi et al.,
    "Fast search in Hamming space with multi-index hashing", 2012): only those are compared.

    Returns:
        P x 2 places of the hashes (first < second), ascending; their P correlations.
    """
    count, num_bands = len(hashes), max_bits + 1
    bounds = np.linspace(0, 64, num_bands + 1).round().astype(int).tolist()
    masks = [np.uint64((1 << high) - (1 << low)) for low, high in itertools.pairwise(bounds)]
    # A pair is kept as one number, first * count + second: of frames that are all alike there are millions.
    keys, correlations = [np.empty(0, np.int64)], [np.empty(0)]
    for number, mask in enumerate(masks):
        due = 0
        for place, first, others in _cut_groups(hashes & mask):
            a, b = _find_candidates(hashes, first, others, max_bits, masks[:number])
            if len(a):
                correlation = _correlate_pairs(copies, a, b)
                is_near = correlation >= NEAR_CORRELATION
                keys.append((a * count + b)[is_near])
                correlations.append(correlation[is_near])
            if on_progress is not None and place >= due:
                on_progress((number * count + place) // num_bands, count)
                due = place + _BLOCK
    if on_progress is not None:
        on_progress(count, count)
    key, correlation = np.concatenate(keys), np.concatenate(correlations)
    ascending = np.argsort(key)
    return np.stack(np.divmod(key[ascending], count), axis=1), correlation[ascending]


def _cut_groups(band: npt.NDArray[np.uint64]) -> Iterator[tuple[int, Int64Array, Int64Array]]:
    """Places with one value of the band to compare, by blocks: memory does not grow with their number.

    Yields:
        How many places came before; some places, ascending; some of them and of those that follow them.
    """
    order = np.argsort(band, kind="stable")
    start = 0
    for end in [*(np.flatnonzero(np.diff(band[order])) + 1).tolist(), len(order)]:
        for place in range(start, end - 1, _BLOCK):
            first = order[place : min(place + _BLOCK, end)]
            for other in range(place, end, _PART):
                yield place, first, order[other : min(other + _PART, end)]
        start = end


def _find_candidates(
    hashes: npt.NDArray[np.uint64],
    first: Int64Array,
    others: Int64Array,
    max_bits: int,
    earlier: list[np.uint64],
) -> tuple[Int64Array, Int64Array]:
    """Pairs within `max_bits`, the lower place first, that are equal in none of the earlier bands."""
    a, b = np.nonzero(np.bitwise_count(hashes[first][:, None] ^ hashes[others]) <= max_bits)
    a, b = first[a], others[b]
    is_new = a < b
    if is_new.any():
        differing = hashes[a] ^ hashes[b]
        for mask in earlier:
            is_new &= (differing & mask) != 0
    return a[is_new], b[is_new]


def _correlate_pairs(copies: _SmallCopies, first: Int64Array, second: Int64Array) -> Float64Array:
    """Correlations of pairs of one block: of all its images at once, which is one product of matrices."""
    a, row = np.unique(first, return_inverse=True)
    b, column = np.unique(second, return_inverse=True)
    return _correlate(copies.take(a), copies.take(b))[row, column]


def _correlate(
    a: UInt8Array | npt.NDArray[np.float32], b: UInt8Array | npt.NDArray[np.float32]
) -> Float64Array:
    """Correlations of A small grey images with B others, A x B.

    Their pixels are 1,024 whole numbers: the mean is exact, and so are all sums here, in whatever order the
    processor adds. So a pair has the same correlation on every machine, in whatever block.
    """
    pixels = [images.reshape(len(images), HASH_SIDE**2).astype(np.float64) for images in (a, b)]
    centred = [part - part.mean(axis=1, keepdims=True) for part in pixels]
    norms = [np.linalg.norm(part, axis=1) for part in centred]
    correlation: Float64Array = centred[0] @ centred[1].T / np.maximum(np.outer(*norms), 1e-9)
    return correlation
