"""`fer publish`: make a run's best epoch one of the checkpoints that ship with the project."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from fer_core.cli.terminal import say, show_progress
from fer_core.errors import CheckpointError
from fer_core.workspace import Workspace, validate_name


def main(
    run: Annotated[Positional[str], arg(metavar="RUN")],
    name: str,
    split: str = "valid",
    sources: tuple[str, ...] = (),
    average_with: str = "",
    average_share: float = 0.5,
    replace: bool = False,
    out: Path | None = None,
) -> int:
    """Copy a checkpoint into checkpoints/NAME: calibrated, scored, and with a model card.

    Args:
        run: A run's name, or a checkpoint folder.
        name: Name of the published checkpoint.
        split: Split of its training data set to score and calibrate on.
        sources: Imported data sets of other sources: the shares and the sharpness that are expected of faces
            from anywhere are chosen on them and on its own split together, each counting the same.
        average_with: Another checkpoint of the same family, such as the one that this was trained from: what
            is published has the mean of both weights.
        average_share: Share of that other one in every weight.
        replace: Exchange a published checkpoint of that name.
        out: Folder to write NAME into; the project's checkpoints/, if not given.
    """
    from fer_core.checkpoint import find_checkpoint
    from fer_core.data.builtin import open_dataset
    from fer_core.evaluation.publish import publish_checkpoint

    workspace = Workspace.default()
    entry = find_checkpoint(run, workspace)
    target = (out or workspace.checkpoints) / validate_name(name, "checkpoint")
    if target.exists() and not replace:
        raise CheckpointError(f"{target} exists already; `--replace` exchanges it, or give another --name")
    dataset = open_dataset(str(entry.info.data.get("name", "")), workspace)
    with show_progress("scoring") as show:
        info = publish_checkpoint(
            entry.folder,
            target,
            dataset,
            split=split,
            sources=[open_dataset(source, workspace) for source in sources],
            averaged=(find_checkpoint(average_with, workspace).folder, average_share)
            if average_with
            else None,
            replace=replace,
            on_progress=show,
        )
    figures = info.metrics[0]
    if info.general is not None:
        say(
            f"faces from anywhere: {info.general.prior_strength:.0%} of the training shares taken back, "
            f"temperature {info.general.temperature:g}"
        )
    say(f"{target}: accuracy {figures['accuracy']:.4%} ({figures['protocol']}, n = {figures['n']:,})")
    return 0
