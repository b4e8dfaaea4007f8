"""What the options of a command begin from."""

import pytest

from fer_core.cli.base_config import parse_options, read_base_config
from fer_core.cli.train import TrainCommand
from fer_core.config import load_preset

TINY = load_preset("tiny").model.arguments


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", {}),
        ("--preset tiny", TINY),
        ("--preset tiny --model.arguments.attention cbam", TINY | {"attention": "cbam"}),
        ("--model.arguments.dropout=0.3 --preset tiny", TINY | {"dropout": 0.3}),
        ("--model.arguments.stem-width 8", {"stem_width": 8}),
        ("--model.arguments.normalise-embedding --epochs 2", {"normalise_embedding": False}),
        ("--epochs 2 --model.arguments.normalise-embedding", {"normalise_embedding": False}),
        # tyro puts the value that was given in the place of the preset's.
        ("--preset tiny --model.arguments.widths 8-8-8", TINY),
        ("--preset tiny --model.name fer_resnet", TINY),
        ("--preset tiny --model.name vgg13", {}),
        ("--preset tiny --model.name=vit --model.arguments.depth 2", {"depth": 2}),
    ],
)
def test_arguments_of_the_network(options, expected):
    assert read_base_config(options.split()).model.arguments == expected


def test_help_tells_what_each_setting_is_and_which_values_it_takes(capsys):
    with pytest.raises(SystemExit):
        parse_options(TrainCommand, ["--help"], prog="fer train")
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "Chance of a left-right flip. Allowed: 0 to 1. (default: 0.5)" in text
    assert "Allowed: 0 or 8 to 2048 px." in text
    assert "--optimizer.name {sgd,adamw}" in text
