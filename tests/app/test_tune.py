"""The Tune page: before the first search, with one, and with wrong input."""

import dataclasses
import signal

import pytest
from streamlit.testing.v1 import AppTest

from app.tune.form import build_space
from fer_core import jobs
from fer_core.config import load_preset
from fer_core.errors import ConfigError
from fer_core.jobs import tasks
from fer_core.jobs.stopping import StopSignal
from fer_core.jobs.tasks import find_task
from fer_core.runs.writer import RunWriter
from fer_core.sweeps import (
    Choice,
    Range,
    SweepSettings,
    create_sweep,
    launch_worker,
    load_sweep,
    open_study,
    run_worker,
)
from fer_core.sweeps.trials import take_over
from fer_core.workspace import PROJECT_ROOT
from tests.integration import sweep_support

PAGE = str(PROJECT_ROOT / "pages" / "tune.py")


def open_page(**query):
    page = AppTest.from_file(PAGE, default_timeout=60)
    for key, value in query.items():
        page.query_params[key] = value
    page.run()
    assert not page.exception
    return page


def test_before_the_first_search(app_workspace):
    page = open_page()
    assert "no search yet" in page.info[0].value
    assert [button.label for button in page.button] == ["Start searching"] and not page.warning
    assert "There is no search `gone` on this machine" in open_page(sweep="gone").warning[0].value


def test_a_new_search_starts_a_worker(app_workspace, monkeypatch):
    started = []
    monkeypatch.setattr(
        "app.tune.form.launch_worker",
        lambda sweep, workspace, num_trials: started.append((sweep, num_trials)),
    )
    page = open_page()
    page.text_input[0].set_value("mine").run()
    page.number_input[0].set_value(7).run()
    page.button[0].click().run()
    assert not page.exception
    assert [(sweep.name, num_trials) for sweep, num_trials in started] == [("mine", 7)]
    settings = load_sweep("mine", app_workspace).settings
    assert settings.base.epochs == 4
    assert settings.space["optimizer.learning_rate"] == Range(low=1e-4, high=1e-1, log=True)


def test_a_wrong_name_is_said(app_workspace):
    page = open_page()
    page.text_input[0].set_value("../evil").run()
    page.button[0].click().run()
    assert not page.exception
    assert "sweep" in page.error[0].value


def test_a_search_with_trials(app_workspace, monkeypatch):
    monkeypatch.setattr(jobs, "submit_run", sweep_support.submit_run)
    monkeypatch.setattr(jobs, "stop_run", sweep_support.stop_run)
    base = dataclasses.replace(load_preset("quick"), epochs=1)
    space = {"optimizer.learning_rate": Range(low=1e-4, high=1.0, log=True)}
    sweep = create_sweep("mine", SweepSettings(base=base, space=space), app_workspace)
    run_worker(sweep, app_workspace, num_trials=4)
    page = open_page(sweep="gone")
    assert "There is no search `gone` on this machine" in page.warning[0].value
    metrics = {metric.label: metric.value for metric in page.metric}
    assert metrics["State"] == "idle"
    assert metrics["Finished"] == "4"
    assert float(metrics["Best validation accuracy"]) > 0.1
    assert len(page.dataframe[-1].value) == 4


def test_a_search_that_starts_says_so_and_can_be_stopped_at_once(app_workspace, monkeypatch):
    monkeypatch.setattr(tasks, "start_detached", lambda *arguments, **options: None)
    space = {"optimizer.learning_rate": Range(low=1e-4, high=1.0, log=True)}
    sweep = create_sweep("mine", SweepSettings(base=load_preset("quick"), space=space), app_workspace)
    launch_worker(sweep, app_workspace, num_trials=3)
    page = open_page()
    assert page.metric[0].value == "starting"
    next(button for button in page.button if button.label == "Stop searching").click().run()
    assert not page.exception
    assert page.metric[0].value == "stopping"
    task = find_task(app_workspace, "sweep", {"sweep": "mine"})
    assert task.is_cancelling


