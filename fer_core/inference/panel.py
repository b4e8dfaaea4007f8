"""The panel beside a face: its number, label and probability bars, at several levels of detail.

Every string is rendered once, with Pillow's built-in font, and kept; so is a panel while it stays as it is.
OpenCV's own fonts are hard to read at this size and know nothing but ASCII.
"""

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from fer_core.inference.canvas import OPAQUE, Color, Tile
from fer_core.inference.panel_layout import Placement
from fer_core.types import FaceBox, UInt8Array

if TYPE_CHECKING:
    from PIL import ImageFont

DARK: Final[Color] = (16, 16, 18)
_PANEL_SCALES: Final[tuple[float, ...]] = (1.0, 0.8, 0.65, 0.5)
_TAG_SCALES: Final[tuple[float, ...]] = (0.8, 0.65)
_COMFORTABLE_FONT_PX: Final[int] = 12
_MIN_FONT_PX: Final[int] = 9
_PLATE_SHARE_LEFT: Final[float] = 0.2
"""How much of the picture shines through a panel."""
_TRACK: Final[Color] = (48, 48, 52)

Side = Literal["left", "right", "top", "bottom"]


@dataclass(frozen=True, slots=True)
class PanelText:
    """What a panel says."""

    number: str
    label: str
    color: Color
    bars: tuple[tuple[str, float, Color], ...]
    """Class, probability and colour, top to bottom."""
    names: tuple[str, ...]
    """Every text the label can become, so that the panel's width does not change with the label."""
    note: str = ""
    """How the face is turned, and whether it is known to speak."""

    @property
    def title(self) -> str:
        """The first line."""
        return f"{self.number} {self.label} {self.note}".strip()


class _Content(Enum):
    BARS = "bars"
    TITLE = "title"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Look:
    """One level of detail: what a panel shows, and its size of text."""

    content: _Content
    font_px: int

    def size(self, text: PanelText) -> tuple[int, int]:
        """(width, height) in pixels of the panel that says `text`."""
        measures = _metrics(self.font_px, text.names)
        frame = measures.stripe + 2 * measures.padding
        if self.content is _Content.NUMBER and text.number:
            return frame + _text_width(text.number, self.font_px), measures.row + measures.stripe
        if self.content is _Content.BARS and text.bars:
            widest = _widest_title(text.number, text.note, text.names, self.font_px)
            height = measures.row * (1 + len(text.bars)) + measures.padding + measures.stripe
            return frame + max(widest, measures.columns), height
        return frame + _text_width(text.title, self.font_px), measures.row + measures.stripe

    def render(self, text: PanelText, placement: Placement, box: FaceBox) -> Tile:
        """The panel itself, with its stripe on the side that faces the box."""
        title = text.number if self.content is _Content.NUMBER and text.number else text.title
        measures = _metrics(self.font_px, text.names)
        rows = text.bars if self.content is _Content.BARS else ()
        bars = tuple((name, *measures.fill(probability), color) for name, probability, color in rows)
        size = (placement.width, placement.height)
        return _render(title, text.color, bars, _facing_side(placement, box), size, measures, self.font_px)


@lru_cache(maxsize=64)
def list_looks(width: int, height: int, font_scale: float) -> tuple[Look, ...]:
    """The levels of detail of a picture of this size, most detailed first; always the same number."""
    font_px = max(_COMFORTABLE_FONT_PX, 0.032 * min(width, height)) * font_scale

    def scaled(scale: float) -> int:
        return max(_MIN_FONT_PX, round(font_px * scale))

    return (
        *(Look(_Content.BARS, scaled(scale)) for scale in _PANEL_SCALES),
        *(Look(_Content.TITLE, scaled(scale)) for scale in _TAG_SCALES),
        Look(_Content.NUMBER, scaled(_TAG_SCALES[-1])),
    )


