#!/usr/bin/env bash
# Surprise: srt.compose leaves a cue that begins where it ends out of the file, so that a list of three markers becomes two cues,
#   numbered 1 and 2. It is a line in the log, for which nobody has set a handler. And times are cut, not rounded: 2.9996 s is 2,999.
# Guess before running: a cue without length is written, as other writers do, or refused; 2.9996 s is 00:00:03,000.
# Versions: srt 3.5.3. Source: sort_and_reindex(skip=True) by default; timedelta_to_srt_timestamp divides microseconds.
# Seen: "3 cues in, 2 out; 2.9996 s is 00:00:02,999"
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv env
env/bin/pip install --quiet srt==3.5.3
env/bin/python - <<'PYTHON'
from datetime import timedelta

import srt

times = [(1, 1), (2.9996, 4), (5, 6)]
cues = [srt.Subtitle(None, timedelta(seconds=start), timedelta(seconds=end), "x") for start, end in times]
text = srt.compose(cues)
back = list(srt.parse(text))
print(f"{len(cues)} cues in, {len(back)} out; 2.9996 s is {text.splitlines()[1][:12]}")
assert len(back) == 2 and text.splitlines()[1].startswith("00:00:02,999")
PYTHON
