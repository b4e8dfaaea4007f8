"""What a checkpoint folder says about itself: reading, checking and writing `model.json`."""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from fer_core.checkpoint.specs import (
    KIND_WORDS,
    TEMPERATURE_RANGE,
    InputKind,
    InputSpec,
    check_kind,
    check_range,
)
from fer_core.errors import CheckpointError, DataError
from fer_core.io import read_json, sha256_file, to_record, write_json
from fer_core.labels import validate_classes
from fer_core.provenance import Terms, read_former

SCHEMA_VERSION: Final[int] = 2
"""1 had one line `data.licence` in place of `terms`; it is read, too."""
INFO_FILE: Final[str] = "model.json"
CARD_FILE: Final[str] = "MODEL_CARD.md"

_MAX_SHARE: Final[float] = 1e12
"""Of one class in a recorded prior: counts of images, or fractions."""
CLASS_PRIOR_KEY: Final[str] = "class_prior"
"""In a checkpoint's `data`: the share of each class in what it learnt, by name."""
EARLIER_KEY: Final[str] = "earlier"
"""In a checkpoint's `data`: name and fingerprint of the other data sets that it has seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneralCalibration:
    """What to expect of faces of unknown source: softmax((logits - s log shares) / T).

    Shares are those of the classes in the training data (`CheckpointInfo.class_prior`).
    """

    prior_strength: float
    """s: how much of the learnt shares is taken back, 0 (nothing) to 1 (all classes equally common)."""
    temperature: float
    """T, in place of `CheckpointInfo.temperature`; > 0."""
    sources: tuple[Mapping[str, Any], ...] = ()
    """What they were chosen on: `dataset`, `n`, `classes`, `accuracy`, `balanced_accuracy`, `ece`."""

    def __post_init__(self) -> None:
        check_range("general.prior_strength", self.prior_strength, (0.0, 1.0))
        check_range("general.temperature", self.temperature, TEMPERATURE_RANGE)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointInfo:
    """Everything but the weights."""

    name: str
    """What the model is called."""
    architecture: str
    """Name in the model registry."""
    arguments: Mapping[str, Any]
    """Keyword arguments of the architecture, beyond classes and input channels."""
    classes: tuple[str, ...]
    """Class names in the order of the logits."""
    input: InputSpec
    """Preprocessing."""
    weights_sha256: str
    """Checksum of the weights file. Its first digits are in that file's name, so that exchanging `model.json`
    is the one atomic step that exchanges a checkpoint: a reader, or a crash, never meets a mixed pair."""
    num_parameters: int
    """Number of trained parameters."""
    temperature: float = 1.0
    """Logits are divided by this before the softmax (calibration); > 0. Right on the training data's kind."""
    general: GeneralCalibration | None = None
    """For faces of unknown source; None where it was not chosen."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """Training data: name, fingerprint, label mode."""
    terms: tuple[Terms, ...] = ()
    """Origin and terms of the training data, with those of the models it started from and learned from."""
    metrics: tuple[Mapping[str, Any], ...] = ()
    """Measured figures, each with its protocol, split and n. Fractions, not percentages."""
    origin: Mapping[str, Any] = field(default_factory=dict)
    """Where it comes from: run id, epoch, versions, time."""

    def __post_init__(self) -> None:
        try:
            validate_classes(self.classes)
        except DataError as cause:
            raise CheckpointError(f"checkpoint {self.name!r}: {cause}") from cause
        if not re.fullmatch(r"[0-9a-f]{64}", self.weights_sha256):
            raise CheckpointError(f"checkpoint {self.name!r}: weights_sha256 is no SHA-256 in hexadecimal")
        check_range(f"checkpoint {self.name!r}: temperature", self.temperature, TEMPERATURE_RANGE)

    @property
    def weights_file(self) -> str:
        """Name of the weights file beside `model.json`."""
        return f"model-{self.weights_sha256[:12]}.safetensors"

    @property
    def class_prior(self) -> tuple[float, ...] | None:
        """Share of each class in what was learnt, in class order, sum 1; None if it was not recorded."""
        recorded = self.data.get(CLASS_PRIOR_KEY)
        if not isinstance(recorded, Mapping):
            return None
        shares = [recorded.get(name) for name in self.classes]
        numbers = [share for share in shares if isinstance(share, int | float) and 0 <= share <= _MAX_SHARE]
        total = sum(numbers)
        if len(numbers) < len(self.classes) or total < 1 / _MAX_SHARE:
            return None
        return tuple(number / total for number in numbers)

    @property
    def earlier(self) -> tuple[Mapping[str, Any], ...]:
        """Other data sets that it has seen, by `name` and `fingerprint`; empty for most models."""
        recorded = self.data.get(EARLIER_KEY)
        items = recorded if isinstance(recorded, list | tuple) else ()
        return tuple(item for item in items if isinstance(item, Mapping))

    def to_dict(self) -> dict[str, Any]:
        """As written to `model.json`."""
        return {"schema_version": SCHEMA_VERSION, **dataclasses.asdict(self)}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any], *, source: str) -> "CheckpointInfo":
        """Build from the object in `model.json`; `source` names it in messages.

        Raises:
            CheckpointError: a newer schema, or a field is missing, unknown or of the wrong kind.
        """
        value = _upgrade(value)
        version = value.get("schema_version")
        if version != SCHEMA_VERSION:
            raise CheckpointError(
                f"{source} has schema_version {version!r}; this program reads {SCHEMA_VERSION}. "
                "Update the program, or export the model again."
            )
        spec = value.get("input")
        if isinstance(spec, Mapping):
            check_kind(spec.get("kind", "image"), f"{source}: input.kind", CheckpointError)
        try:
            return to_record(value, cls)
        except ValueError as cause:
            raise CheckpointError(
                f"{source} does not describe a model: {cause}; copy the checkpoint again"
            ) from cause


def _upgrade(value: Mapping[str, Any]) -> Mapping[str, Any]:
    data = value.get("data")
    if value.get("schema_version") != 1:
        return value
    if not isinstance(data, Mapping):
        return {**value, "schema_version": SCHEMA_VERSION}
    terms = [dataclasses.asdict(item) for item in read_former(data.get("licence"), data.get("name"))]
    rest = {name: item for name, item in data.items() if name != "licence"}
    return {**value, "data": rest, "terms": terms, "schema_version": SCHEMA_VERSION}


def require_kind(info: CheckpointInfo, kind: InputKind) -> None:
    """Refuse a model that reads something else.

    Raises:
        CheckpointError: it does.
    """
    if info.input.kind != kind:
        raise CheckpointError(
            f"model {info.name!r} reads {KIND_WORDS[info.input.kind]}; expected one that reads "
            f"{KIND_WORDS[kind]}: `fer models` lists what each reads"
        )


def load_checkpoint_info(folder: Path) -> CheckpointInfo:
    """Read the description of the checkpoint in `folder`. The weights are not touched.

    Raises:
        CheckpointError: the folder is no checkpoint, or its description is damaged.
    """
    path = folder / INFO_FILE
    if not folder.is_dir() or not path.is_file():
        raise CheckpointError(
            f"{folder} is no checkpoint: expected a folder with {INFO_FILE} and its weights"
        )
    values = read_json(path, CheckpointError)
    try:
        return CheckpointInfo.from_dict(values, source=str(path))
    except CheckpointError as error:
        if str(path) in str(error):
            raise
        raise CheckpointError(f"{path}: {error}; the file is damaged, copy the checkpoint again") from error


def save_checkpoint_info(folder: Path, info: CheckpointInfo) -> None:
    """Write `info` into `folder`, replacing what is there."""
    write_json(folder / INFO_FILE, info.to_dict())


def verify_weights(folder: Path, info: CheckpointInfo) -> Path:
    """Return the path of the weights after checking them against the recorded checksum.

    Raises:
        CheckpointError: the file is missing, can't be read, or is not the one that `info` describes.
    """
    path = folder / info.weights_file
    try:
        seen = sha256_file(path)
    except FileNotFoundError as cause:
        if any(folder.glob("*.onnx")):
            raise CheckpointError(
                f"{folder.name} holds an ONNX file without weights: faces are read with it, but nothing is "
                "evaluated, trained or exported; ask for the model with its weights (fer models zip)"
            ) from cause
        raise CheckpointError(
            f"{path}, which {INFO_FILE} names, is missing; the checkpoint is incomplete: copy it again"
        ) from cause
    except OSError as cause:
        raise CheckpointError(f"{path} can't be read: {cause.strerror}") from cause
    if seen != info.weights_sha256:
        raise CheckpointError(
            f"{path} has SHA-256 {seen[:12]}…, but {INFO_FILE} says {info.weights_sha256[:12]}…. "
            "The file is damaged or was exchanged; copy the checkpoint again."
        )
    return path
