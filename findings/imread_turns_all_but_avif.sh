#!/usr/bin/env bash
# Surprise: cv2.imread turns JPEG, PNG and WebP the way the camera was held (EXIF), but not AVIF, which it reads as
#   well and which carries the same tag. Faces of one phone, stored in two formats, come in two orientations.
# Guess before running: imread honours EXIF for every format it decodes (its documentation names no exception), or for
#   JPEG only (as in OpenCV 3).
# Versions: opencv-python-headless 4.14.0.94, pillow 13.0.0 (which turns all four with ImageOps.exif_transpose).
# Seen: "jpg: Pillow 48 x 64, OpenCV 48 x 64", the same for png and webp, "avif: Pillow 48 x 64, OpenCV 64 x 48"
#   (4.12.0.88 leaves WebP as it is stored, too.)
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv env
env/bin/pip install --quiet opencv-python-headless==4.14.0.94 pillow==13.0.0
env/bin/python - <<'PYTHON'
import cv2, PIL
from PIL import Image, ImageOps

print("opencv", cv2.__version__, "pillow", PIL.__version__)
exif = Image.Exif()
exif[0x0112] = 6  # shown turned by 90 degrees
seen = {}
for ending in ("jpg", "png", "webp", "avif"):
    Image.new("RGB", (64, 48), (200, 200, 200)).save(f"face.{ending}", exif=exif)
    pillow = ImageOps.exif_transpose(Image.open(f"face.{ending}")).size
    seen[ending] = cv2.imread(f"face.{ending}").shape[1::-1]
    print(f"{ending}: Pillow {pillow[0]} x {pillow[1]}, OpenCV {seen[ending][0]} x {seen[ending][1]}")
    assert pillow == (48, 64)
raise SystemExit(seen != {"jpg": (48, 64), "png": (48, 64), "webp": (48, 64), "avif": (64, 48)})
PYTHON
