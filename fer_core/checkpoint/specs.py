"""What a model takes: the pixels, the crop of a face, or the sound that becomes a picture."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

from fer_core.errors import CheckpointError, FerError

MEAN_RANGE: Final[tuple[float, float]] = (-1.0, 2.0)
STD_RANGE: Final[tuple[float, float]] = (1e-3, 10.0)
TEMPERATURE_RANGE: Final[tuple[float, float]] = (0.01, 100.0)
"""What is plausible, and keeps every step of a prediction finite in float32: pixels are in [0, 1], and
calibration gives temperatures of 0.05 to 20."""

ColorMode = Literal["gray", "rgb"]
InputKind = Literal["image", "sound"]
"""What the samples of a data set and the inputs of a model are. Files that do not say hold images."""
KIND_WORDS: Final[dict[InputKind, str]] = {"image": "faces", "sound": "voices"}
"""What a model of each kind reads, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FramingSpec:
    """How a face box becomes the square crop that a model expects.

    The defaults reproduce FER2013's framing, measured on 514 upscaled FER2013 faces against YuNet's boxes.
    """

    side_per_height: float = 1.04
    """Side of the square, as a multiple of the face box's height."""
    shift_up: float = 0.02
    """How far the square's centre lies above the box's centre, as a fraction of the square's side."""

    def __post_init__(self) -> None:
        if not 0.1 <= self.side_per_height <= 10:
            raise CheckpointError(f"framing.side_per_height is {self.side_per_height}; expected 0.1 to 10")
        if not -1 <= self.shift_up <= 1:
            raise CheckpointError(f"framing.shift_up is {self.shift_up}; expected -1 to 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundSpec:
    """How a stretch of sound becomes the grey picture that a model takes (`fer_core.log_mel`).

    A row is a mel band, the highest first, a column a time; 0 is `floor_db` below the reference, 255 is it.
    """

    sample_rate: int = 16_000
    """Samples a second, mono."""
    window_s: float = 2.0
    """Seconds of sound that one picture shows, 1 to 3."""
    hop: int = 160
    """Samples from one column to the next."""
    frame: int = 400
    """Samples that a column is computed from, under a Hann window."""
    num_bands: int = 64
    """Mel bands."""
    low_hz: float = 60.0
    """Where the lowest band begins."""
    high_hz: float = 7600.0
    """Where the highest band ends."""
    floor_db: float = 80.0
    """Range of the picture in decibels."""
    level_db: float = -14.0
    """Loudness that every window is brought to, as root mean square without its pauses, in decibels of full
    scale: how far away a microphone stood says nothing of the voice."""

    def __post_init__(self) -> None:
        for name, low, high in (
            ("sample_rate", 8_000, 48_000),
            ("window_s", 1.0, 3.0),
            ("hop", 40, 4_000),
            ("frame", self.hop, 8_192),
            ("num_bands", 8, 256),
            ("low_hz", 0.0, self.high_hz - 1),
            ("high_hz", 1.0, self.sample_rate / 2),
            ("floor_db", 20.0, 160.0),
            ("level_db", -60.0, 0.0),
        ):
            check_range(f"input.sound.{name}", getattr(self, name), (low, high))

    @property
    def num_samples(self) -> int:
        """Samples of a window."""
        return self.num_frames * self.hop

    @property
    def num_frames(self) -> int:
        """Columns of a window."""
        return round(self.window_s * self.sample_rate / self.hop)


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSpec:
    """The pixels a model takes: `(value / 255 - mean) / std`, one mean and std per channel."""

    height: int
    """Rows in pixels."""
    width: int
    """Columns in pixels."""
    color: ColorMode
    """`gray` (one channel) or `rgb` (three, in this order)."""
    mean: tuple[float, ...]
    """Mean a channel, of values in [0, 1]."""
    std: tuple[float, ...]
    """Standard deviation a channel, of values in [0, 1]; > 0."""
    framing: FramingSpec = FramingSpec()
    """How a face box becomes the crop."""
    kind: InputKind = "image"
    """What it takes. Sound comes as a picture, too, which `sound` describes."""
    sound: SoundSpec | None = None
    """How sound becomes the picture; None for images."""

    def __post_init__(self) -> None:
        check_kind(self.kind, "input.kind", CheckpointError)
        if (self.kind == "sound") != (self.sound is not None):
            raise CheckpointError(
                f"input.kind is {self.kind!r}; expected input.sound with sound, and only then"
            )
        if self.sound and self.color != "gray":
            raise CheckpointError(f"input.color is {self.color!r}; expected 'gray' for sound")
        if self.sound and (self.height, self.width) != (self.sound.num_bands, self.sound.num_frames):
            raise CheckpointError(
                f"input is {self.height}x{self.width}; expected {self.sound.num_bands} bands x "
                f"{self.sound.num_frames} columns, as input.sound says"
            )
        if not (8 <= self.height <= 2048 and 8 <= self.width <= 2048):
            raise CheckpointError(f"input is {self.height}x{self.width}; expected sides of 8 to 2048 px")
        if self.color not in ("gray", "rgb"):
            raise CheckpointError(f"input.color is {self.color!r}; expected 'gray' or 'rgb'")
        if len(self.mean) != self.channels or len(self.std) != self.channels:
            raise CheckpointError(
                f"input has {self.channels} channel(s), {len(self.mean)} mean(s) and {len(self.std)} std(s)"
            )
        for mean, std in zip(self.mean, self.std, strict=True):
            check_range("input.mean", mean, MEAN_RANGE)
            check_range("input.std", std, STD_RANGE)

    @property
    def channels(self) -> int:
        """Number of channels: 1 for grey, 3 for RGB."""
        return 1 if self.color == "gray" else 3

    def __str__(self) -> str:
        """Shape as people write it, for example `48x48x1` or `2 s of sound`."""
        if self.sound is not None:
            return f"{self.sound.window_s:g} s of sound"
        return f"{self.height}x{self.width}x{self.channels}"


def check_range(what: str, value: float, limits: tuple[float, float]) -> None:
    """Check a number that a checkpoint's description holds; `what` is what the message calls it.

    Raises:
        CheckpointError: it is outside, or no number.
    """
    low, high = limits
    if not low <= value <= high:  # NaN is not, either
        raise CheckpointError(f"{what} is {value}; expected {low:g} to {high:g}")


def check_kind(kind: object, name: str, error: type[FerError]) -> None:
    """Check what a description says of its kind of input; `name` is what the message calls it.

    Raises:
        error: this program knows no such kind.
    """
    known = get_args(InputKind)
    if kind not in known:
        raise error(f"{name} is {kind!r}; this version reads {', '.join(known)}: update the program")
