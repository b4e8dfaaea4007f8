"""What the files of a run hold, as types: each file is parsed once, here, and read by attribute from then on.

A field that an older version did not write has its default; one that this version does not know is
skipped. NaN is written as null and read back as None.
"""

from dataclasses import dataclass, field

from fer_core.plain import Count, Share
from fer_core.runs.process import ProcessStatus, Seconds
from fer_core.runs.run_files import SCHEMA_VERSION, State


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueEntry:
    """What a run asked for when it was submitted; see `fer_core.jobs.devices.DeviceRequest`."""

    device: str = ""
    num_processes: Count = 1
    candidates: tuple[str, ...] = ()
    num_devices: Count = 1
    submitted: Seconds | None = None
    """Unix time; whoever was submitted first goes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatus(ProcessStatus):
    """status.json: how far a run is, and who works on it."""

    schema_version: int = SCHEMA_VERSION
    state: State = "interrupted"
    """As written; `Run.state` also knows whether the process is still there."""
    epoch: Count = 0
    """Finished epochs."""
    num_epochs: Count | None = None
    step: Count = 0
    """Finished steps of the epoch under way."""
    num_steps: Count | None = None
    """Steps an epoch."""
    eta_s: Seconds | None = None
    """Estimated seconds to the end."""
    best_epoch: Count | None = None
    best_score: float | None = None
    """What is monitored, larger is better: the loss is negated."""
    device: str | None = None
    message: str | None = None
    """Why it failed, what it waits for, or what it does before and after its epochs."""
    share: Share | None = None
    """How much of what `message` says is done."""
    created: Seconds | None = None
    """Unix time; None in runs of older versions, whose names tell it."""
    locks: tuple[str, ...] = ()
    """Hardware that it holds."""
    queue: QueueEntry = field(default_factory=QueueEntry)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMeta:
    """meta.json: what one needs to know to repeat a run."""

    schema_version: int = SCHEMA_VERSION
    python: str = ""
    platform: str = ""
    cpu_count: int | None = None
    packages: dict[str, str | None] = field(default_factory=dict)
    """Versions by package; None for one that is not installed."""
    git_commit: str | None = None
    seed: int | None = None
    data_fingerprint: str | None = None
    """There as soon as settings and data were found to go together."""
    other_fingerprints: dict[str, str] = field(default_factory=dict)
    """Of teachers and the data set that is replayed, by what they are called in messages."""
    num_train_images: Count | None = None
    num_valid_images: Count | None = None
    num_parameters: Count | None = None


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """A line of metrics.jsonl. Scores are 0 to 1 and None where they are not defined."""

    epoch: Count
    """From 1."""
    train_loss: float | None = None
    train_accuracy: float | None = None
    valid_loss: float | None = None
    valid_accuracy: float | None = None
    valid_balanced_accuracy: float | None = None
    valid_macro_f1: float | None = None
    valid_n: Count | None = None
    """Validation images that the scores are of."""
    protocol: str = ""
    """How votes became labels, in words."""
    learning_rate: float | None = None
    images_per_s: float | None = None
    seconds: float | None = None
    device_memory_mb: float | None = None
    """Peak of one process; None on a CPU."""
    is_best: bool = False
    """No epoch before was better."""


@dataclass(frozen=True, slots=True)
class StepRecord:
    """A line of steps.jsonl: what the steps since the line before gave."""

    epoch: Count
    """Epoch under way, from 1."""
    step: Count
    """Last of these steps, from 1 in every epoch."""
    train_loss: float | None = None
    """Mean over these steps."""
    train_accuracy: float | None = None
    """Share of their images classified right, 0 to 1."""
    learning_rate: float | None = None


@dataclass(frozen=True, slots=True)
class LayerNorms:
    """L2 norms of one layer."""

    gradient_norm: float | None = None
    """Mean over the steps of an epoch, before clipping; None where the layer was frozen."""
    weight_norm: float | None = None
    """At the end of the epoch."""


@dataclass(frozen=True, slots=True)
class GradientRecord:
    """A line of gradients.jsonl."""

    epoch: Count
    layers: dict[str, LayerNorms] = field(default_factory=dict)
    """By name, the input first."""
    warnings: tuple[str, ...] = ()
    """Sentences on gradients that vanish or explode."""


@dataclass(frozen=True, slots=True)
class SampleRecord:
    """A validation image with its prediction."""

    row: Count
    """Of the data set."""
    truth: str
    probabilities: tuple[float, ...]
    """One per class."""


@dataclass(frozen=True, slots=True)
class ValidationRecord:
    """validation.json: what the best epoch gave.

    Raises:
        ValueError: confusion matrix, samples and classes do not go together.
    """

    epoch: Count
    classes: tuple[str, ...]
    confusion: tuple[tuple[Count, ...], ...]
    """K x K counts; rows are the truth, columns what was predicted."""
    samples: tuple[SampleRecord, ...]
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        num_classes = len(self.classes)
        if len(self.confusion) != num_classes or any(len(row) != num_classes for row in self.confusion):
            raise ValueError("it holds no square confusion matrix with one row per class")
        if any(len(sample.probabilities) != num_classes for sample in self.samples):
            raise ValueError("a sample has not one probability per class")


@dataclass(frozen=True, slots=True)
class Notes:
    """notes.json: tags, notes and title by a person. Plain text: a page must escape it like any other."""

    tags: tuple[str, ...] = ()
    notes: str = ""
    title: str = ""
    """What the run is called where people read it; empty for its name."""
    schema_version: int = SCHEMA_VERSION
