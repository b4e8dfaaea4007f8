"""`fer summary`."""

import pytest

from fer_core.cli import main
from fer_core.models import ARCHITECTURES
from tests.small_models import save_small_model


def test_all_architectures_are_listed(capsys):
    assert main(["summary", "--list"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in ARCHITECTURES)
    assert "66x88x1" in out


def test_layers_of_an_architecture(capsys):
    assert main(["summary", "fcn", "--height", "32", "--width", "40", "--channels", "3"]) == 0
    out = capsys.readouterr().out
    assert "32x40x3" in out
    assert "FullyConvolutional" in out
    assert "reference: Long et al., 2015" in out


def test_a_checkpoint_has_its_own_size(workspace, capsys):
    save_small_model(workspace, "small")
    assert main(["summary", "small"]) == 0
    assert "FerResNet" in capsys.readouterr().out
    assert main(["summary", "small", "--height", "96"]) == 1
    assert "was trained for 48x48x1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["resnt"], "is no architecture"),
        (["timm/resnt18"], "Did you mean timm/"),
        (["fcn", "--height", "4"], "16 px or more"),
        (["gcn", "--channels", "2"], "1 for grey or 3"),
        (["gcn", "--depth", "-1"], "negative"),
    ],
)
def test_wrong_questions(workspace, capsys, arguments, match):
    assert main(["summary", *arguments]) == 1
    assert match in capsys.readouterr().err
