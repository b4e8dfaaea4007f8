"""Progress of a training on the terminal."""

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fer_core.cli.terminal import build_console
from fer_core.errors import RunError
from fer_core.runs.reader import load_run
from fer_core.runs.records import EpochRecord
from fer_core.runs.writer import RunWriter


class TrainBars:
    """A bar for the epochs, one for the steps, a line per epoch."""

    def __init__(self, writer: RunWriter) -> None:
        """Nothing is drawn yet.

        Args:
            writer: the run that is shown.
        """
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=build_console(stderr=True),
        )
        status = load_run(writer.folder).status
        self._folder = writer.folder
        self._num_epochs = status.num_epochs or 0
        self._done = status.epoch
        self._epochs = self._progress.add_task(
            "epochs", start=False, total=self._num_epochs or None, completed=self._done
        )
        self._steps = self._progress.add_task("steps", start=False, total=None)

    def __enter__(self) -> "TrainBars":
        """Begin to draw."""
        self._progress.start()
        self.print(f"run {self._folder.name}")
        return self

    def __exit__(self, *error: object) -> None:
        """Leave the last picture standing."""
        self._progress.stop()

    def print(self, text: object) -> None:
        """A line above the bars."""
        self._progress.console.print(str(text), highlight=False, soft_wrap=True)

    def on_asked(self, done: int, total: int) -> None:
        """After each batch about which teachers are asked."""
        self._progress.start_task(self._steps)
        self._progress.update(self._steps, total=total, completed=done, description="asking the teachers")

    def on_step(self, epoch: int, step: int, num_steps: int, loss: float | None) -> None:
        """After each step."""
        for task in (self._epochs, self._steps):
            self._progress.start_task(task)
        description = f"epoch {epoch}" if loss is None else f"epoch {epoch}, loss {loss:.3f}"
        self._progress.update(self._steps, total=num_steps, completed=step, description=description)

    def on_epoch(self, record: EpochRecord) -> None:
        """After each epoch, with its line of metrics.jsonl."""
        self._done = record.epoch
        self._progress.update(self._epochs, completed=self._done)
        self.print(
            f"epoch {record.epoch:3d}/{self._num_epochs}  train loss {_four(record.train_loss)}  "
            f"valid accuracy {_four(record.valid_accuracy)}  macro-F1 {_four(record.valid_macro_f1)}  "
            f"{record.images_per_s or 0:,.0f} images/s{'  best' if record.is_best else ''}"
        )

    def look(self) -> None:
        """Draw what the run folder says: for a training in other processes."""
        try:
            run = load_run(self._folder)
        except RunError:  # being replaced on a system without atomic renames; the next look will do
            return
        status = run.status
        if run.is_active and status.message:
            self._progress.start_task(self._steps)
            self._progress.update(
                self._steps, total=1, completed=status.share or 0, description=escape(status.message)
            )
        elif status.num_steps:
            self.on_step(min(status.epoch + 1, self._num_epochs), status.step, status.num_steps, None)
        if status.epoch > self._done:
            for record in run.load_metrics():
                if record.epoch > self._done:
                    self.on_epoch(record)


def _four(score: float | None) -> str:
    return "undefined" if score is None else f"{score:.4f}"
