"""The files that a component consists of, as one text each for script and style."""

from pathlib import Path
from typing import Final

_SHARED: Final[Path] = Path(__file__).parent


def read_sources(folder: Path, *names: str) -> str:
    """Files as one: what is inline needs no other server, nor an installed package.

    Args:
        folder: where they lie.
        names: of the files, in order; one that is not there is taken from what all components share.
    """
    paths = [folder / name if (folder / name).is_file() else _SHARED / name for name in names]
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)
