"""What face and voice together are worth, on pairs of known expression, and the weight that fits them.

    python benchmarks/voice_fusion.py ../shared/data/emodb_2s.zip
    python benchmarks/voice_fusion.py ../shared/data/emodb_2s.zip --probabilities voices.json

Pairs: a clip of EmoDB and a face of FER+'s validation split that its annotators gave the same
expression, drawn at random; faces and voices of one expression are independent here, which flatters fusion.
Voices are read by who never heard the speaker: `--probabilities` takes what `benchmarks/voice.py --out`
wrote, else a logistic regression of each band's mean and deviation stands in. The weight is learned on half
of the speakers and judged on the others, and the other way round. Faces and voices are also made worse:
exchanged by another's in a third of the pairs.
"""

import json
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tyro

from fer_core.data.builtin import open_dataset
from fer_core.data.importing import import_source, inspect_source
from fer_core.data.store import Dataset, load_dataset
from fer_core.inference.class_prior import with_prior
from fer_core.inference.fusion import WEIGHT, fuse, learn_weight
from fer_core.inference.predictor import load_predictor
from fer_core.types import Prediction
from fer_core.workspace import Workspace

Probabilities = npt.NDArray[np.float64]


def main(
    source: tyro.conf.Positional[Path], /, model: str = "fer-small", probabilities: Path | None = None
) -> None:
    """Learn the weight and judge it.

    Args:
        source: EmoDB.
        model: Of faces.
        probabilities: Of voices, as `benchmarks/voice.py --out` writes them.
    """
    with tempfile.TemporaryDirectory(prefix="fer-fusion-") as folder:
        import_source(inspect_source(source), Path(folder) / "voices")
        dataset = load_dataset(Path(folder) / "voices")
        voices = read_voices(dataset) if probabilities is None else load_voices(dataset, probabilities)
    is_read = ~np.isnan(voices).any(axis=1)
    classes = dataset.info.classes
    labels = dataset.samples["label"].to_numpy(object)
    speakers = dataset.samples["group"].to_numpy(object)
    prior = [float((labels == name).mean()) for name in classes]
    read = read_faces(model)
    faces = [{name: items[first::2] for name, items in read.items()} for first in (0, 1)]
    known = sorted(set(speakers[is_read]))
    found: dict[str, list[tuple[float, float, float, float]]] = {}
    for learned, judged in ((known[::2], known[1::2]), (known[1::2], known[::2])):
        first = pair(faces[0], voices, classes, labels, is_read & np.isin(speakers, learned), seed=0)
        weight = learn_weight(*first, prior)
        second = pair(faces[1], voices, classes, labels, is_read & np.isin(speakers, judged), seed=1)
        for name, pairs in make_worse(second).items():
            found.setdefault(name, []).append((weight, *judge(pairs, prior)))
    print(f"{'pairs':32} learned weight   face    voice    fused with {WEIGHT:g}")
    for name, halves in found.items():
        face, voice, fused = np.mean([half[1:] for half in halves], axis=0)
        gain = fused - max(face, voice)
        weights = ", ".join(f"{half[0]:.2f}" for half in halves)
        print(f"{name:32} {weights:14} {face:7.1%} {voice:7.1%} {fused:7.1%}  ({100 * gain:+.1f} points)")


def read_faces(model: str) -> dict[str, list[Prediction]]:
    """Up to 160 faces of FER+ a class, by the annotators' majority, as `fer annotate` reads them."""
    workspace = Workspace.default()
    dataset = open_dataset("ferplus", workspace)
    predictor = with_prior(load_predictor(model, workspace, device="cpu"), "general")
    classes = predictor.info.classes
    votes = dataset.samples[[f"votes_{name}" for name in classes]].to_numpy(float)
    most = votes.max(axis=1) / np.maximum(votes.sum(axis=1), 1)
    is_clear = (dataset.samples["split"].to_numpy(object) == "valid") & (most > 0.5)
    found = {}
    for place, name in enumerate(classes):
        rows = np.flatnonzero(is_clear & (votes.argmax(axis=1) == place))[:160]
        if len(rows):
            answers = predictor.predict_crops(np.asarray(dataset.images[rows]))
            found[name] = [Prediction.from_array(classes, row) for row in answers]
    return found


