#!/usr/bin/env bash
# Surprise: an animated AVIF has two video tracks for FFmpeg. The first, which `decode(video=0)` and most readers take,
#   is the still primary picture; the animation is the second. A reader of "videos" sees one frame and no error, while
#   Pillow counts all frames of the same file.
# Guess before running: five frames from track 0, as of the same animation saved as GIF or APNG.
# Versions: av 18.1.0, pillow 13.0.0. Source: AVIF 1.1 (image sequences hold a primary item beside the track).
# Seen: "gif: tracks with [5] frames", "png: tracks with [5] frames", "avif: tracks with [1, 5] frames, Pillow says 5"
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv env
env/bin/pip install --quiet av==18.1.0 pillow==13.0.0
env/bin/python - <<'PYTHON'
import av, PIL
from PIL import Image

print("av", av.__version__, "pillow", PIL.__version__)
pictures = [Image.new("RGB", (64, 48), (40 * index, 0, 0)) for index in range(5)]
seen = {}
for ending in ("gif", "png", "avif"):
    pictures[0].save(f"a.{ending}", save_all=True, append_images=pictures[1:], duration=100)
    with av.open(f"a.{ending}") as container:
        tracks = range(len(container.streams.video))
    counts = []
    for track in tracks:
        with av.open(f"a.{ending}") as container:
            counts.append(sum(1 for _ in container.decode(video=track)))
    seen[ending] = counts
    print(f"{ending}: tracks with {counts} frames, Pillow says {Image.open(f'a.{ending}').n_frames}")
raise SystemExit(seen != {"gif": [5], "png": [5], "avif": [1, 5]})
PYTHON
