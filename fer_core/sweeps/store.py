"""Sweeps on disk: `workspace/sweeps/<name>/sweep.toml`, and optuna's study beside it or in a database."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from fer_core.config import TrainConfig, config_from_dict, config_to_dict
from fer_core.errors import ConfigError, RunError
from fer_core.io import write_text
from fer_core.plain import parse_toml
from fer_core.sweeps.addresses import remember_address
from fer_core.sweeps.space import SearchSpace, check_space, dump_space, read_space
from fer_core.workspace import Workspace, validate_name

SWEEP_FILE: Final[str] = "sweep.toml"
Pruner = Literal["median", "hyperband", "none"]
PRUNERS: Final[tuple[Pruner, ...]] = ("median", "hyperband", "none")


@dataclass(frozen=True, kw_only=True)
class SweepSettings:
    """What a sweep searches, and how."""

    base: TrainConfig
    """Settings that every trial begins with; `monitor` is what is made best."""
    space: SearchSpace
    """What varies."""
    pruner: Pruner = "median"
    """Stops trials early that look worse than others did at the same epoch; `none` lets all finish."""
    seed: int = 0
    """Seed of the search."""
    storage: str = ""
    """SQLAlchemy URL of the study, so that workers on many machines share it; empty is a file."""

    def __post_init__(self) -> None:
        if self.pruner not in PRUNERS:
            raise ConfigError(f"pruner is {self.pruner!r}; expected one of {', '.join(PRUNERS)}")
        check_space(self.base, self.space)


@dataclass(frozen=True, slots=True)
class Sweep:
    """A sweep as its folder tells it."""

    folder: Path
    settings: SweepSettings

    @property
    def name(self) -> str:
        """Name of the sweep: that of its folder."""
        return self.folder.name


def sweeps_folder(workspace: Workspace) -> Path:
    """Where the sweeps of a workspace are."""
    return workspace.root / "sweeps"


def create_sweep(name: str, settings: SweepSettings, workspace: Workspace) -> Sweep:
    """Write a new sweep, whose storage counts as named by this user; no trial is made yet.

    Raises:
        RunError: a sweep of that name exists.
        ConfigError: the name can't be one.
        StorageError: it can't be written.
    """
    folder = sweeps_folder(workspace) / validate_name(name, "sweep")
    if (folder / SWEEP_FILE).exists():
        raise RunError(
            f"sweep {name!r} exists already; choose another name, or continue with it: "
            f"fer sweep {shlex.quote(name)}"
        )
    import tomli_w

    value = {
        "pruner": settings.pruner,
        "seed": settings.seed,
        "storage": settings.storage,
        "base": config_to_dict(settings.base),
        "space": dump_space(settings.space),  # must be there, and is last: a file cut before it is no sweep
    }
    write_text(folder / SWEEP_FILE, tomli_w.dumps(value))
    if settings.storage:
        (folder / SWEEP_FILE).chmod(0o600)  # its address may hold a password
        remember_address(settings.storage)
    return Sweep(folder, settings)


def load_sweep(name: str, workspace: Workspace) -> Sweep:
    """Read a sweep.

    Raises:
        RunError: there is none of that name, or it is damaged.
    """
    folder = sweeps_folder(workspace) / validate_name(name, "sweep")
    if not (folder / SWEEP_FILE).is_file():
        known = ", ".join(sweep.name for sweep in list_sweeps(workspace)) or "none yet"
        raise RunError(
            f"no sweep {name!r} ({SWEEP_FILE} is missing); there are: {known}. A new one needs --space FILE"
        )
    try:
        value: dict[str, Any] = parse_toml((folder / SWEEP_FILE).read_text(encoding="utf-8"))
        settings = SweepSettings(
            base=config_from_dict(value.pop("base")), space=read_space(value.pop("space")), **value
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as cause:
        raise RunError(f"{folder / SWEEP_FILE} can't be read: {cause}") from cause
    return Sweep(folder, settings)


def list_sweeps(workspace: Workspace) -> list[Sweep]:
    """Every readable sweep, by name; damaged ones are left out."""
    sweeps = []
    for path in sorted(sweeps_folder(workspace).glob(f"*/{SWEEP_FILE}")):
        if not path.is_file():
            continue
        try:
            sweeps.append(load_sweep(path.parent.name, workspace))
        except (RunError, ConfigError):
            continue
    return sweeps
