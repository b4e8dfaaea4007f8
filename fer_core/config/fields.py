"""Every setting of the configuration with its help and limits, read from the dataclasses.

The Train page's form, the table of a search and `--help` are made of this. Nothing here knows a setting by
name, so a setting that is added to `fer_core.config.settings` appears by itself.
"""

import ast
import dataclasses
import inspect
import itertools
import textwrap
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

from fer_core.config.limits import Limits, list_rules
from fer_core.config.reading import config_from_dict
from fer_core.config.settings import TrainConfig

Kind = Literal["int", "float", "bool", "str", "choice", "dict"]
_PLAIN: Final[Mapping[type, Kind]] = {int: "int", float: "float", bool: "bool", str: "str"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSpec:
    """One setting."""

    path: str
    """Dotted name, for example `optimizer.learning_rate`."""
    kind: Kind
    help: str
    """The docstring under the field."""
    section: str
    """The setting that holds it, empty for those of the configuration itself."""
    choices: tuple[str, ...] = ()
    limits: Limits | None = None
    """Of a number, where it has some."""

    @property
    def label(self) -> str:
        """Its name as people read it: `Learning rate`."""
        return humanize(self.path.rpartition(".")[2])


@dataclass(frozen=True, slots=True)
class Section:
    """Settings that belong together."""

    name: str
    """The field of the configuration that holds them; empty for the configuration's own."""
    title: str
    fields: tuple[FieldSpec, ...]


_UNITS: Final[Mapping[str, str]] = {"px": "px", "ms": "ms", "deg": "degrees"}
_ACRONYMS: Final[Mapping[str, str]] = {"ema": "EMA", "sam": "SAM", "swa": "SWA"}


def humanize(name: str) -> str:
    """Turn a Python name into a label: `crop_side_px` into `Crop side (px)`."""
    words = name.split("_")
    unit = _UNITS.get(words[-1]) if len(words) > 1 else None
    words = [_ACRONYMS.get(word, word) for word in (words[:-1] if unit else words)]
    text = " ".join(words)
    text = text[:1].upper() + text[1:]
    return f"{text} ({unit})" if unit else text


@cache
def read_field_docs(cls: type) -> Mapping[str, str]:
    """The docstring under every field of a dataclass, on one line; Python itself throws them away."""
    definition = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    assert isinstance(definition, ast.ClassDef)
    docs = {}
    for node, following in itertools.pairwise(definition.body):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            match following:
                case ast.Expr(value=ast.Constant(value=str() as text)):
                    docs[node.target.id] = " ".join(text.split())
    return docs


@cache
def list_sections(cls: type = TrainConfig) -> tuple[Section, ...]:
    """All settings by section; those of the configuration itself come first."""
    docs, hints = read_field_docs(cls), typing.get_type_hints(cls)
    specs = tuple(_walk(cls))
    own = Section("", "The run", tuple(spec for spec in specs if not spec.section))
    nested = [
        Section(
            item.name,
            docs.get(item.name, humanize(item.name)).rstrip("."),
            tuple(spec for spec in specs if spec.section == item.name),
        )
        for item in dataclasses.fields(cls)
        if dataclasses.is_dataclass(hints[item.name])
    ]
    return (own, *nested)


@cache
def list_fields(cls: type = TrainConfig) -> Mapping[str, FieldSpec]:
    """All settings by dotted name."""
    return {spec.path: spec for section in list_sections(cls) for spec in section.fields}


def _walk(cls: type, prefix: str = "") -> Iterator[FieldSpec]:
    docs, hints, rules = read_field_docs(cls), typing.get_type_hints(cls), list_rules(cls)
    for item in dataclasses.fields(cls):
        path, hint = f"{prefix}{item.name}", hints[item.name]
        if dataclasses.is_dataclass(hint):
            assert isinstance(hint, type)
            yield from _walk(hint, f"{path}.")
            continue
        rule = rules.get(item.name)
        yield FieldSpec(
            path=path,
            kind=_kind_of(hint, path),
            help=docs.get(item.name, ""),
            section=path.partition(".")[0] if "." in path else "",
            choices=rule if isinstance(rule, tuple) else (),
            limits=rule if isinstance(rule, Limits) else None,
        )


def _kind_of(hint: Any, path: str) -> Kind:
    origin = typing.get_origin(hint)
    if origin is Literal:
        return "choice"
    if origin is dict:
        return "dict"
    if origin in (typing.Union, types.UnionType) or hint not in _PLAIN:
        raise TypeError(f"{path} has type {hint}; the form knows int, float, bool, str, Literal and dict")
    return _PLAIN[hint]


def flatten_config(config: TrainConfig) -> dict[str, Any]:
    """Every setting's value by dotted name; tables such as `model.arguments` stay whole."""
    values = {}
    for path, spec in list_fields().items():
        value: Any = config
        for part in path.split("."):
            value = getattr(value, part)
        values[path] = dict(value) if spec.kind == "dict" else value
    return values


def build_config(values: Mapping[str, Any]) -> TrainConfig:
    """Build and check the configuration that the dotted values describe.

    Raises:
        ConfigError: a value is out of range or does not go with the others.
    """
    nested: dict[str, Any] = {}
    for path, value in values.items():
        *parents, name = path.split(".")
        table = nested
        for part in parents:
            table = table.setdefault(part, {})
        table[name] = value
    return config_from_dict(nested)
