"""What a search may vary: settings of a training configuration by dotted name."""

import copy
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from fer_core.config import TrainConfig, config_from_dict, config_to_dict
from fer_core.errors import ConfigError
from fer_core.plain import parse_toml

if TYPE_CHECKING:
    from optuna import Trial

Value = bool | int | float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Numbers from `low` to `high`, both included; whole numbers if both are."""

    low: float
    high: float
    log: bool = False
    """Search the logarithm, as for learning rates."""
    step: float | None = None
    """Only every so many; not with `log`."""

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ConfigError(f"a range goes from {self.low} to {self.high}; expected low < high")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ConfigError(f"a logarithmic range from {self.low} needs low > 0 and no step")

    def suggest(self, trial: "Trial", name: str) -> Value:
        """Ask the trial for a value."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            return int(trial.suggest_int(name, self.low, self.high, step=int(self.step or 1), log=self.log))
        return trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of a few values."""

    choices: tuple[Value, ...]

    def __post_init__(self) -> None:
        if len(self.choices) < 2 or len(set(self.choices)) < len(self.choices):
            raise ConfigError(f"choices are {list(self.choices)}; expected at least two different ones")

    def suggest(self, trial: "Trial", name: str) -> Value:
        """Ask the trial for a value."""
        return cast(Value, trial.suggest_categorical(name, self.choices))


SearchSpace = Mapping[str, Range | Choice]
"""Dotted name of a setting, such as `optimizer.learning_rate`, to its possible values."""


def read_space(value: Mapping[str, Any]) -> dict[str, Range | Choice]:
    """Build a search space from plain values, as in a TOML file's `[space]` table.

    Raises:
        ConfigError: an entry has neither a range nor choices, or something else.
    """
    if not value:
        raise ConfigError("the search space is empty; name at least one setting with its range or choices")
    return {str(name): _read_entry(str(name), entry) for name, entry in value.items()}


def _read_entry(name: str, entry: object) -> Range | Choice:
    if not isinstance(entry, Mapping):
        raise ConfigError(f"{name} is {entry!r}; expected a table with low and high, or with choices")
    try:
        if "choices" in entry:
            return Choice(
                choices=tuple(entry["choices"]), **{k: v for k, v in entry.items() if k != "choices"}
            )
        return Range(**entry)
    except TypeError as cause:
        raise ConfigError(
            f"{name} is {dict(entry)}; expected low and high (log, step), or choices"
        ) from cause
    except ConfigError as cause:
        raise ConfigError(f"{name}: {cause}") from cause


def load_space(path: Path) -> dict[str, Range | Choice]:
    """Read the `[space]` table of a TOML file.

    Raises:
        ConfigError: the file is missing or no TOML, or the space is wrong.
    """
    try:
        value = parse_toml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as cause:
        raise ConfigError(f"{path} can't be read as TOML: {cause}") from cause
    space = value.get("space", {})
    if not isinstance(space, Mapping):
        raise ConfigError(f"{path}: space is {space!r}; expected a table of settings")
    return read_space(space)


def dump_space(space: SearchSpace) -> dict[str, dict[str, Any]]:
    """Plain values of a search space, for TOML."""
    return {
        name: {key: value for key, value in asdict(entry).items() if value is not None}
        for name, entry in space.items()
    }


def apply_values(config: TrainConfig, values: Mapping[str, Value]) -> TrainConfig:
    """The configuration with some settings replaced.

    Raises:
        ConfigError: a setting is unknown, or its value does not work.
    """
    settings = copy.deepcopy(config_to_dict(config))
    for name, value in values.items():
        *parents, last = name.split(".")
        table = settings
        for parent in parents:
            inner = table.get(parent)
            if not isinstance(inner, dict):
                raise ConfigError(f"unknown setting {name}: a configuration has no table {parent!r}")
            table = inner
        table[last] = value
    return config_from_dict(settings)


def check_space(config: TrainConfig, space: SearchSpace) -> None:
    """Make sure that every setting exists and takes the ends of its range or all of its choices.

    Raises:
        ConfigError: one does not; the message names it.
    """
    for name, entry in space.items():
        values = entry.choices if isinstance(entry, Choice) else (entry.low, entry.high)
        for value in values:
            apply_values(config, {name: value})
