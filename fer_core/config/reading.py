"""Configurations as plain values, TOML files and presets."""

import dataclasses
import types
import typing
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from fer_core.config.settings import AugmentConfig, TrainConfig
from fer_core.errors import ConfigError
from fer_core.plain import parse_toml

PRESETS_FOLDER: Final[Path] = Path(__file__).parents[1] / "presets"
AUGMENT_FOLDER: Final[Path] = PRESETS_FOLDER / "augment"

C = TypeVar("C")


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


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return parse_toml(path.read_text(encoding="utf-8"))
    except FileNotFoundError as cause:
        raise ConfigError(f"{path} is missing") from cause
    except (OSError, ValueError) as cause:
        raise ConfigError(f"{path} can't be read as TOML: {cause}") from cause


def load_config(path: Path) -> TrainConfig:
    """Read a configuration from a TOML file.

    Raises:
        ConfigError: the file is missing or no TOML, or a setting in it is wrong.
    """
    return config_from_dict(_read_toml(path))


def list_presets() -> list[str]:
    """Names of the presets that come with the program."""
    return _list_names(PRESETS_FOLDER)


def load_preset(name: str) -> TrainConfig:
    """Read a preset by name.

    Raises:
        ConfigError: there is none of that name.
    """
    return load_config(_find("preset", name, PRESETS_FOLDER))


def list_augment_policies() -> list[str]:
    """Names of the augmentation policies that come with the program."""
    return _list_names(AUGMENT_FOLDER)


def load_augment_policy(name: str) -> AugmentConfig:
    """Read an augmentation policy by name.

    Raises:
        ConfigError: there is none of that name.
    """
    return _build(
        AugmentConfig, _read_toml(_find("augmentation policy", name, AUGMENT_FOLDER)), prefix="augment."
    )


def _list_names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.toml"))


def _find(kind: str, name: str, folder: Path) -> Path:
    known = _list_names(folder)
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ConfigError(f"unknown {kind} {name!r}.{hint} Known: {', '.join(known)}")
    return folder / f"{name}.toml"


def dump_config(config: TrainConfig) -> str:
    """The configuration as TOML, complete enough to repeat the run."""
    import tomli_w

    return tomli_w.dumps(config_to_dict(config))
