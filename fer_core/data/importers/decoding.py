"""From encoded pictures and sounds to the images of a data set: decode, cut out, size; ahead, in threads."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from fer_core.checkpoint import ColorMode, FramingSpec
from fer_core.data.importers.base import Item, is_sound
from fer_core.data.tree import FileTree
from fer_core.errors import DataError, MediaError
from fer_core.framing import compute_square, extract_square
from fer_core.images import load_image
from fer_core.machine import count_cores
from fer_core.types import FaceBox, UInt8Array

if TYPE_CHECKING:
    from fer_core.data.importers.pictures import PictureOptions

_MOST_THREADS: Final[int] = 4
_PART: Final[int] = 32
"""Pictures that a thread takes at once: handing over single ones costs more than decoding them."""
_FRAMING: Final = FramingSpec()
Box = tuple[float, float, float, float]
"""x, y, width, height in pixels."""
Cropper = Callable[[UInt8Array, Box | None], UInt8Array | None]
"""Cuts the face out of an H x W x 3 RGB picture; given the source's box, if any; None: no face found."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """One sample of a data set."""

    image: UInt8Array
    clip: npt.NDArray[np.int16] | None = None
    """Of sound: what the image was computed from."""
    facts: Mapping[str, object] = field(default_factory=dict)
    """What was measured on it, by column."""


Result = Sequence[Prepared] | MediaError
"""What a file gives, or why it gives nothing."""


class NoFaceError(MediaError):
    """No face was found on a picture."""


def decode_all(
    tree: FileTree,
    items: list[Item],
    options: "PictureOptions",
    num_threads: int,
    on_progress: Callable[[int, int], None],
) -> Iterator[tuple[Item, Result]]:
    """Decode in order, a few parts ahead in threads (decoders release the interpreter's lock).

    Args:
        tree: what the pictures are read from.
        items: the pictures.
        options: size, colour and how faces are cut out.
        num_threads: that decode; 0 for one a core of this process, at most four.
        on_progress: called with pictures done and their total.
    """
    done, num_threads = 0, num_threads or _count_threads()
    # Face detectors are not thread-safe: with one, this thread does all.
    parts = _split(items)
    run = _run_here if num_threads == 1 or options.crop is not None else _run_ahead
    for part, results in run(tree, parts, options, num_threads):
        yield from zip(part, results, strict=True)
        done += len(part)
        on_progress(done, len(items))


def _split(items: list[Item]) -> Iterator[list[Item]]:
    for start in range(0, len(items), _PART):
        yield items[start : start + _PART]


Part = tuple[list[Item], list[Result]]


def _run_here(
    tree: FileTree, parts: Iterator[list[Item]], options: "PictureOptions", _num_threads: int
) -> Iterator[Part]:
    for part in parts:
        yield part, _prepare_part(_read_part(tree, part), part, options)


def _run_ahead(
    tree: FileTree, parts: Iterator[list[Item]], options: "PictureOptions", num_threads: int
) -> Iterator[Part]:
    waiting: deque[tuple[list[Item], Future[list[Result]]]] = deque()
    with ThreadPoolExecutor(num_threads) as pool:
        try:
            for part in parts:
                # Archives are read by this thread alone: their readers share one file position.
                data = _read_part(tree, part)
                waiting.append((part, pool.submit(_prepare_part, data, part, options)))
                if len(waiting) > 2 * num_threads:
                    done, pending = waiting.popleft()
                    yield done, pending.result()
            while waiting:
                done, pending = waiting.popleft()
                yield done, pending.result()
        finally:
            for _, pending in waiting:
                pending.cancel()


def _read_part(tree: FileTree, part: list[Item]) -> list[bytes | MediaError]:
    found: list[bytes | MediaError] = []
    for item in part:
        try:
            found.append(tree.read(item.path))
        except DataError as cause:
            found.append(MediaError(str(cause)))
    return found


