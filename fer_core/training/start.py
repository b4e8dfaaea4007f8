"""Starting a new run and taking up an old one."""

import os

import torch
from accelerate import PartialState
from accelerate.utils import parse_flag_from_env

from fer_core.config import TrainConfig, config_from_dict, dump_config
from fer_core.data.builtin import open_dataset
from fer_core.errors import RunError
from fer_core.models import count_parameters
from fer_core.runs.process import is_first_process
from fer_core.runs.reader import load_run
from fer_core.runs.records import RunStatus
from fer_core.runs.run_files import LAST_FOLDER, RESUMABLE_STATES, STATE_FILE, STOP_FILE
from fer_core.runs.writer import RunWriter, new_run_name
from fer_core.training.task import Task, prepare_task
from fer_core.training.trainer import Observer, Trainer
from fer_core.workspace import Workspace


def start_run(
    config: TrainConfig, workspace: Workspace, *, name: str | None = None, observer: Observer | None = None
) -> Trainer:
    """Make a run folder for a checked configuration; call `run()` on the result to train.

    It takes no part in the queue of the device. With several processes each calls this; the first writes.

    Raises:
        FerError: the configuration or the data set does not work; nothing was written then.
    """
    _join_processes()
    task = prepare_task(config, open_dataset(config.data.dataset, workspace), workspace)
    name = name or new_run_name(config.model.name, config.data.dataset)
    if not is_first_process():
        return Trainer(task, RunWriter(workspace.run(name)), observer=observer)
    writer = RunWriter.create(
        workspace,
        name,
        config_toml=dump_config(config),
        meta=_describe_task(task),
        status=RunStatus(num_epochs=config.epochs),
    )
    return Trainer(task, writer, observer=observer)


def resume_run(name: str, workspace: Workspace, *, observer: Observer | None = None) -> Trainer:
    """Load a stopped, failed or interrupted run; call `run()` on the result to go on.

    Raises:
        RunError: no such run, it is still running, it is finished, or its data has changed.
    """
    run = load_run(workspace.run(name))
    if is_first_process() and run.state not in RESUMABLE_STATES:
        raise RunError(
            f"run {name!r} is {run.state}; only a stopped, failed or interrupted run can be resumed"
        )
    if is_first_process():
        (run.folder / STOP_FILE).unlink(missing_ok=True)
    return open_run(RunWriter.attach(run.folder), workspace, observer=observer)


def open_run(writer: RunWriter, workspace: Workspace, *, observer: Observer | None = None) -> Trainer:
    """Load a run that this process works on: from its saved state, or from the beginning if it has none.

    With several processes each calls this; only the first writes.

    Raises:
        FerError: the configuration or the data set does not work, or the data has changed since.
    """
    run = load_run(writer.folder)
    config = config_from_dict(run.config)
    _join_processes()
    is_saved = (run.folder / LAST_FOLDER / STATE_FILE).is_file()
    dataset = open_dataset(config.data.dataset, workspace)
    task = prepare_task(config, dataset, workspace, is_resumed=is_saved)
    if is_saved and run.meta.data_fingerprint != dataset.info.fingerprint:
        raise RunError(
            f"data set {dataset.name!r} has changed since run {run.name!r} began; start a new run instead"
        )
    trainer = Trainer(task, writer, observer=observer)
    if is_saved:
        trainer.resume()
    elif trainer.is_main:
        writer.update_meta(**_describe_task(task))
        writer.truncate_records(0)
    return trainer


def _join_processes() -> None:
    """Meet the other processes of this training, before anything asks accelerate for its device.

    Without a GPU it has to be told so: otherwise each process takes itself for the only one.
    """
    is_shared = int(os.environ.get("WORLD_SIZE", "1")) > 1
    PartialState(
        cpu=parse_flag_from_env("ACCELERATE_USE_CPU") or (is_shared and not torch.accelerator.is_available())
    )


def _describe_task(task: Task) -> dict[str, object]:
    return {
        "data_fingerprint": task.dataset.info.fingerprint,
        "seed": task.config.seed,
        "num_train_images": len(task.train),
        "num_valid_images": len(task.valid),
        "num_parameters": count_parameters(task.model),
    }
