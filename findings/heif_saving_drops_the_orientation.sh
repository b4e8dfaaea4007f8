#!/usr/bin/env bash
# Surprise: converting a phone's JPEG to HEIC with Pillow and pillow-heif, its EXIF handed on, loses the orientation: the
#   pixels are stored as they lay, the tag reads 1 afterwards, and nothing turns the picture. Every face lies on its side.
#   The same call with PNG or WebP keeps the tag.
# Guess before running: the tag stays 6 and exif_transpose turns the picture, or libheif's own rotation does.
# Versions: pillow-heif 1.8.1, pillow 13.0.0. Source: HEIF keeps rotation in a property (irot), and pillow-heif resets the tag
#   when it reads, since libheif has turned the pixels by that property; saving writes no such property.
# Seen: "orientation 6: webp shown 48 x 64; heic shown 64 x 48, tag 1, was 6"
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv env
env/bin/pip install --quiet pillow-heif==1.8.1 pillow==13.0.0
env/bin/python - <<'PYTHON'
import pillow_heif
from PIL import Image, ImageOps

pillow_heif.register_heif_opener()
print("pillow-heif", pillow_heif.__version__)
shown = {}
for ending in ("webp", "heic"):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (64, 48), (200, 200, 200)).save(f"face.{ending}", exif=exif)
    image = Image.open(f"face.{ending}")
    shown[ending] = ImageOps.exif_transpose(image).size
tag, before = image.getexif().get(0x0112), image.info.get("original_orientation")
print("orientation 6: webp shown {} x {}; heic shown {} x {}, tag {}, was {}".format(
    *shown["webp"], *shown["heic"], tag, before))
raise SystemExit((shown, tag) != ({"webp": (48, 64), "heic": (64, 48)}, 1))
PYTHON
