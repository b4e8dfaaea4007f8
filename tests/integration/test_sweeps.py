"""Searching for settings: real runs, pruning, several workers on sqlite and on PostgreSQL."""

import contextlib
import dataclasses
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from fer_core import jobs
from fer_core.cli import main
from fer_core.config import DataConfig, LogConfig, ModelConfig, TrainConfig, load_preset
from fer_core.errors import ConfigError, RunError
from fer_core.runs.reader import load_run
from fer_core.sweeps import (
    Choice,
    Range,
    SweepSettings,
    create_sweep,
    load_sweep,
    open_study,
    read_study,
    run_worker,
)
from fer_core.sweeps.addresses import remember_address
from fer_core.sweeps.worker import list_workers
from fer_core.workspace import Workspace
from tests.integration import sweep_support

SPACE = {"optimizer.learning_rate": Range(low=1e-5, high=1.0, log=True)}
CONFIG = dataclasses.replace(load_preset("quick"), epochs=6, log=LogConfig(tensorboard=False))


@pytest.fixture
def quick_trials(monkeypatch):
    monkeypatch.setattr(jobs, "submit_run", sweep_support.submit_run)
    monkeypatch.setattr(jobs, "stop_run", sweep_support.stop_run)


def test_every_trial_is_an_ordinary_run(workspace, draw_faces):
    draw_faces(workspace, "faces", num_images=160)
    config = TrainConfig(
        data=DataConfig(dataset="faces"),
        model=ModelConfig(arguments={"stem_width": 8, "widths": "8-16", "depths": "1-1"}),
        log=LogConfig(tensorboard=False),
        epochs=1,
        batch_size=32,
        threads=1,
    )
    space = {
        "batch_size": Range(low=16, high=32, step=16),
        "model.arguments.dropout": Range(low=0.0, high=0.5),
    }
    sweep = create_sweep("search", SweepSettings(base=config, space=space), workspace)
    told = []
    report = run_worker(sweep, workspace, num_trials=2, on_trial=lambda *arguments: told.append(arguments))
    assert report.num_finished == 2
    trials = open_study(sweep).trials
    assert [(trial.number, "finished", trial.value) for trial in trials] == told
    for trial in trials:
        run = load_run(workspace.run(trial.user_attrs["run"]))
        assert run.state == "finished"
        assert run.config["batch_size"] == trial.params["batch_size"]
        assert run.config["model"]["arguments"]["dropout"] == trial.params["model.arguments.dropout"]
        assert run.load_metrics()[0].valid_accuracy == trial.value
    assert list_workers(sweep) == []


def test_bad_trials_are_pruned_and_good_ones_finish(workspace, quick_trials):
    sweep = create_sweep("search", SweepSettings(base=CONFIG, space=SPACE), workspace)
    report = run_worker(sweep, workspace, num_trials=14)
    study = open_study(sweep)
    assert report.num_pruned > 0
    assert report.num_finished + report.num_pruned == 14
    for trial in study.trials:
        run = load_run(workspace.run(trial.user_attrs["run"]))
        assert run.state == ("stopped" if trial.state.name == "PRUNED" else "finished")
    assert study.best_value > 0.7
    assert 1e-3 < study.best_params["optimizer.learning_rate"] < 1e-1


def test_a_sweep_from_the_command_line_goes_on_where_it_was(workspace, quick_trials, tmp_path, capsys):
    space = tmp_path / "space.toml"
    space.write_text('[space."optimizer.learning_rate"]\nlow = 1e-5\nhigh = 1.0\nlog = true\n')
    command = ["sweep", "search", "--preset", "quick", "--trials", "2", "--pruner", "none", "--epochs", "1"]
    assert main([*command, "--space", str(space)]) == 0
    assert main(["sweep", "search", "--trials", "1"]) == 0
    trials = open_study(load_sweep("search", workspace)).trials
    assert len(trials) == 3
    best = max(trials, key=lambda trial: trial.value)
    printed = capsys.readouterr().out
    assert "2 finished, 0 pruned, 0 failed" in printed and "1 finished, 0 pruned, 0 failed" in printed
    assert f"best: {best.user_attrs['run']}, accuracy {best.value:.4f}" in printed
    assert main([*command, "--space", str(space)]) == 1
    assert "search" in capsys.readouterr().err


