"""Where data sets, runs and downloaded weights live, and where the shipped checkpoints are."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fer_core.errors import ConfigError

_PACKAGE: Final[Path] = Path(__file__).resolve().parent
_BUNDLE: Final[Path] = _PACKAGE / "bundle"
IS_CHECKOUT: Final[bool] = not _BUNDLE.is_dir()
"""Whether the program runs from its own folder; otherwise it was installed from a wheel."""
PROJECT_ROOT: Final[Path] = _PACKAGE.parent if IS_CHECKOUT else _BUNDLE
"""Where `app`, `pages`, `checkpoints` and `.streamlit` are; a wheel has them in `fer_core/bundle`."""
WORKSPACE_VARIABLE: Final[str] = "FER_WORKSPACE"
TASK_VARIABLE: Final[str] = "FER_TASK"
"""Environment variable by which a `fer` command learns which task it works on: the task's folder."""
START_VARIABLE: Final[str] = "FER_START_PAGE"
"""Environment variable that names the page of the dashboard where a visitor begins, as in a link."""
_NAME: Final[re.Pattern[str]] = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def validate_name(name: str, kind: str) -> str:
    """Return `name` if it can safely be the name of a folder.

    Raises:
        ConfigError: it is empty, too long, or holds anything but letters, digits, '.', '_' and '-'.
    """
    if not _NAME.fullmatch(name) or ".." in name:
        raise ConfigError(
            f"{name!r} can't be the name of a {kind}; use 1 to 100 letters, digits, '.', '_' or '-', "
            "beginning with a letter or digit"
        )
    return name


def expand_home(text: str) -> Path:
    """The path that a person typed, `~` replaced by their folder; as it stands if there is no such person."""
    return Path(os.path.expanduser(text))  # noqa: PTH111 - pathlib's raises for unknown people


def _default_root() -> Path:
    if IS_CHECKOUT:
        return PROJECT_ROOT / "workspace"
    from platformdirs import user_data_path

    return user_data_path("fer-workbench", appauthor=False)


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folder that holds everything made at run time.

    `$FER_WORKSPACE` names it; otherwise it is `workspace/` beside the code of a checkout, and in the user's
    data folder for an installed copy. Folders are made when first written to, so looking at an empty
    workspace leaves no trace.
    """

    root: Path

    @classmethod
    def default(cls) -> "Workspace":
        """The workspace of this process's environment."""
        configured = os.environ.get(WORKSPACE_VARIABLE, "").strip()
        root = expand_home(configured) if configured else _default_root()
        return cls(root.resolve())

    @property
    def datasets(self) -> Path:
        """Imported data sets, one folder each."""
        return self.root / "datasets"

    @property
    def runs(self) -> Path:
        """Training runs, one folder each."""
        return self.root / "runs"

    @property
    def tasks(self) -> Path:
        """What works in the background, or did lately, one folder each."""
        return self.root / "tasks"

    @property
    def weights(self) -> Path:
        """Downloaded files (face detectors, pretrained weights)."""
        return self.root / "weights"

    @property
    def models(self) -> Path:
        """Models of others that were imported, one folder each."""
        return self.root / "models"

    @property
    def exports(self) -> Path:
        """Files exported from shipped checkpoints, one folder each."""
        return self.root / "exports"

    @property
    def engines(self) -> Path:
        """Engines that TensorRT built, one folder per model file."""
        return self.root / "engines"

    @property
    def analyses(self) -> Path:
        """Analyses of pictures and videos that the user chose to keep, one folder each."""
        return self.root / "analyses"

    @property
    def studies(self) -> Path:
        """Studies of many recordings, one folder each."""
        return self.root / "studies"

    @property
    def collections(self) -> Path:
        """Faces that were collected to be labelled, one folder a collection."""
        return self.root / "collections"

    @property
    def uploads(self) -> Path:
        """What browsers uploaded, for as long as their sessions last."""
        return self.root / "uploads"

    @property
    def checkpoints(self) -> Path:
        """Checkpoints that ship with the project."""
        return PROJECT_ROOT / "checkpoints"

    def dataset(self, name: str) -> Path:
        """Folder of the data set called `name`, which need not exist."""
        return self.datasets / validate_name(name, "data set")

    def run(self, name: str) -> Path:
        """Folder of the run called `name`, which need not exist."""
        return self.runs / validate_name(name, "run")

    def model(self, name: str) -> Path:
        """Folder of the brought-in model called `name`, which need not exist."""
        return self.models / validate_name(name, "model")

    def study(self, name: str) -> Path:
        """Folder of the study called `name`, which need not exist."""
        return self.studies / validate_name(name, "study")

    def collection(self, name: str) -> Path:
        """Folder of the collection called `name`, which need not exist."""
        return self.collections / validate_name(name, "collection")
