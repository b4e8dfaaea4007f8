"""What voices of a recording appear to express, over time: no label where nobody speaks.

The sound is read twice, first for where somebody speaks and then for what is said there, so that memory does
not grow with its length but by four bytes every 32 ms.
"""

import itertools
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import numpy as np

from fer_core.sound.activity import SAMPLE_RATE, Stretch, VoiceActivity, find_stretches
from fer_core.sound.decode import open_sound
from fer_core.types import Float32Array, Prediction

MIN_LABELLED_S: Final[float] = 0.5
"""Of shorter stretches of speech nothing is said: a word at most."""
_BATCH: Final[int] = 32


class VoiceModel(Protocol):
    """What reads the apparent expression of a voice (`fer_core.voice.load_voice_model`)."""

    @property
    def name(self) -> str:
        """What the model is called."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the probabilities."""

    @property
    def window_s(self) -> float:
        """Most seconds that it hears at a time."""

    @property
    def sample_rate(self) -> int:
        """Samples a second that it expects."""

    @property
    def class_prior(self) -> tuple[float, ...] | None:
        """Share of each class in what it learnt; None if that is not known."""

    def predict(self, windows: Sequence[Float32Array]) -> Float32Array:
        """Calibrated probabilities of each window, n x k."""


class VocalWindow(NamedTuple):
    """A time of speech and what the voice appears to express in it."""

    start_s: float
    end_s: float
    prediction: Prediction


@dataclass(frozen=True)
class VocalTrack:
    """The voices of a recording, in seconds from the file's beginning. Two at once are one voice."""

    duration_s: float
    """When the sound ends."""
    speech: tuple[Stretch, ...]
    """When somebody speaks, in order."""
    windows: tuple[VocalWindow, ...] = ()
    """What is labelled of it, in order; none overlap."""
    classes: tuple[str, ...] = ()
    """The model's; none without a model."""
    class_prior: tuple[float, ...] | None = None
    """Share of each class in what the model learnt; None if that is not known."""
    model: str = ""
    notes: tuple[str, ...] = ()
    """What the user should know: silent, clipped, damaged ..."""

    @property
    def speech_s(self) -> float:
        """Seconds of speech."""
        return sum(item.length_s for item in self.speech)

    def is_speech(self, time_s: float) -> bool:
        """Whether somebody speaks then."""
        return self._find(self._speech_starts, self.speech, time_s) is not None

    def window_at(self, time_s: float) -> VocalWindow | None:
        """What the voice appears to express then; None where nobody speaks, or too shortly to say."""
        found: VocalWindow | None = self._find(self._window_starts, self.windows, time_s)
        return found

    def mean_shares(self) -> dict[str, float]:
        """Mean probability of each class over the labelled time; empty where nothing is labelled."""
        if not self.windows:
            return {}
        lengths = np.array([item.end_s - item.start_s for item in self.windows])
        found = np.array([item.prediction.probabilities for item in self.windows])
        return dict(zip(self.classes, (lengths @ found / lengths.sum()).tolist(), strict=True))

    @cached_property
    def _speech_starts(self) -> list[float]:
        return [item.start_s for item in self.speech]

    @cached_property
    def _window_starts(self) -> list[float]:
        return [item.start_s for item in self.windows]

    @staticmethod
    def _find(starts: list[float], items: Sequence[Any], time_s: float) -> Any:
        place = bisect_right(starts, time_s) - 1
        return items[place] if place >= 0 and time_s < items[place].end_s else None


class _Span(NamedTuple):
    """A time that gets one label, and the sound that is heard for it."""

    start_s: float
    end_s: float
    from_s: float
    to_s: float


