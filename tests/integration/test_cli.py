"""The commands, as a person types them."""

import json
import subprocess
import sys

import pytest

from fer_core.cli import main
from fer_core.data.store import load_dataset
from fer_core.data.targets import compute_targets

QUICK = ["--model.arguments.widths", "8-16-24", "--epochs", "2", "--threads", "1", "--nice", "0"]


@pytest.fixture
def small_builtin(workspace):
    assert main(["import", "schematic-faces"]) == 0
    return workspace


def test_import_train_evaluate_runs(small_builtin, capsys):
    workspace = small_builtin
    assert main(["train", "--preset", "quick", "--name", "first", *QUICK]) == 0
    assert "validation accuracy" in capsys.readouterr().out
    assert main(["evaluate", "first", "--save"]) == 0
    printed = capsys.readouterr().out
    assert "n = " in printed
    assert "FER+ majority" in printed
    assert (workspace.run("first") / "report.json").is_file()
    assert main(["evaluate", "first", "--split", "test", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["split"] == "test"
    assert main(["runs"]) == 0
    assert "first" in capsys.readouterr().out
    assert main(["runs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["state"] == "finished"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "--preset", "shiped"], ["shiped", "shipped"]),
        (["train", "--data.dataset", "nothing"], ["nothing", "fer import"]),
        (["train", "--config-file", "none.toml"], ["none.toml", "missing"]),
        (["train", "--preset", "quick", "--config-file", "x.toml"], ["exclude"]),
        (["train", "--epochs", "0"], ["epochs", "at least 1"]),
        (["train", "--resume", "absent"], ["absent"]),
        (["evaluate", "absent"], ["absent"]),
        (["import", "absent.csv"], ["absent.csv"]),
        (["import", "schematic-faces", "--name", "../x"], ["../x"]),
    ],
)
def test_mistakes_are_answered_in_a_sentence(workspace, capsys, arguments, words):
    assert main(arguments) == 1
    errors = capsys.readouterr().err
    assert all(word in errors for word in words), errors
    assert "Traceback" not in errors


def test_no_runs_says_how_to_start_one(workspace, capsys):
    assert main(["runs"]) == 0
    assert "fer train" in capsys.readouterr().out


def test_real_fer2013_with_ferplus(shared, tmp_path):
    """32,298 rows, the published label counts, and memory that stays under a gigabyte."""
    target = tmp_path / "ferplus"
    code = f"""
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from fer_core.data.importers.fer2013 import import_fer2013
import_fer2013(Path({str(shared / "data" / "fer2013.zip")!r}), Path({str(target)!r}),
               votes=Path({str(shared / "data" / "fer2013new.csv")!r}))
print(getrusage(RUSAGE_SELF).ru_maxrss)
"""
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    unit = 1024 if sys.platform != "darwin" else 1
    assert int(printed) * unit < 1_000_000_000
    data = load_dataset(target)
    assert data.info.num_images == 32_298
    assert data.info.split_counts == {"train": 28_709, "valid": 3_589}
    assert len(compute_targets(data, "valid", "majority")) == 3_199
    assert len(compute_targets(data, "train", "crossentropy")) == 27_956
