"""A copy of a split whose images are corrupted, each in one way: another source for calibration.

    python benchmarks/corrupted_copy.py ferplus ferplus-corrupted
    fer publish RUN --name NAME --sources ferplus-corrupted ...

Ways and strengths are those of `fer robustness` (blur, noise, darkness, misplaced crops, ...), drawn evenly.
"""

from typing import Annotated

import numpy as np
import tyro

from fer_core.data.builtin import open_dataset
from fer_core.data.store import write_dataset
from fer_core.evaluation.corruptions import CORRUPTIONS, NUM_SEVERITIES
from fer_core.workspace import Workspace, validate_name


def main(
    dataset: Annotated[str, tyro.conf.Positional],
    name: Annotated[str, tyro.conf.Positional],
    split: str = "valid",
    seed: int = 0,
) -> None:
    """Write the copy into the workspace.

    Args:
        dataset: The data set that is copied.
        name: Name of the copy.
        split: Which split of it.
        seed: Of the ways, their strengths and what they draw.
    """
    workspace = Workspace.default()
    data = open_dataset(dataset, workspace)
    rows = data.split_indices(split)
    images = np.array(data.images[rows])
    rng = np.random.default_rng(seed)
    ways = rng.integers(0, len(CORRUPTIONS), len(rows))
    severities = rng.integers(1, NUM_SEVERITIES + 1, len(rows))
    for way, corruption in enumerate(CORRUPTIONS):
        for severity in range(1, NUM_SEVERITIES + 1):
            chosen = (ways == way) & (severities == severity)
            images[chosen] = corruption.apply(images[chosen], severity, seed=seed)
    write_dataset(
        workspace.dataset(validate_name(name, "data set")),
        images=images,
        samples=data.samples.iloc[rows].assign(corruption=[CORRUPTIONS[way].name for way in ways]),
        classes=data.info.classes,
        importer="corrupted_copy",
        source=f"{data.name}, {split}, corrupted",
        terms=data.info.terms,
    )


if __name__ == "__main__":
    tyro.cli(main)
