"""Settings of a training run: frozen, keyword-only, checked when made, readable as TOML.

Every field's docstring is its help text in the CLI and on the Train page.
"""

import dataclasses
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from fer_core.errors import ConfigError

LabelMode = Literal["majority", "crossentropy", "probability", "multi_target"]
OptimizerName = Literal["sgd", "adamw"]
ScheduleName = Literal["constant", "cosine", "one_cycle"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]
Monitor = Literal["accuracy", "macro_f1", "loss"]

PRESETS_FOLDER: Final[Path] = Path(__file__).parent / "presets"

C = TypeVar("C")


def _check(condition: bool, field_name: str, value: object, expected: str) -> None:
    if not condition:
        raise ConfigError(f"{field_name} is {value!r}; expected {expected}")


def _check_choice(field_name: str, value: object, choices: object) -> None:
    allowed = typing.get_args(choices)
    if value not in allowed:
        near = get_close_matches(str(value), allowed, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ConfigError(f"{field_name} is {value!r}; expected one of {', '.join(allowed)}.{hint}")


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """What to train and validate on."""

    dataset: str = "schematic-faces"
    """Name of an imported data set. `schematic-faces` is drawn on first use; nothing to download."""
    label_mode: LabelMode = "crossentropy"
    """How annotators' votes become training targets (Barsoum et al., 2016). Validation is always scored in
    majority mode. Data sets without votes take their labels as they are, whatever is set here."""
    train_split: str = "train"
    """Split to learn from."""
    valid_split: str = "valid"
    """Split to validate on after every epoch."""

    def __post_init__(self) -> None:
        _check_choice("data.label_mode", self.label_mode, LabelMode)
        _check(
            self.train_split != self.valid_split,
            "data.valid_split",
            self.valid_split,
            "another split than data.train_split",
        )


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Which network to train."""

    name: str = "fer_resnet"
    """Architecture, as in the model registry."""
    arguments: dict[str, int | float | bool | str] = field(default_factory=dict)
    """Arguments of that architecture, for example `width 48`. What is not named keeps its default."""


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """Random changes made to every training batch, on the device that trains."""

    flip_probability: float = 0.5
    """Chance of a left-right flip."""
    rotation_deg: float = 15.0
    """Rotate by up to this many degrees either way."""
    scale: float = 0.15
    """Resize by a factor within 1 +- this."""
    shift: float = 0.1
    """Move by up to this fraction of the picture's side."""
    brightness: float = 0.2
    """Change brightness by up to this fraction."""
    contrast: float = 0.2
    """Change contrast by up to this fraction."""
    erasing_probability: float = 0.25
    """Chance of blanking one random rectangle (Zhong et al., 2020)."""
    mixup_alpha: float = 0.4
    """Mix pairs of images with a weight drawn from Beta(alpha, alpha) (Zhang et al., 2018); 0 is off."""
    mixup_probability: float = 0.5
    """Share of the batches that are mixed."""

    def __post_init__(self) -> None:
        for name in ("flip_probability", "erasing_probability", "mixup_probability"):
            value = getattr(self, name)
            _check(0 <= value <= 1, f"augment.{name}", value, "a probability in 0 to 1")
        for name in ("scale", "shift", "brightness", "contrast"):
            value = getattr(self, name)
            _check(0 <= value < 1, f"augment.{name}", value, "at least 0 and less than 1")
        _check(0 <= self.rotation_deg <= 180, "augment.rotation_deg", self.rotation_deg, "0 to 180")
        _check(self.mixup_alpha >= 0, "augment.mixup_alpha", self.mixup_alpha, "at least 0")


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """How the weights move."""

    name: OptimizerName = "sgd"
    """Optimiser: `sgd` with Nesterov momentum, or `adamw`."""
    learning_rate: float = 0.1
    """Peak learning rate."""
    momentum: float = 0.9
    """Momentum of SGD."""
    weight_decay: float = 5e-4
    """Weight decay; normalisation layers and biases are spared."""
    schedule: ScheduleName = "one_cycle"
    """Course of the learning rate over the run: `one_cycle` (Smith, 2018), `cosine`, `constant`."""
    warmup_fraction: float = 0.25
    """Share of the run during which the learning rate rises; 0 is off. Not used by `constant`."""
    gradient_clip: float = 5.0
    """Scale gradients down to this norm where they are longer; 0 is off."""

    def __post_init__(self) -> None:
        _check_choice("optimizer.name", self.name, OptimizerName)
        _check_choice("optimizer.schedule", self.schedule, ScheduleName)
        _check(self.learning_rate > 0, "optimizer.learning_rate", self.learning_rate, "more than 0")
        _check(0 <= self.momentum < 1, "optimizer.momentum", self.momentum, "0 to less than 1")
        _check(self.weight_decay >= 0, "optimizer.weight_decay", self.weight_decay, "at least 0")
        _check(
            0 <= self.warmup_fraction < 1,
            "optimizer.warmup_fraction",
            self.warmup_fraction,
            "0 to less than 1",
        )
        _check(self.gradient_clip >= 0, "optimizer.gradient_clip", self.gradient_clip, "at least 0")


@dataclass(frozen=True, kw_only=True)
class EarlyStoppingConfig:
    """When to stop before the last epoch."""

    patience: int = 0
    """Stop after this many epochs without a better score; 0 never stops early."""
    min_delta: float = 0.0
    """A score counts as better only if it is better by more than this."""
    confirm_epochs: int = 0
    """Extra epochs after patience ran out; a better score in them cancels the stop."""

    def __post_init__(self) -> None:
        _check(self.patience >= 0, "early_stopping.patience", self.patience, "at least 0")
        _check(self.min_delta >= 0, "early_stopping.min_delta", self.min_delta, "at least 0")
        _check(
            self.confirm_epochs >= 0,
            "early_stopping.confirm_epochs",
            self.confirm_epochs,
            "at least 0",
        )


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that decides the result of a training run."""

    data: DataConfig = DataConfig()
    """Data set and labels."""
    model: ModelConfig = field(default_factory=ModelConfig)
    """Architecture."""
    augment: AugmentConfig = AugmentConfig()
    """Augmentation."""
    optimizer: OptimizerConfig = OptimizerConfig()
    """Optimiser and schedule."""
    early_stopping: EarlyStoppingConfig = EarlyStoppingConfig()
    """Early stopping."""
    epochs: int = 24
    """Passes over the training split."""
    batch_size: int = 128
    """Images a step, over all devices together."""
    ema_decay: float = 0.999
    """Keep an exponential moving average of the weights and validate with it; 0 is off."""
    monitor: Monitor = "accuracy"
    """Validation score that decides which epoch is the best."""
    precision: Precision = "auto"
    """Arithmetic: `auto` takes bf16 where the device is faster with it, and fp32 otherwise."""
    seed: int = 0
    """Seed of initial weights, order and augmentation."""
    threads: int = 0
    """CPU threads for the arithmetic; 0 takes all physical cores."""

    def __post_init__(self) -> None:
        _check(self.epochs >= 1, "epochs", self.epochs, "at least 1")
        _check(self.batch_size >= 2, "batch_size", self.batch_size, "at least 2 (batch normalisation)")
        _check(0 <= self.ema_decay < 1, "ema_decay", self.ema_decay, "0 to less than 1")
        _check_choice("monitor", self.monitor, Monitor)
        _check_choice("precision", self.precision, Precision)
        _check(0 <= self.seed < 2**31, "seed", self.seed, "0 to 2147483647")
        _check(self.threads >= 0, "threads", self.threads, "at least 0")


def config_to_dict(config: TrainConfig) -> dict[str, Any]:
    """Nested plain values, as written to TOML."""
    return dataclasses.asdict(config)


def config_from_dict(value: Mapping[str, Any]) -> TrainConfig:
    """Build and check a configuration from nested plain values; missing fields take their defaults.

    Raises:
        ConfigError: a field is unknown, of the wrong type or out of range; the message names it.
    """
    return _build(TrainConfig, value, prefix="")


def _build(cls: type[C], value: Mapping[str, Any], *, prefix: str) -> C:
    hints = typing.get_type_hints(cls)
    known = [item.name for item in dataclasses.fields(cls)]  # type: ignore[arg-type]
    arguments = {}
    for key, item in value.items():
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f" Did you mean {prefix}{near[0]}?" if near else ""
            raise ConfigError(f"unknown setting {prefix}{key}.{hint} Known here: {', '.join(known)}")
        arguments[key] = _convert(hints[key], item, f"{prefix}{key}")
    return cls(**arguments)


def _convert(hint: Any, value: Any, name: str) -> Any:
    """Check a TOML value against a field's type; an int is accepted where a float is meant."""
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{name} is {value!r}; expected a table of settings")
        return _build(typing.cast(type[Any], hint), value, prefix=f"{name}.")
    origin = typing.get_origin(hint)
    if origin is Literal:
        return value  # the class's own __post_init__ names the choices
    if origin is dict:
        if not isinstance(value, Mapping):
            raise ConfigError(f"{name} is {value!r}; expected a table")
        item_hint = typing.get_args(hint)[1]
        return {str(key): _convert(item_hint, item, f"{name}.{key}") for key, item in value.items()}
    if origin in (types.UnionType, typing.Union):
        if type(value) in typing.get_args(hint):
            return value
    elif hint is float and type(value) in (int, float):
        return float(value)
    elif type(value) is hint:
        return value
    expected = getattr(hint, "__name__", str(hint))
    raise ConfigError(f"{name} is {value!r} ({type(value).__name__}); expected {expected}")


def load_config(path: Path) -> TrainConfig:
    """Read a configuration from a TOML file.

    Raises:
        ConfigError: the file is missing or no TOML, or a setting in it is wrong.
    """
    try:
        value = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as cause:
        raise ConfigError(f"{path} is missing") from cause
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as cause:
        raise ConfigError(f"{path} can't be read as TOML: {cause}") from cause
    return config_from_dict(value)


def list_presets() -> list[str]:
    """Names of the presets that come with the program."""
    return sorted(path.stem for path in PRESETS_FOLDER.glob("*.toml"))


def load_preset(name: str) -> TrainConfig:
    """Read a preset by name.

    Raises:
        ConfigError: there is none of that name.
    """
    known = list_presets()
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ConfigError(f"unknown preset {name!r}.{hint} Known: {', '.join(known)}")
    return load_config(PRESETS_FOLDER / f"{name}.toml")


def dump_config(config: TrainConfig) -> str:
    """The configuration as TOML, complete enough to repeat the run."""
    import tomli_w

    return tomli_w.dumps(config_to_dict(config))
