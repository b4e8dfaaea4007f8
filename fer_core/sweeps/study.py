"""A sweep's optuna study: opened by its workers, and read by everybody else without changing anything."""

import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote

from fer_core.errors import FerError, RunError
from fer_core.redact import redact
from fer_core.sweeps.addresses import is_remembered
from fer_core.sweeps.store import Sweep

if TYPE_CHECKING:
    from optuna import Study
    from optuna.samplers import TPESampler
    from optuna.storages import RDBStorage
    from sqlalchemy import URL, Engine

STUDY_FILE: Final[str] = "study.db"
_ATTEMPTS: Final[int] = 5
_RETRY_S: Final[float] = 0.2
_CONNECT_TIMEOUT_S: Final[int] = 10
_SERVER_TIMEOUT_S: Final[float] = 10.0
_FILE_TIMEOUT_S: Final[float] = 300.0
"""A busy disk is waited for; a server may be gone without a word."""
_TIMEOUT_OPTIONS: Final[dict[str, str]] = {
    "pysqlite": "timeout",
    "psycopg": "connect_timeout",
    "psycopg2": "connect_timeout",
    "pg8000": "timeout",
    "pymysql": "connect_timeout",
    "mysqldb": "connect_timeout",
}
"""What a database driver calls its limit for connecting; others have their own."""
_TABLES: Final[frozenset[str]] = frozenset({"studies", "trials", "version_info", "alembic_version"})
"""Of optuna. It makes those that are missing, unless told not to, and notes its version in two of them."""

_LOCK: Final = threading.Lock()
_READS: Final[dict[Path, tuple[float, "Future[Study]"]]] = {}
"""Reads under way, by sweep: when each began on the monotonic clock, and what it will find."""


def open_study(sweep: Sweep, *, seed_offset: int = 0) -> "Study":
    """Open a sweep's optuna study for work on it, making it on first use.

    Args:
        sweep: the sweep.
        seed_offset: tells workers apart, so that they do not all try the same values first.

    Raises:
        RunError: the database can't be reached, is none of optuna's, is a file outside the sweep's folder, or
            only the sweep's file names it.
    """
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    url = _choose_address(sweep, may_create=True)
    settings = sweep.settings
    pruner: optuna.pruners.BasePruner = {
        "median": optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=1),
        "hyperband": optuna.pruners.HyperbandPruner(max_resource=settings.base.epochs),
        "none": optuna.pruners.NopPruner(),
    }[settings.pruner]
    with study_errors(sweep, ImportError, RuntimeError, OSError):
        for attempt in range(_ATTEMPTS):
            try:
                return optuna.create_study(
                    storage=_connect(url),
                    study_name=sweep.name,
                    direction="minimize" if settings.base.monitor == "loss" else "maximize",
                    sampler=_build_sampler(settings.seed + seed_offset),
                    pruner=pruner,
                    load_if_exists=True,
                )
            except (SQLAlchemyError, RuntimeError, OSError):
                # Workers that begin together all try to make the tables; all but one find them later.
                if attempt == _ATTEMPTS - 1:
                    raise
                time.sleep(_RETRY_S * 2**attempt)
    raise AssertionError("unreachable")


def read_study(sweep: Sweep, *, timeout_s: float | None = None) -> "Study":
    """A copy of a sweep's study in memory, without trials if no worker has made it yet.

    Nothing is made or changed: no file, no table. A thread of its own does it, for a database that does not
    answer holds up whoever asks.

    Args:
        sweep: the sweep.
        timeout_s: how long to wait, 10 s for a server if not given; while the database is still silent,
            later calls fail at once.

    Raises:
        RunError: as for `open_study`, or the database does not answer in time.
    """
    if timeout_s is None:
        timeout_s = _SERVER_TIMEOUT_S if sweep.settings.storage else _FILE_TIMEOUT_S
    with _LOCK:
        began, future = _READS.get(sweep.folder, (0.0, None))
        if future is None:
            began, future = _READS[sweep.folder] = time.monotonic(), Future()
            threading.Thread(
                target=_read, args=(sweep, future), name=f"read-{sweep.name}", daemon=True
            ).start()
    try:
        return future.result(max(0.0, began + timeout_s - time.monotonic()))
    except TimeoutError as cause:
        raise RunError(
            f"the database of sweep {sweep.name!r} has not answered for {timeout_s:g} s; see whether it is "
            "up, then try again"
        ) from cause


