"""The training within the epochs: a curve from the first step on, in a file that stays small."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

from fer_core.errors import RunError, StorageError
from fer_core.runs.reader import load_run
from fer_core.runs.records import StepRecord
from fer_core.runs.writer import RunWriter

_LOG: Final = logging.getLogger(__name__)
EVERY_S: Final[float] = 0.5
"""Time between two lines, until the file is full for the first time."""
MAX_RECORDS: Final[int] = 2000
"""Lines of the file; when it is full, every other goes and lines come half as often."""


class StepLog:
    """Collects what steps give and writes a line of their mean now and then."""

    def __init__(
        self, writer: RunWriter, num_steps: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Nothing is written or read yet.

        Args:
            writer: the run folder.
            num_steps: of an epoch.
            clock: tells seconds.
        """
        self._writer, self._num_steps, self._clock = writer, num_steps, clock
        self._every_s = EVERY_S
        self._num_records: int | None = None
        self._last_written: float | None = None
        self._losses: list[float] = []
        self._accuracies: list[float] = []

    def add(self, losses: Sequence[float], accuracies: Sequence[float]) -> None:
        """Remember what steps gave that were taken one after the other, the last of them just now."""
        self._losses += losses
        self._accuracies += accuracies

    def write(self, epoch: int, step: int, learning_rate: float) -> None:
        """Write a line if the last one is long enough ago. A disk that is full is told in the run's log.

        Args:
            epoch: under way, from 1.
            step: of the epoch, the last that was added, from 1.
            learning_rate: of that step.
        """
        now = self._clock()
        if not self._losses or (self._last_written is not None and now - self._last_written < self._every_s):
            return
        count = len(self._losses)
        record = StepRecord(
            epoch=epoch,
            step=step,
            train_loss=sum(self._losses) / count,
            train_accuracy=sum(self._accuracies) / count,
            learning_rate=learning_rate,
        )
        self._last_written = now
        self._losses.clear()
        self._accuracies.clear()
        try:
            self._append(record)
        except (RunError, StorageError) as error:  # a curve is not worth a run
            _LOG.warning("%s", error)

    def _append(self, record: StepRecord) -> None:
        if self._num_records is None:
            self._num_records = len(load_run(self._writer.folder).load_steps())
        if self._num_records >= MAX_RECORDS:
            kept = thin(load_run(self._writer.folder).load_steps(), self._num_steps, MAX_RECORDS // 2)
            self._writer.replace_steps(kept)
            self._num_records = len(kept)
            self._every_s *= 2
        self._writer.append_step(record)
        self._num_records += 1


def thin(records: Sequence[StepRecord], num_steps: int, num_kept: int) -> list[StepRecord]:
    """About `num_kept` of the records, never more, evenly spaced over the steps; the first is among them.

    Args:
        records: in their order.
        num_steps: of an epoch.
        num_kept: 1 or more.

    Examples:
        >>> [item.step for item in thin([StepRecord(1, step) for step in (1, 2, 3, 4, 5)], 10, 3)]
        [1, 3, 5]
    """
    places = [record.epoch * num_steps + record.step for record in records]
    if len(records) <= num_kept:
        return list(records)
    gap = (places[-1] - places[0]) / max(1, num_kept - 1)
    kept: list[StepRecord] = []
    following = float(places[0])
    for place, record in zip(places, records, strict=True):
        if place >= following and len(kept) < num_kept:
            kept.append(record)
            following = max(following + gap, place + gap / 2)
    return kept
