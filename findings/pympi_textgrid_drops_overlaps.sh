#!/usr/bin/env bash
# Surprise: converting an ELAN tier whose annotations overlap to a TextGrid with pympi leaves annotations out, unsaid: of a (0 to 1 s)
#   and b (0.5 to 1.5 s) only a is in the TextGrid, and the time of b is blank. ELAN itself keeps overlaps that other programs wrote.
# Guess before running: an error, since tiers of a TextGrid can not overlap, or a second tier.
# Versions: pympi-ling 1.71. Source: Eaf.to_textgrid catches what Praat.Tier.add_interval raises for an overlap.
# Seen: "in ELAN: a 0 to 1000, b 500 to 1500 ms; in the TextGrid: a 0.0 to 1.0 s"
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv env
env/bin/pip install --quiet pympi-ling==1.71
env/bin/python - <<'PYTHON'
import pympi

eaf = pympi.Eaf()
eaf.add_tier("t")
eaf.add_annotation("t", 0, 1000, "a")
eaf.add_annotation("t", 500, 1500, "b")
inside = sorted((text, start, end) for start, end, text in eaf.get_annotation_data_for_tier("t"))
(tier,) = [tier for tier in eaf.to_textgrid().get_tiers() if tier.name == "t"]
outside = sorted((text, start, end) for start, end, text in tier.get_all_intervals() if text)
show = lambda rows: ", ".join(f"{text} {start} to {end}" for text, start, end in rows)
print(f"in ELAN: {show(inside)} ms; in the TextGrid: {show(outside)} s")
assert inside == [("a", 0, 1000), ("b", 500, 1500)]
assert outside == [("a", 0.0, 1.0)]
PYTHON
