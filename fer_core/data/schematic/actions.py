"""Which parts of a face move for which expression, after the Facial Action Coding System.

Action units and their combinations: Ekman, Friesen & Hager, *Facial Action Coding System* (2002), and the
prototypes of Matsumoto & Ekman, "Facial expression analysis", Scholarpedia 3(5):4237 (2008).
"""

from dataclasses import asdict, dataclass
from typing import Final

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceActions:
    """How far each part of a face has moved, each from 0 (at rest) to 1 (as far as it goes)."""

    inner_brow_raise: float = 0.0
    """AU1."""
    outer_brow_raise: float = 0.0
    """AU2."""
    brow_lower: float = 0.0
    """AU4: lowered and drawn together."""
    lid_raise: float = 0.0
    """AU5: eyes wide open."""
    cheek_raise: float = 0.0
    """AU6: crow's-feet, raised lower lids."""
    lid_tighten: float = 0.0
    """AU7."""
    lid_droop: float = 0.0
    """AU43, part of the way."""
    nose_wrinkle: float = 0.0
    """AU9."""
    upper_lip_raise: float = 0.0
    """AU10."""
    corner_pull_left: float = 0.0
    """AU12 on the picture's left: lip corner up and outwards."""
    corner_pull_right: float = 0.0
    """AU12 on the picture's right."""
    corner_depress: float = 0.0
    """AU15."""
    chin_raise: float = 0.0
    """AU17."""
    lip_stretch: float = 0.0
    """AU20."""
    lip_press: float = 0.0
    """AU24."""
    jaw_drop: float = 0.0
    """AU26."""

    def blended(self, other: "FaceActions", weight: float) -> "FaceActions":
        """The face on its way to `other`: this one at weight 0, `other` at weight 1."""
        target = asdict(other)
        return FaceActions(
            **{name: value + weight * (target[name] - value) for name, value in asdict(self).items()}
        )


_ANGER_EYES: Final = {"brow_lower": 1.0, "lid_raise": 0.35, "lid_tighten": 0.6}
_DISGUST: Final = {"nose_wrinkle": 1.0, "upper_lip_raise": 1.0, "lid_tighten": 0.6, "brow_lower": 0.4}
_FEAR_EYES: Final = {"inner_brow_raise": 1.0, "outer_brow_raise": 0.3, "brow_lower": 0.5, "lid_raise": 1.0}
_SADNESS: Final = {"inner_brow_raise": 1.0, "brow_lower": 0.25, "corner_depress": 1.0, "lid_droop": 0.4}
_SMILE: Final = {"corner_pull_left": 1.0, "corner_pull_right": 1.0, "cheek_raise": 0.9}
_SURPRISE: Final = {"inner_brow_raise": 1.0, "outer_brow_raise": 1.0, "lid_raise": 0.85}

PROTOTYPES: Final[dict[str, tuple[dict[str, float], ...]]] = {
    "neutral": ({}, {"lid_droop": 0.15}),
    "happiness": (_SMILE, _SMILE | {"jaw_drop": 0.3}, _SMILE | {"jaw_drop": 0.55}),
    "surprise": (_SURPRISE | {"jaw_drop": 1.0}, _SURPRISE | {"jaw_drop": 0.7}),
    "sadness": (_SADNESS | {"chin_raise": 0.7}, _SADNESS | {"lid_droop": 0.65}),
    "anger": (
        _ANGER_EYES | {"lip_press": 1.0},
        _ANGER_EYES | {"lip_press": 0.8, "chin_raise": 0.5, "corner_depress": 0.3},
        _ANGER_EYES | {"jaw_drop": 0.45, "lip_stretch": 0.3, "upper_lip_raise": 0.3},
    ),
    "disgust": (_DISGUST | {"corner_depress": 0.3}, _DISGUST | {"jaw_drop": 0.25, "cheek_raise": 0.4}),
    "fear": (
        _FEAR_EYES | {"lip_stretch": 1.0, "jaw_drop": 0.35},
        _FEAR_EYES | {"lip_stretch": 1.0, "jaw_drop": 0.2},
    ),
    "contempt": (
        {"corner_pull_left": 1.15, "lid_droop": 0.25, "lip_press": 0.4},
        {"corner_pull_right": 1.15, "lid_droop": 0.25, "lip_press": 0.4},
    ),
}
"""The variants of each expression at full intensity; what isn't named is at rest.

A value above 1 reaches its end before the intensity does: half a smile is small, but it is the whole message.
"""


def draw_actions(emotion: str, intensity: float, rng: np.random.Generator) -> FaceActions:
    """Choose a variant of an expression and vary it, as no two people do it alike.

    Args:
        emotion: one of `fer_core.labels.EMOTIONS`.
        intensity: how strongly it shows, in [0, 1].
        rng: where the chance comes from.
    """
    variants = PROTOTYPES[emotion]
    chosen = variants[int(rng.integers(len(variants)))]
    names = list(FaceActions.__dataclass_fields__)
    strength = rng.uniform(0.8, 1.1, len(names)) * intensity
    twitch = np.abs(rng.normal(0.0, 0.035, len(names)))
    values = [chosen.get(name, 0.0) * strength[i] + twitch[i] for i, name in enumerate(names)]
    return FaceActions(**dict(zip(names, np.clip(values, 0.0, 1.0).tolist(), strict=True)))
