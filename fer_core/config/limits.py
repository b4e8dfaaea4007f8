"""What values a setting may have, declared once in its type: `Annotated[float, Limits(low=0, high=1)]`.

The check of a configuration, the form, the table of a search and `--help` all read this declaration.
"""

import dataclasses
import math
import typing
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any, Literal

from fer_core.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Which numbers are allowed. Of `low` and `above`, and of `high` and `below`, one at most is given."""

    low: float | None = None
    """The smallest."""
    above: float | None = None
    """All are larger."""
    high: float | None = None
    """The largest."""
    below: float | None = None
    """All are smaller."""
    or_zero: bool = False
    """0 is allowed as well, and switches something off."""
    unit: str = ""
    """Or another remark behind the numbers."""
    step: float | None = None
    """From one value to the next in a form; None for one that suits the default."""
    search: tuple[float, float] | None = None
    """Where a search for good values usefully looks, both ends included."""
    log: bool = False
    """Such a search looks at the logarithm."""

    @property
    def smallest(self) -> float | None:
        """Lower end for a form, which itself may not be allowed."""
        return 0 if self.or_zero else self.above if self.low is None else self.low

    @property
    def largest(self) -> float | None:
        """Upper end for a form, which itself may not be allowed."""
        return self.below if self.high is None else self.high

    def allow(self, value: float) -> bool:
        """Whether a number is allowed; NaN and infinity never are."""
        if self.or_zero and value == 0:
            return True
        return (
            -math.inf < value < math.inf
            and (self.low is None or value >= self.low)
            and (self.above is None or value > self.above)
            and (self.high is None or value <= self.high)
            and (self.below is None or value < self.below)
        )

    def __str__(self) -> str:
        """In words: `0 to 1`, `more than 0`.

        Examples:
            >>> str(Limits(above=0, high=1))
            'more than 0, at most 1'
            >>> str(Limits(or_zero=True, low=8, high=2048, unit="px"))
            '0 or 8 to 2048 px'
        """
        high, below = (None if end is None else f"{end:.10g}" for end in (self.high, self.below))
        if self.low is not None:
            text = f"{self.low:.10g}"
            if high is not None:
                text += f" to {high}"
            elif below is not None:
                text += f" to less than {below}"
            else:
                text = f"at least {text}"
        else:
            text = f"more than {self.above:.10g}"
            if high is not None:
                text += f", at most {high}"
            elif below is not None:
                text += f", less than {below}"
        return f"{'0 or ' if self.or_zero else ''}{text}{' ' if self.unit else ''}{self.unit}"


@cache
def list_rules(cls: type) -> dict[str, Limits | tuple[str, ...]]:
    """Limits of the numbers and choices of the `Literal`s among the fields of a dataclass, by name."""
    hints = typing.get_type_hints(cls, include_extras=True)
    rules: dict[str, Limits | tuple[str, ...]] = {}
    for item in dataclasses.fields(cls):
        hint = hints[item.name]
        if typing.get_origin(hint) is Literal:
            rules[item.name] = tuple(map(str, typing.get_args(hint)))
        for part in getattr(hint, "__metadata__", ()):
            if isinstance(part, Limits):
                rules[item.name] = part
    return rules


def check_fields(settings: Any, prefix: str = "") -> None:
    """Check every field of a dataclass against what its type declares.

    Args:
        settings: an instance.
        prefix: what its fields' names begin with in messages, such as `optimizer.`.

    Raises:
        ConfigError: a value is not allowed; the message names the field, the value and what is.
    """
    for name, rule in list_rules(settings.__class__).items():
        value = getattr(settings, name)
        if isinstance(rule, Limits):
            check(rule.allow(value), f"{prefix}{name}", value, str(rule))
        elif value not in rule:
            near = get_close_matches(str(value), rule, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ConfigError(f"{prefix}{name} is {value!r}; expected one of {', '.join(rule)}.{hint}")


def check(condition: bool, name: str, value: object, expected: str) -> None:
    """Refuse a value of a setting unless the condition holds.

    Raises:
        ConfigError: it does not.
    """
    if not condition:
        raise ConfigError(f"{name} is {value!r}; expected {expected}")