def test_a_stopped_trial_is_no_failure(app_workspace, monkeypatch):
    """Neither one that a person stops on the Train page, nor the one at work when the search is stopped."""
    monkeypatch.setattr(jobs, "submit_run", sweep_support.submit_run)
    monkeypatch.setattr(jobs, "stop_run", sweep_support.stop_run)
    base = dataclasses.replace(load_preset("quick"), epochs=200)
    space = {"optimizer.learning_rate": Range(low=1e-4, high=1.0, log=True)}
    sweep = create_sweep("mine", SweepSettings(base=base, space=space, pruner="none"), app_workspace)
    stop = StopSignal(())
    told = []
    running = []

    def submit(config, workspace, *, name, device=""):
        run = sweep_support.submit_run(config, workspace, name=name)
        running.append(name)
        if len(running) == 1:
            sweep_support.stop_run(name, workspace)
        else:
            stop._catch(signal.SIGTERM, None)
        return run

    monkeypatch.setattr(jobs, "submit_run", submit)
    report = run_worker(
        sweep, app_workspace, num_trials=5, stop=stop, on_trial=lambda *trial: told.append(trial)
    )
    assert (report.num_stopped, report.num_failed, report.num_finished) == (2, 0, 0)
    assert told == [(0, "stopped", None), (1, "stopped", None)]
    page = open_page()
    metrics = {metric.label: metric.value for metric in page.metric}
    assert (metrics["Stopped"], metrics["Failed"], metrics["State"]) == ("2", "0", "idle")
    assert list(page.dataframe[-1].value["state"]) == ["stopped", "stopped"]
    RunWriter.attach(app_workspace.run(running[0])).set_state("finished")  # resumed later, to its end
    study = open_study(sweep)
    take_over(study, sweep, app_workspace)
    assert [trial.state.name for trial in study.trials] == ["FAIL", "FAIL", "COMPLETE"]


def test_a_search_of_others_contacts_nobody(app_workspace):
    space = {"optimizer.learning_rate": Range(low=1e-4, high=1.0, log=True)}
    sweep = create_sweep("theirs", SweepSettings(base=load_preset("quick"), space=space), app_workspace)
    text = (sweep.folder / "sweep.toml").read_text()
    address = 'storage = "postgresql+psycopg://nobody@127.0.0.1:1/x"'
    (sweep.folder / "sweep.toml").write_text(text.replace('storage = ""', address))
    page = open_page()
    assert "which only its file names" in page.error[0].value
    assert [path.name for path in sweep.folder.iterdir()] == ["sweep.toml"]


def test_rows_become_a_space():
    rows = [
        {"setting": "batch_size", "low": 16, "high": 64},
        {"setting": "data.label_mode", "choices": "majority, crossentropy"},
        {"setting": "deterministic"},
        {"setting": "ema_decay", "choices": "0, 0.99"},
        {"setting": "optimizer.learning_rate", "low": None, "high": None, "log": False},
    ]
    assert build_space(rows) == {
        "batch_size": Range(low=16, high=64),
        "data.label_mode": Choice(choices=("majority", "crossentropy")),
        "deterministic": Choice(choices=(False, True)),
        "ema_decay": Choice(choices=(0.0, 0.99)),
        "optimizer.learning_rate": Range(low=1e-4, high=0.1, log=True),
    }


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no setting varies"),
        ([{"setting": ""}], "names no setting"),
        ([{"setting": "batch_size", "low": 16}], "both ends"),
        ([{"setting": "batch_size", "choices": "a,b"}], "'a' is no int"),
        ([{"setting": "batch_size", "low": 1, "high": 2}] * 2, "twice"),
    ],
)
def test_rows_that_make_no_space(rows, message):
    with pytest.raises(ConfigError, match=message):
        build_space(rows)
