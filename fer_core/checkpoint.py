"""What a checkpoint folder says about itself: `model.json` beside `model-<hash>.safetensors`.

Labels and preprocessing come from here, never from the caller. This module reads and checks the description
and needs no torch, so a page can list checkpoints cheaply; `fer_core.models` loads the weights.
"""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, get_args

from fer_core.errors import CheckpointError, DataError, FerError
from fer_core.io import read_json, sha256_file, to_record, write_json, write_text
from fer_core.labels import validate_classes
from fer_core.provenance import Terms, read_former
from fer_core.titles import find_titled_run
from fer_core.workspace import Workspace, expand_home

SCHEMA_VERSION: Final[int] = 2
"""1 had one line `data.licence` in place of `terms`; it is read, too."""
INFO_FILE: Final[str] = "model.json"
CARD_FILE: Final[str] = "MODEL_CARD.md"

HUB: Final[str] = "hub"
"""In place of a checkpoint's name: timm's own weights of a backbone."""
WEIGHT_SUFFIXES: Final[tuple[str, ...]] = (".safetensors", ".pt", ".pth", ".bin")
"""Of files with nothing but weights."""
_MAX_SHARE: Final[float] = 1e12
"""Of one class in a recorded prior: counts of images, or fractions."""
CLASS_PRIOR_KEY: Final[str] = "class_prior"
"""In a checkpoint's `data`: the share of each class in what it learnt, by name."""
EARLIER_KEY: Final[str] = "earlier"
"""In a checkpoint's `data`: name and fingerprint of the other data sets that it has seen."""

MEAN_RANGE: Final[tuple[float, float]] = (-1.0, 2.0)
STD_RANGE: Final[tuple[float, float]] = (1e-3, 10.0)
TEMPERATURE_RANGE: Final[tuple[float, float]] = (0.01, 100.0)
"""What is plausible, and keeps every step of a prediction finite in float32: pixels are in [0, 1], and
calibration gives temperatures of 0.05 to 20."""

