"""Studies run by real commands on a real cluster, and what is left when any of their processes is killed."""

import json
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from benchmarks import study_kills
from fer_core.cli import main
from fer_core.studies import Study, create_study, load_study
from fer_core.studies.adding import add_recordings
from fer_core.studies.analyzing import analyze
from fer_core.studies.cluster import open_cluster
from fer_core.studies.new_recordings import NewRecording
from fer_core.studies.running import list_jobs
from fer_core.workspace import Workspace
from tests.unit.inference.videos import make_video

NUM_RECORDINGS = 5


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings that take a worker some tenths of a second each."""
    folder = tmp_path_factory.mktemp("media")
    for number in range(NUM_RECORDINGS):
        make_video(folder / f"r{number}.mp4", 60 + 10 * number, fps=25, noisy=True)
    return folder


def make_study(workspace: Workspace, name: str, media: Path) -> Study:
    study = create_study(workspace, name, model="fer-tiny", detector="whole-image")
    add_recordings(study, [NewRecording(path=path) for path in sorted(media.glob("*.mp4"))])
    return study


def read_results(study: Study) -> dict[str, tuple]:
    return {
        folder.name: (
            pq.read_table(folder / "faces.parquet"),
            json.loads((folder / "summary.json").read_text()),
        )
        for folder in sorted((study.folder / "results").iterdir())
        if folder.name[0] != "."
    }


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory, media: Path) -> dict[str, tuple]:
    """One recording after the other, without a cluster."""
    study = make_study(Workspace(tmp_path_factory.mktemp("unbroken")), "whole", media)
    assert [analyze(job) for job in list_jobs(study)] == [""] * NUM_RECORDINGS
    results = read_results(study)
    assert len(results) == NUM_RECORDINGS
    return results


def test_whatever_is_killed_the_result_is_that_of_an_unbroken_run(capsys):
    """Workers and the command with its scheduler are killed; a command that is started anew does the rest."""
    assert study_kills.main(recordings=8, kills=2) == 0, capsys.readouterr().out
    assert sum(json.loads(capsys.readouterr().out)["kills"].values()) >= 1  # the rest may be done by then


def test_a_heartbeat_that_is_lost_at_the_end_is_not_told(capfd):
    """A worker whose scheduler is gone a moment before it logs a traceback, though nothing failed."""
    with open_cluster(1) as client:
        client.run(lambda: logging.getLogger("distributed.worker").error("no scheduler"))
    assert capfd.readouterr().err == ""


def test_a_plain_script_runs_a_study(workspace, media, tmp_path):
    """Workers do not import the script, which would run the study again in each of them."""
    make_study(workspace, "plain", media)
    script = tmp_path / "plain.py"
    script.write_text(
        "from pathlib import Path\n"
        "from fer_core.studies import load_study\n"
        "from fer_core.studies.running import run_study\n"
        "from fer_core.workspace import Workspace\n"
        f"done = run_study(load_study(Workspace(Path({str(workspace.root)!r})), 'plain'), workers=2)\n"
        "print('done', done.num_done, done.failures)\n"
    )
    ran = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ran.stdout == f"done {NUM_RECORDINGS} {{}}\n", ran.stderr


def test_a_recording_that_fails_says_why_and_holds_nobody_up(workspace, media, capsys):
    study = make_study(workspace, "mixed", media)
    broken = media.parent / "gone.mp4"
    make_video(broken, 5)
    add_recordings(study, [NewRecording(path=broken)])
    broken.unlink()
    assert main(["study", "run", "mixed", "--workers=1"]) == 1
    said = capsys.readouterr()
    assert "gone.mp4 is missing; put it back" in said.out, said
    assert f"{NUM_RECORDINGS} recordings done, 1 failed" in said.out
    make_video(broken, 5)
    assert main(["study", "run", "mixed", "--workers=1"]) == 0
    assert f"1 recordings done, 0 failed, {NUM_RECORDINGS} done before" in capsys.readouterr().out
    assert main(["study", "status", "mixed"]) == 0
    assert f"{NUM_RECORDINGS + 1} done" in capsys.readouterr().out


@pytest.fixture
def other_host() -> Iterator[tuple[list[str], str]]:
    """How a command is begun on another host, and this one's address there: a network namespace of its own.

    Where the system allows none it is this machine.
    """
    name, mine, theirs = f"fer{os.getpid()}", "198.18.213.1", "198.18.213.2"  # of RFC 2544, for tests
    commands = (
        f"ip netns add {name}",
        f"ip link add {name}a type veth peer name {name}b netns {name}",
        f"ip address add {mine}/30 dev {name}a",
        f"ip link set {name}a up",
        f"ip -n {name} address add {theirs}/30 dev {name}b",
        f"ip -n {name} link set {name}b up",
    )
    try:
        for command in commands:
            subprocess.run(command.split(), check=True, capture_output=True)
        yield ["ip", "netns", "exec", name], mine
    except (OSError, subprocess.CalledProcessError):
        yield [], "127.0.0.1"
    finally:
        if shutil.which("ip"):
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


def test_a_cluster_of_others_does_the_work(workspace, media, unbroken, tmp_path, other_host, capsys):
    """A scheduler and a worker here and one on another host, started by hand."""
    there, address = other_host
    study = make_study(workspace, "remote", media)
    address_file = tmp_path / "scheduler.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": tmp_path}
    options = [f"--host={address}", "--port=0", "--no-dashboard", f"--scheduler-file={address_file}"]
    scheduler = subprocess.Popen([sys.executable, "-m", "distributed.cli.dask_scheduler", *options], **quiet)
    wait_for(lambda: address_file.is_file() and address_file.stat().st_size > 0)
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", f"--scheduler-file={address_file}"]
    workers = [
        subprocess.Popen(
            [*place, *worker, "--nthreads=1", "--no-dashboard", f"--local-directory={tmp_path}"], **quiet
        )
        for place in ([], there)
    ]
    try:
        address = json.loads(address_file.read_text())["address"]
        assert main(["study", "run", "remote", f"--scheduler={address}"]) == 0, capsys.readouterr()
    finally:
        for process in [*workers, scheduler]:
            process.terminate()
            process.wait()
    assert read_results(study) == unbroken


def test_a_scheduler_that_nobody_runs(workspace, media, capsys, monkeypatch):
    monkeypatch.setattr("fer_core.studies.cluster._CONNECT_S", 1)
    make_study(workspace, "nobody", media)
    assert main(["study", "run", "nobody", "--scheduler=tcp://127.0.0.1:9"]) == 1
    assert "nobody answers at the scheduler 'tcp://127.0.0.1:9'" in capsys.readouterr().err


def test_a_study_is_made_from_the_command_line(workspace, media, capsys):
    assert (
        main(["study", "create", "cli", "--model=fer-tiny", "--detector=whole-image", "--codes", "a", "b"])
        == 0
    )
    assert (
        main(["study", "add", "cli", f"--folder={media}", "--pattern={take}.mp4", "--set", "condition=calm"])
        == 0
    )
    table = load_study(workspace, "cli").load_recordings()
    assert list(table["take"]) == list(table["recording"]) and set(table["condition"]) == {"calm"}
    assert main(["study"]) == 0 and "cli" in capsys.readouterr().out
    assert main(["study", "add", "cli", str(media / "no.mp4")]) == 1
    assert main(["study", "run", "nothing"]) == 1
    assert "there is no study 'nothing'" in capsys.readouterr().err
    assert main(["study", "remove", "cli", "r9", "--yes"]) == 1
    assert "r9" in capsys.readouterr().err
    assert main(["study", "remove", "cli", "r0", "r3", "--yes"]) == 0
    assert list(load_study(workspace, "cli").load_recordings()["recording"]) == ["r1", "r2", "r4"]
    assert (media / "r0.mp4").is_file()
    assert main(["study", "delete", "cli", "--yes"]) == 0 and not workspace.study("cli").exists()


def wait_for(is_so) -> None:
    while not is_so():
        time.sleep(0.05)
