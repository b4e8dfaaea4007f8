"""YuNet's network on onnxruntime, which takes under half of the processor time of OpenCV's `FaceDetectorYN`.

What it answers is decoded as OpenCV does it (modules/objdetect/src/face_detect.cpp); the file, whose input is
fixed to 640 x 640, is opened for any size.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fer_core.inference.providers import open_on_cpu
from fer_core.onnx_schema import parse_model
from fer_core.types import Float32Array, UInt8Array

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_STRIDES: Final[tuple[int, ...]] = (8, 16, 32)
_COARSE: Final[tuple[int, ...]] = _STRIDES[-1:]
LARGE_PX: Final[int] = 120
"""Height of a face from which the coarsest scale has the best score, so that the others add nothing: on two
clips and 13 photos from 131 px on."""
_SIDE_MULTIPLE: Final[int] = 32
_OUTPUTS: Final[tuple[str, ...]] = ("cls", "obj", "bbox", "kps")
_MAX_CANDIDATES: Final[int] = 5000


class YuNetNetwork:
    """The network and what its answer means. Safe to call from several threads at once."""

    def __init__(self, model: bytes) -> None:
        """Open the content of the ONNX file; the same content is opened once a process."""
        self._model = model
        _open(model, _STRIDES)

    def find(
        self,
        image_rgb: UInt8Array,
        *,
        score_threshold: float,
        nms_threshold: float,
        only_large: bool = False,
    ) -> Float32Array:
        """Look for upright faces in an H x W x 3 RGB image as large as it is.

        Args:
            image_rgb: the picture.
            score_threshold: least score of a face that is reported.
            nms_threshold: overlap (IoU) above which two boxes are taken for one face.
            only_large: look for faces of `LARGE_PX` and more, in two thirds of the time.

        Returns:
            One row a face, best score first: x, y, width, height, five points (x, y), score.
        """
        from fer_core.opencv import cv2

        height, width = (side + -side % _SIDE_MULTIPLE for side in image_rgb.shape[:2])
        blob = np.zeros((1, 3, height, width), np.float32)
        for target, plane in zip(blob[0], reversed(cv2.split(image_rgb)), strict=True):
            target[: plane.shape[0], : plane.shape[1]] = plane
        strides = _COARSE if only_large else _STRIDES
        answers = [
            answer[0] for answer in _open(self._model, strides).run(_list_outputs(strides), {"input": blob})
        ]
        num = len(_OUTPUTS)
        scales = [answers[start : start + num] for start in range(0, len(answers), num)]
        faces = np.concatenate(
            [
                _decode(scale, width // stride, stride, score_threshold)
                for scale, stride in zip(scales, strides, strict=True)
            ]
        )
        whole = faces[:, :4].astype(np.int32)
        kept = cv2.dnn.NMSBoxes(
            whole.tolist(), faces[:, 14].tolist(), score_threshold, nms_threshold, top_k=_MAX_CANDIDATES
        )
        return faces[np.asarray(kept, np.int64).ravel()]


def _decode(answers: Sequence[Float32Array], columns: int, stride: int, threshold: float) -> Float32Array:
    """The faces of one scale: offsets from the cells of a grid become pixels."""
    classes, objects, boxes, points = answers
    products = classes[:, 0] * objects[:, 0]  # of numbers in [0, 1]; the score is its root
    (found,) = np.nonzero(products >= threshold**2)
    cells = np.stack([found % columns, found // columns], axis=1)
    centers = (cells + boxes[found, :2]) * stride
    sizes = np.exp(boxes[found, 2:]) * stride
    places = (points[found].reshape(-1, 5, 2) + cells[:, None]) * stride
    rows = [centers - sizes / 2, sizes, places.reshape(-1, 10), np.sqrt(products[found, None])]
    return np.concatenate(rows, axis=1, dtype=np.float32)


def _list_outputs(strides: Sequence[int]) -> list[str]:
    return [f"{name}_{stride}" for stride in strides for name in _OUTPUTS]


@lru_cache(maxsize=4)
def _open(model: bytes, strides: tuple[int, ...]) -> "InferenceSession":
    return open_on_cpu(open_sides(model, strides))


def open_sides(model: bytes, strides: Sequence[int] = _STRIDES) -> bytes:
    """The network for pictures of any size, sides multiples of 32: its file declares 640 x 640.

    Args:
        model: content of the file.
        strides: scales that are answered; what serves others alone is left out.
    """
    proto = parse_model(model)
    graph = proto.graph
    for side, name in ((2, "height"), (3, "width")):
        graph.input[0].type.tensor_type.shape.dim[side].dim_param = name
    del graph.value_info[:]
    _keep_outputs(graph, _list_outputs(strides))
    for value in graph.output:
        value.type.tensor_type.shape.dim[1].dim_param = value.name
    content: bytes = proto.SerializeToString()
    return content


def _keep_outputs(graph: Any, names: Sequence[str]) -> None:
    """Leave out of a graph what these outputs do not need."""
    needed, nodes = set(names), []
    for node in reversed(graph.node):
        if needed & set(node.output):
            nodes.append(node)
            needed |= set(node.input)
    kept = {
        "node": nodes[::-1],
        "output": [item for item in graph.output if item.name in needed],
        "initializer": [item for item in graph.initializer if item.name in needed],
    }
    for field, items in kept.items():
        graph.ClearField(field)
        getattr(graph, field).extend(items)
