"""Answers a server's questions that need torch, one JSON line each, so that the server never loads it.

`fer_core.jobs.torch_helper` starts it and asks. A question names one of `_ANSWERS` and its arguments; the
answer is `{"id": ..., "result": ...}`, or `{"id": ..., "error": text}` for what the user can mend. It ends
with its input, or when nothing was asked for ten minutes.
"""

import base64
import dataclasses
import inspect
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from fer_core.config import AugmentConfig
from fer_core.errors import ConfigError, FerError
from fer_core.io import to_record

_LOG: Final = logging.getLogger(__name__)

_IDLE_S: Final[int] = 600
_NICENESS: Final[int] = 10
"""The page and its browser go first."""
_DEFAULT_SIZE: Final[tuple[int, int]] = (48, 48)


def list_architectures() -> list[dict[str, Any]]:
    """Every architecture with its summary and the arguments that it takes.

    A package's that can't say which it takes is left out with a warning: the page must offer the others.
    """
    from fer_core.models import ARCHITECTURES

    found = []
    for name in ARCHITECTURES:
        try:
            arguments = describe_arguments(name)
        except ConfigError as problem:
            if not ARCHITECTURES.is_foreign(name):
                raise
            _LOG.warning("%s. It is left out", problem)
            continue
        found.append({"name": name, "summary": ARCHITECTURES[name].summary, "arguments": arguments})
    return found


def describe_arguments(name: str) -> list[dict[str, Any]]:
    """Name, default and help of each argument of an architecture.

    Raises:
        ConfigError: there is none of that name, or it is a package's and does not say.
    """
    import docstring_parser

    from fer_core.models import ARCHITECTURES, find_architecture, list_arguments

    build = find_architecture(name).build
    source = build.__init__ if inspect.isclass(build) else build
    with ARCHITECTURES.blame(name, ConfigError, "describe its arguments"):
        parsed = docstring_parser.parse(inspect.getdoc(source) or "")
    docs = {item.arg_name: " ".join((item.description or "").split()) for item in parsed.params}
    return [
        {"name": key, "default": value, "help": docs.get(key, "")}
        for key, value in list_arguments(name).items()
    ]


def _choose_size(name: str, input_size: Sequence[int], data_size: Sequence[int]) -> tuple[int, int]:
    from fer_core.models import find_architecture

    designed = find_architecture(name).input_size
    for size in (input_size, designed or (), data_size):
        if size and all(size):
            return size[0], size[1]
    return _DEFAULT_SIZE


def count_parameters(
    name: str, arguments: Mapping[str, Any], num_classes: int, in_channels: int, input_size: list[int]
) -> int:
    """Trained parameters of a network that is built without memory for its weights.

    Args:
        name: of the architecture.
        arguments: its own.
        num_classes: number of logits.
        in_channels: 1 or 3.
        input_size: rows and columns; zeros for what the architecture was designed for.

    Raises:
        ConfigError: the architecture does not take these arguments.
    """
    import torch

    from fer_core.models import build_model
    from fer_core.models import count_parameters as count

    size = _choose_size(name, input_size, ())
    with torch.device("meta"):
        model = build_model(
            name, num_classes=num_classes, in_channels=in_channels, input_size=size, arguments=arguments
        )
    return count(model)


def summarise_network(
    name: str,
    arguments: Mapping[str, Any],
    num_classes: int,
    in_channels: int,
    input_size: list[int],
    data_size: Sequence[int] = (),
) -> dict[str, Any]:
    """Size, cost and layers of a network; arguments and errors as for `count_parameters`.

    Args:
        name: of the architecture.
        arguments: its own.
        num_classes: number of logits.
        in_channels: 1 or 3.
        input_size: rows and columns that were asked for; zeros if none.
        data_size: those of the data set, for architectures that were designed for no size.
    """
    from fer_core.models import build_model
    from fer_core.models.complexity import measure_complexity, summarise_layers

    size = _choose_size(name, input_size, data_size)
    model = build_model(
        name, num_classes=num_classes, in_channels=in_channels, input_size=size, arguments=arguments
    )
    shape = (in_channels, *size)
    cost = measure_complexity(model, shape)
    return {
        "input_size": size,
        "num_parameters": cost.num_parameters,
        "mflops": cost.mflops,
        "megabytes": cost.megabytes,
        "layers": [dataclasses.asdict(layer) for layer in summarise_layers(model, shape)],
    }


def augment_copies(
    pixels: str, shape: list[int], config: Mapping[str, Any], seed: int, num_copies: int
) -> str:
    """Copies of an image, each augmented in its own way; mixing with other images is left out.

    Args:
        pixels: uint8 in base64, rows first.
        shape: H x W or H x W x 3.
        config: of the augmentation.
        seed: of what is random.
        num_copies: how many.

    Returns:
        The copies, one after the other, as `pixels`.
    """
    import torch

    from fer_core.data.augment import BatchAugmenter

    image = torch.from_numpy(np.frombuffer(base64.b64decode(pixels), np.uint8).reshape(shape).copy())
    batch = image[None] if image.ndim == 2 else image.permute(2, 0, 1)
    batch = batch[None].expand(num_copies, -1, -1, -1).float() / 255
    torch.manual_seed(seed)
    changed = BatchAugmenter(to_record(config, AugmentConfig))(batch.contiguous())
    copies = (changed * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
    return base64.b64encode(copies.tobytes()).decode()


_ANSWERS: Final[Mapping[str, Callable[..., Any]]] = {
    item.__name__: item
    for item in (list_architectures, describe_arguments, count_parameters, summarise_network, augment_copies)
}


def answer(question: Mapping[str, Any]) -> dict[str, Any]:
    """Answer one question."""
    try:
        return {"id": question["id"], "result": _ANSWERS[question["kind"]](**question["values"])}
    except FerError as error:
        return {"id": question["id"], "error": str(error)}


def main() -> int:
    """Answer until the input ends."""
    os.nice(_NICENESS)
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints is no reply
    for line in sys.stdin:
        signal.alarm(0)
        print(json.dumps(answer(json.loads(line))), file=replies, flush=True)
        signal.alarm(_IDLE_S)
    return 0


if __name__ == "__main__":
    sys.exit(main())
