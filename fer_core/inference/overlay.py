"""Draws boxes, numbers and probability bars of faces onto a picture."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from fer_core.errors import ConfigError
from fer_core.inference.canvas import Canvas, Color
from fer_core.inference.face_quality import FLAWS, find_flaws
from fer_core.inference.frames import Frame
from fer_core.inference.panel import DARK, PanelText, list_looks, render_tag
from fer_core.inference.panel_layout import Placement, layout_panels
from fer_core.palette import UNKNOWN_COLOR, emotion_color, hex_to_rgb
from fer_core.types import FaceBox, FaceResult, Prediction, UInt8Array, VoiceResult

UNCERTAIN: Final[str] = "uncertain"
"""Shown instead of a label that is right too rarely."""
SURE_FROM: Final[float] = 0.5
"""Least expected correctness of a label that is shown: right at least as often as not."""

_TOLD_TURN_DEG: Final[float] = 45.0
"""Heads are tilted less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayStyle:
    """What is drawn, and how big."""

    top_k: int = 3
    """Probability bars a face, the most probable classes; 0 shows the label alone."""
    sure_from: float = SURE_FROM
    """A face whose expected correctness is lower is greyed out and called uncertain; 0 is off."""
    font_scale: float = 1.0
    """Size of the text, relative to the size that goes with the frame's."""
    show_numbers: bool = True
    """Show each face's number: its track's id, or its place in the list if it has none."""

    def __post_init__(self) -> None:
        if self.top_k < 0:
            raise ConfigError(f"overlay.top_k is {self.top_k}; expected 0 or more")
        if not 0 <= self.sure_from <= 1:
            raise ConfigError(f"overlay.sure_from is {self.sure_from}; expected 0 to 1")
        if not 0.3 <= self.font_scale <= 5:
            raise ConfigError(f"overlay.font_scale is {self.font_scale}; expected 0.3 to 5")


def is_uncertain(result: FaceResult, sure_from: float) -> bool:
    """Whether a face's label is expected to be right too rarely; never where that is not known."""
    return result.expected_correctness is not None and result.expected_correctness < sure_from


def shown_label(result: FaceResult, sure_from: float) -> str:
    """The label of a face as it is shown: its most probable class, or `uncertain`."""
    return UNCERTAIN if is_uncertain(result, sure_from) else result.prediction.label


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


