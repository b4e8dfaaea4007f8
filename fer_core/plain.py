"""JSON and TOML as plain values, however strange the text: what comes out can be computed with and written.

Python's own parsers let through what breaks later, far from the file: numbers that are not finite, whole
numbers of any length, halves of characters that can't be encoded. They run out of stack on deep nesting.
"""

import json
import math
import re
import tomllib
from typing import Annotated, Any, Final

from msgspec import Meta

Count = Annotated[int, Meta(ge=0, le=10**11)]
"""A whole number in a file that counts something."""

Share = Annotated[float, Meta(ge=0, le=1)]
"""A share in a file, from nothing to all."""

_MAX_DIGITS: Final[int] = 18
"""What fits 64 bits whatever the digits are; nothing that is counted here needs more."""
_HALF_CHARACTER: Final[re.Pattern[str]] = re.compile(r"\\u[dD][89a-fA-F]")


def parse_json(text: str) -> Any:
    """Parse JSON. Numbers are finite, whole ones have up to 18 digits, and texts can be encoded.

    Raises:
        ValueError: it is no JSON, or holds something that could not be used.

    Examples:
        >>> parse_json('{"n": 3, "share": 0.5}')
        {'n': 3, 'share': 0.5}
    """
    try:
        value = json.loads(text, parse_constant=_refuse, parse_float=_parse_float, parse_int=_parse_int)
        if _HALF_CHARACTER.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError as cause:
        raise ValueError("it is nested too deeply") from cause
    except UnicodeEncodeError as cause:
        raise ValueError("it holds half of a character (a lone surrogate)") from cause
    return value


def parse_toml(text: str) -> dict[str, Any]:
    """Parse TOML.

    Raises:
        ValueError: it is no TOML, or nested too deeply.

    Examples:
        >>> parse_toml("epochs = 3")
        {'epochs': 3}
    """
    try:
        return tomllib.loads(text)
    except RecursionError as cause:
        raise ValueError("it is nested too deeply") from cause


def _refuse(text: str) -> float:
    raise ValueError(f"it holds {text}; expected finite numbers")


def _parse_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"it holds {text[:20]}; expected finite numbers")
    return value


def _parse_int(text: str) -> int:
    if len(text.removeprefix("-")) > _MAX_DIGITS:
        raise ValueError(f"it holds a number of {len(text)} digits; expected at most {_MAX_DIGITS}")
    return int(text)
