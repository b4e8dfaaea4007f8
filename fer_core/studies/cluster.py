"""The cluster that a study's work runs on: Dask distributed, on this machine or on others.

Dask's scheduler and workers unpickle what reaches them. So the ones on this machine listen on the loopback
interface only, and talk over TLS with keys that nobody else has and that are gone with the command.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from fer_core.errors import ConfigError, StudyError
from fer_core.machine import count_cores, count_memory_bytes
from fer_core.scratch import scratch_folder

if TYPE_CHECKING:
    from distributed import Client

_ONE_THREAD: Final[dict[str, str]] = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)
_MB_PER_WORKER: Final[int] = 700
"""What a worker needs for recordings of 1920 x 1080 px, with the model."""
_CONNECT_S: Final[int] = 20
_SETTINGS: Final[dict[str, object]] = {
    "distributed.worker.memory.target": False,  # nothing is kept in Dask's memory, so nothing can be spilled
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": False,
    "distributed.comm.timeouts.connect": f"{_CONNECT_S}s",
    "distributed.scheduler.allowed-failures": 5,
    "distributed.worker.http.routes": [],
    "distributed.scheduler.http.routes": [],
    # Nobody looks at these measurements, and each wakes every process up to a hundred times a second.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.admin.system-monitor.disk": False,
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.scheduler.active-memory-manager.start": False,
    # macOS does not allow to go on with its libraries in a forked process.
    "distributed.worker.multiprocessing-method": "forkserver" if sys.platform == "linux" else "spawn",
}
_PRELOADED: Final[tuple[str, ...]] = (
    "distributed.nanny",
    "distributed.worker",
    "fer_core.studies.analyzing",
    "fer_core.inference.detectors.yunet",
    "fer_core.inference.onnx_predictor",
    "fer_core.inference.pipeline",
    "fer_core.inference.video",
    *("av", "cv2", "onnxruntime", "pyarrow.parquet"),
)
"""Imported once, in the process that workers are forked from. None of them starts a thread, but for pyarrow's
allocator, which begins its own anew after a fork."""


def count_workers() -> int:
    """As many processes as pay here: one a core, as far as memory reaches."""
    import psutil

    available = min(psutil.virtual_memory().available, count_memory_bytes())
    by_memory = available // (_MB_PER_WORKER * 2**20)
    return int(max(1, min(count_cores(), by_memory)))


@contextmanager
def open_cluster(workers: int = 0, scheduler: str = "", *, most: int = 0) -> Iterator["Client"]:
    """Yield a client of a cluster, whose own processes end with the block.

    Args:
        workers: processes on this machine; 0 for as many as pay.
        scheduler: address of a cluster that runs already, such as `tcp://10.0.0.1:8786`; then no process is
            started here.
        most: tasks there are, so that no worker is started for nothing; 0 if not known.

    Raises:
        ConfigError: a negative number of workers, or both a number and an address.
        StudyError: nobody answers at the address, or its programs do not fit.
    """
    if workers < 0 or (workers and scheduler):
        raise ConfigError("expected a number of workers, 0 for as many as pay, or the address of a scheduler")
    if not scheduler:
        _preload()  # while this process imports, too
    import dask
    import distributed  # noqa: F401 - its defaults, brought in later, would be undone with the settings below

    with dask.config.set(_SETTINGS):
        if scheduler:
            with _connect(scheduler) as client:
                yield client
            return
        count = workers or count_workers()
        with _start(min(count, most) if most else count) as client:
            yield client


@contextmanager
def _start(workers: int) -> Iterator["Client"]:
    from distributed import Client, LocalCluster
    from distributed.security import Security
    from distributed.utils import get_mp_context

    with scratch_folder() as folder, _hide_main():
        get_mp_context()  # names modules of its own the first time
        _preload()
        try:
            cluster = LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                host="127.0.0.1",
                protocol="tls://",
                security=Security.temporary(),
                dashboard_address=":0",
                memory_limit=0,
                local_directory=str(folder),
                env=_ONE_THREAD,
                silence_logs=logging.CRITICAL,  # what fails is told by the command itself
            )
        except (RuntimeError, OSError) as cause:  # a worker was killed while it started, or no port is free
            raise StudyError(f"the worker processes could not be started ({cause}); try again") from cause
        with cluster, Client(cluster) as client:
            yield client


def _preload() -> None:
    """Begin the process that workers are forked from, unless it is there."""
    if _SETTINGS["distributed.worker.multiprocessing-method"] != "forkserver":
        return
    import multiprocessing
    from multiprocessing import forkserver

    multiprocessing.set_forkserver_preload(list(_PRELOADED))
    forkserver.ensure_running()


@contextmanager
def _hide_main() -> Iterator[None]:
    """Keep workers from importing the calling script, which would start the study again.

    multiprocessing tells every new process what to import as `__main__`. Workers need nothing from there.
    """
    from multiprocessing import spawn

    prepare = spawn.get_preparation_data

    def prepare_worker(name: str) -> dict[str, Any]:
        data = prepare(name)
        if name.startswith("Dask Worker"):
            data = {key: value for key, value in data.items() if not key.startswith("init_main")}
        return data

    spawn.get_preparation_data = prepare_worker
    try:
        yield
    finally:
        spawn.get_preparation_data = prepare


@contextmanager
def _connect(address: str) -> Iterator["Client"]:
    from distributed import Client

    try:
        client = Client(address, timeout=_CONNECT_S)
    except (OSError, ValueError, TypeError) as cause:
        raise StudyError(
            f"nobody answers at the scheduler {address!r} ({cause}); start one with `dask scheduler`, and "
            "give its address, such as tcp://10.0.0.1:8786"
        ) from cause
    with client:
        yield client