def plan_spans(speech: Sequence[Stretch], window_s: float) -> list[_Span]:
    """Cut speech into times of one label each, about half a window long, and the windows around them.

    No window leaves its stretch of speech; a stretch shorter than a window is heard whole and has one label.
    """
    spans = []
    for stretch in speech:
        if stretch.length_s < MIN_LABELLED_S:
            continue
        num = 1 if stretch.length_s <= window_s else round(2 * stretch.length_s / window_s)
        edges = np.linspace(stretch.start_s, stretch.end_s, num + 1).tolist()
        length_s = min(window_s, stretch.length_s)
        for start_s, end_s in itertools.pairwise(edges):
            middle_s = (start_s + end_s) / 2
            from_s = min(max(middle_s - length_s / 2, stretch.start_s), stretch.end_s - length_s)
            spans.append(_Span(start_s, end_s, from_s, from_s + length_s))
    return spans


def listen(
    path: Path,
    model: VoiceModel | None = None,
    *,
    max_duration_s: float = float("inf"),
    on_progress: Callable[[float, float | None], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> VocalTrack:
    """Find where somebody speaks in a file, and what the voice appears to express there.

    Args:
        path: a film or a recording.
        model: reads the voice; without one only speech is found.
        max_duration_s: longer sound is refused.
        on_progress: called with the seconds done and those in all, None if the file does not say.
        cancelled: asked every second of sound whether to stop; what was heard up to there is the result.

    Raises:
        MediaError: there is no sound that can be decoded, or it is too long.
        MissingPackageError: the package that finds speech is not installed.
    """
    is_stopped = cancelled or (lambda: False)
    tell = on_progress or (lambda done_s, all_s: None)
    activity, found = VoiceActivity(), []
    with open_sound(path, SAMPLE_RATE, max_duration_s) as reader:
        for block in reader.blocks():
            found.append(activity.feed(block))
            tell(reader.end_s, reader.info.duration_s)
            if is_stopped():
                break
        found.append(activity.finish())
        start_s, end_s, notes = reader.start_s, reader.end_s, reader.notes
    heard = find_stretches(np.concatenate(found), start_s)
    speech = tuple(Stretch(item.start_s, min(item.end_s, end_s)) for item in heard)
    if model is None:
        return VocalTrack(end_s, speech, notes=notes)
    spans = plan_spans(speech, model.window_s)
    return VocalTrack(
        end_s,
        speech,
        tuple(_read(path, model, spans, is_stopped)),
        model.classes,
        model.class_prior,
        model.name,
        notes,
    )


def _read(
    path: Path, model: VoiceModel, spans: Sequence[_Span], is_stopped: Callable[[], bool]
) -> Iterator[VocalWindow]:
    """Hear the spans of a file."""
    if not spans:
        return
    with open_sound(path, model.sample_rate) as reader:
        sounds = cut_sound(reader.blocks(), spans, model.sample_rate, reader.start_s)
        pairs = zip(spans, sounds, strict=False)
        while batch := list(itertools.islice(pairs, _BATCH)):
            if is_stopped():
                return
            # Rounded ends may hold a sample more than the model takes.
            longest = int(model.window_s * model.sample_rate)
            for (span, _), row in zip(
                batch, model.predict([item[:longest] for _, item in batch]), strict=True
            ):
                yield VocalWindow(span.start_s, span.end_s, Prediction.from_array(model.classes, row))


def cut_sound(
    blocks: Iterator[Float32Array], spans: Sequence[_Span], rate: int, start_s: float
) -> Iterator[Float32Array]:
    """The samples of each span, in order; no more is held than from the first sample that is still needed."""
    held, first = np.zeros(0, np.float32), 0
    for span in spans:
        begin, end = (round((time_s - start_s) * rate) for time_s in (span.from_s, span.to_s))
        begin = max(begin, 0)
        while first + len(held) < end and (block := next(blocks, None)) is not None:
            held = np.concatenate([held, block])
            skipped = min(max(begin - first, 0), len(held))
            held, first = held[skipped:], first + skipped
        yield held[max(begin - first, 0) : end - first]


def list_rows(track: VocalTrack) -> list[tuple[float, float, Prediction | None]]:
    """Begin, end and label of each labelled time, and of each stretch too short for one (None), in order."""
    rows: list[tuple[float, float, Prediction | None]] = list(track.windows)
    labelled = {item.start_s for item in track.windows}
    rows += [(*item, None) for item in track.speech if item.start_s not in labelled]
    return sorted(rows, key=lambda row: row[0])