def read_voices(dataset: Dataset) -> Probabilities:
    """Each clip by a logistic regression that never heard its speaker, n x k."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    pictures = np.asarray(dataset.images[:], np.float32)
    steps = np.abs(np.diff(pictures, axis=2)).mean(2)
    features = np.concatenate([pictures.mean(2), pictures.std(2), steps], axis=1)
    labels = dataset.samples["label"].map(dataset.info.classes.index).to_numpy()
    speakers = dataset.samples["group"].to_numpy(object)
    reader = make_pipeline(StandardScaler(), LogisticRegression(C=0.003, max_iter=500))
    found: Probabilities = cross_val_predict(
        reader, features, labels, groups=speakers, cv=LeaveOneGroupOut(), method="predict_proba"
    )
    return found


def load_voices(dataset: Dataset, path: Path) -> Probabilities:
    """The mean of all seeds, in the order of the data set; NaN for clips that were not asked about."""
    kept = json.loads(path.read_text())
    if "probabilities" not in kept:
        raise SystemExit(f"{path} is not finished: let benchmarks/voice.py end")
    if tuple(kept["classes"]) != dataset.info.classes:
        raise SystemExit(f"{path} has the classes {kept['classes']}, not those of the clips")
    rows = dict(zip(kept["clips"], np.mean(kept["probabilities"], axis=0), strict=True))
    unread = np.full(len(dataset.info.classes), np.nan)
    return np.array([rows.get(name, unread) for name in dataset.samples["image_name"]])


Pairs = tuple[list[Prediction], list[Prediction], list[str]]


def pair(
    faces: dict[str, list[Prediction]],
    voices: Probabilities,
    classes: tuple[str, ...],
    labels: "npt.NDArray[np.object_]",
    chosen: "npt.NDArray[np.bool_]",
    seed: int,
) -> Pairs:
    """Each chosen voice with four faces of its expression; what faces are not asked for is left out."""
    rng = np.random.default_rng(seed)
    found: Pairs = ([], [], [])
    for place in np.flatnonzero(chosen):
        for _ in range(4 if labels[place] in faces else 0):
            some = faces[labels[place]]
            found[0].append(some[rng.integers(len(some))])
            found[1].append(Prediction.from_array(classes, voices[place] / voices[place].sum()))
            found[2].append(labels[place])
    return found


def make_worse(pairs: Pairs) -> dict[str, Pairs]:
    """The pairs as they are, and with one side worse."""
    faces, voices, labels = pairs
    rng = np.random.default_rng(2)

    def exchange(items: list[Prediction]) -> list[Prediction]:
        others = rng.permutation(len(items))
        is_exchanged = rng.random(len(items)) < 1 / 3
        return [
            items[other] if wrong else item
            for item, other, wrong in zip(items, others, is_exchanged, strict=True)
        ]

    return {
        "as they are": pairs,
        "a third of the faces exchanged": (exchange(faces), voices, labels),
        "a third of the voices exchanged": (faces, exchange(voices), labels),
    }


def judge(pairs: Pairs, prior: list[float]) -> tuple[float, float, float]:
    """Mean recall of the expressions by the face, the voice and both."""
    faces, voices, labels = pairs
    both = [fuse(face, voice, prior) or face for face, voice in zip(faces, voices, strict=True)]
    truth = np.array(labels)
    return tuple(  # type: ignore[return-value]
        float(
            np.mean(
                [
                    (np.array([item.label for item in side]) == truth)[truth == name].mean()
                    for name in set(labels)
                ]
            )
        )
        for side in (faces, voices, both)
    )


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
