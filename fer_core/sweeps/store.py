"""Sweeps on disk: `workspace/sweeps/<name>/sweep.toml`, and optuna's study beside it or in a database."""

import shlex
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from fer_core.config import TrainConfig, config_from_dict, config_to_dict
from fer_core.errors import ConfigError, RunError
from fer_core.io import write_text
from fer_core.plain import parse_toml
from fer_core.redact import redact
from fer_core.sweeps.space import SearchSpace, check_space, dump_space, read_space
from fer_core.workspace import Workspace, validate_name

if TYPE_CHECKING:
    from optuna import Study

SWEEP_FILE: Final[str] = "sweep.toml"
STUDY_FILE: Final[str] = "study.db"
_HEARTBEAT_S: Final[int] = 30
"""A worker that is silent for twice this long is dead; its trial is given up."""

_ATTEMPTS: Final[int] = 5
_RETRY_S: Final[float] = 0.2

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
    """Write a new sweep; no trial is made yet.

    Raises:
        RunError: a sweep of that name exists.
        ConfigError: the name can't be one.
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
        "space": dump_space(settings.space),
        "base": config_to_dict(settings.base),
    }
    write_text(folder / SWEEP_FILE, tomli_w.dumps(value))
    if settings.storage:
        (folder / SWEEP_FILE).chmod(0o600)  # its address may hold a password
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


def open_study(sweep: Sweep, *, seed_offset: int = 0) -> "Study":
    """Open a sweep's optuna study, making it on first use.

    Args:
        sweep: the sweep.
        seed_offset: tells workers apart, so that they do not all try the same values first.

    Raises:
        RunError: the database can't be reached, is none of optuna's, or is a file outside the sweep's folder.
    """
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # Heartbeats and the constant liar are called experimental; they have been there for years.
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    settings = sweep.settings
    url = _choose_address(sweep)
    pruner: optuna.pruners.BasePruner = {
        "median": optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=1),
        "hyperband": optuna.pruners.HyperbandPruner(max_resource=settings.base.epochs),
        "none": optuna.pruners.NopPruner(),
    }[settings.pruner]
    for attempt in range(_ATTEMPTS):
        try:
            return optuna.create_study(
                storage=optuna.storages.RDBStorage(url, heartbeat_interval=_HEARTBEAT_S),
                study_name=sweep.name,
                direction="minimize" if settings.base.monitor == "loss" else "maximize",
                sampler=optuna.samplers.TPESampler(seed=settings.seed + seed_offset, constant_liar=True),
                pruner=pruner,
                load_if_exists=True,
            )
        except (SQLAlchemyError, ImportError, RuntimeError, OSError) as cause:
            # Workers that begin at the same moment all try to make the tables; all but one find them later.
            if attempt == _ATTEMPTS - 1 or isinstance(cause, ImportError):
                reason = str(cause).splitlines()[0]
                raise RunError(
                    f"the study of sweep {sweep.name!r} can't be opened: {redact(reason)}. Check the storage "
                    "URL, and that its driver is installed"
                ) from cause
            time.sleep(_RETRY_S * 2**attempt)
    raise AssertionError("unreachable")


def _choose_address(sweep: Sweep) -> str:
    """Where the study is. Files only in the sweep's folder: optuna writes into what it opens to read."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    own = f"sqlite:///{sweep.folder / STUDY_FILE}"
    try:
        url = make_url(sweep.settings.storage or own)
    except ArgumentError as cause:
        raise RunError(
            f"the storage of sweep {sweep.name!r} is no database address; expected one like {own}"
        ) from cause
    is_file = url.get_backend_name() == "sqlite"
    if is_file and Path(url.database or "").resolve().parent != sweep.folder.resolve():
        raise RunError(
            f"the storage of sweep {sweep.name!r} is the file {url.database!r}; expected one in "
            f"{sweep.folder}, or the address of a database server"
        )
    return url.render_as_string(hide_password=False)
