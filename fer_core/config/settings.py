"""Settings of a training run: frozen, keyword-only, checked when made.

Every field's docstring is its help text in the CLI and on the Train page, and its type says which values it
may have.
"""

from dataclasses import dataclass, field
from typing import Annotated, Final, Literal

from fer_core.config.limits import Limits, check, check_fields
from fer_core.errors import ConfigError

LabelMode = Literal["majority", "crossentropy", "probability", "multi_target"]
Sampling = Literal["shuffled", "balanced"]
InputColor = Literal["auto", "gray", "rgb"]
LossName = Literal["crossentropy", "focal"]
ClassWeights = Literal["none", "balanced", "effective"]
OptimizerName = Literal["sgd", "adamw"]
ScheduleName = Literal["constant", "step", "plateau", "cosine", "one_cycle"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]
TeacherViews = Literal["augmented", "original"]
Monitor = Literal["accuracy", "macro_f1", "loss"]
Tracker = Literal["none", "mlflow", "wandb"]


_SHARE: Final = Limits(low=0, high=1)
_CHANGE: Final = Limits(low=0, below=1)
_AT_LEAST_0: Final = Limits(low=0)
_AT_LEAST_1: Final = Limits(low=1)
_FACTOR: Final = Limits(above=0, high=1)
_SIDE: Final = Limits(or_zero=True, low=8, high=2048, unit="px")


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """What to train and validate on."""

    dataset: str = "schematic-faces"
    """Name of an imported data set. `schematic-faces` is drawn on first use; nothing to download."""
    label_mode: LabelMode = "crossentropy"
    """How annotators' votes become training targets (Barsoum et al., 2016), once single votes are dropped:
    `majority` takes the class with more than half of the votes, `crossentropy` the share of votes of each
    class, `probability` a class drawn by these shares anew each time, `multi_target` every class with enough
    votes. Validation is always scored in majority mode. Data sets without votes use their labels, whatever
    is set here."""
    label_temperature: Annotated[float, Limits(low=0.1, high=10)] = 1.0
    """Raise the label distributions to the power 1 / this: below 1 sharpens them towards the most frequent
    answer, above 1 evens out the answers that were given. Not used by the label modes `majority` and
    `multi_target`, which have nothing to sharpen."""
    label_weight: Annotated[float, _SHARE] = 0.0
    """Share of every training target that the image's own single label has, beside its votes: two sources of
    labels at once, such as FER2013's labels beside FER+ votes. Used where a data set has both."""
    train_split: str = "train"
    """Split to learn from."""
    valid_split: str = "valid"
    """Split to validate on after every epoch."""
    sampling: Sampling = "shuffled"
    """`shuffled` shows every image once per epoch; `balanced` draws each class equally often, so images of
    rare classes are repeated and some of frequent classes are left out."""
    replay: str = ""
    """Another data set, of what the starting weights were trained on: some of its training images are learned
    beside, others in each epoch, so that they are not forgotten (rehearsal; Robins, 1995). Empty is off."""
    replay_share: Annotated[float, Limits(low=0, below=1)] = 0.5
    """Share of the images of an epoch that are replayed; only used with data.replay."""

    def __post_init__(self) -> None:
        check_fields(self, "data.")
        check(
            self.train_split != self.valid_split,
            "data.valid_split",
            self.valid_split,
            "another split than data.train_split",
        )
        check(self.replay != self.dataset, "data.replay", self.replay, "another data set than data.dataset")


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Which network to train."""

    name: str = "fer_resnet"
    """Architecture, as in the model registry."""
    arguments: dict[str, int | float | bool | str] = field(default_factory=dict)
    """Arguments of that architecture, for example `width 48`. What is not named keeps its default."""
    height: Annotated[int, _SIDE] = 0
    """Rows of the input in pixels; 0 takes what the architecture was designed for, or the data set's own."""
    width: Annotated[int, _SIDE] = 0
    """Columns of the input in pixels; 0 as above."""
    color: InputColor = "auto"
    """Channels of the input: `gray` (1) or `rgb` (3). `auto` takes the data set's own, and `rgb` for a
    network that starts from weights trained on RGB. Grey images are repeated into three channels."""

    def __post_init__(self) -> None:
        check_fields(self, "model.")
        check(
            (self.height == 0) == (self.width == 0),
            "model.width",
            self.width,
            "both model.height and model.width, or neither",
        )


