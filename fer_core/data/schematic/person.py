"""Who is drawn: colours and proportions, by chance over a wide range."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np

from fer_core.data.schematic.canvas import Color, mix
from fer_core.palette import hex_to_rgb

HairStyle: TypeAlias = Literal["short", "fringe", "long", "curls", "bun", "bald", "scarf"]

SKIN_TONES: Final[tuple[str, ...]] = (
    "#f6ede4", "#f3e7db", "#f7ead0", "#eadaba", "#d7bd96",
    "#a07e56", "#825c43", "#604134", "#3a312a", "#292420",
)  # fmt: skip
"""The Monk Skin Tone scale (Ellis Monk, https://skintone.google, CC BY 4.0), light to dark."""
_BLOOD: Final[Color] = (206, 112, 82)
"""Mixed into every tone: the scale's swatches are flat, and faces look chalky or ashen in them."""
_HAIR: Final = (
    "#1b1613",
    "#2c1e16",
    "#4a2f1d",
    "#6b4423",
    "#a5713a",
    "#d3a95f",
    "#9a3f1f",
    "#8f8f92",
    "#dcdcdc",
)
_IRIS: Final = ("#3b2417", "#4d3319", "#2e4a62", "#456b4a", "#5b6b73")
_CLOTH: Final = ("#2f6f8f", "#a3483b", "#3d7a56", "#76588f", "#c08a2d", "#40506b", "#b8b4a7", "#2b2b33")
_STYLES: Final[tuple[HairStyle, ...]] = ("short", "fringe", "long", "curls", "bun", "bald", "scarf")
_STYLE_ENDS: Final = np.cumsum((0.24, 0.18, 0.18, 0.14, 0.1, 0.07, 0.09))
"""Shares of the styles, summed up."""


def _pick(rng: np.random.Generator, colors: Sequence[str]) -> Color:
    return hex_to_rgb(colors[int(rng.integers(len(colors)))])


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What stays the same when an expression changes. Lengths are factors around 1."""

    skin: Color
    hair: Color
    iris: Color
    cloth: Color
    style: HairStyle
    part: float
    """Where the hair parts, in [-1, 1]."""
    head_width: float
    jaw_width: float
    """Squareness of the jaw: 0.7 is square, 1 is oval."""
    eye_size: float
    eye_distance: float
    brow_thickness: float
    brow_height: float
    nose_length: float
    nose_width: float
    mouth_width: float
    lip_fullness: float
    beard: float
    """0 none, 1 full."""
    glasses: bool

    @classmethod
    def random(cls, rng: np.random.Generator) -> "Person":
        """Somebody drawn by chance."""
        tone = rng.uniform(0, len(SKIN_TONES) - 1)
        low = int(tone)
        near, next_ = (hex_to_rgb(SKIN_TONES[min(low + step, len(SKIN_TONES) - 1)]) for step in (0, 1))
        skin = mix(mix(near, next_, tone - low), _BLOOD, 0.14)
        style = _STYLES[int(np.searchsorted(_STYLE_ENDS[:-1], rng.random(), side="right"))]
        beard = float(rng.uniform(0.35, 1.0)) if rng.random() < 0.3 and style in ("short", "bald") else 0.0
        # Hair of the darker half of the scale is mostly dark; a light streak there would be a rare sight.
        hair = _pick(rng, _HAIR[:3] if tone > 5 and rng.random() < 0.8 else _HAIR)
        return cls(
            skin=skin,
            hair=hair,
            iris=_pick(rng, _IRIS[:2] if tone > 5 else _IRIS),
            cloth=_pick(rng, _CLOTH),
            style=style,
            part=float(rng.uniform(-1, 1)),
            head_width=float(rng.uniform(0.72, 0.83)),
            jaw_width=float(rng.uniform(0.72, 1.0)),
            eye_size=float(rng.uniform(0.88, 1.15)),
            eye_distance=float(rng.uniform(0.93, 1.07)),
            brow_thickness=float(rng.uniform(0.75, 1.3)),
            brow_height=float(rng.uniform(-0.025, 0.025)),
            nose_length=float(rng.uniform(0.9, 1.12)),
            nose_width=float(rng.uniform(0.8, 1.25)),
            mouth_width=float(rng.uniform(0.9, 1.12)),
            lip_fullness=float(rng.uniform(0.75, 1.35)),
            beard=beard,
            glasses=bool(rng.random() < 0.12),
        )
