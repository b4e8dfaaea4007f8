"""The figure to beat on EmoDB: eGeMAPS and logistic regression, on the same clips and folds as ours.

    pip install opensmile
    python benchmarks/voice_egemaps.py ../shared/data/emodb_2s.zip

openSMILE is for research only, so nothing here depends on it, and this is all that uses it. Leave one speaker
out; features are standardised over the speakers that are learnt from, and for `baseline` over each speaker's
own clips, whatever was expressed.
"""

import tempfile
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tyro

from fer_core.data.importing import import_source, inspect_source
from fer_core.data.store import load_dataset


def main(source: tyro.conf.Positional[Path]) -> None:
    """Print UAR without and with the speaker's baseline.

    Args:
        source: EmoDB as a zip archive.
    """
    with tempfile.TemporaryDirectory(prefix="fer-egemaps-") as folder:
        import_source(inspect_source(source), Path(folder) / "voices")
        samples = load_dataset(Path(folder) / "voices").samples
        with zipfile.ZipFile(source) as archive:
            archive.extractall(Path(folder) / "clips")
        files = {path.name: path for path in (Path(folder) / "clips").rglob("*") if path.is_file()}
        features = measure([files[Path(name).name] for name in samples["image_name"]])
    labels, speakers = samples["label"].to_numpy(object), samples["group"].to_numpy(object)
    own = np.concatenate([standardise(features[speakers == name]) for name in sorted(set(speakers))])
    order = np.concatenate([np.flatnonzero(speakers == name) for name in sorted(set(speakers))])
    adapted = np.empty_like(features)
    adapted[order] = own
    for title, values in (("without a baseline", features), ("with the speaker's baseline", adapted)):
        answers = predict_each(values, labels, speakers)
        recalls = [(answers[labels == name] == name).mean() for name in sorted(set(labels))]
        print(f"{len(labels)} clips, UAR {title}: {np.mean(recalls):.1%}")


def measure(files: list[Path]) -> npt.NDArray[np.float64]:
    """The 88 functionals of eGeMAPS v02 of each file, n x 88."""
    import opensmile

    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
    return np.concatenate([smile.process_file(str(path)).to_numpy() for path in files])


def standardise(features: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Mean 0 and deviation 1 of each column."""
    return (features - features.mean(0)) / (features.std(0) + 1e-9)


def predict_each(
    features: npt.NDArray[np.float64],
    labels: "npt.NDArray[np.object_]",
    speakers: "npt.NDArray[np.object_]",
) -> "npt.NDArray[np.object_]":
    """The answer for each clip of a reader that never heard its speaker."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    reader = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    return cross_val_predict(reader, features, labels, groups=speakers, cv=LeaveOneGroupOut())


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
