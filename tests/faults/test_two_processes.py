"""Two processes at work in the same workspace at the same moment."""

import multiprocessing
from functools import partial

import pytest

from fer_core.data.builtin import write_schematic_faces
from fer_core.data.decisions import Decision, decide, load_decisions
from fer_core.data.store import list_datasets, load_dataset, verify_dataset
from fer_core.errors import FerError, RunError
from fer_core.evaluation.report import build_report
from fer_core.evaluation.stored_reports import load_evaluation, save_report
from fer_core.exported import list_exports
from fer_core.jobs import delete_run
from fer_core.runs.reader import list_runs, load_run
from fer_core.workspace import Workspace
from tests.faults.injection import run_in_child
from tests.faults.operations import _add_export, _make_exported_files
from tests.small_models import save_small_model
from tests.small_runs import save_small_run
from tests.unit.evaluation.makers import make_random, make_subject

NUM_STATES = 40
"""So many different states are met before a test believes that all of them are whole."""


@pytest.fixture
def place(scratch) -> Workspace:
    return Workspace((scratch / "workspace").resolve())


@pytest.fixture
def beside(request):
    """Runs a function again and again in another process while the test does something else."""
    context = multiprocessing.get_context("fork")
    started = []

    def start(work):
        go_on = context.Event()
        process = context.Process(target=_repeat, args=(work, go_on), daemon=True)
        process.start()
        started.append((process, go_on))
        assert go_on.wait(60), "it never began"
        return process

    yield start
    for process, _ in started:
        process.terminate()
        process.join(10)


def _repeat(work, go_on):
    number = 0
    while True:
        work(number)
        number += 1
        go_on.set()


def both_at_once(first, second):
    """Outcomes of two functions in two processes that begin at the same moment."""
    context = multiprocessing.get_context("fork")
    gate, results = context.Barrier(2), context.SimpleQueue()

    def run(work):
        gate.wait(30)
        try:
            work()
            results.put("")
        except FerError as error:
            results.put(str(error))
        except Exception as error:  # noqa: BLE001 - the test tells it
            results.put(f"BUG {error!r}")

    processes = [context.Process(target=run, args=(work,)) for work in (first, second)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    return sorted((results.get(), results.get()), key=len)


def test_two_importers_with_the_same_name(place):
    for round_ in range(5):
        name = f"faces-{round_}"
        ways = [partial(write_schematic_faces, place, name, num_images=24, seed=seed) for seed in (0, 1)]
        done, told = both_at_once(*ways)
        assert done == ""
        assert "another import" in told or "exists already" in told, told
        verify_dataset(load_dataset(place.dataset(name)))
    assert len(list_datasets(place)) == 5


def test_a_data_set_is_read_while_it_is_replaced(place, beside):
    def replace(number):
        write_schematic_faces(place, "faces", num_images=20 + number % 5, seed=number, replace=True)

    replace(0)
    beside(replace)
    fingerprints = set()
    while len(fingerprints) < 12:  # a state takes a tenth of a second to draw
        dataset = load_dataset(place.dataset("faces"))
        verify_dataset(dataset)  # pixels, samples and description are of one state
        fingerprints.add(dataset.info.fingerprint)


def test_a_model_is_loaded_while_it_is_replaced(place, beside):
    from fer_core.models import load_checkpoint

    folder = save_small_model(place, "run")
    beside(lambda number: save_small_model(place, "run", seed=number))
    seen = set()
    while len(seen) < NUM_STATES:
        seen.add(load_checkpoint(folder)[1].weights_sha256)


def test_a_report_is_read_while_it_is_replaced(place, beside):
    folder = place.root / "report"

    def evaluate(number):
        predictions = make_random(seed=number)
        save_report(build_report(predictions, make_subject(), num_resamples=0), predictions, folder)

    evaluate(0)
    beside(evaluate)
    seen = set()
    while len(seen) < NUM_STATES:
        seen.add(load_evaluation(folder, "model").report.predictions_sha256)


def test_runs_are_listed_and_read_while_they_are_deleted(place, beside):
    def make_and_delete(number):
        save_small_run(place, f"run-{number % 3}", num_epochs=1)
        delete_run(f"run-{number % 3}", place)

    save_small_run(place, "stays")
    beside(make_and_delete)
    num_read = 0  # of runs that are there for a moment only
    while num_read < NUM_STATES:
        runs = list_runs(place)
        assert "stays" in [run.name for run in runs]
        for run in runs:
            try:
                load_run(run.folder).load_metrics()
                load_run(run.folder).load_validation()
                num_read += run.name != "stays"
            except RunError as error:
                assert run.name in str(error) and run.name != "stays"


def test_pixels_stay_readable_when_their_data_set_is_deleted(place):
    import shutil

    write_schematic_faces(place, "faces", num_images=24)
    dataset = load_dataset(place.dataset("faces"))
    outcome = run_in_child([partial(shutil.rmtree, place.dataset("faces"))])
    assert outcome.exit_status == 0
    verify_dataset(dataset)


def test_two_programs_decide_and_none_is_forgotten(place):
    write_schematic_faces(place, "faces", num_images=24)
    dataset = load_dataset(place.dataset("faces"))

    def work(rows):
        for row in rows:
            decide(dataset, place, {row: Decision(action="exclude")})

    assert both_at_once(partial(work, range(0, 12)), partial(work, range(12, 24))) == ["", ""]
    assert sorted(load_decisions(dataset, place)) == list(range(24))


def test_two_exports_at_once_are_both_recorded(place):
    _make_exported_files(place)
    for _ in range(10):
        (place.root / "exports.json").unlink(missing_ok=True)
        assert both_at_once(partial(_add_export, "fp32", place), partial(_add_export, "fp16", place)) == [
            "",
            "",
        ]
        assert {item.precision for item in list_exports(place.root)} == {"fp32", "fp16"}


def test_a_run_is_deleted_by_two_at_once(place):
    for _ in range(5):
        save_small_run(place, "run", num_epochs=1)
        done, told = both_at_once(partial(delete_run, "run", place), partial(delete_run, "run", place))
        assert done == ""
        assert "there is no run" in told
    assert list_runs(place) == []