def _read(sweep: Sweep, future: "Future[Study]") -> None:
    try:
        result = _copy(sweep)
    except BaseException as error:  # noqa: BLE001 - raised where it is waited for
        _forget(sweep)
        future.set_exception(error)
    else:
        _forget(sweep)
        future.set_result(result)


def _forget(sweep: Sweep) -> None:
    with _LOCK:
        _READS.pop(sweep.folder, None)


def _copy(sweep: Sweep) -> "Study":
    import optuna

    url = _choose_address(sweep, may_create=False)
    direction = "minimize" if sweep.settings.base.monitor == "loss" else "maximize"
    with study_errors(sweep, ImportError, RuntimeError, OSError, KeyError, ValueError):
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        copied = optuna.create_study(direction=direction)
        if _has_study(url, sweep):
            stored = optuna.load_study(storage=_connect(url, makes_tables=False), study_name=sweep.name)
            copied.add_trials(stored.get_trials(deepcopy=False))
    return copied


@contextmanager
def study_errors(sweep: Sweep, *others: type[Exception]) -> Iterator[None]:
    """Turn what optuna and the database raise into a message.

    Args:
        sweep: whose study it is.
        others: further errors that mean the same here.

    Raises:
        RunError: the study can't be used.
    """
    from optuna.exceptions import OptunaError
    from sqlalchemy.exc import SQLAlchemyError

    errors: tuple[type[Exception], ...] = (SQLAlchemyError, OptunaError, *others)
    try:
        yield
    except FerError:
        raise
    except errors as cause:
        reason = (str(cause).splitlines() or [type(cause).__name__])[0]
        raise RunError(
            f"the study of sweep {sweep.name!r} can't be opened: {redact(reason)}. Check the storage "
            "URL, and that its driver is installed"
        ) from cause


def _build_sampler(seed: int) -> "TPESampler":
    import optuna

    # The constant liar is called experimental; it has been there for years.
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    return optuna.samplers.TPESampler(seed=seed, constant_liar=True)


def _choose_address(sweep: Sweep, *, may_create: bool) -> "URL":
    """Where the study is: a file in the sweep's folder, or a server that this user has named."""
    from sqlalchemy.engine import URL, make_url
    from sqlalchemy.exc import ArgumentError

    own = sweep.folder / STUDY_FILE
    try:
        url = make_url(sweep.settings.storage or "sqlite://")
    except ArgumentError as cause:
        raise RunError(
            f"the storage of sweep {sweep.name!r} is no database address; expected one like sqlite:///{own}"
        ) from cause
    if url.get_backend_name() == "sqlite":
        path = Path(url.database or "") if sweep.settings.storage else own
        if path.resolve().parent != sweep.folder.resolve():
            raise RunError(
                f"the storage of sweep {sweep.name!r} is the file {str(path)!r}; expected one in "
                f"{sweep.folder}, or the address of a database server"
            )
        query = {"mode": "rwc" if may_create else "rw", "uri": "true"}
        return URL.create("sqlite", database="file:" + quote(str(path.resolve())), query=query)
    if not is_remembered(sweep.settings.storage):
        raise RunError(
            f"the storage of sweep {sweep.name!r} is {url.render_as_string()!r}, which only its file names; "
            f"expected an address that you gave. If you trust it: fer sweep {sweep.name} --storage ADDRESS"
        )
    return url


def _connection_options(url: "URL") -> dict[str, int]:
    option = _TIMEOUT_OPTIONS.get(url.get_driver_name())
    return {} if option is None or option in url.query else {option: _CONNECT_TIMEOUT_S}


def _connect(url: "URL", *, makes_tables: bool = True) -> "RDBStorage":
    import optuna

    address = url.render_as_string(hide_password=False)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.storages.RDBStorage(
        address.replace("{", "{{").replace("}", "}}"),  # optuna fills in what is in braces
        engine_kwargs={"connect_args": _connection_options(url)},
        skip_table_creation=not makes_tables,
    )


def _has_study(url: "URL", sweep: Sweep) -> bool:
    """Whether a worker has made the study; asked without optuna, which would make what is missing."""
    import sqlalchemy

    if url.get_backend_name() == "sqlite" and not Path(unquote(str(url.database)[len("file:") :])).is_file():
        return False
    engine: Engine = sqlalchemy.create_engine(url, connect_args=_connection_options(url))
    try:
        if not set(sqlalchemy.inspect(engine).get_table_names()) >= _TABLES:
            return False
        question = "select 1 from studies, version_info, alembic_version where study_name = :name"
        with engine.connect() as connection:
            return connection.execute(sqlalchemy.text(question), {"name": sweep.name}).first() is not None
    finally:
        engine.dispose()
