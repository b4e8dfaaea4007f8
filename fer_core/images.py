"""Safe decoding of pictures that come from anywhere: a folder, a camera, an upload."""

import io
import struct
import zlib
from pathlib import Path
from typing import Final, Literal

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fer_core.errors import MediaError
from fer_core.types import UInt8Array

FORMATS: Final[tuple[str, ...]] = (
    "JPEG", "PNG", "WEBP", "AVIF", "BMP", "TIFF", "GIF", "PPM", "JPEG2000",
)  # fmt: skip
"""Decoders that may be used. The file's content decides which one is, never its name."""

IMAGE_SUFFIXES: Final[tuple[str, ...]] = (
    ".jpg",
    ".jpeg",
    ".png",
    ".webp",
    ".heic",
    ".heif",
    ".avif",
    ".bmp",
    ".tif",
    ".tiff",
    ".gif",
    ".pgm",
    ".ppm",
    ".jp2",
)
"""File endings to offer in a file dialogue, or to look for in a folder; HEIC is then refused in words."""

MAX_PIXELS: Final[int] = 64_000_000
"""Largest picture that is decoded: 192 MB as RGB."""
MAX_SIDE_PX: Final[int] = 30_000
"""Longest side; OpenCV's warps stop at 32,767."""
MIN_SIDE_PX: Final[int] = 16
"""Shortest side that could show a face."""

_DAMAGE: Final = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    OverflowError,
    RuntimeError,  # AVIF
    struct.error,
    zlib.error,
)
"""What Pillow's decoders raise on damaged content."""


def load_image(
    source: Path | bytes, *, color: Literal["rgb", "gray"] = "rgb", target_px: int | None = None
) -> UInt8Array:
    """Decode a picture, turned the way its camera was held (EXIF).

    The size is checked from the header, before any pixel is decoded. Of an animation or a document the first
    picture is taken. Transparent parts become white; 16-bit grey is scaled to 8 bits.

    Args:
        source: a path, or the bytes of an encoded picture.
        color: `gray` decodes a JPEG's luma (Rec. 601) alone, which is faster than converting afterwards.
        target_px: the picture will be made this small (the longer side of the result). A JPEG is then decoded
            to 1/2, 1/4 or 1/8, which is faster: to no less than twice this, so that what is left to shrink
            averages over pixels as from the full size, or to exactly this.

    Returns:
        H x W x 3 RGB uint8, or H x W grey; contiguous and writable.

    Raises:
        MediaError: missing, empty, damaged or truncated, of a format that is not read, too small, or larger
            than `MAX_PIXELS`.
    """
    name = "the picture" if isinstance(source, bytes) else str(source)
    stream = io.BytesIO(source) if isinstance(source, bytes) else io.BytesIO(_read(source))
    try:
        with Image.open(stream, formats=FORMATS) as image:
            _check_size(image, name)
            if image.format == "JPEG":
                mode = "L" if color == "gray" and image.mode == "RGB" else image.mode
                image.draft(mode, _choose_size(image.size, target_px))
            ImageOps.exif_transpose(image, in_place=True)
            return _to_grey(image, name) if color == "gray" else _to_rgb(image, name)
    except UnidentifiedImageError as cause:
        if stream.getvalue()[4:12] in _HEIC_BRANDS:
            raise MediaError(f"{name} is HEIC. {_HEIC_HELP}") from cause
        raise MediaError(
            f"{name} is no picture that can be read; expected {', '.join(FORMATS)} "
            "(convert SVG, RAW or PDF to JPEG or PNG first)"
        ) from cause
    except Image.DecompressionBombError as cause:
        raise MediaError(f"{name} is too large: {cause}. {_LIMIT}") from cause
    except _DAMAGE as cause:
        raise MediaError(f"{name} is damaged or cut short: {cause}. Copy or export it again.") from cause


_HEIC_BRANDS: Final[frozenset[bytes]] = frozenset(
    b"ftyp" + brand for brand in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
)
"""How such a file begins (ISO/IEC 23008-12). docs/SECURITY.md says why it is not decoded."""
_HEIC_HELP: Final[str] = (
    "It is not read here: save it as JPEG first. An iPhone does so by itself with Settings > Camera > "
    "Formats > Most Compatible, and when a picture is sent by mail."
)
_LIMIT: Final[str] = (
    f"At most {MAX_PIXELS // 1_000_000} megapixels and {MAX_SIDE_PX:,} px a side are read; "
    "make it smaller first."
)
_MAX_FILE_BYTES: Final[int] = 512 * 1024 * 1024


def _read(path: Path) -> bytes:
    try:
        num_bytes = path.stat().st_size
        if path.is_dir():
            raise MediaError(f"{path} is a folder; expected a picture")
        if num_bytes > _MAX_FILE_BYTES:
            raise MediaError(f"{path} has {num_bytes:,} bytes; expected a picture. {_LIMIT}")
        data = path.read_bytes()
    except FileNotFoundError as cause:
        raise MediaError(f"{path} does not exist") from cause
    except (OSError, ValueError) as cause:  # ValueError: a NUL in the name
        raise MediaError(f"{path} can't be read: {cause}") from cause
    if not data:
        raise MediaError(f"{path} is empty; copy it again")
    return data


def _check_size(image: Image.Image, name: str) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE_PX:
        raise MediaError(f"{name} is too large: {width:,} x {height:,} px. {_LIMIT}")
    if min(width, height) < MIN_SIDE_PX:
        raise MediaError(f"{name} is {width} x {height} px; expected at least {MIN_SIDE_PX} px a side")


def _choose_size(size: tuple[int, int], target_px: int | None) -> tuple[int, int]:
    """What a JPEG is decoded to at least."""
    if target_px is None:
        return size
    is_exact = any(size == (scale * target_px, scale * target_px) for scale in (2, 4, 8))
    side = target_px if is_exact else 2 * target_px
    return side, side


def _to_rgb(image: Image.Image, name: str) -> UInt8Array:
    if image.mode.startswith("I"):  # 16-bit grey; convert("RGB") would clip it at 255
        grey = np.asarray(image.convert("I"))
        image = Image.fromarray((grey.clip(0, 65535) / 257 + 0.5).astype(np.uint8))
    elif image.mode == "F":
        raise MediaError(f"{name} holds floating point values of unknown range; save it with 8 or 16 bits")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    # convert() would copy what is RGB already: a quarter of a gigabyte for the largest pictures.
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))


def _to_grey(image: Image.Image, name: str) -> UInt8Array:
    if image.mode == "L" and not image.has_transparency_data:
        return np.array(image)
    return np.array(Image.fromarray(_to_rgb(image, name)).convert("L"))
