"""`fer runs` and the queue options of `fer train`, as a person types them."""

import json

import pytest

from fer_core.cli import main
from fer_core.config import TrainConfig
from fer_core.jobs import enqueue_run
from fer_core.runs.reader import load_run
from fer_core.runs.records import EpochRecord


@pytest.fixture
def resting(workspace):
    writer = enqueue_run(TrainConfig(epochs=3), workspace, name="resting", device="cpu")
    writer.append_metrics(EpochRecord(1, train_loss=1.5, valid_accuracy=0.25))
    writer.set_state("failed", message="the disk [full]", epoch=1, best_score=0.25, best_epoch=1)
    (writer.folder / "log.txt").write_text("one\ntwo\nthree\n")
    return workspace


def test_list_show_tag_note_log_delete(resting, capsys, monkeypatch):
    def printed(*arguments):
        assert main(["runs", *arguments]) == 0
        return capsys.readouterr().out

    assert printed("tag", "resting", "paper", "base") == "paper, base\n"
    assert printed("tag", "resting", "base", "--remove") == "paper\n"
    assert printed("note", "resting", "look again") == "look again\n"
    assert printed("note", "resting") == "look again\n"
    assert "resting" in printed("list", "--tag", "paper")
    assert "resting" not in printed("list", "--tag", "other")
    assert json.loads(printed("--json"))[0]["tags"] == ["paper"]
    shown = printed("show", "resting")
    for words in ("failed", "the disk [full]", "0.2500 in epoch 1", "look again", "epochs = 3"):
        assert words in shown, shown
    assert json.loads(printed("show", "resting", "--json"))["metrics"][0]["epoch"] == 1
    assert printed("log", "resting", "--lines", "2") == "two\nthree\n"
    assert printed("log", "resting", "--follow").endswith("three\n"), "it is over: nothing to follow"
    assert printed("rename", "resting", "A first [try]") == "resting is called A first [try]\n"
    assert "[try]" in printed("list")
    assert printed("tag", "A first [try]") == "paper\n"
    assert json.loads(printed("show", "A first [try]", "--json"))["name"] == "resting"
    monkeypatch.setattr("builtins.input", lambda question: "n")
    assert "kept resting" in printed("delete", "resting")
    assert resting.run("resting").is_dir()
    assert "deleted A first" in printed("delete", "A first [try]", "--yes")
    assert not resting.run("resting").exists()


def test_the_least_loss_is_shown_as_a_loss(workspace, capsys):
    writer = enqueue_run(TrainConfig(epochs=3, monitor="loss"), workspace, name="low", device="cpu")
    writer.set_state("stopped", epoch=2, best_score=-0.4321, best_epoch=2)
    for command, words in (
        (["runs"], " 0.4321 in 2 "),
        (["runs", "show", "low"], " loss 0.4321 in epoch 2 "),
    ):
        assert main(command) == 0
        assert words in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["runs", "show", "absent"], ["absent"]),
        (["runs", "stop", "resting"], ["failed", "nothing to stop"]),
        (["runs", "delete", "absent", "--yes"], ["no run 'absent'"]),
        (["runs", "tag", "resting", "a,b"], ["comma"]),
        (["train", "--detach", "--no-wait"], ["--detach", "--no-wait"]),
        (["train", "--device", "cuda:99"], ["cuda:99", "cpu"]),
        (["train", "--num-processes", "3", "--device", "cpu"], ["num_processes, 3"]),
    ],
)
def test_mistakes_are_answered_in_a_sentence(resting, capsys, arguments, words):
    assert main(arguments) == 1
    errors = capsys.readouterr().err
    assert all(word in errors for word in words), errors
    assert load_run(resting.run("resting")).state == "failed"


def test_a_setting_that_does_not_work_leaves_no_run(workspace, few_faces, capsys):
    arguments = ["--model.name", "fer_resent", "--nice", "0", "--device", "cpu"]
    assert main(["train", "--name", "bad", *arguments]) == 1
    assert "fer_resent" in capsys.readouterr().err
    assert not workspace.run("bad").exists()
