"""What a network says about itself, and checks of its arguments."""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from fer_core.errors import ConfigError
from fer_core.models.base import FerModel

TIMM_PREFIX: Final[str] = "timm/"
"""What follows it is the name of a timm backbone."""
MAX_WIDTH: Final[int] = 8192
MAX_DEPTH: Final[int] = 128
"""Layers of one kind in a row; more is a slip of the finger, and would fill the memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """A network that can be built by name."""

    build: Callable[..., FerModel]
    """Takes num_classes, in_channels, where it needs it input_size (rows, columns), and its own arguments."""
    summary: str
    """One line on what it is."""
    reference: str
    """Paper or origin."""
    input_size: tuple[int, int] | None = None
    """Rows and columns it was designed for; None takes the data set's own."""
    min_side_px: int = 8
    """Smallest side that it can take."""
    embedding_dim: int = 0
    """Size of the embedding layer when none is asked for; 0 has none."""

    def __post_init__(self) -> None:
        """Refuse what would fail far from here: packages describe theirs, too."""
        size = self.input_size
        sides = (size if isinstance(size, tuple) else (size,)) if size is not None else ()
        facts = (
            ("build", callable(self.build), "something that builds a network"),
            ("summary", isinstance(self.summary, str), "text"),
            ("reference", isinstance(self.reference, str), "text"),
            ("input_size", len(sides) in (0, 2) and all(map(_is_count, sides)), "None or (rows, columns)"),
            ("min_side_px", _is_count(self.min_side_px), "a whole number above 0"),
            ("embedding_dim", self.embedding_dim == 0 or _is_count(self.embedding_dim), "a whole number"),
        )
        for field, is_right, expected in facts:
            if not is_right:
                raise ConfigError(f"{field} is {getattr(self, field)!r:.80}; expected {expected}")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and value > 0


def require(condition: bool, argument: str, value: object, expected: str) -> None:
    """Check an architecture's argument.

    Raises:
        ConfigError: `condition` does not hold; the message names argument, value and what was expected.
    """
    if not condition:
        raise ConfigError(f"model.arguments.{argument} is {value!r}; expected {expected}")


def require_choice(argument: str, value: str, choices: tuple[str, ...]) -> None:
    """Check an argument that names one of a few things.

    Raises:
        ConfigError: it names none of them.
    """
    near = get_close_matches(value, choices, n=1)
    hint = f". Did you mean {near[0]!r}?" if near else ""
    require(value in choices, argument, value, f"one of {', '.join(choices)}{hint}")


def require_width(argument: str, value: int, *, smallest: int = 1) -> None:
    """Check a number of channels, features or units.

    Raises:
        ConfigError: it is out of range.
    """
    require(smallest <= value <= MAX_WIDTH, argument, value, f"{smallest} to {MAX_WIDTH}")


def require_depth(argument: str, value: int) -> None:
    """Check a number of blocks.

    Raises:
        ConfigError: it is out of range.
    """
    require(1 <= value <= MAX_DEPTH, argument, value, f"1 to {MAX_DEPTH}")


def require_halvings(argument: str, text: str, num_halvings: int, input_size: tuple[int, int]) -> None:
    """Check that images of `input_size` can be halved so often, as `argument` asks for.

    Raises:
        ConfigError: nothing would be left of them.
    """
    most = min(input_size).bit_length() - 1
    require(
        num_halvings <= most,
        argument,
        text,
        f"stages that halve {input_size[0]}x{input_size[1]} px at most {most} times, not {num_halvings}",
    )


def parse_widths(argument: str, text: str, *, largest: int = MAX_WIDTH) -> list[int]:
    """Read positive integers joined by dashes, such as '64-128-192'.

    Raises:
        ConfigError: it is something else.
    """
    parts = text.split("-")
    good = all(part.isascii() and part.isdigit() and 0 < int(part[:9]) <= largest for part in parts)
    require(good, argument, text, f"whole numbers like 64-128-192, each at most {largest}")
    return [int(part) for part in parts]