ColorMode = Literal["gray", "rgb"]
InputKind = Literal["image", "sound"]
"""What the samples of a data set and the inputs of a model are. Files that do not say hold images."""
KIND_WORDS: Final[dict[InputKind, str]] = {"image": "faces", "sound": "voices"}
"""What a model of each kind reads, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FramingSpec:
    """How a face box becomes the square crop that a model expects.

    The defaults reproduce FER2013's framing, measured on 514 upscaled FER2013 faces against YuNet's boxes.
    """

    side_per_height: float = 1.04
    """Side of the square, as a multiple of the face box's height."""
    shift_up: float = 0.02
    """How far the square's centre lies above the box's centre, as a fraction of the square's side."""

    def __post_init__(self) -> None:
        if not 0.1 <= self.side_per_height <= 10:
            raise CheckpointError(f"framing.side_per_height is {self.side_per_height}; expected 0.1 to 10")
        if not -1 <= self.shift_up <= 1:
            raise CheckpointError(f"framing.shift_up is {self.shift_up}; expected -1 to 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundSpec:
    """How a stretch of sound becomes the grey picture that a model takes (`fer_core.log_mel`).

    A row is a mel band, the highest first, a column a time; 0 is `floor_db` below the reference, 255 is it.
    """

    sample_rate: int = 16_000
    """Samples a second, mono."""
    window_s: float = 2.0
    """Seconds of sound that one picture shows, 1 to 3."""
    hop: int = 160
    """Samples from one column to the next."""
    frame: int = 400
    """Samples that a column is computed from, under a Hann window."""
    num_bands: int = 64
    """Mel bands."""
    low_hz: float = 60.0
    """Where the lowest band begins."""
    high_hz: float = 7600.0
    """Where the highest band ends."""
    floor_db: float = 80.0
    """Range of the picture in decibels."""
    level_db: float = -14.0
    """Loudness that every window is brought to, as root mean square without its pauses, in decibels of full
    scale: how far away a microphone stood says nothing of the voice."""

    def __post_init__(self) -> None:
        for name, low, high in (
            ("sample_rate", 8_000, 48_000),
            ("window_s", 1.0, 3.0),
            ("hop", 40, 4_000),
            ("frame", self.hop, 8_192),
            ("num_bands", 8, 256),
            ("low_hz", 0.0, self.high_hz - 1),
            ("high_hz", 1.0, self.sample_rate / 2),
            ("floor_db", 20.0, 160.0),
            ("level_db", -60.0, 0.0),
        ):
            _check_range(f"input.sound.{name}", getattr(self, name), (low, high))

    @property
    def num_samples(self) -> int:
        """Samples of a window."""
        return self.num_frames * self.hop

    @property
    def num_frames(self) -> int:
        """Columns of a window."""
        return round(self.window_s * self.sample_rate / self.hop)


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSpec:
    """The pixels a model takes: `(value / 255 - mean) / std`, one mean and std per channel."""

    height: int
    """Rows in pixels."""
    width: int
    """Columns in pixels."""
    color: ColorMode
    """`gray` (one channel) or `rgb` (three, in this order)."""
    mean: tuple[float, ...]
    """Mean a channel, of values in [0, 1]."""
    std: tuple[float, ...]
    """Standard deviation a channel, of values in [0, 1]; > 0."""
    framing: FramingSpec = FramingSpec()
    """How a face box becomes the crop."""
    kind: InputKind = "image"
    """What it takes. Sound comes as a picture, too, which `sound` describes."""
    sound: SoundSpec | None = None
    """How sound becomes the picture; None for images."""

    def __post_init__(self) -> None:
        check_kind(self.kind, "input.kind", CheckpointError)
        if (self.kind == "sound") != (self.sound is not None):
            raise CheckpointError(
                f"input.kind is {self.kind!r}; expected input.sound with sound, and only then"
            )
        if self.sound and self.color != "gray":
            raise CheckpointError(f"input.color is {self.color!r}; expected 'gray' for sound")
        if self.sound and (self.height, self.width) != (self.sound.num_bands, self.sound.num_frames):
            raise CheckpointError(
                f"input is {self.height}x{self.width}; expected {self.sound.num_bands} bands x "
                f"{self.sound.num_frames} columns, as input.sound says"
            )
        if not (8 <= self.height <= 2048 and 8 <= self.width <= 2048):
            raise CheckpointError(f"input is {self.height}x{self.width}; expected sides of 8 to 2048 px")
        if self.color not in ("gray", "rgb"):
            raise CheckpointError(f"input.color is {self.color!r}; expected 'gray' or 'rgb'")
        if len(self.mean) != self.channels or len(self.std) != self.channels:
            raise CheckpointError(
                f"input has {self.channels} channel(s), {len(self.mean)} mean(s) and {len(self.std)} std(s)"
            )
        for mean, std in zip(self.mean, self.std, strict=True):
            _check_range("input.mean", mean, MEAN_RANGE)
            _check_range("input.std", std, STD_RANGE)

    @property
    def channels(self) -> int:
        """Number of channels: 1 for grey, 3 for RGB."""
        return 1 if self.color == "gray" else 3

    def __str__(self) -> str:
        """Shape as people write it, for example `48x48x1` or `2 s of sound`."""
        if self.sound is not None:
            return f"{self.sound.window_s:g} s of sound"
        return f"{self.height}x{self.width}x{self.channels}"


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
        _check_range("general.prior_strength", self.prior_strength, (0.0, 1.0))
        _check_range("general.temperature", self.temperature, TEMPERATURE_RANGE)


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
        _check_range(f"checkpoint {self.name!r}: temperature", self.temperature, TEMPERATURE_RANGE)

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


def _check_range(what: str, value: float, limits: tuple[float, float]) -> None:
    low, high = limits
    if not low <= value <= high:  # NaN is not, either
        raise CheckpointError(f"{what} is {value}; expected {low:g} to {high:g}")


def check_kind(kind: object, name: str, error: type[FerError]) -> None:
    """Check what a description says of its kind of input; `name` is what the message calls it.

    Raises:
        error: this program knows no such kind.
    """
    known = get_args(InputKind)
    if kind not in known:
        raise error(f"{name} is {kind!r}; this version reads {', '.join(known)}: update the program")


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


@dataclass(frozen=True, slots=True)
class CheckpointEntry:
    """A checkpoint that can be chosen: where it is, what it is, and what to call it."""

    key: str
    """What a person types: name of a shipped or brought-in model, or `<run>/best`."""
    folder: Path
    info: CheckpointInfo


DEFAULT_CHECKPOINT: Final[str] = "fer-small"
"""The shipped model that is used when nobody chose one."""
_DEFAULT_FILE: Final[str] = "default-model.txt"
"""In the workspace: the key of the model that the user chose instead; not there as long as nobody did."""


def get_default_key(workspace: Workspace) -> str:
    """Key of the model that is used when nobody names one: the user's choice, else `DEFAULT_CHECKPOINT`."""
    try:
        return (workspace.root / _DEFAULT_FILE).read_text(encoding="utf-8")[
            :300
        ].strip() or DEFAULT_CHECKPOINT
    except (OSError, ValueError):
        return DEFAULT_CHECKPOINT


def choose_default(key: str, workspace: Workspace) -> None:
    """Use this model from now on wherever nobody names one; choosing another is the way back.

    Raises:
        CheckpointError: there is no such model, or it reads voices.
        StorageError: the workspace can't be written.
    """
    entry = find_listed_checkpoint(key, workspace)
    require_kind(entry.info, "image")
    write_text(workspace.root / _DEFAULT_FILE, entry.key + "\n")


def list_checkpoints(workspace: Workspace, kind: InputKind | None = None) -> list[CheckpointEntry]:
    """Every readable checkpoint: the default, the shipped ones, imported ones, then those of runs.

    Named ones are in the order of their names, those of runs newest first.

    A damaged one is left out here; naming it to `find_checkpoint` says what is wrong with it.

    Args:
        workspace: where imported ones and runs are.
        kind: only those that read this; all if not given.
    """
    entries = []
    for key, folder in list_checkpoint_folders(workspace):
        try:
            entries.append(CheckpointEntry(key, folder, load_checkpoint_info(folder)))
        except CheckpointError:
            continue
    return [entry for entry in entries if kind in (None, entry.info.input.kind)]


def list_checkpoint_folders(workspace: Workspace) -> list[tuple[str, Path]]:
    """Key and folder of every checkpoint, readable or not, in the order of `list_checkpoints`."""
    named = [
        sorted(path.parent for path in parent.glob(f"*/{INFO_FILE}"))
        for parent in (workspace.checkpoints, workspace.models)
    ]
    named[0].sort(key=lambda path: path.name != DEFAULT_CHECKPOINT)
    default = get_default_key(workspace)
    runs = [path.parent for path in workspace.runs.glob(f"*/best/{INFO_FILE}")]
    runs.sort(key=lambda path: (_made_at(path.parent), path.parent.name), reverse=True)
    found = [(path.name, path) for part in named for path in part]
    found += [(f"{path.parent.name}/{path.name}", path) for path in runs]
    found.sort(key=lambda item: item[0] != default)
    return [item for item in found if not item[0].startswith(".")]  # a dot: being written right now


def _made_at(run: Path) -> float:
    """When a run was made: its settings are written once. Unix time; 0 if they are gone."""
    try:
        return (run / "config.toml").stat().st_mtime
    except OSError:
        return 0.0


def default_checkpoint(workspace: Workspace) -> CheckpointEntry:
    """The checkpoint to use when nobody names one: the user's or the shipped default, else the first.

    Raises:
        CheckpointError: there is none at all.
    """
    entries = list_checkpoints(workspace)
    if not entries:
        raise CheckpointError("there is no model yet; train one with: fer train --preset quick")
    return entries[0]


def find_checkpoint(reference: str, workspace: Workspace) -> CheckpointEntry:
    """Resolve what a person typed: a key of `list_checkpoints`, a run's name or title, or a folder.

    Raises:
        CheckpointError: nothing there, or it is damaged.
    """
    candidates = [
        workspace.checkpoints / reference,
        workspace.models / reference,
        workspace.runs / reference,
        workspace.runs / reference / "best",
        expand_home(reference),
    ]
    for folder in candidates:
        try:
            is_there = (folder / INFO_FILE).is_file()
        except OSError:  # too long for a name, or in a folder that may not be looked into
            continue
        if is_there:
            return CheckpointEntry(reference, folder, load_checkpoint_info(folder))
    run = find_titled_run(reference.removesuffix("/best"), workspace)
    if run is not None and (run / "best" / INFO_FILE).is_file():
        return CheckpointEntry(f"{run.name}/best", run / "best", load_checkpoint_info(run / "best"))
    raise CheckpointError(
        f"no checkpoint {reference[:200]!r}; expected a folder with {INFO_FILE}, or one of: "
        f"{_list_keys(workspace)}"
    )


def find_listed_checkpoint(key: str, workspace: Workspace) -> CheckpointEntry:
    """Like `find_checkpoint`, but of the workspace's own only: for keys out of an address or an upload.

    Raises:
        CheckpointError: there is none of that key, or it is damaged.
    """
    for name, folder in list_checkpoint_folders(workspace):
        if name == key:
            return CheckpointEntry(key, folder, load_checkpoint_info(folder))
    raise CheckpointError(f"no model {key[:200]!r} is on this machine; there are: {_list_keys(workspace)}")


def _list_keys(workspace: Workspace) -> str:
    return ", ".join(entry.key for entry in list_checkpoints(workspace)[:12]) or "none yet"
