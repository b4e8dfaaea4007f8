"""One fixed colour per emotion, on every page, chart and overlay.

Based on the Okabe-Ito palette (https://jfly.uni-koeln.de/color/), which stays distinguishable under the
common colour-vision deficiencies; black and yellow are replaced by a grey and a darker olive so that every
colour is readable on light and on dark backgrounds. Colour is never the only carrier: names stand beside it.
"""

from typing import Final

EMOTION_COLORS: Final[dict[str, str]] = {
    "neutral": "#8a8d91",
    "happiness": "#e69f00",
    "surprise": "#56b4e9",
    "sadness": "#0072b2",
    "anger": "#d55e00",
    "disgust": "#009e73",
    "fear": "#cc79a7",
    "contempt": "#a89a18",
    "calm": "#7a9e7e",
    "boredom": "#9a7b5f",
}

UNKNOWN_COLOR: Final[str] = "#6c6f75"
"""Colour of a class outside the canonical ones, and of an uncertain prediction."""


def emotion_color(name: str) -> str:
    """Return the `#rrggbb` colour of an emotion; a neutral grey for any other class name."""
    return EMOTION_COLORS.get(name, UNKNOWN_COLOR)


def hex_to_rgb(color: str) -> tuple[int, int, int]:
    """Return (red, green, blue), each 0 to 255, of a `#rrggbb` string."""
    value = color.lstrip("#")
    return int(value[0:2], 16), int(value[2:4], 16), int(value[4:6], 16)
