"""What an export format is, what it is made from, and the registry of all. Imports no torch by itself."""

import contextlib
import io
import math
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fer_core.checkpoint import CheckpointInfo
from fer_core.errors import ConfigError, ExportError
from fer_core.exported import Parity
from fer_core.onnx_file import check_format_name
from fer_core.registry import Registry
from fer_core.types import Float32Array

if TYPE_CHECKING:
    from onnx import ModelProto

    from fer_core.data.store import Dataset
    from fer_core.export.faces import Faces
    from fer_core.export.options import ExportOptions
    from fer_core.models import FerModel


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSource:
    """What a file is made from, and where it goes."""

    model: "FerModel"
    info: CheckpointInfo
    dataset: "Dataset"
    options: "ExportOptions"
    target: Path
    """The file to write, in a folder that may hold scratch files. A second file of it is `<name>.data`."""
    tell: Callable[[str], None]
    """Told in words what happens next."""

    def export_graph(self) -> Path:
        """Write the network as an fp32 ONNX graph beside the target, without a description yet.

        Raises:
            ExportError: the network can't be expressed in ONNX.
        """
        from fer_core.export.graph import export_graph
        from fer_core.models import ARCHITECTURES

        self.tell("translating the network")
        plain = self.target.with_name("plain.onnx")
        with ARCHITECTURES.blame(self.info.architecture, ExportError, "be expressed in ONNX"), quiet():
            export_graph(self.model, self.info, plain, self.options)
        return plain

    def load_calibration_faces(self) -> "Faces":
        """Faces of the training split, as many as the options say.

        Raises:
            DataError: there are none.
        """
        from fer_core.export import faces

        split = faces.choose_split(self.dataset, ("train", "valid"))
        found = faces.load_faces(self.dataset, split, self.info, num_faces=self.options.num_calibration_faces)
        self.tell(
            f"calibrating {self.options.format} on {len(found.crops):,} faces of {found.dataset} {split}"
        )
        return found

    def save_graph(self, proto: "ModelProto") -> str:
        """Write an ONNX graph to the target with its description inside, and return its checksum.

        Raises:
            ExportError: its integer products can saturate on some processors.
        """
        from fer_core.export import graph
        from fer_core.export.saturation import require_no_saturation

        require_no_saturation(proto)
        external = self.options.external_data or graph.is_large(self.model)
        return graph.write_described(proto, self.info, self.target, self.options, external=external)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How much a file may differ from its network; what is not given is not looked at."""

    max_difference: float = math.inf
    """Of a logit."""
    min_agreement: float = 0.0
    """Fraction of the faces that get the same class."""
    max_accuracy_loss: float = math.inf
    """A fraction; with few faces at least two of them may be lost."""

    def allows(self, parity: Parity) -> bool:
        """Whether the file may be kept. Written so that a NaN fails."""
        loss = parity.accuracy_torch - parity.accuracy
        return (
            parity.max_difference <= self.max_difference
            and parity.label_agreement >= self.min_agreement
            and loss <= max(self.max_accuracy_loss, 2 / parity.num_images) + 1e-9
        )

    def describe(self) -> str:
        """What is expected, in words."""
        parts = [
            (self.max_difference < math.inf, f"logits that differ by at most {self.max_difference:g}"),
            (self.min_agreement > 0, f"at least {self.min_agreement:.1%} of the labels the same"),
            (self.max_accuracy_loss < math.inf, f"at most {self.max_accuracy_loss:.1%} of accuracy lost"),
        ]
        return " and ".join(text for is_given, text in parts if is_given)


def predict_by_onnxruntime(path: Path, faces: "Faces") -> tuple[Float32Array, Float32Array]:
    """Logits and probabilities of the faces, each N x K, by the file that was written."""
    from fer_core.export import parity
    from fer_core.inference.onnx_predictor import OnnxPredictor

    return parity.compute_onnx_outputs(OnnxPredictor(path, device="cpu"), faces)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFormat:
    """A kind of exported file. Its name is its key in `EXPORTS`: letters, digits, `-` and `_`."""

    summary: str
    """What it is good for, in a few words."""
    write: Callable[[ExportSource], str]
    """Writes `source.target` and returns a checksum of it: what `save_graph` or `sha256_file` returns."""
    tolerance: Tolerance
    suffix: str = ".onnx"
    predict: Callable[[Path, "Faces"], tuple[Float32Array, Float32Array]] = predict_by_onnxruntime
    """Logits and probabilities by the file, for the comparison with torch."""

    def __post_init__(self) -> None:
        """Refuse an extension by which the file would not be found again."""
        if not (isinstance(self.suffix, str) and re.fullmatch(r"(\.[A-Za-z0-9]+)+", self.suffix)):
            raise ConfigError(f"suffix is {self.suffix!r:.80}; expected a file extension such as .onnx")


def _check_name(name: str) -> None:
    try:
        check_format_name(name)
    except ValueError as cause:
        raise ConfigError(
            f"{name!r} can't be part of a file name; expected letters, digits, - and _"
        ) from cause


EXPORTS: Final[Registry[ExportFormat]] = Registry(
    "export format", "fer_workbench.exports", entry_types=(ExportFormat,), check_name=_check_name
)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """The exporters print their steps and deprecations of their own code; neither concerns the user."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
