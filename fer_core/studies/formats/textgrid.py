"""Praat's TextGrid, as text in its long and short form. It has intervals and points, but no coders.

Source: https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html. Only strings, free-standing
numbers and flags count in such a file; everything else is comment, so one reader takes both forms.
"""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fer_core.errors import DataError
from fer_core.io import write_text
from fer_core.studies.formats.annotations import (
    Media,
    build_annotations,
    describe_losses,
    list_lanes,
    read_text,
)

if TYPE_CHECKING:
    import pandas as pd

_TOKEN: Final[re.Pattern[str]] = re.compile(
    r'"(?P<text>(?:[^"]|"")*)"|(?<!\S)(?P<number>[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)(?!\S)'
    r"|(?P<flag><\w+>)|(?<!\S)!.*"
)
_POINTS: Final[str] = " (points)"
"""After the name of a tier, for the tier of its points: names must differ."""
_TICKS: Final[int] = 1_000_000


def write_textgrid(annotations: "pd.DataFrame", path: Path, media: Media | None = None) -> list[str]:
    """Write annotations as a TextGrid in its long form, UTF-8: interval tiers, and point tiers for points.

    Returns:
        What the file could not hold, in words.

    Raises:
        StorageError: it can't be written.
    """
    is_point = annotations["end_s"].isna()
    lanes, notes = list_lanes(annotations[~is_point], _TICKS)
    ends = [annotations["start_s"].max(), annotations["end_s"].max(), media.duration_s if media else 0.0]
    end = max((float(value) for value in ends if not math.isnan(value)), default=0.0) or 1.0
    tiers = [("IntervalTier", lane.name, _fill_blanks(lane.rows, round(end * _TICKS))) for lane in lanes]
    for tier, rows in annotations[is_point].groupby("tier"):
        # Praat allows one point at a time on a tier.
        texts: dict[int, str] = {}
        for start, code in zip(rows["start_s"], rows["code"], strict=True):
            time = round(start * _TICKS)
            texts[time] = f"{texts[time]}; {code}" if time in texts else str(code)
        if len(texts) < len(rows):
            notes.append(f"points of {tier!r} at the same time are one point, with their codes in a row")
        tiers.append(("TextTier", f"{tier}{_POINTS}", [(time, None, text) for time, text in texts.items()]))
    write_text(path, "\n".join(_format(tiers, end)) + "\n")
    return notes + describe_losses(annotations, "Praat", lost=("coder", "note"))


_Rows = list[tuple[int, int | None, str]]


def _fill_blanks(rows: tuple[tuple[int, int, str], ...], end: int) -> _Rows:
    """Intervals that cover everything from 0 to the end, as Praat wants them; those between have no text."""
    filled: _Rows = []
    last = 0
    for start, stop, text in (*rows, (end, end, "")):
        if start > last:
            filled.append((last, start, ""))
        if stop > start:
            filled.append((start, stop, text))
        last = stop
    return filled


def _quote(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _format(tiers: list[tuple[str, str, _Rows]], end: float) -> Iterator[str]:
    yield 'File type = "ooTextFile"'
    yield 'Object class = "TextGrid"'
    yield ""
    yield "xmin = 0"
    yield f"xmax = {end:.6f}"
    yield "tiers? <exists>"
    yield f"size = {len(tiers)}"
    yield "item []:"
    for number, (kind, name, rows) in enumerate(tiers, 1):
        entry = "intervals" if kind == "IntervalTier" else "points"
        yield f"    item [{number}]:"
        yield f'        class = "{kind}"'
        yield f"        name = {_quote(name)}"
        yield "        xmin = 0"
        yield f"        xmax = {end:.6f}"
        yield f"        {entry}: size = {len(rows)}"
        for row, (start, stop, text) in enumerate(rows, 1):
            yield f"        {entry} [{row}]:"
            yield f"            {'number' if stop is None else 'xmin'} = {start / _TICKS:.6f}"
            if stop is not None:
                yield f"            xmax = {stop / _TICKS:.6f}"
            yield f"            {'mark' if stop is None else 'text'} = {_quote(text)}"


class _Tokens:
    """Strings, numbers and flags of a file, one after the other."""

    def __init__(self, text: str, path: Path) -> None:
        self._found = _TOKEN.finditer(text)
        self._path = path
        self.place = "its head"

    def take(self, kind: str) -> str:
        """The next token, which must be of a kind: text, number or flag."""
        for match in self._found:
            if match.lastgroup is None:
                continue  # a comment
            if match.lastgroup != kind:
                raise DataError(
                    f"{self._path} is damaged in {self.place}: {match[0][:40]!r} where a {kind} is expected"
                )
            return match[kind]
        raise DataError(f"{self._path} ends in {self.place}; it may have been cut off")

    def take_text(self) -> str:
        return self.take("text").replace('""', '"')

    def take_number(self) -> float:
        number = float(self.take("number"))
        if math.isinf(number):
            raise DataError(f"{self._path} is damaged in {self.place}: a number is too large")
        return number


def read_textgrid(path: Path) -> "pd.DataFrame":
    """Annotations of all tiers of a TextGrid; intervals without a text are blanks.

    Raises:
        DataError: it is no TextGrid in text form, or damaged.
    """
    if path.is_file() and path.read_bytes()[:12] == b"ooBinaryFile":
        raise DataError(f"{path} is in Praat's binary form; save it as text: Save > Save as text file")
    tokens = _Tokens(read_text(path), path)
    head = tokens.take_text(), tokens.take_text()
    if not (head[0].startswith("ooTextFile") and head[1] == "TextGrid"):
        raise DataError(f"{path} is no TextGrid: it begins with {head[0][:40]!r}, {head[1][:40]!r}")
    tokens.take_number(), tokens.take_number()
    rows: list[tuple[object, ...]] = []
    if tokens.take("flag") == "<exists>":
        for _ in range(int(tokens.take_number())):
            rows += _read_tier(tokens)
    return build_annotations(rows, str(path))


def _read_tier(tokens: _Tokens) -> Iterator[tuple[object, ...]]:
    kind, name = tokens.take_text(), tokens.take_text()
    tokens.place = f"tier {name!r}"
    tokens.take_number(), tokens.take_number()
    for _ in range(int(tokens.take_number())):
        start = tokens.take_number()
        end = tokens.take_number() if kind == "IntervalTier" else None
        text = tokens.take_text().strip()
        if text:
            yield name.removesuffix(_POINTS) if end is None else name, start, end, text, "", ""
