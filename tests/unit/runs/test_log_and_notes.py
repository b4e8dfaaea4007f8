import errno
import os

import pytest

from fer_core import io
from fer_core.errors import ConfigError, RunError
from fer_core.runs.log_tail import read_log_tail
from fer_core.runs.notes import load_notes, save_notes
from fer_core.runs.reader import list_runs, load_run
from fer_core.runs.records import EpochRecord, GradientRecord, Notes, ValidationRecord
from fer_core.runs.writer import RunWriter, new_run_name


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
    writer.set_state("failed", epoch=2, message="out of memory", eta_s=3.0)
    RunWriter.attach(writer.folder).set_state("running")
    status = load_run(writer.folder).status
    assert (status.epoch, status.message, status.eta_s) == (2, None, None)


def test_names_of_runs_fit_a_folder():
    name = new_run_name("timm/resnet18.a1_in1k", "faces")
    assert name.split("-", 1)[1].startswith("timm-resnet18.a1_in1k-faces-")
    assert len(new_run_name("m" * 200, "d")) < 100