def render_tag(text: PanelText, frame_size: tuple[int, int], font_scale: float) -> Tile:
    """One line for a corner of a picture of this size: what is said of no place in it."""
    look = list_looks(*frame_size, font_scale)[len(_PANEL_SCALES)]
    measures = _metrics(look.font_px, text.names)
    return _render(text.title, text.color, (), "left", look.size(text), measures, look.font_px)


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

    def fill(self, probability: float) -> tuple[int, str]:
        """How much of a bar is filled, in pixels, and the text beside it."""
        return round(self.bar * min(max(probability, 0.0), 1.0)), f"{100 * probability:.0f}%"


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


@lru_cache(maxsize=1024)
def _widest_title(number: str, note: str, names: tuple[str, ...], font_px: int) -> int:
    """Width of the longest title the face can get, so that its panel keeps its size from frame to frame."""
    return max(_text_width(PanelText(number, name, DARK, (), (), note).title, font_px) for name in names)


def _facing_side(placement: Placement, box: FaceBox) -> Side:
    if placement.x >= box.x + box.width:
        return "left"
    if placement.x + placement.width <= box.x:
        return "right"
    return "bottom" if placement.y + placement.height <= box.y else "top"


@lru_cache(maxsize=256)
def _render(
    title: str,
    color: Color,
    bars: tuple[tuple[str, int, str, Color], ...],
    side: Side,
    size: tuple[int, int],
    measures: _Metrics,
    font_px: int,
) -> Tile:
    width, height = size
    area = np.empty((height, width, 4), np.uint8)
    area[:] = _PLATE
    stripe, (x, y) = _place_stripe(area, side, measures)
    _draw_text(area, title, x, y, measures.row, font_px)
    _draw_bars(area[y:], bars, measures, x, font_px)
    stripe[:] = (*color, OPAQUE)
    return Tile(area)


def _place_stripe(area: UInt8Array, side: Side, measures: _Metrics) -> tuple[UInt8Array, tuple[int, int]]:
    """The side that faces the panel's own box, for its colour, and where the text begins."""
    stripe, padding = measures.stripe, measures.padding
    return {
        "left": (area[:, :stripe], (stripe + padding, stripe // 2)),
        "right": (area[:, -stripe:], (padding, stripe // 2)),
        "bottom": (area[-stripe:], (padding, 0)),
        "top": (area[:stripe], (padding, stripe)),
    }[side]


def _draw_bars(
    area: UInt8Array,
    bars: tuple[tuple[str, int, str, Color], ...],
    measures: _Metrics,
    x_text: int,
    font_px: int,
) -> None:
    x_bar = x_text + measures.name + measures.padding
    bar_height = max(2, round(0.55 * font_px))
    for place, (name, filled, percent, color) in enumerate(bars, start=1):
        top = place * measures.row
        _draw_text(area, name, x_text, top, measures.row, font_px)
        y_bar = top + (measures.row - bar_height) // 2
        area[y_bar : y_bar + bar_height, x_bar : x_bar + measures.bar] = (*_TRACK, OPAQUE)
        area[y_bar : y_bar + bar_height, x_bar : x_bar + filled] = (*color, OPAQUE)
        x_percent = x_bar + measures.bar + measures.padding + measures.percent - _text_width(percent, font_px)
        _draw_text(area, percent, x_percent, top, measures.row, font_px)


_PLATE: Final = np.array(
    [*(round((1 - _PLATE_SHARE_LEFT) * value) for value in DARK), round(255 * _PLATE_SHARE_LEFT)], np.uint8
)
_WHITE: Final = np.array([255, 255, 255, OPAQUE], np.int32)


def _draw_text(area: UInt8Array, text: str, x: int, y: int, row: int, font_px: int) -> None:
    """Put white text onto the plate, its line centred on the row that begins at `y`; cut where it ends."""
    line = _text_on_plate(text, font_px)
    y += (row - line.shape[0]) // 2
    target = area[max(y, 0) : y + line.shape[0], x : x + line.shape[1]]
    target[:] = line[max(-y, 0) :][: target.shape[0], : target.shape[1]]


@lru_cache(maxsize=1024)
def _text_on_plate(text: str, font_px: int) -> UInt8Array:
    shown = _text_mask(text, font_px)[..., None].astype(np.int32)
    return np.asarray(_PLATE + (shown * (_WHITE - _PLATE) + 127) // 255, np.uint8)


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
