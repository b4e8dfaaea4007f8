"""What Prometheus reads from `/metrics`. No name, key, address or picture of anybody is in it."""

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

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
        self._waiting = Gauge("fer_waiting_pictures", "Pictures that wait or are read", registry=registry)
        self.streams = Gauge("fer_streams", "Open WebSocket streams", registry=registry)

    def watch(self, count_waiting: Callable[[], float]) -> None:
        """Tell what counts the waiting pictures."""
        self._waiting.set_function(count_waiting)

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
        """The text that Prometheus reads."""
        return generate_latest(self.registry)
