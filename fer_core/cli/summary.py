"""`fer summary`: what a network consists of and what it costs."""

import shlex
import sys
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from fer_core.cli.terminal import build_console, say
from fer_core.errors import CheckpointError, ConfigError
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from fer_core.models import FerModel

_NATIVE_PX = 48
"""Side of the input where an architecture has none of its own: FER2013's."""


def main(
    model: Annotated[Positional[str], arg(metavar="MODEL")] = "",
    list_all: Annotated[bool, arg(name="list")] = False,
    height: int = 0,
    width: int = 0,
    channels: int = 0,
    num_classes: int = 8,
    depth: int = 2,
) -> int:
    """Show the layers, parameters and operations of an architecture, a checkpoint or a run.

    Args:
        model: An architecture (such as gcn or timm/resnet18), a checkpoint or a run; all architectures if
            not given.
        list_all: Show one line for each architecture.
        height: Rows of the input in pixels, for an architecture; 0 takes what it was designed for.
        width: Columns of the input in pixels; 0 as above.
        channels: Channels of the input, for an architecture: 1 (taken for 0) or 3.
        num_classes: Number of classes, for an architecture.
        depth: Show layers nested up to this deep.
    """
    if min(height, width, channels, depth) < 0:
        raise ConfigError("height, width, channels and depth can't be negative")
    if list_all or not model:
        _list_architectures(channels or 1, num_classes)
        return 0
    network, shape, reference = _find_network(model, height, width, channels, num_classes)
    _show(network, shape, reference, depth)
    return 0


def _list_architectures(channels: int, num_classes: int) -> None:
    from rich.table import Table

    from fer_core.models import ARCHITECTURES, build_model
    from fer_core.models.complexity import measure_complexity

    table = Table("architecture", "input", "parameters", "MFLOPs", "what it is", box=None)
    for name in ARCHITECTURES:
        architecture = ARCHITECTURES[name]
        size = architecture.input_size or (_NATIVE_PX, _NATIVE_PX)
        try:
            network = build_model(name, num_classes=num_classes, in_channels=channels, input_size=size)
        except ConfigError as problem:
            if not ARCHITECTURES.is_foreign(name):
                raise
            say(f"fer summary: {problem}. It is left out", file=sys.stderr)
            continue
        cost = measure_complexity(network, (channels, *size))
        table.add_row(
            name,
            f"{size[0]}x{size[1]}x{channels}",
            f"{cost.num_parameters:,}",
            f"{cost.mflops:,.0f}",
            architecture.summary,
        )
    build_console().print(table)
    say("and any backbone of timm: fer summary timm/resnet18")
    say("MFLOPs: of one image, a multiplication and an addition counted as two")


def _find_network(
    name: str, height: int, width: int, channels: int, num_classes: int
) -> "tuple[FerModel, tuple[int, int, int], str]":
    """The network, the shape of its input (channels, rows, columns), and its reference."""
    from fer_core.checkpoint import find_checkpoint
    from fer_core.models import ARCHITECTURES, build_model, find_architecture, load_checkpoint
    from fer_core.models.architecture import TIMM_PREFIX

    if name in ARCHITECTURES or name.startswith(TIMM_PREFIX):
        architecture = find_architecture(name)
        rows, columns = architecture.input_size or (_NATIVE_PX, _NATIVE_PX)
        shape = (channels or 1, height or rows, width or columns)
        network = build_model(name, num_classes=num_classes, in_channels=shape[0], input_size=shape[1:])
        return network, shape, architecture.reference
    try:
        entry = find_checkpoint(name, Workspace.default())
    except CheckpointError as cause:
        raise ConfigError(f"{name!r} is no architecture ({', '.join(ARCHITECTURES)}), and {cause}") from cause
    network, info = load_checkpoint(entry.folder)
    shape = (info.input.channels, info.input.height, info.input.width)
    asked = (channels or shape[0], height or shape[1], width or shape[2])
    if asked != shape:
        raise ConfigError(
            f"{name} was trained for {shape[1]}x{shape[2]}x{shape[0]}; leave out --height, --width and "
            f"--channels, or ask for its architecture: fer summary {shlex.quote(info.architecture)}"
        )
    return network, shape, find_architecture(info.architecture).reference


def _show(network: "FerModel", shape: tuple[int, int, int], reference: str, depth: int) -> None:
    from rich.table import Table

    from fer_core.models.complexity import measure_complexity, summarise_layers

    cost = measure_complexity(network, shape)
    table = Table("layer", "output", "parameters", box=None)
    for layer in summarise_layers(network, shape, max_depth=depth):
        table.add_row(
            f"{'  ' * layer.depth}{layer.kind} {layer.name}",
            "x".join(map(str, layer.output_shape)),
            f"{layer.num_parameters:,}",
        )
    build_console().print(table)
    say(
        f"input {shape[1]}x{shape[2]}x{shape[0]}; {cost.num_parameters:,} parameters, "
        f"{cost.megabytes:.1f} MB in fp32"
    )
    say(f"{cost.mflops:,.1f} MFLOPs per image (multiplication and addition are two)")
    say(f"reference: {reference}")
