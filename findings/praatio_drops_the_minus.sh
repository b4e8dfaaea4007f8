#!/usr/bin/env bash
# Surprise: praatio reads the time -0.5 of a TextGrid as 0.5. Times before 0 are valid in Praat (time from an event), and
#   "-0" is why the sign is passed over. A point half a second before the event lies half a second after it. The short form of the
#   same file is read with its sign.
# Guess before running: -0.5 from both forms.
# Versions: praatio 6.2.2. Source: textgrid_io._parseNormalTextgrid matches "number ?= ?-?([\d.]+)", the sign outside the group;
#   a time with an exponent, as Praat writes tiny ones (5.6e-17), matches nothing and is an error.
# Seen: "long form: 0.5; short form: -0.5"
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv env
env/bin/pip install --quiet praatio==6.2.2
env/bin/python - <<'PYTHON'
from praatio import textgrid

HEAD = """File type = "ooTextFile"\nObject class = "TextGrid"\n\n"""
LONG = HEAD + """xmin = -1 \nxmax = 1 \ntiers? <exists> \nsize = 1 \nitem []: \n    item [1]:
        class = "TextTier" \n        name = "t" \n        xmin = -1 \n        xmax = 1 \n        points: size = 1 
        points [1]:\n            number = -0.5 \n            mark = "cue" \n"""
SHORT = HEAD + """-1\n1\n<exists>\n1\n"TextTier"\n"t"\n-1\n1\n1\n-0.5\n"cue"\n"""
times = []
for text in (LONG, SHORT):
    open("a.TextGrid", "w").write(text)
    times.append(float(textgrid.openTextgrid("a.TextGrid", False, "silence").getTier("t").entries[0].time))
print(f"long form: {times[0]}; short form: {times[1]}")
assert times == [0.5, -0.5]
PYTHON