def _prepare_part(
    data: list[bytes | MediaError], part: list[Item], options: "PictureOptions"
) -> list[Result]:
    return [_try_prepare(content, item, options) for content, item in zip(data, part, strict=True)]


def _try_prepare(content: bytes | MediaError, item: Item, options: "PictureOptions") -> Result:
    """What the file gives, or why it gives nothing: one bad file must not end the import."""
    if isinstance(content, MediaError):
        return content
    try:
        if is_sound(item.path):
            from fer_core.data.importers.sounds import prepare_sound

            return prepare_sound(content, options.sound)
        return [Prepared(_prepare(content, item, options))]
    except MediaError as cause:
        return type(cause)(str(cause))  # without its traceback, which would keep the pixels alive


def _prepare(data: bytes, item: Item, options: "PictureOptions") -> UInt8Array:
    box = item.box
    if box is None and options.crop is None:
        image = load_image(data, color=options.color, target_px=max(options.height, options.width))
        return _resize(_take_middle(image, options), options)
    picture = load_image(data)
    if box is not None:
        _check_box(box, picture)
    if options.crop is not None:
        found = options.crop(picture, box)
        if found is None:
            raise NoFaceError("no face was found")
    else:
        assert box is not None
        found = cut_face(picture, face_of(box), width=options.width, height=options.height)
    return _resize(_to_color(found, options.color), options)


def face_of(box: Box) -> FaceBox:
    """A box of a source, as if it had been detected."""
    x, y, width, height = box
    return FaceBox(x=x, y=y, width=width, height=height, score=1.0)


def cut_face(image_rgb: UInt8Array, face: FaceBox, *, width: int, height: int) -> UInt8Array:
    """Cut a face out of an H x W x 3 picture, as prediction does: in FER2013's framing, undistorted.

    Args:
        image_rgb: the picture.
        face: where it is.
        width: of the result, in pixels.
        height: of the result, in pixels; of the square around the face its middle is taken.

    Returns:
        height x width x 3.
    """
    side = max(width, height)
    square = extract_square(image_rgb, compute_square(face, _FRAMING), width=side, height=side)
    top, left = (side - height) // 2, (side - width) // 2
    return square[top : top + height, left : left + width]


def _check_box(box: Box, image: UInt8Array) -> None:
    x, y, width, height = box
    if width <= 1 and height <= 1:  # of a pixel a constant picture would be made
        raise MediaError(
            f"the face box {x:g}, {y:g}, {width:g} x {height:g} is no larger than a pixel; boxes are "
            "counted in pixels, not in parts of the picture: multiply them by its width and height"
        )
    if x >= image.shape[1] or y >= image.shape[0] or x + width <= 0 or y + height <= 0:
        raise MediaError(
            f"the face box {x:g}, {y:g}, {width:g} x {height:g} lies outside the picture of "
            f"{image.shape[1]} x {image.shape[0]} px"
        )


def _take_middle(image: UInt8Array, options: "PictureOptions") -> UInt8Array:
    """The largest part in the middle that has the proportions of the data set: nothing is stretched.

    For a square data set it is what the detector `whole-image` takes of the same picture.
    """
    rows, columns = image.shape[:2]
    scale = min(rows / options.height, columns / options.width)
    height, width = max(1, round(options.height * scale)), max(1, round(options.width * scale))
    top, left = (rows - height) // 2, (columns - width) // 2
    return image[top : top + height, left : left + width]


def _to_color(image_rgb: UInt8Array, color: ColorMode) -> UInt8Array:
    import cv2

    return np.asarray(cv2.cvtColor(image_rgb, cv2.COLOR_RGB2GRAY), np.uint8) if color == "gray" else image_rgb


def _resize(image: UInt8Array, options: "PictureOptions") -> UInt8Array:
    import cv2

    if image.shape[:2] == (options.height, options.width):
        return image
    method = cv2.INTER_AREA if image.shape[0] > options.height else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (options.width, options.height), interpolation=method), np.uint8)


def _count_threads() -> int:
    return min(count_cores(), _MOST_THREADS)