@dataclass(frozen=True, kw_only=True)
class TransferConfig:
    """Starting from weights that were trained before."""

    weights: str = ""
    """Where they come from: `hub` (timm's own for that backbone), a .safetensors or state-dict file, or a
    checkpoint or run. Of a wider network of the same architecture a part of the channels is taken over. Empty
    starts from random weights."""
    freeze_epochs: Annotated[int, _AT_LEAST_0] = 0
    """Epochs in which only the head learns; at least `epochs` is a linear probe."""
    thaw_every: Annotated[int, _AT_LEAST_0] = 0
    """After those, thaw one group of layers every so many epochs, from the head down; 0 thaws all at once."""
    layer_decay: Annotated[float, _FACTOR] = 1.0
    """Multiply the learning rate by this for every group of layers further from the head (Clark et al., 2020;
    0.65 to 0.8 are usual for transformers); 1 treats all alike."""
    adapt: bool = False
    """Adapt the checkpoint or run `weights` to the data set: its classes, its head and its preprocessing
    stay, the data set may have fewer classes, and at the end it is measured what was gained and forgotten
    (`fer adapt` chooses all settings for that)."""

    def __post_init__(self) -> None:
        check_fields(self, "transfer.")
        check(
            not self.adapt or self.weights not in ("", "hub"),
            "transfer.weights",
            self.weights,
            "a checkpoint or run where transfer.adapt is on",
        )


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """What is made small."""

    name: LossName = "crossentropy"
    """`crossentropy`, or `focal` (Lin et al., 2017), which pays less heed to faces that are easy already."""
    focal_gamma: Annotated[float, _AT_LEAST_0] = 2.0
    """Focusing exponent of the focal loss; 0 is cross-entropy."""
    label_smoothing: Annotated[float, Limits(low=0, below=1)] = 0.0
    """Share of every target spread evenly over all classes (Szegedy et al., 2016). Not used by the label mode
    `multi_target`."""
    class_weights: ClassWeights = "none"
    """Weigh faces by their class: `balanced` by inverse frequency, `effective` by the effective number of
    samples (Cui et al., 2019), which is milder."""

    def __post_init__(self) -> None:
        check_fields(self, "loss.")


