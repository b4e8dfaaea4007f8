"""Annotations that tests write and read again."""

import math

import pytest

from fer_core.studies.formats import (
    ANNOTATION_FORMATS,
)
from fer_core.studies.formats.annotations import build_annotations
from tests.unit.studies.tables import MEDIA

HOSTILE = '<b>&amp; "quoted" --> {\\i1}, -1 ; é😀 ]]>'
ROWS = [
    ("Ann", 0.0, 1.0004, "happiness", "model", ""),
    ("Ann", 1.0004, 1.5, "neutral", "model", ""),
    ("Ann", 3661.25, 3662.75, HOSTILE, "model", ""),
    ('B "é" <o>', 0.3333333, 2 / 3, "points [1]: number = 3", "", ""),
    ("Ann", 0.04, None, "blink", "model", ""),
]

PAL = """<ANNOTATION_DOCUMENT AUTHOR="" DATE="2020-01-01T00:00:00Z" VERSION="3.0"><HEADER TIME_UNITS="{unit}">
<MEDIA_DESCRIPTOR MEDIA_URL="a" MIME_TYPE="video/mp4" {origin}/></HEADER>
<TIME_ORDER><TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="25"/><TIME_SLOT TIME_SLOT_ID="ts2"/>
<TIME_SLOT TIME_SLOT_ID="ts3" TIME_VALUE="100"/></TIME_ORDER>
<TIER TIER_ID="notes" PARENT_REF="words" LINGUISTIC_TYPE_REF="t">
<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a5" ANNOTATION_REF="a1" PREVIOUS_ANNOTATION="a4">
<ANNOTATION_VALUE>second</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>
<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a4" ANNOTATION_REF="a1"><ANNOTATION_VALUE>first</ANNOTATION_VALUE>
</REF_ANNOTATION></ANNOTATION></TIER>
<TIER TIER_ID="words" ANNOTATOR="Ann" LINGUISTIC_TYPE_REF="t">
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
<ANNOTATION_VALUE>smile</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts3">
<ANNOTATION_VALUE></ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER></ANNOTATION_DOCUMENT>"""
EAF = PAL.format(unit="milliseconds", origin="")


def make_annotations(rows=ROWS):
    return build_annotations(rows, "test")


def write(annotations, path, media=MEDIA):
    return ANNOTATION_FORMATS[path.suffix.lower()].write(annotations, path, media)


def list_expected(annotations, point_s=0.001):
    """Start and end in seconds, and code; a point has the length that the format gives it."""
    rows = annotations.to_dict("records")
    return sorted(
        (row["start_s"], row["start_s"] + point_s if math.isnan(row["end_s"]) else row["end_s"], row["code"])
        for row in rows
    )


def assert_same(found, expected, *, texts=True):
    assert len(found) == len(expected)
    for one, other in zip(sorted(found), expected, strict=True):
        assert one[0] == pytest.approx(other[0], abs=0.001)
        assert one[1] == pytest.approx(other[1], abs=0.001)
        assert not texts or one[2] == other[2]
