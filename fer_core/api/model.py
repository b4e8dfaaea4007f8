"""A loaded model: faces in, probabilities out, with the habits of scikit-learn's classifiers."""

import logging
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from fer_core.api.pictures import ArrayColor, Picture, Pictures, decode_all, split_batch
from fer_core.checkpoint import CheckpointInfo, default_checkpoint
from fer_core.errors import DataError
from fer_core.extras import explain_missing_packages
from fer_core.inference.class_prior import GENERAL_PRIOR, with_prior
from fer_core.inference.interfaces import FaceDetector, Predictor
from fer_core.inference.predictor import Runtime, load_predictor
from fer_core.types import FaceBox, FaceResult, Float32Array, UInt8Array
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from fer_core.evaluation.scores import Scores

logger = logging.getLogger(__name__)

_BATCH: Final[int] = 32
"""Pictures that are held decoded at a time."""
WHOLE_IMAGE: Final[str] = "whole-image"


def load(
    name: str | None = None,
    *,
    device: str = "auto",
    runtime: Runtime = "auto",
    prior: str = GENERAL_PRIOR,
    workspace: Workspace | None = None,
) -> "Model":
    """Load a model.

    Args:
        name: a shipped checkpoint (`fer-small`, `fer-tiny`, `fer-seven`), a run, a checkpoint's folder or an
            exported .onnx file; the shipped default if not given.
        device: `auto`, `cpu`, `cuda`, or `tensorrt` (ONNX only).
        runtime: `onnx`, which shipped models need and torch is not, `torch`, or `auto`.
        prior: how often each class is expected: `general` (faces from anywhere), `training`, `halfway`,
            `uniform`, or a share for every class such as `neutral=5,happiness=2,...`.
        workspace: where runs and downloads are; the user's own if not given.

    Raises:
        FerError: there is no such model, it is damaged, or what computes it is not installed.
    """
    workspace = workspace or Workspace.default()
    with explain_missing_packages():
        reference = name or default_checkpoint(workspace).key
        predictor = load_predictor(str(reference), workspace, device=device, runtime=runtime)
        return Model(with_prior(predictor, prior), workspace)


