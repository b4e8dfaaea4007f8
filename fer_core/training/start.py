"""Starting a new run and taking up an old one."""

from fer_core.config import TrainConfig, config_from_dict, dump_config
from fer_core.data.builtin import open_dataset
from fer_core.errors import RunError
from fer_core.models import count_parameters
from fer_core.runs.reader import load_run
from fer_core.runs.writer import RunWriter, new_run_name
from fer_core.training.loop import Observer, Trainer
from fer_core.training.task import Task, prepare_task
from fer_core.workspace import Workspace


def start_run(
    config: TrainConfig, workspace: Workspace, *, name: str | None = None, observer: Observer | None = None
) -> Trainer:
    """Make a run folder for a checked configuration; call `run()` on the result to train.

    Raises:
        FerError: the configuration or the data set does not work; nothing was written then.
    """
    task = prepare_task(config, open_dataset(config.data.dataset, workspace), workspace)
    writer = RunWriter.create(
        workspace,
        name or new_run_name(config.model.name, config.data.dataset),
        config_toml=dump_config(config),
        meta=_describe_task(task),
    )
    return Trainer(task, writer, observer=observer)


def resume_run(name: str, workspace: Workspace, *, observer: Observer | None = None) -> Trainer:
    """Load a stopped, failed or interrupted run; call `run()` on the result to go on.

    Raises:
        RunError: no such run, it is still running, it is finished, or its data has changed.
    """
    run = load_run(workspace.run(name))
    if run.state not in ("stopped", "failed", "interrupted"):
        raise RunError(
            f"run {name!r} is {run.state}; only a stopped, failed or interrupted run can be resumed"
        )
    config = config_from_dict(run.config)
    task = prepare_task(config, open_dataset(config.data.dataset, workspace))
    recorded = run.meta.get("data_fingerprint")
    if recorded != task.dataset.info.fingerprint:
        raise RunError(
            f"data set {task.dataset.name!r} has changed since run {name!r} began; start a new run instead"
        )
    trainer = Trainer(task, RunWriter(run.folder), observer=observer)
    trainer.resume()
    return trainer


def _describe_task(task: Task) -> dict[str, object]:
    return {
        "data_fingerprint": task.dataset.info.fingerprint,
        "seed": task.config.seed,
        "num_train_images": len(task.train),
        "num_valid_images": len(task.valid),
        "num_parameters": count_parameters(task.model),
    }
