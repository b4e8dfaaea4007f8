"""Devices, locks and the order of waiting runs. No process is started here."""

import dataclasses
import json
import signal
import time

import pytest

from fer_core.config import TrainConfig
from fer_core.errors import ConfigError, RunError
from fer_core.jobs import control, devices, queue
from fer_core.jobs.devices import build_device_environment, list_devices, resolve_request
from fer_core.jobs.queue import hold_devices
from fer_core.jobs.stopping import StopRequestedError, StopSignal
from fer_core.runs.reader import list_runs, load_run


@pytest.fixture
def two_gpus(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(devices, "_is_torch_built_for_gpus", lambda: True)
    monkeypatch.setattr(devices, "_count_gpus", lambda: 2)


@pytest.fixture(autouse=True)
def quick_polls(monkeypatch):
    monkeypatch.setattr(queue, "_POLL_S", 0.01)


def enqueue(workspace, name, **options):
    return control.enqueue_run(TrainConfig(), workspace, name=name, is_launched=False, **options)


def hold(writer, workspace, stop=None, **options):
    request = control.get_request(load_run(writer.folder))
    return hold_devices(writer, workspace, request, stop=stop or StopSignal(), **options)


def test_devices_of_a_machine_with_two_gpus(two_gpus, monkeypatch):
    assert list_devices() == ("cuda:0", "cuda:1", "cpu")
    assert resolve_request("").candidates == ("cuda-0", "cuda-1")
    assert resolve_request("cuda:1").candidates == ("cuda-1",)
    assert resolve_request("", 2).num_devices == 2
    assert resolve_request("cpu", 4).num_devices == 1
    assert build_device_environment(["cuda-1"]) == {"CUDA_VISIBLE_DEVICES": "1"}
    assert build_device_environment(["cpu"])["CUDA_VISIBLE_DEVICES"] == ""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-ab,5")
    assert resolve_request("cuda:1").candidates == ("cuda-5",), "locks are named after the hardware"
    assert build_device_environment(["cuda-GPU-ab", "cuda-5"]) == {"CUDA_VISIBLE_DEVICES": "GPU-ab,5"}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert list_devices() == ("cpu",)


@pytest.mark.parametrize(
    ("device", "num_processes"),
    [("cuda:2", 1), ("gpu", 1), ("", 3), ("cuda:0", 2), ("cpu", 0), ("cpu", 65), ("mps", 1)],
)
def test_devices_that_are_not_there(two_gpus, device, num_processes):
    with pytest.raises(ConfigError):
        resolve_request(device, num_processes)


def test_a_device_takes_one_and_two_devices_take_two(two_gpus, workspace):
    first, second = enqueue(workspace, "first"), enqueue(workspace, "second")
    with hold(first, workspace) as locks:
        assert locks == ("cuda-0",)
        first.set_state("running", locks=list(locks))
        with hold(second, workspace) as others:
            assert others == ("cuda-1",)
            second.set_state("running", locks=list(others))
            third = enqueue(workspace, "third")
            with (
                pytest.raises(RunError, match="used by first, second"),
                hold(third, workspace, when_busy="refuse"),
            ):
                pass
            with hold(third, workspace, when_busy="share") as shared:
                assert shared == ("cuda-0",)
    with hold(third, workspace, when_busy="refuse"):
        pass


def test_who_came_first_goes_first_and_the_dead_are_passed_over(workspace):
    early, late = enqueue(workspace, "z-early", device="cpu"), enqueue(workspace, "a-late", device="cpu")
    positions = {run.name: run.queue_position for run in list_runs(workspace)}
    assert positions == {"z-early": 1, "a-late": 2}
    told = []
    with pytest.raises(RunError, match="used by z-early"), hold(late, workspace, when_busy="refuse"):
        pass

    def early_dies(waiting):
        told.append(str(waiting))
        path = early.folder / "status.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"process_birth": "x/1", "pid": 2**22}))

    with hold(late, workspace, on_wait=early_dies) as locks:
        assert locks == ("cpu",)
    assert told == ["waiting for cpu, used by z-early"]
    assert load_run(early.folder).state == "interrupted"


def test_a_stop_ends_the_waiting(workspace):
    first, second = enqueue(workspace, "first", device="cpu"), enqueue(workspace, "second", device="cpu")
    before = signal.getsignal(signal.SIGTERM)
    with (
        StopSignal() as stop,
        hold(first, workspace),
        pytest.raises(StopRequestedError),
        hold(second, workspace, stop=stop, on_wait=lambda waiting: signal.raise_signal(signal.SIGTERM)),
    ):
        pass
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_stop_asked_for_before_the_process_is_up_is_seen(workspace):
    writer = control.enqueue_run(TrainConfig(), workspace, name="starting")
    assert load_run(writer.folder).state == "queued"
    control.stop_run("starting", workspace)
    assert load_run(writer.folder).state == "stopping"
    with pytest.raises(StopRequestedError):
        StopSignal(marker=writer.folder / "stop-requested").check()


def test_a_launch_that_never_comes_up_counts_as_interrupted(workspace):
    writer = control.enqueue_run(TrainConfig(), workspace, name="lost")
    path = writer.folder / "status.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"heartbeat": time.time() - 60}))
    assert load_run(writer.folder).state == "interrupted"


def test_bad_submissions_leave_no_trace(workspace):
    config = TrainConfig()
    bad = dataclasses.replace(config, data=dataclasses.replace(config.data, dataset="nothing"))
    for wrong, options, words in [
        (bad, {}, "no data set 'nothing'"),
        (config, {"name": "../x"}, "can't be the name"),
        (config, {"device": "cuda:77"}, "cuda:77"),
        (config, {"device": "cpu", "num_processes": 3}, "multiple of num_processes, 3"),
    ]:
        with pytest.raises(Exception, match=words):
            control.submit_run(wrong, workspace, **options)
    assert not workspace.runs.exists()


def test_only_runs_that_rest_are_deleted_or_resumed(workspace):
    writer = enqueue(workspace, "run")
    with pytest.raises(RunError, match="stop it first"):
        control.delete_run("run", workspace)
    with pytest.raises(RunError, match="is queued"):
        control.resume_run("run", workspace)
    writer.set_state("finished")
    with pytest.raises(RunError, match="is finished"):
        control.resume_run("run", workspace)
    with pytest.raises(RunError, match="nothing to stop"):
        control.stop_run("run", workspace)
    control.delete_run("run", workspace)
    assert list(workspace.runs.iterdir()) == []
    with pytest.raises(RunError, match="no run 'run'"):
        control.delete_run("run", workspace)


def test_settings_come_back_as_they_went_in(workspace):
    config = TrainConfig(epochs=3, seed=7)
    writer = control.enqueue_run(config, workspace, name="run")
    assert control.clone_config(load_run(writer.folder)) == config
