#!/usr/bin/env bash
# Surprise: praatio writes the label of a point and reads another one: every quotation mark comes back twice, and four times after
#   the next round. Intervals of the same file, and points of the short form, come back as they were.
# Guess before running: what praatio saves, praatio opens.
# Versions: praatio 6.2.2. Source: textgrid_io._parseNormalTextgrid unescapes "" for intervals and not for points.
# Seen: interval: say "hi"; point: say ""hi""
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv env
env/bin/pip install --quiet praatio==6.2.2
env/bin/python - <<'PYTHON'
from praatio import textgrid
from praatio.data_classes.interval_tier import IntervalTier
from praatio.data_classes.point_tier import PointTier

grid = textgrid.Textgrid()
grid.addTier(IntervalTier('i', [(0.1, 0.5, 'say "hi"')], 0, 1))
grid.addTier(PointTier('p', [(0.5, 'say "hi"')], 0, 1))
grid.save('a.TextGrid', 'long_textgrid', includeBlankSpaces=True)
back = textgrid.openTextgrid('a.TextGrid', includeEmptyIntervals=False)
interval, point = (back.getTier(name).entries[0].label for name in 'ip')
print(f'interval: {interval}; point: {point}')
assert interval == 'say "hi"' and point == 'say ""hi""'
PYTHON