class Model:
    """A model that is ready. Safe to use from several threads at once.

    Made by `load`. It reads photos (`read`), and faces that are cropped already (`predict`, `predict_proba`,
    `score`, `evaluate`). Words are apparent expressions: what a face looks like, not what a person feels.
    """

    def __init__(self, predictor: Predictor, workspace: Workspace) -> None:
        """Wrap a ready predictor; `workspace` is where detectors find their files."""
        self.predictor = predictor
        self.workspace = workspace
        self._detectors = threading.local()  # one instance serves one thread
        self._told: set[str] = set()

    @property
    def info(self) -> CheckpointInfo:
        """What the checkpoint says of itself: input, figures, training data and their terms."""
        return self.predictor.info

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the K classes, in the order of the columns of `predict_proba`."""
        return self.info.classes

    @property
    def classes_(self) -> npt.NDArray[np.str_]:
        """The same as an array, as scikit-learn names it."""
        return np.asarray(self.classes)

    def __repr__(self) -> str:
        return f"<Model {self.info.name}: {len(self.classes)} classes, {self.predictor.runtime}>"

    def read(
        self,
        picture: Picture,
        *,
        detector: str | None = None,
        color: ArrayColor = "rgb",
        allow_url: bool = False,
    ) -> list[FaceResult]:
        """Find the faces of one picture and say what each looks like; `fer_core.read` takes batches, too.

        Args:
            picture: see `fer_core.read`.
            detector: `yunet`, `haar` or `whole-image`; the best that is installed if not given.
            color: order of the channels of an array.
            allow_url: whether an http(s) address may be fetched.

        Returns:
            The faces, best detection first; empty if there is none.

        Raises:
            FerError: the picture can't be read, or the detector is unknown or not installed.
        """
        return self.read_all([picture], detector=detector, color=color, allow_url=allow_url)[0]

    def read_all(
        self, pictures: Sequence[Any], *, detector: str | None = None, color: ArrayColor, allow_url: bool
    ) -> list[list[FaceResult]]:
        """The faces of each of some pictures; all faces of a batch are classified at once.

        Raises:
            FerError: as for `read`.
        """
        from fer_core.inference.face_quality import judge, read_faces

        finder = self.get_detector(detector)
        found: list[list[FaceResult]] = []
        for batch in self._decode(pictures, color=color, allow_url=allow_url):
            views = [(image, finder.detect(image)) for image in batch]
            readings = iter(read_faces(self.predictor, views))
            found += [[judge(box, *next(readings)) for box in boxes] for _, boxes in views]
        return found

    def predict_proba(
        self,
        faces: Pictures,
        *,
        detector: str = WHOLE_IMAGE,
        color: ArrayColor = "rgb",
        allow_url: bool = False,
    ) -> Float32Array:
        """Calibrated probabilities of pictures that each show one face.

        Args:
            faces: as for `fer_core.read`: one picture or a batch of N; grey ones as H x W or N x H x W. The
                square in the middle of each is resized to what the model takes.
            detector: `whole-image` for pictures that are cropped to a face; another one takes the best face
                of each picture, or the whole picture where it finds none.
            color: order of the channels of arrays.
            allow_url: whether http(s) addresses may be fetched.

        Returns:
            N x K in the order of `classes`, rows sum to 1; N is 1 for a single picture.

        Raises:
            FerError: a picture can't be read, or the detector is unknown or not installed.
        """
        pictures, _ = split_batch(faces)
        parts = [
            self.predictor.predict_crops(self._crop(batch, detector))
            for batch in self._decode(pictures, color=color, allow_url=allow_url)
        ]
        return np.concatenate(parts) if parts else np.empty((0, len(self.classes)), np.float32)

    __call__ = predict_proba

    def predict(self, faces: Pictures, **options: Any) -> npt.NDArray[np.str_]:
        """The most probable class of each face, N names; options as for `predict_proba`."""
        names: npt.NDArray[np.str_] = self.classes_[self.predict_proba(faces, **options).argmax(axis=1)]
        return names

    def score(self, faces: Pictures, labels: Sequence[str], **options: Any) -> float:
        """Accuracy on labelled faces, in [0, 1]; arguments as for `evaluate`."""
        return self.evaluate(faces, labels, **options).accuracy

    def evaluate(self, faces: Pictures, labels: Sequence[str], **options: Any) -> "Scores":
        """Compare predictions with labels.

        Args:
            faces: N pictures, each of one face.
            labels: N class names; known other spellings (`happy`) count.
            options: as for `predict_proba`.

        Returns:
            Accuracy, balanced accuracy, macro-F1, log loss, figures by class and the confusion matrix.

        Raises:
            DataError: the numbers of faces and labels differ, or a label is none of the model's classes.
            FerError: a picture can't be read.
        """
        from fer_core.evaluation.scores import compute_scores

        pictures, is_batch = split_batch(faces)
        if not is_batch or len(pictures) != len(labels):
            raise DataError(f"{len(pictures)} pictures and {len(labels)} labels; expected as many of both")
        numbers = [self._find_class(label) for label in labels]
        with explain_missing_packages():
            return compute_scores(numbers, self.predict_proba(faces, **options), self.classes)

    def get_detector(self, name: str | None) -> FaceDetector:
        """This thread's detector of a name; the best that is installed for None.

        Raises:
            FerError: it is unknown or not installed.
        """
        from fer_core.inference.detectors import build_detector, prepare_detector

        if not name:
            choice = prepare_detector(self.workspace, logger.warning)
            name = choice.name
            if choice.note and choice.note not in self._told:
                self._told.add(choice.note)
                logger.warning("%s", choice.note)
        known: dict[str, FaceDetector] = self._detectors.__dict__.setdefault("by_name", {})
        if name not in known:
            known[name] = build_detector(name, self.workspace, framing=self.info.input.framing)
        return known[name]

    def _decode(
        self, pictures: Sequence[Any], *, color: ArrayColor, allow_url: bool
    ) -> Iterator[list[UInt8Array]]:
        batch: list[UInt8Array] = []
        for image in decode_all(pictures, color=color, allow_url=allow_url):
            batch.append(image)
            if len(batch) == _BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    def _crop(self, images: Sequence[UInt8Array], detector: str) -> UInt8Array:
        from fer_core.inference.crop import extract_crops

        spec = self.info.input
        finder, whole = self.get_detector(detector), self.get_detector(WHOLE_IMAGE)

        def find(image: UInt8Array) -> FaceBox:
            return (finder.detect(image) or whole.detect(image))[0]

        return np.concatenate([extract_crops(image, [find(image)], spec) for image in images])

    def _find_class(self, label: str) -> int:
        from fer_core.labels import canonical_emotion

        name = str(label)
        if name not in self.classes:
            try:
                name = canonical_emotion(name)
            except DataError:
                name = ""
        if name not in self.classes:
            raise DataError(
                f"label {label!r} is none of {self.info.name}'s classes: {', '.join(self.classes)}"
            )
        return self.classes.index(name)
