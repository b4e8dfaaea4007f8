"""Draws boxes, numbers and probability bars of faces onto a picture.

Every string is rendered once, with Pillow's built-in font, and kept: a video pays for it only once. OpenCV's
own fonts are hard to read at this size and know nothing but ASCII.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from fer_core.errors import ConfigError
from fer_core.inference.panel_layout import Placement, layout_panels
from fer_core.palette import UNKNOWN_COLOR, emotion_color, hex_to_rgb
from fer_core.types import FaceBox, FaceResult, UInt8Array

if TYPE_CHECKING:
    from PIL import ImageFont

UNCERTAIN: Final[str] = "uncertain"
"""Shown instead of a label whose probability is too low."""

_PANEL_SCALES: Final[tuple[float, ...]] = (1.0, 0.8, 0.65, 0.5)
_TAG_SCALES: Final[tuple[float, ...]] = (0.8, 0.65)
_COMFORTABLE_FONT_PX: Final[int] = 12
_MIN_FONT_PX: Final[int] = 9
_PLATE_SHARE_LEFT: Final[float] = 0.2
"""How much of the picture shines through a panel."""
_TOLD_TURN_DEG: Final[float] = 45.0
"""Heads are tilted less."""
_TRACK: Final[tuple[int, int, int]] = (48, 48, 52)
_DARK: Final[tuple[int, int, int]] = (16, 16, 18)


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayStyle:
    """What is drawn, and how big."""

    top_k: int = 3
    """Probability bars a face, the most probable classes; 0 shows the label alone."""
    uncertain_below: float = 0.4
    """A face whose best probability is lower is greyed out and called uncertain; 0 is off."""
    font_scale: float = 1.0
    """Size of the text, relative to the size that goes with the frame's."""
    show_numbers: bool = True
    """Show each face's number: its track's id, or its place in the list if it has none."""

    def __post_init__(self) -> None:
        if self.top_k < 0:
            raise ConfigError(f"overlay.top_k is {self.top_k}; expected 0 or more")
        if not 0 <= self.uncertain_below <= 1:
            raise ConfigError(f"overlay.uncertain_below is {self.uncertain_below}; expected 0 to 1")
        if not 0.3 <= self.font_scale <= 5:
            raise ConfigError(f"overlay.font_scale is {self.font_scale}; expected 0.3 to 5")


def shown_label(result: FaceResult, uncertain_below: float) -> str:
    """The label of a face as it is shown: its most probable class, or `uncertain`."""
    return UNCERTAIN if result.prediction.confidence < uncertain_below else result.prediction.label


def describe_turn(roll: float) -> str:
    """Which way a face is turned that lies on its side or stands on its head, else nothing.

    Examples:
        >>> [describe_turn(roll) for roll in (-90, 135, 180, 10)]
        ['turned 90° left', 'turned 135° right', 'turned 180°', '']
    """
    if abs(roll) < _TOLD_TURN_DEG:
        return ""
    side = "" if round(abs(roll)) == 180 else " right" if roll > 0 else " left"
    return f"turned {abs(roll):.0f}°{side}"


def draw_overlay(
    image_rgb: UInt8Array, results: Sequence[FaceResult], style: OverlayStyle | None = None
) -> UInt8Array:
    """Draw every face's box, number, label and probability bars.

    Panels neither overlap each other nor leave the frame. Where many faces leave no room they shrink, then
    show the label alone, then the number alone.

    Args:
        image_rgb: H x W x 3; it is not changed.
        results: the faces, in pixels of this image.
        style: what to draw; the default style if not given.

    Returns:
        A new image of the same size.
    """
    return OverlayPainter(style).draw(image_rgb, results)


