"""Where training pictures come from, and on what terms: what data sets, models and cards say about it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

Commercial = Literal["yes", "no", "unresolved"]
UNKNOWN: Final[str] = "unknown"

_OPEN: Final = re.compile(
    r"(cc0|public domain|cc[ -]by(-sa)?|mit|apache([ -]2\.0)?|bsd|odbl|cdla[ -]permissive)([ -]\d(\.\d)?)?",
    re.I,
)
"""Licences by name that allow commercial use; some ask for the authors' names or for the same licence."""
_CLOSED: Final = re.compile(r"\bnc\b|non-?commercial|research|academic", re.I)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Origin and terms of one source of training data, as far as they are known."""

    source: str
    """What it is called."""
    pictures: str = ""
    """Where its pictures come from; empty if that is not known."""
    picture_licence: str = UNKNOWN
    label_licence: str = UNKNOWN
    unresolved: str = ""
    """What nobody settled, as half a sentence; empty if nothing."""
    commercial: Commercial = "unresolved"
    """Whether its terms allow commercial use."""
    reference: str = ""
    """Where the terms are stated."""

    def describe(self) -> str:
        """Licences in one line."""
        if self.picture_licence == self.label_licence:
            return f"{self.source}: {self.picture_licence}"
        licences = f"licence of the pictures {self.picture_licence}, of the labels {self.label_licence}"
        return f"{self.source}: {licences}"


FER2013: Final = Terms(
    source="FER2013",
    pictures="faces found by a web image search",
    picture_licence="none (released for research)",
    label_licence="none (released for research)",
    unresolved="neither the photographers nor the people on FER2013's pictures gave a licence",
    reference="Goodfellow et al., 2013, arXiv:1307.0414",
)
FERPLUS: Final = Terms(
    source="FER2013 with FER+ votes",
    pictures=FER2013.pictures,
    picture_licence=FER2013.picture_licence,
    label_licence="MIT",
    unresolved=FER2013.unresolved,
    reference=f"{FER2013.reference}; github.com/microsoft/FERPlus",
)
SCHEMATIC: Final = Terms(
    source="schematic-faces",
    pictures="drawn by this program; they show nobody",
    picture_licence="CC0",
    label_licence="CC0",
    commercial="yes",
)


def research_only(source: str, *, pictures: str, reference: str) -> Terms:
    """Terms of a data set that its authors give away for non-commercial research alone."""
    words = "non-commercial research only"
    return Terms(
        source=source,
        pictures=pictures,
        picture_licence=words,
        label_licence=words,
        commercial="no",
        reference=reference,
    )


_FORMER: Final[Mapping[str, Terms]] = {
    "FER2013: ICML 2013 challenge data, research use, faces collected from the web. "
    "FER+ votes: MIT.": FERPLUS,
    "CC0: drawn faces of nobody": SCHEMATIC,
}
"""What `licence` said in files of schema 1."""
_NOTHING: Final[frozenset[str]] = frozenset({"", "not stated by the source"})


def read_former(licence: object, source: object) -> tuple[Terms, ...]:
    """Terms of a file of schema 1, which had one line of text.

    Args:
        licence: that line; anything else is as good as none.
        source: name of the data set.
    """
    words = licence.strip() if isinstance(licence, str) else ""
    if words in _NOTHING:
        return ()
    return (_FORMER.get(words) or Terms(source=str(source) or UNKNOWN, picture_licence=words),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What somebody who imports a data set says of its terms; empty where he or she says nothing."""

    licence: str = ""
    """Of pictures and labels, by name or in words."""
    pictures: str = ""
    """Where the pictures come from."""
    commercial: Commercial | Literal[""] = ""
    """Whether commercial use is allowed; by the licence's name if empty."""

    def apply(self, source: str, known: Sequence[Terms] = ()) -> tuple[Terms, ...]:
        """Terms of a data set, by this statement first, then by what is known.

        Args:
            source: name of the data set.
            known: what its importer found.
        """
        if not (self.licence or self.pictures or self.commercial):
            return tuple(known)
        return tuple(self._change(item) for item in known or (Terms(source=source),))

    def _change(self, known: Terms) -> Terms:
        judged = judge_licence(self.licence) if self.licence else known.commercial
        return Terms(
            source=known.source,
            pictures=self.pictures or known.pictures,
            picture_licence=self.licence or known.picture_licence,
            label_licence=self.licence or known.label_licence,
            unresolved="" if self.licence else known.unresolved,
            commercial=self.commercial or judged,
            reference="stated at the import",
        )


def judge_licence(licence: str) -> Commercial:
    """Whether a licence allows commercial use, by its name.

    Examples:
        >>> [judge_licence(name) for name in ("CC BY 4.0", "CC-BY-NC 4.0", "for research", "ask Ann")]
        ['yes', 'no', 'no', 'unresolved']
    """
    if _CLOSED.search(licence):
        return "no"
    return "yes" if _OPEN.fullmatch(licence.strip()) else "unresolved"


def join_terms(parts: Iterable[Terms]) -> tuple[Terms, ...]:
    """Terms of everything that something was made from: each once, in order."""
    return tuple(dict.fromkeys(parts))


def judge_use(terms: Sequence[Terms]) -> Commercial:
    """Whether commercial use is allowed by all sources: the worst answer counts; none known: unresolved."""
    answers = {item.commercial for item in terms}
    if "no" in answers:
        return "no"
    return "yes" if answers == {"yes"} else "unresolved"


def answer_use(terms: Sequence[Terms]) -> str:
    """Answer the question "May I use this commercially?" in two sentences of plain text."""
    answer = judge_use(terms)
    deciding = [item for item in terms if item.commercial == answer]
    if answer == "yes":
        named = " and ".join(item.describe() for item in deciding)
        return (
            f"Yes, as far as its training data says ({named}). Where a licence asks for it, name the authors."
        )
    if answer == "no":
        named = " and ".join(f"{item.source} ({item.picture_licence})" for item in deciding)
        return f"No: the terms of {named} don't allow it. Ask the authors, or train on other data."
    if not terms:
        return "Not known: nothing says what it was trained on. Ask whoever trained it first."
    reasons = "; ".join(item.unresolved or f"the terms of {item.source} are not known" for item in deciding)
    return f"Not settled: {reasons}. Use it for research, and take advice before you sell something with it."
