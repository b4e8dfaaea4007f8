"""ELAN's .eaf (EAF 3.0). Tiers may not overlap, times are whole milliseconds, and there are no points.

Source: H. Sloetjes, "ELAN Annotation Format 3.0", The Language Archive, and EAFv3.0.xsd.
"""

import mimetypes
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fer_core import __version__
from fer_core.errors import DataError
from fer_core.io import write_bytes
from fer_core.studies.formats.annotations import (
    Media,
    build_annotations,
    describe_losses,
    end_or_point,
    list_lanes,
)

if TYPE_CHECKING:
    import pandas as pd

_SCHEMA: Final[str] = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
_XSI: Final[str] = "http://www.w3.org/2001/XMLSchema-instance"
_UNITS: Final[dict[str, float]] = {
    "milliseconds": 0.001,
    "PAL-frames": 1 / 25,
    "PAL-50-frames": 1 / 50,
    "NTSC-frames": 1001 / 30000,
}
"""Seconds of one unit of TIME_VALUE."""
_TYPE: Final[str] = "annotation"


def write_elan(annotations: "pd.DataFrame", path: Path, media: Media | None = None) -> list[str]:
    """Write annotations as an EAF 3.0 file; ELAN opens the video beside it.

    Returns:
        What the file could not hold, in words.

    Raises:
        StorageError: it can't be written.
    """
    lanes, notes = list_lanes(annotations, 1000)
    root = ET.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": f"fer-workbench {__version__}",
            "DATE": datetime.now(UTC).isoformat(timespec="seconds"),
            "FORMAT": "3.0",
            "VERSION": "3.0",
            "xmlns:xsi": _XSI,
            "xsi:noNamespaceSchemaLocation": _SCHEMA,
        },
    )
    header = ET.SubElement(root, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"})
    if media is not None:
        _add_media(header, Path(media.name))
    num_annotations = sum(len(lane.rows) for lane in lanes)
    last = ET.SubElement(header, "PROPERTY", {"NAME": "lastUsedAnnotationId"})
    last.text = str(num_annotations)
    _add_tiers(root, [(lane.name, lane.coder, lane.rows) for lane in lanes])
    ET.SubElement(
        root,
        "LINGUISTIC_TYPE",
        {"LINGUISTIC_TYPE_ID": _TYPE, "TIME_ALIGNABLE": "true", "GRAPHIC_REFERENCES": "false"},
    )
    ET.indent(root)
    write_bytes(path, ET.tostring(root, encoding="UTF-8", xml_declaration=True))
    return notes + describe_losses(annotations, "ELAN", lost=("points", "note"))


def _add_media(header: ET.Element, media: Path) -> None:
    ET.SubElement(
        header,
        "MEDIA_DESCRIPTOR",
        {
            "MEDIA_URL": media.absolute().as_uri(),
            "MIME_TYPE": mimetypes.guess_type(media.name)[0] or "video/mp4",
            "RELATIVE_MEDIA_URL": f"./{Path('/', media.name).as_uri().removeprefix('file:///')}",
        },
    )


def _add_tiers(root: ET.Element, lanes: list[tuple[str, str, tuple[tuple[int, int, str], ...]]]) -> None:
    """Add TIME_ORDER, whose slots are in order of time, and the tiers that refer to it."""
    times = [
        (time, lane, row, edge)
        for lane, (_, _, rows) in enumerate(lanes)
        for row, (start, end, _) in enumerate(rows)
        for edge, time in enumerate((start, end))
    ]
    order = ET.SubElement(root, "TIME_ORDER")
    slots = {}
    for number, (time, *place) in enumerate(sorted(times), 1):
        slots[tuple(place)] = f"ts{number}"
        ET.SubElement(order, "TIME_SLOT", {"TIME_SLOT_ID": f"ts{number}", "TIME_VALUE": str(time)})
    number = 0
    for lane, (name, coder, rows) in enumerate(lanes):
        facts = {"TIER_ID": name, "LINGUISTIC_TYPE_REF": _TYPE} | ({"ANNOTATOR": coder} if coder else {})
        tier = ET.SubElement(root, "TIER", facts)
        for row, (_, _, code) in enumerate(rows):
            number += 1
            references = {f"TIME_SLOT_REF{edge + 1}": slots[lane, row, edge] for edge in (0, 1)}
            item = ET.SubElement(
                ET.SubElement(tier, "ANNOTATION"),
                "ALIGNABLE_ANNOTATION",
                {"ANNOTATION_ID": f"a{number}", **references},
            )
            ET.SubElement(item, "ANNOTATION_VALUE").text = code


def read_elan(path: Path) -> "pd.DataFrame":
    """Annotations of all tiers of an EAF file, of any version.

    Times are seconds of the video whatever TIME_UNITS says, with the offset (TIME_ORIGIN) of the first
    medium. Slots without a time lie evenly between their neighbours on the tier; annotations that refer to
    others have the time of those, divided evenly where several refer to one. Annotations without a text are
    left out.

    Raises:
        DataError: it is no EAF file, or damaged.
    """
    try:
        root = ET.parse(path).getroot()
    except OSError as cause:
        raise DataError(f"{path} can't be read: {cause.strerror or cause}") from cause
    except (ET.ParseError, ValueError, LookupError) as cause:
        raise DataError(f"{path} is damaged: {cause}; open it in ELAN and save it again") from cause
    if root.tag != "ANNOTATION_DOCUMENT":
        raise DataError(f"{path} is no ELAN file: it begins with <{root.tag}>, not <ANNOTATION_DOCUMENT>")
    slots, offset = _read_slots(root, path)
    parents: dict[str, tuple[float, float]] = {}
    waiting = list(root.iter("TIER"))
    found = {}
    for tier in waiting:
        if tier.find("ANNOTATION/REF_ANNOTATION") is None:
            found[id(tier)] = list(_read_aligned(tier, slots, path))
            parents |= {name: times for name, times, _ in found[id(tier)]}
    _read_dependent(waiting, found, parents, path)
    rows = [
        (
            tier.get("TIER_ID"),
            start + offset,
            end_or_point(start, end) + offset,
            text,
            tier.get("ANNOTATOR"),
            "",
        )
        for tier in waiting
        for _, (start, end), text in found[id(tier)]
        if text.strip()
    ]
    return build_annotations(rows, str(path))


def _read_slots(root: ET.Element, path: Path) -> tuple[dict[str, float | None], float]:
    """Seconds of each time slot, None where it has no time, and seconds by which all are moved."""
    header = root.find("HEADER")
    unit = "milliseconds" if header is None else header.get("TIME_UNITS", "milliseconds")
    if unit not in _UNITS:
        raise DataError(f"{path} counts time in {unit!r}; expected one of {', '.join(_UNITS)}")
    media = root.find("HEADER/MEDIA_DESCRIPTOR")
    try:
        offset = 0.0 if media is None else int(media.get("TIME_ORIGIN", "0")) / 1000
        slots: dict[str, float | None] = {}
        for slot in root.iter("TIME_SLOT"):
            value = slot.get("TIME_VALUE")
            slots[slot.attrib["TIME_SLOT_ID"]] = None if value is None else int(value) * _UNITS[unit]
    except (KeyError, ValueError) as cause:
        raise DataError(f"{path} has a time slot that can't be read: {cause}") from cause
    return slots, offset


def _read_aligned(
    tier: ET.Element, slots: Mapping[str, float | None], path: Path
) -> Iterator[tuple[str, tuple[float, float], str]]:
    """Name, times and text of each annotation that has slots."""
    items = tier.findall("ANNOTATION/ALIGNABLE_ANNOTATION")
    where = f"{path}, tier {tier.get('TIER_ID')!r}"
    try:
        edges = [(item.attrib["TIME_SLOT_REF1"], item.attrib["TIME_SLOT_REF2"]) for item in items]
        chain = {name: slots[name] for pair in edges for name in pair}
    except KeyError as cause:
        raise DataError(f"{where} refers to a time slot that does not exist: {cause}") from cause
    times = _fill_times(chain, where)
    for item, (start, end) in zip(items, edges, strict=True):
        text = item.findtext("ANNOTATION_VALUE", "")
        yield item.get("ANNOTATION_ID", ""), (times[start], times[end]), text


def _fill_times(chain: Mapping[str, float | None], where: str) -> dict[str, float]:
    import numpy as np

    known = [index for index, value in enumerate(chain.values()) if value is not None]
    values = [value for value in chain.values() if value is not None]
    if chain and (not known or known[0] != 0 or known[-1] != len(chain) - 1):
        raise DataError(f"{where} begins or ends with an annotation without a time; align it in ELAN")
    filled = np.interp(range(len(chain)), known, values) if chain else ()
    return dict(zip(chain, map(float, filled), strict=True))


def _read_dependent(
    tiers: list[ET.Element],
    found: dict[int, list[tuple[str, tuple[float, float], str]]],
    parents: dict[str, tuple[float, float]],
    path: Path,
) -> None:
    """Give annotations that refer to others the time of those: parents first, whatever order the file has."""
    waiting = [tier for tier in tiers if id(tier) not in found]
    while waiting:
        ready = [tier for tier in waiting if _list_parents(tier) <= parents.keys()]
        if not ready:
            name = waiting[0].get("TIER_ID")
            raise DataError(f"{path}, tier {name!r} refers to an annotation that does not exist")
        for tier in ready:
            found[id(tier)] = list(_read_references(tier, parents))
            parents |= {name: times for name, times, _ in found[id(tier)]}
        waiting = [tier for tier in waiting if id(tier) not in found]


def _list_parents(tier: ET.Element) -> set[str]:
    return {item.get("ANNOTATION_REF", "") for item in tier.iter("REF_ANNOTATION")}


def _read_references(
    tier: ET.Element, parents: Mapping[str, tuple[float, float]]
) -> Iterator[tuple[str, tuple[float, float], str]]:
    children: dict[str, list[ET.Element]] = {}
    for item in tier.iter("REF_ANNOTATION"):
        children.setdefault(item.get("ANNOTATION_REF", ""), []).append(item)
    for parent, items in children.items():
        start, end = parents[parent]
        step = (end - start) / len(items)
        for number, item in enumerate(_follow(items)):
            times = (start + number * step, start + (number + 1) * step)
            yield item.get("ANNOTATION_ID", ""), times, item.findtext("ANNOTATION_VALUE", "")


def _follow(items: list[ET.Element]) -> list[ET.Element]:
    """References to one annotation in their order, each of which names the one before."""
    after = {item.get("PREVIOUS_ANNOTATION"): item for item in items}
    ordered: list[ET.Element] = []
    following = after.get(None)
    while following is not None and len(ordered) < len(items):
        ordered.append(following)
        following = after.get(following.get("ANNOTATION_ID"))
    return ordered if len(ordered) == len(items) else items
