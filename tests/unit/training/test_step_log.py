"""The curve within the epochs: the first step is in it at once, and its file stays small."""

import errno
import itertools
from pathlib import Path

import pytest

from fer_core.config import dump_config, load_preset
from fer_core.runs.reader import load_run
from fer_core.runs.records import StepRecord
from fer_core.runs.writer import RunWriter
from fer_core.training import step_log
from fer_core.training.step_log import StepLog, thin

NUM_STEPS = 10


@pytest.fixture
def writer(workspace) -> RunWriter:
    return RunWriter.create(workspace, "run", config_toml=dump_config(load_preset("quick")), meta={})


def _train(writer: RunWriter, num_steps: int, *, seconds_each: float, first: int = 0) -> StepLog:
    """Take steps whose loss is their number, by a clock that goes on with each."""
    clock = itertools.count(100)
    log = StepLog(writer, NUM_STEPS, clock=lambda: next(clock) * seconds_each)
    for number in range(first, first + num_steps):
        log.add([float(number)], [0.5])
        log.write(1 + number // NUM_STEPS, 1 + number % NUM_STEPS, 0.01)
    return log


def _steps(writer: RunWriter) -> list[StepRecord]:
    return load_run(writer.folder).load_steps()


def test_the_first_step_is_written_at_once_and_later_ones_are_means(writer):
    _train(writer, 6, seconds_each=step_log.EVERY_S / 2)
    assert _steps(writer) == [
        StepRecord(1, 1, 0.0, 0.5, 0.01),
        StepRecord(1, 3, 1.5, 0.5, 0.01),
        StepRecord(1, 5, 3.5, 0.5, 0.01),
    ]


def test_the_file_stays_small_and_even_however_long_the_run(writer, monkeypatch):
    monkeypatch.setattr(step_log, "MAX_RECORDS", 20)
    _train(writer, 1000, seconds_each=step_log.EVERY_S)
    places = [record.epoch * NUM_STEPS + record.step for record in _steps(writer)]
    assert 10 <= len(places) <= 20
    assert places[0] == NUM_STEPS + 1
    assert places[-1] > 0.9 * 1000
    gaps = [after - before for before, after in itertools.pairwise(places)]
    assert min(gaps) > 0
    assert max(gaps) < 3 * min(gaps)


def test_a_resumed_run_counts_what_is_there(writer, monkeypatch):
    monkeypatch.setattr(step_log, "MAX_RECORDS", 20)
    _train(writer, 19, seconds_each=step_log.EVERY_S)
    _train(writer, 3, seconds_each=step_log.EVERY_S, first=19)
    assert _steps(writer)[-1].step == 1
    assert len(_steps(writer)) <= 12


@pytest.mark.parametrize("count", [1, 2, 5, 100])
def test_thinning_never_keeps_more_than_asked_nor_repeats(count):
    records = [StepRecord(1 + number // 7, 1 + number % 7) for number in range(count)]
    for num_kept in (1, 3, 50):
        kept = thin(records, 7, num_kept)
        assert len(kept) <= num_kept
        assert kept == sorted(set(kept), key=lambda item: (item.epoch, item.step))
        assert kept[0] == records[0]


def test_a_full_disk_costs_the_line_and_not_the_run(writer, monkeypatch, caplog):
    _train(writer, 1, seconds_each=step_log.EVERY_S)
    real = Path.open

    def refuse(path, *arguments, **options):
        if path.name == "steps.jsonl" and "a" in (arguments or ("r",))[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)
    _train(writer, 1, seconds_each=step_log.EVERY_S, first=1)
    assert "steps.jsonl" in caplog.text
    assert [record.step for record in _steps(writer)] == [1]
