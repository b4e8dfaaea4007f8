"""The settings in the form: what they began with, and what the user made of them."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import streamlit as st

from app.train.state import Key
from fer_core.config import (
    PRESETS_FOLDER,
    TrainConfig,
    config_from_dict,
    load_augment_policy,
    load_preset,
)
from fer_core.config.fields import build_config, flatten_config

FIRST_PRESET: Final[str] = "quick"
_WIDGET: Final[str] = "train:"


@dataclass(slots=True)
class Draft:
    """A configuration that is being written."""

    origin: Literal["preset", "run"]
    name: str
    """Of the preset or run that it began with."""
    source: TrainConfig
    """Settings of that preset or run."""
    policy: str = ""
    """Named augmentation that takes the place of the source's; empty for none."""
    values: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Every setting as the form shows it, by dotted name; may be wrong."""

    @property
    def base(self) -> TrainConfig:
        """What the form began with: the source, with the named augmentation."""
        if not self.policy:
            return self.source
        return dataclasses.replace(self.source, augment=load_augment_policy(self.policy))

    def build(self) -> TrainConfig:
        """The configuration that the form describes.

        Raises:
            ConfigError: a setting does not work.
        """
        return build_config(self.values)


def get_draft() -> Draft:
    """The draft of this browser session; the first one is the quick preset."""
    if Key.TRAIN_DRAFT not in st.session_state:
        begin_with_preset(FIRST_PRESET)
    draft: Draft = st.session_state[Key.TRAIN_DRAFT]
    return draft


def begin_with_preset(name: str) -> None:
    """Fill the form with a preset."""
    _begin(Draft("preset", name, load_preset(name)))


def begin_with_run(name: str, config: Mapping[str, Any]) -> None:
    """Fill the form with the settings of a run.

    Raises:
        ConfigError: they are not those of this version of the program.
    """
    _begin(Draft("run", name, config_from_dict(config)))


def begin_again() -> None:
    """Undo every change since the preset or run."""
    draft = get_draft()
    _begin(Draft(draft.origin, draft.name, draft.source))


def choose_policy(policy: str) -> None:
    """Replace the augmentation by a named one, or by that of the preset or run; other changes stay."""
    draft = get_draft()
    draft.policy = policy
    augment = {
        path: value for path, value in flatten_config(draft.base).items() if path.startswith("augment.")
    }
    set_values(augment)


def set_values(values: Mapping[str, Any]) -> None:
    """Change settings of the draft, and what the form shows of them."""
    get_draft().values.update(values)
    for path in values:
        st.session_state.pop(widget_key(path), None)


def widget_key(path: str) -> str:
    """Session-state key of the widget of a setting."""
    return _WIDGET + path


def bind_widget(path: str, value: Any) -> str:
    """Give a widget its value where it has none: it is new, or was hidden meanwhile. Returns its key."""
    key = widget_key(path)
    if key not in st.session_state:
        st.session_state[key] = value
    return key


def describe_preset(name: str) -> str:
    """The comment at the top of a preset."""
    lines = (PRESETS_FOLDER / f"{name}.toml").read_text(encoding="utf-8").splitlines()
    return " ".join(line.lstrip("# ") for line in lines if line.startswith("#"))


def _begin(draft: Draft) -> None:
    draft.values = flatten_config(draft.base)
    st.session_state[Key.TRAIN_DRAFT] = draft
    for key in [str(key) for key in st.session_state if str(key).startswith(_WIDGET)]:
        del st.session_state[key]
