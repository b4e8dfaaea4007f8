"""What Prometheus reads from `/metrics`. No name, key, address or picture of anybody is in it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from fer_core.scratch import scratch_folder

PATHS: Final[frozenset[str]] = frozenset(
    {
        "/v1/read",
        "/v1/read-batch",
        "/v1/stream",
        "/v1/model",
        "/health",
        "/ready",
        "/metrics",
        "/openapi.json",
    }
)
_SHARED: Final[str] = "PROMETHEUS_MULTIPROC_DIR"
"""The library's own variable: a folder in which processes keep their counters."""
_SECONDS: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Metrics:
    """Counters of one service."""

    def __init__(self) -> None:
        """All at 0, in a registry of their own."""
        self.registry = registry = CollectorRegistry()
        self._requests = Counter("fer_requests", "Requests", ["path", "status"], registry=registry)
        self._seconds = Histogram(
            "fer_request_seconds",
            "Time to the end of the answer",
            ["path"],
            registry=registry,
            buckets=_SECONDS,
        )
        self._series: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        self._pictures = Counter("fer_pictures", "Pictures read", registry=registry)
        self._faces = Counter("fer_faces", "Faces read", registry=registry)
        self._batch = Histogram(
            "fer_batch_pictures", "Pictures read at once", registry=registry, buckets=(1, 2, 4, 8, 16)
        )
        self.waiting = Gauge(
            "fer_waiting_pictures",
            "Pictures that wait or are read",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.streams = Gauge(
            "fer_streams", "Open WebSocket streams", registry=registry, multiprocess_mode="livesum"
        )

    def count(self, path: str, status: int, seconds: float) -> None:
        """Count one request; unknown paths are one."""
        number, times = self._find_series(path if path in PATHS else "other", status)
        number.inc()
        times.observe(seconds)

    def _find_series(self, path: str, status: int) -> tuple[Counter, Histogram]:
        # Looking them up anew takes longer than counting.
        known = self._series.get((path, status))
        if known is None:
            known = self._requests.labels(path, str(status)), self._seconds.labels(path)
            self._series[path, status] = known
        return known

    def count_batch(self, num_pictures: int, num_faces: int) -> None:
        """Count what was read at once."""
        self._batch.observe(num_pictures)
        self._pictures.inc(num_pictures)
        self._faces.inc(num_faces)

    def render(self) -> bytes:
        """The text that Prometheus reads: of all processes, where there are several."""
        if _SHARED not in os.environ:
            return generate_latest(self.registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


@contextmanager
def share_metrics() -> Iterator[None]:
    """Let the processes that are started in the block count together."""
    with scratch_folder() as folder:
        os.environ[_SHARED] = str(folder)
        try:
            yield
        finally:
            del os.environ[_SHARED]


def forget_dead_processes() -> None:
    """Leave out of what is open now that which belonged to processes that were killed."""
    import psutil

    for file in Path(os.environ[_SHARED]).glob("gauge_live*.db"):
        number = int(file.stem.rpartition("_")[2])
        if not psutil.pid_exists(number):
            mark_process_dead(number)  # type: ignore[no-untyped-call]
