"""From candidates to the faces of a collection: what models say of each, and which are worth a label."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from fer_core.checkpoint import CheckpointEntry
from fer_core.collecting.candidates import Candidate, CandidateStore
from fer_core.collecting.collection import COLUMNS, Collection, add_faces
from fer_core.collecting.known import name_new
from fer_core.data.choosing import ChoiceMethod, choose_faces
from fer_core.errors import CollectionError, ConfigError
from fer_core.inference.face_quality import judge, measure_quality, settle
from fer_core.inference.face_table import list_values
from fer_core.inference.interfaces import Predictor
from fer_core.results import FACE_FIELDS, name_columns
from fer_core.types import FaceResult, Float32Array, UInt8Array
from fer_core.words import count as count_words

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_METHOD: Final[ChoiceMethod] = "mixed"
DEFAULT_COUNT: Final[int] = 60
_LEAST: Final[float] = 1e-6
Embed = Callable[[UInt8Array], Float32Array]


@dataclass(frozen=True, slots=True)
class Picked:
    """What became of the candidates."""

    faces: tuple[str, ...]
    """Ids of those that were added to the collection."""
    num_seen: int
    num_known: int = 0
    """How many of those that were seen it had already."""


def describe_taken(num_faces: int, num_seen: int, num_known: int) -> str:
    """What became of candidates, in words.

    Args:
        num_faces: how many were added.
        num_seen: how many were seen.
        num_known: how many of these the collection had already.

    Examples:
        >>> describe_taken(2, 7, 1)
        '2 of 7 faces taken; 1 is in the collection already'
        >>> describe_taken(1, 1, 0)
        '1 of 1 face taken'
    """
    words = f"{num_faces:,} of {count_words(num_seen, 'face')} taken"
    verb = "is" if num_known == 1 else "are"
    return f"{words}; {num_known:,} {verb} in the collection already" if num_known else words


def pick_faces(
    collection: Collection,
    store: CandidateStore,
    predictors: Sequence[Predictor],
    *,
    count: int = DEFAULT_COUNT,
    method: ChoiceMethod = DEFAULT_METHOD,
    seed: int = 0,
    embed: Embed | None = None,
) -> Picked:
    """Add the faces to a collection that are most worth a label, of those that it does not have yet.

    Faces differ by the network's embeddings if `embed` is given, and otherwise by the logarithms of the
    model's probabilities.

    Args:
        collection: to which.
        store: the candidates.
        predictors: the model whose answers are kept, then others that may disagree with it.
        count: how many, at most.
        method: how they are chosen (`fer_core.data.choosing.choose_faces`).
        seed: of chance.
        embed: the first model's embeddings, N x E, of N crops as it takes them.

    Raises:
        CollectionError: there is no candidate.
        ConfigError: an unknown method, or models without two classes in common.
        DataError: one model is asked to disagree.
    """
    if not store.found:
        raise CollectionError("no face was found; nothing was added. Is a face in view, and large enough?")
    named = name_new(collection.load_faces(), store.found)
    places_new = [place for place, names in enumerate(named) if names is not None]
    new = CandidateStore(store.folder, [store.found[place] for place in places_new])
    if not new.found:
        return Picked((), len(store.found), num_known=len(store.found))
    info = predictors[0].info
    crops = new.load_crops(info.input)
    faces = _read(new.found, predictors[0], crops)
    answers = np.array([face.prediction.probabilities for face in faces])
    embeddings = None if embed is None else embed(crops)
    points, chosen = _place(collection, info.weights_sha256, info.classes, answers, embeddings)
    places = choose_faces(
        _join(answers, info.classes, new, predictors[1:]), points, chosen, count, method, seed
    ).tolist()
    # In the order in which they were chosen, for the first ones are worth the most.
    rows = [
        {
            **_describe(new.found[place], faces[place]),
            "model": info.name,
            "model_sha256": info.weights_sha256,
            "method": method,
            "added": datetime.now(UTC).isoformat(timespec="seconds"),
            "embedding": None if embeddings is None else embeddings[place].tolist(),
            **dict(zip(name_columns(info.classes, COLUMNS), answers[place].tolist(), strict=True)),
        }
        for place in places
    ]
    files = [(new.found[place].png, new.found[place].jpeg) for place in places]

    def file_chosen(before: "pd.DataFrame") -> list[dict[str, str] | None]:
        # Again, for others may have added faces since; with all candidates, for these tell who a track is.
        named = name_new(before, store.found)
        chosen_names = [named[places_new[place]] for place in places]
        return [None if names is None else asdict(names) for names in chosen_names]

    added = add_faces(collection, rows, files, settle=file_chosen)
    num_known = len(store.found) - len(new.found) + len(rows) - len(added)
    return Picked(tuple(added), len(store.found), num_known=num_known)


def _read(found: Sequence[Candidate], predictor: Predictor, crops: UInt8Array) -> list[FaceResult]:
    boxes = [item.box for item in found]
    readings = settle(predictor.info.classes, predictor.predict_crops(crops), measure_quality(crops, boxes))
    return [
        judge(item.box, prediction, quality, item.track_id)
        for item, (prediction, quality) in zip(found, readings, strict=True)
    ]


def _describe(candidate: Candidate, face: FaceResult) -> dict[str, Any]:
    from fer_core.collecting.crops import WIDE
    from fer_core.framing import compute_square

    return {
        "clip": candidate.source.name,
        "source": candidate.source.key,
        "origin": candidate.source.origin,
        "person": candidate.person,
        "track_id": candidate.track_id,
        "time_s": round(candidate.time_s, 3),
        "crop_side_px": round(compute_square(candidate.box, WIDE).side, 1),
        **dict(zip(FACE_FIELDS, list_values(face), strict=True)),
    }


def _join(
    answers: npt.NDArray[np.float64],
    classes: Sequence[str],
    store: CandidateStore,
    others: Sequence[Predictor],
) -> npt.NDArray[np.float64]:
    """What all models say of the classes that they share, M x N x K."""
    shared = [name for name in classes if all(name in other.info.classes for other in others)]
    if len(shared) < 2:
        raise ConfigError(f"the models share {len(shared)} classes; expected at least two, to be compared")
    parts = [answers[:, [list(classes).index(name) for name in shared]]]
    for other in others:
        found = other.predict_crops(store.load_crops(other.info.input)).astype(float)
        parts.append(found[:, [list(other.info.classes).index(name) for name in shared]])
    joined = np.maximum(np.stack(parts), _LEAST)
    shares: npt.NDArray[np.float64] = joined / joined.sum(axis=2, keepdims=True)
    return shares


def _place(
    collection: Collection,
    model_sha256: str,
    classes: Sequence[str],
    answers: npt.NDArray[np.float64],
    embeddings: Float32Array | None,
) -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None]:
    """Where candidates and the collection's own faces lie, in the same space."""
    before = collection.load_faces()
    before = before[before["model_sha256"] == model_sha256]
    if embeddings is not None:
        placed = before["embedding"].dropna()
        return embeddings, np.stack(placed.to_list()) if len(placed) else None
    if before.empty:
        return _to_logits(answers), None
    known = before[name_columns(classes, COLUMNS)].to_numpy(np.float64)
    return _to_logits(answers), _to_logits(known)


def _to_logits(probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    logs = np.log(np.maximum(probabilities, _LEAST))
    centred: npt.NDArray[np.float64] = logs - logs.mean(axis=1, keepdims=True)
    return centred


def build_embed(entry: CheckpointEntry) -> Embed | None:
    """The embeddings of a checkpoint's network; None where there is no torch, or only an ONNX file."""
    from importlib.util import find_spec

    if find_spec("torch") is None or not (entry.folder / entry.info.weights_file).is_file():
        return None

    def embed(crops: UInt8Array) -> Float32Array:
        from fer_core.evaluation.scoring import compute_embeddings
        from fer_core.models import load_checkpoint, resolve_device

        model, info = load_checkpoint(entry.folder)
        device = resolve_device("auto")
        rows = np.arange(len(crops), dtype=np.int64)
        return compute_embeddings(model.to(device), crops, rows, info.input, device=device)[0]

    return embed