def test_loss_is_made_small(workspace, quick_trials):
    base = dataclasses.replace(CONFIG, monitor="loss", epochs=2)
    sweep = create_sweep("search", SweepSettings(base=base, space=SPACE, pruner="none"), workspace)
    run_worker(sweep, workspace, num_trials=4)
    study = open_study(sweep)
    assert study.best_value == min(trial.value for trial in study.trials)


def test_when_the_first_trial_fails_the_sweep_ends_with_the_reason(workspace):
    base = dataclasses.replace(CONFIG, data=DataConfig(dataset="nowhere"))
    sweep = create_sweep("search", SweepSettings(base=base, space=SPACE), workspace)
    with pytest.raises(RunError, match="nowhere"):
        run_worker(sweep, workspace, num_trials=5)
    assert len(open_study(sweep).trials) == 1


def work_together(workspace, sweep, *, num_workers, num_trials):
    support = Path(sweep_support.__file__)
    command = [sys.executable, str(support), str(workspace.root), sweep.name, str(num_trials)]
    environment = os.environ | {"FER_WORKSPACE": str(workspace.root)}
    workers = [
        subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        for _ in range(num_workers)
    ]
    for worker in workers:
        _, errors = worker.communicate(timeout=240)
        assert worker.returncode == 0, errors
    trials = open_study(sweep).trials
    assert len(trials) == num_workers * num_trials
    assert {trial.state.name for trial in trials} <= {"COMPLETE", "PRUNED"}
    names = [trial.user_attrs["run"] for trial in trials]
    assert len(set(names)) == len(names)
    rates = {trial.params["optimizer.learning_rate"] for trial in trials}
    assert len(rates) == len(trials), "workers try different values"


def test_several_workers_share_a_sweep_on_sqlite(workspace):
    base = dataclasses.replace(CONFIG, epochs=2)
    sweep = create_sweep("search", SweepSettings(base=base, space=SPACE), workspace)
    work_together(workspace, sweep, num_workers=2, num_trials=3)


@pytest.fixture
def postgres():
    """A real server on a free port, as the Debian package brings it."""
    programs = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"))), None)
    initdb = shutil.which("initdb") or (programs and str(programs / "initdb"))
    if not initdb:
        pytest.skip("PostgreSQL is not installed on this machine")
    # Not in pytest's own folder: another run of pytest makes that private again, to the server's user, too.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o777)
        yield from _serve_postgres(initdb, Path(folder))


def _serve_postgres(initdb, folder):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    as_user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    data, control = folder / "data", Path(initdb).with_name("pg_ctl")
    make = [*as_user, initdb, "-D", str(data), "-U", "fer", "--auth=trust", "-E", "UTF8"]
    subprocess.run(make, check=True, capture_output=True, cwd="/")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    start = [*as_user, str(control), "-D", str(data), "-l", str(folder / "log"), "-w", "-o", options, "start"]
    subprocess.run(start, check=True, stdout=subprocess.DEVNULL, cwd="/")
    yield f"postgresql+psycopg://fer@127.0.0.1:{port}/postgres"
    stop = [*as_user, str(control), "-D", str(data), "-m", "immediate", "stop"]
    subprocess.run(stop, check=True, stdout=subprocess.DEVNULL, cwd="/")


def test_several_workers_share_a_sweep_on_postgresql(workspace, postgres):
    base = dataclasses.replace(CONFIG, epochs=2)
    settings = SweepSettings(base=base, space=SPACE, storage=postgres)
    sweep = create_sweep("search", settings, workspace)
    work_together(workspace, sweep, num_workers=2, num_trials=3)
    assert not (sweep.folder / "study.db").exists()


def test_a_database_out_of_reach_is_said(workspace):
    settings = SweepSettings(base=CONFIG, space=SPACE, storage="postgresql+psycopg://nobody@127.0.0.1:1/x")
    sweep = create_sweep("search", settings, workspace)
    with pytest.raises(RunError, match="can't be opened"):
        open_study(sweep)


