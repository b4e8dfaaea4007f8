"""A data set as a model sees it: embeddings laid out in the plane, and kept on disk, since t-SNE is slow."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from fer_core.checkpoint import CheckpointEntry, require_kind
from fer_core.data.store import Dataset
from fer_core.data.table_files import ARRAY_DAMAGE
from fer_core.errors import DataError
from fer_core.evaluation.common_classes import find_choices
from fer_core.io import atomic_path
from fer_core.workspace import Workspace

Method = Literal["PCA", "t-SNE"]
METHODS: Final[tuple[Method, ...]] = ("PCA", "t-SNE")
Int64Array = npt.NDArray[np.int64]
Float32Array = npt.NDArray[np.float32]
Progress = Callable[[float, str], None]

_SEED: Final[int] = 0
_MIN_IMAGES: Final[int] = 5
_PERPLEXITY: Final[float] = 30.0
_PCA_BEFORE_TSNE: Final[int] = 50


@dataclass(frozen=True, slots=True)
class EmbeddingMap:
    """Where images lie."""

    rows: Int64Array
    """Row numbers in the data set, M."""
    points: Float32Array
    """M x 2."""
    predicted: tuple[str, ...]
    """The class that the model gives each, of those that the data set has, too; M."""
    explained: tuple[float, float]
    """Shares of the variance on both axes, for PCA; NaN for t-SNE, whose axes mean nothing."""


def locate_map(
    entry: CheckpointEntry, dataset: Dataset, rows: Int64Array, method: Method, workspace: Workspace
) -> Path:
    """The file in which such a map is kept, whether it is there or not."""
    facts = [entry.info.weights_sha256, dataset.info.fingerprint, method, "common classes"]
    digest = hashlib.sha256("/".join(facts).encode() + rows.tobytes()).hexdigest()
    return workspace.root / "cache" / "maps" / f"{digest[:24]}.npz"


def choose_rows(candidates: Int64Array, count: int) -> Int64Array:
    """At most `count` of the rows, drawn at random, always the same; ascending."""
    if len(candidates) <= count:
        return candidates
    return np.sort(np.random.default_rng(_SEED).choice(candidates, count, replace=False))


def load_map(path: Path) -> EmbeddingMap | None:
    """Read a map; None if it is not there or can't be read, for then it is rebuilt."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return EmbeddingMap(
                stored["rows"],
                stored["points"],
                tuple(str(name) for name in stored["predicted"]),
                (float(stored["explained"][0]), float(stored["explained"][1])),
            )
    except ARRAY_DAMAGE:
        return None


def build_map(
    entry: CheckpointEntry,
    dataset: Dataset,
    rows: Int64Array,
    method: Method,
    workspace: Workspace,
    *,
    on_progress: Progress | None = None,
) -> EmbeddingMap:
    """Lay images out by a model's embeddings, or read what was laid out before.

    Args:
        entry: the model; its classes need not be those of the data set.
        dataset: the data set.
        rows: which images, at least five.
        method: `PCA`, or `t-SNE` (van der Maaten and Hinton, 2008) on the first 50 principal components.
        workspace: where maps are kept.
        on_progress: told the fraction done, and what is done.

    Raises:
        CheckpointError: the model is damaged.
        DataError: too few images.
    """
    if len(rows) < _MIN_IMAGES:
        raise DataError(
            f"a map needs at least {_MIN_IMAGES} images, and the choice has {len(rows)}; choose more"
        )
    path = locate_map(entry, dataset, rows, method, workspace)
    if (known := load_map(path)) is not None:
        return known
    tell = on_progress or (lambda _fraction, _text: None)
    embeddings, predicted = _embed(entry, dataset, rows, tell)
    tell(0.6, f"Laying out {len(rows):,} images by {method}…")
    points, explained = project(embeddings, method)
    made = EmbeddingMap(rows, points, predicted, explained)
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez(
            stream, rows=rows, points=points, predicted=np.array(predicted), explained=np.array(explained)
        )
    return made


def _embed(
    entry: CheckpointEntry, dataset: Dataset, rows: Int64Array, tell: Progress
) -> tuple[Float32Array, tuple[str, ...]]:
    from fer_core.evaluation.scoring import compute_embeddings
    from fer_core.models import load_checkpoint, resolve_device

    require_kind(entry.info, dataset.info.kind)
    dataset.info.require_same_sound(f"{entry.info.name} learned from", entry.info.input.sound)
    tell(0.0, "Loading the model…")
    model, info = load_checkpoint(entry.folder)
    device = resolve_device("auto")
    embeddings, logits = compute_embeddings(
        model.to(device),
        dataset.images,
        rows,
        info.input,
        device=device,
        on_progress=lambda done, total: tell(0.6 * done / total, f"{done:,} of {total:,} images read"),
    )
    choices = find_choices(info.classes, dataset.info.classes)
    return embeddings, tuple(info.classes[choices[index]] for index in logits[:, choices].argmax(axis=1))


def project(embeddings: Float32Array, method: Method) -> tuple[Float32Array, tuple[float, float]]:
    """From N x E to N x 2, and the shares of the variance on both axes (NaN for t-SNE)."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    wide = PCA(n_components=min(_PCA_BEFORE_TSNE, *embeddings.shape), random_state=_SEED)
    reduced = wide.fit_transform(embeddings)
    if method == "PCA":
        shares = wide.explained_variance_ratio_
        return reduced[:, :2].astype(np.float32), (float(shares[0]), float(shares[1]))
    perplexity = min(_PERPLEXITY, (len(embeddings) - 1) / 3)
    layout = TSNE(perplexity=perplexity, init="pca", random_state=_SEED)
    return layout.fit_transform(reduced).astype(np.float32), (float("nan"), float("nan"))
