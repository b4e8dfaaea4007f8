"""Whatever holds a picture becomes H x W x 3 RGB uint8, or is refused in words."""

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, Union

import numpy as np
import numpy.typing as npt

from fer_core.errors import ConfigError, MediaError
from fer_core.images import MAX_PIXELS, MIN_SIDE_PX, check_picture_size, load_image, to_rgb
from fer_core.types import UInt8Array
from fer_core.workspace import expand_home

if TYPE_CHECKING:
    from typing import BinaryIO

    import torch
    from PIL import Image

ArrayColor = Literal["rgb", "bgr"]
ARRAY_COLORS: Final[tuple[ArrayColor, ...]] = ("rgb", "bgr")

Picture: TypeAlias = Union[
    str, "os.PathLike[str]", bytes, bytearray, memoryview, "BinaryIO", "Image.Image", npt.NDArray[Any],
    "torch.Tensor",
]  # fmt: skip
"""One picture: a path, an encoded file as bytes or as an open file, a PIL image, pixels (docs/PYTHON.md)."""
Pictures: TypeAlias = Picture | Sequence[Picture]
"""One picture, or a batch: a sequence of pictures, an N x H x W x 3 array, or an N x C x H x W tensor."""

_URLS: Final[tuple[str, ...]] = ("http://", "https://")
_MAX_DOWNLOAD: Final[int] = 64 * 1024**2
_TIMEOUT_S: Final[float] = 30.0
_CHANNELS: Final[tuple[int, ...]] = (1, 3, 4)
_WANTED: Final[str] = (
    "expected a path, bytes, an open file, a PIL image, an H x W x 3 RGB array or a C x H x W tensor"
)


def split_batch(source: Any) -> tuple[Any, bool]:
    """The pictures of a source, not decoded yet, and whether it was a batch.

    What comes back has a length and can be iterated over.

    Raises:
        MediaError: it is neither a picture nor a batch.
    """
    if is_tensor(source):
        return (source, True) if source.ndim == 4 else ([source], False)
    if isinstance(source, np.ndarray):
        is_batch = source.ndim == 4 or (source.ndim == 3 and _is_grey_batch(source.shape))
        return (source, True) if is_batch else ([source], False)
    if isinstance(source, list | tuple):
        return source, True
    return [source], False


def _is_grey_batch(shape: tuple[int, ...]) -> bool:
    if shape[-1] in _CHANNELS:
        return False
    if shape[0] in _CHANNELS:
        raise MediaError(
            f"an array of shape {_describe(shape)} may be one picture with its channels first, or "
            f"{shape[0]} grey ones; pass array.transpose(1, 2, 0) or array[..., None]"
        )
    return True


def decode_all(pictures: Sequence[Any], *, color: ArrayColor, allow_url: bool) -> Iterator[UInt8Array]:
    """Decode pictures one after the other; a message names which of a batch could not be.

    Raises:
        MediaError: one can't be read.
        ConfigError: `color` is unknown.
    """
    for number, picture in enumerate(pictures):
        try:
            yield decode(picture, color=color, allow_url=allow_url)
        except MediaError as cause:
            if len(pictures) == 1:
                raise
            raise MediaError(f"picture {number} of {len(pictures)} (from 0): {cause}") from cause


def decode(picture: Any, *, color: ArrayColor = "rgb", allow_url: bool = False) -> UInt8Array:
    """One picture as H x W x 3 RGB uint8.

    Args:
        picture: see `Picture`. Arrays and tensors are uint8 in 0 to 255 or floating point in 0 to 1.
        color: order of the channels of arrays and tensors; files and PIL images know their own.
        allow_url: whether an http(s) address may be fetched.

    Raises:
        MediaError: it is none, damaged, too small or too large, or its values are out of range.
        ConfigError: `color` is unknown.
    """
    from PIL import Image

    if color not in ARRAY_COLORS:
        raise ConfigError(f"color is {color!r}; expected one of {', '.join(ARRAY_COLORS)}")
    if isinstance(picture, str | os.PathLike):
        return _load_path(os.fspath(picture), allow_url=allow_url)
    if isinstance(picture, bytes | bytearray | memoryview):
        return load_image(bytes(picture))
    if isinstance(picture, Image.Image):
        return _from_pil(picture)
    if is_tensor(picture):
        return _from_array(_to_channels_last(picture), color)
    if isinstance(picture, np.ndarray):
        return _from_array(picture, color)
    if hasattr(picture, "read"):
        try:
            content = picture.read()
        except (OSError, ValueError) as cause:  # closed, or open for writing
            raise MediaError(f"the open file can't be read: {cause}") from cause
        if not isinstance(content, bytes):
            raise MediaError("an open file gives text; open it with mode 'rb'")
        return load_image(content)
    raise MediaError(f"{type(picture).__name__} is no picture; {_WANTED}")