def describe_state(face: FaceResult) -> str:
    """How a face is turned and what makes it hard to read, in words for people; empty of a good face."""
    flaws = [] if face.quality is None else [FLAWS[name] for name in find_flaws(face.quality)]
    words = [describe_turn(face.box.roll), flaws and f"hard to read: {' and '.join(flaws)}"]
    return ", ".join(word for word in words if word)


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
        self._painted: Frame | None = None

    def draw(
        self, image_rgb: UInt8Array, results: Sequence[FaceResult], voice: VoiceResult | None = None
    ) -> UInt8Array:
        """Return a copy of an H x W x 3 RGB image with the faces drawn in, and what is heard."""
        image = np.array(image_rgb, dtype=np.uint8, order="C")
        self._draw_into(Canvas.of_rgb(image), (image.shape[1], image.shape[0]), results, voice)
        return image

    def paint(self, frame: Frame, results: Sequence[FaceResult], voice: VoiceResult | None = None) -> Frame:
        """Return a copy of a frame, in its layout, with all of it drawn in; itself, if there is nothing.

        The copy is good until the next call.
        """
        if not results and not (voice and voice.is_speech):
            return frame
        self._painted, canvas = frame.editable(self._painted)
        self._draw_into(canvas, frame.size, results, voice)
        return self._painted

    def _draw_into(
        self,
        canvas: Canvas,
        size: tuple[int, int],
        results: Sequence[FaceResult],
        voice: VoiceResult | None = None,
    ) -> None:
        tags = [] if voice is None else _describe_voice(voice)
        if results:
            self._draw_faces(canvas, size, results, None if voice is None else voice.speaker)
        bottom = size[1]
        for tag in reversed(tags):
            tile = render_tag(tag, size, self.style.font_scale)
            bottom = max(0, bottom - tile.pixels.shape[0])
            canvas.lay(tile, 0, bottom)

    def _draw_faces(
        self, canvas: Canvas, size: tuple[int, int], results: Sequence[FaceResult], speaker: int | None
    ) -> None:
        texts = [_describe(index, result, self.style, speaker) for index, result in enumerate(results)]
        boxes = [result.box for result in results]
        looks = list_looks(*size, self.style.font_scale)
        thickness = max(1, round(min(size) ** 0.5 / 8))
        rims = [_grown(box, thickness // 2 + 1) for box in boxes]
        placements = self._layout(rims, [[look.size(text) for look in looks] for text in texts], size)
        for box, text in zip(boxes, texts, strict=True):
            # The dark rim keeps every colour visible on light pictures.
            _draw_box(canvas, box, thickness + 2, DARK)
            _draw_box(canvas, box, thickness, text.color)
        for box, text, placement in zip(boxes, texts, placements, strict=True):
            if placement is not None:
                tile = looks[placement.level].render(text, placement, box)
                canvas.lay(tile, placement.x, placement.y)

    def _layout(
        self, boxes: list[FaceBox], sizes: list[list[tuple[int, int]]], frame_size: tuple[int, int]
    ) -> list[Placement | None]:
        first_level = self._level if self._num_frames % self._FRAMES_BETWEEN_RETRIES else 0
        self._num_frames += 1
        placements = layout_panels(boxes, sizes, frame_size, first_level=first_level)
        self._level = min((item.level for item in placements if item), default=0)
        return placements


def _describe_voice(voice: VoiceResult) -> list[PanelText]:
    """What stands in the corner, a line each: nothing where nobody speaks."""
    if not voice.is_speech:
        return []
    if voice.prediction is None:
        return [PanelText("voice", "", hex_to_rgb(UNKNOWN_COLOR), (), ("",))]
    lines = [_tag("voice:", voice.prediction)]
    if voice.fused is not None:
        lines.append(_tag(f"#{voice.speaker} face and voice:", voice.fused))
    return lines


def _tag(title: str, found: Prediction) -> PanelText:
    label = f"{found.label} {100 * found.confidence:.0f}%"
    return PanelText(title, label, hex_to_rgb(emotion_color(found.label)), (), (label,))


def _describe(index: int, result: FaceResult, style: OverlayStyle, speaker: int | None = None) -> PanelText:
    label = shown_label(result, style.sure_from)
    is_grey = is_uncertain(result, style.sure_from)
    number = index + 1 if result.track_id is None else result.track_id
    speaks = speaker is not None and speaker == result.track_id
    return PanelText(
        number=f"#{number}" if style.show_numbers else "",
        label=label,
        color=hex_to_rgb(UNKNOWN_COLOR if is_grey else emotion_color(label)),
        bars=tuple(
            (name, value, hex_to_rgb(UNKNOWN_COLOR if is_grey else emotion_color(name)))
            for name, value in result.prediction.ranked()[: style.top_k]
        ),
        names=(*result.prediction.classes, UNCERTAIN),
        note=", ".join(filter(None, (describe_turn(result.box.roll), "speaks" if speaks else ""))),
    )


def _grown(box: FaceBox, margin_px: int) -> FaceBox:
    return replace(
        box,
        x=box.x - margin_px,
        y=box.y - margin_px,
        width=box.width + 2 * margin_px,
        height=box.height + 2 * margin_px,
    )


def _draw_box(canvas: Canvas, box: FaceBox, thickness: int, color: Color) -> None:
    """Draw the box's outline, its lines centred on the edges."""
    before, after = thickness // 2, thickness - thickness // 2
    left, top = round(box.x), round(box.y)
    right, bottom = round(box.x + box.width), round(box.y + box.height)
    for y in (top, bottom):
        canvas.fill(left - before, y - before, right + after, y + after, color)
    for x in (left, right):
        canvas.fill(x - before, top - before, x + after, bottom + after, color)
