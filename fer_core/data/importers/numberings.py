"""Which number means which class in the data sets that number them: every one does it in its own way.

The one table of them. Numbers alone don't say whose they are: an importer takes a numbering where its layout
says so, and everything else asks, offering these by name.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fer_core.labels import EMOTIONS, FER2013_LABELS


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbering:
    """What the numbers of one data set mean."""

    title: str
    """Whose they are, as people call it."""
    meanings: Mapping[str, str]
    """Emotion of each number, as text; an empty one: such pictures are left out."""
    source: str
    """Where that is written."""

    def fits(self, labels: Collection[str]) -> bool:
        """Whether all of the labels are numbers of this data set."""
        return bool(labels) and set(labels) <= set(self.meanings)


def _count(names: Sequence[str], start: int = 0) -> dict[str, str]:
    return {str(number): name for number, name in enumerate(names, start)}


NUMBERINGS: Final[dict[str, Numbering]] = {
    "fer2013": Numbering(
        title="FER2013", meanings=_count(FER2013_LABELS), source="Goodfellow et al., 2013, arXiv:1307.0414"
    ),
    "ferplus": Numbering(
        title="FER+", meanings=_count(EMOTIONS), source="Barsoum et al., 2016, github.com/microsoft/FERPlus"
    ),
    "affectnet": Numbering(
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
        ),  # 8 none, 9 uncertain, 10 no face
        source="Mollahosseini et al., 2017, arXiv:1708.03985",
    ),
    "raf-db": Numbering(
        title="RAF-DB",
        meanings=_count(("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral"), 1),
        source="Li, Deng and Du, 2017, whdeng.cn/RAF/model1.html",
    ),
    "ck-plus": Numbering(
        title="CK+",
        meanings=_count(
            ("neutral", "anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")
        ),
        source="Lucey et al., 2010, ReadMeCohnKanadeDatabase of the release",
    ),
    "aff-wild2": Numbering(
        title="Aff-Wild2 (ABAW)",
        meanings={
            **_count(("neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise", "")),
            "-1": "",
        },  # 7 other, -1 not annotated
        source="Kollias, 2022, arXiv:2202.10659",
    ),
    "expw": Numbering(
        title="ExpW",
        meanings=_count(FER2013_LABELS),
        source="Zhang et al., 2018, arXiv:1609.06426, readme of the release",
    ),
    "dfew": Numbering(
        title="DFEW",
        meanings=_count(("happiness", "sadness", "neutral", "anger", "surprise", "disgust", "fear"), 1),
        source="Jiang et al., 2020, arXiv:2008.05924",
    ),
    "alphabet-7": Numbering(
        title="seven classes by alphabet",
        meanings=_count(("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")),
        source="torchvision.datasets.ImageFolder of the usual seven class folders",
    ),
    "alphabet-8": Numbering(
        title="eight classes by alphabet",
        meanings=_count(
            ("anger", "contempt", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
        ),
        source="torchvision.datasets.ImageFolder of the usual eight class folders",
    ),
}
"""By the short name that people type."""


def find_fitting(labels: Collection[str]) -> list[str]:
    """Names of the numberings that know all of these labels; none says that it is the right one."""
    return [name for name, numbering in NUMBERINGS.items() if numbering.fits(labels)]
