"""The methods paragraph: every setting, version and number that a reader needs to repeat the figures."""

import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Final, Literal

from fer_core import __version__
from fer_core.studies.statistics.bootstrap import MIN_PERSONS, NUM_RESAMPLES
from fer_core.studies.statistics.comparison import Test
from fer_core.studies.statistics.series import LEAST, STEP_S, Baseline, Series
from fer_core.words import count as count_words

_PACKAGES: Final[tuple[str, ...]] = ("numpy", "pandas", "scipy", "krippendorff")
_TESTS: Final[dict[Test, str]] = {"t": "Student's paired t test", "wilcoxon": "Wilcoxon's signed-rank test"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """How the figures of a report are computed."""

    of: Literal["faces", "voices"] = "faces"
    """What is summed up."""
    baseline: Baseline = "none"
    """What is taken off each participant's values, in log-odds."""
    baseline_code: str = "baseline"
    """Code of the neutral intervals, for the baseline `interval`."""
    test: Test = "t"
    """Of the comparison of conditions."""
    min_label_s: float = 0.5
    """Shorter stretches of a label are not counted as expressions."""
    before_s: float = 2.0
    """Of the curves around events."""
    after_s: float = 5.0
    num_resamples: int = NUM_RESAMPLES
    settings: Mapping[str, str] = field(default_factory=dict)
    """How the recordings were analyzed, in words: model, detector and so on."""


def describe_methods(series: Sequence[Series], options: ReportOptions, valence: str = "") -> str:
    """Methods in plain sentences.

    Args:
        series: of all recordings.
        options: of the report.
        valence: its formula; "" if there is none.
    """
    persons = {item.participant for item in series}
    per_condition = Counter(item.condition or "no condition" for item in series)
    frames, empty = sum(item.num_frames for item in series), sum(item.num_empty for item in series)
    minutes = sum(item.duration_s for item in series) / 60
    conditions = ", ".join(f"{name}: {count}" for name, count in per_condition.items())
    settings = "; ".join(f"{name} {value}" for name, value in options.settings.items())
    valence_text = f"Valence is the projection {valence} (Noldus, FaceReader methodology), not a measurement."
    is_of_faces = options.of == "faces"
    kind = "facial" if is_of_faces else "vocal"
    missing = f"{empty:,} frames ({empty / frames if frames else 0:.1%})"
    sentences = [
        f"Apparent {kind} expressions were read in {count_words(len(series), 'recording')} of "
        f"{count_words(len(persons), 'participant')} "
        f"({conditions}; {minutes:.1f} minutes, {frames:,} frames) with fer-workbench {__version__}"
        + (f" ({settings})." if settings else "."),
        "In each frame the face that was named as the participant counts, or the largest one where none was "
        f"named; {missing} showed none: missing values."
        if is_of_faces
        else f"Whoever spoke counts as the participant; {missing} have no voice to read: missing values.",
        f"Probabilities were averaged in steps of {STEP_S:g} s.",
        _describe_baseline(options),
        valence_text if valence else "",
        "Means are over the steps of a recording first, then over the recordings of a participant, then over "
        "participants; around an event every occurrence counts once for its participant. "
        "95 % intervals are studentized bootstrap intervals "
        f"({options.num_resamples:,} resamples) of persons, and of circular blocks of time within persons "
        "whose length follows their autocorrelation (Politis & White, 2004); with fewer than "
        f"{MIN_PERSONS} persons, Student's t on their means.",
        f"Conditions were compared over the participants that have both, by {_TESTS[options.test]} with "
        "Holm's correction for all comparisons of the table; effects are Cohen's d_z.",
        f"An expression is a stretch of at least {options.min_label_s:g} s in which it is the most probable.",
        "Agreement of coders is Cohen's kappa and Krippendorff's alpha (nominal) of steps that both coded.",
        f"Versions: Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
        + ".",
        f"The model names what {'faces look' if is_of_faces else 'voices sound'} like, not what people feel.",
    ]
    return " ".join(filter(None, sentences))


def _describe_baseline(options: ReportOptions) -> str:
    if options.baseline == "none":
        return "No baseline was taken off."
    what = {
        "mean": "the mean of each participant's recordings",
        "interval": "the mean of each participant's recordings in the intervals coded "
        f"{options.baseline_code!r}",
    }[options.baseline]
    return (
        f"They were turned into log-odds (kept within {LEAST:g} and {1 - LEAST:g}), and {what} was taken "
        "off, so a value is by how much the log-odds differ from that baseline."
    )
