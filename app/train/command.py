"""The `fer train` command that does what the form says."""

import shlex
from collections.abc import Mapping
from typing import Any

from fer_core.config import TrainConfig
from fer_core.config.fields import FieldSpec, flatten_config, list_fields


def list_changes(config: TrainConfig, base: TrainConfig) -> dict[str, tuple[Any, Any]]:
    """Settings that differ, by dotted name: (value in `base`, value in `config`)."""
    before, after = flatten_config(base), flatten_config(config)
    return {path: (before[path], after[path]) for path in after if after[path] != before[path]}


def build_train_command(config: TrainConfig, base: TrainConfig, *, options: Mapping[str, str]) -> str:
    """The command line, one option a line, with only what differs from `base`.

    Args:
        config: what to train.
        base: what `options` alone give: a preset, a run's file, or the defaults.
        options: options of `fer train` that are no settings, for example `{"preset": "quick"}`; empty values
            are left out. `preset` and `config-file` are left out where the command line can't turn that base
            into `config`.
    """
    changes = list_changes(config, base)
    if not all(_is_expressible(*values) for values in changes.values()):
        options = {name: value for name, value in options.items() if name not in ("preset", "config-file")}
        changes = list_changes(config, TrainConfig())
    words = [f"--{name} {shlex.quote(value)}" for name, value in options.items() if value]
    fields = list_fields()
    for path, (before, after) in changes.items():
        words += _describe(fields[path], before, after)
    return " \\\n    ".join(["fer train", *words])


def _is_expressible(before: Any, after: Any) -> bool:
    """Whether options can change a value so: a table that has entries keeps exactly those (tyro's rule)."""
    return not isinstance(after, dict) or not before or before.keys() == after.keys()


def _describe(spec: FieldSpec, before: Any, after: Any) -> list[str]:
    """One setting as options in tyro's spelling."""
    *parents, name = spec.path.replace("_", "-").split(".")
    prefix = "--" + "".join(f"{part}." for part in parents)
    if spec.kind == "bool":
        return [f"{prefix}{name}" if after else f"{prefix}no-{name}"]
    if spec.kind == "dict" and before:
        changed = [key for key in after if after[key] != before[key]]
        return [_describe_item(f"{prefix}{name}.", key, after[key]) for key in changed]
    if spec.kind == "dict":
        pairs = [shlex.quote(_text(item)) for pair in after.items() for item in pair]
        return [" ".join([f"{prefix}{name}", *pairs])]
    return [f"{prefix}{name} {shlex.quote(_text(after))}"]


def _describe_item(prefix: str, key: str, value: Any) -> str:
    name = key.replace("_", "-")
    if isinstance(value, bool):
        return f"{prefix}{name}" if value else f"{prefix}no-{name}"
    return f"{prefix}{name} {shlex.quote(_text(value))}"


def _text(value: Any) -> str:
    return repr(value) if isinstance(value, float) else str(value)