class OverlayPainter:
    """Draws the frames of one video: as `draw_overlay`, with the level of detail held steady.

    In a crowd the space beside the faces changes from frame to frame. Detail that had to be given up is tried
    again only now and then, so that panels do not flip between sizes.
    """

    _FRAMES_BETWEEN_RETRIES = 30

    def __init__(self, style: OverlayStyle | None = None) -> None:
        """Start with nothing drawn; `style` may be exchanged between frames."""
        self.style = style or OverlayStyle()
        self._level = 0
        self._num_frames = 0

    def draw(self, image_rgb: UInt8Array, results: Sequence[FaceResult]) -> UInt8Array:
        """Return a copy of an H x W x 3 RGB image with the faces drawn in."""
        canvas = np.array(image_rgb, dtype=np.uint8, order="C")
        if not results:
            return canvas
        height, width = canvas.shape[:2]
        faces = [_Face.build(index, result, self.style) for index, result in enumerate(results)]
        looks = _looks(width, height, self.style)
        thickness = max(1, round(min(width, height) ** 0.5 / 8))
        sizes = [[look.size(face) for look in looks] for face in faces]
        rims = [_grown(face.box, thickness // 2 + 1) for face in faces]
        placements = self._layout(rims, sizes, (width, height))
        for face in faces:
            _draw_box(canvas, face, thickness)
        for face, placement in zip(faces, placements, strict=True):
            if placement is not None:
                _draw_panel(canvas, face, placement, looks[placement.level])
        return canvas

    def _layout(
        self, boxes: list[FaceBox], sizes: list[list[tuple[int, int]]], frame_size: tuple[int, int]
    ) -> list[Placement | None]:
        first_level = self._level if self._num_frames % self._FRAMES_BETWEEN_RETRIES else 0
        self._num_frames += 1
        placements = layout_panels(boxes, sizes, frame_size, first_level=first_level)
        self._level = min((item.level for item in placements if item), default=0)
        return placements


@dataclass(frozen=True, slots=True)
class _Face:
    """One face, reduced to what is drawn."""

    box: FaceBox
    number: str
    label: str
    color: tuple[int, int, int]
    bars: tuple[tuple[str, float, tuple[int, int, int]], ...]
    names: tuple[str, ...]
    """Every text the label can become, so that the panel's width does not change with the label."""
    turn: str = ""
    """How it is turned, if it is."""

    @classmethod
    def build(cls, index: int, result: FaceResult, style: OverlayStyle) -> "_Face":
        label = shown_label(result, style.uncertain_below)
        grey = label == UNCERTAIN and UNCERTAIN not in result.prediction.classes
        top = result.prediction.ranked()[: style.top_k]
        number = index + 1 if result.track_id is None else result.track_id
        return cls(
            box=result.box,
            number=f"#{number}" if style.show_numbers else "",
            label=label,
            color=hex_to_rgb(UNKNOWN_COLOR if grey else emotion_color(label)),
            bars=tuple(
                (name, value, hex_to_rgb(UNKNOWN_COLOR if grey else emotion_color(name)))
                for name, value in top
            ),
            names=(*result.prediction.classes, UNCERTAIN),
            turn=describe_turn(result.box.roll),
        )

    @property
    def title(self) -> str:
        return f"{self.number} {self.label} {self.turn}".strip()


class _Content(Enum):
    BARS = "bars"
    TITLE = "title"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class _Look:
    """One level of detail: what a panel shows, and its size of text."""

    content: _Content
    font_px: int

    def size(self, face: _Face) -> tuple[int, int]:
        """(width, height) in pixels of the panel of `face`."""
        measures = _metrics(self.font_px, face.names)
        frame = measures.stripe + 2 * measures.padding
        if self.content is _Content.NUMBER and face.number:
            return frame + _text_width(face.number, self.font_px), measures.row + measures.stripe
        if self.content is _Content.BARS and face.bars:
            inner = max(_widest_title(face, self.font_px), measures.columns)
            return frame + inner, measures.row * (1 + len(face.bars)) + measures.padding + measures.stripe
        return frame + _text_width(face.title, self.font_px), measures.row + measures.stripe


@lru_cache(maxsize=64)
def _looks(width: int, height: int, style: OverlayStyle) -> tuple[_Look, ...]:
    """The levels of detail of a frame, most detailed first; always the same number."""
    font_px = max(_COMFORTABLE_FONT_PX, 0.032 * min(width, height)) * style.font_scale

    def scaled(scale: float) -> int:
        return max(_MIN_FONT_PX, round(font_px * scale))

    return (
        *(_Look(_Content.BARS, scaled(scale)) for scale in _PANEL_SCALES),
        *(_Look(_Content.TITLE, scaled(scale)) for scale in _TAG_SCALES),
        _Look(_Content.NUMBER, scaled(_TAG_SCALES[-1])),
    )


@dataclass(frozen=True, slots=True)
class _Metrics:
    """Measures of a panel in pixels, at one size of text."""

    padding: int
    row: int
    stripe: int
    name: int
    bar: int
    percent: int

    @property
    def columns(self) -> int:
        return self.name + self.bar + self.percent + 2 * self.padding


@lru_cache(maxsize=256)
def _metrics(font_px: int, names: tuple[str, ...]) -> _Metrics:
    return _Metrics(
        padding=max(2, round(0.45 * font_px)),
        row=round(1.3 * font_px),
        stripe=max(2, round(0.25 * font_px)),
        name=max(_text_width(name, font_px) for name in names),
        bar=round(3.6 * font_px),
        percent=_text_width("100%", font_px),
    )


@lru_cache(maxsize=1024)
def _text_width(text: str, font_px: int) -> int:
    return int(_text_mask(text, font_px).shape[1])


def _widest_title(face: _Face, font_px: int) -> int:
    """Width of the longest title the face can get, so that its panel keeps its size from frame to frame."""
    return max(_text_width(replace(face, label=name).title, font_px) for name in face.names)


def _grown(box: FaceBox, margin_px: int) -> FaceBox:
    return replace(
        box,
        x=box.x - margin_px,
        y=box.y - margin_px,
        width=box.width + 2 * margin_px,
        height=box.height + 2 * margin_px,
    )


def _draw_box(canvas: UInt8Array, face: _Face, thickness: int) -> None:
    import cv2

    left, top = round(face.box.x), round(face.box.y)
    right, bottom = round(face.box.x + face.box.width), round(face.box.y + face.box.height)
    # The dark rim keeps every colour visible on light pictures.
    cv2.rectangle(canvas, (left, top), (right, bottom), _DARK, thickness + 2)
    cv2.rectangle(canvas, (left, top), (right, bottom), face.color, thickness)


def _draw_panel(canvas: UInt8Array, face: _Face, placement: Placement, look: _Look) -> None:
    import cv2

    _, x, y, width, height = placement
    area = canvas[y : y + height, x : x + width]
    area[:] = cv2.convertScaleAbs(area, None, _PLATE_SHARE_LEFT, _DARK[0] * (1 - _PLATE_SHARE_LEFT))
    measures = _metrics(look.font_px, face.names)
    x_text, y_text = _draw_stripe(area, face, placement, measures)
    title = face.number if look.content is _Content.NUMBER and face.number else face.title
    _draw_text(area, title, x_text, y_text, measures.row, look.font_px)
    if look.content is _Content.BARS:
        _draw_bars(area[y_text:], face, measures, x_text, look.font_px)


def _draw_stripe(area: UInt8Array, face: _Face, placement: Placement, measures: _Metrics) -> tuple[int, int]:
    """Mark the side that faces the panel's own box with its colour; return where the text begins."""
    stripe, padding = measures.stripe, measures.padding
    box = face.box
    if placement.x >= box.x + box.width:
        area[:, :stripe] = face.color
        return stripe + padding, stripe // 2
    if placement.x + placement.width <= box.x:
        area[:, -stripe:] = face.color
        return padding, stripe // 2
    if placement.y + placement.height <= box.y:
        area[-stripe:] = face.color
        return padding, 0
    area[:stripe] = face.color
    return padding, stripe


def _draw_bars(area: UInt8Array, face: _Face, measures: _Metrics, x_text: int, font_px: int) -> None:
    x_bar = x_text + measures.name + measures.padding
    bar_height = max(2, round(0.55 * font_px))
    for place, (name, probability, color) in enumerate(face.bars, start=1):
        top = place * measures.row
        _draw_text(area, name, x_text, top, measures.row, font_px)
        y_bar = top + (measures.row - bar_height) // 2
        area[y_bar : y_bar + bar_height, x_bar : x_bar + measures.bar] = _TRACK
        filled = round(measures.bar * min(max(probability, 0.0), 1.0))
        area[y_bar : y_bar + bar_height, x_bar : x_bar + filled] = color
        percent = f"{100 * probability:.0f}%"
        x_percent = x_bar + measures.bar + measures.padding + measures.percent - _text_width(percent, font_px)
        _draw_text(area, percent, x_percent, top, measures.row, font_px)


def _draw_text(area: UInt8Array, text: str, x: int, y: int, row: int, font_px: int) -> None:
    """Blend white text into `area`, its line centred on the row that begins at `y`; cut where it ends."""
    mask = _text_mask(text, font_px)
    y += (row - mask.shape[0]) // 2
    target = area[max(y, 0) : y + mask.shape[0], x : x + mask.shape[1]]
    shown = mask[max(-y, 0) :][: target.shape[0], : target.shape[1], None].astype(np.uint16)
    target[:] = target + (shown * (255 - target) + 127) // 255


@lru_cache(maxsize=64)
def _font(font_px: int) -> "ImageFont.FreeTypeFont":
    from PIL import ImageFont

    font = ImageFont.load_default(font_px)
    assert isinstance(font, ImageFont.FreeTypeFont), "Pillow's wheels carry FreeType"
    return font


@lru_cache(maxsize=4096)
def _text_mask(text: str, font_px: int) -> UInt8Array:
    """Coverage of each pixel, 0 to 255, of a line of text: line height x its width."""
    from PIL import Image, ImageDraw

    font = _font(font_px)
    ascent, descent = font.getmetrics()
    width = max(1, round(font.getlength(text)))
    image = Image.new("L", (width, ascent + descent))
    ImageDraw.Draw(image).text((0, 0), text, fill=255, font=font)
    return np.asarray(image)
