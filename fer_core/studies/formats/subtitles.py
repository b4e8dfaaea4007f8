"""WebVTT and SRT: what players show over a video, in whole milliseconds. No cue ends where it begins.

Sources: https://www.w3.org/TR/webvtt1/ (a voice names the tier); SubRip has no specification, and players
agree on numbered cues with a comma before the milliseconds.
"""

import html
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fer_core.errors import DataError
from fer_core.io import write_text
from fer_core.studies.formats.annotations import (
    Media,
    build_annotations,
    describe_losses,
    end_or_point,
    join_lines,
    read_text,
    to_ticks,
)
from fer_core.words import count as count_words

if TYPE_CHECKING:
    import pandas as pd

_TIMING: Final[re.Pattern[str]] = re.compile(
    r"\s*(?:(\d{2,}):)?([0-5]\d):([0-5]\d)\.(\d{3})\s+-->\s+(?:(\d{2,}):)?([0-5]\d):([0-5]\d)\.(\d{3})(?:\s.*)?"
)
_SRT_TIMING: Final[re.Pattern[str]] = re.compile(
    r"\s*(\d+):([0-5]?\d):([0-5]?\d)[,.](\d{3})\s*-->\s*(\d+):([0-5]?\d):([0-5]?\d)[,.](\d{3})(?:\s.*)?"
)
_SRT_TAG: Final[re.Pattern[str]] = re.compile(r"</?[A-Za-z][^>]*>|\{\\[^}]*\}")
_VOICE: Final[re.Pattern[str]] = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]*)>")
_TAG: Final[re.Pattern[str]] = re.compile(r"</?[a-z][^>]*>|<\d[^>]*>")


def write_vtt(annotations: "pd.DataFrame", path: Path, media: Media | None = None) -> list[str]:
    """Write annotations as WebVTT: a cue each, whose voice is the tier.

    Returns:
        What the file could not hold, in words.

    Raises:
        StorageError: it can't be written.
    """
    cues = [
        f"{_format_time(start, '.')} --> {_format_time(end, '.')}\n<v {_escape(tier)}>{_escape(code)}\n"
        for start, end, tier, code in _list_cues(annotations)
    ]
    write_text(path, "\n".join(["WEBVTT\n", *cues]))
    changed = _describe_changes(annotations, "WebVTT", join_lines, join_lines)
    return changed + describe_losses(annotations, "WebVTT", lost=("points", "coder", "note"))


def write_srt(annotations: "pd.DataFrame", path: Path, media: Media | None = None) -> list[str]:
    """Write annotations as SRT: a cue each, with the tier before the code.

    Returns:
        What the file could not hold, in words.

    Raises:
        StorageError: it can't be written.
    """
    cues = [
        f"{number}\n{_format_time(start, ',')} --> {_format_time(end, ',')}\n"
        f"{_neutralise_tier(tier)}: {_neutralise(code)}\n"
        for number, (start, end, tier, code) in enumerate(_list_cues(annotations), 1)
    ]
    write_text(path, "\n".join(cues))
    changed = _describe_changes(annotations, "SRT", _neutralise_tier, _neutralise)
    return changed + describe_losses(annotations, "SRT", lost=("points", "coder", "note"))


def _describe_changes(
    annotations: "pd.DataFrame", title: str, tier: Callable[[str], str], code: Callable[[str], str]
) -> list[str]:
    """How many texts are not written as they are, in words."""
    given = zip(annotations["tier"], annotations["code"], strict=True)
    num_changed = sum(tier(lane) != lane or code(text) != text for lane, text in given)
    if not num_changed:
        return []
    return [
        f"{count_words(num_changed, 'annotation')} written with other signs: {title} gives some a meaning"
    ]


def _list_cues(annotations: "pd.DataFrame") -> Iterator[tuple[int, int, str, str]]:
    for item in annotations.to_dict("records"):
        start, end = to_ticks(item["start_s"], item["end_s"], 1000)
        yield start, end, join_lines(item["tier"]), join_lines(item["code"])


