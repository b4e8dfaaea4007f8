"""What adapting a model to own faces gained and cost: `adaptation.json` of a run, and the same in words."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from fer_core.errors import RunError
from fer_core.io import read_record, write_json
from fer_core.plain import Count
from fer_core.words import count

ADAPTATION_FILE: Final[str] = "adaptation.json"
SCHEMA_VERSION: Final[int] = 1
Verdict = Literal["better", "worse", "unclear", "too_few"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A figure with its 95 % interval, where there is one."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A model before and after, on the same images that neither was trained on. Fractions."""

    dataset: str
    split: str
    protocol: str
    """The rule that chose images and labels, and how each model's probabilities were read."""
    n: Count
    """Images."""
    num_groups: Count
    """People or clips that they are of; intervals draw these, not single images."""
    before: Measured
    """Accuracy of the model that was adapted."""
    after: Measured
    difference: Measured
    """After minus before, paired."""
    ece_before: float
    """Calibration error: the mean gap between how sure a model is and how often it is right."""
    ece_after: float
    only_before: Count
    """Images that only the model before gets right."""
    only_after: Count
    p_value: float
    """McNemar's exact test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupChange:
    """Accuracy on the held-out images of one person or clip; the intervals take single images for chance."""

    name: str
    n: Count
    before: Measured
    after: Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Adaptation:
    """adaptation.json."""

    model: str
    """The model that was adapted."""
    weights_sha256: str
    """Of that model."""
    dataset: str
    """What it was adapted to."""
    num_train: Count
    num_valid: Count
    replay: str
    """Data set that was learned again beside; empty if none was."""
    own: Change
    """On the held-out own images."""
    old: Change | None
    """On what the model knew before; None where its data are not on the machine."""
    groups: tuple[GroupChange, ...]
    """By person, or by clip; empty where nothing says who is on the images."""
    verdict: Verdict
    needed: Count
    """Held-out images with which such a difference would show in four of five tries; 0 where it shows now."""
    sought: float
    """The difference that this is about, as a fraction."""
    calibrated_on: str
    """What its probabilities were calibrated on, in words."""
    share: float
    """Of the change of the weights that was learned, the part that was kept."""
    schema_version: int = SCHEMA_VERSION

    def describe(self) -> tuple[str, ...]:
        """The finding in sentences of plain text: own faces, evidence, what was known before, calibration."""
        told = self._judge(), self._prove(), self._tell_old(), self._tell_share(), self._tell_calibration()
        return tuple(filter(None, told))

    def _judge(self) -> str:
        own, points = self.own, 100 * self.own.difference.value
        if self.verdict == "better":
            return f"It reads your faces better: {points:+.1f} points of accuracy on clips it has never seen."
        if self.verdict == "worse":
            return f"It reads your faces worse: {points:+.1f} points. Keep using {self.model}."
        seen = (
            f"{count(own.n, 'held-out face')} of {count(own.num_groups, 'person or clip', 'people or clips')}"
        )
        if self.verdict == "too_few":
            left = f"{seen} leave {points:+.1f} points open to chance"
            return f"Too few faces to tell: {left}.{self._tell_more()}"
        return f"No clear difference: {points:+.1f} points on {seen} may be chance.{self._tell_more()}"

    def _tell_more(self) -> str:
        more = self.needed - self.own.n
        if more <= 0:
            return " The faces are of too few people or clips: hold out more of those."
        return (
            f" About {count(more, 'more held-out face')} ({self.needed:,} in all) would show a difference of "
            f"{100 * self.sought:.0f} points in four of five cases."
        )

    def _prove(self) -> str:
        own = self.own
        if not own.only_after + own.only_before:
            return f"Both are right on the same of {count(own.n, 'held-out face')}."
        gap = own.difference
        interval = (
            ""
            if gap.low is None or gap.high is None
            else (f"; 95 % interval of the difference {100 * gap.low:+.1f} to {100 * gap.high:+.1f} points")
        )
        p_value = "< 0.001" if own.p_value < 0.001 else f"= {own.p_value:.3f}"
        return (
            f"Of {count(own.n, 'held-out face')} the adapted model alone is right on {own.only_after:,}, the "
            f"one before alone on {own.only_before:,} (McNemar p {p_value}{interval})."
        )

    def _tell_old(self) -> str:
        old = self.old
        if old is None:
            return (
                "What it forgot is not known: the data it was trained on before are not on this machine. "
                "Import FER+ to measure it."
            )
        return (
            f"On {old.dataset}, which it knew before, accuracy went from {old.before.value:.1%} to "
            f"{old.after.value:.1%} ({100 * old.difference.value:+.1f} points, n = {old.n:,})."
        )

    def _tell_share(self) -> str:
        if self.share == 1:
            return ""
        why = f"more of it costs too much on {self.replay}" if self.replay else "to stay near what it knew"
        return f"Of what it learned {self.share:.0%} was kept: {why}."

    def _tell_calibration(self) -> str:
        parts = [f"{100 * self.own.ece_before:.1f} to {100 * self.own.ece_after:.1f} points on your faces"]
        if self.old is not None:
            parts.append(
                f"{100 * self.old.ece_before:.1f} to {100 * self.old.ece_after:.1f} on {self.old.dataset}"
            )
        return f"Calibration error: {', '.join(parts)}. {self.calibrated_on}"


def save_adaptation(folder: Path, record: Adaptation) -> None:
    """Write it into a run's folder."""
    write_json(folder / ADAPTATION_FILE, record)


def load_adaptation(folder: Path) -> Adaptation | None:
    """What adapting cost, by the run's folder; None where that was not measured.

    Raises:
        RunError: the file is damaged.
    """
    path = folder / ADAPTATION_FILE
    if not path.is_file():
        return None
    return read_record(path, Adaptation, RunError, advice="adapt the model again")
