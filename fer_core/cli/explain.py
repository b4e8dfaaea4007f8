"""`fer explain`: where on faces of a data set a model looked."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from fer_core.cli.terminal import say, show_progress
from fer_core.progress import keep_result
from fer_core.workspace import Workspace


def main(
    model: Annotated[Positional[str], arg(metavar="MODEL")],
    rows: tuple[int, ...],
    output: Path,
    dataset: str | None = None,
) -> int:
    """Write Grad-CAM maps of some faces, for the class that the model predicts of those the data set has.

    Args:
        model: A shipped checkpoint's name, a run's name, or a checkpoint folder.
        rows: Rows of the data set.
        output: A .npz file: `rows`, `maps` (N x height x width, 0 to 1) and `method`.
        dataset: An imported data set; the one that the checkpoint was trained on, if not given.
    """
    import numpy as np
    import torch

    from fer_core.checkpoint import find_checkpoint, require_kind
    from fer_core.data.builtin import open_dataset
    from fer_core.errors import ConfigError
    from fer_core.evaluation.common_classes import find_choices
    from fer_core.evaluation.explain import explain_rows
    from fer_core.io import atomic_path
    from fer_core.models import load_checkpoint

    if output.suffix != ".npz":
        raise ConfigError(f"--output is {output}; expected a name that ends in .npz")
    torch.set_num_threads(1)
    workspace = Workspace.default()
    entry = find_checkpoint(model, workspace)
    require_kind(entry.info, "image")
    data = open_dataset(dataset or str(entry.info.data.get("name", "")), workspace)
    network, info = load_checkpoint(entry.folder)
    chosen = np.array(rows, dtype=np.int64)
    with show_progress(f"where {model} looked"):
        explanation = explain_rows(
            network, data.images, chosen, info.input, find_choices(info.classes, data.info.classes)
        )
    with atomic_path(output) as temporary, temporary.open("wb") as file:
        np.savez(file, rows=chosen, maps=explanation.maps, method=np.array(explanation.method))
    keep_result({"file": output.name, "method": explanation.method})
    say(f"wrote {output}: {len(rows)} maps, {explanation.method}")
    return 0
