"""ELAN files: they keep the rules of EAF 3.0, open in pympi, and those of other programs are understood."""

import itertools
import warnings
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pympi
import pytest
import xmlschema

from fer_core.studies.formats.elan import read_elan
from tests.unit.studies.annotation_rows import (
    PAL,
    ROWS,
    assert_same,
    list_expected,
    make_annotations,
    write,
)
from tests.unit.studies.tables import MEDIA


def test_elan_opens_in_pympi(tmp_path):
    annotations = make_annotations()
    notes = write(annotations, tmp_path / "a.eaf")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # pympi warns of versions that it does not know
        eaf = pympi.Eaf(tmp_path / "a.eaf")
    found = [
        (start / 1000, end / 1000, text)
        for tier in eaf.get_tier_names()
        for start, end, text, *_ in eaf.get_annotation_data_for_tier(tier)
    ]
    assert_same(found, list_expected(annotations))
    assert eaf.get_linked_files()[0]["RELATIVE_MEDIA_URL"] == "./clip.mp4"
    assert set(eaf.get_tier_names()) == {"Ann", "Ann (2)", 'B "é" <o>'}
    assert "annotations of 'Ann' that overlap are on 2 tiers" in notes
    assert any(note.startswith("1 point written") for note in notes)


@pytest.fixture(scope="module")
def eaf_schema():
    return xmlschema.XMLSchema(Path(__file__).with_name("eaf_3.xsd"))


@pytest.mark.parametrize("rows", [ROWS, [("Ünï ß", 1.5, None, "☺", "", "")], []], ids=["all", "one", "none"])
@pytest.mark.parametrize("name", ["clip.mp4", "Ünï & 100 %.mp4", None])
def test_elan_keeps_the_rules_of_eaf_3(tmp_path, eaf_schema, rows, name):
    path = tmp_path / "a.eaf"
    write(make_annotations(rows), path, None if name is None else replace(MEDIA, name=name))
    eaf_schema.validate(path)
    root = ET.parse(path).getroot()
    assert datetime.fromisoformat(root.attrib["DATE"]).tzinfo is not None
    slots = {slot.attrib["TIME_SLOT_ID"]: int(slot.attrib["TIME_VALUE"]) for slot in root.iter("TIME_SLOT")}
    assert list(slots.values()) == sorted(slots.values())
    for tier in root.iter("TIER"):
        spans = [(slots[item.attrib["TIME_SLOT_REF1"]], slots[item.attrib["TIME_SLOT_REF2"]])
                 for item in tier.iter("ALIGNABLE_ANNOTATION")]  # fmt: skip
        assert all(start < end for start, end in spans)
        assert all(one[1] <= other[0] for one, other in itertools.pairwise(spans))


@pytest.mark.parametrize(
    ("seen", "instead"),
    [
        (' VERSION="3.0"', ""),
        ('DATE="2', 'DATE="on 2'),
        ("milliseconds", "seconds"),
        ('TIME_VALUE="0"', 'TIME_VALUE="0.5"'),
        ('TIME_SLOT_ID="ts2"', 'TIME_SLOT_ID="ts1"'),
        ('TIME_SLOT_REF1="ts1"', 'TIME_SLOT_REF1="ts99"'),
        ('ANNOTATION_ID="a2"', 'ANNOTATION_ID="a1"'),
        ('ANNOTATION_ID="a1"', 'ANNOTATION_ID="1"'),
        ('LINGUISTIC_TYPE_REF="annotation"', 'LINGUISTIC_TYPE_REF="other"'),
        ('TIER_ID="Ann (2)"', 'TIER_ID="Ann"'),
        ("<TIME_ORDER", '<LINGUISTIC_TYPE LINGUISTIC_TYPE_ID="x"/><TIME_ORDER'),
        ("<TIER ", '<TIER COLOR="red" '),
    ],
)
def test_the_rules_find_what_is_wrong(tmp_path, eaf_schema, seen, instead):
    """EAFv3.0.xsd itself, of pympi's source distribution, refuses each of these, too."""
    write(make_annotations(), tmp_path / "a.eaf")
    text = (tmp_path / "a.eaf").read_text(encoding="utf-8")
    assert seen in text and not eaf_schema.is_valid(text.replace(seen, instead, 1))


@pytest.mark.parametrize(
    ("unit", "origin", "start", "end"),
    [
        ("milliseconds", "", 0.025, 0.0625),
        ("PAL-frames", "", 1.0, 2.5),
        ("NTSC-frames", "", 25 * 1001 / 30000, 62.5 * 1001 / 30000),
        ("PAL-frames", 'TIME_ORIGIN="1500"', 2.5, 4.0),
    ],
)
def test_elan_counts_in_its_unit_and_fills_slots_without_a_time(tmp_path, unit, origin, start, end):
    (tmp_path / "a.eaf").write_text(PAL.format(unit=unit, origin=origin))
    found = read_elan(tmp_path / "a.eaf")
    smile = found[found["code"] == "smile"].iloc[0]
    assert [smile["start_s"], smile["end_s"]] == pytest.approx([start, end], abs=1e-6)
    assert smile["coder"] == "Ann"
    middle = (start + end) / 2
    parts = {row.code: (row.start_s, row.end_s) for row in found[found["tier"] == "notes"].itertuples()}
    assert parts["first"] == pytest.approx((start, middle), abs=1e-6)
    assert parts["second"] == pytest.approx((middle, end), abs=1e-6)
    assert len(found) == 3  # an annotation without a text says nothing
