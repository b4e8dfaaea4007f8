"""Trials that last a tenth of a second: run folders filled by a thread instead of a training process.

As a script it is one worker of a sweep: `python sweep_support.py WORKSPACE SWEEP TRIALS`.
"""

import math
import sys
import threading
import time
from pathlib import Path

from fer_core import jobs
from fer_core.config import dump_config
from fer_core.runs.reader import load_run
from fer_core.runs.records import EpochRecord
from fer_core.runs.writer import RunWriter
from fer_core.sweeps import load_sweep, run_worker
from fer_core.workspace import Workspace

_STOPS: dict[str, threading.Event] = {}


def score_of(config, epoch):
    """Best at a learning rate of 0.01, rising with the epochs."""
    return max(0.0, 0.9 - 0.2 * abs(math.log10(config.optimizer.learning_rate) + 2)) * epoch / config.epochs


def submit_run(config, workspace, *, name, device=""):
    writer = RunWriter.create(workspace, name, config_toml=dump_config(config), meta={})
    writer.set_state("running")
    stop = _STOPS[name] = threading.Event()

    def train():
        for epoch in range(1, config.epochs + 1):
            score = score_of(config, epoch)
            writer.append_metrics(EpochRecord(epoch, valid_accuracy=score, valid_loss=1 - score))
            if stop.wait(0.15):
                writer.set_state("stopped")
                return
        writer.set_state("finished")

    threading.Thread(target=train, daemon=True).start()
    return load_run(writer.folder)


def stop_run(name, workspace):
    _STOPS[name].set()
    time.sleep(0.05)


if __name__ == "__main__":
    jobs.submit_run, jobs.stop_run = submit_run, stop_run
    space = Workspace(Path(sys.argv[1]))
    run_worker(load_sweep(sys.argv[2], space), space, num_trials=int(sys.argv[3]))
