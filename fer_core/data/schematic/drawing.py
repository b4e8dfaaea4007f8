"""Draws one schematic face from a person, facial actions and a point of view.

The picture is drawn larger and reduced, so that edges stay soft at 48 x 48 pixels.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from fer_core.data.schematic.actions import FaceActions
from fer_core.data.schematic.canvas import (
    Canvas,
    Color,
    Points,
    View,
    between,
    bow,
    circle,
    clip_between,
    join,
    luma,
    mix,
    oval,
    scaled,
)
from fer_core.data.schematic.person import Person
from fer_core.types import UInt8Array

_EYE_X, _EYE_Y = 0.335, -0.06
_MOUTH_Y = 0.55
_ACROSS = np.linspace(-1.0, 1.0, 29)
_ARCH = np.sin(np.linspace(0, np.pi, 13))
_CUPIDS_BOW = np.interp(np.linspace(0, 1, 13), [0, 0.4, 0.5, 0.6, 1], [0, 0.95, 0.75, 0.95, 0])


@dataclass(slots=True)
class _Drawing:
    """One face on its canvas; each method draws one part."""

    person: Person
    actions: FaceActions
    canvas: Canvas
    shade: Canvas
    """Quarter-size grey picture that the skin is multiplied with: 128 leaves it as it is."""
    line: Color = field(init=False)
    """Colour of folds and lashes."""

    contour: Points = field(init=False)
    """Of the bare head."""

    def __post_init__(self) -> None:
        self.contour = self._draw_contour()
        self.line = mix(scaled(self.person.skin, 0.5), (110, 42, 28), 0.25)

    def _outline(self, grow: float = 1.0) -> Points:
        return self.contour * grow

    def _draw_contour(self) -> Points:
        cos, sin = circle(56)
        power = np.where(sin > 0, self.person.jaw_width, 1.0)
        taper = np.where(sin > 0, 1 - 0.13 * sin**2, 1.0)
        x = self.person.head_width * np.sign(cos) * np.abs(cos) ** power * taper
        jaw = 1 + 0.07 * self.actions.jaw_drop * (sin > 0)
        return join(x, sin * jaw)

    def back(self) -> None:
        """Hair behind the head, shoulders, neck, ears."""
        person, width = self.person, self.person.head_width
        if person.style == "long":
            self.canvas.fill(oval(0, 0.2, width * 1.28, 1.3, 64), scaled(person.hair, 0.8), flat=True)
        if person.style == "curls":
            for angle in np.linspace(-0.15 * np.pi, 1.15 * np.pi, 13).tolist():
                x, y = width * 1.02 * math.cos(angle), -0.22 - 0.85 * math.sin(angle)
                self.canvas.fill(oval(x, y, 0.24, 0.24, 14), scaled(person.hair, 0.8), flat=True)
        if person.style == "bun":
            self.canvas.fill(oval(0.1 * person.part, -1.1, 0.34, 0.3, 40), person.hair, flat=True)
        if person.style == "scarf":
            self.canvas.fill(oval(0, 0.25, width * 1.33, 1.4, 64), scaled(person.cloth, 0.75), flat=True)
        self.canvas.fill(oval(0, 2.15, 1.35, 0.95, 40), person.cloth, flat=True)
        neck = np.array([[-0.36, 0.5], [0.36, 0.5], [0.42, 1.35], [0.0, 1.5], [-0.42, 1.35]])
        self.canvas.fill(neck, scaled(person.skin, 0.84), flat=True)
        self.canvas.fill(oval(0, 0.86, 0.36, 0.34, 40), scaled(person.skin, 0.7), flat=True)
        if person.style not in ("scarf", "long"):
            for side in (-1, 1):
                self.canvas.fill(oval(side * width, 0.08, 0.12, 0.2, 16), scaled(person.skin, 0.9), flat=True)

    def head(self) -> None:
        """The bare head with soft shadows: eye sockets, nose, under the lip, cheeks, jaw, beard."""
        import cv2

        self.canvas.fill(self._outline(), self.person.skin, flat=True)
        self.canvas.flush()
        self._shadows()
        self.shade.flush()
        # In floats: a staircase of whole grey levels would show as stripes on a large picture.
        grey = cv2.GaussianBlur(
            self.shade.pixels.astype(np.float32) / 128, (0, 0), max(0.5, 0.055 * self.shade.unit)
        )
        self.shade.pixels[:] = 0
        self.shade.fill(self._outline(), 255, flat=True)
        self.shade.flush()
        np.copyto(grey, 1.0, where=self.shade.pixels == 0)  # the background stays as it is
        height, width = self.canvas.pixels.shape[:2]
        grey = cv2.resize(grey, (width, height), interpolation=cv2.INTER_LINEAR)
        factors = grey if self.canvas.pixels.ndim == 2 else cv2.merge([grey, grey, grey])
        cv2.multiply(self.canvas.pixels, factors, dst=self.canvas.pixels, dtype=cv2.CV_8U)

    def _shadows(self) -> None:
        shade, acts, width = self.shade, self.actions, self.person.head_width
        shade.line(self._outline(0.97), 104, 0.1, closed=True)
        shade.fill(oval(0, -0.55, 0.42, 0.2), 138)
        for side in (-1, 1):
            shade.fill(oval(side * 0.33, _EYE_Y - 0.06, 0.25, 0.16), 92)
            shade.fill(oval(side * 0.43, 0.27, 0.17, 0.13), round(134 + 8 * acts.cheek_raise))
            shade.fill(oval(side * width * 0.85, 0.5, 0.13, 0.4), 112)
            shade.fill(oval(side * 0.12, 0.1, 0.05, 0.26), 106)
        shade.fill(oval(0, 0.08, 0.05, 0.28), 150)
        shade.fill(oval(0, 0.36, 0.17 * self.person.nose_width, 0.05), 84)
        mouth = _MOUTH_Y + 0.13 + 0.2 * acts.jaw_drop
        shade.fill(oval(0, mouth, 0.2, 0.05), 92)
        shade.fill(oval(0, mouth + 0.2, 0.18, 0.09), 138)
        if self.person.beard:
            tone = round(128 - 70 * self.person.beard)
            outline = self._outline(0.99)
            jaw = outline[outline[:, 1] > 0.1]
            jaw = jaw[np.argsort(jaw[:, 0])]
            shade.fill(between(bow((jaw[0, 0], 0.1), (jaw[-1, 0], 0.1), 0.42), jaw), tone)
            shade.line(bow((-0.3, 0.55), (0.3, 0.55), -0.16), tone, 0.09)

    def eyes(self) -> None:
        """Lids, white, iris and pupil; crow's-feet and bags where the cheeks rise."""
        acts, person = self.actions, self.person
        upper = 0.1 * (1 + 0.75 * acts.lid_raise - 0.45 * acts.lid_tighten - 0.75 * acts.lid_droop)
        upper *= 1 - 0.4 * acts.cheek_raise - 0.3 * acts.nose_wrinkle
        lower = 0.065 * (1 + 0.25 * acts.lid_raise - 0.6 * acts.lid_tighten - 1.1 * acts.cheek_raise)
        half = 0.165 * person.eye_size
        for side in (-1, 1):
            x = side * _EYE_X * person.eye_distance
            left, right = (x - half, _EYE_Y), (x + half, _EYE_Y)
            lid = bow(left, right, -max(upper, 0.012) * person.eye_size)
            bottom = bow(left, right, lower * person.eye_size)
            self.canvas.fill(between(lid, bottom), (240, 238, 234))
            for radius, color in ((0.088, person.iris), (0.043, (12, 10, 10))):
                ball = oval(x, _EYE_Y - 0.018, radius * person.eye_size, radius * person.eye_size)
                self.canvas.fill(clip_between(ball, lid, bottom), color)
            glint = oval(x + 0.03, _EYE_Y - 0.05, 0.022, 0.022, 10)
            self.canvas.fill(clip_between(glint, lid, bottom), (255, 255, 255))
            self.canvas.line(lid, scaled(self.line, 0.45), 0.032)
            self.canvas.line(bottom, self.line, 0.012)
            self.canvas.line(lid - [0, 0.05 + 0.02 * acts.lid_raise], self.line, 0.012)
            self._eye_folds(x, side, half)

    def _eye_folds(self, x: float, side: int, half: float) -> None:
        acts = self.actions
        if acts.cheek_raise > 0.2:
            for rise in (-0.07, 0.0, 0.07):
                start = (x + side * (half + 0.035), _EYE_Y + rise * 0.5)
                end = (x + side * (half + 0.035 + 0.1 * acts.cheek_raise), _EYE_Y + rise * 1.7)
                self.canvas.line(bow(start, end, 0, 3), self.line, 0.016)
            bag = bow((x - half * 0.8, _EYE_Y + 0.1), (x + half * 0.8, _EYE_Y + 0.1), 0.035)
            self.canvas.line(bag, self.line, 0.016)

    def brows(self) -> None:
        """Brows, and the folds of the forehead that go with them."""
        acts, person = self.actions, self.person
        base = -0.27 + person.brow_height
        inner = base - 0.19 * acts.inner_brow_raise + 0.13 * acts.brow_lower + 0.03 * acts.nose_wrinkle
        outer = base + 0.02 - 0.17 * acts.outer_brow_raise + 0.02 * acts.brow_lower
        middle = base - 0.045 - 0.13 * acts.outer_brow_raise - 0.07 * acts.inner_brow_raise
        middle += 0.085 * acts.brow_lower + 0.02 * acts.nose_wrinkle
        thick = 0.036 * person.brow_thickness
        color = mix(scaled(person.hair, 0.75), (10, 8, 8), 0.3)
        for side in (-1, 1):
            xs = np.array([0.145 - 0.05 * acts.brow_lower, 0.26, 0.37, 0.49, 0.56]) * person.eye_distance
            ys = np.array(
                [inner, 0.5 * (inner + middle) - 0.012, middle, 0.45 * middle + 0.55 * outer, outer]
            )
            half = thick * np.array([0.9, 1.0, 0.9, 0.65, 0.25])
            top = join(side * xs, ys - half)
            self.canvas.fill(between(top, join(side * xs, ys + half)), color)
            if acts.brow_lower > 0.3:
                fold = np.array([[side * 0.05, -0.33], [side * 0.045, -0.2]])
                self.canvas.line(fold, self.line, 0.022 * acts.brow_lower)
        if min(acts.inner_brow_raise, acts.outer_brow_raise + 0.25) > 0.3:
            reach = 0.18 + 0.22 * acts.outer_brow_raise
            for height in (-0.53, -0.61):
                self.canvas.line(bow((-reach, height), (reach, height), -0.025), self.line, 0.016)

    def nose(self) -> None:
        """Bridge, wings and nostrils; wrinkles across the bridge; the folds down to the lip corners."""
        acts, person = self.actions, self.person
        tip = 0.32 * person.nose_length - 0.045 * acts.nose_wrinkle
        wide = 0.125 * person.nose_width * (1 + 0.12 * acts.nose_wrinkle)
        self.canvas.line(bow((-wide, tip - 0.02), (wide, tip - 0.02), 0.075), self.line, 0.02)
        for side in (-1, 1):
            wing = np.array([[wide * 0.9, tip - 0.1], [wide * 1.08, tip - 0.04], [wide * 0.92, tip + 0.015]])
            self.canvas.line(wing * [side, 1], self.line, 0.018)
            self.canvas.fill(oval(side * wide * 0.48, tip + 0.012, 0.036, 0.019, 12), scaled(self.line, 0.6))
            if acts.nose_wrinkle > 0.25:
                for drop in (0.0, 0.06, 0.12):
                    fold = np.array([[0.03, -0.02 + drop], [0.105, -0.05 + drop]]) * [side, 1]
                    self.canvas.line(fold, self.line, 0.024 * acts.nose_wrinkle)
            pull = acts.corner_pull_left if side < 0 else acts.corner_pull_right
            depth = max(0.8 * pull, acts.nose_wrinkle, 0.8 * acts.upper_lip_raise)
            if depth > 0.2:
                start, end = (side * wide * 1.25, tip - 0.05), (side * (0.33 + 0.07 * pull), tip + 0.24)
                self.canvas.line(bow(start, end, -0.035), self.line, 0.024 * depth)

    def mouth(self) -> None:
        """Lips, and what shows between them."""
        acts, person = self.actions, self.person
        opening = 0.34 * acts.jaw_drop + 0.05 * acts.lip_stretch * (acts.jaw_drop > 0.1)
        pulls = (acts.corner_pull_left, acts.corner_pull_right)
        pout = 0.3 * max(0.0, acts.jaw_drop - 0.5 - sum(pulls) - acts.lip_stretch)
        corners = []
        for side, pull in zip((-1, 1), pulls, strict=True):
            x = 0.255 * person.mouth_width * (1 + 0.32 * pull + 0.3 * acts.lip_stretch - pout)
            y = (
                _MOUTH_Y
                - 0.135 * pull
                + 0.11 * acts.corner_depress
                + 0.05 * acts.lip_stretch
                + 0.25 * opening
            )
            corners.append((side * x, y))
        left, right = corners
        level = (left[1] + right[1]) / 2
        smile = sum(pulls) / 2
        seam = _MOUTH_Y + 0.03 * smile - 0.055 * acts.corner_depress - 0.035 * acts.chin_raise
        top = bow(left, right, seam - 0.1 * acts.upper_lip_raise - level)
        bottom = bow(left, right, max(seam + opening + 0.02 * acts.upper_lip_raise - level, -0.6))
        full = 0.062 * person.lip_fullness * (1 - 0.7 * acts.lip_press) * (1 - 0.25 * smile)
        cupid = full * _CUPIDS_BOW
        lip = mix(scaled(person.skin, 0.72), (150, 52, 56), 0.4)
        self.canvas.fill(between(top - join(0 * cupid, cupid), bottom), scaled(lip, 0.85))
        swell = 1.25 * full * _ARCH * (1 - 0.3 * acts.upper_lip_raise)
        swell *= 1 + 0.35 * acts.chin_raise
        self.canvas.fill(between(top, bottom + join(0 * swell, swell)), lip)
        if opening > 0.02 or acts.upper_lip_raise > 0.25:
            self._inside(top, bottom, opening)
        self.canvas.line(top, scaled(self.line, 0.7), 0.02 + 0.014 * acts.lip_press)
        self._mouth_folds(left, right, pulls)

    def _inside(self, top: Points, bottom: Points, opening: float) -> None:
        self.canvas.fill(between(top, bottom), (52, 18, 20))
        middle = top[6, 1]
        if opening > 0.12:
            tongue = oval(0, middle + opening * 1.05, 0.15, opening * 0.4)
            self.canvas.fill(clip_between(tongue, top, bottom), (172, 78, 80))
        gap = max(0.0, float(bottom[6, 1] - top[6, 1]))
        lift = np.minimum(bottom[:, 1] - top[:, 1], max(0.055, 0.4 * gap) if opening < 0.2 else 0.06)
        teeth = top + join(0 * lift, lift.clip(0))
        self.canvas.fill(between(top[1:-1], teeth[1:-1]), (238, 234, 224))

    def _mouth_folds(
        self, left: tuple[float, float], right: tuple[float, float], pulls: tuple[float, float]
    ) -> None:
        for corner, side, pull in ((left, -1, pulls[0]), (right, 1, pulls[1])):
            if pull > 0.25:  # dimple
                x, y = corner[0] + side * 0.035, corner[1]
                self.canvas.line(bow((x, y - 0.055), (x, y + 0.05), 0, 5), self.line, 0.022 * pull)
            if self.actions.corner_depress > 0.3:
                x, y = corner[0] + side * 0.01, corner[1] + 0.02
                self.canvas.line(bow((x, y), (x + side * 0.03, y + 0.09), 0, 3), self.line, 0.02)
        if self.actions.chin_raise > 0.3:
            self.canvas.line(bow((-0.11, 0.8), (0.11, 0.8), -0.05), self.line, 0.018)

    def front(self) -> None:
        """Hair over the forehead, headscarf, glasses."""
        person = self.person
        if person.style == "scarf":
            self._cover(person.cloth, 0.02, lambda t: -0.68 + 0.72 * np.abs(t) ** 3)
        elif person.style != "bald":
            self._hair()
        if person.glasses:
            for side in (-1, 1):
                rim = oval(side * _EYE_X * person.eye_distance, _EYE_Y + 0.01, 0.235, 0.19)
                self.canvas.line(rim, (36, 32, 34), 0.026, closed=True)
            self.canvas.line(bow((-0.1, _EYE_Y - 0.02), (0.1, _EYE_Y - 0.02), -0.04), (36, 32, 34), 0.026)

    def _hair(self) -> None:
        person = self.person
        part = 0.6 * person.part
        hairlines: dict[str, Callable[[Points], Points]] = {
            "short": lambda t: -0.66 + 0.46 * t**4 - 0.1 * np.exp(-(((t - part) / 0.3) ** 2)),
            "fringe": lambda t: -0.47 + 0.3 * t**4 + 0.045 * np.abs(np.sin(8 * t + part)),
            "long": lambda t: -0.84 + 0.62 * np.abs(t - 0.5 * part) ** 1.3,
            "curls": lambda t: -0.66 + 0.5 * t**4 + 0.05 * np.abs(np.sin(9 * t)),
            "bun": lambda t: -0.7 + 0.5 * t**4,
        }
        low = {"long": 0.25, "fringe": 0.0}.get(person.style, -0.1)
        hairline = self._cover(person.hair, low, hairlines[person.style])
        crown = np.array([0.35 * part, -1.06])
        tips = hairline[2:-2:3]
        strands = np.empty((len(tips), 3, 2))  # from the crown to the hairline
        strands[:, 0] = crown * [1, 0.97]
        strands[:, 1] = (crown + tips) / 2 + join(0.28 * (tips[:, 0] - crown[0]), np.full(len(tips), -0.05))
        strands[:, 2] = tips - [0, 0.02]
        for strand in strands:
            self.canvas.line(strand, scaled(person.hair, 0.84), 0.012)
        glow = bow((-0.34, -0.84), (0.2, -0.9), -0.07)
        self.canvas.line(glow, mix(person.hair, (255, 255, 255), 0.1), 0.05)

    def _cover(self, color: Color, low: float, hairline_at: Callable[[Points], Points]) -> Points:
        """Cover the skull down to the height `low` at the temples; returns the edge over the forehead."""
        outer = self._outline(1.06)
        outer = np.where(outer[:, 1:] < 0, outer * [1.0, 1.07], outer)
        cap = outer[outer[:, 1] <= low + 0.03]
        cap = cap[np.argsort(cap[:, 0])]
        # The sides of the cap turn back in below its widest point; sorting by x alone would cross them.
        around = np.arctan2(cap[:, 0], -cap[:, 1])
        cap = cap[np.argsort(around)]
        edge = np.abs(cap[[0, -1], 0]).min() * 0.93
        height = np.minimum(hairline_at(_ACROSS), low)
        height[[0, -1]] = low
        hairline = join(_ACROSS * edge, height)
        self.canvas.fill(between(cap, hairline), color, flat=True)
        return hairline