def is_tensor(value: Any) -> bool:
    """Whether a value is a torch tensor; torch is not imported for it."""
    return type(value).__module__.partition(".")[0] == "torch" and hasattr(value, "detach")


def _load_path(text: str | bytes, *, allow_url: bool) -> UInt8Array:
    name = os.fsdecode(text)
    if not name.lower().startswith(_URLS):
        return load_image(expand_home(name))
    if not allow_url:
        raise MediaError(
            f"{name} is an address, and nothing is fetched unless you ask for it: pass allow_url=True, or "
            "the path of a copy"
        )
    return load_image(_download(name))


def _download(url: str) -> bytes:
    import http.client
    import urllib.request

    try:
        request = urllib.request.Request(url, headers={"User-Agent": "fer-workbench"})
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
            content: bytes = response.read(_MAX_DOWNLOAD + 1)
    except (OSError, ValueError, http.client.HTTPException) as cause:
        reason = getattr(cause, "reason", None) or cause
        raise MediaError(
            f"{url} can't be fetched: {reason}. Download it by hand and pass the file"
        ) from cause
    if len(content) > _MAX_DOWNLOAD:
        raise MediaError(f"{url} is larger than {_MAX_DOWNLOAD // 1024**2} MB; expected a picture")
    return content


def _from_pil(picture: "Image.Image") -> UInt8Array:
    from PIL import ImageOps

    from fer_core.images import explain_damage

    name = "the PIL image"
    with explain_damage(name):
        check_picture_size(picture, name)
        return to_rgb(ImageOps.exif_transpose(picture), name)


def _to_channels_last(tensor: Any) -> npt.NDArray[Any]:
    tensor = tensor.detach()
    if str(tensor.dtype) == "torch.bfloat16":  # which NumPy lacks
        tensor = tensor.float()
    try:
        array: npt.NDArray[Any] = tensor.cpu().numpy()
    except (TypeError, NotImplementedError, RuntimeError) as cause:  # sparse, without data ...
        raise MediaError(f"the tensor holds no plain pixels: {cause}") from cause
    if array.ndim == 3 and array.shape[0] in _CHANNELS:
        return array.transpose(1, 2, 0)
    return array


def _from_array(array: npt.NDArray[Any], color: ArrayColor) -> UInt8Array:
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[-1] not in _CHANNELS:
        hint = (
            "; its channels stand first: pass array.transpose(1, 2, 0)" if _is_channels_first(array) else ""
        )
        raise MediaError(f"an array of shape {_describe(array.shape)} is no picture; {_WANTED}{hint}")
    height, width = array.shape[:2]
    if min(height, width) < MIN_SIDE_PX or height * width > MAX_PIXELS:
        raise MediaError(
            f"a picture of {width} x {height} px; expected at least {MIN_SIDE_PX} px a side and at most "
            f"{MAX_PIXELS:,} pixels"
        )
    pixels = _to_bytes(array)
    if pixels.shape[-1] == 1:
        return np.repeat(pixels, 3, axis=-1)
    if color == "bgr":
        pixels = pixels[..., [2, 1, 0, *range(3, pixels.shape[-1])]]
    if pixels.shape[-1] == 4:
        from PIL import Image

        return to_rgb(Image.fromarray(np.ascontiguousarray(pixels), "RGBA"), "the array")
    return np.ascontiguousarray(pixels)


def _to_bytes(array: npt.NDArray[Any]) -> UInt8Array:
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_ or not np.issubdtype(array.dtype, np.floating):
        raise MediaError(f"pixels are {array.dtype}; expected uint8 in 0 to 255, or floating point in 0 to 1")
    low, high = float(array.min()), float(array.max())
    if not (low >= 0 and high <= 1):  # NaN is neither
        raise MediaError(
            f"floating point pixels lie between {low:g} and {high:g}; expected 0 to 1 (undo a "
            "normalisation, or pass uint8)"
        )
    return np.asarray(array * 255 + 0.5, dtype=np.uint8)


def _is_channels_first(array: npt.NDArray[Any]) -> bool:
    return array.ndim == 3 and array.shape[0] in _CHANNELS


def _describe(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "()"
