"""The configuration that the options of a command change: a preset, a file or the defaults."""

import argparse
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fer_core.config import TrainConfig, load_augment_policy, load_config, load_preset
from fer_core.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class BaseOptions:
    """Where settings come from before the options on the command line change them."""

    preset: str | None = None
    """Start from a preset that comes with the program."""
    config_file: Path | None = None
    """Start from a TOML file, for example the config.toml of a run."""
    augment_policy: str | None = None
    """Start from a named augmentation: none, light, ferplus or strong."""


def read_base_config(arguments: Sequence[str]) -> TrainConfig:
    """Look only for the options that name a preset, a file or an augmentation policy, and read those.

    They come first because they change the default of every other option.

    Raises:
        ConfigError: one is unknown or unreadable, or two exclude each other.
    """
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--preset")
    first.add_argument("--config-file", type=Path)
    first.add_argument("--augment-policy")
    known, _ = first.parse_known_args(list(arguments))
    if known.preset and known.config_file:
        raise ConfigError("--preset and --config-file exclude each other")
    config = TrainConfig()
    if known.preset:
        config = load_preset(known.preset)
    elif known.config_file:
        config = load_config(known.config_file)
    if known.augment_policy:
        config = dataclasses.replace(config, augment=load_augment_policy(known.augment_policy))
    return config
