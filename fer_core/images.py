"""Safe decoding of pictures that come from anywhere: a folder, a camera, an upload."""

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
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
    source: Path | bytes,
    *,
    color: Literal["rgb", "gray"] = "rgb",
    target_px: int | None = None,
    max_pixels: int = MAX_PIXELS,
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
        max_pixels: refuse larger pictures; at most `MAX_PIXELS`.

    Returns:
        H x W x 3 RGB uint8, or H x W grey; contiguous and writable.

    Raises:
        MediaError: missing, empty, damaged or truncated, of a format that is not read, too small, or larger
            than `max_pixels`.
    """
    name = "the picture" if isinstance(source, bytes) else str(source)
    content = source if isinstance(source, bytes) else _read(source)
    if not content:
        raise MediaError(f"{name} is empty; copy it again")
    stream = io.BytesIO(content)
    with (
        explain_damage(name, content[:_HEAD_BYTES], max_pixels),
        Image.open(stream, formats=FORMATS) as image,
    ):
        check_picture_size(image, name, max_pixels)
        if image.format == "JPEG":
            mode = "L" if color == "gray" and image.mode == "RGB" else image.mode
            image.draft(mode, _choose_size(image.size, target_px))
        ImageOps.exif_transpose(image, in_place=True)
        return _to_grey(image, name) if color == "gray" else to_rgb(image, name)


@contextmanager
def explain_damage(name: str, head: bytes = b"", max_pixels: int = MAX_PIXELS) -> Iterator[None]:
    """Turn what Pillow raises on pictures that it can't read into a MediaError.

    Args:
        name: of the picture, for the message.
        head: its first bytes, by which HEIC and TIFF are told.
        max_pixels: the limit to name, where one is too large for Pillow.
    """
    try:
        yield
    except UnidentifiedImageError as cause:
        if head[4:12] in _HEIC_BRANDS:
            raise MediaError(f"{name} is HEIC. {HEIC_HELP}") from cause
        if head[:4] in _TIFF_MARKS:
            raise MediaError(f"{name} is a TIFF whose kind of pixels is not read. {_TIFF_HELP}") from cause
        raise MediaError(
            f"{name} is no picture that can be read; expected {', '.join(FORMATS)} "
            "(convert SVG, RAW or PDF to JPEG or PNG first)"
        ) from cause
    except Image.DecompressionBombError as cause:
        raise MediaError(f"{name} is too large: {cause}. {_name_limit(max_pixels)}") from cause
    except _DAMAGE as cause:
        raise MediaError(f"{name} is damaged or cut short: {cause}. Copy or export it again.") from cause


def _count_pages(image: Image.Image) -> int:
    """Pages of a TIFF, no more than one above `_MAX_PAGES`: a hostile file could hold 100,000 in some MB."""
    for number in range(1, _MAX_PAGES + 1):
        try:
            image.seek(number)
        except EOFError:
            return number
    return _MAX_PAGES + 1


def describe_rest(source: Path | bytes) -> str:
    """What of a picture file that can be read is left unread: the further pictures of an animation, or pages.

    A sentence; empty if the file holds one picture, or damage hides how many.
    """
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        with explain_damage("the picture"), Image.open(stream, formats=FORMATS) as image:
            kind = image.format
            count = _count_pages(image) if kind == "TIFF" else getattr(image, "n_frames", 1)
    except MediaError:
        return ""
    if count < 2 or kind not in {*_ANIMATED, "TIFF"}:  # a JPEG's further pictures are previews
        return ""
    if kind == "TIFF":
        counted = f"more than {_MAX_PAGES:,}" if count > _MAX_PAGES else str(count)
        return f"Only the first of its {counted} pages is read."
    return f"Only the first of its {count} pictures is read; as a video (tab Video, `fer annotate`) all are."


def is_heic(path: Path) -> bool:
    """Whether a file is a HEIC picture, whatever its name says."""
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)[4:12] in _HEIC_BRANDS


_HEAD_BYTES: Final[int] = 16
_ANIMATED: Final[frozenset[str]] = frozenset({"GIF", "WEBP", "PNG", "AVIF"})
_MAX_PAGES: Final[int] = 1000
_HEIC_BRANDS: Final[frozenset[bytes]] = frozenset(
    b"ftyp" + brand for brand in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
)
"""How such a file begins (ISO/IEC 23008-12). docs/SECURITY.md says why it is not decoded."""
_TIFF_MARKS: Final[frozenset[bytes]] = frozenset({b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"})
_TIFF_HELP: Final[str] = "Save it as whole numbers of 8 or 16 bits, or as PNG."
HEIC_HELP: Final[str] = (
    "It is not read here: save it as JPEG first. An iPhone does so by itself with Settings > Camera > "
    "Formats > Most Compatible, and when a picture is sent by mail."
)
_MAX_FILE_BYTES: Final[int] = 512 * 1024 * 1024


def _name_limit(max_pixels: int = MAX_PIXELS) -> str:
    return (
        f"At most {max_pixels / 1e6:g} megapixels and {MAX_SIDE_PX:,} px a side are read; "
        "make it smaller first."
    )


def _read(path: Path) -> bytes:
    try:
        num_bytes = path.stat().st_size
        if path.is_dir():
            raise MediaError(f"{path} is a folder; expected a picture")
        if num_bytes > _MAX_FILE_BYTES:
            raise MediaError(f"{path} has {num_bytes:,} bytes; expected a picture. {_name_limit()}")
        return path.read_bytes()
    except FileNotFoundError as cause:
        raise MediaError(f"{path} does not exist") from cause
    except (OSError, ValueError) as cause:  # ValueError: a NUL in the name
        raise MediaError(f"{path} can't be read: {cause}") from cause


def check_picture_size(image: Image.Image, name: str, max_pixels: int = MAX_PIXELS) -> None:
    """Raise MediaError if an open picture is larger or smaller than what is decoded."""
    width, height = image.size
    if width * height > max_pixels or max(width, height) > MAX_SIDE_PX:
        raise MediaError(f"{name} is too large: {width:,} x {height:,} px. {_name_limit(max_pixels)}")
    if min(width, height) < MIN_SIDE_PX:
        raise MediaError(f"{name} is {width} x {height} px; expected at least {MIN_SIDE_PX} px a side")


def _choose_size(size: tuple[int, int], target_px: int | None) -> tuple[int, int]:
    """What a JPEG is decoded to at least."""
    if target_px is None:
        return size
    is_exact = any(size == (scale * target_px, scale * target_px) for scale in (2, 4, 8))
    side = target_px if is_exact else 2 * target_px
    return side, side


def to_rgb(image: Image.Image, name: str) -> UInt8Array:
    """An open picture's pixels as H x W x 3, transparent parts white, 16-bit grey scaled to 8 bits."""
    if image.mode.startswith("I"):  # 16-bit grey; convert("RGB") would clip it at 255
        grey = np.asarray(image.convert("I"))
        image = Image.fromarray((grey.clip(0, 65535) / 257 + 0.5).astype(np.uint8))
    elif image.mode == "F":
        raise MediaError(f"{name} holds floating point values of unknown range. {_TIFF_HELP}")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    # convert() would copy what is RGB already: a quarter of a gigabyte for the largest pictures.
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))


def _to_grey(image: Image.Image, name: str) -> UInt8Array:
    if image.mode == "L" and not image.has_transparency_data:
        return np.array(image)
    return np.array(Image.fromarray(to_rgb(image, name)).convert("L"))
