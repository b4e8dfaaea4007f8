"""One widget for every kind of setting."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import streamlit as st

from app.shared.grid import iterate_cells
from app.train.architectures import Argument, list_architectures, list_model_arguments
from app.train.draft import Draft, bind_widget
from fer_core.config import TrainConfig
from fer_core.config.fields import FieldSpec, flatten_config, humanize
from fer_core.config.limits import Limits
from fer_core.data.store import SCHEMATIC_FACES, DatasetInfo
from fer_core.errors import ConfigError
from fer_core.escaping import escape_markdown

ARGUMENTS: Final[str] = "model.arguments"
TIMM_PREFIX: Final[str] = "timm/"
_DEFAULTS: Final[Mapping[str, Any]] = flatten_config(TrainConfig())


def render_field(spec: FieldSpec, draft: Draft, *, label: str = "") -> None:
    """Show a setting and write what the user makes of it into the draft.

    Args:
        spec: which one.
        draft: what is written to.
        label: another name for it.
    """
    value = draft.values[spec.path]
    label = label or spec.label
    if spec.kind == "dict":
        draft.values[spec.path] = _edit_table(spec, value, label)
        return
    key = bind_widget(spec.path, value)
    match spec.kind:
        case "bool":
            changed: Any = st.toggle(label, key=key, help=spec.help)
        case "choice":
            changed = st.selectbox(label, spec.choices, key=key, help=spec.help)
        case "str":
            changed = st.text_input(label, key=key, help=spec.help).strip()
        case _:
            changed = _number_input(label, key, spec.help, _DEFAULTS[spec.path], spec.limits)
    draft.values[spec.path] = changed


def _number_input(label: str, key: str, text: str, default: float, limits: Limits | None = None) -> float:
    """A field for a number of the kind of `default`, which leads no further than the limits."""
    kind = int if isinstance(default, int) else float
    ends = (limits.smallest, limits.largest) if limits else (None, None)
    low, high = (None if end is None else kind(end) for end in ends)
    step = kind((limits and limits.step) or (1 if kind is int else _step_for(default)))
    options: dict[str, Any] = {} if kind is int else {"format": "%g"}
    return kind(st.number_input(label, low, high, step=step, key=key, help=text, **options))


def _step_for(default: float) -> float:
    """A tenth of the order of magnitude: 0.01 for 0.1 to 1."""
    return 0.05 if default == 0 else 10.0 ** (math.ceil(math.log10(abs(default))) - 2)


def choose_dataset(spec: FieldSpec, draft: Draft, datasets: Sequence[DatasetInfo]) -> None:
    """Let the user choose among the data sets of the workspace."""
    known = {info.name for info in datasets} | {SCHEMATIC_FACES}
    chosen = draft.values[spec.path]
    options = sorted(known | {chosen})
    draft.values[spec.path] = st.selectbox(
        "Data set",
        options,
        key=bind_widget(spec.path, chosen),
        format_func=lambda name: name if name in known else f"{name} (missing)",
        help=spec.help,
    )


def choose_architecture(spec: FieldSpec, draft: Draft) -> None:
    """Let the user choose an architecture, or name a timm backbone."""
    known = list_architectures()
    chosen = draft.values[spec.path]
    options = [*known, *({chosen} - known.keys())]
    picked = st.selectbox(
        "Model",
        options,
        key=bind_widget(spec.path, chosen),
        accept_new_options=True,
        help=f"{spec.help} Any backbone of timm works too: type `timm/` and its name, for example "
        "`timm/resnet18`.",
    )
    if picked is not None and picked != chosen:
        draft.values[ARGUMENTS] = {}  # those of another architecture
        draft.values[spec.path] = picked


def render_arguments(draft: Draft) -> None:
    """The arguments of the chosen architecture; those left at their defaults are not written down.

    Raises:
        ConfigError: the architecture is unknown.
    """
    name = draft.values["model.name"]
    arguments = list_model_arguments(name)
    given = draft.values[ARGUMENTS]
    unknown = given.keys() - {item.name for item in arguments}
    if unknown:
        words = escape_markdown(f"{name} has no argument {', '.join(sorted(unknown))}")
        st.warning(words, icon=":material/warning:")
        if st.button("Remove unknown arguments"):
            draft.values[ARGUMENTS] = {key: value for key, value in given.items() if key not in unknown}
            st.rerun()
    kept = {key: value for key, value in given.items() if key in unknown}
    for cell, item in zip(iterate_cells(len(arguments), 2, gap="medium"), arguments, strict=True):
        with cell:
            value = _edit_argument(name, item, given.get(item.name, item.default))
        if value != item.default or item.name in given:
            kept[item.name] = value
    draft.values[ARGUMENTS] = kept


def _edit_argument(architecture: str, item: Argument, value: Any) -> Any:
    path = f"{ARGUMENTS}:{architecture}:{item.name}"
    label = humanize(item.name)
    if isinstance(item.default, float):
        value = float(value)
    key = bind_widget(path, value)
    if isinstance(item.default, bool):
        return st.toggle(label, key=key, help=item.help or None)
    if isinstance(item.default, int | float):
        return _number_input(label, key, item.help, item.default)
    return st.text_input(label, key=key, help=item.help or None).strip()


def _edit_table(spec: FieldSpec, value: Mapping[str, Any], label: str) -> dict[str, Any]:
    """A table of names and values, as JSON: for settings whose names nobody knows beforehand."""
    key = bind_widget(spec.path, json.dumps(dict(value)))
    text = st.text_input(label, key=key, help=f"{spec.help} As JSON.")
    try:
        table = json.loads(text or "{}")
    except json.JSONDecodeError as cause:
        raise ConfigError(
            f'{spec.path} is {text!r}; expected names and values like {{"width": 48}} ({cause})'
        ) from cause
    if not isinstance(table, dict):
        raise ConfigError(f'{spec.path} is {text!r}; expected names and values like {{"width": 48}}')
    return table
