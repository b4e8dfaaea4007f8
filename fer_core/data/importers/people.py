"""Who is on a picture, or which clip it is from: what must not lie on two sides of a split."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Final

from fer_core.data.importers.base import GROUP_COLUMNS, Item, Scan, name_fact
from fer_core.errors import DataError

_RULES: Final[tuple[re.Pattern[str], ...]] = tuple(
    re.compile(rule, re.I)
    for rule in (
        r"(?:^|[/_ -])(S\d{3})_\d{3}_\d{8}(?!\d)",  # CK+ and CK+48: S010_004_00000017.png
        r"(?:^|/)([A-Z]{2})[._-](?:AN|DI|FE|HA|NE|SA|SU)\d?[._-]\d{1,3}\.",  # JAFFE: KA.AN1.39.tiff
        r"(?:^|/)[AB]([FM]\d\d)(?:AF|AN|DI|HA|NE|SA|SU)(?:FL|HL|S|HR|FR)(?![A-Z])",  # KDEF: AF01ANS.JPG
        r"(?:^|[/_ -])(P\d{3})[/_]",  # Oulu-CASIA: VL/Strong/P001/Anger/000.jpeg
        r"(?:^|/)Rafd\d{3}_(\d\d)_",  # RaFD: Rafd090_01_Caucasian_female_angry_frontal.jpg
    )
)
"""What the names of pictures say in published data sets; the person is the first group."""
_MAX_PATTERN_CHARS: Final[int] = 200
_SHOWN: Final[int] = 3


def recognise_people(scan: Scan) -> Scan:
    """The scan with people by the names of published data sets, for pictures of which the source says none.

    Examples:
        >>> scan = Scan((Item(path="happy/S010_004_00000017.png", label="happy"),))
        >>> recognise_people(scan).items[0].group
        'S010'
    """
    found = [item.group or _recognise(item.path) for item in scan.items]
    return _with_groups(scan, found) if any(found) else scan


def group_by(scan: Scan, rule: str) -> Scan:
    """The scan with people or clips as the user says.

    Args:
        scan: what the source holds.
        rule: name of a column of the source, or a regular expression that is searched in the path of each
            picture: its first group, or all that it matches, is the person or clip.

    Raises:
        DataError: it is neither a column nor a regular expression that matches a picture.
    """
    column = name_fact(rule)
    if any(column in item.facts for item in scan.items):
        return _with_groups(scan, [item.facts.get(column, "") for item in scan.items])
    if rule.strip().lower() in GROUP_COLUMNS and any(item.group for item in scan.items):
        return scan  # it is what the groups are from
    pattern = _compile(rule)
    found = [
        next((part for part in (*match.groups(), match[0]) if part), "")
        if (match := pattern.search(item.path))
        else ""
        for item in scan.items
    ]
    if not any(found):
        columns = sorted({name for item in scan.items[:1000] for name in item.facts})
        paths = ", ".join(item.path for item in scan.items[:_SHOWN])
        raise DataError(
            f"--group-by {rule!r} is no column of the source ({', '.join(columns) or 'it has none'}), and as "
            f"a regular expression it matches no picture's path ({paths})"
        )
    return _with_groups(scan, found)


def _compile(rule: str) -> re.Pattern[str]:
    if not rule or len(rule) > _MAX_PATTERN_CHARS:
        raise DataError(f"--group-by has {len(rule)} characters; expected 1 to {_MAX_PATTERN_CHARS}")
    try:
        return re.compile(rule)
    except (re.error, RecursionError, OverflowError) as cause:
        raise DataError(
            f"--group-by {rule!r} is neither a column nor a regular expression: {cause}; for example "
            r"'S\d+' for a person in the names, or '([^/]+)/[^/]+$' for the folder of a clip"
        ) from cause


def _recognise(path: str) -> str:
    return next((match[1].upper() for rule in _RULES if (match := rule.search(path))), "")


def keep_photos_together(items: Sequence[Item]) -> list[Item]:
    """Faces of one photograph as a group of their own, where nothing else is known of them."""
    seen: set[str] = set()
    several = {item.path for item in items if item.path in seen or seen.add(item.path)}  # type: ignore[func-returns-value]
    return [
        replace(item, group=f"photo {PurePosixPath(item.path)}")
        if not item.group and item.path in several
        else item
        for item in items
    ]


def _with_groups(scan: Scan, groups: Sequence[str]) -> Scan:
    items = tuple(replace(item, group=group) for item, group in zip(scan.items, groups, strict=True))
    return replace(scan, items=items)
