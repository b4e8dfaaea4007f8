"""`fer import`: bring a data set into the workspace."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from fer_core.workspace import Workspace


def main(
    source: Annotated[Positional[str], arg(metavar="SOURCE")],
    votes: Path | None = None,
    name: str | None = None,
    replace: bool = False,
) -> int:
    """Import fer2013.csv or icml_face_data.csv (or a zip of it), or draw the built-in data set.

    Args:
        source: The file, or `schematic-faces` for the built-in data set.
        votes: fer2013new.csv: the FER+ votes of exactly the same rows.
        name: Name of the data set; `ferplus` with votes, `fer2013` without, if not given.
        replace: Exchange an existing data set of that name.
    """
    from rich.progress import Progress

    from fer_core.data.builtin import write_schematic_faces
    from fer_core.data.importers.fer2013 import import_fer2013
    from fer_core.data.store import SCHEMATIC_FACES

    workspace = Workspace.default()
    with Progress(transient=True) as progress:
        task = progress.add_task(f"importing {source}")

        def show(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        if source == SCHEMATIC_FACES:
            info = write_schematic_faces(
                workspace, name or SCHEMATIC_FACES, replace=replace, on_progress=show
            )
        else:
            target = workspace.dataset(name or ("ferplus" if votes else "fer2013"))
            info = import_fer2013(Path(source), target, votes=votes, replace=replace, on_progress=show)
    splits = ", ".join(f"{split} {count:,}" for split, count in info.split_counts.items())
    print(f"{info.name}: {info.num_images:,} images of {info.height}x{info.width} px ({splits})")
    print(f"classes: {', '.join(info.classes)}")
    print(f"at {workspace.dataset(info.name)}")
    return 0