@dataclass(frozen=True, kw_only=True)
class SoundConfig:
    """Random changes made to every training batch of sound; of `augment`, only mixing applies to it."""

    speed: Annotated[float, _CHANGE] = 0.1
    """Play faster or slower by up to this fraction; pitch moves with it, as on a tape."""
    shift: Annotated[float, _CHANGE] = 0.1
    """Begin earlier or later by up to this fraction of the window."""
    noise_probability: Annotated[float, _SHARE] = 0.3
    """Chance of noise under the voice, 5 to 30 dB softer, of random colour."""
    tilt_db: Annotated[float, Limits(low=0, high=30, unit="dB")] = 6.0
    """Raise or lower bass against treble by up to this, as microphones and rooms do."""
    time_mask: Annotated[float, _CHANGE] = 0.15
    """Blank two stretches of up to this fraction of the window (SpecAugment, Park et al., 2019); 0 is off."""
    band_mask: Annotated[float, _CHANGE] = 0.15
    """Blank two ranges of up to this fraction of the bands (SpecAugment); 0 is off."""

    def __post_init__(self) -> None:
        check_fields(self, "sound.")


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """Random changes made to every training batch, on the device that trains."""

    apply_probability: Annotated[float, _SHARE] = 1.0
    """Share of the images that are changed at all; the others pass as they are."""
    flip_probability: Annotated[float, _SHARE] = 0.5
    """Chance of a left-right flip."""
    rotation_deg: Annotated[float, Limits(low=0, high=180, search=(0, 20))] = 15.0
    """Rotate by up to this many degrees either way."""
    scale: Annotated[float, _CHANGE] = 0.15
    """Resize by a factor within 1 +- this."""
    shift: Annotated[float, _CHANGE] = 0.1
    """Move by up to this fraction of the picture's side."""
    brightness: Annotated[float, _CHANGE] = 0.2
    """Change brightness by up to this fraction."""
    contrast: Annotated[float, _CHANGE] = 0.2
    """Change contrast by up to this fraction."""
    erasing_probability: Annotated[float, _SHARE] = 0.25
    """Chance of blanking one random rectangle (Zhong et al., 2020)."""
    mixup_alpha: Annotated[float, _AT_LEAST_0] = 0.4
    """Mix pairs of images with a weight drawn from Beta(alpha, alpha) (Zhang et al., 2018); 0 is off."""
    cutmix_alpha: Annotated[float, _AT_LEAST_0] = 0.0
    """Paste a rectangle of another image, its share of the area drawn from Beta(alpha, alpha) (Yun et al.,
    2019); 0 is off. With mixup on too, each mixed batch takes one of the two at random."""
    mixup_probability: Annotated[float, _SHARE] = 0.5
    """Share of the batches that are mixed, by mixup or cutmix."""
    mixup_until: Annotated[float, _SHARE] = 1.0
    """Share of the epochs (of each cycle) after which no batch is mixed any more, so that the last ones see
    faces as they are (Ge et al., 2021, do so with their mosaics); 1 mixes to the end."""
    small_until: Annotated[float, _SHARE] = 0.0
    """Share of the epochs (of each cycle) in which the network is shown smaller images, which cost a third:
    half the side first, then two thirds (progressive resizing; Howard, 2018, in DAWNBench). It must take
    images of any size; the last epoch of a cycle shows whole ones. 0 is off."""
    crop_fraction: Annotated[float, _FACTOR] = 1.0
    """Cut out a random part with at least this fraction of the area, and bring it back to full size; 1 is
    off."""
    crop_side_px: Annotated[int, Limits(or_zero=True, low=8, unit="px")] = 0
    """Bring that part to squares of this side first, so that detail is lost as in a small face; 0 is off."""
    randaugment_ops: Annotated[int, Limits(low=0, high=8)] = 0
    """Random operations an image from the RandAugment list (Cubuk et al., 2020); 0 is off."""
    randaugment_magnitude: Annotated[int, Limits(low=1, high=29)] = 9
    """Strength of those operations, 1 to 29."""
    degrade_probability: Annotated[float, _SHARE] = 0.0
    """Chance of a webcam-like corruption: blur, noise, low resolution, darkness or low contrast."""

    def __post_init__(self) -> None:
        check_fields(self, "augment.")


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """How the weights move."""

    name: OptimizerName = "sgd"
    """Optimiser: `sgd` with Nesterov momentum, or `adamw`."""
    learning_rate: Annotated[float, Limits(above=0, search=(1e-4, 0.1), log=True)] = 0.1
    """Peak learning rate."""
    momentum: Annotated[float, Limits(low=0, below=1)] = 0.9
    """Momentum of SGD."""
    weight_decay: Annotated[float, Limits(low=0, search=(1e-5, 0.1), log=True)] = 5e-4
    """Weight decay; normalisation layers and biases are spared."""
    schedule: ScheduleName = "one_cycle"
    """Course of the learning rate over the run: `one_cycle` (Smith, 2018), `cosine`, `step` (cut every few
    epochs), `plateau` (cut when the score stalls), `constant`."""
    warmup_fraction: Annotated[float, Limits(low=0, below=1)] = 0.25
    """Share of the run, or of each cycle, during which the learning rate rises; 0 is off. Not used by
    `constant`."""
    cycles: Annotated[int, _AT_LEAST_1] = 1
    """Times that `one_cycle` and `cosine` run their course within the run (warm restarts, Loshchilov and
    Hutter, 2017)."""
    cycle_factor: Annotated[float, _FACTOR] = 0.5
    """Peak of a cycle as a fraction of the peak of the one before."""
    step_epochs: Annotated[int, _AT_LEAST_1] = 10
    """Epochs between two cuts of the `step` schedule."""
    step_factor: Annotated[float, Limits(above=0, below=1)] = 0.1
    """Factor of each cut of the `step` and `plateau` schedules."""
    plateau_patience: Annotated[int, _AT_LEAST_1] = 3
    """Epochs without a better score before the `plateau` schedule cuts."""
    gradient_clip: Annotated[float, _AT_LEAST_0] = 5.0
    """Scale gradients down to this norm where they are longer; 0 is off."""
    accumulation_steps: Annotated[int, _AT_LEAST_1] = 1
    """Split each batch into this many parts, one after the other, to save memory; the gradient is that of the
    whole batch (batch normalisation sees the parts)."""
    sam_rho: Annotated[float, _AT_LEAST_0] = 0.0
    """Radius of sharpness-aware minimisation (Foret et al., 2021), 0.05 is usual; it doubles the cost of a
    step; 0 is off."""

    def __post_init__(self) -> None:
        check_fields(self, "optimizer.")
        check(
            self.cycles == 1 or self.schedule in ("one_cycle", "cosine"),
            "optimizer.cycles",
            self.cycles,
            "1 where the schedule is neither one_cycle nor cosine",
        )


@dataclass(frozen=True, kw_only=True)
class EarlyStoppingConfig:
    """When to stop before the last epoch."""

    patience: Annotated[int, _AT_LEAST_0] = 0
    """Stop after this many epochs without a better score; 0 never stops early."""
    min_delta: Annotated[float, _AT_LEAST_0] = 0.0
    """A score counts as better only if it is better by more than this."""
    confirm_epochs: Annotated[int, _AT_LEAST_0] = 0
    """Extra epochs after patience ran out; a better score in them cancels the stop."""

    def __post_init__(self) -> None:
        check_fields(self, "early_stopping.")


