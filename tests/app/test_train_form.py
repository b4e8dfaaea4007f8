"""What the form is made of, and the command that it comes down to."""

import dataclasses
import shlex
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.train.command import build_train_command, list_changes
from fer_core.cli.base_config import parse_options, read_base_config
from fer_core.cli.train import TrainCommand
from fer_core.config import TrainConfig, list_augment_policies, list_presets, load_preset
from fer_core.config.fields import (
    build_config,
    flatten_config,
    humanize,
    list_fields,
    list_sections,
    read_field_docs,
)
from fer_core.errors import ConfigError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inner:
    side_px: int = 3
    """Side of
    something."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outer:
    inner: Inner = Inner()
    """Nested things."""
    mode: Literal["one", "two"] = "one"
    """Which."""
    table: dict[str, int] = dataclasses.field(default_factory=dict)
    """Names and numbers."""
    rate: float = 0.5
    """How much."""


def test_every_setting_of_the_configuration_has_a_field_with_its_help():
    fields = list_fields()
    assert fields["optimizer.learning_rate"].help == "Peak learning rate."
    assert fields["data.label_mode"].choices == ("majority", "crossentropy", "probability", "multi_target")
    assert [spec.path for spec in fields.values() if not spec.help] == []
    in_sections = [spec.path for section in list_sections() for spec in section.fields]
    assert sorted(in_sections) == sorted(fields)


def test_a_new_dataclass_needs_no_change_of_the_form():
    fields = list_fields(Outer)
    assert {path: spec.kind for path, spec in fields.items()} == {
        "inner.side_px": "int",
        "mode": "choice",
        "table": "dict",
        "rate": "float",
    }
    assert fields["inner.side_px"].help == "Side of something."
    assert fields["inner.side_px"].label == "Side (px)"
    assert fields["mode"].choices == ("one", "two")
    assert [section.title for section in list_sections(Outer)] == ["The run", "Nested things"]
    assert read_field_docs(Outer)["table"] == "Names and numbers."


def test_a_type_that_the_form_does_not_know_is_named():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Strange:
        items: tuple[int, ...] = ()
        """Numbers."""

    with pytest.raises(TypeError, match="items has type"):
        list_fields(Strange)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("learning_rate", "Learning rate"),
        ("ema_decay", "EMA decay"),
        ("swa_fraction", "SWA fraction"),
        ("rotation_deg", "Rotation (degrees)"),
    ],
)
def test_names_become_labels(name, label):
    assert humanize(name) == label


@pytest.mark.parametrize("preset", list_presets())
def test_flat_values_make_the_same_configuration(preset):
    config = load_preset(preset)
    assert build_config(flatten_config(config)) == config


def test_a_wrong_value_is_a_config_error_that_names_it():
    values = flatten_config(TrainConfig()) | {"optimizer.learning_rate": -1.0}
    with pytest.raises(ConfigError, match=r"optimizer\.learning_rate is -1"):
        build_config(values)


def _parse(command: str) -> TrainConfig:
    words = shlex.split(command.replace("\\\n", " "))
    assert words[:2] == ["fer", "train"]
    return parse_options(TrainCommand, words[2:], prog="fer train").config


arguments = st.dictionaries(
    st.sampled_from(["stem_width", "widths", "depths", "dropout", "normalise_embedding"]),
    st.one_of(st.integers(1, 64), st.floats(0.01, 0.9), st.booleans(), st.sampled_from(["8-8", "a b"])),
)
changes = st.fixed_dictionaries(
    {},
    optional={
        "epochs": st.integers(1, 99),
        "deterministic": st.booleans(),
        "log.tensorboard": st.booleans(),
        "optimizer.weight_decay": st.floats(0, 1),
        "data.label_mode": st.sampled_from(["majority", "multi_target"]),
        "transfer.weights": st.sampled_from(["", "hub", "it's here/x y.pt"]),
        "model.arguments": arguments,
    },
)


@settings(max_examples=25, deadline=None)
@given(preset=st.sampled_from(list_presets()), policy=st.sampled_from(["", "light"]), changed=changes)
def test_the_command_repeats_what_the_form_says(preset, policy, changed):
    options = {"preset": preset, "augment-policy": policy}
    base = read_base_config([item for key, value in options.items() if value for item in (f"--{key}", value)])
    values = flatten_config(base) | changed
    if isinstance(values["model.arguments"].get("stem_width"), str) and preset == "quick":
        return  # a text where the preset has a number: the form never makes that
    try:
        config = build_config(values)
    except ConfigError:
        return  # two settings that exclude each other: the form says so, and gives no command
    same_kind = {
        key: type(config.model.arguments[key]) is type(value)
        for key, value in base.model.arguments.items()
        if key in config.model.arguments
    }
    if base.model.arguments.keys() == config.model.arguments.keys() and not all(same_kind.values()):
        return
    assert _parse(build_train_command(config, base, options=options)) == config


def test_only_what_differs_is_written():
    base = load_preset("quick")
    config = dataclasses.replace(base, epochs=3)
    assert list_changes(config, base) == {"epochs": (4, 3)}
    command = build_train_command(config, base, options={"preset": "quick", "name": ""})
    assert shlex.split(command.replace("\\\n", " ")) == ["fer", "train", "--preset", "quick", "--epochs", "3"]


def test_policies_of_the_form_are_those_of_the_library():
    assert "light" in list_augment_policies()