def _format_time(milliseconds: int, mark: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{mark}{rest:03d}"


def _escape(text: str) -> str:
    return html.escape(text, quote=False)


def _neutralise_tier(text: str) -> str:
    """The same of what stands before the code: its first colon with a space would be taken for its end."""
    return _neutralise(text).replace(": ", ":").removesuffix(":")


def _neutralise(text: str) -> str:
    """A text that no player takes for a time or for formatting: SRT has no way to escape."""
    text = join_lines(text)
    return text.replace("-->", "->").replace("<", "‹").replace(">", "›").replace("{", "(").replace("}", ")")


def read_vtt(path: Path) -> "pd.DataFrame":
    """Annotations of the cues of a WebVTT file: a voice is a tier, other formatting is left out.

    Raises:
        DataError: it is no WebVTT file, or a cue's time can't be read; the message names the line.
    """
    lines = read_text(path).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if not re.match(r"WEBVTT(\s|$)", lines[0]):
        raise DataError(f"{path} is no WebVTT file: its first line is {lines[0][:40]!r}, not WEBVTT")
    blocks = [item for item in _list_blocks(lines) if not re.match(r"(NOTE|STYLE|REGION)(\s|$)", item[1][0])]
    expected = "00:01.000 --> 00:02.500, with a point before three digits"
    return _read_cues(path, blocks, _TIMING, expected, _split_voices)


def read_srt(path: Path) -> "pd.DataFrame":
    """Annotations of the cues of an SRT file: what is before a colon and a space is the tier, or the speaker.

    Formatting is left out.

    Raises:
        DataError: it is no SRT file, or a cue's time can't be read; the message names the line.
    """
    lines = read_text(path).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    blocks = list(_list_blocks(lines))
    if not any("-->" in line for _, block in blocks for line in block[:2]):
        raise DataError(f"{path} is no SRT file: it has no cue such as 00:00:01,000 --> 00:00:02,500")
    return _read_cues(path, blocks, _SRT_TIMING, "00:00:01,000 --> 00:00:02,500", _split_speaker)


def _read_cues(
    path: Path,
    blocks: list[tuple[int, list[str]]],
    pattern: re.Pattern[str],
    expected: str,
    split: Callable[[str], Iterator[tuple[str, str]]],
) -> "pd.DataFrame":
    """Annotations of the blocks with a time in the first or second line."""
    rows: list[tuple[object, ...]] = []
    for number, block in blocks:
        place = next((index for index, line in enumerate(block[:2]) if "-->" in line), None)
        if place is None:
            continue
        timing = pattern.fullmatch(block[place])
        if timing is None:
            raise DataError(
                f"{path}, line {number + place}: {block[place][:60]!r} is no time of a cue; expected "
                f"{expected}"
            )
        start, end = _read_time(timing.groups()[:4]), _read_time(timing.groups()[4:])
        for tier, text in split("\n".join(block[place + 1 :])):
            rows.append((tier, start, end_or_point(start, end) if end >= start else end, text, "", ""))
    return build_annotations(rows, str(path))


def _list_blocks(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """What is between empty lines after the head, with the number of its first line."""
    block: list[str] = []
    for number, line in enumerate([*lines, ""], 1):
        if line.strip():
            block.append(line)
            continue
        if block and not block[0].startswith("WEBVTT"):
            yield number - len(block), block
        block = []


def _read_time(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, milliseconds = (int(part or 0) for part in parts)
    return ((hours * 60 + minutes) * 60 + seconds) + milliseconds / 1000


def _split_speaker(text: str) -> Iterator[tuple[str, str]]:
    """Tier and text of a cue."""
    plain = join_lines(_SRT_TAG.sub("", text))
    tier, mark, code = plain.partition(": ")
    if plain:
        yield (tier, code) if mark and code else ("", plain)


def _split_voices(text: str) -> Iterator[tuple[str, str]]:
    """Voice and text of each part of a cue; a part without text says nothing."""
    first, *rest = _VOICE.split(text)
    for voice, part in [("", first), *zip(rest[::2], rest[1::2], strict=True)]:
        plain = join_lines(html.unescape(_TAG.sub("", part)))
        if plain:
            yield html.unescape(voice), plain