# optuna 4.9: load_study makes its tables in any SQLite file it is pointed at, and makes one that is not there
# (findings/optuna_writes_where_it_should_read.sh).
@pytest.mark.parametrize("address", ["sqlite:///{outside}/other.db", "sqlite://", "no address"])
def test_a_file_outside_the_sweep_is_neither_read_nor_made(workspace, tmp_path, address):
    database = tmp_path / "other.db"
    with contextlib.closing(sqlite3.connect(database)) as other:
        other.execute("create table recordings (name text)")
        other.commit()
    before = database.read_bytes()
    settings = SweepSettings(base=CONFIG, space=SPACE, storage=address.format(outside=tmp_path))
    sweep = create_sweep("search", settings, workspace)
    for use in (open_study, read_study):
        with pytest.raises(RunError, match="expected"):
            use(sweep)
    assert database.read_bytes() == before


# findings/optuna_formats_its_address.sh
@pytest.mark.parametrize("folder", ["a {b} {}", "50% #1?&x=y", "é:@"])
def test_a_workspace_may_be_called_anything(tmp_path, folder):
    sweep = create_sweep("search", SweepSettings(base=CONFIG, space=SPACE), Workspace(tmp_path / folder))
    open_study(sweep).ask()
    assert len(read_study(sweep).trials) == 1
    assert (sweep.folder / "study.db").is_file()


def test_reading_makes_and_changes_nothing(workspace):
    sweep = create_sweep("search", SweepSettings(base=CONFIG, space=SPACE), workspace)
    assert read_study(sweep).trials == []
    assert [path.name for path in sweep.folder.iterdir()] == ["sweep.toml"]
    database = sweep.folder / "study.db"
    with contextlib.closing(sqlite3.connect(database)) as other:
        other.execute("create table recordings (name text)")
        other.commit()
    before = database.read_bytes()
    assert read_study(sweep).trials == []
    assert database.read_bytes() == before
    database.write_bytes(b"no database" * 100)
    with pytest.raises(RunError, match="not a database"):
        read_study(sweep)


def test_a_server_that_only_a_file_names_is_not_contacted_and_a_silent_one_holds_nobody_up(workspace):
    sweep = create_sweep("search", SweepSettings(base=CONFIG, space=SPACE), workspace)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"postgresql+psycopg://me:word@127.0.0.1:{server.getsockname()[1]}/x"
        text = (sweep.folder / "sweep.toml").read_text()
        (sweep.folder / "sweep.toml").write_text(text.replace('storage = ""', f'storage = "{address}"'))
        sweep = load_sweep("search", workspace)
        for use in (open_study, read_study):
            with pytest.raises(RunError, match=r"me:\*\*\*@127.* which only its file names"):
                use(sweep)
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()

        assert main(["sweep", "search", "--trials", "1", "--storage", address.replace("word", "other")]) == 1
        with pytest.raises(RunError, match="only its file names"):
            read_study(sweep)
        remember_address(address)
        server.setblocking(True)
        for _ in range(2):  # the second time it is known to be silent
            with pytest.raises(RunError, match="has not answered"):
                read_study(sweep, timeout_s=0.1)
        server.accept()[0].close()


def test_a_sweep_is_read_as_it_was_written(workspace):
    space = SPACE | {"data.label_mode": Choice(choices=("majority", "crossentropy"))}
    settings = SweepSettings(base=CONFIG, space=space, pruner="hyperband", seed=3)
    created = create_sweep("search", settings, workspace)
    assert load_sweep("search", workspace) == created
    with pytest.raises(RunError, match="exists already"):
        create_sweep("search", settings, workspace)
    with pytest.raises(RunError, match=r"no sweep 'serach' .*there are: search"):
        load_sweep("serach", workspace)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Range(low=2, high=1), "low < high"),
        (lambda: Range(low=0.0, high=1, log=True), "low > 0"),
        (lambda: Choice(choices=("a",)), "two different"),
        (
            lambda: SweepSettings(base=CONFIG, space={"optimizer.lr": Range(low=0.1, high=1.0)}),
            "optimizer.lr",
        ),
        (
            lambda: SweepSettings(base=CONFIG, space={"optim.lr": Range(low=0.1, high=1.0)}),
            "no table 'optim'",
        ),
        (lambda: SweepSettings(base=CONFIG, space={"epochs": Range(low=0, high=5)}), "epochs is 0"),
        (lambda: SweepSettings(base=CONFIG, space=SPACE, pruner="x"), "median"),
    ],
)
def test_what_can_not_be_searched_is_refused(make, message):
    with pytest.raises(ConfigError, match=message):
        make()
