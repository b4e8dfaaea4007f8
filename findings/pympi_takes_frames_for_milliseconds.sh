#!/usr/bin/env bash
# Surprise: an ELAN file may count time in frames (TIME_UNITS="PAL-frames" or "NTSC-frames" in its header). pympi reads such a
#   file without a word and hands the frame numbers out as milliseconds: an annotation from 1 s to 2 s is told as 25 to 50 ms.
# Guess before running: 1000 to 2000, since "all times are in milliseconds" (its documentation), or an error.
# Versions: pympi-ling 1.71. Source: ELAN Annotation Format 3.0, HEADER; pympi keeps the attribute in Eaf.header and never asks it.
# Seen: "PAL-frames: [(25, 50, 'smile')]"; right is 1000 to 2000
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv env
env/bin/pip install --quiet pympi-ling==1.71
env/bin/python - <<'PYTHON'
import pympi

EAF = """<ANNOTATION_DOCUMENT AUTHOR="" DATE="2020-01-01T00:00:00Z" FORMAT="3.0" VERSION="3.0"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="EAFv3.0.xsd">
<HEADER MEDIA_FILE="" TIME_UNITS="PAL-frames"/>
<TIME_ORDER><TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="25"/><TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="50"/></TIME_ORDER>
<TIER TIER_ID="t" LINGUISTIC_TYPE_REF="l"><ANNOTATION>
<ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
<ANNOTATION_VALUE>smile</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>
<LINGUISTIC_TYPE LINGUISTIC_TYPE_ID="l" TIME_ALIGNABLE="true"/></ANNOTATION_DOCUMENT>"""
open("a.eaf", "w").write(EAF)
found = pympi.Eaf("a.eaf").get_annotation_data_for_tier("t")
print("PAL-frames:", found)
assert found == [(25, 50, "smile")]
PYTHON
