"""The configuration that the options of a command change: a preset, a file or the defaults."""

import argparse
import contextlib
import dataclasses
import itertools
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import tyro
from tyro.constructors import ConstructorRegistry, StructConstructorSpec, StructFieldSpec, StructTypeInfo

from fer_core.config import TrainConfig, load_augment_policy, load_config, load_preset, settings
from fer_core.config.fields import read_field_docs
from fer_core.config.limits import Limits, list_rules
from fer_core.errors import ConfigError

C = TypeVar("C", bound="BaseOptions")

_MODEL_ARGUMENT: Final = "--model.arguments."


@dataclass(frozen=True, kw_only=True)
class BaseOptions:
    """Where settings come from before the options on the command line change them."""

    preset: str | None = None
    """Start from a preset that comes with the program."""
    config_file: Path | None = None
    """Start from a TOML file, for example the config.toml of a run."""
    augment_policy: str | None = None
    """Start from a named augmentation: none, light, ferplus or strong."""


def parse_options(
    command: type[C], arguments: Sequence[str], *, prog: str, description: str | None = None
) -> C:
    """Read a command line whose `config` begins with a preset, a file or the defaults.

    Args:
        command: a dataclass of `BaseOptions` with a field `config`.
        arguments: the command line.
        prog: name of the command.
        description: of it; its docstring if None.

    Raises:
        ConfigError: a setting is out of range, or the base can't be read.
    """
    registry = ConstructorRegistry()
    registry.struct_rule(_describe_settings)
    return tyro.cli(
        command,
        prog=prog,
        description=description,
        args=arguments,
        default=command(config=read_base_config(arguments)),  # type: ignore[call-arg]
        registry=registry,
    )


def _describe_settings(info: StructTypeInfo) -> StructConstructorSpec | None:
    """The options of a class of settings: what tyro reads from it by itself, with the limits in the help."""
    if not (dataclasses.is_dataclass(info.type) and info.type.__module__ == settings.__name__):
        return None
    hints, rules = typing.get_type_hints(info.type), list_rules(info.type)
    fields = []
    for name, text in read_field_docs(info.type).items():
        rule = rules.get(name)
        helptext = f"{text} Allowed: {rule}." if isinstance(rule, Limits) else text
        fields.append(StructFieldSpec(name, hints[name], getattr(info.default, name), helptext))
    return StructConstructorSpec(info.type, tuple(fields))


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
    return _add_model_arguments(config, arguments)


def _add_model_arguments(config: TrainConfig, arguments: Sequence[str]) -> TrainConfig:
    """Know the options `--model.arguments.KEY VALUE` of keys that the configuration does not have yet.

    Another network than the configuration's begins without the arguments of that one. Whether the network
    knows a key is checked when it is built.
    """
    pairs: dict[str, str] = {}
    for option, following in itertools.pairwise([*arguments, ""]):
        name, equals, value = option.partition("=")
        pairs[name] = value if equals else following
    is_other = pairs.get("--model.name", config.model.name) != config.model.name
    given = {} if is_other else dict(config.model.arguments)
    for name, value in pairs.items():
        if name.startswith(_MODEL_ARGUMENT):
            given.setdefault(name.removeprefix(_MODEL_ARGUMENT).replace("-", "_"), _read_value(value))
    return dataclasses.replace(config, model=dataclasses.replace(config.model, arguments=given))


def _read_value(text: str) -> int | float | bool | str:
    if not text or text.startswith("--"):
        return False  # a flag, which switches on
    for read in (int, float):
        with contextlib.suppress(ValueError):
            return read(text)
    return text