@lru_cache(maxsize=16)
def _ramp(height: int) -> Points:
    return np.linspace(0.0, 1.0, height)[:, None]


def render_face(
    person: Person,
    actions: FaceActions,
    view: View,
    *,
    height_px: int,
    width_px: int,
    background: tuple[Color, Color] = ((205, 214, 220), (150, 163, 175)),
    is_grey: bool = False,
) -> UInt8Array:
    """Draw one face; the same arguments give the same pixels.

    Args:
        person: who.
        actions: what their face does.
        view: the frame and the pose of the head.
        height_px: height of the picture.
        width_px: width of the picture.
        background: colours at the top and at the bottom.
        is_grey: draw in grey from the beginning, which takes half the time.

    Returns:
        height_px x width_px x 3 RGB uint8, or height_px x width_px if it is grey.
    """
    import cv2

    factor = 4 if height_px <= 96 else 2
    height, width = height_px * factor, width_px * factor
    ramp = _ramp(height)
    top, bottom = ([luma(end)] if is_grey else end for end in background)
    rows = np.asarray(top) * (1 - ramp) + np.asarray(bottom) * ramp
    pixels = np.empty((height, width, rows.shape[1]), np.uint8)
    pixels[:] = rows.astype(np.uint8)[:, None]
    pixels = pixels[:, :, 0] if is_grey else pixels
    shade = np.full((max(1, height // 4), max(1, width // 4)), 128, np.uint8)
    drawing = _Drawing(person, actions, Canvas(pixels, view), Canvas(shade, view))
    drawing.back()
    drawing.head()
    drawing.nose()
    drawing.mouth()
    drawing.eyes()
    drawing.brows()
    drawing.front()
    drawing.canvas.flush()
    return np.asarray(cv2.resize(pixels, (width_px, height_px), interpolation=cv2.INTER_AREA), np.uint8)