@dataclass(frozen=True, kw_only=True)
class LogConfig:
    """What a run writes down beside its scores."""

    tensorboard: bool = True
    """Write TensorBoard events: scores, weights and gradients as histograms, sample predictions."""
    gradients: bool = True
    """Write the norm of every layer's gradient and weights once per epoch, with warnings."""
    tracker: Tracker = "none"
    """Also report to `mlflow` or `wandb`, where that package is installed; both may send data elsewhere."""

    def __post_init__(self) -> None:
        check_fields(self, "log.")


@dataclass(frozen=True, kw_only=True)
class DistillConfig:
    """Learning from other models, too (Hinton et al., 2015)."""

    teachers: str = ""
    """Checkpoints or runs, joined by commas, whose mean answer is learned beside the labels. A class that a
    teacher does not know has the share that the others give it; one teacher must know all. Empty is off."""
    views: TeacherViews = "augmented"
    """What the teachers see: `augmented` is the very picture that the network sees, in every step (Beyer et
    al., 2022). `original` is each training picture and its mirror image (if pictures are mirrored at all),
    once, before the first step: their calibrated mean answer takes its share of the label."""
    weight: Annotated[float, _FACTOR] = 0.5
    """Share of the loss that the teachers have; the labels have the rest."""
    temperature: Annotated[float, Limits(low=0.1, high=100)] = 1.0
    """Softens the teachers' and the network's answers before they are compared, with `original` views the
    teachers' alone; 1 to 4 are usual."""

    def __post_init__(self) -> None:
        check_fields(self, "distill.")
        if self.teachers and not self.teacher_names:
            raise ConfigError(
                f"distill.teachers is {self.teachers!r}, which names none; expected checkpoints or runs, "
                "joined by commas, or nothing"
            )

    @property
    def teacher_names(self) -> tuple[str, ...]:
        """The teachers, one by one."""
        return tuple(name.strip() for name in self.teachers.split(",") if name.strip())


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that decides the result of a training run."""

    data: DataConfig = DataConfig()
    """Data set and labels."""
    model: ModelConfig = field(default_factory=ModelConfig)
    """Architecture."""
    transfer: TransferConfig = TransferConfig()
    """Pretrained weights."""
    loss: LossConfig = LossConfig()
    """Loss."""
    distill: DistillConfig = DistillConfig()
    """Distillation."""
    augment: AugmentConfig = AugmentConfig()
    """Augmentation."""
    sound: SoundConfig = SoundConfig()
    """Augmentation of sound."""
    optimizer: OptimizerConfig = OptimizerConfig()
    """Optimiser and schedule."""
    early_stopping: EarlyStoppingConfig = EarlyStoppingConfig()
    """Early stopping."""
    log: LogConfig = LogConfig()
    """Logging."""
    epochs: Annotated[int, _AT_LEAST_1] = 24
    """Passes over the training split."""
    batch_size: Annotated[int, Limits(low=2, step=16, unit="(batch normalisation)")] = 128
    """Images per step, over all devices together."""
    ema_decay: Annotated[float, Limits(low=0, below=1)] = 0.999
    """Keep an exponential moving average of the weights and validate with it; 0 is off."""
    swa_fraction: Annotated[float, _SHARE] = 0.0
    """Share of the run, at its end, over which the weights are averaged evenly instead (stochastic weight
    averaging, Izmailov et al., 2018); 0 is off."""
    monitor: Monitor = "accuracy"
    """Validation score that decides which epoch is the best."""
    precision: Precision = "auto"
    """Arithmetic: `auto` takes bf16 where the device is faster with it, and fp32 otherwise."""
    seed: Annotated[int, Limits(low=0, high=2**31 - 1)] = 0
    """Seed of initial weights, order and augmentation."""
    threads: Annotated[int, _AT_LEAST_0] = 0
    """CPU threads for the arithmetic; 0 takes all physical cores, or `OMP_NUM_THREADS` of them."""
    deterministic: bool = False
    """Use only algorithms that give the same bits every time; slower on a GPU. A CPU is deterministic
    anyway, for the same number of threads."""
    halve_on_out_of_memory: bool = False
    """When the device's memory is too small, split the batch into twice as many parts and go on, instead of
    ending with the batch size to try."""

    def __post_init__(self) -> None:
        check_fields(self)
        check(
            self.optimizer.accumulation_steps * 2 <= self.batch_size,
            "optimizer.accumulation_steps",
            self.optimizer.accumulation_steps,
            f"at most {self.batch_size // 2}, half of batch_size",
        )
        check(
            self.precision != "fp16" or not self.optimizer.sam_rho,
            "optimizer.sam_rho",
            self.optimizer.sam_rho,
            "0 with precision 'fp16', whose gradients are scaled",
        )
        check(
            not (self.distill.teachers and self.distill.views == "original")
            or self.data.label_mode != "multi_target",
            "data.label_mode",
            self.data.label_mode,
            "another one with distill.views 'original', which gives every class a share",
        )
