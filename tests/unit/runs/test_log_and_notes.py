import errno
import os

import pytest

from fer_core import io
from fer_core.errors import ConfigError, RunError
from fer_core.runs.log_tail import read_log_tail
from fer_core.runs.notes import load_notes, rename_run, save_notes
from fer_core.runs.reader import find_run, list_runs, load_run
from fer_core.runs.records import EpochRecord, GradientRecord, Notes, ValidationRecord
from fer_core.runs.writer import RunWriter
from fer_core.titles import name_after


@pytest.fixture
def writer(workspace):
    return RunWriter.create(workspace, "run", config_toml="epochs = 3\n", meta={})


def test_tags_and_notes(workspace, writer):
    run = load_run(writer.folder)
    assert load_notes(run.folder) == Notes((), "")
    text = "<b>kept</b> as text"
    assert save_notes(run.folder, [" a ", "b", "a", ""], text) == Notes(("a", "b"), text)
    assert load_notes(run.folder) == Notes(("a", "b"), text)
    assert list_runs(workspace)[0].tags == ("a", "b")
    for tags in (["x" * 41], ["a,b"], ["two\nlines"], [str(number) for number in range(21)]):
        with pytest.raises(ConfigError):
            save_notes(run.folder, tags, "")
    assert load_notes(run.folder).tags == ("a", "b")
    (writer.folder / "notes.json").write_text("[]")
    with pytest.raises(RunError, match="expected an object"):
        load_notes(run.folder)


def test_log_tail(writer):
    run = load_run(writer.folder)
    assert read_log_tail(run) == []
    lines = [f"{number} " + "x" * 300 for number in range(1000)]
    (writer.folder / "log.txt").write_bytes("\n".join(lines).encode() + b"\n\xff broken")
    assert read_log_tail(run, 500) == [*lines[-499:], "� broken"]
    assert len(read_log_tail(run, 5000)) == 1001
    assert read_log_tail(run, 0) == []


def test_gradients_and_validation(writer):
    run = load_run(writer.folder)
    assert run.load_gradients() == []
    assert run.load_validation() is None
    writer.append_gradients(GradientRecord(1))
    writer.write_validation(ValidationRecord(1, ("neutral",), ((1,),), ()))
    assert run.load_gradients()[0].epoch == 1
    assert run.load_validation().confusion == ((1,),)
    path = writer.folder / "validation.json"
    path.write_text('{"epoch": 1, "classes": ["neutral"], "confusion": [[1, 2]], "samples": []}')
    with pytest.raises(RunError, match="no square confusion matrix"):
        run.load_validation()


def test_a_full_disk_leaves_status_and_metrics_whole(writer, monkeypatch, caplog):
    writer.set_state("running", epoch=1)
    writer.append_metrics(EpochRecord(1))

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        writer.append_metrics(EpochRecord(2))
    with pytest.raises(OSError, match="No space"):
        writer.set_state("running", epoch=2)
    writer.write_heartbeat("running", every_s=0, epoch=2)
    assert "No space" in caplog.text, "a heartbeat is not worth a run"
    run = load_run(writer.folder)
    assert run.status.epoch == 1
    assert run.load_metrics() == [EpochRecord(1)]
    assert (writer.folder / "metrics.jsonl").read_text().endswith("}\n")
    assert sorted(path.name for path in writer.folder.iterdir()) == [
        "config.toml",
        "meta.json",
        "metrics.jsonl",
        "status.json",
    ]


def test_a_workspace_that_cannot_be_written(workspace, monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(io.tempfile, "mkdtemp", refuse)
    with pytest.raises(RunError, match="FER_WORKSPACE"):
        RunWriter.create(workspace, "run", config_toml="", meta={})
    assert list_runs(workspace) == []


def test_replaced_files_are_read_anew_and_kept_ones_from_memory(writer):
    assert load_run(writer.folder).status.state == "queued"
    writer.set_state("finished")
    first = load_run(writer.folder)
    assert first.state == "finished"
    assert load_run(writer.folder).config is first.config
    (writer.folder / "config.toml").write_text("epochs = 4\nseed = 1\n")
    assert load_run(writer.folder).config == {"epochs": 4, "seed": 1}


def test_what_takes_up_a_run_keeps_its_progress_but_not_its_failure(writer):
    writer.set_state("failed", epoch=2, message="out of memory", share=0.5, eta_s=3.0)
    RunWriter.attach(writer.folder).set_state("running")
    status = load_run(writer.folder).status
    assert (status.epoch, status.message, status.share, status.eta_s) == (2, None, None, None)


def test_names_of_runs_fit_a_folder():
    assert len(name_after("m" * 200)) < 100
    assert name_after("../..") == "run-#"


def test_a_title_is_for_reading_and_the_name_stays(writer, workspace):
    save_notes(writer.folder, ["paper"], "why")
    rename_run(writer.name, "  ResNet,   no mixup ", workspace)
    run = load_run(writer.folder)
    assert (run.title, run.name, run.tags) == ("ResNet, no mixup", writer.name, ("paper",))
    assert save_notes(writer.folder, [], "other").title == "ResNet, no mixup"
    assert find_run("ResNet, no mixup", workspace).name == writer.name
    assert find_run(writer.name, workspace).title == "ResNet, no mixup"
    rename_run(writer.name, "", workspace)
    assert load_run(writer.folder).title == writer.name
    with pytest.raises(ConfigError):
        find_run("ResNet, no mixup", workspace)


@pytest.mark.parametrize("title", ["x" * 61, "-a", ".a", "a/b", "a\\b", "a\0b", "OTHER", "Second"])
def test_titles_that_can_not_be_used(writer, workspace, title):
    for name, called in (("other", ""), ("two", "second")):
        RunWriter.create(workspace, name, config_toml="epochs = 1", meta={})
        rename_run(name, called, workspace)
    with pytest.raises(ConfigError, match=r"called|already"):
        rename_run(writer.name, title, workspace)
    assert load_run(writer.folder).title == writer.name
