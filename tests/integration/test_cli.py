"""The commands, as a person types them."""

import json
import os
import subprocess
import sys

import pytest

from fer_core.checkpoint import load_checkpoint_info
from fer_core.cli import main
from fer_core.data.targets import compute_targets
from fer_core.workspace import Workspace

QUICK = ["--model.arguments.widths", "8-16-24", "--epochs", "2", "--threads", "1", "--nice", "0"]


@pytest.fixture
def small_builtin(workspace, few_faces):
    assert main(["import", "schematic-faces"]) == 0
    return workspace


def test_import_train_evaluate_publish(small_builtin, capsys, monkeypatch, draw_faces):
    workspace = small_builtin
    assert main(["train", "--preset", "quick", "--name", "first", *QUICK]) == 0
    assert "validation accuracy" in capsys.readouterr().out
    assert main(["evaluate", "first", "--save"]) == 0
    printed = capsys.readouterr().out
    assert "n = " in printed
    assert "FER+ majority" in printed
    assert (workspace.run("first") / "report.json").is_file()
    assert main(["evaluate", "first", "--save", "--exclude-copies"]) == 1
    assert "--save keeps reports of whole splits" in capsys.readouterr().err
    assert main(["evaluate", "first", "--split", "test", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["split"] == "test"
    assert main(["runs"]) == 0
    assert "first" in capsys.readouterr().out
    assert main(["runs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["state"] == "finished"
    monkeypatch.setattr(Workspace, "checkpoints", property(lambda self: self.root / "shipped"))
    assert main(["publish", "first", "--name", "mine"]) == 0
    published = load_checkpoint_info(workspace.checkpoints / "mine")
    printed = capsys.readouterr().out
    assert f"{published.metrics[0]['accuracy']:.4%}" in printed and "n = " in printed
    assert (workspace.checkpoints / "mine" / "MODEL_CARD.md").is_file()
    assert main(["publish", "first", "--name", "mine"]) == 1
    assert "--replace" in capsys.readouterr().err
    assert published.general is None
    draw_faces(workspace, "elsewhere", num_images=120, seed=7)
    again = ["publish", "first", "--name", "mine", "--replace"]
    assert main([*again, "--sources", "elsewhere"]) == 0
    assert "faces from anywhere" in capsys.readouterr().out
    general = load_checkpoint_info(workspace.checkpoints / "mine").general
    assert [row["dataset"] for row in general.sources] == ["schematic-faces", "elsewhere"]
    assert "| `elsewhere` |" in (workspace.checkpoints / "mine" / "MODEL_CARD.md").read_text()
    assert main([*again, "--sources", "nowhere"]) == 1
    assert load_checkpoint_info(workspace.checkpoints / "mine").general == general, "nothing was changed"


def test_a_learning_rate_is_found_and_printed(small_builtin, capsys):
    command = ["lr-find", "--preset", "quick", *QUICK[:2], "--threads", "1", "--steps", "20"]
    assert main(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith("suggested: --optimizer.learning-rate ")
    assert sum("<- falls fastest" in line for line in lines) == 1
    assert main([*command, "--json"]) == 0
    told = capsys.readouterr()
    answer = json.loads(told.out)
    assert answer["suggestion"] in answer["rates"] and len(answer["rates"]) == len(answer["losses"])
    assert told.err == "", "a bar is for terminals; a task writes its progress into a file"


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
        (["publish", "absent", "--name", "mine"], ["absent"]),
        (["sweep"], ["fer sweep NAME --space FILE"]),
        (["sweep", "absent"], ["absent"]),
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


def test_real_fer2013_with_ferplus(real_ferplus):
    """32,298 rows and the published label counts."""
    assert real_ferplus.info.num_images == 32_298
    assert real_ferplus.info.split_counts == {"train": 28_709, "valid": 3_589}
    assert len(compute_targets(real_ferplus, "valid", "majority")) == 3_199
    assert len(compute_targets(real_ferplus, "train", "crossentropy")) == 27_956


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
def test_import_stays_under_a_gigabyte(shared, tmp_path):
    code = f"""
from pathlib import Path
from fer_core.cli import main
assert main(["import", {str(shared / "data" / "fer2013.zip")!r}, "--votes",
             {str(shared / "data" / "fer2013new.csv")!r}]) == 0
# Not getrusage: its peak begins with that of the process that started this one.
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""
    environment = os.environ | {"FER_WORKSPACE": str(tmp_path)}
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert int(result.stdout.splitlines()[-1]) * 1024 < 1_000_000_000
