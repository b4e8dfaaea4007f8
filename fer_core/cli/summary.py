"""`fer summary`: what a network consists of and what it costs."""

from typing import Annotated

from tyro.conf import Positional, arg

from fer_core.workspace import Workspace


def main(
    model: Annotated[Positional[str], arg(metavar="MODEL")] = "",
    list_all: Annotated[bool, arg(name="list")] = False,
    height: int = 0,
    width: int = 0,
    channels: int = 1,
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
        channels: Channels of the input: 1 or 3.
        num_classes: Number of classes.
        depth: Show layers nested up to this deep.
    """
    from rich.console import Console
    from rich.table import Table

    from fer_core.errors import CheckpointError, ConfigError
    from fer_core.models import ARCHITECTURES, build_model, find_architecture, load_checkpoint
    from fer_core.models.complexity import measure_complexity, summarise_layers
    from fer_core.models.registry import TIMM_PREFIX

    console = Console()
    if list_all or not model:
        table = Table("architecture", "input", "parameters", "MFLOPs", "what it is", box=None)
        for name, architecture in ((name, ARCHITECTURES[name]) for name in ARCHITECTURES):
            rows, columns = architecture.input_size or (48, 48)
            network = build_model(
                name, num_classes=num_classes, in_channels=channels, input_size=(rows, columns)
            )
            cost = measure_complexity(network, (channels, rows, columns))
            table.add_row(
                name,
                f"{rows}x{columns}x{channels}",
                f"{cost.num_parameters:,}",
                f"{cost.mflops:,.0f}",
                architecture.summary,
            )
        console.print(table)
        print("and any backbone of timm: fer summary timm/resnet18")
        return 0
    if model in ARCHITECTURES or model.startswith(TIMM_PREFIX):
        architecture = find_architecture(model)
        rows, columns = architecture.input_size or (48, 48)
        rows, columns = height or rows, width or columns
        reference = architecture.reference
        network = build_model(
            model, num_classes=num_classes, in_channels=channels, input_size=(rows, columns)
        )
    else:
        from fer_core.checkpoint import find_checkpoint

        try:
            entry = find_checkpoint(model, Workspace.default())
        except CheckpointError as cause:
            raise ConfigError(
                f"{model!r} is no architecture ({', '.join(ARCHITECTURES)}), and {cause}"
            ) from cause
        network, info = load_checkpoint(entry.folder)
        channels, rows, columns = info.input.channels, info.input.height, info.input.width
        reference = find_architecture(info.architecture).reference
    cost = measure_complexity(network, (channels, rows, columns))
    table = Table("layer", "output", "parameters", box=None)
    for layer in summarise_layers(network, (channels, rows, columns), max_depth=depth):
        table.add_row(
            f"{'  ' * layer.depth}{layer.kind} [dim]{layer.name}[/]",
            "x".join(map(str, layer.output_shape)),
            f"{layer.num_parameters:,}",
        )
    console.print(table)
    print(
        f"input {rows}x{columns}x{channels}; {cost.num_parameters:,} parameters, "
        f"{cost.megabytes:.1f} MB in fp32"
    )
    print(f"{cost.mflops:,.1f} MFLOPs an image (multiplication and addition are two)")
    print(f"reference: {reference}")
    return 0
