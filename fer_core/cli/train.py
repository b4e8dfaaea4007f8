"""`fer train`: train a model, with every setting of the configuration as an option."""

import os
import signal
from dataclasses import dataclass, field
from types import FrameType
from typing import Annotated, Any

import tyro
from tyro.conf import arg

from fer_core.cli.base_config import BaseOptions, read_base_config
from fer_core.config import TrainConfig, list_presets
from fer_core.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class TrainCommand(BaseOptions):
    """Train a model. Settings come from the preset or file, then from the options given here."""

    name: str | None = None
    """Name of the run; made from time, model and data set if not given."""
    resume: str | None = None
    """Go on with a stopped, failed or interrupted run; all other settings come from that run."""
    nice: int = 10
    """How far to step back for other programs, 0 to 19, so that a live stream beside it stays fluent."""
    config: Annotated[TrainConfig, arg(name="")] = field(default_factory=TrainConfig)
    """The training configuration."""


def parse(arguments: list[str]) -> int:
    """Read the command line (the preset first, since it changes every other default) and train."""
    command = tyro.cli(
        TrainCommand,
        prog="fer train",
        description=f"Train a model. Presets: {', '.join(list_presets())}.",
        args=arguments,
        default=TrainCommand(config=read_base_config(arguments)),
    )
    return train(command)


def train(command: TrainCommand) -> int:
    """Run one training in this process, with progress bars; Ctrl-C or SIGTERM stops it resumably."""
    from fer_core.training.start import resume_run, start_run

    workspace = Workspace.default()
    with _Bars() as bars:
        if command.resume:
            trainer = resume_run(command.resume, workspace, observer=bars)
        else:
            trainer = start_run(command.config, workspace, name=command.name, observer=bars)
        if command.nice:  # only now: what can't begin has no reason to step back
            os.nice(command.nice)
        bars.begin(trainer.writer.name, trainer.config.epochs, trainer.progress.epoch)

        def stop(number: int, frame: FrameType | None) -> None:
            bars.print("stopping after this step; resume with the command printed at the end")
            trainer.request_stop()

        previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            state = trainer.run()
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
    best = trainer.progress.stop
    print(f"{state}: {trainer.writer.folder}")
    if best.best_epoch:
        print(f"best epoch {best.best_epoch}, validation {trainer.config.monitor} {best.best_score:.4f}")
    if state == "stopped":
        print(f"go on with: fer train --resume {trainer.writer.name}")
    return 0


class _Bars:
    """Progress on the terminal: a bar for the epochs, one for the steps, a line an epoch."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._epochs = self._progress.add_task("epochs", start=False)
        self._steps = self._progress.add_task("steps", start=False)
        self._num_epochs = 0

    def __enter__(self) -> "_Bars":
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def begin(self, name: str, num_epochs: int, done: int) -> None:
        self._num_epochs = num_epochs
        self._progress.update(self._epochs, total=num_epochs, completed=done)
        for task in (self._epochs, self._steps):
            self._progress.start_task(task)
        self.print(f"run {name}")

    def print(self, text: str) -> None:
        self._progress.console.print(text, highlight=False, soft_wrap=True)

    def on_step(self, epoch: int, step: int, num_steps: int, loss: float) -> None:
        self._progress.update(
            self._steps, total=num_steps, completed=step, description=f"epoch {epoch}, loss {loss:.3f}"
        )

    def on_epoch(self, record: dict[str, Any]) -> None:
        self._progress.update(self._epochs, completed=record["epoch"])
        self.print(
            f"epoch {record['epoch']:3d}/{self._num_epochs}  train loss {record['train_loss']:.4f}  "
            f"valid accuracy {record['valid_accuracy']:.4f}  macro-F1 {record['valid_macro_f1']:.4f}  "
            f"{record['images_per_s']:,.0f} images/s{'  best' if record['is_best'] else ''}"
        )
