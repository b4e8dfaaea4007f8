"""The server: one process, or several that share a port and are one service to those who ask."""

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from fer_core.errors import ConfigError, FerError
from fer_core.serve.engine import EngineSpec, ServeEngine
from fer_core.serve.settings import ServeSettings

if TYPE_CHECKING:
    from fer_core.serve.guards import Guard

logger = logging.getLogger(__name__)

_BACKLOG: Final[int] = 512


def run_server(
    spec: EngineSpec, settings: ServeSettings, announce: Callable[[str, ServeEngine], None]
) -> None:
    """Serve until SIGINT or SIGTERM; what has been received is answered before the end.

    Args:
        spec: what it computes with.
        settings: where it listens, its limits, and how many processes it has.
        announce: told the address, and what is there, once it listens.

    Raises:
        FerError: the model or the detector can't be used, here or in one of its processes; the address is
            taken or not this machine's.
    """
    import uvicorn

    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # a line for every damaged form
    engine = spec.load()
    listener = _listen(settings)
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    announce(f"http://{shown}:{listener.getsockname()[1]}", engine)
    options: dict[str, Any] = {
        "log_level": "warning",
        "access_log": False,  # whom it answers is nobody's business
        "proxy_headers": False,  # anybody could write another address than theirs into them
        "server_header": False,
        "date_header": False,
        "backlog": _BACKLOG,
        "limit_concurrency": 1024,
        "timeout_keep_alive": 10,
        "timeout_graceful_shutdown": 30,
        "timeout_worker_healthcheck": 60,  # who loads a model is not dead
        "ws_max_size": settings.max_bytes,
        "ws_per_message_deflate": False,
    }
    if settings.processes == 1:
        from fer_core.serve.service import build_app

        config = uvicorn.Config(build_app(engine, settings), **options)
        uvicorn.Server(config).run(sockets=[listener])
        return
    from uvicorn.config import STARTUP_FAILURE
    from uvicorn.supervisors import Multiprocess

    from fer_core.serve.metrics import share_metrics

    del engine  # each process loads its own
    build = partial(build_worker, spec, settings.for_one_process())
    config = uvicorn.Config(build, factory=True, workers=settings.processes, **options)
    supervisor = Multiprocess(config, sockets=[listener])
    with share_metrics():
        supervisor.run()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        raise ConfigError("a process of the service could not load what it computes with; it said why above")


def build_worker(spec: EngineSpec, settings: ServeSettings) -> "Guard":
    """The application of one process among several; it ends with the process that began it.

    One that can't load its engine says why and exits with uvicorn's status for that, on which the others are
    ended: started anew it would fail alike, again and again.
    """
    from uvicorn.config import STARTUP_FAILURE

    from fer_core.serve.metrics import forget_dead_processes
    from fer_core.serve.service import build_app

    threading.Thread(target=_end_with_parent, name="fer-serve-parent", daemon=True).start()
    forget_dead_processes()
    try:
        engine = spec.load()
    except FerError as error:
        logger.error("%s", error)
        sys.exit(STARTUP_FAILURE)
    return build_app(engine, settings)


def _end_with_parent() -> None:
    """Ask this process to end where its parent was killed: nobody else would, and it would keep the port."""
    from multiprocessing import connection, parent_process

    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)


def _listen(settings: ServeSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(_BACKLOG)  # who connects from now on is served soon
    except OSError as cause:
        listener.close()
        raise ConfigError(
            f"{settings.host}:{settings.port} can't be listened on: {cause.strerror}; choose "
            "another --host or --port"
        ) from cause
    return listener
