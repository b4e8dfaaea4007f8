"""The model and detectors of a service, and the server that runs it."""

from collections.abc import Callable
from typing import Final

from fer_core.errors import ConfigError
from fer_core.inference.interfaces import FaceDetector, Predictor
from fer_core.serve.batching import WHOLE_IMAGE
from fer_core.serve.settings import ServeSettings
from fer_core.workspace import Workspace

_BACKLOG: Final[int] = 512


class ServeEngine:
    """A loaded model, and the detectors that may be asked for: the chosen one, and `whole-image`."""

    def __init__(self, predictor: Predictor, detector: str, workspace: Workspace) -> None:
        """Join them; a detector that can't be built is told now."""
        self.predictor = predictor
        self.detector = detector
        self.detectors = tuple(dict.fromkeys((detector, WHOLE_IMAGE)))
        self._workspace = workspace
        self.build_detector(detector)

    def build_detector(self, name: str, *, is_stream: bool = False) -> FaceDetector:
        """Make a detector, which serves one thread."""
        from fer_core.inference.detectors import build_detector
        from fer_core.inference.pipeline import STREAM_SIDE_PX

        wishes = {"max_side_px": STREAM_SIDE_PX, "is_stream": True} if is_stream else {}
        framing = self.predictor.info.input.framing
        return build_detector(name, self._workspace, framing=framing, **wishes)


def run_server(engine: ServeEngine, settings: ServeSettings, announce: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; what has been received is answered before the end.

    Args:
        engine: what it computes with.
        settings: where it listens, and its limits.
        announce: told the address once it listens.

    Raises:
        ConfigError: the address is taken or not this machine's.
    """
    import logging
    import socket

    import uvicorn

    from fer_core.serve.service import build_app

    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # a line for every damaged form
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
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    announce(f"http://{shown}:{listener.getsockname()[1]}")
    config = uvicorn.Config(
        build_app(engine, settings),
        log_level="warning",
        access_log=False,  # whom it answers is nobody's business
        proxy_headers=False,  # anybody could write another address than theirs into them
        server_header=False,
        date_header=False,
        backlog=_BACKLOG,
        limit_concurrency=1024,
        timeout_keep_alive=10,
        timeout_graceful_shutdown=30,
        ws_max_size=settings.max_bytes,
        ws_per_message_deflate=False,
    )
    uvicorn.Server(config).run(sockets=[listener])
