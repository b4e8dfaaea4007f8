"""What the numbers of published data sets mean. One number means other classes in the next data set."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from fer_core.errors import ConfigError
from fer_core.labels import EMOTIONS, FER2013_LABELS

_NUMBER: Final = re.compile(r"(-?)0*(\d{1,6})(?:\.0*)?")
"""As tables write them: `4`, `04`, `4.0`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbering:
    """The numeric labels of one data set."""

    title: str
    """The data set."""
    meanings: Mapping[str, str]
    """Emotion of each number; empty: no emotion, left out."""

    def covers(self, labels: Collection[str]) -> bool:
        """Whether every one of these labels is a number that has a meaning here."""
        return bool(labels) and all(self.find(label) is not None for label in labels)

    def find(self, label: str) -> str | None:
        """Emotion of a label as a source spells it, None if it is no number of this data set."""
        return self.meanings.get(read_number(label))

    def describe(self) -> str:
        """The numbers and what they mean.

        Examples:
            >>> NUMBERINGS["raf-db"].describe()
            'RAF-DB: 1 surprise, 2 fear, 3 disgust, 4 happiness, 5 sadness, 6 anger, 7 neutral'
        """
        words = (f"{number} {emotion or 'left out'}" for number, emotion in self.meanings.items())
        return f"{self.title}: {', '.join(words)}"


def _count(names: Collection[str], start: int = 0) -> dict[str, str]:
    return {str(number): name for number, name in enumerate(names, start)}


NUMBERINGS: Final[Mapping[str, Numbering]] = {
    "affectnet": Numbering(  # Mollahosseini et al., 2017; 8 none, 9 uncertain, 10 no face
        title="AffectNet",
        meanings=_count(
            (
                "neutral",
                "happiness",
                "sadness",
                "surprise",
                "fear",
                "disgust",
                "anger",
                "contempt",
                "",
                "",
                "",
            )
        ),
    ),
    "aff-wild2": Numbering(  # the ABAW competitions' EXPR challenge, Kollias, 2022; 7 other, -1 not annotated
        title="Aff-Wild2",
        meanings={
            **_count(("neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise", "")),
            "-1": "",
        },
    ),
    "ck+": Numbering(  # Lucey et al., 2010, Emotion/*.txt
        title="CK+",
        meanings=_count(
            ("neutral", "anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")
        ),
    ),
    "dfew": Numbering(  # Jiang et al., 2020
        title="DFEW",
        meanings=_count(("happiness", "sadness", "neutral", "anger", "surprise", "disgust", "fear"), 1),
    ),
    "expw": Numbering(title="ExpW", meanings=_count(FER2013_LABELS)),  # Zhang et al., 2018
    "fer2013": Numbering(title="FER2013", meanings=_count(FER2013_LABELS)),  # Goodfellow et al., 2013
    "ferplus": Numbering(title="FER+, in the order of its columns", meanings=_count(EMOTIONS)),
    "raf-db": Numbering(  # Li et al., 2017
        title="RAF-DB",
        meanings=_count(("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral"), 1),
    ),
}
"""By the name that `fer import --numbers` takes."""


def read_number(label: str) -> str:
    """A label's number in plain digits; empty if it is none.

    Examples:
        >>> read_number("04"), read_number("4.0"), read_number("-1"), read_number("3_happy")
        ('4', '4', '-1', '')
    """
    match = _NUMBER.fullmatch(label.strip())
    return match[1] + match[2] if match else ""


def list_numberings(labels: Collection[str]) -> list[str]:
    """Names of the numberings that cover every number among these labels; none if there is no number.

    Where none lists the negative ones, which mostly mean "not labelled", those that cover the others count.
    """
    numbers = [label for label in labels if read_number(label)]
    positive = [label for label in numbers if not read_number(label).startswith("-")]
    exact, near = (
        [name for name, numbering in NUMBERINGS.items() if numbering.covers(found)]
        for found in (numbers, positive)
    )
    return exact or near


def find_numbering(name: str) -> Numbering:
    """The numbering of that name.

    Raises:
        ConfigError: there is none.
    """
    if name not in NUMBERINGS:
        raise ConfigError(f"no numbering is called {name!r}; expected one of {', '.join(NUMBERINGS)}")
    return NUMBERINGS[name]
