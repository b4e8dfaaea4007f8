"""`fer_core.read`: the faces of photos."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, overload

from fer_core.api.model import Model, load
from fer_core.api.pictures import ArrayColor, Picture, split_batch
from fer_core.types import FaceResult
from fer_core.workspace import Workspace


@overload
def read(  # type: ignore[overload-overlap]  # a list might call itself a path; none does
    source: Picture, *, model: "str | Model | None" = ..., detector: str | None = ...,
    color: ArrayColor = ..., allow_url: bool = ...,
) -> list[FaceResult]: ...  # fmt: skip
@overload
def read(
    source: Sequence[Picture], *, model: "str | Model | None" = ..., detector: str | None = ...,
    color: ArrayColor = ..., allow_url: bool = ...,
) -> list[list[FaceResult]]: ...  # fmt: skip
def read(
    source: Any,
    *,
    model: str | Model | None = None,
    detector: str | None = None,
    color: ArrayColor = "rgb",
    allow_url: bool = False,
) -> Any:
    """Find the faces of a picture and say what each looks like: its apparent expression.

    Args:
        source: a path; the bytes of a JPEG, PNG or the like, or a file open for reading; a PIL image; an
            H x W x 3 RGB array (H x W is grey, H x W x 4 has transparency); a C x H x W torch tensor. Pixels
            are uint8 in 0 to 255 or floating point in 0 to 1. A list or tuple of these, an N x H x W x 3
            array and an N x C x H x W tensor are batches.
        model: a model's name, or what `load` gave; the shipped default if not given.
        detector: `yunet`, `haar` or `whole-image`; the best that is installed if not given.
        color: `bgr` if arrays come from OpenCV.
        allow_url: whether an http(s) address may be fetched; a picture of 64 MB at most.

    Returns:
        The faces, best detection first, each with `box`, `label`, `confidence`, `probabilities`, `quality`
        and `expected_correctness`; of a batch one such list a picture.

    Raises:
        FerError: a picture can't be read, or model or detector are not there.
    """
    pictures, is_batch = split_batch(source)
    chosen = as_model(model)
    found = chosen.read_all(pictures, detector=detector, color=color, allow_url=allow_url)
    return found if is_batch else found[0]


def as_model(model: str | Model | None) -> Model:
    """A loaded model as it is; a name is loaded once a process and workspace."""
    return model if isinstance(model, Model) else _load(model, Workspace.default())


@lru_cache(maxsize=4)
def _load(name: str | None, workspace: Workspace) -> Model:
    return load(name, workspace=workspace)
