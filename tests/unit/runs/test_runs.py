import dataclasses
import json
import os
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime

import psutil
import pytest

from fer_core.errors import ConfigError, RunError
from fer_core.runs import heartbeat
from fer_core.runs.process import ProcessIdentity
from fer_core.runs.reader import list_runs, load_run
from fer_core.runs.records import EpochRecord, QueueEntry, StepRecord
from fer_core.runs.writer import RunWriter


def make(workspace, name="run-a"):
    return RunWriter.create(workspace, name, config_toml="epochs = 3\n", meta={"seed": 1})


def test_a_run_is_read_as_it_was_written(workspace):
    writer = make(workspace)
    writer.set_state("running", epoch=1, num_epochs=3)
    writer.append_metrics(EpochRecord(1, valid_accuracy=0.5, valid_loss=float("nan")))
    run = load_run(writer.folder)
    assert run.state == "running"
    assert run.config == {"epochs": 3}
    assert run.meta.seed == 1
    assert run.meta.packages["torch"]
    assert run.load_metrics() == [EpochRecord(1, valid_accuracy=0.5, valid_loss=None)]
    writer.set_state("finished")
    assert load_run(writer.folder).state == "finished"
    assert load_run(writer.folder).status.epoch == 1, "facts are kept until replaced"


def test_numbers_go_up_and_are_not_given_twice(workspace):
    assert [make(workspace, "quick-#").name for _ in range(2)] == ["quick-1", "quick-2"]
    assert make(workspace, "quick-9").name == "quick-9"
    assert make(workspace, "quick-#").name == "quick-10"
    shutil.rmtree(workspace.run("quick-10"))
    assert make(workspace, "quick-#").name == "quick-11"  # models and addresses may name the one that is gone
    assert make(workspace, "quick-x-#").name == "quick-x-1"
    (workspace.root / "run-numbers.json").write_text("{ damaged")
    assert make(workspace, "quick-#").name == "quick-12"


def test_a_run_knows_when_it_was_made(workspace):
    before = time.time()
    writer = make(workspace, "quick-#")
    writer.set_state("running")
    created = load_run(writer.folder).created.timestamp()
    assert before <= created <= time.time()
    RunWriter.attach(writer.folder).set_state("queued", queue=QueueEntry(submitted=5.0))
    assert load_run(writer.folder).created.timestamp() == created  # a resume is no birth
    old = make(workspace, "20261121T083000-fer_resnet-faces-ab12")
    status = json.loads((old.folder / "status.json").read_text())
    (old.folder / "status.json").write_text(json.dumps({**status, "created": None}))
    assert load_run(old.folder).created == datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
    assert load_run(old.folder).title == "fer_resnet-faces-ab12"


def test_an_existing_run_is_not_overwritten(workspace):
    make(workspace)
    with pytest.raises(RunError, match="exists already"):
        make(workspace)


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a..b", "x" * 200, "a b"])
def test_unsafe_names(workspace, name):
    with pytest.raises(ConfigError, match="can't be the name"):
        make(workspace, name)


def test_a_dead_process_means_interrupted(workspace):
    code = (
        "import sys; from fer_core.workspace import Workspace; from fer_core.runs.writer import RunWriter;"
        "w = RunWriter.create(Workspace.default(), 'dead', config_toml='epochs = 3', meta={});"
        "w.set_state('running')"
    )
    subprocess.run(
        [sys.executable, "-c", code], check=True, env=os.environ | {"FER_WORKSPACE": str(workspace.root)}
    )
    assert load_run(workspace.run("dead")).state == "interrupted"


def test_a_reused_pid_is_not_the_same_process():
    me = ProcessIdentity.current()
    assert me.is_alive() is True
    assert dataclasses.replace(me, host="elsewhere").is_alive() is None
    by_time = dataclasses.replace(me, birth="")
    assert by_time.is_alive() is True
    assert dataclasses.replace(by_time, started=me.started - 3600).is_alive() is False


@pytest.mark.skipif(sys.platform != "linux", reason="other systems tell no boot and tick")
def test_a_reboot_ends_a_process_and_a_step_of_the_clock_does_not():
    me = ProcessIdentity.current()
    boot, tick = me.birth.split("/")
    assert dataclasses.replace(me, birth=f"{boot}/{int(tick) - 1}").is_alive() is False
    assert dataclasses.replace(me, birth=f"another-boot/{tick}").is_alive() is False
    assert dataclasses.replace(me, started=me.started - 3600).is_alive() is True


def test_a_zombie_is_dead():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = psutil.Process(process.pid).create_time()
    identity = dataclasses.replace(ProcessIdentity.current(), pid=process.pid, started=started, birth="")
    assert identity.is_alive() is True
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # ended, and left as a zombie
    assert identity.is_alive() is False
    process.communicate()


def test_a_run_of_another_machine_lives_by_its_heartbeat(workspace):
    writer = make(workspace)
    writer.set_state("running")
    path = writer.folder / "status.json"
    status = json.loads(path.read_text()) | {"host": "elsewhere"}
    path.write_text(json.dumps(status))
    assert load_run(writer.folder).state == "running"
    path.write_text(json.dumps(status | {"heartbeat": time.time() - 3600}))
    heartbeat._SEEN.clear()  # as at first sight: a heartbeat that moved would be a sign of life
    assert load_run(writer.folder).state == "interrupted"


def test_a_line_cut_short_is_passed_over_and_removed_on_resume(workspace):
    writer = make(workspace)
    for epoch in (1, 2, 3):
        writer.append_metrics(EpochRecord(epoch))
    with (writer.folder / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 4, "tra')
    assert [record.epoch for record in load_run(writer.folder).load_metrics()] == [1, 2, 3]
    writer.truncate_records(2)
    assert load_run(writer.folder).load_metrics() == [EpochRecord(1), EpochRecord(2)]
    assert (writer.folder / "metrics.jsonl").read_text().count("\n") == 2


def test_steps_after_the_state_that_is_resumed_from_go(workspace):
    writer = make(workspace)
    places = [(1, 1), (1, 5), (2, 1), (2, 4), (3, 1)]
    for place in places:
        writer.append_step(StepRecord(*place))
    with (writer.folder / "steps.jsonl").open("ab") as file:
        file.write(b'{"epoch": 1, "st\0\xff')
    assert [(item.epoch, item.step) for item in load_run(writer.folder).load_steps()] == places
    writer.truncate_records(1, 4)
    assert [(item.epoch, item.step) for item in load_run(writer.folder).load_steps()] == places[:4]
    writer.truncate_records(1)
    assert [(item.epoch, item.step) for item in load_run(writer.folder).load_steps()] == places[:2]
    writer.truncate_records(0)
    assert load_run(writer.folder).load_steps() == []


def test_listing_is_newest_first_and_leaves_out_what_is_damaged(workspace):
    for name in ("20260101-a", "20260102-b", "20260103-c"):
        make(workspace, name)
    (workspace.run("20260103-c") / "config.toml").write_text("= =")
    assert [run.name for run in list_runs(workspace)] == ["20260102-b", "20260101-a"]
    with pytest.raises(RunError, match=r"config\.toml"):
        load_run(workspace.run("20260103-c"))
    with pytest.raises(RunError, match="no run"):
        load_run(workspace.runs / "absent")


def test_no_torch_is_needed_to_read_runs():
    code = (
        "import sys, fer_core.runs.reader, fer_core.runs.writer, fer_core.checkpoint, fer_core.config;"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
